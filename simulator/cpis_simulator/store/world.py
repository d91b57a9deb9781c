"""The state of one world: people, register, accesses, files, clock, outbox; the same for all processes of a service.

`World.read` and `World.write` give a `Session` for one transaction; a session is the core's `Register`. On SQLite a
writer takes the database when it begins (so that what it read stays true), readers never wait; on PostgreSQL it takes
the one row of `world`, which leads to the same. `durable` has a commit on the disk before it returns: for uploads,
whose acknowledgement leaves right after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from cpis_simulator.errors import ConfigError, HarnessError
from cpis_simulator.service.pds import Person
from cpis_simulator.store import schema
from cpis_simulator.store.session import Session
from cpis_simulator.store.statements import Prepared
from cpis_simulator.store.turns import Turns

_BUSY_MS: Final = 30_000
_CACHE_KIB: Final = 8192
"""What SQLite keeps of a file in memory: the indices of some hundred thousand holdings."""
_ONE: Final = 1
_CREATING: Final = 0x43504953
"""Number of the lock that one process holds while it makes the tables."""

_MENDS: Final = {
    False: "Name a file in a folder that exists and may be written to.",
    True: "Is the server there, and may the user make tables? cpis-harness[postgresql] brings the driver.",
}
_WRITES: Final = "cpis_write"
"""Execution option of a connection whose transactions write."""


class World:
    """One store. Threads and processes may share it.

    Args:
        url: As SQLAlchemy reads it: `sqlite:////folder/world.db`, or `postgresql://user:password@host/database`.
        people: Put on the demographic service when the store is new, and at every reset.
        changes: Of these people, each with its instant; they wait for it from then on.
        held: Notifications wait, when the store is new and after a reset (setting `notify.cadence` = `window`).

    Raises:
        ConfigError: When the store cannot be opened, or is of another version.
    """

    def __init__(
        self,
        url: str,
        *,
        people: Iterable[Person] = (),
        changes: Iterable[tuple[datetime, str]] = (),
        held: bool = False,
    ) -> None:
        """Open the store, and make its tables when it is new."""
        self.url = url
        self._people = tuple(people)
        self._changes = tuple(changes)
        self._held = held
        try:
            self._engine = _engine(url)
            database = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
            self._turns = Turns(database) if database else None
            self._prepared = Prepared(self._engine)
            # One picture of the world for a whole transaction, as SQLite gives it anyway.
            is_postgresql = self._engine.dialect.name == "postgresql"
            self._reading = {"isolation_level": "REPEATABLE READ"} if is_postgresql else {}
            self._create()
        except (ArgumentError, DBAPIError, ImportError) as error:
            raise ConfigError(
                "The store cannot be opened",
                where=_shown(url),
                expected="a database that this process may write to",
                found=str(getattr(error, "orig", error)).strip(),
                mend=_MENDS[url.startswith("postgresql")],
            ) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads.

        Raises:
            HarnessError: When the database fails.
        """
        with (
            self._telling(),
            self._engine.connect().execution_options(**self._reading) as connection,
            connection.begin(),
        ):
            yield Session(connection, self._prepared)

    @contextmanager
    def write(self, *, durable: bool = False, alone: bool = True) -> Iterator[Session]:
        """A transaction that writes: all of it, or on an exception nothing.

        Args:
            durable: It is on the disk when this returns.
            alone: No other transaction writes meanwhile. What only changes rows that nobody else does need not wait for
                that where the database can tell (PostgreSQL).

        Raises:
            HarnessError: When the database fails, such as for want of room on the disk.
        """
        turn: AbstractContextManager[None] = self._turns.own() if self._turns else nullcontext()
        with (
            turn,
            self._telling(),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
        ):
            if durable:
                _synchronous(connection, "FULL")
            try:
                with connection.begin():
                    if connection.dialect.name == "postgresql":
                        _begin(connection, durable=durable, alone=alone)
                    yield Session(connection, self._prepared)
            finally:
                if durable:
                    _synchronous(connection, "NORMAL")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Retell a failure of the database in words, without the statement and its values, which may name a child."""
        try:
            yield
        except (DBAPIError, self._engine.dialect.loaded_dbapi.Error) as error:
            raise HarnessError(
                "The store does not work",
                where=self._engine.url.render_as_string(hide_password=True),
                found=getattr(error, "orig", error),
                mend="Is there room on the disk, and may this process write to it?",
            ) from error

    def reset(self, clock_offset: timedelta) -> None:
        """Empty the world; only its epoch lives on, so that work begun before does not end in it."""
        with self.write(durable=True) as session:
            session.clear(clock_offset, self._people, self._changes, held=self._held)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
        if self._turns is not None:
            self._turns.close()

    def _create(self) -> None:
        with self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                # Several processes may find a new database at once.
                connection.execute(select(func.pg_advisory_xact_lock(_CREATING)))
            schema.metadata.create_all(connection)
            version = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == "schema")).scalar()
            if version is None:
                connection.execute(schema.meta.insert().values(name="schema", value=schema.VERSION))
                fresh = {"id": _ONE, "clock_offset_us": 0, "pds_available": 1, "counter": 0, "epoch": 0, "setup": 0}
                connection.execute(schema.world.insert().values(**fresh, held=int(self._held)))
                session = Session(connection, self._prepared)
                session.put_people(self._people)
                session.schedule(self._changes)
            elif version != schema.VERSION:
                raise ConfigError(
                    "The store is of another version",
                    where=_shown(self.url),
                    expected=schema.VERSION,
                    found=version,
                    mend="Name another one, or remove this one: it holds nothing but test data.",
                )


def _engine(url: str) -> Engine:
    """The database of a store.

    Raises:
        ConfigError: When it is a database in memory, which no second thread or process could share.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError("A store of another kind", expected="sqlite: or postgresql:", found=parsed.drivername)
    if parsed.database in (None, "", ":memory:"):
        raise ConfigError("A store in memory", where=url, mend="Name a file: sqlite:////folder/world.db")
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver's own idea of transactions begins them at the first change, too late for what was read before.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    """A PostgreSQL database; the driver is psycopg 3, whichever the URL leaves open."""
    # An old connection may have died with its server, and is found out before it is used.
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=16, max_overflow=32)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # As SQLite does with synchronous=NORMAL: a crash of the machine may cost the last commits, never the store.
        connection.execute("SET synchronous_commit TO OFF")
        connection.commit()

    return engine


def _begin(connection: Connection, *, durable: bool, alone: bool) -> None:
    """Say what a transaction on PostgreSQL needs, and wait until no other one writes."""
    if durable:
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO ON")
    if alone:
        connection.execute(select(schema.world.c.id).with_for_update())


def _shown(url: str) -> str:
    """A URL as a message may name it."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def _synchronous(connection: Connection, level: str) -> None:
    """How long a commit on SQLite waits for the disk; to be set outside of a transaction."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA synchronous={level}")
