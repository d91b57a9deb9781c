"""The CP-IS service as its rules say it: a small model to hold the real one against.

Written from the rules before the service was read, and importing nothing of it. Each rule is one short function that
names its requirements. Nothing here parses or writes a message: an upload is a list of records, an answer a list of
entries.

The rules leave some choices open; the model takes the default of each setting. Where they say nothing at all, it does
as follows: a day is a day in London, since plan dates have no offset and are written there; who was born on 29 February
turns 18 on 1 March; a death changes nothing. `docs/model.md` tells where the model was changed since, and why.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

CPP, LAC, UCP = "CPP", "LAC", "UCP"
CHILD, MOTHER = "child", "mother"
RETENTION_DAYS: Final = {CPP: 365, LAC: 365, UCP: 28}
LISTED: Final = 25
REPEAT: Final = timedelta(hours=24)
WINDOW: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Name:
    """Given names and a family name, of a record or of PDS."""

    given: tuple[str, ...]
    family: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of a record, dates as uploaded: local, without offset."""

    kind: str
    start: datetime | None
    end: datetime | None = None
    delete: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file."""

    nhs_number: str
    birth_date: date
    name: Name
    plans: tuple[Plan, ...]
    subjects: frozenset[str] = frozenset({CHILD})
    local_id: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """One file; `sender` owns the mailbox that it came from. Of a file that is not whole the header can be read."""

    sender: str
    authority: str
    file_id: int
    records: tuple[Record, ...]
    quantity: int
    telephones: tuple[tuple[str, str], ...] = (("EC", "tel:01632960002"),)
    readable: bool = True
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The reply to one file: failures are position (from 0), code and detail of CPR07."""

    authority: str
    file_id: int
    code: str
    quantity: int
    stored: int
    failures: tuple[tuple[int, str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A person on PDS under one number; `status` is active, superseded or retired."""

    nhs_number: str
    birth_date: date
    name: Name
    other_names: tuple[Name, ...] = ()
    sensitive: bool = False
    status: str = "active"
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One lookup; an author is a user id or an ASID, and what is None was left out."""

    event_id: str | None
    nhs_number: str | None
    author: str | None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """A lookup that was made, as the history and the notifications tell it."""

    event_id: str
    nhs_number: str
    author: str
    at: datetime
    silent: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One plan as an answer shows it."""

    authority: str
    telephones: tuple[tuple[str, str], ...]
    kind: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Entries in no ruled order, and the accesses newest first."""

    entries: frozenset[Entry]
    accesses: tuple[Access, ...]


@dataclass(frozen=True, slots=True)
class NoRecord:
    """Nothing is held, or nothing may be shown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The query itself is at fault."""

    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessItem:
    """One access in a notification, under the upload file that brought the record."""

    file_id: int
    access: Access
    local_id: str | None


@dataclass(frozen=True, slots=True)
class AccessNotification:
    """The batch for one authority; without items it is an empty one, total 0."""

    authority: str
    at: datetime
    items: tuple[AccessItem, ...]


@dataclass(frozen=True, slots=True)
class InactiveItem:
    """A number that is inactive, and the one that replaces it."""

    nhs_number: str
    replacement: str | None
    file_id: int
    local_id: str | None


@dataclass(frozen=True, slots=True)
class InactiveNotification:
    """Numbers of one authority that became inactive."""

    authority: str
    at: datetime
    items: tuple[InactiveItem, ...]


@dataclass(slots=True)
class Held:
    """What one authority holds under one number: each plan with the file that brought it, and its last header."""

    plans: dict[tuple[str, datetime], tuple[Plan, int]] = field(default_factory=dict)
    telephones: tuple[tuple[str, str], ...] = ()
    local_ids: dict[str, str] = field(default_factory=dict)

    def local_id(self) -> str | None:
        """The authority's own id if one was uploaded, the child's before the mother's (NTF-007, INA-002)."""
        return self.local_ids.get(CHILD) or self.local_ids.get(MOTHER)


def last_sunday(year: int, month: int) -> date:
    """The day on which the clocks change, in March or October (DAT-012)."""
    end = date(year, month, 31)
    return end - timedelta(days=(end.weekday() + 1) % 7)


def london_day(now: datetime) -> date:
    """The day in London at an instant: summer time from 01:00 UTC to 01:00 UTC (DAT-012, DAT-018)."""
    one = time(1, tzinfo=UTC)
    begins = datetime.combine(last_sunday(now.year, 3), one)
    ends = datetime.combine(last_sunday(now.year, 10), one)
    return (now + timedelta(hours=1) if begins <= now < ends else now).date()


def eighteenth_birthday(birth_date: date) -> date:
    """The day from which a person is 18 (DAT-016)."""
    if (birth_date.month, birth_date.day) == (2, 29):
        return date(birth_date.year + 18, 3, 1)
    return birth_date.replace(year=birth_date.year + 18)


def is_adult(person: Person, today: date) -> bool:
    """Whether PDS shows the person as 18 or over (DAT-016)."""
    return today >= eighteenth_birthday(person.birth_date)


def end_shown(plan: Plan, person: Person, today: date) -> datetime | None:
    """The end of a plan: its own, or the eighteenth birthday, save for a mother (DAT-016, DAT-017, MSG-013)."""
    if plan.kind == UCP or not is_adult(person, today):
        return plan.end
    birthday = datetime.combine(eighteenth_birthday(person.birth_date), time())
    if plan.end is not None and plan.end <= birthday:
        return plan.end
    return max(birthday, plan.start) if plan.start else birthday


def is_shown(plan: Plan, person: Person, today: date) -> bool:
    """Whether a plan is returned: not deleted, and inside its retention (DAT-010, DAT-018, DAT-019, DAT-020)."""
    if plan.delete is not None:
        return False
    end = end_shown(plan, person, today)
    return end is None or (today - end.date()).days <= RETENTION_DAYS[plan.kind]


def plain(name: str) -> str:
    """A name without case and accents, as it is compared (DAT-026)."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))


def names_agree(sent: Name, known: Name) -> bool:
    """Family name, then all given names, first to first, first to any (DAT-026)."""
    if plain(sent.family) != plain(known.family):
        return False
    ours, theirs = [plain(name) for name in sent.given], [plain(name) for name in known.given]
    return ours == theirs or ours[0] == theirs[0] or ours[0] in theirs


def is_verified(record: Record, person: Person) -> bool:
    """Birth date and name agree; the fourth step tries previous and other names (DAT-026, INA-009)."""
    if record.birth_date != person.birth_date:
        return False
    return any(names_agree(record.name, name) for name in (person.name, *person.other_names))


def has_check_digit(nhs_number: str) -> bool:
    """Whether a number is ten digits with the right modulus-11 check digit (DAT-029)."""
    if len(nhs_number) != 10 or not nhs_number.isdecimal():
        return False
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(nhs_number[:9], range(10, 1, -1), strict=True)) % 11
    return rest != 10 and int(nhs_number[9]) == rest % 11


def is_complete(record: Record) -> bool:
    """Every plan has a start date, an unborn child's plan an end date too (DAT-007, DAT-008, UPL-014)."""
    return all(plan.start is not None and (plan.kind != UCP or plan.end is not None) for plan in record.plans)


def ends_in_order(record: Record) -> bool:
    """No plan ends before it starts (MSG-013)."""
    return all(plan.end is None or plan.start is None or plan.end >= plan.start for plan in record.plans)


def subjects_fit(record: Record) -> bool:
    """An unborn child's plan has the mother as subject, the other plans a child (DAT-005, MSG-014)."""
    return all((MOTHER if plan.kind == UCP else CHILD) in record.subjects for plan in record.plans)


def telephones_fit(telephones: tuple[tuple[str, str], ...]) -> bool:
    """One emergency duty telephone, and no entry without a value (DAT-014)."""
    return [use for use, _ in telephones].count("EC") == 1 and all(value not in ("", "tel:") for _, value in telephones)


def fault_in_itself(record: Record, telephones: tuple[tuple[str, str], ...]) -> tuple[str, str | None] | None:
    """What is wrong with a record before PDS is asked (UPL-014, UPL-021, DAT-014, DAT-029)."""
    if not is_complete(record):
        return "CPR07", "CPRD01"
    if not (telephones_fit(telephones) and ends_in_order(record) and subjects_fit(record)):
        return "CPR07", "CPRD02"
    return None if has_check_digit(record.nhs_number) else ("CPR04", None)


def fault_on_pds(record: Record, person: Person | None, today: date) -> tuple[str, str | None] | None:
    """What PDS says against a record (UPL-020, UPL-021, INA-007, INA-008, DAT-016, DAT-017, DAT-026).

    A number retired without replacement is not on PDS any more: to say more would hint at an adoption.
    """
    if person is None or person.status == "retired":
        return "CPR01", None
    if person.status == "superseded":
        return "CPR05", None
    if person.sensitive:
        return "CPR02", None
    if not is_verified(record, person):
        return "CPR03", None
    if is_adult(person, today) and any(plan.kind != UCP for plan in record.plans):
        return "CPR07", "CPRD02"
    return None


def file_code(stored: int, failed: int) -> str:
    """All, some or none of the records were stored (ACK-004)."""
    if failed == 0:
        return "CPF02"
    return "CPF03" if stored else "CPF04"


def without_repeats(accesses: list[Access]) -> list[Access]:
    """Accesses in order of time without those of an author listed in the 24 hours before (RSP-007).

    The window is counted from the listed access, in hours that passed, not on the clock on the wall.
    """
    listed: list[Access] = []
    newest: dict[str, datetime] = {}
    for access in accesses:
        if access.author not in newest or access.at - newest[access.author] > REPEAT:
            listed.append(access)
            newest[access.author] = access.at
    return listed


@dataclass
class Service:
    """The state of CP-IS, and what it does with a file, a query, a change of PDS and the passing of time.

    Windows of notifications follow each other from the opening on; without empty batches, a window begins with its
    first access.
    """

    people: dict[str, Person]
    authorities: tuple[str, ...]
    opened: datetime
    windowed: bool = False
    empties: bool = True
    pds_is_up: bool = True
    held: dict[tuple[str, str], Held] = field(default_factory=dict)
    processed: dict[str, int] = field(default_factory=dict)
    unprocessed: set[tuple[str, int]] = field(default_factory=set)
    history: list[Access] = field(default_factory=list)
    waiting: list[tuple[str, AccessItem]] = field(default_factory=list)
    sent: list[AccessNotification | InactiveNotification] = field(default_factory=list)
    window_ends: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.window_ends = self.opened + WINDOW

    def upload(self, upload: Upload, now: datetime) -> Acknowledgement:
        """Take one file and answer it (ACK-001, ACK-002, ACK-003, UPL-022)."""
        if refused := self.file_fault(upload):
            quantity, file_id = (upload.quantity, upload.file_id) if upload.readable else (-1, -1)
            if refused == "CPF05":
                self.unprocessed.add((upload.authority, upload.file_id))
            return Acknowledgement(upload.sender, file_id, refused, quantity, 0)
        self.processed[upload.authority] = max(upload.file_id, self.processed.get(upload.authority, 0))
        self.unprocessed.discard((upload.authority, upload.file_id))
        failures = []
        for position, record in enumerate(upload.records):
            if fault := self.record_fault(record, upload, now):
                failures.append((position, *fault))
            else:
                self.store(record, upload)
        stored = len(upload.records) - len(failures)
        code = file_code(stored, len(failures))
        return Acknowledgement(upload.sender, upload.file_id, code, upload.quantity, stored, tuple(failures))

    def file_fault(self, upload: Upload) -> str | None:
        """Why a whole file is refused (UPL-001, UPL-004, UPL-013, UPL-015, OPS-001, MSG-001)."""
        if not (upload.readable and upload.whole and upload.records) or upload.quantity != len(upload.records):
            return "CPF01"
        if upload.sender != upload.authority or self.is_used(upload):
            return "CPF01"
        return None if self.pds_is_up else "CPF05"

    def is_used(self, upload: Upload) -> bool:
        """An id not above those processed, unless it was answered with CPF05 (UPL-003, UPL-013, ACK-009)."""
        if (upload.authority, upload.file_id) in self.unprocessed:
            return False
        return upload.file_id <= self.processed.get(upload.authority, 0)

    def record_fault(self, record: Record, upload: Upload, now: datetime) -> tuple[str, str | None] | None:
        """Why one record is refused (ACK-005)."""
        fault = fault_in_itself(record, upload.telephones)
        return fault or fault_on_pds(record, self.people.get(record.nhs_number), london_day(now))

    def store(self, record: Record, upload: Upload) -> None:
        """Put each plan where its key says; absence of others means nothing (UPL-009 to UPL-012, DAT-022, DAT-023)."""
        held = self.held.setdefault((upload.authority, record.nhs_number), Held())
        for plan in record.plans:
            assert plan.start is not None
            held.plans[plan.kind, plan.start] = plan, upload.file_id
            if record.local_id:
                held.local_ids[MOTHER if plan.kind == UCP else CHILD] = record.local_id
        held.telephones = upload.telephones

    def found(self, nhs_number: str, today: date) -> dict[str, list[tuple[Entry, int]]]:
        """The entries shown, by authority; an inactive number finds nothing (DAT-004, DAT-022, RSP-010, INA-007)."""
        person = self.people.get(nhs_number)
        if person is None or person.status != "active":
            return {}
        shown = {authority: self.entries(authority, person, today) for authority in self.authorities}
        return {authority: entries for authority, entries in shown.items() if entries}

    def entries(self, authority: str, person: Person, today: date) -> list[tuple[Entry, int]]:
        """One authority's plans of a person as an answer shows them, each with its file (RSP-001, DAT-009)."""
        held = self.held.get((authority, person.nhs_number), Held())
        return [
            (Entry(authority, held.telephones, kind, start, end_shown(plan, person, today)), file_id)
            for (kind, start), (plan, file_id) in held.plans.items()
            if is_shown(plan, person, today)
        ]

    def look_up(self, query: Query, now: datetime) -> Answer | NoRecord | Refusal:
        """Answer one query, and do what follows from it (QRY-003, QRY-007, QRY-012, RSP-003, RSP-011, NTF-001)."""
        if query.event_id is None or query.nhs_number is None or query.author is None:
            return Refusal(tuple(name for name in ("event_id", "nhs_number", "author") if getattr(query, name) is None))
        found = self.found(query.nhs_number, london_day(now))
        if not found:
            return NoRecord()
        own = next((access for access in self.history if access.event_id == query.event_id), None)
        if own is None:
            own = Access(query.event_id, query.nhs_number, query.author, now, query.silent)
            self.history.append(own)
            for authority, entries in found.items() if not query.silent else ():
                self.notify(authority, max(file_id for _, file_id in entries), own, now)
        return Answer(frozenset(entry for entries in found.values() for entry, _ in entries), self.accesses(own))

    def accesses(self, own: Access) -> tuple[Access, ...]:
        """Unscheduled and its own, no repeats, 25, newest first (DAT-024, DAT-025, RSP-007, RSP-008)."""
        listed = [a for a in self.history if a.nhs_number == own.nhs_number and (not a.silent or a == own)]
        return tuple(reversed(without_repeats(listed)))[:LISTED]

    def notify(self, authority: str, file_id: int, access: Access, now: datetime) -> None:
        """Tell one authority of an access, at once or with its window (NTF-005, NTF-006, NTF-007, NTF-009)."""
        item = AccessItem(file_id, access, self.held[authority, access.nhs_number].local_id())
        if self.windowed:
            if not self.waiting and not self.empties:
                self.window_ends = now + WINDOW
            self.waiting.append((authority, item))
        else:
            self.sent.append(AccessNotification(authority, now, (item,)))

    def advance(self, now: datetime) -> None:
        """Let time pass: each window that ends by then is delivered, in order (NTF-009)."""
        while self.windowed and self.window_ends <= now and (self.waiting or self.empties):
            self.close_window(self.window_ends)
            self.window_ends += WINDOW

    def close_window(self, now: datetime) -> None:
        """Send each authority one batch, an empty one too where nobody looked (NTF-006, NTF-008, NTF-009)."""
        for authority in self.authorities:
            items = tuple(item for owner, item in self.waiting if owner == authority)
            if items or self.empties:
                self.sent.append(AccessNotification(authority, now, items))
        self.waiting.clear()

    def merge(self, old: str, new: str, now: datetime) -> None:
        """PDS replaces a number by another (INA-001, INA-002, INA-008)."""
        self.inactivate({old: new}, now)

    def adopt(self, old: str, new: Person, now: datetime) -> None:
        """PDS retires a number and knows the child under a new one that nobody is told of (INA-007)."""
        self.people[new.nhs_number] = new
        self.inactivate({old: None}, now)

    def inactivate(self, replacements: dict[str, str | None], now: datetime) -> None:
        """Make numbers inactive and tell each authority that used them, in one message (INA-001, INA-002, IG-010)."""
        for old, new in replacements.items():
            status = "superseded" if new else "retired"
            self.people[old] = replace(self.people[old], status=status, replaced_by=new)
        for authority in self.authorities:
            items = tuple(
                InactiveItem(old, new, file_id, self.held[authority, old].local_id())
                for old, new in replacements.items()
                if (file_id := self.file_in_use(authority, old))
            )
            if items:
                self.sent.append(InactiveNotification(authority, now, items))

    def file_in_use(self, authority: str, nhs_number: str) -> int | None:
        """The last file about a number that an authority uses; a withdrawn entry is no use of it (INA-001, INA-002)."""
        plans = self.held.get((authority, nhs_number), Held()).plans.values()
        return max((file_id for plan, file_id in plans if plan.delete is None), default=None)

    def correct_birth_date(self, nhs_number: str, birth_date: date) -> None:
        """PDS changes a birth date; records match from then on by the new one (INA-009)."""
        self.people[nhs_number] = replace(self.people[nhs_number], birth_date=birth_date)
