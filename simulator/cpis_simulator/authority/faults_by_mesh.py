"""Seeded faults of a product whose files cross by MESH: what it does with reports, and what stands on the outside."""

from __future__ import annotations

from datetime import datetime

from cpis_simulator.authority.seeding import seeded
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.driving import Alert
from cpis_simulator.model import PlanRecord, Upload


@seeded("undelivered-unnoticed", "OPS-004 UPL-016", tests="RL-07 AK-18", by_mesh=True)
class UndeliveredUnnoticed(CaseSystem):
    """A report of MESH is acknowledged and thrown away."""

    def note_undelivered(self, file_id: str, text: str, *, now: datetime) -> None:
        """Only acknowledgements count."""


@seeded("undelivered-without-code", "OPS-004 UPL-016", tests="RL-07 AK-18", by_mesh=True)
class UndeliveredWithoutCode(CaseSystem):
    """A failed delivery is shown, but not why."""

    def note_undelivered(self, file_id: str, text: str, *, now: datetime) -> None:
        """The same words for each of them."""
        super().note_undelivered(file_id, "MESH has failed", now=now)


@seeded("undelivered-of-last-file", "OPS-004", tests="RL-07", by_mesh=True)
class UndeliveredOfLastFile(CaseSystem):
    """Each report is taken for one of the file that was sent last."""

    def note_undelivered(self, file_id: str, text: str, *, now: datetime) -> None:
        """Whatever its local id says."""
        last = str(self.office.next_file_id - 1)
        self.tell_role(Alert(kind="interface", raised=now, file_id=last, text=f"File {last} was not delivered: {text}"))


@seeded("child-named-outside", "IG-008", tests="SA-08", by_mesh=True)
class ChildNamedOutside(CaseSystem):
    """The name of a file, and so the routing data of its message, has the family name of a child in it."""

    def label(self, upload: Upload) -> str:
        """That of the first record."""
        first = next((r for r in upload.records if isinstance(r, PlanRecord)), None)
        return f"_{first.subjects[0].family.upper()}" if first else super().label(upload)


@seeded("number-outside", "IG-008", tests="SA-08", by_mesh=True)
class NumberOutside(CaseSystem):
    """The name of a file has the NHS number of a child in it."""

    def label(self, upload: Upload) -> str:
        """With spaces, as on paper."""
        first = next((r for r in upload.records if isinstance(r, PlanRecord)), None)
        if first is None:
            return super().label(upload)
        number = first.subjects[0].nhs_number
        return f"_{number[:3]} {number[3:6]} {number[6:]}"
