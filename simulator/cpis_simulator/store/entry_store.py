"""A bundled system's memory: one SQLite file, a row for each entry, written when the entry changes.

Theory of operation. The state knows which entries changed (`remembering`); one transaction writes them all, so that
whatever happened is remembered whole or not at all. What leaves the house or comes in is synced to the disk first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from cpis_simulator.errors import StartError
from cpis_simulator.remembering import Remembered

S = TypeVar("S", bound=Remembered)

SCHEMA_VERSION: Final = 1

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS entry (
    position INTEGER PRIMARY KEY, collection TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (collection, key)
)
"""
# An entry that changes keeps its position, so that lists stay in the order in which their entries came.
_WRITE: Final = """
INSERT INTO entry (collection, key, body) VALUES (?, ?, ?)
ON CONFLICT (collection, key) DO UPDATE SET body = excluded.body
"""
_REMOVE: Final = "DELETE FROM entry WHERE collection = ? AND key = ?"


class EntryStore(Generic[S]):
    """The file. One thread at a time may use it.

    Args:
        path: Made when it is not there, its folder too.
        empty: Makes a state that remembers nothing.
        whose: Whose state it is, for messages.

    Raises:
        StartError: The file was written by another version, or cannot be opened.
    """

    def __init__(self, path: Path, empty: Callable[[], S], whose: str) -> None:
        """Open or make it."""
        self._empty = empty
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # The caller's lock keeps threads apart.
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = WAL")
            found = self._file.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise StartError(
                f"The {whose}'s state cannot be opened", where=str(path), found=str(error), mend="Name another file."
            ) from error
        if found not in (0, SCHEMA_VERSION):
            self._file.close()
            raise StartError(
                f"The {whose}'s state is of another version",
                where=str(path),
                expected=SCHEMA_VERSION,
                found=found,
                mend="Name another file, or remove this one.",
            )
        self._file.execute(_CREATE)
        self._file.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        path.chmod(0o600)

    def load(self) -> S:
        """Everything that was saved."""
        state = self._empty()
        collections = state.collections()
        for name, key, body in self._file.execute("SELECT collection, key, body FROM entry ORDER BY position"):
            collections[name].load(key, body)
        return state

    def save(self, state: S, *, durable: bool = False) -> None:
        """Write what changed since the last save; `durable` survives a power cut as well as a crash."""
        if not any(collection.changed for collection in state.collections().values()):
            return
        self._file.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._file.execute("BEGIN IMMEDIATE")
        try:
            for name, collection in state.collections().items():
                for key, body in collection.saved():
                    if body is None:
                        self._file.execute(_REMOVE, (name, key))
                    else:
                        self._file.execute(_WRITE, (name, key, body))
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything."""
        self._file.execute("DELETE FROM entry")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
