"""Parsing XML that strangers wrote, and escaping what we write.

Theory of operation: a document is refused before libxml2 sees it when it is out of bounds, when its bytes are not UTF-8
or when its prolog holds a document type declaration, so that no entity is ever defined. The bounds are counted in bytes
and marks, which costs next to nothing, and keep the tree small: an element takes some 300 bytes of memory, an attribute
little less, however short they are in the file. libxml2's own limit of 256 levels stops the rest; whatever goes wrong
comes out as one `DecodeError`.

Source: CP-IS rules MSG-001 and MSG-002.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from lxml import etree

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

WHITE_SPACE: Final = " \t\n\r"
"""As XML defines it. Python's own idea of it has more, such as the no-break space, which is text to a schema."""

_DECLARATION = re.compile(rb"<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"""\sencoding\s*=\s*["']([^"']*)["']""")
_SKIPPED = re.compile(rb"(?:\s++|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_BOM = b"\xef\xbb\xbf"

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def text(value: str) -> str:
    """Escaped for element content.

    Raises:
        ValueError: When a character cannot stand in XML at all.
    """
    _refuse_illegal(value)
    return value.translate(_TEXT)


def attribute(value: str) -> str:
    """Escaped for an attribute in double quotes.

    Raises:
        ValueError: When a character cannot stand in XML at all.
    """
    _refuse_illegal(value)
    return value.translate(_ATTRIBUTE)


def _refuse_illegal(value: str) -> None:
    if found := _ILLEGAL.search(value):
        raise ValueError(f"U+{ord(found.group()):04X} cannot be written in XML (in {shortened(value)!r})")


def shortened(value: object, limit: int = 60) -> str:
    """A value as an error message may repeat it: not too long, and printable."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value)[: limit * 4])
    if len(str(value)) > limit * 4:
        return f"{shown[:limit]}… ({len(str(value))} characters)"
    return shown if len(shown) <= limit else f"{shown[:limit]}… ({len(shown)} characters)"


def words(value: str) -> list[str]:
    """The items of a list type, which white space separates."""
    return re.findall(f"[^{WHITE_SPACE}]+", value)


def local_name(element: etree._Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def path_of(element: etree._Element) -> str:
    """XPath of an element by local names, with a number where siblings share the name."""
    steps: list[str] = []
    current: etree._Element | None = element
    while current is not None:
        parent = current.getparent()
        name = local_name(current)
        if parent is not None:
            before = sum(1 for _ in current.itersiblings(str(current.tag), preceding=True))
            after = next(current.itersiblings(str(current.tag)), None)
            if before or after is not None:
                name += f"[{before + 1}]"
        steps.append(name)
        current = parent
    return "/" + "/".join(reversed(steps))


def line_of(element: etree._Element) -> int:
    """Line of an element in its file, 0 when it has none."""
    line = element.sourceline
    return line if isinstance(line, int) else 0


def fault(
    element: etree._Element,
    what: str,
    requirement: str,
    *,
    expected: object = "",
    found: object = "",
    mend: str = "",
) -> DecodeError:
    """The error for a breach at an element."""
    return DecodeError(
        what,
        requirement=requirement,
        line=line_of(element),
        xpath=path_of(element),
        expected=expected,
        found=shortened(found),
        mend=mend,
    )


@contextmanager
def blaming(party: str) -> Iterator[None]:
    """Put a decode error down to the party that sends this message."""
    try:
        yield
    except DecodeError as error:
        if error.party == "unknown":
            error.party = party
        raise


def prolog_end(body: bytes, start: int = 0) -> int:
    """Where the first thing stands that is neither white space, comment nor processing instruction."""
    found = _SKIPPED.match(body, len(_BOM) if not start and body.startswith(_BOM) else start)
    return found.end() if found else start


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


def has_document_type(body: bytes) -> bool:
    """A document type declaration stands before the root element."""
    return body.startswith(b"<!DOCTYPE", prolog_end(body))


def parse_document(body: bytes, *, party: str = "unknown", bounds: Bounds = MESSAGE_BOUNDS) -> etree._Element:
    """Parse one XML document and nothing else.

    Comments and processing instructions are left out of the tree.

    Args:
        body: The whole document as received.
        party: Who wrote it, for the blame.
        bounds: A document that breaks one of them is refused unread.

    Raises:
        DecodeError: With `CPIS-MSG-001` when it is no well-formed UTF-8 document of bounded size, with
            `CPIS-MSG-002` when it has a document type declaration.
    """
    with blaming(party):
        _refuse_other_encodings(body)
        # A shorter one cannot break a bound.
        if len(body) > min(bounds.max_bytes, bounds.max_run, _FREE_NODES):
            Gauge(bounds).take(body)
        _refuse_other_bytes(body)
        if has_document_type(body):
            raise DecodeError(
                "Document type declaration",
                requirement="CPIS-MSG-002",
                line=body.count(b"\n", 0, prolog_end(body)) + 1,
                mend="Leave it out; CP-IS messages have no entities.",
            )
        return _parse(body)


def _refuse_other_encodings(body: bytes) -> None:
    if not body or body.isspace():
        raise DecodeError("Empty file", requirement="CPIS-MSG-001", expected="one XML document")
    found: str | None = None
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in body[:4]:
        found = "UTF-16 or UTF-32"
    elif declaration := _DECLARATION.match(body, len(_BOM) if body.startswith(_BOM) else 0):
        declared = _ENCODING.search(declaration.group())
        if declared and declared[1].upper() not in (b"UTF-8", b"UTF8"):
            found = declared[1].decode("ascii", "replace")
    if found is not None:
        raise DecodeError(
            "Encoding of the document", requirement="CPIS-MSG-001", line=1, expected="UTF-8", found=shortened(found)
        )


def _refuse_other_bytes(body: bytes) -> None:
    start = 0
    while start < len(body):
        # A text takes up to four times the room of its bytes, so only a piece of it stands in memory.
        end = min(start + _PIECE, len(body))
        while end < len(body) and end > start + _PIECE - 3 and body[end] & 0xC0 == 0x80:
            end -= 1
        try:
            body[start:end].decode("utf-8")
        except UnicodeDecodeError as error:
            place = start + error.start
            raise DecodeError(
                "Bytes that are not UTF-8",
                requirement="CPIS-MSG-001",
                line=body.count(b"\n", 0, place) + 1,
                expected="UTF-8",
                found=f"0x{body[place]:02x} at byte {place + 1}",
                mend="Write the file in the encoding that it declares.",
            ) from error
        start = end


def _parse(body: bytes) -> etree._Element:
    # A parser is made for each call: lxml locks a shared one, and a failed parse must leave nothing behind.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if "Excessive depth" in str(error):
            raise DecodeError(
                "Elements within elements too deep",
                requirement="CPIS-MSG-001",
                line=getattr(error, "lineno", None) or 0,
                expected="at most 256 levels",
            ) from error
        raise DecodeError(
            "Not a well-formed XML document",
            requirement="CPIS-MSG-001",
            line=getattr(error, "lineno", None) or 0,
            found=shortened(getattr(error, "msg", None) or error, 200),
        ) from error
