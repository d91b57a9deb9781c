"""Which plans go into the next upload file, and under whose name.

Theory of operation. A plan is due when what would be sent of it differs from what was last sent: its dates, its
person's details, or the authority's telephones. A file that CP-IS never took is forgotten again, so that its plans
become due; a record that CP-IS refused stays as sent, so that it becomes due by being corrected and not by itself.

Source: CP-IS rules DAT-001 to DAT-015, DAT-021, DAT-029, DAT-031, UPL-001 to UPL-009, UPL-018, UPL-019, OPS-003.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from cpis_simulator.authority.caseload import Caseload, age_on, live_entries
from cpis_simulator.authority.office_hours import uk_time
from cpis_simulator.authority.state import OFFICE, Person, Plan, SentFile, SentRecord, entry_name
from cpis_simulator.driving import Alert, HeldBack
from cpis_simulator.model import (
    LocalId,
    Organisation,
    PlanRecord,
    ProtectionPlan,
    Subject,
    SubjectKind,
    Telecom,
    Upload,
)
from cpis_simulator.rules.finding import ERROR
from cpis_simulator.rules.upload import check_record
from cpis_simulator.vocabulary import PlanType

ADULT: Final = 18
PLANS_IN_A_RECORD: Final = 3

# Voluntary accommodation, a full care order and an interim care order of the Children Act 1989 (DAT-002).
_SECTION_IN_SCOPE: Final = re.compile(r"(?<!\d)(?:20|31|38)(?!\d)")
_KEYED_TELEPHONE: Final = re.compile(r"\+?[0-9 ()./-]+")

NOTHING_CHANGED: Final = "Nothing has changed since the last file."


@dataclass(frozen=True, slots=True)
class Due:
    """A record of the next file: as it is remembered, and as it is sent."""

    sent: SentRecord
    record: PlanRecord


class InvalidTelephone(ValueError):
    """A telephone that cannot be put into the wire's form."""


def telephone(keyed: str) -> str:
    """A number as a person keys it, as the wire needs it: `tel:`, perhaps `+`, then digits (DAT-015).

    Raises:
        InvalidTelephone: When it holds anything but digits and the usual punctuation, such as an extension.
    """
    text = keyed.strip().removeprefix("tel:").strip()
    if not _KEYED_TELEPHONE.fullmatch(text):
        raise InvalidTelephone(keyed)
    plus = "+" if text.startswith("+") else ""
    if plus:
        text = text.replace("(0)", "")  # "+44 (0)1632": the zero is for callers at home
    digits = re.sub(r"\D", "", text)
    if not digits:
        raise InvalidTelephone(keyed)
    return f"tel:{plus}{digits}"


def midnight(day: date | None) -> datetime | None:
    """A day as plan dates are written, to the minute (DAT-011)."""
    return None if day is None else datetime.combine(day, time())


class Exporting(Caseload):
    """The making of upload files. The methods that a fault may replace are those without an underscore."""

    def prepare_export(self, *, now: datetime) -> Upload | str:
        """Make the next file and remember it as open; or say why there is none.

        The caller must get the file out or call `withdraw`.
        """
        day = uk_time(now).date()
        self.state.office[OFFICE] = replace(self.office, exported=now)
        if isinstance(sender := self.sender(), str):
            self.tell_role(Alert(kind="validation", raised=now, text=f"No file was made: {sender}"))
            return sender
        due = self._records_due(sender, day, now=now)
        if not due:
            return NOTHING_CHANGED
        file_id = self.take_file_id()
        upload = Upload(now, file_id, self.declared_quantity(due, day), sender, tuple(entry.record for entry in due))
        self._remember_sent(file_id, due, sender, now=now)
        return upload

    def due_records(self, *, now: datetime) -> list[PlanRecord]:
        """What the next file would hold; nothing is remembered as sent."""
        sender = self.sender()
        return (
            []
            if isinstance(sender, str)
            else [d.record for d in self._records_due(sender, uk_time(now).date(), now=now)]
        )

    def withdraw(self, file_id: str, reason: str, *, now: datetime) -> None:
        """The file could not be put into the drop folder: as if it had never been made (ACK-011).

        Nobody has seen its id, so the next file carries it.
        """
        for record in self.state.files[file_id].records:
            self.forget_sent(record, file_id)
        self.state.files.remove(file_id)
        self.state.office[OFFICE] = replace(self.office, next_file_id=int(file_id))
        self.tell_role(
            Alert(kind="interface", raised=now, text=f"The file could not be put into the drop folder: {reason}")
        )

    def label(self, upload: Upload) -> str:
        """What the name of a file says beyond its sender, its id and its time: nothing of anybody in it (IG-008)."""
        return ""

    def note_undelivered(self, file_id: str, text: str, *, now: datetime) -> None:
        """The transport says that a file never came to CP-IS: its plans go into the next one (OPS-004)."""
        file = self.state.files.get(file_id)
        if file is None or file.state != "open":
            return
        for record in file.records:
            self.forget_sent(record, file_id)
        self.state.files[file_id] = replace(file, state="failed")
        self.tell_role(
            Alert(kind="interface", raised=now, file_id=file_id, text=f"File {file_id} was not delivered: {text}")
        )

    def forget_sent(self, record: SentRecord, file_id: str) -> None:
        """CP-IS did not take the file, so its plans go into the next one, unless a later file holds them already."""
        for plan_id in record.plan_ids:
            plan = self.state.plans[plan_id]
            if plan.file_id == file_id:
                self.state.plans[plan_id] = replace(plan, content=None, header=None, result="failed")

    def consider_stored(self, plan_id: str) -> None:
        """Take over a plan that CP-IS holds already, as when a product is installed over an older one."""
        plan = self.plan(plan_id)
        sender = self.sender()
        header = None if isinstance(sender, str) else header_text(sender)
        content = self.content(self.person(plan.child_id), plan)
        self.state.plans[plan_id] = replace(plan, content=content, header=header, result="stored")

    def held_back(self, *, now: datetime) -> list[HeldBack]:
        """Children with something to send that cannot be sent (UPL-007)."""
        day = uk_time(now).date()
        found = []
        for person, plans in self._plans_by_person():
            due = [plan for plan in plans if self.is_due(person, plan, None, day)]
            if due and (reason := self.why_held_back(person, due)):
                found.append(HeldBack(child_id=person.child_id, reason=reason))
        return found

    # Decisions, each by the rule it names.

    def take_file_id(self) -> str:
        """The next sequence id; it rises whatever became of earlier files (UPL-003, OPS-003)."""
        file_id = self.office.next_file_id
        self.state.office[OFFICE] = replace(self.office, next_file_id=file_id + self.configuration.file_id_step)
        return str(file_id)

    def declared_quantity(self, due: list[Due], day: date) -> int:
        """The records in the file, counted when it is complete (UPL-004)."""
        return len(due)

    def written_telephone(self, keyed: str) -> str:
        """A telephone in the wire's form (DAT-015).

        Raises:
            InvalidTelephone: It cannot be put into it.
        """
        return telephone(keyed)

    def in_scope(self, plan: Plan) -> bool:
        """A looked-after child counts under sections 20, 31 and 38 only (DAT-002).

        A status that was not keyed is section 20, as in the system's own form.
        """
        if plan.plan_type is not PlanType.LOOKED_AFTER or plan.legal_status is None:
            return True
        return _SECTION_IN_SCOPE.search(plan.legal_status) is not None

    def is_visible(self, plan: Plan, day: date) -> bool:
        """CP-IS would still show it: running, or ended within the retention (DAT-018, DAT-019)."""
        if plan.deleted is not None:
            return False
        data = self.configuration.data
        if plan.plan_type is PlanType.UNBORN:
            last = plan.end or plan.due
            return last is None or day <= last + timedelta(days=data.unborn_grace)
        return plan.end is None or day <= plan.end + timedelta(days=data.retention)

    def is_due(self, person: Person, plan: Plan, sender: Organisation | None, day: date) -> bool:
        """The plan belongs into the next file (UPL-008). Without a sender its telephones are left out of account."""
        if not self.in_scope(plan) or (person.over_18 and plan.plan_type is not PlanType.UNBORN):
            return False
        if plan.content is None:
            return plan.result != "never sent" or self.is_visible(plan, day)
        if plan.content != self.content(person, plan):
            return True
        if not self.is_visible(plan, day):
            return False
        if person.forced:
            return True
        if plan.result == "failed":
            return False  # refused and not corrected: it does not go again by itself (ACK-009)
        return self.configuration.full_files or (sender is not None and plan.header != header_text(sender))

    def content(self, person: Person, plan: Plan) -> str:
        """What would be sent of the plan, as text to compare; a change of any of it makes the plan due."""
        return subject_text(self.subject(person, plan)) + "|" + self.dates_text(plan)

    def dates_text(self, plan: Plan) -> str:
        """The plan's part of `content`. That an unborn child's plan ended on its due date is news as well (DAT-021)."""
        entry = self.entry(plan)
        return f"{entry.plan_type}|{entry.start}|{entry.end}|{entry.delete}|{plan.end is not None}"

    def entry(self, plan: Plan) -> ProtectionPlan:
        """The plan as it is sent: `end` where it stopped, `delete` where it was wrong (DAT-010).

        The mandatory end of an unborn child's plan is the due date until the plan really ends (DAT-008, DAT-020).
        """
        return ProtectionPlan(
            plan.plan_type,
            datetime.combine(plan.start, time()),
            end=midnight(plan.end or (plan.due if plan.plan_type is PlanType.UNBORN else None)),
            delete=midnight(plan.deleted),
        )

    def subject(self, person: Person, plan: Plan) -> Subject:
        """Whom the plan is about: the child, or the mother of an unborn child (DAT-005, DAT-013)."""
        kind = SubjectKind.MOTHER if plan.plan_type is PlanType.UNBORN else SubjectKind.CHILD
        return Subject(
            kind,
            person.nhs_number or "",
            person.birth_date,
            person.given.strip(),
            person.family.strip(),
            LocalId(person.local_id, f"{self.configuration.ods}:{self.configuration.name}"),
        )

    def why_held_back(self, person: Person, plans: list[Plan]) -> str | None:
        """Why nothing of the person can be sent, or None."""
        if person.nhs_number is None:
            return "no NHS number: trace it"
        if person.number_inactive:
            return "the NHS number is no longer in use: enter the new one"
        return self.validation_failure(person, plans)

    def validation_failure(self, person: Person, plans: list[Plan]) -> str | None:
        """What the authority's own validation finds wrong: the rules that CP-IS applies itself (UPL-018)."""
        if not (person.given + person.family).isprintable():
            return "a name holds a character that cannot be sent"
        for group in self.records_of(person, plans, None):
            for finding in check_record(self._due(person, group).record):
                if finding.severity == ERROR:
                    return finding.message
        return None

    def records_of(self, person: Person, plans: list[Plan], day: date | None) -> list[list[Plan]]:
        """The person's due plans, record by record; without a day as if the person were under 18.

        A pregnant looked-after girl is child and mother in one record (DAT-006). Once she is 18 her plans as a child
        are refused, and must not take her unborn child's plan with them (DAT-017).
        """
        groups = [plans]
        if (day and age_on(person.birth_date, day) >= ADULT) or len(plans) > PLANS_IN_A_RECORD:
            unborn = [plan for plan in plans if plan.plan_type is PlanType.UNBORN]
            own = [plan for plan in plans if plan.plan_type is not PlanType.UNBORN]
            groups = [own, unborn]
        return [
            group[first : first + PLANS_IN_A_RECORD]
            for group in groups
            for first in range(0, len(group), PLANS_IN_A_RECORD)
        ]

    # The making of the file.

    def sender(self) -> Organisation | str:
        """The header's organisation, or what is wrong with its telephones (DAT-014)."""
        office = self.office
        if not office.telephone_emergency:
            return "the emergency duty team's telephone (EC) is missing"
        try:
            telecom = [Telecom(self.written_telephone(office.telephone_emergency), "EC")]
            if office.telephone_office:
                telecom.insert(0, Telecom(self.written_telephone(office.telephone_office), "WP"))
        except InvalidTelephone as error:
            return f"the telephone {error} is not a number"
        return Organisation(self.configuration.ods, self.configuration.name, tuple(telecom))

    def _plans_by_person(self) -> list[tuple[Person, list[Plan]]]:
        """Every person with the entries that CP-IS would know."""
        plans: dict[str, list[Plan]] = {}
        for plan in self.state.plans:
            plans.setdefault(plan.child_id, []).append(plan)
        return [
            (person, live_entries(plans[person.child_id])) for person in self.state.people if person.child_id in plans
        ]

    def _records_due(self, sender: Organisation, day: date, *, now: datetime) -> list[Due]:
        """The records of the next file; who is held back is noted, a failed validation told once."""
        found = []
        for person, plans in self._plans_by_person():
            due = [plan for plan in plans if self.is_due(person, plan, sender, day)]
            problem = self.why_held_back(person, due) if due else None
            if problem != person.held_back:
                self.state.people[person.child_id] = replace(person, held_back=problem)
                if problem is not None and person.nhs_number is not None and not person.number_inactive:
                    self.tell_role(
                        Alert(
                            kind="validation",
                            raised=now,
                            child_id=person.child_id,
                            text=f"{person.given} {person.family} ({person.child_id}) was not sent: {problem}",
                        )
                    )
            if due and problem is None:
                found += [self._due(person, group) for group in self.records_of(person, due, day)]
        return found

    def _due(self, person: Person, plans: list[Plan]) -> Due:
        """A record; the subjects follow from its plans (MSG-014)."""
        subjects = {subject.kind: subject for subject in (self.subject(person, plan) for plan in plans)}
        kinds = tuple(kind for kind in SubjectKind if kind in subjects)
        record = PlanRecord(tuple(self.entry(plan) for plan in plans), tuple(subjects[kind] for kind in kinds))
        sent = SentRecord(
            person.child_id,
            person.nhs_number or "",
            kinds,
            tuple(plan.plan_id for plan in plans),
            frozenset(entry_name(plan) for plan in record.plans),
        )
        return Due(sent, record)

    def _remember_sent(self, file_id: str, due: list[Due], sender: Organisation, *, now: datetime) -> None:
        self.state.files[file_id] = SentFile(file_id, now, tuple(entry.sent for entry in due))
        for entry in due:
            person = self.person(entry.sent.child_id)
            if person.forced:
                self.state.people[person.child_id] = replace(person, forced=False)
            for plan_id in entry.sent.plan_ids:
                plan = self.plan(plan_id)
                self.state.plans[plan_id] = replace(
                    plan,
                    content=self.content(person, plan),
                    header=header_text(sender),
                    file_id=file_id,
                    result="sent",
                )


def subject_text(subject: Subject) -> str:
    """A subject as text to compare."""
    local = subject.local_id.extension if subject.local_id else ""
    return f"{subject.kind}|{subject.nhs_number}|{subject.given}|{subject.family}|{subject.birth_date}|{local}"


def header_text(sender: Organisation) -> str:
    """A header as text to compare."""
    return "|".join([sender.name, *(f"{t.use} {t.value}" for t in sender.telecom)])
