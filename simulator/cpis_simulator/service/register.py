"""What authorities share, under which number, and for how long it is visible.

The register keeps one `Holding` for each number and authority, so that no upload can touch what another authority
shares (DAT-023), and a lookup reads a number's holdings and nothing else. Everything here is a function of values;
`Register` is the port through which the core reads what a store keeps.

Source: CP-IS rules DAT-004 to DAT-023, UPL-010 to UPL-012.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from cpis_simulator.model import (
    Access,
    AuthorityRecord,
    LocalId,
    Organisation,
    PlanRecord,
    ProtectionPlan,
    Query,
    Subject,
    SubjectKind,
)
from cpis_simulator.service.pds import Person, birthday
from cpis_simulator.settings import DataSettings, UpsertKey
from cpis_simulator.vocabulary import PlanType

AGE_LIMIT: Final = 18
PLANS_IN_A_RECORD: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A plan as it stands in the register, and the upload file that said so last."""

    plan: ProtectionPlan
    kind: SubjectKind
    file_id: str


@dataclass(frozen=True, slots=True)
class Holding:
    """What one authority shares under one number; the authority as its last upload about the number named it."""

    nhs_number: str
    authority: Organisation
    subjects: tuple[Subject, ...]
    entries: tuple[Entry, ...]

    def local_id(self) -> LocalId | None:
        """The authority's own id of the person, where it sent one."""
        return next((s.local_id for s in self.subjects if s.local_id), None)


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A query as the store keeps it. `listed`: later answers show it (RSP-007)."""

    query: Query
    received: datetime
    author_key: str
    found: bool
    listed: bool


class UploadRegister(Protocol):
    """What an upload needs to know of what is held."""

    def is_pds_available(self) -> bool:
        """The demographic service answers."""

    def people(self, nhs_numbers: Collection[str]) -> Mapping[str, Person]:
        """The people among these numbers that the demographic service knows."""

    def holdings_of(self, ods_code: str, nhs_numbers: Collection[str]) -> Mapping[str, Holding]:
        """One authority's holdings under these numbers."""

    def last_file_number(self, ods_code: str) -> int | None:
        """The highest sequence number that was processed for the authority."""

    def standing_of_file(self, ods_code: str, file_id: str) -> str | None:
        """`processed` or `unavailable` where a file of that id was answered, else None."""


class Register(UploadRegister, Protocol):
    """The persistence that the core reads from."""

    def holdings(self, nhs_number: str) -> Sequence[Holding]:
        """All authorities' holdings under a number, by ODS code."""

    def earlier_query(self, query: Query) -> bool | None:
        """The query (number, event id, silence) came before: whether it found a record then, else None."""

    def last_listed(self, nhs_number: str, author_key: str, *, until: datetime) -> datetime | None:
        """Time of the author's last listed access to the number, not after `until`."""

    def history(self, nhs_number: str, limit: int) -> Sequence[Access]:
        """The number's last listed accesses, newest first."""


def uk_day(now: datetime) -> date:
    """The calendar day in the United Kingdom, in which plan dates are meant.

    Worked out from the rule of the clock change, because a time zone database is not on every machine.
    """
    utc = now.astimezone(UTC)
    summer = _last_sunday(utc.year, 3) <= utc < _last_sunday(utc.year, 10)
    return (utc + timedelta(hours=1)).date() if summer else utc.date()


def begins(day: date) -> datetime:
    """The UTC instant at which a day begins in the United Kingdom."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    before = midnight - timedelta(hours=1)
    return before if uk_day(before) == day else midnight


def _last_sunday(year: int, month: int) -> datetime:
    """01:00 UTC on the last Sunday of a month of 31 days, when clocks change."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def subject_of(plan: ProtectionPlan, subjects: Sequence[Subject]) -> Subject:
    """Whom a plan of a record is about: an unborn child's plan the mother, any other the child (DAT-005).

    Where no such subject is in the record (the check is switched off), the first one.
    """
    if len(subjects) == 1:
        return subjects[0]
    kind = SubjectKind.MOTHER if plan.plan_type is PlanType.UNBORN else SubjectKind.CHILD
    return next((s for s in subjects if s.kind is kind), subjects[0])


def upsert(
    record: PlanRecord,
    *,
    authority: Organisation,
    file_id: str,
    held: Mapping[str, Holding],
    key: UpsertKey = "type-and-start",
) -> dict[str, Holding]:
    """The holdings that a record changes, as they are afterwards, by number.

    Same authority, number, type and start: end and delete date are replaced. A new start adds an entry (UPL-011),
    unless the setting `upload.upsert_key` leaves the start out.
    """
    changed: dict[str, Holding] = {}
    for plan in record.plans:
        subject = subject_of(plan, record.subjects)
        number = subject.nhs_number
        entry = Entry(plan, subject.kind, file_id)
        before = changed.get(number) or held.get(number)
        if before is None:
            changed[number] = Holding(number, authority, (subject,), (entry,))
            continue
        entries = [e for e in before.entries if not _is_same(e.plan, plan, key)]
        entries.append(entry)
        entries.sort(key=lambda e: (e.plan.start, e.plan.plan_type))
        subject = _with_local_id(subject, before.subjects)
        others = tuple(s for s in before.subjects if s.kind is not subject.kind)
        subjects = (subject, *others) if subject.kind is SubjectKind.CHILD else (*others, subject)
        changed[number] = Holding(number, authority, subjects, tuple(entries))
    return changed


def _is_same(held: ProtectionPlan, sent: ProtectionPlan, key: UpsertKey) -> bool:
    return held.plan_type is sent.plan_type and (key == "type" or held.start == sent.start)


def _with_local_id(subject: Subject, before: Iterable[Subject]) -> Subject:
    """The subject with the local id that was uploaded before, where this record has none (NTF-007, INA-002)."""
    known = next((s.local_id for s in before if s.kind is subject.kind), None)
    return replace(subject, local_id=known) if subject.local_id is None else subject


def is_over_age(born: date, *, on: date) -> bool:
    """The person is 18 or over on that day (DAT-016)."""
    return birthday(born, AGE_LIMIT) <= on


class Rule(StrEnum):
    """What decides whether an entry is shown, by the requirement that says so."""

    OPEN = "CPIS-RSP-001"
    DELETED = "CPIS-DAT-010"
    OF_AGE = "CPIS-DAT-016"
    RETENTION = "CPIS-DAT-018"
    UNBORN = "CPIS-DAT-019"


@dataclass(frozen=True, slots=True)
class Showing:
    """Whether an answer shows an entry on a day, and why.

    Attributes:
        entry: As it is shown: one that age has ended has that end.
        is_shown: It is.
        rule: What decides.
        last_day: On which it is shown; None where no day ends it.
    """

    entry: Entry
    is_shown: bool
    rule: Rule
    last_day: date | None = None


def showing(entry: Entry, *, on: date, born: date | None, data: DataSettings, age_limit: bool = True) -> Showing:
    """Whether an answer shows an entry on a day; arguments as of `visible`."""
    if entry.plan.delete is not None:
        return Showing(entry, False, Rule.DELETED)
    shown = _aged(entry, born, on) if age_limit else entry
    if shown.plan.end is None:
        return Showing(shown, True, Rule.OPEN)
    last = last_day(shown.plan.plan_type, shown.plan.end, data)
    rule = Rule.UNBORN if shown.plan.plan_type is PlanType.UNBORN else Rule.RETENTION
    if shown is not entry and on <= last:
        rule = Rule.OF_AGE
    return Showing(shown, on <= last, rule, last)


def visible(
    holding: Holding, *, on: date, born: date | None, data: DataSettings, age_limit: bool = True
) -> tuple[Entry, ...]:
    """The entries that an answer shows on a day, each as it is shown.

    Args:
        holding: What one authority shares under one number.
        on: The day of the query.
        born: Birth date on the demographic service; None when it knows nobody.
        data: How long ended plans stay.
        age_limit: An open plan ends on the eighteenth birthday (not one of an unborn child, DAT-017).
    """
    found = (showing(entry, on=on, born=born, data=data, age_limit=age_limit) for entry in holding.entries)
    return tuple(seen.entry for seen in found if seen.is_shown)


def last_day(plan_type: PlanType, end: datetime, data: DataSettings) -> date:
    """The last day on which a plan with this end is visible (DAT-018 to DAT-020)."""
    days = data.retention
    if plan_type is PlanType.UNBORN:
        days = data.unborn_grace if data.ucp_end_means == "due-date" else 0
    return end.date() + timedelta(days=days)


def _aged(entry: Entry, born: date | None, on: date) -> Entry:
    """The entry as it stands for somebody who may have come of age."""
    if entry.plan.plan_type is PlanType.UNBORN or born is None or not is_over_age(born, on=on):
        return entry
    adult = datetime.combine(birthday(born, AGE_LIMIT), datetime.min.time())
    if entry.plan.end is not None and entry.plan.end <= adult:
        return entry
    # A plan must not end before it starts; one that began after the birthday was never a child's.
    return replace(entry, plan=replace(entry.plan, end=max(adult, entry.plan.start)))


def records(holding: Holding, entries: Iterable[Entry]) -> Iterator[AuthorityRecord]:
    """A holding's visible entries as records of an answer: one, or more where there are over three plans."""
    listed = list(entries)
    for first in range(0, len(listed), PLANS_IN_A_RECORD):
        part = listed[first : first + PLANS_IN_A_RECORD]
        kinds = {e.kind for e in part}
        subjects = tuple(s for s in holding.subjects if s.kind in kinds)
        yield AuthorityRecord(holding.authority, PlanRecord(tuple(e.plan for e in part), subjects))
