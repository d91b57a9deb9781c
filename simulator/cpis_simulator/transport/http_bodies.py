"""Bodies of requests on the disk, in files that whoever answers may keep by renaming them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import BinaryIO, cast


class BodyFile:
    """One body. A `BodySink`; removed with the request unless somebody took it.

    Attributes:
        path: Where it is.
        size: Bytes that were written so far.
    """

    def __init__(self, folder: Path) -> None:
        """Make the file."""
        number, name = tempfile.mkstemp(prefix="body-", dir=folder)
        self.path = Path(name)
        self.size = 0
        self._is_taken = False
        self._file = cast("BinaryIO", os.fdopen(number, "w+b", buffering=0))

    def write(self, data: bytes) -> None:
        """Some more of it."""
        rest = memoryview(data)
        self.size += len(rest)
        while rest:
            rest = rest[self._file.write(rest) :]

    def opened(self) -> BinaryIO:
        """The whole of it, to be read from its beginning."""
        self._file.seek(0)
        return self._file

    def take(self, target: Path, *, durable: bool = False) -> None:
        """Keep it under another name on the same file system; `durable`: once it is on the disk."""
        if durable:
            os.fsync(self._file.fileno())
        os.replace(self.path, target)
        self._is_taken = True

    def discard(self) -> None:
        """Let go of it, and remove it if nobody took it."""
        if self._file.closed:
            return
        self._file.close()
        if not self._is_taken:
            self.path.unlink(missing_ok=True)
