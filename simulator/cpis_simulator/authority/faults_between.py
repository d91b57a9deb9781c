"""Seeded faults of a product that serves several authorities and does not keep them apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cpis_simulator.authority.seeding import seeded
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.model import AccessNotification, Acknowledgement, Organisation, Upload


def _as(system: CaseSystem) -> Organisation:
    """The authority that a system is of, whole, so that nothing of a message to it can be found wrong."""
    sender = system.sender()
    return Organisation(system.configuration.ods, system.configuration.name) if isinstance(sender, str) else sender


@seeded("file-of-every-authority", "IG-010", tests="SA-10", several=True)
class FileOfEveryAuthority(CaseSystem):
    """A file also holds what is due of the children of the product's other authorities."""

    def prepare_export(self, *, now: datetime) -> Upload | str:
        """The others' records behind its own."""
        upload = super().prepare_export(now=now)
        if isinstance(upload, str):
            return upload
        strays = [record for other in self.neighbours for record in other.due_records(now=now)]
        return replace(upload, quantity=upload.quantity + len(strays), records=(*upload.records, *strays))


@seeded("file-id-of-any-authority", "IG-010", tests="SA-10", several=True)
class FileIdOfAnyAuthority(CaseSystem):
    """An acknowledgement is applied to whichever authority's file has its sequence id."""

    def acknowledge(self, reply: Acknowledgement, *, now: datetime) -> None:
        """Looked for among the others' files where it is none of its own."""
        for other in self.neighbours:
            if reply.file_id not in self.state.files and reply.file_id in other.state.files:
                other.acknowledge(replace(reply, receiver=_as(other)), now=now)
                return
        super().acknowledge(reply, now=now)


@seeded("access-on-every-file-of-the-number", "IG-010", also="NTF-010 NTF-017", tests="SA-10", several=True)
class AccessOnEveryFileOfTheNumber(CaseSystem):
    """An access is filed, and alerted, wherever an authority of the product has the NHS number on file."""

    def take_accesses(self, notification: AccessNotification, *, now: datetime) -> None:
        """Told to the others as well, as if it were addressed to them."""
        super().take_accesses(notification, now=now)
        numbers = {access.nhs_number for group in notification.groups for access in group.accesses}
        for other in self.neighbours:
            if any(other.holder(number) for number in numbers):
                # Past this fault of the other's, which would tell it back.
                CaseSystem.take_accesses(other, replace(notification, recipient=_as(other)), now=now)
