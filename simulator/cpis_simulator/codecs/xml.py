"""Parsing XML that strangers wrote, and escaping what we write.

Theory of operation: a document is refused before libxml2 sees it when it is out of bounds, when its bytes are not UTF-8
or when its prolog holds a document type declaration, so that no entity is ever defined. libxml2's own limit of 256
levels stops the rest; whatever goes wrong comes out as one `DecodeError`.

Source: CP-IS rules MSG-001 and MSG-002.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from lxml import etree

from cpis_simulator.codecs.bounds import MESSAGE_BOUNDS, Bounds, Gauge
from cpis_simulator.errors import DecodeError

WHITE_SPACE: Final = " \t\n\r"
"""As XML defines it. Python's own idea of it has more, such as the no-break space, which is text to a schema."""

_DECLARATION = re.compile(rb"<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"""\sencoding\s*=\s*["']([^"']*)["']""")
_SKIPPED = re.compile(rb"(?:\s++|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_STEP = re.compile(r"([^/\[]+)(?:\[(\d+)\])?")
_PLACE = re.compile(r", line \d+, column \d+$")
_LINE = re.compile(r"\bline (\d+)")
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


def line_at(element: etree._Element, path: str) -> int:
    """Line of the element at a path of local names below an element, or of the nearest one above it."""
    current = element
    for name, number in _STEP.findall(path):
        child = next(islice(current.iterchildren(f"{{*}}{name}"), int(number or 1) - 1, None), None)
        if child is None:
            break
        current = child
    return line_of(current)


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
        Gauge(bounds).take(body)
        refuse_prolog(body)
        Utf8Gate().check(body, last=True)
        # A parser is made for each call: lxml locks a shared one, and a failed parse must leave nothing behind.
        parser = etree.XMLParser(**_OPTIONS)
        try:
            return etree.fromstring(body, parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise _ill_formed(error) from error


def refuse_prolog(body: bytes) -> None:
    """Refuse a document for what stands before its root: nothing, another encoding, a document type.

    Raises:
        DecodeError: With `CPIS-MSG-001` or `CPIS-MSG-002`.
    """
    if not body or body.isspace():
        raise DecodeError("Empty file", requirement="CPIS-MSG-001", expected="one XML document")
    if (found := _other_encoding(body)) is not None:
        raise DecodeError(
            "Encoding of the document", requirement="CPIS-MSG-001", line=1, expected="UTF-8", found=shortened(found)
        )
    if has_document_type(body):
        raise DecodeError(
            "Document type declaration",
            requirement="CPIS-MSG-002",
            line=body.count(b"\n", 0, prolog_end(body)) + 1,
            mend="Leave it out; CP-IS messages have no entities.",
        )


def _other_encoding(body: bytes) -> str | None:
    """Name of the encoding that a document has or declares, None when it is UTF-8."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in body[:4]:
        return "UTF-16 or UTF-32"
    declaration = _DECLARATION.match(body, len(_BOM) if body.startswith(_BOM) else 0)
    declared = _ENCODING.search(declaration.group()) if declaration else None
    if declared and declared[1].upper() not in (b"UTF-8", b"UTF8"):
        return declared[1].decode("ascii", "replace")
    return None


class Utf8Gate:
    """Lets bytes through that are UTF-8, piece by piece."""

    def __init__(self) -> None:
        """At the beginning of a document."""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._before = 0
        self._lines = 1

    def is_empty(self) -> bool:
        """Nothing came by."""
        return self._before == 0

    def check(self, piece: bytes, *, last: bool = False) -> None:
        """Refuse a piece with bytes that are none.

        Raises:
            DecodeError: With `CPIS-MSG-001`; names the byte, its place in the document, and the line.
        """
        pending, _ = self._decoder.getstate()
        if not (piece.isascii() and not pending):
            try:
                self._decoder.decode(piece, last)
            except UnicodeDecodeError as error:
                at = error.start - len(pending)
                raise DecodeError(
                    "Bytes that are not UTF-8",
                    requirement="CPIS-MSG-001",
                    line=self._lines + piece.count(b"\n", 0, max(at, 0)),
                    expected="UTF-8",
                    found=f"0x{(pending + piece)[error.start]:02x} at byte {self._before + at + 1}",
                    mend="Write the file in the encoding that it declares.",
                ) from error
        self._before += len(piece)
        self._lines += piece.count(b"\n")


class DocumentGate:
    """Lets a document through piece by piece, unless it is out of bounds, or its encoding or its prolog is refused."""

    def __init__(self, bounds: Bounds) -> None:
        """At the beginning."""
        self._gauge = Gauge(bounds)
        self._utf8 = Utf8Gate()
        self._head: bytes | None = b""

    def admit(self, piece: bytes) -> bytes:
        """What may go on to a parser; nothing as long as the root has not begun.

        Raises:
            DecodeError: With `CPIS-MSG-001` or `CPIS-MSG-002`.
        """
        self._gauge.take(piece)
        if self._head is not None:
            self._head += piece
            if prolog_end(self._head) + len(b"<!DOCTYPE") > len(self._head) < _LONGEST_PROLOG:
                return b""
            piece, self._head = self._head, None
            refuse_prolog(piece)
        self._utf8.check(piece)
        return piece

    def close(self) -> bytes:
        """What was held back, now that the document is at its end.

        Raises:
            DecodeError: As `admit`.
        """
        piece, self._head = self._head or b"", None
        if piece or self._utf8.is_empty():
            refuse_prolog(piece)
        self._utf8.check(piece, last=True)
        return piece


class PieceParser:
    """Parses one document piece by piece, and hands out the elements of one name when they are whole.

    Args:
        tag: Clark name of these elements.
        most_between: Bytes that may come from the end of one of them to the end of the next.

    Attributes:
        lines_before: Lines of the document that did not come here, and are added to those of errors.
    """

    def __init__(self, tag: str, *, most_between: int) -> None:
        """Nothing is read yet."""
        self.lines_before = 0
        self._parser = etree.XMLPullParser(events=("end",), tag=tag, **_OPTIONS)
        self._most_between = most_between
        self._since = 0

    def feed(self, piece: bytes) -> list[etree._Element]:
        """The elements that are whole with this piece; each may be emptied and removed afterwards.

        Raises:
            DecodeError: When this is no well-formed document, or holds too much between two of its elements.
        """
        self._since += len(piece)
        try:
            self._parser.feed(piece)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise _ill_formed(error, self.lines_before) from error
        # A prefix that is not declared is told at the end only, when nobody knows any more how to count its line.
        for entry in self._parser.feed_error_log:
            if entry.level >= etree.ErrorLevels.ERROR:
                raise _ill_formed(entry, self.lines_before)
        elements = [element for _, element in self._parser.read_events() if isinstance(element, etree._Element)]
        if elements:
            self._since = 0
        elif self._since > self._most_between:
            raise DecodeError(
                "Part of the file too large",
                requirement="CPIS-MSG-001",
                expected=f"at most {self._most_between} bytes in a record, and before the first",
            )
        return elements

    def close(self) -> etree._Element:
        """The root, now that the document is at its end, with whatever was not removed from it.

        Raises:
            DecodeError: When it is not whole.
        """
        try:
            return self._parser.close()
        except (etree.XMLSyntaxError, ValueError) as error:
            raise _ill_formed(error, self.lines_before) from error


_LONGEST_PROLOG: Final = 1024 * 1024
_OPTIONS: Final[dict[str, Any]] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def _ill_formed(error: object, lines_before: int = 0) -> DecodeError:
    """The refusal of what libxml2 says: an exception of its, or an entry of its log."""
    line = getattr(error, "lineno", None) or getattr(error, "line", None) or 0
    if "Excessive depth" in str(said := getattr(error, "msg", None) or getattr(error, "message", None) or error):
        return DecodeError(
            "Elements within elements too deep",
            requirement="CPIS-MSG-001",
            line=line + lines_before if line else 0,
            expected="at most 256 levels",
        )
    # libxml2's own numbers are wrong where a part of the document did not come by.
    said = _PLACE.sub("", "".join(filter(str.isprintable, str(said))))
    said = _LINE.sub(lambda found: f"line {int(found[1]) + lines_before}", said)
    return DecodeError(
        "Not a well-formed XML document",
        requirement="CPIS-MSG-001",
        line=line + lines_before if line else 0,
        found=shortened(said, 200),
    )
