"""Whose turn it is to write to an SQLite database, among the threads and processes that share it.

SQLite lets a second writer try again and again, asleep for up to 100 ms in between, in no order. Here it waits for the
lock of a file beside the database and is woken when the one before has committed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform != "win32":
    import fcntl


class Turns:
    """One for each process and database.

    Args:
        database: Path of the database; the file of the lock has `-turns` added.
    """

    def __init__(self, database: str) -> None:
        """Open the file of the lock."""
        self._thread = threading.Lock()
        self._path = f"{database}-turns"
        self._file = -1
        self._process = 0

    @contextmanager
    def own(self) -> Iterator[None]:
        """Nobody else writes for as long as this lasts."""
        with self._thread:
            if sys.platform == "win32":
                yield  # SQLite's own waiting keeps processes apart there.
                return
            if self._process != os.getpid():
                # Each process opens it for itself: after a fork both share one lock, which excludes neither.
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
                self._process = os.getpid()
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        with self._thread:
            if self._process == os.getpid():
                os.close(self._file)
            self._process, self._file = 0, -1
