"""Seeded faults in what is sent: contents of files, what brings a plan into one, numbering, numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from cpis_simulator.authority.caseload import Configuration
from cpis_simulator.authority.exporting import Due, midnight
from cpis_simulator.authority.seeding import seeded
from cpis_simulator.authority.state import OFFICE, Person, Plan, SentFile, State
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.driving import ChangeChild, HeldBack
from cpis_simulator.model import InactiveNumber, LocalId, Organisation, ProtectionPlan, Subject, SubjectKind, Upload
from cpis_simulator.vocabulary import FileCode, PlanType


@seeded(
    "entered-in-error-sent-as-ended",
    "DAT-010",
    also="DAT-009",
    tests="FD-09 FD-23 EE-04",
    origin="rules",
)
class EnteredInErrorSentAsEnded(CaseSystem):
    """A plan that was marked as entered in error is sent like one that ended on the day of the marking."""

    def entry(self, plan: Plan) -> ProtectionPlan:
        """An end date where the delete date belongs."""
        entry = super().entry(plan)
        return entry if plan.deleted is None else replace(entry, end=midnight(plan.deleted), delete=None)


@seeded(
    "ucp-subject-from-unborn-case",
    "DAT-005",
    also="DAT-013 DAT-006 DAT-008 DAT-021 INA-004",
    tests="FD-04 FD-23 EE-03",
    origin="rules",
)
class UnbornSubjectFromUnbornCase(CaseSystem):
    """An unborn child's plan carries the mother's number, but the name "Unborn" and the due date as birth date."""

    def subject(self, person: Person, plan: Plan) -> Subject:
        """The case file of the unborn child instead of the mother's."""
        subject = super().subject(person, plan)
        if plan.plan_type is not PlanType.UNBORN:
            return subject
        return replace(subject, given="Unborn", birth_date=plan.due or subject.birth_date)


@seeded(
    "twin-details-from-first-match",
    "DAT-013",
    also="MSG-008 ACK-005 NTF-010",
    tests="FD-34",
    origin="rules",
)
class TwinDetailsFromFirstMatch(CaseSystem):
    """Given name and local id come from the first person with the child's family name and birth date."""

    def subject(self, person: Person, plan: Plan) -> Subject:
        """The number of one twin with the name of the other."""
        first = next(p for p in self.state.people if (p.family, p.birth_date) == (person.family, person.birth_date))
        return super().subject(replace(person, given=first.given, local_id=first.local_id), plan)


@seeded(
    "demographic-change-not-a-trigger",
    "UPL-008",
    also="ACK-009 INA-009 DAT-013",
    tests="FD-11 AK-10",
    origin="rules",
)
class DemographicChangeNotATrigger(CaseSystem):
    """A corrected name or birth date is saved but does not bring the child into the next file."""

    def content(self, person: Person, plan: Plan) -> str:
        """Only number, plan type and dates are compared."""
        return f"{person.nhs_number}|{self.dates_text(plan)}"


@seeded(
    "sequence-id-returned-after-rejection",
    "OPS-003",
    also="UPL-003 ACK-009 ACK-002 ACK-004",
    tests="FD-15 AK-04",
    origin="rules",
)
class SequenceIdReturnedAfterRejection(CaseSystem):
    """The sequence id of a file that was answered CPF01 is given to the next file."""

    def after_refusal_of_file(self, file: SentFile, code: FileCode) -> None:
        """As if the id had not been used."""
        super().after_refusal_of_file(file, code)
        if code is FileCode.FILE_ERROR:
            self.state.office[OFFICE] = replace(self.office, next_file_id=int(file.file_id))


@seeded(
    "retired-number-kept-in-upload",
    "INA-003",
    also="INA-005 INA-007 ACK-012",
    tests="IN-02 IN-03 EE-05",
    origin="rules",
)
class RetiredNumberKeptInUpload(CaseSystem):
    """A number retired without replacement counts as a pending change: the child is in every later file under it."""

    def is_due(self, person: Person, plan: Plan, sender: Organisation | None, day: date) -> bool:
        """Also while the number is inactive."""
        return person.number_inactive or super().is_due(person, plan, sender, day)

    def why_held_back(self, person: Person, plans: list[Plan]) -> str | None:
        """An inactive number holds nobody back."""
        return super().why_held_back(replace(person, number_inactive=False), plans)


@seeded(
    "replacement-number-saved-but-not-sent",
    "INA-004",
    also="UPL-008 DAT-005",
    tests="IN-01 IN-06 EE-05",
    origin="rules",
)
class ReplacementNumberSavedButNotSent(CaseSystem):
    """A replacement number is stored, but the plan counts as sent under it until its dates change."""

    def retire(self, person: Person, number: InactiveNumber, *, now: datetime) -> None:
        """The number came in the notification."""
        super().retire(person, number, now=now)
        if self.person(person.child_id).nhs_number != person.nhs_number:
            self._call_it_sent(person.child_id)

    def change_child(self, change: ChangeChild, *, now: datetime) -> None:
        """The number is typed in to answer a notification; one that answers CPR05 is sent."""
        retired = self.person(change.child_id).number_inactive and any(
            alert.kind == "inactive-number" and alert.child_id == change.child_id for alert in self.state.alerts
        )
        super().change_child(change, now=now)
        if retired and change.nhs_number is not None:
            self._call_it_sent(change.child_id)

    def _call_it_sent(self, child_id: str) -> None:
        for plan in self.plans_of(child_id):
            self.consider_stored(plan.plan_id)


@seeded(
    "sequence-id-used-twice",
    "UPL-003",
    also="OPS-001 OPS-003 OPS-006 ACK-002 ACK-004 ACK-005 ACK-009 ACK-012 ACK-014 UPL-001 UPL-008 UPL-019 DAT-031 "
    "INA-009",
    tests="FD-15",
)
class SequenceIdUsedTwice(CaseSystem):
    """Every second file carries the sequence id of the file before it."""

    def take_file_id(self) -> str:
        """The counter moves on only after the id's second use."""
        file_id = str(self.office.next_file_id)
        if file_id in self.state.files:
            return super().take_file_id()
        return file_id


@seeded(
    "quantity-of-whole-pages",
    "UPL-004",
    also="UPL-002 UPL-001 ACK-003 ACK-004 ACK-005 ACK-007 ACK-009 ACK-016 OPS-001 DAT-010",
    tests="FD-17",
)
class QuantityOfWholePages(CaseSystem):
    """Records are written in pages of two; of a longer file the last page, if it is not full, is not counted."""

    def declared_quantity(self, due: list[Due], day: date) -> int:
        """Three records are declared as two."""
        return len(due) if len(due) <= 2 else len(due) // 2 * 2


@seeded(
    "mother-sent-as-child", "MSG-014", also="DAT-005 DAT-006 DAT-008 DAT-021 INA-004 UPL-001", tests="MF-11 FD-04 FD-07"
)
class MotherSentAsChild(CaseSystem):
    """The mother of an unborn child's plan is sent as a child."""

    def subject(self, person: Person, plan: Plan) -> Subject:
        """The mother's details in the wrong block."""
        return replace(super().subject(person, plan), kind=SubjectKind.CHILD)

    def validation_failure(self, person: Person, plans: list[Plan]) -> str | None:
        """The system's own validation does not notice."""
        return None


@seeded("notes-in-local-id", "DAT-003", also="DAT-013 MSG-008", tests="FD-29")
class NotesInLocalId(CaseSystem):
    """The plan's narrative is written behind the child's local id."""

    def subject(self, person: Person, plan: Plan) -> Subject:
        """A local id that tells why."""
        subject = super().subject(person, plan)
        if not plan.notes or subject.local_id is None:
            return subject
        local_id = LocalId(f"{subject.local_id.extension} {plan.notes}", subject.local_id.assigning_authority)
        return replace(subject, local_id=local_id)


@seeded("every-legal-status-sent", "DAT-002", tests="FD-03")
class EveryLegalStatusSent(CaseSystem):
    """A looked-after child is sent under whatever section of the law."""

    def in_scope(self, plan: Plan) -> bool:
        """No status is out of scope."""
        return True


@seeded(
    "unborn-plan-ends-when-it-began", "DAT-008", also="DAT-005 DAT-006 DAT-021 MSG-005 UPL-001", tests="FD-04 FD-23"
)
class UnbornPlanEndsWhenItBegan(CaseSystem):
    """The mandatory end of an unborn child's plan repeats its start instead of the due date."""

    def entry(self, plan: Plan) -> ProtectionPlan:
        """An end that says nothing."""
        entry = super().entry(plan)
        unborn = plan.plan_type is PlanType.UNBORN and plan.end is None
        return replace(entry, end=entry.start) if unborn else entry


@seeded("numberless-child-forgotten", "UPL-007", tests="FD-19")
class NumberlessChildForgotten(CaseSystem):
    """A child without NHS number is not sent, and stands on no list either."""

    def held_back(self, *, now: datetime) -> list[HeldBack]:
        """Nobody is held back."""
        return []


@seeded("no-validation-before-sending", "DAT-029", also="UPL-018 MSG-013 MSG-014 ACK-011 ACK-005", tests="FD-20 MF-10")
class NoValidationBeforeSending(CaseSystem):
    """Records are sent as they are keyed: wrong check digits and impossible dates too."""

    def validation_failure(self, person: Person, plans: list[Plan]) -> str | None:
        """Nothing is looked at."""
        return None


@seeded("missing-emergency-telephone-sent", "DAT-014", also="UPL-018 ACK-011 UPL-001", tests="FD-14")
class MissingEmergencyTelephoneSent(CaseSystem):
    """Without an emergency duty number the file is made with the office number alone."""

    def sender(self) -> Organisation | str:
        """Whatever telephone there is."""
        office = self.office
        if office.telephone_emergency or not office.telephone_office:
            return super().sender()
        kept = replace(office, telephone_emergency=office.telephone_office, telephone_office=None)
        self.state.office[OFFICE] = kept
        sender = super().sender()
        self.state.office[OFFICE] = office
        if isinstance(sender, str):
            return sender
        return replace(sender, telecom=tuple(replace(telecom, use="WP") for telecom in sender.telecom))


@seeded("telephone-sent-as-keyed", "DAT-015", also="UPL-001 DAT-014 UPL-008", tests="FD-13")
class TelephoneSentAsKeyed(CaseSystem):
    """Telephones are sent with the spaces that people key."""

    def written_telephone(self, keyed: str) -> str:
        """`tel:` is put before whatever was keyed."""
        return keyed if keyed.startswith("tel:") else f"tel:{keyed}"


@seeded("telephone-change-not-a-trigger", "UPL-008", also="DAT-014 DAT-015", tests="FD-12")
class TelephoneChangeNotATrigger(CaseSystem):
    """A new emergency duty number waits until some child changes."""

    def is_due(self, person: Person, plan: Plan, sender: Organisation | None, day: date) -> bool:
        """The header is left out of account."""
        return super().is_due(person, plan, None, day)


@seeded("force-without-effect", "UPL-019", also="INA-009", tests="FD-25 IN-08")
class ForceWithoutEffect(CaseSystem):
    """Forcing a child into the next file does nothing."""

    def force(self, child_id: str) -> None:
        """The box can be ticked."""
        self.person(child_id)


@seeded("empty-file-sent", "UPL-001", also="UPL-009 MSG-005 MSG-012", tests="FD-18")
class EmptyFileSent(CaseSystem):
    """When nothing has changed, a file without records is sent."""

    def prepare_export(self, *, now: datetime) -> Upload | str:
        """A file of nothing instead of no file."""
        made = super().prepare_export(now=now)
        sender = self.sender()
        if not isinstance(made, str) or isinstance(sender, str):
            return made
        file_id = self.take_file_id()
        self.state.files[file_id] = SentFile(file_id, now, ())
        return Upload(now, file_id, 0, sender, ())


@seeded("file-not-sent-again", "ACK-009", also="OPS-001", tests="AK-06 RL-06 EE-08")
class FileNotSentAgain(CaseSystem):
    """A file that was answered CPF05 is shown as failed and never sent again."""

    def after_refusal_of_file(self, file: SentFile, code: FileCode) -> None:
        """Only CPF01 and CPF06 lead to another file."""
        if code is not FileCode.UNAVAILABLE:
            super().after_refusal_of_file(file, code)


@seeded("file-written-in-place", "UPL-006", also="UPL-001 ACK-004 MSG-001", tests="RL-10", by_mesh=True)
class FileWrittenInPlace(CaseSystem):
    """The upload is written piece by piece under its final name."""

    drops_whole_files = False


@seeded("open-files-forgotten-at-restart", "OPS-006", also="ACK-002 ACK-004", tests="RL-08")
class OpenFilesForgottenAtRestart(CaseSystem):
    """Which files wait for their acknowledgement is kept in memory only."""

    def __init__(self, configuration: Configuration, state: State) -> None:
        """A start forgets them."""
        super().__init__(configuration, state)
        for file in state.files:
            if file.state == "open":
                state.files.remove(file.file_id)
