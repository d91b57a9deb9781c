"""How large a document may be, whatever it says, measured before anything is parsed.

Theory of operation: bytes and marks are counted, which costs next to nothing and keeps the tree small: an element takes
some 300 bytes of memory, an attribute little less, however short they are in the file.

Source: CP-IS rules MSG-001.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from cpis_simulator.errors import DecodeError

_PIECE: Final = 65_536
_FREE_NODES: Final = 20_000
_BYTES_PER_NODE: Final = 12


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a document may be, whatever it says.

    Beside these, there may be one node for every twelve bytes once there are many: in the densest message that can be
    written, a node takes sixteen.

    Attributes:
        max_bytes: All of it.
        max_nodes: Tags, comments, attributes and namespace declarations together, as `<` and `=` tell them.
        max_run: Bytes from one `<` to the next, which is a tag and the text after it.
    """

    max_bytes: int
    max_nodes: int
    max_run: int = 65_536


MESSAGE_BOUNDS: Final = Bounds(max_bytes=8 * 1024 * 1024, max_nodes=150_000)
"""Of a message about one person, or about the accesses of a day."""

FILE_BOUNDS: Final = Bounds(max_bytes=512 * 1024 * 1024, max_nodes=50_000_000)
"""Of an upload and the reply to it, which grow with the caseload; the edges have tighter limits of their own."""


class Gauge:
    """Measures a document as it comes in, so that one that is out of bounds is read no further."""

    __slots__ = ("_bounds", "_bytes", "_lines", "_nodes", "_run")

    def __init__(self, bounds: Bounds) -> None:
        """Nothing has come in yet."""
        self._bounds = bounds
        self._bytes = self._lines = self._nodes = self._run = 0

    def take(self, piece: bytes) -> None:
        """Measure what comes next.

        Raises:
            DecodeError: With `CPIS-MSG-001` when it breaks a bound.
        """
        for start in range(0, len(piece), _PIECE):
            self._take(piece, start, min(start + _PIECE, len(piece)))

    def _take(self, piece: bytes, start: int, end: int) -> None:
        bounds = self._bounds
        self._bytes += end - start
        if self._bytes > bounds.max_bytes:
            raise _out_of_bounds("Document too large", f"at most {bounds.max_bytes} bytes", 0)
        self._nodes += piece.count(b"<", start, end) + piece.count(b"=", start, end)
        most = min(bounds.max_nodes, _FREE_NODES + self._bytes // _BYTES_PER_NODE)
        if self._nodes > most:
            raise _out_of_bounds("Too many tags and attributes", f"at most {most} up to here", self._lines + 1)
        self._measure_runs(piece, start, end)
        self._lines += piece.count(b"\n", start, end)

    def _measure_runs(self, piece: bytes, start: int, end: int) -> None:
        most = self._bounds.max_run
        position = start - self._run
        while (found := piece.rfind(b"<", max(position + 1, start), min(position + most + 1, end))) >= 0:
            position = found
        self._run = end - position
        if self._run > most:
            line = self._lines + piece.count(b"\n", start, max(position, start)) + 1
            raise _out_of_bounds("Tag or text too long", f"at most {most} bytes from one tag to the next", line)


def _out_of_bounds(what: str, expected: str, line: int) -> DecodeError:
    return DecodeError(
        what,
        requirement="CPIS-MSG-001",
        line=line,
        expected=expected,
        mend="No CP-IS message needs as much: look for what does not belong there.",
    )


def gathered(pieces: Iterable[bytes], bounds: Bounds) -> bytes:
    """A document from its pieces, the rest of which stays unread as soon as it is out of bounds.

    Raises:
        DecodeError: With `CPIS-MSG-001` when it breaks a bound.
    """
    gauge, whole = Gauge(bounds), BytesIO()
    for piece in pieces:
        gauge.take(piece)
        whole.write(piece)
    return whole.getvalue()
