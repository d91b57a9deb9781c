"""What an access notification puts on children's files, and whom it alerts.

Source: CP-IS rules NTF-006 to NTF-019, IG-010, UI-009.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cpis_simulator.authority.caseload import Caseload
from cpis_simulator.authority.office_hours import in_office_hours, uk_time
from cpis_simulator.authority.state import Person
from cpis_simulator.driving import Alert, CaseEvent, ExceptionItem
from cpis_simulator.model import AccessNotification, Author, DeviceAuthor, LocalId, NotifiedAccess, Organisation

NOT_OURS: Final = "An access notification for {ods} was delivered to us and refused."


class NotIdentified(Exception):
    """The person of a message is nobody here, or two people at once."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who looked at a record, as a social worker reads it (NTF-011)."""

    worker: str
    role: str
    organisation: str


def described(author: Author) -> Who:
    """The author of an access. Of a system: the people responsible for it, and its id beside the organisation.

    Role texts and names are shown letter for letter: they may hold a safeguarding lead's telephone (QRY-006).
    """
    organisation = f"{author.organisation.name} ({author.organisation.ods_code})"
    if isinstance(author, DeviceAuthor):
        return Who(
            ", ".join(person.name.shown() for person in author.responsible) or f"system {author.asid}",
            ", ".join(person.role_name for person in author.responsible),
            f"{organisation}, system {author.asid}",
        )
    return Who(author.name.shown(), author.role_name, organisation)


class Accesses(Caseload):
    """The handling of access notifications. The methods that a fault may replace are those without an underscore."""

    def take_accesses(self, notification: AccessNotification, *, now: datetime) -> None:
        """File each access on its child and alert who is responsible; keep what cannot be filed."""
        accesses = [access for group in notification.groups for access in group.accesses]
        if not self.is_notification_ours(notification.recipient):
            self._refuse(notification.recipient, accesses)
            return
        if notification.total < 0:
            text = f"A notification declares {notification.total} accesses; nothing of it was filed."
            self.raise_exception(ExceptionItem(kind="access-notification", text=text))
            return
        if notification.total != len(accesses):
            self.raise_exception(
                ExceptionItem(
                    kind="access-notification",
                    text=f"A notification declares {notification.total} accesses and holds {len(accesses)}. "
                    f"The {len(accesses)} were dealt with.",
                )
            )
        accesses = self.to_be_filed(accesses)
        for access, source in zip(accesses, self.facts_of(accesses), strict=True):
            try:
                people = self.accessed_people(access)
            except NotIdentified as problem:
                self.keep_unfiled(access, str(problem))
                continue
            for person in people:
                self._file(person, access, source, now=now)

    # Decisions, each by the rule it names.

    def is_notification_ours(self, recipient: Organisation) -> bool:
        """The notification is addressed to this authority (NTF-018, IG-010)."""
        return self.is_own(recipient)

    def to_be_filed(self, accesses: list[NotifiedAccess]) -> list[NotifiedAccess]:
        """Which accesses of a batch are dealt with: each of them (NTF-006)."""
        return accesses

    def facts_of(self, accesses: list[NotifiedAccess]) -> list[NotifiedAccess]:
        """For each access the one whose time and author stand on file: its own (NTF-007)."""
        return accesses

    def accessed_people(self, access: NotifiedAccess) -> list[Person]:
        """On whose file the access belongs: the one person whom number and local id lead to (NTF-010).

        Raises:
            NotIdentified: Nobody here, or two people (NTF-014, NTF-019).
        """
        return [self.identified(access.nhs_number, access.local_id)]

    def is_filed(self, person: Person, event_id: str) -> bool:
        """The event stands on the person's file already (NTF-015)."""
        return any(e.event_id == event_id and e.child_id == person.child_id for e in self.state.events)

    def recipients(self, person: Person, accessed: datetime, *, now: datetime) -> list[tuple[str | None, str | None]]:
        """Worker and team of each alert: whoever is responsible at this moment, else the triage point.

        At night and at weekends the out-of-hours team is alerted as well (NTF-012, NTF-013, NTF-017).
        """
        found: list[tuple[str | None, str | None]] = [self.responsible(person, now=now)]
        if not (in_office_hours(now) and in_office_hours(accessed)):
            found.append((self.configuration.out_of_hours, None))
        return found

    def responsible(self, person: Person, *, now: datetime) -> tuple[str | None, str | None]:
        """The worker and team of an open case; the triage point for a closed one or one without either."""
        if self.is_closed(person, uk_time(now).date()) or not (person.worker or person.team):
            return (self.configuration.triage_point, None)
        return (person.worker, person.team)

    def wording(self, person: Person, who: Who, accessed: datetime) -> str:
        """What the event says: the record was viewed, and nothing about the child's state (NTF-016)."""
        return (
            f"The CP-IS record of {person.given} {person.family} was viewed on "
            f"{uk_time(accessed):%d %B %Y at %H:%M} by {who.worker}, {who.role}, {who.organisation}."
        )

    def described(self, author: Author) -> Who:
        """The author as the file shows it, letter for letter (NTF-011)."""
        return described(author)

    def identified(self, nhs_number: str, local_id: LocalId | None) -> Person:
        """The one person of a number and of a local id, where it is one of ours.

        Raises:
            NotIdentified: Nobody here, or two people.
        """
        by_number = self.holder(nhs_number)
        by_local_id = None
        if local_id is not None and self._is_our_id(local_id):
            by_local_id = next((p for p in self.state.people if p.local_id == local_id.extension), None)
        if by_number is None and by_local_id is None:
            raise NotIdentified("Nobody here has this NHS number.")
        if by_number is None and by_local_id is not None and by_local_id.nhs_number is None:
            return by_local_id
        if by_number is None or (by_local_id is not None and by_local_id.child_id != by_number.child_id):
            raise NotIdentified("NHS number and local id lead to different people; it is on neither file.")
        return by_number

    # What follows.

    def _is_our_id(self, local_id: LocalId) -> bool:
        """The id was given by this authority, or by nobody named."""
        authority = local_id.assigning_authority
        return authority is None or authority.split(":")[0].strip() == self.configuration.ods

    def _file(self, person: Person, access: NotifiedAccess, source: NotifiedAccess, *, now: datetime) -> None:
        """One event on the file, and its alerts; an event that is there already is neither filed nor told again."""
        if self.is_filed(person, access.event_id):
            return
        who = self.described(source.author)
        text = self.wording(person, who, source.effective_time)
        self.state.events.append(
            CaseEvent(
                child_id=person.child_id,
                event_id=access.event_id,
                nhs_number=access.nhs_number,
                accessed=source.effective_time,
                worker=who.worker,
                role=who.role,
                organisation=who.organisation,
                text=text,
            )
        )
        for worker, team in self.recipients(person, source.effective_time, now=now):
            self.raise_alert(
                Alert(
                    kind="access",
                    recipient=worker,
                    team=team,
                    child_id=person.child_id,
                    event_id=access.event_id,
                    raised=now,
                    text=text,
                )
            )

    def keep_unfiled(self, access: NotifiedAccess, problem: str) -> None:
        """Keep all that is known of an access that has no file."""
        who = self.described(access.author)
        self.raise_exception(
            ExceptionItem(
                kind="access-notification",
                text=f"{problem} Record viewed by {who.worker}, {who.role}, {who.organisation}; "
                f"local id {access.local_id.extension if access.local_id else 'not given'}.",
                nhs_number=access.nhs_number,
                event_id=access.event_id,
                worker=who.worker,
                organisation=who.organisation,
                accessed=access.effective_time,
            )
        )

    def _refuse(self, recipient: Organisation, accesses: list[NotifiedAccess]) -> None:
        """Say that it came, and nothing about whom: our people may not see another authority's children (IG-010)."""
        text = NOT_OURS.format(ods=recipient.ods_code)
        event_ids: list[str | None] = [access.event_id for access in accesses]
        for event_id in event_ids or [None]:
            self.raise_exception(ExceptionItem(kind="access-notification", text=text, event_id=event_id))
