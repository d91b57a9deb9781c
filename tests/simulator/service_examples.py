"""Made-up people, plans, files and queries for the tests of the service, and a register in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from cpis_simulator.directory import DEFAULT_AUTHORITIES, RegisteredAuthority
from cpis_simulator.model import (
    Access,
    Acknowledgement,
    Author,
    AuthorName,
    FaultyRecord,
    LocalId,
    Organisation,
    PersonAuthor,
    PlanRecord,
    ProtectionPlan,
    Query,
    QueryMessage,
    Subject,
    SubjectKind,
    Transmission,
    Upload,
)
from cpis_simulator.service.lookups import LookUpOutcome, look_up
from cpis_simulator.service.notifications import file_number
from cpis_simulator.service.pds import TEST_PEOPLE, Person
from cpis_simulator.service.register import Holding, StoredQuery
from cpis_simulator.service.uploads import Changes, Ingest, Standing, Unreadable, UploadOutcome, ingest_pieces
from cpis_simulator.settings import Settings
from cpis_simulator.vocabulary import PlanType

NOW = datetime(2026, 1, 6, 10, 15, tzinfo=UTC)
Z99, Z98, Z97 = DEFAULT_AUTHORITIES
ALPHA, BRAVO, CHARLIE, ECHO = "9990001014", "9990001022", "9990001030", "9990001065"
SENSITIVE, REPLACEMENT, SUPERSEDED, WRONG_DIGIT = "9990001057", "9990001049", "9990001081", "9990001013"


def ids() -> Callable[[], str]:
    """UUIDs that count."""
    counter = itertools.count(1)
    return lambda: f"0B1D5C10-7A2E-4C55-9D01-{next(counter):012}"


def plan(
    plan_type: PlanType = PlanType.CHILD_PROTECTION,
    start: str = "2025-11-01",
    end: str | None = None,
    delete: str | None = None,
) -> ProtectionPlan:
    """A plan by days."""
    day = datetime.fromisoformat
    return ProtectionPlan(plan_type, day(start), day(end) if end else None, day(delete) if delete else None)


def child(
    number: str = ALPHA,
    given: str = "Alpha",
    family: str = "Testcase",
    born: str = "2017-03-14",
    local_id: str | None = "LOCAL-0001",
    kind: SubjectKind = SubjectKind.CHILD,
) -> Subject:
    """The subject Alpha Testcase, or a variation."""
    local = LocalId(local_id, "Z99:EXAMPLETON TEST COUNCIL") if local_id else None
    return Subject(kind, number, date.fromisoformat(born), given, family, local)


def mother() -> Subject:
    """Charlie Testcase, mother of an unborn child."""
    return child(CHARLIE, "Charlie", born="1999-07-07", local_id=None, kind=SubjectKind.MOTHER)


def record(*plans: ProtectionPlan, subjects: Sequence[Subject] = ()) -> PlanRecord:
    """A record, of Alpha unless told otherwise."""
    return PlanRecord(plans or (plan(),), tuple(subjects) or (child(),))


def upload(
    *records: PlanRecord | FaultyRecord,
    file_id: str = "42",
    quantity: int | None = None,
    sender: Organisation | None = None,
) -> Upload:
    """A file of Z99."""
    held = records or (record(),)
    count = len(held) if quantity is None else quantity
    return Upload(NOW, file_id, count, sender or Z99.organisation(), held)


def nurse(user_id: str = "999900000001") -> PersonAuthor:
    """Ms Quebec Testnurse, or a colleague by another user id."""
    return PersonAuthor(
        role_code="R8001",
        role_name="Nurse Access Role",
        user_id=user_id,
        name=AuthorName("Testnurse", ("Quebec",), "Ms"),
        organisation=Organisation("ZZ9", "EXAMPLETON TEST HOSPITALS"),
        role_profile_id="999900000002",
    )


def query(
    number: str = ALPHA,
    *,
    event: int = 1,
    at: datetime = NOW,
    author: Author | None = None,
    unscheduled: bool | None = None,
) -> QueryMessage:
    """A query of the nurse."""
    return QueryMessage(
        Transmission(f"0B1D5C10-7A2E-4C55-9D03-{event:012}", "20260106101500", "999999000101", "999999000001"),
        Query(at, f"0B1D5C10-7A2E-4C55-9D02-{event:012}", author or nurse(), number, unscheduled),
    )


def settings(**groups: Mapping[str, object]) -> Settings:
    """Defaults but for the given values: `settings(upload={"bad_record": "file"})`."""
    return Settings.model_validate(groups)


class MemoryRegister:
    """A register in memory, with what the core's tests do to it."""

    def __init__(self, people: Iterable[Person] = TEST_PEOPLE) -> None:
        self.persons = {p.nhs_number: p for p in people}
        self.held: dict[tuple[str, str], Holding] = {}
        self.files: dict[tuple[str, str], str] = {}
        self.queries: list[StoredQuery] = []
        self.pds = True

    def is_pds_available(self) -> bool:
        return self.pds

    def people(self, nhs_numbers: Collection[str]) -> Mapping[str, Person]:
        return {n: self.persons[n] for n in nhs_numbers if n in self.persons}

    def holdings_of(self, ods_code: str, nhs_numbers: Collection[str]) -> Mapping[str, Holding]:
        return {n: self.held[n, ods_code] for n in nhs_numbers if (n, ods_code) in self.held}

    def holdings(self, nhs_number: str) -> Sequence[Holding]:
        return [holding for (number, _), holding in sorted(self.held.items()) if number == nhs_number]

    def last_file_number(self, ods_code: str) -> int | None:
        numbers = [
            file_number(i) or 0 for (ods, i), standing in self.files.items()
            if ods == ods_code and standing == Standing.PROCESSED
        ]  # fmt: skip
        return max(numbers, default=None)

    def standing_of_file(self, ods_code: str, file_id: str) -> str | None:
        return self.files.get((ods_code, file_id))

    def earlier_query(self, query: Query) -> bool | None:
        key = (query.event_id, query.nhs_number, query.is_silent())
        found = [q.found for q in self.queries if (q.query.event_id, q.query.nhs_number, q.query.is_silent()) == key]
        return any(found) if found else None

    def last_listed(self, nhs_number: str, author_key: str, *, until: datetime) -> datetime | None:
        times = [
            q.query.effective_time for q in self._listed(nhs_number)
            if q.author_key == author_key and q.query.effective_time <= until
        ]  # fmt: skip
        return max(times, default=None)

    def history(self, nhs_number: str, limit: int) -> Sequence[Access]:
        newest_first = self._listed(nhs_number)[::-1]
        listed = sorted(newest_first, key=lambda q: q.query.effective_time, reverse=True)
        return [Access(q.query.effective_time, q.query.event_id, q.query.author, nhs_number) for q in listed[:limit]]

    def _listed(self, nhs_number: str) -> list[StoredQuery]:
        return [q for q in self.queries if q.listed and q.query.nhs_number == nhs_number]

    def take(
        self,
        file: Upload | Unreadable | bytes,
        *,
        authority: RegisteredAuthority = Z99,
        choices: Settings | None = None,
        now: datetime = NOW,
    ) -> Taken:
        """Process a file and keep what comes of it, as the store does."""
        choices = choices or Settings()
        spool = MemorySpool(self)
        ingest = Ingest(authority, spool, choices, now)
        if isinstance(file, bytes):
            agree = "content-id" in choices.upload.business_checks
            outcome = ingest_pieces([file], ingest, spool.keep, content_id=agree)
        elif isinstance(file, Unreadable):
            outcome = ingest.refuse(file)
        else:
            outcome = _ingest(file, ingest, spool)
        changes = spool.changes if outcome.standing is Standing.PROCESSED else Changes()
        self.persons.update(changes.learned)
        self.held.update({(number, authority.ods_code): held for number, held in changes.holdings.items()})
        if outcome.standing is not Standing.REJECTED:
            self.files[authority.ods_code, outcome.acknowledgement.file_id] = outcome.standing
        answer = replace(outcome.acknowledgement, results=tuple(changes.results), echoes=tuple(changes.echoes))
        return Taken(answer, outcome.standing, outcome.reason, (*outcome.warnings, *changes.warnings), changes)

    def ask(
        self, message: QueryMessage | None = None, *, choices: Settings | None = None, now: datetime = NOW
    ) -> LookUpOutcome:
        """Look up and keep what comes of it, as the store does."""
        outcome = look_up(message or query(at=now), self, settings=choices or Settings(), now=now, ids=ids())
        if outcome.query is not None:
            self.queries.append(outcome.query)
        return outcome


@dataclass
class Taken:
    """What came of a file: its whole answer, and what it changed."""

    acknowledgement: Acknowledgement
    standing: Standing
    reason: str
    warnings: tuple[str, ...]
    changes: Changes


class MemorySpool:
    """What a file has changed so far, over what a register holds."""

    def __init__(self, register: MemoryRegister) -> None:
        self.register = register
        self.changes = Changes()

    def keep(self, changes: Changes) -> None:
        self.changes.holdings.update(changes.holdings)
        self.changes.learned.update(changes.learned)
        self.changes.results += changes.results
        self.changes.echoes += changes.echoes
        self.changes.warnings += changes.warnings

    def is_pds_available(self) -> bool:
        return self.register.is_pds_available()

    def people(self, nhs_numbers: Collection[str]) -> Mapping[str, Person]:
        learned = {n: self.changes.learned[n] for n in nhs_numbers if n in self.changes.learned}
        return {**self.register.people(nhs_numbers), **learned}

    def holdings_of(self, ods_code: str, nhs_numbers: Collection[str]) -> Mapping[str, Holding]:
        changed = {n: self.changes.holdings[n] for n in nhs_numbers if n in self.changes.holdings}
        return {**self.register.holdings_of(ods_code, nhs_numbers), **changed}

    def last_file_number(self, ods_code: str) -> int | None:
        return self.register.last_file_number(ods_code)

    def standing_of_file(self, ods_code: str, file_id: str) -> str | None:
        return self.register.standing_of_file(ods_code, file_id)


def _ingest(file: Upload, ingest: Ingest, spool: MemorySpool) -> UploadOutcome:
    """A file that was never bytes, some records at a time."""
    if refusal := ingest.begin(file.header()):
        return refusal
    numbered = list(enumerate(file.records, start=1))
    for first in range(0, len(numbered), 500):
        changes = ingest.take(numbered[first : first + 500])
        if isinstance(changes, UploadOutcome):
            return changes
        spool.keep(changes)
    return ingest.finish(len(file.records))


def people_with(number: str, **changes: object) -> list[Person]:
    """The test people, one of them changed."""
    return [replace(p, **changes) if p.nhs_number == number else p for p in TEST_PEOPLE]  # type: ignore[arg-type]  # by field name


DAY = timedelta(days=1)
