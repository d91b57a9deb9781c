"""Whether anybody has ever read or taken what was delivered: a product that looks elsewhere never does.

A file that was taken away is gone; of one that was read where it lies the disk keeps the time, if it keeps such times
at all, which is tried out first. Where it does not, a file that lies there counts as read: nobody can tell.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOST: Final = 50
"""Files of an authority that are watched for the first sign; more would not tell more."""


class Untouched:
    """Watches the files that were delivered to each authority, until the first sign that somebody reads them.

    Args:
        private: A folder of our own on the same disk.
    """

    def __init__(self, private: Path) -> None:
        """Nothing was delivered yet."""
        self._private = private
        self._keeps_times: bool | None = None
        self._watched: dict[str, dict[Path, int]] = {}
        self._since: dict[str, float] = {}
        self._signs: Counter[str] = Counter()

    def note(self, authority: str, file: Path) -> None:
        """A file was delivered just now."""
        watched = self._watched.setdefault(authority, {})
        if self._signs[authority] or len(watched) >= _MOST:
            return
        with suppress(FileNotFoundError):
            watched[file] = file.stat().st_atime_ns
            self._since.setdefault(authority, time.monotonic())
            return
        self._signs[authority] += 1  # It is gone already.

    def untouched_s(self, authority: str) -> float | None:
        """For how long nothing of what was delivered has been read or taken; None once something was."""
        if self._signs[authority] or not self._watched.get(authority) or not self._times_are_kept():
            return None
        for file, before in self._watched[authority].items():
            try:
                if file.stat().st_atime_ns == before:
                    continue
            except OSError:
                pass
            self._signs[authority] += 1
            del self._watched[authority]
            return None
        return time.monotonic() - self._since[authority]

    def _times_are_kept(self) -> bool:
        """A file that is read has another time of access afterwards."""
        if self._keeps_times is None:
            tried = self._private / "read"
            try:
                tried.write_bytes(b"x")
                # Most systems keep it only where it lies before the time of writing.
                os.utime(tried, ns=(0, tried.stat().st_mtime_ns))
                tried.read_bytes()
                self._keeps_times = tried.stat().st_atime_ns != 0
                tried.unlink()
            except OSError:
                self._keeps_times = False
        return self._keeps_times
