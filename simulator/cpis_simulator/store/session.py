"""One transaction of a world: the core's `Register`, and everything else that is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, delete, func, select, update

from cpis_simulator.model import Access, Query
from cpis_simulator.service.notifications import Notice, file_number
from cpis_simulator.service.pds import Person
from cpis_simulator.service.register import Holding, StoredQuery
from cpis_simulator.spine.delivery import Course, OutgoingReply, Standing
from cpis_simulator.store import rows, schema
from cpis_simulator.store.statements import SIZES, Prepared


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A file on its way to an authority; a large one has no `body` but was staged when the row was made."""

    seq: int
    delivery: str
    authority: str
    kind: str
    name: str
    body: bytes | None
    state: str


@dataclass(frozen=True, slots=True)
class State:
    """The world's switches."""

    clock_offset: timedelta
    pds_available: bool
    held: bool
    epoch: int
    setup: int
    due: datetime | None = None
    window: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToldRow:
    """That an authority was told of something under a number; the file's name is None until it is delivered."""

    authority: str
    kind: str
    at: datetime
    file_id: str
    about: str
    name: str
    is_delivered: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """An upload file that was answered."""

    name: str
    at: datetime


HoldingRow: TypeAlias = tuple[str, str, str]
"""Number, authority and body of a row of `holdings`."""


class Session:
    """One transaction; the core's `Register` and everything else that is read and written in it."""

    def __init__(self, connection: Connection, prepared: Prepared) -> None:
        """Work on a connection that is in a transaction."""
        self._connection = connection
        self._prepared = prepared
        # The driver's own cursor, in the same transaction: SQLAlchemy's result around each of the short statements of
        # a lookup costs five times what the statement does.
        self._cursor: Any = None
        self._state: State | None = None

    # The world's switches.

    def state(self) -> State:
        """The switches, read once in a transaction."""
        if self._state is None:
            ((offset, pds, held, epoch, setup, due, window),) = self._run("state")
            self._state = State(
                timedelta(microseconds=offset),
                bool(pds),
                bool(held),
                epoch,
                setup,
                None if due is None else rows.instant(due),
                None if window is None else rows.instant(window),
            )
        return self._state

    def now(self, real: datetime) -> datetime:
        """What the world's clock shows at a real instant."""
        return real + self.state().clock_offset

    def set_clock(self, offset: timedelta) -> None:
        """The world's clock is this far from real time."""
        self._set(clock_offset_us=offset // timedelta(microseconds=1))

    def set_pds(self, *, available: bool) -> None:
        """Switch the demographic service."""
        self._set(pds_available=int(available))

    def set_held(self, *, held: bool) -> None:
        """Let notifications wait, or not."""
        self._set(held=int(held))

    def set_due(self, at: datetime | None) -> None:
        """When the next thing falls due; no upload need be judged anew for it."""
        self._update(due_us=None if at is None else rows.microseconds(at))

    def set_window(self, at: datetime) -> None:
        """When the last window of notifications ended."""
        self._update(window_us=rows.microseconds(at))

    def is_pds_available(self) -> bool:
        """The demographic service answers."""
        return self.state().pds_available

    def silent(self) -> frozenset[str]:
        """Authorities whose files stay unanswered."""
        return frozenset(self._connection.execute(select(schema.silent.c.authority)).scalars())

    def set_silent(self, authority: str, *, silent: bool) -> None:
        """Leave an authority's files unanswered, or not."""
        self._connection.execute(delete(schema.silent).where(schema.silent.c.authority == authority))
        if silent:
            self._connection.execute(schema.silent.insert().values(authority=authority))

    def document(self, name: str) -> str | None:
        """A text that some other part keeps in the world, such as a fault script."""
        return self._connection.execute(
            select(schema.documents.c.value).where(schema.documents.c.name == name)
        ).scalar()

    def put_document(self, name: str, value: str) -> None:
        """Keep or replace such a text; a reset forgets it."""
        self._connection.execute(self._prepared.upsert_document, {"name": name, "value": value})

    def clear(
        self,
        clock_offset: timedelta,
        people: Iterable[Person],
        changes: Iterable[tuple[datetime, str]] = (),
        *,
        held: bool,
    ) -> None:
        """Empty every table but the version."""
        for table in reversed(schema.metadata.sorted_tables):
            if table not in (schema.meta, schema.world):
                self._connection.execute(delete(table))
        offset = clock_offset // timedelta(microseconds=1)
        self._set(clock_offset_us=offset, pds_available=1, held=int(held), counter=0, due_us=None, window_us=None)
        self._change_setup()
        self.put_people(people)
        self.schedule(changes)

    def _set(self, **values: object) -> None:
        self._update(**values, epoch=schema.world.c.epoch + 1)

    def _update(self, **values: object) -> None:
        self._connection.execute(update(schema.world).values(**values))
        self._state = None

    # What falls due.

    def schedule(self, changes: Iterable[tuple[datetime, str]]) -> None:
        """Changes of people that wait for their instant."""
        listed = list(changes)
        if not listed:
            return
        values = [{"at_us": rows.microseconds(at), "body": body} for at, body in listed]
        self._connection.execute(schema.changes.insert(), values)
        first, due = min(at for at, _ in listed), self.state().due
        if due is None or first < due:
            self.set_due(first)

    def next_change(self) -> datetime | None:
        """When the next of them is due."""
        found = self._connection.execute(select(func.min(schema.changes.c.at_us))).scalar()
        return None if found is None else rows.instant(found)

    def take_changes(self, at: datetime) -> list[str]:
        """Those of one instant, in the order they were given; they wait no more."""
        table = schema.changes
        these = table.c.at_us == rows.microseconds(at)
        found = list(self._connection.execute(select(table.c.body).where(these).order_by(table.c.seq)).scalars())
        self._connection.execute(delete(table).where(these))
        return found

    def waiting_changes(self, nhs_number: str) -> list[tuple[datetime, str]]:
        """Those that name a number and wait."""
        table = schema.changes
        found = self._connection.execute(
            select(table.c.at_us, table.c.body).where(table.c.body.contains(nhs_number)).order_by(table.c.at_us)
        )
        return [(rows.instant(at), body) for at, body in found]

    # People and holdings.

    def people(self, nhs_numbers: Collection[str]) -> Mapping[str, Person]:
        """The people among these numbers."""
        if len(nhs_numbers) == 1:
            found: Iterable[Any] = self._run("person", *nhs_numbers)
        else:
            found = self._run_many("people", nhs_numbers)
        return {row[0]: rows.read_person(row) for row in found}

    def put_people(self, people: Iterable[Person]) -> None:
        """Add people to the demographic service, or replace them there."""
        values = [rows.write_person(person) for person in people]
        if values:
            self._put("put_person", values)
            self._set()

    def learn_people(self, people: Iterable[rows.PersonRow]) -> None:
        """As `put_people`, for what an upload has taught, however many; judges no other upload anew."""
        self._put("put_person", people)

    def holdings_of(self, ods_code: str, nhs_numbers: Collection[str]) -> Mapping[str, Holding]:
        """One authority's holdings under these numbers."""
        found = self._run_many("holdings of", nhs_numbers, ods_code)
        return {number: rows.read_holding(number, body) for number, body in found}

    def holdings(self, nhs_number: str) -> Sequence[Holding]:
        """All authorities' holdings under a number, by ODS code."""
        return [rows.read_holding(nhs_number, body) for (body,) in self._run("holdings", nhs_number)]

    def put_holdings(self, holdings: Iterable[HoldingRow]) -> None:
        """New states of holdings, however many."""
        self._put("put_holding", holdings)

    # Files and claims.

    def last_file_number(self, ods_code: str) -> int | None:
        """The highest sequence number that was processed."""
        table = schema.files
        return self._connection.execute(
            select(func.max(table.c.number)).where(table.c.authority == ods_code, table.c.standing == "processed")
        ).scalar()

    def standing_of_file(self, ods_code: str, file_id: str) -> str | None:
        """`processed` or `unavailable`, None when no file of that id was answered so."""
        table = schema.files
        return self._connection.execute(
            select(table.c.standing).where(table.c.authority == ods_code, table.c.file_id == file_id)
        ).scalar()

    def put_file(self, ods_code: str, file_id: str, standing: str, name: str, at: datetime) -> None:
        """Remember how a file id was answered, and of which file."""
        self._connection.execute(
            self._prepared.upsert_file,
            {
                "authority": ods_code,
                "file_id": file_id,
                "number": file_number(file_id),
                "standing": standing,
                "name": name,
                "at_us": rows.microseconds(at),
            },
        )

    def file(self, ods_code: str, file_id: str) -> FileRow | None:
        """The file that was answered last under an id."""
        table = schema.files
        found = self._connection.execute(
            select(table.c.name, table.c.at_us).where(table.c.authority == ods_code, table.c.file_id == file_id)
        ).first()
        return None if found is None else FileRow(found.name, rows.instant(found.at_us))

    def claim(self, claim_id: str) -> str | None:
        """Where the file of a claim goes when all is done; None when the claim was not processed yet."""
        return self._connection.execute(
            select(schema.claims.c.destination).where(schema.claims.c.claim_id == claim_id)
        ).scalar()

    def add_claim(self, claim_id: str, authority: str, name: str, destination: str, at: datetime) -> None:
        """The file was processed, with all that comes of it in this transaction."""
        self._connection.execute(
            schema.claims.insert().values(
                claim_id=claim_id,
                authority=authority,
                name=name,
                destination=destination,
                at_us=rows.microseconds(at),
            )
        )

    def last_upload_name(self, authority: str) -> str | None:
        """Name of the authority's last file that was picked up."""
        table = schema.claims
        return self._connection.execute(
            select(table.c.name).where(table.c.authority == authority).order_by(table.c.at_us.desc()).limit(1)
        ).scalar()

    # Queries and notices.

    def earlier_query(self, query: Query) -> bool | None:
        """The query came before: whether it found a record then."""
        ((found,),) = self._run("earlier_query", query.event_id, query.nhs_number, int(query.is_silent()))
        return None if found is None else bool(found)

    def last_listed(self, nhs_number: str, author_key: str, *, until: datetime) -> datetime | None:
        """Time of the author's last listed access to the number, not after `until`."""
        ((found,),) = self._run("last_listed", nhs_number, author_key, rows.microseconds(until))
        return None if found is None else rows.instant(found)

    def history(self, nhs_number: str, limit: int) -> Sequence[Access]:
        """The number's last listed accesses, newest first."""
        return [
            Access(datetime.fromisoformat(effective), event_id, rows.read_author(author), nhs_number)
            for effective, event_id, author in self._run("history", nhs_number, limit)
        ]

    def add_query(self, kept: StoredQuery) -> None:
        """Keep a query."""
        query = kept.query
        self._run(
            "add_query",
            query.nhs_number,
            query.event_id,
            query.effective_time.isoformat(),
            rows.microseconds(query.effective_time),
            rows.microseconds(kept.received),
            int(query.is_silent()),
            int(kept.found),
            int(kept.listed),
            kept.author_key,
            rows.write_author(query.author),
        )

    def stored_queries(self, nhs_number: str) -> list[StoredQuery]:
        """Every query on a number, in the order they came."""
        table = schema.queries
        found = self._connection.execute(select(table).where(table.c.nhs_number == nhs_number).order_by(table.c.seq))
        return [
            StoredQuery(
                Query(
                    datetime.fromisoformat(row.effective),
                    row.event_id,
                    rows.read_author(row.author),
                    row.nhs_number,
                    not row.silent,
                ),
                rows.instant(row.received_us),
                row.author_key,
                bool(row.found),
                bool(row.listed),
            )
            for row in found
        ]

    def queries(self, nhs_number: str) -> list[dict[str, object]]:
        """Every query on a number as plain facts, for a person mending a run."""
        table = schema.queries
        found = self._connection.execute(select(table).where(table.c.nhs_number == nhs_number).order_by(table.c.seq))
        return [dict(row) for row in found.mappings()]

    def add_notice(self, notice: Notice, made: datetime) -> None:
        """Let a notice wait."""
        self._run("add_notice", notice.recipient.ods_code, rows.microseconds(made), rows.write_notice(notice))

    def take_notices(self) -> list[Notice]:
        """The notices that wait, in their order; they wait no more."""
        bodies = self._connection.execute(select(schema.notices.c.body).order_by(schema.notices.c.seq)).scalars()
        found = [rows.read_notice(body) for body in bodies]
        self._connection.execute(delete(schema.notices))
        return found

    def waiting_notices(self, nhs_number: str) -> list[tuple[datetime, Notice]]:
        """Those that wait and are about a number, and since when."""
        table = schema.notices
        found = self._connection.execute(
            select(table.c.made_us, table.c.body).where(table.c.body.contains(nhs_number)).order_by(table.c.seq)
        )
        read = [(rows.instant(made), rows.read_notice(body)) for made, body in found]
        return [(made, notice) for made, notice in read if notice.access.nhs_number == nhs_number]

    def oldest_notice(self) -> datetime | None:
        """Since when the oldest notice waits."""
        found = self._connection.execute(select(func.min(schema.notices.c.made_us))).scalar()
        return None if found is None else rows.instant(found)

    # Outbox.

    def next_counter(self) -> int:
        """A number for the name of a notification file."""
        ((counter,),) = self._run("count")
        return int(counter)

    def add_delivery(self, delivery: str, authority: str, kind: str, name: str, body: bytes | None) -> None:
        """A file to be put into an authority's receiving folder; without a body it stands among the staged ones."""
        self._run("add_delivery", delivery, authority, kind, name, body, "pending")

    def add_told(
        self, nhs_number: str, authority: str, kind: str, at: datetime, file_id: str, about: str, delivery: str
    ) -> None:
        """An authority is told of something under a number, in a file of that delivery."""
        self._run("add_told", nhs_number, authority, kind, rows.microseconds(at), file_id, about, delivery)

    def told(self, nhs_number: str) -> list[ToldRow]:
        """What authorities were told of a number, in its order."""
        told, outbox = schema.told, schema.outbox
        found = self._connection.execute(
            select(told, outbox.c.name, outbox.c.state)
            .join(outbox, outbox.c.delivery == told.c.delivery)
            .where(told.c.nhs_number == nhs_number)
            .order_by(told.c.seq)
        )
        return [
            ToldRow(
                row.authority,
                row.kind,
                rows.instant(row.at_us),
                row.file_id,
                row.about,
                row.name,
                row.state == "delivered",
            )
            for row in found
        ]

    def deliveries(self, state: str, after: int, limit: int) -> list[OutboxRow]:
        """Files in a state, in their order, from behind a row on."""
        return [OutboxRow(*row) for row in self._run("deliveries", state, after, limit)]

    def has_delivery(self, delivery: str) -> bool:
        """The file is, or was, on its way to an authority."""
        table = schema.outbox
        found = self._connection.execute(select(table.c.seq).where(table.c.delivery == delivery)).first()
        return found is not None

    def delivered_name(self, delivery: str) -> str | None:
        """Under what name a file was delivered, None when it is still on its way."""
        table = schema.outbox
        return self._connection.execute(
            select(table.c.name).where(table.c.delivery == delivery, table.c.state == "delivered")
        ).scalar()

    def mark_staged(self, names: Mapping[str, str]) -> None:
        """These deliveries stand whole under their private names and will appear under the given ones."""
        table = schema.outbox
        statement = (
            update(table).where(table.c.delivery == bindparam("which")).values(state="staged", name=bindparam("final"))
        )
        self._connection.execute(statement, [{"which": d, "final": name} for d, name in names.items()])

    def mark_delivered(self, deliveries: Sequence[str]) -> None:
        """These stand in the receiving folder and in evidence; their bytes are no longer needed here."""
        table = schema.outbox
        statement = update(table).where(table.c.delivery == bindparam("which")).values(state="delivered", body=None)
        self._connection.execute(statement, [{"which": delivery} for delivery in deliveries])

    # Directory, scripts and weather.

    def parties(self) -> list[str]:
        """Parties that were added to the configured ones, or replace them, each as its entry's JSON."""
        return list(self._connection.execute(select(schema.parties.c.body).order_by(schema.parties.c.key)).scalars())

    def put_parties(self, entries: Mapping[str, str]) -> None:
        """Add parties by key, or replace them."""
        self._put("put_party", list(entries.items()))
        self._change_setup()

    def put_turns(self, party: str, turns: Sequence[str]) -> None:
        """The turns of a party's next lookups instead of those that are left; an empty key is anybody's."""
        self._connection.execute(delete(schema.turns).where(schema.turns.c.party == party))
        if turns:
            self._connection.execute(schema.turns.insert(), [{"party": party, "body": body} for body in turns])
        self._change_setup()

    def has_turns(self) -> bool:
        """Some turns are left."""
        return self._connection.execute(select(schema.turns.c.seq).limit(1)).first() is not None

    def next_turn(self, party: str) -> str | None:
        """The turn of a party's next lookup, which is used up with this."""
        found = self._run("next_turn", party)
        return found[0][0] if found else None

    def put_weather(self, weather: str) -> None:
        """Change the weather; its lookups are counted from none."""
        self.put_document("weather", weather)
        self.put_document("lookups in this weather", "0")
        self._change_setup()

    def count_weather(self) -> int:
        """Number of this lookup in the present weather, from 0."""
        number = int(self.document("lookups in this weather") or 0)
        self.put_document("lookups in this weather", str(number + 1))
        return number

    def _change_setup(self) -> None:
        self._connection.execute(update(schema.world).values(setup=schema.world.c.setup + 1))
        self._state = None

    # Messages on their way.

    def earlier_answer(self, party: str, message_id: str, real_now: datetime) -> tuple[int, bytes, str] | None:
        """Status, body and SOAPAction that a message was answered with, while it is remembered."""
        found = self._run("answered", party, message_id, rows.microseconds(real_now))
        return (found[0][0], bytes(found[0][1]), found[0][2]) if found else None

    def remember_answer(self, party: str, message_id: str, until: datetime, answer: tuple[int, bytes, str]) -> None:
        """Remember status, body and SOAPAction that a message was answered with."""
        self._run("put_answered", party, message_id, rows.microseconds(until), *answer)

    def forget_answers(self, real_now: datetime) -> None:
        """Forget what need not be remembered any more."""
        self._run("forget_answered", rows.microseconds(real_now))

    def add_reply(self, reply: OutgoingReply, *, taken: bool = False) -> int:
        """Keep a reply that is to be sent, perhaps by whoever keeps it; its row."""
        ((row,),) = self._run("add_reply", *rows.write_reply(reply, taken=taken))
        return int(row)

    def first_due(self) -> datetime | None:
        """When the first reply is due; None when none waits."""
        ((found,),) = self._run("first_due", Standing.WAITING, Standing.TRYING)
        return None if found is None else rows.instant(found)

    def due_replies(self, real_now: datetime, limit: int) -> list[OutgoingReply]:
        """Replies whose instant has come, the longest due first."""
        values = (Standing.WAITING, Standing.TRYING, rows.microseconds(real_now), limit)
        return [rows.read_reply(row) for row in self._run("due_replies", *values)]

    def replies_named(self, party: str, message_id: str) -> list[OutgoingReply]:
        """Replies of that id to the party which are not delivered."""
        return [rows.read_reply(row) for row in self._run("replies_named", party, message_id)]

    def put_course(self, row: int, course: Course, *, taken: bool = False) -> None:
        """Keep how far a reply has come, and whether somebody is at it; one that is delivered is kept no more."""
        if course.standing is Standing.DELIVERED:
            self._run("remove_reply", row)
        else:
            self._run("put_course", row, *rows.write_course(course), int(taken))

    def prolong(self, row: int, until: datetime, further: datetime) -> bool:
        """Keep others from a reply for longer; False where somebody has taken it meanwhile, or it is gone."""
        table = schema.replies
        due = table.c.due_us == rows.microseconds(until)
        changed = self._connection.execute(
            update(table).where(table.c.row == row, due).values(due_us=rows.microseconds(further))
        )
        return changed.rowcount == 1

    def release_held(self, party: str, row: int, real_now: datetime) -> None:
        """The replies to a party that wait for this later one to overtake them are due now."""
        self._run("release_held", party, row, rows.microseconds(real_now))

    def wake_replies(self, real_now: datetime) -> None:
        """Replies that somebody had taken are due now: whoever that was is gone."""
        table = schema.replies
        now = rows.microseconds(real_now)
        self._connection.execute(
            update(table).where(table.c.standing != Standing.FAILED, table.c.taken == 1).values(due_us=now, taken=0)
        )

    def replies(self) -> list[OutgoingReply]:
        """All that are not delivered, in their order."""
        return [rows.read_reply(row) for row in self._connection.execute(select(schema.replies).order_by("row"))]

    def _put(self, name: str, values: Iterable[Sequence[object]]) -> None:
        """Run a hot statement once for each row of values, which are read as they are needed."""
        text, order = self._prepared.many(name)
        self._driver_cursor().executemany(text, values if order is None else map(order, values))

    def _run(self, name: str, *values: object) -> list[Any]:
        text, parameters = self._prepared.bound(name, values)
        cursor = self._driver_cursor()
        cursor.execute(text, parameters)
        # All rows at once: a statement that is left half-read would keep the database's past alive.
        return cursor.fetchall() if cursor.description else []

    def _driver_cursor(self) -> Any:
        if self._cursor is None:
            self._cursor = self._connection.connection.cursor()
        return self._cursor

    def _run_many(self, name: str, numbers: Collection[str], *more: object) -> Iterator[Any]:
        """Run a statement for many numbers, as many at a time as it is made for."""
        listed = list(numbers)
        few, many = SIZES
        size = few if len(listed) <= few else many
        for first in range(0, len(listed), size):
            part = listed[first : first + size]
            part += part[:1] * (size - len(part))
            yield from self._run(f"{name} {size}", *part, *more)
