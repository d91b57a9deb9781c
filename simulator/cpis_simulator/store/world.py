"""The state of one world: people, register, accesses, files, clock, outbox; the same for all processes of a service.

`World.read` and `World.write` give a `Session` for one transaction; a session is the core's `Register`. On SQLite a
writer takes the database when it begins (so that what it read stays true), readers never wait. `durable` has a commit
on the disk before it returns: for uploads, whose acknowledgement leaves right after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, select
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
_WRITES: Final = "cpis_write"
"""Execution option of a connection whose transactions write."""


class World:
    """One store. Threads and processes may share it.

    Args:
        url: As SQLAlchemy reads it: `sqlite:////folder/world.db`, or `postgresql+psycopg://…`.
        people: Put on the demographic service when the store is new, and at every reset.
        held: Notifications wait, when the store is new and after a reset (setting `notify.cadence` = `window`).

    Raises:
        ConfigError: When the store cannot be opened, or is of another version.
    """

    def __init__(self, url: str, *, people: Iterable[Person] = (), held: bool = False) -> None:
        """Open the store, and make its tables when it is new."""
        self.url = url
        self._people = tuple(people)
        self._held = held
        try:
            self._engine = _engine(url)
            database = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
            self._turns = Turns(database) if database else None
            self._prepared = Prepared(self._engine)
            self._create()
        except (ArgumentError, DBAPIError, ImportError) as error:
            raise ConfigError(
                "The store cannot be opened",
                where=url,
                expected="a database that this process may write to",
                found=getattr(error, "orig", error),
                mend="Name a file in a folder that exists and may be written to.",
            ) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads.

        Raises:
            HarnessError: When the database fails.
        """
        with self._telling(), self._engine.connect() as connection, connection.begin():
            yield Session(connection, self._prepared)

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Session]:
        """A transaction that writes: all of it, or on an exception nothing.

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
                        connection.execute(select(schema.world.c.id).with_for_update())
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
            session.clear(clock_offset, self._people, held=self._held)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
        if self._turns is not None:
            self._turns.close()

    def _create(self) -> None:
        with self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            schema.metadata.create_all(connection)
            version = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == "schema")).scalar()
            if version is None:
                connection.execute(schema.meta.insert().values(name="schema", value=schema.VERSION))
                fresh = {"id": _ONE, "clock_offset_us": 0, "pds_available": 1, "counter": 0, "epoch": 0, "setup": 0}
                connection.execute(schema.world.insert().values(**fresh, held=int(self._held)))
                Session(connection, self._prepared).put_people(self._people)
            elif version != schema.VERSION:
                raise ConfigError(
                    "The store is of another version",
                    where=self.url,
                    expected=schema.VERSION,
                    found=version,
                    mend="Name another file, or remove this one: it holds nothing but test data.",
                )


def _engine(url: str) -> Engine:
    """The database of a store.

    Raises:
        ConfigError: When it is a database in memory, which no second thread or process could share.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed)
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


def _synchronous(connection: Connection, level: str) -> None:
    """How long a commit on SQLite waits for the disk; to be set outside of a transaction."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA synchronous={level}")
