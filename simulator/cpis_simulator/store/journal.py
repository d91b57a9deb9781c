"""The evidence journal: `evidence.jsonl` and a folder of bodies, written by several processes at once.

Theory of operation. Every writer takes the lock of `evidence.jsonl`, learns number and hash of the last
line, and appends its own with one write. A writer that finds the file as long as it left it knows the last
line already and reads nothing, which is the common case. A body is whole before the line that names it is written, so a
line never points at half a body. Half a body that a crash leaves behind is shorter than it should be, and replaced when
the same body comes again; half a last line is kept, closed with a newline, and the next record follows the last whole
one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Final

from cpis_simulator.errors import HarnessError, StartError
from cpis_simulator.evidence import (
    FIRST,
    PRESENT,
    Evidence,
    Record,
    chained,
    digest,
    present_scenario,
    read_journal,
    read_record,
)

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

JOURNAL: Final = "evidence.jsonl"
BODIES: Final = "bodies"
_PIECE: Final = 1 << 16
_TAIL: Final = 1 << 11
_LOCK_BYTE: Final = 1 << 40
"""Windows keeps readers out of the bytes that it locks: this one lies far behind any end of a journal."""


class Inherit(Enum):
    """Stands for the scenario of the record before."""

    INHERIT = "inherit"


INHERIT: Final = Inherit.INHERIT


@dataclass(slots=True)
class _Tail:
    """What a writer must know of the last whole line; `size` is the length of the file then."""

    seq: int = 0
    previous: str = FIRST
    scenario: str | None = None
    size: int = 0


class Journal:
    """One lane's evidence. Any number of threads and processes may write to the same folder.

    Args:
        folder: Holds `evidence.jsonl` and `bodies/`; made when it is not there.

    Raises:
        StartError: The folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        """Open for appending."""
        self.folder = folder
        self._bodies = folder / BODIES
        self._bodies_path = f"{self._bodies}{os.sep}"
        self._unsynced: list[Path | str] = []
        self._temporary = 0
        try:
            self._bodies.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            mend = "Give this user the right to write there, make room, or name another folder."
            raise StartError(
                "The folder for evidence cannot be used",
                where=str(folder),
                found=error.strerror or str(error),
                mend=mend,
            ) from error

    def append(
        self,
        channel: str,
        *,
        sender: str,
        receiver: str,
        headers: Mapping[str, str],
        body: bytes | Path | None = None,
        scenario: str | Inherit | None = INHERIT,
        aside: bool = False,
    ) -> Record:
        """Write one record.

        Args:
            channel: One of the channels of `evidence`.
            sender: The party it came from.
            receiver: The party it went to.
            headers: What the channel knows beside the bytes.
            body: The exact bytes, or a file that holds them, which is read in pieces and may be large.
            scenario: Whose evidence it is; left out, that of the record before.
            aside: It belongs to that scenario although another may have begun since; records after it go on with the
                other one.

        Returns:
            The record as it stands in the journal.
        """
        sha256, size = self._keep(body)
        with self._locked() as tail:
            own = tail.scenario if isinstance(scenario, Inherit) else scenario
            if aside and own != tail.scenario:
                headers = {**headers, PRESENT: tail.scenario or ""}
            record = Record(
                seq=tail.seq + 1,
                utc=datetime.now(UTC).isoformat(timespec="microseconds"),
                mono=time.monotonic(),
                scenario=own,
                channel=channel,
                sender=sender,
                receiver=receiver,
                headers=headers,
                size=size,
                sha256=sha256,
                previous=tail.previous,
            )
            line = record.line()
            _write_whole(self._file, line)
            self._tail = _Tail(record.seq, digest(line), present_scenario(record), tail.size + len(line))
        return record

    def sync(self) -> None:
        """Have bodies and lines on the disk when this returns."""
        with self._thread:
            bodies, self._unsynced = self._unsynced, []
        for body in bodies:
            file = os.open(body, os.O_RDWR)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        if bodies and sys.platform != "win32":  # The names of new bodies are data of their folder.
            folder = os.open(self._bodies, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        getattr(os, "fdatasync", os.fsync)(self._file)

    def records(self) -> list[Record]:
        """All records so far, in order."""
        return read_journal(self._lines())[0]

    def evidence(self) -> Evidence:
        """All records so far, with their bodies."""
        return Evidence(self.records(), self.body)

    def body(self, sha256: str) -> bytes:
        """The bytes of a body.

        Raises:
            KeyError: When there is none of that name.
        """
        try:
            return (self._bodies / sha256).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(f"no body {sha256}") from error

    def last_seq(self) -> int:
        """Number of the last record, 0 when there is none."""
        with self._locked() as tail:
            return tail.seq

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.folder / JOURNAL, flags, 0o644)
        self._thread = threading.Lock()
        self._process = os.getpid()
        self._tail = _Tail()

    def _lines(self) -> list[bytes]:
        return (self.folder / JOURNAL).read_bytes().splitlines(keepends=True)

    @contextmanager
    def _locked(self) -> Iterator[_Tail]:
        """The tail of the file, which nobody else can move for as long as this lasts."""
        if self._process != os.getpid():
            # After a fork parent and child share one open file, and with it one lock that excludes neither.
            self._open()
        with self._thread:
            _lock(self._file)
            try:
                size = os.lseek(self._file, 0, os.SEEK_END)
                if size != self._tail.size:
                    self._tail = _read_tail(self._file, size)
                yield self._tail
            finally:
                _unlock(self._file)

    def _keep(self, body: bytes | Path | None) -> tuple[str | None, int]:
        """Put a body in its place, unless it is there; its name and size."""
        if body is None:
            return None, 0
        if isinstance(body, Path):
            return self._keep_file(body)
        sha256 = hashlib.sha256(body).hexdigest()
        self._write_body(f"{self._bodies_path}{sha256}", body, sha256)
        return sha256, len(body)

    def _write_body(self, path: str, body: bytes, sha256: str) -> None:
        """Write a body under its own name, unless it stands there whole: one step where a rename would be three."""
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        except FileExistsError:
            if os.stat(path).st_size != len(body):  # What a crash left, or another process is writing just now.
                temporary = self._temporary_name()
                temporary.write_bytes(body)
                self._place(temporary, sha256)
            return
        try:
            _write_whole(file, body)
        finally:
            os.close(file)
        with self._thread:
            self._unsynced.append(path)

    def _keep_file(self, source: Path) -> tuple[str, int]:
        """Copy a large body in pieces, hashing on the way."""
        temporary = self._temporary_name()
        hashing, size = hashlib.sha256(), 0
        with open(source, "rb") as reading, open(temporary, "xb") as writing:
            while piece := reading.read(_PIECE):
                hashing.update(piece)
                writing.write(piece)
                size += len(piece)
        sha256 = hashing.hexdigest()
        if (self._bodies / sha256).exists():
            temporary.unlink()
        else:
            self._place(temporary, sha256)
        return sha256, size

    def _temporary_name(self) -> Path:
        with self._thread:
            self._temporary += 1
            return self._bodies / f".{os.getpid()}-{id(self)}-{self._temporary}.tmp"

    def _place(self, temporary: Path, sha256: str) -> None:
        body = self._bodies / sha256
        os.replace(temporary, body)
        with self._thread:
            self._unsynced.append(body)


def join(lanes: Sequence[Path], into: Path) -> dict[Path, dict[int, int]]:
    """Make one journal of several lanes, numbered and chained anew.

    Records of a scenario stay together, and each lane keeps its order; between lanes, whichever scenario
    began first comes first. Torn lines are carried over to the end, so that they stay visible.

    Args:
        lanes: Folders of the lanes' journals.
        into: Folder of the joined journal, which must not hold one yet.

    Returns:
        For each lane the new number of each of its records.

    Raises:
        HarnessError: When a lane's chain is broken, or there is a journal in the way.
    """
    (into / BODIES).mkdir(parents=True, exist_ok=True)
    target = into / JOURNAL
    if target.exists():
        raise HarnessError("A journal is in the way", where=str(target), mend="Join into an empty folder.")
    blocks: list[tuple[str, int, list[Record]]] = []
    torn: list[bytes] = []
    for number, lane in enumerate(lanes):
        records = _read_lane(lane, torn)
        latest = ""
        for _, group in groupby(records, key=lambda record: record.scenario):
            block = list(group)
            # A wall clock may be set back in the middle of a lane; its order must survive that.
            latest = max(latest, block[0].utc)
            blocks.append((latest, number, block))
        _copy_bodies(lane, into)
    blocks.sort(key=lambda block: block[:2])
    origins = [(number, record) for _, number, block in blocks for record in block]
    numbers: dict[Path, dict[int, int]] = {lane: {} for lane in lanes}
    with open(target, "xb") as file:
        for (number, old), new in zip(origins, chained(record for _, record in origins), strict=True):
            numbers[lanes[number]][old.seq] = new.seq
            file.write(new.line())
        file.writelines(torn)
        file.flush()
        os.fsync(file.fileno())
    return numbers


def _read_lane(lane: Path, torn: list[bytes]) -> list[Record]:
    lines = (lane / JOURNAL).read_bytes().splitlines(keepends=True)
    whole: list[bytes] = []
    for line in lines:
        try:
            read_record(line)
        except ValueError:
            torn.append(line.rstrip(b"\n") + b"\n")
        else:
            whole.append(line)
    records, problems = read_journal(whole)
    if problems:
        raise HarnessError(
            "The evidence of a lane is not a whole chain",
            where=str(lane / JOURNAL),
            found="; ".join(problems[:3]),
            mend="Something other than the harness wrote to it; run again.",
        )
    return records


def _copy_bodies(lane: Path, into: Path) -> None:
    for body in (lane / BODIES).iterdir():
        copy = into / BODIES / body.name
        if body.suffix == ".tmp" or copy.exists():
            continue
        try:
            os.link(body, copy)
        except OSError:  # Another file system, or one without links.
            shutil.copyfile(body, copy)


def _write_whole(file: int, data: bytes) -> None:
    """One write; a second only where the operating system takes less than it was given."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, data[written:])


def _read_tail(file: int, size: int) -> _Tail:
    """Find the last whole record, backwards from the end; close a torn line so that the next stands alone."""
    if size == 0:
        return _Tail()
    start, data, step = size, b"", _TAIL
    while start > 0:
        step = min(step * 2, start)
        start -= step
        os.lseek(file, start, os.SEEK_SET)
        data = _read_whole(file, step) + data
        lines = data.splitlines(keepends=True)
        for line in reversed(lines if start == 0 else lines[1:]):
            try:
                record = read_record(line)
            except ValueError:
                continue
            return _Tail(record.seq, digest(line), present_scenario(record), _closed(file, data, size))
    return _Tail(size=_closed(file, data, size))


def _read_whole(file: int, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := os.read(file, count - len(data))):
        data += piece
    return data


def _closed(file: int, data: bytes, size: int) -> int:
    if data.endswith(b"\n"):
        return size
    _write_whole(file, b"\n")
    return size + 1


if sys.platform == "win32":

    def _lock(file: int) -> None:
        os.lseek(file, _LOCK_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_LOCK, 1)

    def _unlock(file: int) -> None:
        os.lseek(file, _LOCK_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
