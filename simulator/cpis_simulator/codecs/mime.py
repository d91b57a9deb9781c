"""Multipart MIME as Spine's clients write it, taken apart within bounds and put together strictly.

Parts are split by their delimiter lines and never descended into: a part that is itself multipart stays bytes. Nothing
is read twice, so that time and memory stay proportional to the size of the message. Python's own parser reads parts
within parts, as deep as its stack, and fails on parameters that real clients write.

Source: CP-IS over Spine, transport sections 3.1 and 3.2; RFC 2045, RFC 2046, RFC 2387.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cpis_simulator.errors import DecodeError

MOST_PARTS: Final = 100
"""No Spine message has more (External Interface Specification)."""
MOST_HEADER: Final = 16_384
"""Bytes of the header of a part, and of one that stands in front of the message."""

BOUNDARY: Final = "--=_MIME-Boundary"
"""What every Spine client writes; delimiter lines begin with four hyphens."""

_BLANK_LINE: Final = re.compile(rb"(?:\A|\r?\n)\r?\n")
_FOLDING: Final = re.compile(rb"\r?\n[ \t]+")
_PARAMETER: Final = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))')
_LONGEST_BOUNDARY: Final = 200
_LINE_FEED: Final = 10
_IDENTITY: Final = frozenset((b"", b"7bit", b"8bit", b"binary"))


@dataclass(frozen=True, slots=True)
class Part:
    """One part, its transfer encoding undone. `content_id` stands without angle brackets, empty where there is none."""

    content_id: str
    content_type: str
    content: bytes


def is_multipart(content_type: str) -> bool:
    """A content type says that the body has parts."""
    return content_type.lstrip()[:10].lower() == "multipart/"


def parameters(content_type: str) -> dict[str, str]:
    """Parameters of a content type by lower-case name, quoted or not, in any order."""
    found = _PARAMETER.finditer(content_type, max(content_type.find(";"), 0))
    return {p[1].lower(): p[3] if p[2] is None else re.sub(r"\\(.)", r"\1", p[2]) for p in found}


def bare_id(content_id: str) -> str:
    """A content id as it is compared: `start` and `cid:` give it without angle brackets."""
    return content_id.strip().removeprefix("<").removesuffix(">")


def read_multipart(body: bytes, content_type: str) -> list[Part]:
    """The parts of an HTTP body.

    Args:
        body: All of it; what stands before the first delimiter and behind the last is left out.
        content_type: The HTTP header, which names the boundary.

    Returns:
        The parts in their order, the one that `start` names first. Never empty.

    Raises:
        DecodeError: With `CPIS-MSG-001` when the message has no boundary, is cut off or is out of bounds.
    """
    named = parameters(content_type)
    parts = list(_split(body, named))
    if not parts:
        raise _broken("MIME message without parts", "an ebXML header and a payload")
    start = bare_id(named.get("start", ""))
    root = next((part for part in parts if start and part.content_id == start), parts[0])
    return [root, *(part for part in parts if part is not root)]


def first_part(body: bytes, content_type: str) -> Part | None:
    """The first part of a message that may be broken behind it.

    Raises:
        DecodeError: As `read_multipart`, when not even that can be read.
    """
    return next(_split(body, parameters(content_type)), None)


def read_mime_message(body: bytes) -> list[Part]:
    """The parts of a message whose header stands in front of it, as in a file.

    Raises:
        DecodeError: As `read_multipart`.
    """
    header, start = _header(body, 0)
    return read_multipart(body[start:], header.get(b"content-type", b"").decode("utf-8", "replace"))


def _split(body: bytes, named: dict[str, str]) -> Iterator[Part]:
    """The parts as they come; what is wrong is told where it is met."""
    boundary = named.get("boundary", "")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise _broken("MIME message without parts", "multipart/related with its boundary")
    delimiter = b"--" + boundary.encode("utf-8", "replace")
    begun: int | None = None
    count = position = 0
    while (found := body.find(delimiter, position)) >= 0:
        position = found + len(delimiter)
        if found and body[found - 1] != _LINE_FEED:
            continue
        end = body.find(b"\n", position)
        rest = body[position : end if end >= 0 else len(body)].rstrip()
        if rest not in (b"", b"--"):
            continue
        if begun is not None:
            yield _part(body, begun, found)
            count += 1
        if rest:
            return
        if count == MOST_PARTS:
            raise _broken("MIME message", f"at most {MOST_PARTS} parts")
        begun = position = end + 1 if end >= 0 else len(body)
    raise _broken("MIME message that is cut off", f"its last boundary, --{boundary}--")


def _header(body: bytes, start: int) -> tuple[dict[bytes, bytes], int]:
    """The fields of the header that begins at a place, by lower-case name, and where its content begins."""
    end = _BLANK_LINE.search(body, start, start + MOST_HEADER)
    if end is None:
        raise _broken("MIME header", f"a blank line after at most {MOST_HEADER} bytes")
    fields: dict[bytes, bytes] = {}
    for line in _FOLDING.sub(b" ", body[start : end.start()]).split(b"\n"):
        name, _, value = line.partition(b":")
        fields.setdefault(name.strip().lower(), value.strip())
    return fields, end.end()


def _part(body: bytes, start: int, end: int) -> Part:
    # The line end before a delimiter belongs to it. An empty part has none of its own.
    end -= 2 if body[end - 2 : end] == b"\r\n" else 1
    part = body[start : max(start, end)]
    header, content_start = _header(part, 0) if part else ({}, 0)
    content = part[content_start:]
    encoding = header.get(b"content-transfer-encoding", b"").lower()
    if encoding not in _IDENTITY:
        content = _decoded(content, encoding)
    return Part(
        bare_id(header.get(b"content-id", b"").decode("utf-8", "replace")),
        header.get(b"content-type", b"").decode("utf-8", "replace"),
        content,
    )


def _decoded(content: bytes, encoding: bytes) -> bytes:
    try:
        if encoding == b"base64":
            return binascii.a2b_base64(content)
        if encoding == b"quoted-printable":
            return binascii.a2b_qp(content)
    except binascii.Error as error:
        raise _broken("Part of a MIME message", "base64 as its header says") from error
    raise _broken(
        "Content-Transfer-Encoding",
        "8bit, 7bit, binary, base64 or quoted-printable",
        encoding.decode("utf-8", "replace"),
    )


def _broken(what: str, expected: str, found: str = "") -> DecodeError:
    return DecodeError(what, requirement="CPIS-MSG-001", expected=expected, found=found[:60])


def write_multipart(parts: Sequence[Part]) -> tuple[str, bytes]:
    """A multipart/related message whose first part is its root.

    Returns:
        The content type for the HTTP header, and the body, lines ending in CRLF throughout.
    """
    contents = [part.content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for part in parts]
    boundary = BOUNDARY
    # Nobody who can put a text into a message may put a delimiter into it.
    while any(boundary.encode() in content for content in contents):
        boundary += "="
    pieces: list[bytes] = []
    for part, content in zip(parts, contents, strict=True):
        pieces.append(
            f"--{boundary}\r\nContent-Id: <{part.content_id}>\r\nContent-Type: {part.content_type}\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\n".encode()
        )
        pieces += (content, b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    content_type = f'multipart/related; boundary="{boundary}"; type="text/xml"; start="<{parts[0].content_id}>"'
    return content_type, b"".join(pieces)
