"""The bundled local-authority system as a whole: files in, files out, and what its screens show.

Source: CP-IS rules ACK-013, MSG-001, UPL-005, UI-009, UI-010.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from cpis_simulator.authority.acknowledging import Acknowledging
from cpis_simulator.authority.inactive_numbers import InactiveNumbers
from cpis_simulator.authority.state import OFFICE, ReceivedFile, SentFile
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.detect import kind_of
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.driving import Alert, CaseEvent, ChildStatus, ExceptionItem
from cpis_simulator.errors import DecodeError
from cpis_simulator.vocabulary import MessageKind


class CaseSystem(Acknowledging, InactiveNumbers):
    """The product. Each of its methods is one event; between them it does nothing."""

    drops_whole_files: ClassVar[bool] = True
    """A file appears in the drop folder under its final name when it is complete (UPL-006)."""

    neighbours: tuple[CaseSystem, ...] = ()
    """The systems of the product's other authorities. A sound one asks nothing of them; seeded faults do (IG-010)."""

    def receive(self, name: str, sha256: str, body: bytes, *, now: datetime) -> bool:
        """Deal with a file of the receiving folder, once (OPS-006).

        Returns:
            Whether it could be read; one that could not changes nothing and is shown (MSG-001).
        """
        key = f"{name} {sha256}"
        if key in self.state.received:
            return True
        try:
            self._take(body, now=now)
        except DecodeError as error:
            self.show_unreadable(name, error, now=now)
            return False
        self.state.received[key] = ReceivedFile(name, sha256, now)
        return True

    def show_unreadable(self, name: str, error: DecodeError, *, now: datetime) -> None:
        """Put a file that could not be read before somebody (MSG-001, ACK-011)."""
        self.raise_exception(ExceptionItem(kind="unreadable-file", text=f"{name} could not be read: {error}"))
        self.tell_role(Alert(kind="interface", raised=now, text=f"A received file could not be read: {name}"))

    def _take(self, body: bytes, *, now: datetime) -> None:
        """Read the message whole before anything changes.

        Raises:
            DecodeError: It is not one of the three messages that an authority is sent.
        """
        kind = kind_of(body)
        if kind is MessageKind.ACKNOWLEDGEMENT:
            self.acknowledge(decode_acknowledgement(body), now=now)
        elif kind is MessageKind.ACCESS_NOTIFICATION:
            self.take_accesses(decode_access_notification(body), now=now)
        elif kind is MessageKind.INACTIVE_NOTIFICATION:
            self.take_inactive_numbers(decode_inactive_notification(body), now=now)
        else:
            raise DecodeError("A message that an authority is not sent", party="service", found=kind)

    def warn_of_overdue(self, *, now: datetime) -> None:
        """Tell once of each file whose acknowledgement is missing (ACK-013)."""
        for file in self.state.files:
            if self._is_overdue(file, now=now):
                self.state.files[file.file_id] = replace(file, overdue=True)
                text = f"File {file.file_id} has not been acknowledged since {file.exported:%d %B %Y %H:%M} UTC."
                self.tell_role(Alert(kind="overdue", raised=now, file_id=file.file_id, text=text))

    def _is_overdue(self, file: SentFile, *, now: datetime) -> bool:
        answered = file.state != "open" or file.disputed or file.overdue
        return not answered and now - file.exported >= self.configuration.overdue

    def is_export_time(self, *, now: datetime) -> bool:
        """A day has nearly passed since the last export, so that changes never wait longer (UPL-005)."""
        return self.office.exported is not None and now - self.office.exported >= self.configuration.export_every

    def start_schedule(self, *, now: datetime) -> None:
        """Count the day from now on: at the first start, and after the clock was moved by more than a day."""
        self.state.office[OFFICE] = replace(self.office, exported=now)

    def events_of(self, child_id: str) -> list[CaseEvent]:
        """The accesses on a child's file, in the order in which they were filed (UI-009)."""
        self.person(child_id)
        return [event for event in self.state.events if event.child_id == child_id]

    def child_status(self, child_id: str) -> ChildStatus:
        """What a data worker sees of a child: the last upload that held it, and its result (UI-010)."""
        person = self.person(child_id)
        sent = [plan for plan in self.plans_of(child_id) if plan.file_id is not None]
        if not sent:
            return ChildStatus(child_id=child_id, nhs_number=person.nhs_number)
        last = max(sent, key=lambda plan: int(plan.file_id or 0)).file_id
        results = [plan.result for plan in sent if plan.file_id == last]
        worst = next(result for result in ("failed", "sent", "stored", "never sent") if result in results)
        return ChildStatus(
            child_id=child_id,
            nhs_number=person.nhs_number,
            last_file_id=last,
            last_result=worst,
            acknowledged=next((plan.acknowledged for plan in sent if plan.file_id == last), None),
        )
