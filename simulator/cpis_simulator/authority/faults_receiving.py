"""Seeded faults in what is done with acknowledgements, access notifications and inactive numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from cpis_simulator.authority.accesses import NotIdentified, Who
from cpis_simulator.authority.acknowledging import Outcome
from cpis_simulator.authority.caseload import Configuration
from cpis_simulator.authority.reading import Contradiction
from cpis_simulator.authority.seeding import seeded
from cpis_simulator.authority.state import Person, SentFile, SentRecord, State
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.driving import Alert, CaseEvent, ExceptionItem
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import (
    AccessNotification,
    Acknowledgement,
    Author,
    Coded,
    InactiveNumber,
    LocalId,
    NotifiedAccess,
    Organisation,
    RecordResult,
    Upload,
)
from cpis_simulator.vocabulary import RECORD_DETAIL_TEXT, FileCode, RecordCode, RecordDetail

# Acknowledgements.


@seeded(
    "partial-acknowledgement-taken-as-full",
    "ACK-005",
    also="ACK-003 ACK-004 ACK-007 ACK-009 ACK-010 ACK-016",
    tests="AK-02 AK-16 EE-02",
    origin="rules",
)
class PartialAcknowledgementTakenAsFull(CaseSystem):
    """CPF03 is handled like CPF02: every record counts as stored, and no failed one reaches the work-list."""

    def outcome(self, file: SentFile, reply: Acknowledgement) -> Outcome:
        """Record details and counts of CPF03 are not read."""
        if reply.file_codes[0].code == FileCode.PARTLY_STORED:
            return Outcome(FileCode.ALL_STORED, {})
        return super().outcome(file, reply)


@seeded(
    "acknowledgement-matched-first-in-first-out",
    "ACK-014",
    also="OPS-006 ACK-002 ACK-015 ACK-004",
    tests="AK-15 AK-05 AK-20",
    origin="rules",
)
class AcknowledgementMatchedFirstInFirstOut(CaseSystem):
    """An acknowledgement is applied to the oldest open file, whatever sequence id it carries."""

    def answered_file(self, reply: Acknowledgement) -> SentFile | None:
        """The oldest that waits."""
        return next((file for file in self.state.files if file.state == "open"), None)


@seeded(
    "superseded-number-retried",
    "ACK-012",
    also="ACK-005 INA-003 UPL-008",
    tests="AK-12 IN-07",
    origin="rules",
)
class SupersededNumberRetried(CaseSystem):
    """CPR05 is taken for a passing error: the record goes again under the old number, and no new one is asked for."""

    def after_superseded(self, file: SentFile, record: SentRecord, *, now: datetime) -> None:
        """The record is queued unchanged."""
        self.forget_sent(record, file.file_id)

    def needs_somebody(self, result: RecordResult) -> bool:
        """Not a number that is superseded."""
        return result.code != RecordCode.SUPERSEDED


@seeded("superseded-number-dropped-silently", "ACK-012", also="INA-005", tests="AK-12 IN-07")
class SupersededNumberDroppedSilently(CaseSystem):
    """After CPR05 the child is sent no more, and nobody is asked for the new number."""

    def after_superseded(self, file: SentFile, record: SentRecord, *, now: datetime) -> None:
        """The number is stopped, that is all."""
        self.state.people[record.child_id] = replace(self.person(record.child_id), number_inactive=True)

    def next_action(self, code: str) -> str:
        """Nothing is asked for."""
        return "" if code == RecordCode.SUPERSEDED else super().next_action(code)


@seeded(
    "contradicting-acknowledgement-believed",
    "ACK-003",
    also="ACK-016 ACK-004 MSG-010 MSG-012 ACK-007",
    tests="AK-16 AK-21 AK-22",
)
class ContradictingAcknowledgementBelieved(CaseSystem):
    """A reply that contradicts itself or the file is taken for a full success."""

    def outcome(self, file: SentFile, reply: Acknowledgement) -> Outcome:
        """Nothing is a contradiction."""
        try:
            return super().outcome(file, reply)
        except Contradiction:
            return Outcome(FileCode.ALL_STORED, {})


@seeded("location-alone-believed", "ACK-016", also="ACK-007", tests="AK-21")
class LocationAloneBelieved(CaseSystem):
    """Which record failed is read from the location alone; the echoed child is not compared."""

    def outcome(self, file: SentFile, reply: Acknowledgement) -> Outcome:
        """An echo that no location points to is thrown away."""
        if "/record[" in "".join(result.location for result in reply.results):
            reply = replace(reply, echoes=())
        return super().outcome(file, reply)


@seeded("foreign-acknowledgement-applied", "ACK-015", also="IG-010", tests="AK-20 SA-10")
class ForeignAcknowledgementApplied(CaseSystem):
    """An acknowledgement for another authority is applied to the own file with its sequence id."""

    def is_acknowledgement_ours(self, receiver: Organisation) -> bool:
        """All are."""
        return True


@seeded("unknown-detail-hidden", "ACK-006", tests="AK-13")
class UnknownDetailHidden(CaseSystem):
    """A detail code that the system does not know is shown as "other"."""

    def shown_details(self, result: RecordResult) -> list[Coded]:
        """Only known codes are shown as they came."""
        other = Coded(RecordDetail.OTHER, RECORD_DETAIL_TEXT[RecordDetail.OTHER])
        return [detail if detail.code in set(RecordDetail) else other for detail in result.detail]


@seeded("adult-sent-again", "DAT-031", also="ACK-005", tests="FD-28 EE-08")
class AdultSentAgain(CaseSystem):
    """A record that failed because the person is 18 is sent again with every file."""

    def closes_at_18(self, record: SentRecord, result: RecordResult, day: date) -> bool:
        """The item stays open and due."""
        if super().closes_at_18(record, result, day):
            self.forget_sent(record, self.plan(record.plan_ids[0]).file_id or "")
        return False


@seeded(
    "one-kind-of-alert",
    "ACK-011",
    also="ACK-004 UPL-018 DAT-014 DAT-029 ACK-009 OPS-001 OPS-002 ACK-012 INA-006",
    tests="AK-17",
)
class OneKindOfAlert(CaseSystem):
    """Failed files, failed validations and failed interfaces all raise the same alert."""

    def tell_role(self, alert: Alert) -> None:
        """Whatever happened is "other"."""
        super().tell_role(alert.model_copy(update={"kind": "other"}))


@seeded("missing-acknowledgement-unnoticed", "ACK-013", tests="AK-14")
class MissingAcknowledgementUnnoticed(CaseSystem):
    """Nobody is warned when an acknowledgement does not come."""

    def warn_of_overdue(self, *, now: datetime) -> None:
        """Nothing is overdue."""


@seeded("unreadable-reply-swallowed", "MSG-001", also="MSG-002 MSG-006 MSG-010 MSG-012", tests="RL-09 MF-03 MF-04")
class UnreadableReplySwallowed(CaseSystem):
    """A received file that cannot be read disappears without a word."""

    def show_unreadable(self, name: str, error: DecodeError, *, now: datetime) -> None:
        """Nobody learns of it."""


# Access notifications.


@seeded(
    "access-filed-on-lookalikes",
    "NTF-010",
    also="NTF-006 NTF-017 NTF-007 IG-010",
    tests="NT-24",
    origin="rules",
)
class AccessFiledOnLookalikes(CaseSystem):
    """An access is filed on every child with the family name and birth date of the child it belongs to."""

    def accessed_people(self, access: NotifiedAccess) -> list[Person]:
        """Twins share their events."""
        [person] = super().accessed_people(access)
        alike = (person.family, person.birth_date)
        return [p for p in self.state.people if (p.family, p.birth_date) == alike]


@seeded(
    "repeat-accesses-copy-first-access",
    "NTF-007",
    also="NTF-006 NTF-011 UI-009",
    tests="NT-05",
    origin="rules",
)
class RepeatAccessesCopyFirstAccess(CaseSystem):
    """Later accesses to a child in one notification get time and author of the first."""

    def facts_of(self, accesses: list[NotifiedAccess]) -> list[NotifiedAccess]:
        """The child's first access, for each."""
        first: dict[str, NotifiedAccess] = {}
        return [first.setdefault(access.nhs_number, access) for access in accesses]


@seeded(
    "alert-to-first-allocated-worker",
    "NTF-017",
    also="NTF-012 NTF-013",
    tests="NT-21",
    origin="rules",
)
class AlertToFirstAllocatedWorker(CaseSystem):
    """The alert of an access goes to the first worker ever; a child without worker raises none at all."""

    def recipients(self, person: Person, accessed: datetime, *, now: datetime) -> list[tuple[str | None, str | None]]:
        """Whoever was first, or nobody."""
        return super().recipients(person, accessed, now=now) if person.worker else []

    def responsible(self, person: Person, *, now: datetime) -> tuple[str | None, str | None]:
        """The first in the history of the case."""
        return ((*person.earlier_workers, person.worker)[0], None)


@seeded(
    "notification-addressee-not-checked",
    "IG-010",
    also="NTF-018 NTF-017",
    tests="NT-22",
    origin="rules",
)
class NotificationAddresseeNotChecked(CaseSystem):
    """An access notification for another authority is filed on any own child with that number."""

    def is_notification_ours(self, recipient: Organisation) -> bool:
        """All are."""
        return True


@seeded("empty-notification-filed-late", "NTF-008", tests="NT-06")
class EmptyNotificationFiledLate(CaseSystem):
    """An empty notification is kept, and with the next one an event is filed on every child."""

    def __init__(self, configuration: Configuration, state: State) -> None:
        """Nothing is owed."""
        super().__init__(configuration, state)
        self._owed: list[str] = []

    def take_accesses(self, notification: AccessNotification, *, now: datetime) -> None:
        """Note what is owed."""
        if notification.total == 0 and not notification.groups:
            self._owed.append(notification.message_id)
        super().take_accesses(notification, now=now)

    def to_be_filed(self, accesses: list[NotifiedAccess]) -> list[NotifiedAccess]:
        """The owed events, on everybody's file."""
        if accesses:
            for event_id in self._owed:
                for person in self.state.people:
                    text = "The CP-IS record was viewed."
                    self.state.events.append(CaseEvent(child_id=person.child_id, event_id=event_id, text=text))
            self._owed = []
        return accesses


@seeded("duplicate-access-filed-twice", "NTF-015", tests="NT-11")
class DuplicateAccessFiledTwice(CaseSystem):
    """An event id that arrives a second time makes a second event and alert."""

    def is_filed(self, person: Person, event_id: str) -> bool:
        """Every event is news."""
        return False


@seeded("alert-to-nobody", "NTF-012", also="NTF-013 NTF-017", tests="NT-14 NT-20")
class AlertToNobody(CaseSystem):
    """An access stands on the child's file, and nobody is told."""

    def recipients(self, person: Person, accessed: datetime, *, now: datetime) -> list[tuple[str | None, str | None]]:
        """Nobody."""
        return []


@seeded("closed-case-alerts-old-worker", "NTF-013", also="NTF-017", tests="NT-09")
class ClosedCaseAlertsOldWorker(CaseSystem):
    """An access to a closed case alerts the worker who had it, not the triage point."""

    def responsible(self, person: Person, *, now: datetime) -> tuple[str | None, str | None]:
        """As if the case were open."""
        if person.closed is not None:
            return (person.worker or "former worker", person.team)
        return super().responsible(person, now=now)


@seeded("unknown-child-dropped", "NTF-014", also="NTF-019", tests="NT-10")
class UnknownChildDropped(CaseSystem):
    """An access to somebody whom the authority does not know is thrown away."""

    def keep_unfiled(self, access: NotifiedAccess, problem: str) -> None:
        """Nothing is kept."""


@seeded("number-alone-identifies", "NTF-019", tests="NT-23")
class NumberAloneIdentifies(CaseSystem):
    """The local id of an access is not read, so it cannot contradict the number."""

    def identified(self, nhs_number: str, local_id: LocalId | None) -> Person:
        """Whoever has the number."""
        return super().identified(nhs_number, None)


@seeded(
    "first-access-of-batch-only",
    "NTF-006",
    also="NTF-007 NTF-010 NTF-011 NTF-012 NTF-017",
    tests="NT-04 NT-05 RL-14",
)
class FirstAccessOfBatchOnly(CaseSystem):
    """Of a notification with several accesses the first is filed."""

    def to_be_filed(self, accesses: list[NotifiedAccess]) -> list[NotifiedAccess]:
        """One."""
        return accesses[:1]


@seeded("author-shortened", "NTF-011", also="NTF-007 UI-009 NTF-014", tests="NT-12 NT-13")
class AuthorShortened(CaseSystem):
    """Names and roles are cut to twenty letters."""

    def described(self, author: Author) -> Who:
        """As far as the column is wide."""
        who = super().described(author)
        return Who(who.worker[:20], who.role[:20], who.organisation)


@seeded("event-without-role", "UI-009", also="NTF-011 NTF-007", tests="NT-19")
class EventWithoutRole(CaseSystem):
    """The child's file does not show in which role the worker looked."""

    def described(self, author: Author) -> Who:
        """No role."""
        return replace(super().described(author), role="")


@seeded("access-worded-as-attendance", "NTF-016", tests="NT-18")
class AccessWordedAsAttendance(CaseSystem):
    """The event says that the child attended and was seen."""

    def wording(self, person: Person, who: Who, accessed: datetime) -> str:
        """More than anybody knows."""
        return f"{person.given} {person.family} attended {who.organisation} and was seen by {who.worker}, {who.role}."


# Inactive numbers.


@seeded("inactive-number-without-alert", "INA-006", tests="IN-01 EE-05")
class InactiveNumberWithoutAlert(CaseSystem):
    """Numbers are retired and replaced in silence."""

    def tell_role(self, alert: Alert) -> None:
        """Inactive numbers are nobody's business."""
        if alert.kind != "inactive-number":
            super().tell_role(alert)


@seeded("inactive-number-exception-closes-itself", "INA-005", tests="IN-02 EE-05")
class InactiveNumberExceptionClosesItself(CaseSystem):
    """The exception of a retired number is closed by the next export."""

    def prepare_export(self, *, now: datetime) -> Upload | str:
        """Yesterday's exceptions are done with."""
        for key, item in self.state.exceptions.items():
            if item.kind == "inactive-number" and item.open:
                self.state.exceptions[key] = item.model_copy(update={"open": False})
        return super().prepare_export(now=now)


@seeded("adopted-child-linked", "INA-007", tests="IN-04")
class AdoptedChildLinked(CaseSystem):
    """For a number retired without replacement a child that is alike is looked for and shown on the exception list."""

    def retire(self, person: Person, number: InactiveNumber, *, now: datetime) -> None:
        """What an adoption must not reveal."""
        super().retire(person, number, now=now)
        for other in self.state.people:
            if other.child_id != person.child_id and other.birth_date == person.birth_date:
                text = f"Perhaps now {other.given} {other.family}, NHS number {other.nhs_number}."
                self.raise_exception(ExceptionItem(kind="other", child_id=person.child_id, text=text))


@seeded("unknown-retired-number-ignored", "NTF-014", tests="IN-10")
class UnknownRetiredNumberIgnored(CaseSystem):
    """An inactive number that is on no file is passed over."""

    def keep_unknown_number(self, number: InactiveNumber, problem: NotIdentified) -> None:
        """Nothing is kept."""
