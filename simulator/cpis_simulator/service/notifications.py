"""What an authority is told: who looked at its records, and which of its numbers are no longer used.

Source: CP-IS rules NTF-001 to NTF-009, INA-001, INA-002, INA-007.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cpis_simulator.model import (
    AccessGroup,
    AccessNotification,
    InactiveNumber,
    InactiveNumberNotification,
    NotifiedAccess,
    Organisation,
    Query,
)
from cpis_simulator.service.register import Entry, Holding, Register
from cpis_simulator.settings import TotalCounts


@dataclass(frozen=True, slots=True)
class Notice:
    """One access that one authority is to be told of."""

    recipient: Organisation
    upload_file_id: str
    access: NotifiedAccess


def notice(query: Query, holding: Holding, entries: Sequence[Entry]) -> Notice:
    """What the holding's authority is told of a query that found these entries.

    An access stands once, under the file that the authority sent last about the person: listing it under each file
    would give the authority the same event twice.
    """
    access = NotifiedAccess(query.effective_time, query.event_id, query.author, holding.nhs_number, holding.local_id())
    return Notice(_recipient(holding), _latest_file(entries), access)


def access_notifications(
    notices: Iterable[Notice], *, now: datetime, ids: Callable[[], str], total_counts: TotalCounts = "accesses"
) -> list[AccessNotification]:
    """One notification for each authority, its accesses grouped by upload file, in the order they happened."""
    of_authority: dict[str, list[Notice]] = {}
    for waiting in notices:
        of_authority.setdefault(waiting.recipient.ods_code, []).append(waiting)
    made = []
    for waiting_notices in of_authority.values():
        groups: dict[str, list[NotifiedAccess]] = {}
        for waiting in waiting_notices:
            groups.setdefault(waiting.upload_file_id, []).append(waiting.access)
        made.append(
            AccessNotification(
                effective_time=now,
                message_id=ids(),
                total=len(waiting_notices) if total_counts == "accesses" else len(groups),
                groups=tuple(AccessGroup(file_id, tuple(found)) for file_id, found in groups.items()),
                recipient=waiting_notices[-1].recipient,
            )
        )
    return made


def empty_notification(authority: Organisation, *, now: datetime, ids: Callable[[], str]) -> AccessNotification:
    """A batch that says that nobody looked (NTF-008)."""
    recipient = Organisation(authority.ods_code, authority.name, is_site=authority.is_site)
    return AccessNotification(now, ids(), 0, (), recipient)


def inactive_notifications(
    retired: Mapping[str, str | None], register: Register, *, now: datetime, ids: Callable[[], str]
) -> list[InactiveNumberNotification]:
    """Tell each authority, in one message, of those of its numbers that were retired together.

    Args:
        retired: Numbers, each with the one that replaces it; None where none may be told (INA-007).
        register: Who shares something under these numbers. Withdrawn entries are no use of a number.
        now: The time of the message.
        ids: Gives upper-case UUIDs.
    """
    recipients: dict[str, Organisation] = {}
    of_authority: dict[str, list[InactiveNumber]] = {}
    for number, replacement in retired.items():
        for holding in register.holdings(number):
            used = [entry for entry in holding.entries if entry.plan.delete is None]
            if not used:
                continue
            recipient = _recipient(holding)
            recipients[recipient.ods_code] = recipient
            of_authority.setdefault(recipient.ods_code, []).append(
                InactiveNumber(
                    nhs_number=number,
                    upload_file_id=_latest_file(used),
                    local_id=holding.local_id(),
                    replacements=(replacement,) if replacement else (),
                )
            )
    return [
        InactiveNumberNotification(now, ids(), recipients[ods_code], tuple(inactive))
        for ods_code, inactive in of_authority.items()
    ]


def _recipient(holding: Holding) -> Organisation:
    """The authority without its telephones, which a recipient block has no place for."""
    authority = holding.authority
    return Organisation(authority.ods_code, authority.name, is_site=authority.is_site)


def _latest_file(entries: Sequence[Entry]) -> str:
    """The file that was sent last: file ids rise."""
    return max((e.file_id for e in entries), key=lambda file_id: (file_number(file_id) or 0, file_id))


def file_number(file_id: str) -> int | None:
    """The sequence number that a file id is, None when it is no number."""
    return int(file_id) if file_id.isascii() and file_id.isdigit() else None
