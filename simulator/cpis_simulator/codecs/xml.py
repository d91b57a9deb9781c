"""Parsing XML that strangers wrote, and escaping what we write.

Theory of operation: a document is refused before libxml2 sees it when its bytes are not UTF-8 or when its prolog
holds a document type declaration, so that no entity is ever defined. libxml2's own limits (256 levels, 10 MB for a text
or an attribute) stop the rest; whatever goes wrong comes out as one `DecodeError`.

Source: CP-IS rules MSG-001 and MSG-002.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lxml import etree

from cpis_simulator.errors import DecodeError

MAX_BYTES: Final = 512 * 1024 * 1024
"""No document is larger; the edges have tighter limits of their own."""

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


def has_document_type(body: bytes) -> bool:
    """A document type declaration stands before the root element."""
    return body.startswith(b"<!DOCTYPE", prolog_end(body))


def parse_document(body: bytes, *, party: str = "unknown", max_bytes: int = MAX_BYTES) -> etree._Element:
    """Parse one XML document and nothing else.

    Comments and processing instructions are left out of the tree.

    Args:
        body: The whole document as received.
        party: Who wrote it, for the blame.
        max_bytes: A larger document is refused unread.

    Raises:
        DecodeError: With `CPIS-MSG-001` when it is no well-formed UTF-8 document of bounded size, with
            `CPIS-MSG-002` when it has a document type declaration.
    """
    with blaming(party):
        if len(body) > max_bytes:
            raise DecodeError(
                "Document too large",
                requirement="CPIS-MSG-001",
                expected=f"at most {max_bytes} bytes",
                found=len(body),
            )
        _refuse_other_encodings(body)
        if has_document_type(body):
            raise DecodeError(
                "Document type declaration",
                requirement="CPIS-MSG-002",
                line=body.count(b"\n", 0, prolog_end(body)) + 1,
                mend="Leave it out; CP-IS messages have no entities.",
            )
        return _parse(body)


def _refuse_other_encodings(body: bytes) -> None:
    if not body.strip():
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
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(
            "Bytes that are not UTF-8",
            requirement="CPIS-MSG-001",
            line=body.count(b"\n", 0, error.start) + 1,
            expected="UTF-8",
            found=f"0x{body[error.start]:02x} at byte {error.start + 1}",
            mend="Write the file in the encoding that it declares.",
        ) from error


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
        raise DecodeError(
            "Not a well-formed XML document",
            requirement="CPIS-MSG-001",
            line=getattr(error, "lineno", None) or 0,
            found=shortened(getattr(error, "msg", None) or error, 200),
        ) from error
