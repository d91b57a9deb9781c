"""The statements of a world, compiled once for the database at hand.

Compiling and converting costs SQLAlchemy more than SQLite needs to answer; on the lookup path that is most of the
time. So the statements that a lookup runs are compiled to text here and their values, all text or whole numbers, are
handed to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Engine,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ClauseElement

from cpis_simulator.store import schema

_ONE: Final = literal_column("1", Integer)
_ANYBODY: Final = literal_column("''", Text)
_NO_OFFSET: Final = literal_column("0", Integer)
"""Said outright, because SQLite's dialect would add it as one more value."""


def _p(number: int, kind: Any = Text) -> BindParameter[Any]:
    """The value at a position of `Prepared.bound`."""
    return bindparam(f"p{number}", type_=kind)


SIZES: Final = (8, 500)
"""How many numbers a statement about several takes at once; it is given one of them again where there are fewer."""


def _many(size: int) -> list[BindParameter[Any]]:
    return [_p(number) for number in range(size)]


def _hot() -> dict[str, ClauseElement]:
    """The statements that a lookup or a delivery runs, by name."""
    world, queries, outbox = schema.world, schema.queries, schema.outbox
    answered, replies, turns = schema.answered, schema.replies, schema.turns
    first_turn = select(func.min(turns.c.seq)).where(turns.c.party.in_([_p(0), _ANYBODY])).scalar_subquery()
    return {
        "state": select(
            world.c.clock_offset_us,
            world.c.pds_available,
            world.c.held,
            world.c.epoch,
            world.c.setup,
            world.c.due_us,
            world.c.window_us,
        ),
        "person": select(schema.people).where(schema.people.c.nhs_number == _p(0)),
        **{
            f"people {size}": select(schema.people).where(schema.people.c.nhs_number.in_(_many(size))) for size in SIZES
        },
        **{
            f"holdings of {size}": select(schema.holdings.c.nhs_number, schema.holdings.c.body).where(
                schema.holdings.c.nhs_number.in_(_many(size)), schema.holdings.c.authority == _p(size)
            )
            for size in SIZES
        },
        "holdings": select(schema.holdings.c.body)
        .where(schema.holdings.c.nhs_number == _p(0))
        .order_by(schema.holdings.c.authority),
        "earlier_query": select(func.max(queries.c.found)).where(
            queries.c.event_id == _p(0), queries.c.nhs_number == _p(1), queries.c.silent == _p(2, Integer)
        ),
        "last_listed": select(func.max(queries.c.effective_us)).where(
            queries.c.nhs_number == _p(0),
            queries.c.author_key == _p(1),
            queries.c.listed == _ONE,
            queries.c.effective_us <= _p(2, BigInteger),
        ),
        "history": select(queries.c.effective, queries.c.event_id, queries.c.author)
        .where(queries.c.nhs_number == _p(0), queries.c.listed == _ONE)
        .order_by(queries.c.effective_us.desc(), queries.c.seq.desc())
        .limit(_p(1, Integer))
        .offset(_NO_OFFSET),
        "add_query": _insert(
            queries,
            "nhs_number event_id effective effective_us received_us silent found listed author_key author",
        ),
        "add_notice": _insert(schema.notices, "authority made_us body"),
        "add_told": _insert(schema.told, "nhs_number authority kind at_us file_id about delivery"),
        "count": update(world).values(counter=world.c.counter + _ONE).returning(world.c.counter),
        "add_delivery": _insert(outbox, "delivery authority kind name body state"),
        "deliveries": select(
            outbox.c.seq,
            outbox.c.delivery,
            outbox.c.authority,
            outbox.c.kind,
            outbox.c.name,
            outbox.c.body,
            outbox.c.state,
        )
        .where(outbox.c.state == _p(0), outbox.c.seq > _p(1, BigInteger))
        .order_by(outbox.c.seq)
        .limit(_p(2, Integer))
        .offset(_NO_OFFSET),
        "answered": select(answered.c.status, answered.c.body, answered.c.soap_action).where(
            answered.c.party == _p(0), answered.c.message_id == _p(1), answered.c.until_us > _p(2, BigInteger)
        ),
        "forget_answered": delete(answered).where(answered.c.until_us <= _p(0, BigInteger)),
        "add_reply": _insert(replies, " ".join(c.name for c in replies.c if c.name != "row")).returning(replies.c.row),
        "first_due": select(func.min(replies.c.due_us)).where(replies.c.standing.in_([_p(0), _p(1)])),
        "due_replies": select(replies)
        .where(replies.c.standing.in_([_p(0), _p(1)]), replies.c.due_us <= _p(2, BigInteger))
        .order_by(replies.c.due_us)
        .limit(_p(3, Integer))
        .offset(_NO_OFFSET),
        "replies_named": select(replies).where(replies.c.party == _p(0), replies.c.message_id == _p(1)),
        "put_course": update(replies)
        .where(replies.c.row == _p(0, BigInteger))
        .values(due_us=_p(1, BigInteger), standing=_p(2), tries=_p(3, Integer), reason=_p(4), taken=_p(5, Integer)),
        "remove_reply": delete(replies).where(replies.c.row == _p(0, BigInteger)),
        "release_held": update(replies)
        .where(replies.c.party == _p(0), replies.c.row < _p(1, BigInteger), replies.c.held == _ONE)
        .values(due_us=_p(2, BigInteger), held=literal_column("0", Integer)),
        "next_turn": delete(turns).where(turns.c.seq == first_turn).returning(turns.c.body),
    }


def _insert(table: Table, columns: str) -> Insert:
    """Insert the values of these columns, in this order."""
    values = {name: _p(number, table.c[name].type) for number, name in enumerate(columns.split())}
    return table.insert().values(values).inline()


class Prepared:
    """Statements ready for one database.

    Args:
        engine: The database.
    """

    def __init__(self, engine: Engine) -> None:
        """Compile the hot statements; build the others once."""
        self._texts: dict[str, tuple[str, tuple[int, ...] | None]] = {}
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        upserts = {
            "put_holding": _put_holding(insert),
            "put_person": _put_row(insert, schema.people),
            "put_answered": _put_row(insert, schema.answered),
            "put_party": _put_row(insert, schema.parties),
        }
        for name, statement in {**_hot(), **upserts}.items():
            compiled = statement.compile(dialect=engine.dialect)
            places = compiled.positiontup if compiled.positional else None
            order = None if places is None else tuple(int(place[1:]) for place in places)
            self._texts[name] = (str(compiled), order)
        self.upsert_file = _upsert(insert, schema.files)
        self.upsert_document = _upsert(insert, schema.documents)

    def many(self, name: str) -> tuple[str, Callable[[Sequence[object]], Any] | None]:
        """As `bound`, for a statement that is run with many rows; None where their values can be taken as they are."""
        text, order = self._texts[name]
        if order == tuple(range(len(order or ()))):
            return text, None
        return text, lambda values: self.bound(name, values)[1]

    def bound(self, name: str, values: Sequence[object]) -> tuple[str, Any]:
        """A hot statement's text, and its values as the driver takes them."""
        text, order = self._texts[name]
        if order is None:
            return text, {f"p{number}": value for number, value in enumerate(values)}
        return text, tuple(values[place] for place in order)


def _put_holding(insert: Any) -> Any:
    table = schema.holdings
    statement = insert(table).values(nhs_number=_p(0), authority=_p(1), body=_p(2))
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={"body": statement.excluded.body}
    )


def _put_row(insert: Any, table: Table) -> Any:
    """Insert a row of the columns in their order, or replace the one with the same key."""
    columns = list(table.c)
    statement = insert(table).values({column.name: _p(number, column.type) for number, column in enumerate(columns)})
    replaced = {column.name: statement.excluded[column.name] for column in columns if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=replaced)


def _upsert(insert: Any, table: Table) -> Any:
    """Insert a row, or replace all of the one with the same key."""
    statement = insert(table)
    replaced = {c.name: statement.excluded[c.name] for c in table.c if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=replaced)
