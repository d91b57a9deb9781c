"""Children, plans and workers of one local authority: what a social worker or data officer does.

Source: CP-IS rules DAT-002, DAT-005, DAT-010, NTF-013, NTF-017, INA-004, INA-005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from cpis_simulator import driving
from cpis_simulator.authority.office_hours import uk_time
from cpis_simulator.authority.state import OFFICE, Office, Person, Plan, State
from cpis_simulator.driving import Alert, ExceptionItem
from cpis_simulator.errors import ProtocolError
from cpis_simulator.model import Organisation
from cpis_simulator.settings import DataSettings
from cpis_simulator.vocabulary import PlanType


@dataclass(frozen=True, slots=True)
class Configuration:
    """How the system is set up, as its administrator would.

    `first_file_id` and `file_id_step` number the upload files; `full_files` sends every live plan each time (UPL-009).
    `references` begins every reference, so that those of several authorities in one product can be told apart.
    """

    ods: str = "Z99"
    name: str = "EXAMPLETON TEST COUNCIL"
    telephone_office: str | None = "tel:01632960001"
    telephone_emergency: str | None = "tel:01632960002"
    triage_point: str = "MASH triage"
    out_of_hours: str = "Emergency duty team"
    alert_role: str = "CP-IS data officer"
    first_file_id: int = 1
    file_id_step: int = 1
    full_files: bool = False
    references: str = ""
    overdue: timedelta = timedelta(hours=24)
    export_every: timedelta = timedelta(hours=23)
    data: DataSettings = field(default_factory=DataSettings)


def age_on(birth_date: date, day: date) -> int:
    """Whole years; somebody born on 29 February is a year older on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


class Caseload:
    """The case files.

    Args:
        configuration: Of the authority.
        state: What is remembered; a new one is filled with the authority's own details.
    """

    def __init__(self, configuration: Configuration, state: State) -> None:
        """Nothing happens by itself: every method is told what time it is."""
        self.configuration = configuration
        self.state = state
        if OFFICE not in state.office:
            state.office[OFFICE] = Office(
                telephone_office=configuration.telephone_office,
                telephone_emergency=configuration.telephone_emergency,
                next_file_id=configuration.first_file_id,
            )

    # What people key in.

    def record_child(self, details: driving.ChildDetails) -> str:
        """Open a file on a person.

        Raises:
            ProtocolError: Another file has that NHS number or local id already: two files on one person would let
                a notification reach the wrong one.
        """
        child_id = self._made("C")
        local_id = details.local_id or f"CASE-{child_id.removeprefix(self.configuration.references)[1:]}"
        self._number_is_free(details.nhs_number, child_id)
        for other in self.state.people:
            if other.local_id == local_id:
                raise ProtocolError("The local id is in use", found=f"on file {other.child_id}", mend="Choose another.")
        self.state.people[child_id] = Person(
            child_id, details.given, details.family, details.birth_date, local_id, details.nhs_number
        )
        return child_id

    def record_plan(self, details: driving.PlanDetails, *, now: datetime) -> str:
        """Open a plan on a person's file.

        Raises:
            ProtocolError: No such person, or an unborn child's plan without a due date (DAT-008).
        """
        person = self.person(details.child_id)
        if details.plan_type is PlanType.UNBORN and details.due is None:
            raise ProtocolError("An unborn child protection plan needs a due date", mend="Give `due`.")
        plan_id = self._made("P")
        self.state.plans[plan_id] = Plan(
            plan_id,
            person.child_id,
            details.plan_type,
            details.start,
            due=details.due,
            legal_status=details.legal_status,
            notes=details.notes,
        )
        self.watch_number(person.child_id, now=now)
        return plan_id

    def end_plan(self, plan_id: str, end: date, *, now: datetime) -> None:
        """The plan stopped on that day."""
        self.state.plans[plan_id] = replace(self.plan(plan_id), end=end)
        self.watch_number(self.plan(plan_id).child_id, now=now)

    def delete_plan(self, plan_id: str, on: date, *, now: datetime) -> None:
        """The plan was entered in error, found so on that day."""
        self.state.plans[plan_id] = replace(self.plan(plan_id), deleted=on)
        self.watch_number(self.plan(plan_id).child_id, now=now)

    def change_child(self, change: driving.ChangeChild, *, now: datetime) -> None:
        """Correct details; a new NHS number is one that a person vouches for, so sending starts again (INA-004)."""
        person = self.person(change.child_id)
        if change.nhs_number is not None and change.nhs_number != person.nhs_number:
            self._number_is_free(change.nhs_number, person.child_id)
            self.adopt_number(person, change.nhs_number)
            person = self.person(change.child_id)
        self.state.people[person.child_id] = replace(
            person,
            given=person.given if change.given is None else change.given,
            family=person.family if change.family is None else change.family,
            birth_date=change.birth_date or person.birth_date,
            # Whoever was born later than we said may be under 18 after all.
            over_18=person.over_18 and change.birth_date is None,
        )
        self.watch_number(person.child_id, now=now)

    def change_authority(self, change: driving.ChangeAuthority) -> None:
        """Key telephones; they are put into the wire's form when a file is made (DAT-015)."""
        if change.ods not in (None, self.configuration.ods):
            raise ProtocolError(
                "This system serves another authority", expected=self.configuration.ods, found=change.ods
            )
        kept = self.office
        self.state.office[OFFICE] = replace(
            kept,
            telephone_office=_keyed(change.telephone_office, kept.telephone_office),
            telephone_emergency=_keyed(change.telephone_emergency, kept.telephone_emergency),
        )

    def allocate(self, child_id: str, worker: str | None, team: str | None) -> None:
        """Make a worker and team responsible; both None: nobody."""
        person = self.person(child_id)
        earlier = person.earlier_workers + ((person.worker,) if person.worker else ())
        self.state.people[child_id] = replace(person, worker=worker, team=team, earlier_workers=earlier)

    def close_case(self, child_id: str, on: date) -> None:
        """The case was closed on that day."""
        self.state.people[child_id] = replace(self.person(child_id), closed=on)

    def force(self, child_id: str) -> None:
        """Put the child into the next file though nothing changed (UPL-019)."""
        self.state.people[child_id] = replace(self.person(child_id), forced=True)

    # What others ask of the case files.

    @property
    def office(self) -> Office:
        """The authority's own details and counters."""
        return self.state.office[OFFICE]

    def person(self, child_id: str) -> Person:
        """The person of that reference.

        Raises:
            ProtocolError: There is none.
        """
        if (person := self.state.people.get(child_id)) is None:
            raise ProtocolError("No such child", found=child_id, mend="Use the reference that record-child gave.")
        return person

    def plan(self, plan_id: str) -> Plan:
        """The plan of that reference.

        Raises:
            ProtocolError: There is none.
        """
        if (plan := self.state.plans.get(plan_id)) is None:
            raise ProtocolError("No such plan", found=plan_id, mend="Use the reference that record-plan gave.")
        return plan

    def plans_of(self, child_id: str) -> list[Plan]:
        """The person's plans, oldest entry first."""
        return [plan for plan in self.state.plans if plan.child_id == child_id]

    def holder(self, nhs_number: str) -> Person | None:
        """Whose file the number is on; a number that was replaced still leads to its file."""
        former = None
        for person in self.state.people:
            if person.nhs_number == nhs_number:
                return person
            if nhs_number in person.former_numbers:
                former = person
        return former

    def is_open(self, plan: Plan, day: date) -> bool:
        """The plan runs: neither ended nor withdrawn."""
        return plan.deleted is None and (plan.end is None or plan.end > day)

    def is_own(self, organisation: Organisation) -> bool:
        """The organisation is this authority, by its code."""
        return organisation.ods_code == self.configuration.ods

    def is_closed(self, person: Person, day: date) -> bool:
        """The case is closed on that day."""
        return person.closed is not None and person.closed <= day

    # Numbers.

    def adopt_number(self, person: Person, nhs_number: str) -> None:
        """Let a new number take the place of the one on file: every live plan must be sent under it (INA-004)."""
        former = person.former_numbers + ((person.nhs_number,) if person.nhs_number else ())
        self.state.people[person.child_id] = replace(
            person, nhs_number=nhs_number, former_numbers=former, number_inactive=False
        )
        self.resend_under_new_number(person.child_id)

    def resend_under_new_number(self, child_id: str) -> None:
        """Nothing is stored under the new number yet."""
        for plan in self.plans_of(child_id):
            self.state.plans[plan.plan_id] = replace(plan, content=None, header=None, file_id=None, result="never sent")

    def watch_number(self, child_id: str, *, now: datetime) -> None:
        """Keep an exception open while an open plan has no number that may be sent, and no longer (INA-005)."""
        person = self.person(child_id)
        day = uk_time(now).date()
        needed = person.number_inactive and any(self.is_open(plan, day) for plan in self.plans_of(child_id))
        standing = [
            (key, item)
            for key, item in self.state.exceptions.items()
            if item.kind == "inactive-number" and item.child_id == child_id and item.open
        ]
        if needed and not standing:
            self.raise_exception(
                ExceptionItem(
                    kind="inactive-number",
                    text="The NHS number is no longer in use and no other is known. Enter the new number.",
                    child_id=child_id,
                    nhs_number=person.nhs_number,
                )
            )
        elif not needed:
            for key, item in standing:
                self.state.exceptions[key] = item.model_copy(update={"open": False})

    # Notes to people.

    def raise_alert(self, alert: Alert) -> None:
        """Put an alert before its recipient."""
        self.state.alerts.append(alert)

    def raise_exception(self, item: ExceptionItem) -> None:
        """Keep something for a person to look at."""
        self.state.exceptions.append(item)

    def tell_role(self, alert: Alert) -> None:
        """An alert to the role that looks after the files (ACK-011)."""
        self.raise_alert(alert.model_copy(update={"recipient": self.configuration.alert_role}))

    def _made(self, prefix: str) -> str:
        """A reference that nothing else has."""
        made = self.office.made + 1
        self.state.office[OFFICE] = replace(self.office, made=made)
        return f"{self.configuration.references}{prefix}{made:06d}"

    def _number_is_free(self, nhs_number: str | None, child_id: str) -> None:
        """Refuse a number that another file holds."""
        if nhs_number and any(p.nhs_number == nhs_number and p.child_id != child_id for p in self.state.people):
            raise ProtocolError(
                "The NHS number is on another child's file", mend="Merge the two files, or correct the number."
            )


def _keyed(given: str | None, kept: str | None) -> str | None:
    """None keeps what there is, an empty text removes it."""
    return kept if given is None else given or None


def live_entries(plans: Sequence[Plan]) -> list[Plan]:
    """One plan for each plan type and start date: CP-IS keys its entries so (UPL-011).

    A plan that was keyed twice and withdrawn once must not take the genuine entry with it, and the copy that still runs
    counts for more than one that ended.
    """
    entries: dict[tuple[PlanType, date], Plan] = {}
    for plan in plans:
        key = (plan.plan_type, plan.start)
        if (other := entries.get(key)) is None or _weight(plan) >= _weight(other):
            entries[key] = plan
    return list(entries.values())


def _weight(plan: Plan) -> tuple[bool, bool, date]:
    """Which of two copies stands: a running one, then the one that ended last, then a withdrawn one."""
    return (plan.deleted is None, plan.end is None, plan.end or plan.start)
