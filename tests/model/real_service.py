"""The real service as the reference model speaks: the same requests, its replies in the model's words.

`StoredService` is the whole service but for sockets, folders and threads: files are bytes, what an authority is sent is
read from the outbox as bytes, and the store is SQLite. `CoreService` is its core over a register in memory, many times
faster.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import _GeneratorContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Protocol

from cpis_simulator.apps.claims import Claim, Claims, Folders
from cpis_simulator.apps.drop_delivery import Delivery
from cpis_simulator.apps.problems import Problems
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES, RegisteredAuthority
from cpis_simulator.driving import (
    Nothing,
    PdsPerson,
    PreviousName,
    PutPeople,
    RetiredNumber,
    RetireNumbers,
    ServiceClock,
    SetPds,
)
from cpis_simulator.model import (
    AccessNotification,
    Acknowledgement,
    AnswerMessage,
    Author,
    DeviceAuthor,
    InactiveNumberNotification,
    LocalId,
    NoRecord,
    Organisation,
    PersonAuthor,
    PlanRecord,
    ProtectionPlan,
    QueryMessage,
    Reply,
    ResponsiblePerson,
    Subject,
    SubjectKind,
    Telecom,
    Transmission,
    Upload,
)
from cpis_simulator.model import AuthorName as RealName
from cpis_simulator.model import Query as RealQuery
from cpis_simulator.service.notifications import Notice, access_notifications, inactive_notifications
from cpis_simulator.service.pds import Person as RealPerson
from cpis_simulator.service.pds import PersonName
from cpis_simulator.store.session import OutboxRow, Session
from cpis_simulator.store.world import World
from cpis_simulator.vocabulary import MessageKind, PlanType
from tests.model import reference as model
from tests.simulator.service_examples import MemoryRegister, settings

NAMES: Final = {a.ods_code: a.name for a in DEFAULT_AUTHORITIES}
KINDS: Final = {model.CPP: PlanType.CHILD_PROTECTION, model.LAC: PlanType.LOOKED_AFTER, model.UCP: PlanType.UNBORN}
SHORT: Final = {kind: short for short, kind in KINDS.items()}
SUBJECTS: Final = {model.CHILD: SubjectKind.CHILD, model.MOTHER: SubjectKind.MOTHER}
LEFT_OUT: Final = datetime(1901, 1, 1, 1, 1)
"""Stands in for a plan date that the file is to lack."""
STARTED: Final = datetime(2026, 1, 1, tzinfo=UTC)

Failures = tuple[tuple[str, str, str | None], ...]
"""Of each failed record: whom it names, or its place in the file; its code; its detail."""


Notification = model.AccessNotification | model.InactiveNotification


class _Unsent(Delivery):
    """Leaves everything in the outbox, where it is read."""

    def run(self) -> int:
        return 0


class _Fleeting(World):
    """Waits for no disk: there is no crash to survive here."""

    def write(self, *, durable: bool = False) -> _GeneratorContextManager[Session]:
        return super().write()


class RealService(Protocol):
    """What the play asks of the service; `reset` begins a new world."""

    def reset(self, people: dict[str, model.Person], now: datetime) -> None: ...
    def put(self, *people: model.Person) -> None: ...
    def set_clock(self, now: datetime) -> None: ...
    def set_pds(self, available: bool) -> None: ...
    def retire(self, replacements: dict[str, str | None]) -> None: ...
    def flush(self) -> None: ...
    def upload(self, upload: model.Upload) -> tuple[model.Acknowledgement, Failures]: ...
    def look_up(self, query: model.Query, made: datetime) -> model.Answer | model.NoRecord: ...
    def sent(self) -> list[Notification]: ...


class CoreService:
    """The core over a register in memory.

    Args:
        mode: `immediate`; `held`, where notifications wait until they are asked for.
        others: Settings other than their defaults, by group.
    """

    def __init__(self, mode: str, **others: Mapping[str, object]) -> None:
        self._choices = settings(**others)
        self._held = mode == "held"
        self._ids = itertools.count(1)

    def reset(self, people: dict[str, model.Person], now: datetime) -> None:
        self._register = MemoryRegister(_real_person(person) for person in people.values())
        self._now = now
        self._waiting: list[Notice] = []
        self._sent: list[Notification] = []

    def put(self, *people: model.Person) -> None:
        self._register.persons.update({person.nhs_number: _real_person(person) for person in people})

    def set_clock(self, now: datetime) -> None:
        self._now = now

    def set_pds(self, available: bool) -> None:
        self._register.pds = available

    def retire(self, replacements: dict[str, str | None]) -> None:
        persons = self._register.persons
        for old, new in replacements.items():
            persons[old] = replace(persons[old], inactive=True, superseded_by=new)
        made = inactive_notifications(replacements, self._register, now=self._now, ids=self._id)
        self._sent += [_inactive(told.recipient.ods_code, told) for told in made]

    def flush(self) -> None:
        made = access_notifications(self._waiting, now=self._now, ids=self._id)
        self._sent += [_accesses(told.recipient.ods_code, told) for told in made]
        self._waiting = []

    def upload(self, upload: model.Upload) -> tuple[model.Acknowledgement, Failures]:
        body, sender = file_of(upload, self._now), _registered(upload.sender)
        taken = self._register.take(body, authority=sender, choices=self._choices, now=self._now)
        return _acknowledged(upload.sender, taken.acknowledgement, self._now)

    def look_up(self, query: model.Query, made: datetime) -> model.Answer | model.NoRecord:
        outcome = self._register.ask(_message(query, made, self._id()), choices=self._choices, now=self._now)
        self._waiting += outcome.notices
        if not self._held:
            self.flush()
        return _answered(outcome.reply, query)

    def sent(self) -> list[Notification]:
        sent, self._sent = self._sent, []
        return sent

    def _id(self) -> str:
        return f"0B1D5C10-7A2E-4C55-9D01-{next(self._ids):012X}"


class StoredService:
    """One service in a folder of its own.

    Args:
        folder: For its store and its files.
        mode: `immediate`; `held`, where notifications wait until they are asked for; `window`, where they wait a day.
        others: Settings other than their defaults, by group.
    """

    def __init__(self, folder: Path, mode: str, **others: Mapping[str, object]) -> None:
        choices = settings(notify={"cadence": "window" if mode == "window" else "immediate"}, **others)
        counter = itertools.count(1)

        def ids() -> str:
            return f"0B1D5C10-7A2E-4C55-9D01-{next(counter):012X}"

        store = f"sqlite:///{folder / 'world.db'}"
        self.node = ServiceNode(choices, DEFAULT_AUTHORITIES, folder, store, None, ids, lambda: STARTED)
        for name in ("out", "spool", "in", "done"):
            (folder / name).mkdir()
        self._files = _Fleeting(store)
        delivery, spools = _Unsent(self._files, None, folder / "out", {}, Problems()), folder / "spool"
        self._claims = Claims(self._files, None, delivery, spools, choices, ids=ids, real_now=lambda: STARTED)
        self._held = mode != "immediate"
        self._ids = ids
        self._folder = folder
        self._after = 0
        self._now = STARTED

    def close(self) -> None:
        self._files.close()
        self.node.world.close()

    def reset(self, people: dict[str, model.Person], now: datetime) -> None:
        """An empty world with these people, whose clock shows `now`."""
        with self.node.world.write() as session:
            session.clear(now - STARTED, (), held=self._held)
        self._after = 0
        self._now = now
        self.put(*people.values())

    def put(self, *people: model.Person) -> None:
        self.node.put_people(PutPeople(people=[_pds_person(person) for person in people]))

    def set_clock(self, now: datetime) -> None:
        self.node.set_clock(ServiceClock(instant=now))
        self._now = now

    def set_pds(self, available: bool) -> None:
        self.node.set_pds(SetPds(available=available))

    def retire(self, replacements: dict[str, str | None]) -> None:
        numbers = [RetiredNumber(nhs_number=old, replaced_by=new) for old, new in replacements.items()]
        self.node.retire_numbers(RetireNumbers(numbers=numbers))

    def flush(self) -> None:
        self.node.flush_notifications(Nothing())

    def upload(self, upload: model.Upload) -> tuple[model.Acknowledgement, Failures]:
        """Take one file; its acknowledgement, and whom each failure names."""
        private = self._folder / "in" / self._ids()
        private.mkdir()
        path = private / f"{private.name}.xml"
        path.write_bytes(file_of(upload, self._now))
        done = self._folder / "done"
        folders = Folders(done, done, done, done, done, self._folder / "in")
        self._claims.finish(Claim(private.name, _registered(upload.sender), folders, path), fresh=True)
        [row] = self._new()
        assert row.kind == MessageKind.ACKNOWLEDGEMENT and row.body is not None
        return _acknowledged(row.authority, decode_acknowledgement(row.body), self._now)

    def look_up(self, query: model.Query, made: datetime) -> model.Answer | model.NoRecord:
        """Ask; a query delivered again was made earlier than now."""
        return _answered(self.node.answer(_message(query, made, self._ids())), query)

    def sent(self) -> list[Notification]:
        """The notifications since the last time."""
        return [_notification(row) for row in self._new()]

    def _new(self) -> list[OutboxRow]:
        with self.node.world.read() as session:
            rows = session.deliveries("pending", self._after, 1000)
        self._after = rows[-1].seq if rows else self._after
        return rows


def _registered(ods_code: str) -> RegisteredAuthority:
    return next(a for a in DEFAULT_AUTHORITIES if a.ods_code == ods_code)


def _acknowledged(authority: str, reply: Acknowledgement, now: datetime) -> tuple[model.Acknowledgement, Failures]:
    assert reply.receiver.ods_code == authority and reply.creation_time == now
    [code] = [coded.code for coded in reply.file_codes]
    failures = tuple(
        (_who(result.location, reply.echoes), result.code, result.detail[0].code if result.detail else None)
        for result in reply.results
    )
    assert reply.failed == len(failures)
    acknowledgement = model.Acknowledgement(authority, int(reply.file_id), str(code), reply.quantity, reply.stored)
    return acknowledgement, failures


def _message(query: model.Query, made: datetime, message_id: str) -> QueryMessage:
    assert query.event_id and query.nhs_number and query.author
    unscheduled = False if query.silent else None
    asked = RealQuery(made, query.event_id, _author(query.author), query.nhs_number, unscheduled)
    return QueryMessage(Transmission(message_id, "20260106101500", "999999000101", "999999000001"), asked)


def _answered(reply: Reply, query: model.Query) -> model.Answer | model.NoRecord:
    if isinstance(reply, NoRecord):
        return model.NoRecord()
    assert isinstance(reply, AnswerMessage)
    answer = reply.answer
    assert (answer.total_accesses, answer.total_records) == (len(answer.accesses), len(answer.records))
    assert all(1 <= len(record.record.plans) <= 3 for record in answer.records)
    entries = [
        model.Entry(
            record.authority.ods_code, _telephones(record.authority), SHORT[plan.plan_type], plan.start, plan.end
        )
        for record in answer.records
        for plan in record.record.plans
    ]
    assert len(set(entries)) == len(entries)
    accesses = [
        model.Access(
            a.event_id, a.nhs_number, _key(a.author), a.effective_time, query.silent and a.event_id == query.event_id
        )
        for a in answer.accesses
    ]
    return model.Answer(frozenset(entries), tuple(accesses))


def file_of(upload: model.Upload, now: datetime) -> bytes:
    """The bytes of a file."""
    if not upload.readable:
        return b"<File"
    telecom = tuple(Telecom(value, use) for use, value in upload.telephones)
    sender = Organisation(upload.authority, NAMES[upload.authority], telecom)
    records = tuple(_record(record, upload.authority) for record in upload.records)
    body = encode_upload(Upload(now, str(upload.file_id), upload.quantity, sender, records))
    body = body.replace(f'<value value="{LEFT_OUT:%Y%m%d%H%M}"/>'.encode(), b"<value/>")
    return body if upload.whole else body[:-9]


def _record(record: model.Record, authority: str) -> PlanRecord:
    local = LocalId(record.local_id, f"{authority}:{NAMES[authority]}") if record.local_id else None
    plans = tuple(ProtectionPlan(KINDS[p.kind], p.start or LEFT_OUT, _end(p), p.delete) for p in record.plans)
    subjects = tuple(
        Subject(
            SUBJECTS[kind], record.nhs_number, record.birth_date, " ".join(record.name.given), record.name.family, local
        )
        for kind in sorted(record.subjects)
    )
    return PlanRecord(plans, subjects)


def _end(plan: model.Plan) -> datetime | None:
    return LEFT_OUT if plan.kind == model.UCP and plan.end is None else plan.end


def _pds_person(person: model.Person) -> PdsPerson:
    names = [PreviousName(given=" ".join(name.given), family=name.family) for name in person.other_names]
    return PdsPerson(
        nhs_number=person.nhs_number,
        given=" ".join(person.name.given),
        family=person.name.family,
        birth_date=person.birth_date,
        previous_names=names,
        sensitive=person.sensitive,
        inactive=person.status != "active",
        superseded_by=person.replaced_by,
    )


def _real_person(person: model.Person) -> RealPerson:
    return RealPerson(
        nhs_number=person.nhs_number,
        name=PersonName(" ".join(person.name.given), person.name.family),
        birth_date=person.birth_date,
        previous_names=tuple(PersonName(" ".join(name.given), name.family) for name in person.other_names),
        sensitive=person.sensitive,
        inactive=person.status != "active",
        superseded_by=person.replaced_by,
    )


def _author(key: str) -> Author:
    """A person by SDS user id, or a system by its ASID."""
    hospital = Organisation("ZZ9", "EXAMPLETON TEST HOSPITALS")
    if key.startswith("999999"):
        lead = ResponsiblePerson("R0370", "Safeguarding Lead", RealName("Testlead", ("Romeo",), "Dr"))
        return DeviceAuthor(key, hospital, (lead,))
    return PersonAuthor("R8001", "Nurse Access Role", key, RealName("Testnurse", ("Quebec",), "Ms"), hospital)


def _key(author: Author) -> str:
    return author.user_id if isinstance(author, PersonAuthor) else author.asid


def _telephones(authority: Organisation) -> tuple[tuple[str, str], ...]:
    return tuple((telecom.use, telecom.value) for telecom in authority.telecom)


def _who(location: str, echoes: tuple[object, ...]) -> str:
    """The NHS number of the echo that a location points to, or the place in the file of a record that has none."""
    number = int(location.split("[")[1].split("]")[0])
    if location.startswith("/File/record"):
        return f"record {number}"
    echo = echoes[number - 1]
    return str(echo.subjects[0].nhs_number)  # type: ignore[attr-defined]


def _notification(row: OutboxRow) -> Notification:
    assert row.body is not None
    if row.kind == MessageKind.INACTIVE_NOTIFICATION:
        return _inactive(row.authority, decode_inactive_notification(row.body))
    assert row.kind == MessageKind.ACCESS_NOTIFICATION
    return _accesses(row.authority, decode_access_notification(row.body))


def _accesses(authority: str, told: AccessNotification) -> model.AccessNotification:
    items = [
        model.AccessItem(
            int(group.upload_file_id),
            model.Access(access.event_id, access.nhs_number, _key(access.author), access.effective_time, False),
            access.local_id.extension if access.local_id else None,
        )
        for group in told.groups
        for access in group.accesses
    ]
    assert told.recipient.ods_code == authority and told.total == len(items)
    return model.AccessNotification(authority, told.effective_time, tuple(items))


def _inactive(authority: str, told: InactiveNumberNotification) -> model.InactiveNotification:
    assert told.recipient.ods_code == authority
    items = [
        model.InactiveItem(
            number.nhs_number,
            number.replacements[0] if number.replacements else None,
            int(number.upload_file_id),
            number.local_id.extension if number.local_id else None,
        )
        for number in told.numbers
    ]
    return model.InactiveNotification(authority, told.effective_time, tuple(items))


def birthday_of(day: date, age: int) -> date:
    """When somebody was born who is so old on that day."""
    try:
        return day.replace(year=day.year - age)
    except ValueError:
        return date(day.year - age, 3, 1)
