"""Files that cross through folders: taking whole ones, leaving whole ones, one endpoint on a root.

Theory of operation. A sweep over a folder decides which files are whole; operating system events merely wake it early
and tell it more: a file that was closed after writing, or moved in, is whole at once. Without such an event (network
shares, other systems) a file is whole when size and time stood still for a while. An empty file is believed only
after standing still: some writers create and close a file before they open it again to fill it.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver

from cpis_simulator.errors import StartError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOG: Final = logging.getLogger(__name__)

# inotify(7)
_IN_CLOSE_WRITE: Final = 0x008
_IN_MOVED_TO: Final = 0x080
_IN_CREATE: Final = 0x100
_IN_DELETE_SELF: Final = 0x400


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A whole file: its name, time and size."""

    path: Path
    mtime_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a look into a folder found.

    Attributes:
        whole: Whole files.
        unsettled: Some file is not known to be whole yet, look again soon.
        unsettled_since_ns: When the oldest of those was last written to.
    """

    whole: tuple[FoundFile, ...]
    unsettled: bool
    unsettled_since_ns: int | None = None


@dataclass(slots=True)
class _Seen:
    """How a file looked last, and since when it looks so."""

    size: int
    mtime_ns: int
    since: float


class FolderWatch:
    """Finds whole files in folders.

    Args:
        folders: Where files appear.
        is_wanted: Tells by its name whether a file is one.
        settle_s: How long a file must stand still that no event told of.
        wake: Called from another thread when a sweep is worth while.
        events: Ask the operating system; False for network shares, which give none.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        is_wanted: Callable[[str], bool],
        settle_s: float,
        wake: Callable[[], None],
        events: bool = True,
    ) -> None:
        """Remember; `start` begins."""
        self._folders = list(folders)
        self._is_wanted = is_wanted
        self._settle_s = settle_s
        self._seen: dict[Path, _Seen] = {}
        self._hints = _Hints(wake)
        self._events = events
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        """Ask for events; where there are none, sweeps alone must do."""
        if not self._events:
            return
        observer = _observer()
        try:
            for folder in self._folders:
                observer.schedule(self._hints, str(folder))
            observer.start()
        except OSError as error:
            LOG.warning("event=folder_events_off reason=%r", str(error))
            return
        self._observer = observer

    def stop(self) -> None:
        """No more events."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def sweep(self, folder: Path) -> Sweep:
        """Look into a folder once.

        Raises:
            OSError: When the folder cannot be read.
        """
        now = time.monotonic()
        whole: list[FoundFile] = []
        unsettled: list[int] = []
        present: set[Path] = set()
        with os.scandir(folder) as entries:
            for entry in entries:
                if not self._is_wanted(entry.name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                # A link could lead out of the folder, to any file that the service may read.
                if not stat.S_ISREG(status.st_mode):
                    continue
                path = folder / entry.name
                present.add(path)
                if self._is_whole(path, status, now):
                    whole.append(FoundFile(path, status.st_mtime_ns, status.st_size))
                else:
                    unsettled.append(status.st_mtime_ns)
        for gone in [p for p in self._seen if p.parent == folder and p not in present]:
            del self._seen[gone]
        self._hints.keep_only(folder, present)
        return Sweep(tuple(whole), bool(unsettled), min(unsettled, default=None))

    def _is_whole(self, path: Path, status: os.stat_result, now: float) -> bool:
        if status.st_size and self._hints.is_closed(str(path), status):
            return True
        seen = self._seen.get(path)
        if seen is None or (seen.size, seen.mtime_ns) != (status.st_size, status.st_mtime_ns):
            self._seen[path] = seen = _Seen(status.st_size, status.st_mtime_ns, now)
        return now - seen.since >= self._settle_s


class _Hints(FileSystemEventHandler):
    """How files looked when they were closed or moved in, as the operating system tells it.

    A file that looks different by now is being written again, or is another one under the same name.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._closed: dict[str, tuple[int, int, int]] = {}

    def is_closed(self, path: str, status: os.stat_result) -> bool:
        return self._closed.get(path) == _look(status)

    def keep_only(self, folder: Path, present: set[Path]) -> None:
        for path in [p for p in self._closed if Path(p).parent == folder and Path(p) not in present]:
            self._closed.pop(path, None)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.is_directory:
            return
        whole = ""
        if isinstance(event, FileMovedEvent):
            whole = os.fsdecode(event.dest_path)
        elif isinstance(event, FileClosedEvent):
            whole = os.fsdecode(event.src_path)
        if whole:
            with suppress(FileNotFoundError):
                self._closed[whole] = _look(os.stat(whole, follow_symlinks=False))
        self._wake()


def _look(status: os.stat_result) -> tuple[int, int, int]:
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _observer() -> BaseObserver:
    """The platform's observer. On Linux one that tells a file moved in from elsewhere from one just begun."""
    if sys.platform != "linux":
        from watchdog.observers import Observer

        return Observer()
    from watchdog.observers.inotify import InotifyFullEmitter

    class Emitter(InotifyFullEmitter):
        """Asks for closed, moved in and created, not for moved out.

        The library holds each "moved out" back for half a second, to pair it with a "moved in", and all later events
        with it. Taking a file is a move out, so that every file would delay the next.
        """

        def get_event_mask_from_filter(self) -> Any:
            return _IN_CLOSE_WRITE | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE_SELF

    return BaseObserver(Emitter)


def write_whole(path: Path, body: bytes | Iterable[bytes], *, mode: int = 0o660) -> None:
    """Write a file, at once or in pieces, and have it on the disk, to be renamed into place afterwards."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), mode)
    with open(file, "wb") as stream:
        stream.writelines([body] if isinstance(body, bytes) else body)
        stream.flush()
        os.fsync(stream.fileno())


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def endpoint_lock(path: Path, root: Path) -> Iterator[None]:
    """Be the only endpoint on a root; the lock dies with the process.

    Raises:
        StartError: When another endpoint serves the root, or the lock file cannot be made.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        mend = "Name a drop root that this user may write to."
        found = error.strerror
        raise StartError(
            "The drop root cannot be used", where=str(root), found=found, mend=mend, doctor="drop-rights"
        ) from error
    try:
        try:
            _lock(file)
        except OSError as error:
            owner = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            raise StartError(
                "Another endpoint serves this drop root",
                where=str(root),
                found=f"process {owner}",
                mend="Stop that process, or name another drop root.",
                doctor="drop-lock",
            ) from error
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(file)


def holder_of(path: Path) -> str:
    """Which process holds an endpoint's lock; empty where none does."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return ""
    try:
        _lock(file)
    except OSError:
        return os.read(file, 32).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(file)
    return ""


def _lock(file: int) -> None:
    """Take the lock or raise `OSError` at once."""
    if sys.platform == "win32":
        # Behind the process id, which a second endpoint shall be able to read.
        os.lseek(file, 1 << 20, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_in_place(prepared: Path, target: Path) -> None:
    """What a faulty product does: the file grows under its final name."""
    body = prepared.read_bytes()
    piece = max(len(body) // 8, 1)
    with target.open("wb", buffering=0) as stream:
        for first in range(0, len(body), piece):
            stream.write(body[first : first + piece])
            time.sleep(0.05)
    prepared.unlink()
