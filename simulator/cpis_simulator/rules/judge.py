"""Any CP-IS file or body, judged: decoded, then held against the rules.

Source: CP-IS rules, sections 1 to 7 and 10a.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Final

from lxml import etree

from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.detect import EBXML_HEADER, kind_of
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.codecs.query import decode_query
from cpis_simulator.codecs.reader import root_reader
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.codecs.soap import SOAP, decode_soap
from cpis_simulator.codecs.upload import decode_upload
from cpis_simulator.codecs.xml import (
    FILE_BOUNDS,
    MESSAGE_BOUNDS,
    Bounds,
    Gauge,
    fault,
    gathered,
    line_of,
    local_name,
    parse_document,
)
from cpis_simulator.errors import DecodeError
from cpis_simulator.rules.acknowledgement import check_acknowledgement
from cpis_simulator.rules.finding import ERROR, Finding, finding_of
from cpis_simulator.rules.lookup import check_codes, check_query, check_reply, check_transmission
from cpis_simulator.rules.notification import check_access_notification, check_inactive_notification
from cpis_simulator.rules.upload import judge_upload
from cpis_simulator.vocabulary import HL7, ROOT_OF_KIND, MessageKind

_KIND_OF_ROOT: Final = {root: kind for kind, root in ROOT_OF_KIND.items()}
_INTERACTIONS: Final = frozenset(
    {MessageKind.QUERY, MessageKind.RESPONSE, MessageKind.QUERY_FAILED, MessageKind.APPLICATION_ACKNOWLEDGEMENT}
)
# Encoded for transfer, a payload has no tags by which its runs could be measured.
_MIME_BOUNDS: Final = Bounds(MESSAGE_BOUNDS.max_bytes, MESSAGE_BOUNDS.max_nodes, max_run=MESSAGE_BOUNDS.max_bytes)
_BOUNDS: Final = {
    MessageKind.UPLOAD: FILE_BOUNDS,
    MessageKind.ACKNOWLEDGEMENT: FILE_BOUNDS,
    MessageKind.EBXML: _MIME_BOUNDS,
}
_STEP: Final = re.compile(r"([^/\[]+)(?:\[(\d+)\])?")

_MOST_MIME_PARTS: Final = 100
_MOST_MIME_HEADER: Final = 65_536
_BLANK_LINE: Final = re.compile(rb"(?:\A|\r?\n)\r?\n")
_FIELD: Final = rb"(?im)^%s[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)"
_CONTENT_TYPE: Final = re.compile(_FIELD % rb"Content-Type")
_TRANSFER_ENCODING: Final = re.compile(_FIELD % rb"Content-Transfer-Encoding")
_BOUNDARY: Final = re.compile(rb"""(?i);\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))""")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message is and whether it may be sent; `valid` means that no finding is an error."""

    kind: MessageKind
    valid: bool
    findings: tuple[Finding, ...]


def judge(body: bytes, kind: MessageKind | None = None) -> Verdict:
    """Judge one file or body.

    Args:
        body: All of it.
        kind: What it must be; without it, what it claims to be.

    Returns:
        The verdict, its findings in the order of the document where they have a line. An envelope is judged with the
        message inside.
    """
    kind = kind or kind_of(body)
    try:
        found = list(_judge(body, kind))
    except DecodeError as error:
        found = [finding_of(error)]
    return Verdict(kind, all(finding.severity != ERROR for finding in found), tuple(found))


def judge_pieces(pieces: Iterable[bytes], kind: MessageKind | None = None) -> Verdict:
    """Judge one file that comes in pieces, as `judge` does; one that is out of bounds is read no further.

    Args:
        pieces: The file in order; what it claims to be is told from the first.
        kind: What it must be.
    """
    coming = iter(pieces)
    first = next(coming, b"")
    claimed = kind or kind_of(first)
    try:
        body = gathered(chain([first], coming), _BOUNDS.get(claimed, MESSAGE_BOUNDS))
    except DecodeError as error:
        return Verdict(claimed, False, (finding_of(error),))
    return judge(body, kind)


def _judge(body: bytes, kind: MessageKind) -> Iterator[Finding]:
    if kind is MessageKind.EBXML:
        return _judge_ebxml(body)
    if kind is MessageKind.SOAP:
        return _judge_soap(body)
    if kind in _INTERACTIONS:
        return _judge_interaction(parse_document(body), kind)
    if kind in _FILES:
        return _with_lines(_FILES[kind](body), body)
    root = parse_document(body)
    raise fault(root, "No CP-IS message has this root", "CPIS-MSG-003", found=local_name(root))


_FILES: Final[dict[MessageKind, Callable[[bytes], list[Finding]]]] = {
    MessageKind.UPLOAD: lambda body: judge_upload(decode_upload(body)),
    MessageKind.ACKNOWLEDGEMENT: lambda body: check_acknowledgement(decode_acknowledgement(body)),
    MessageKind.ACCESS_NOTIFICATION: lambda body: check_access_notification(decode_access_notification(body)),
    MessageKind.INACTIVE_NOTIFICATION: lambda body: check_inactive_notification(decode_inactive_notification(body)),
}


def _judge_interaction(root: etree._Element, kind: MessageKind) -> Iterator[Finding]:
    name = ROOT_OF_KIND[kind]
    if local_name(root) != name:
        root_reader(root, name)
    if kind is MessageKind.QUERY:
        message = decode_query(root)
        found = [*check_transmission(message.transmission, name), *check_query(message.query)]
    else:
        reply = decode_reply(root)
        found = [*check_transmission(reply.transmission, name), *check_reply(reply)]
    for finding in (*found, *check_codes(root)):
        yield finding if finding.line else replace(finding, line=_line_at(root, finding.xpath))


def _judge_soap(body: bytes) -> Iterator[Finding]:
    message = decode_soap(body)
    if message.is_fault():
        return iter(())
    return _judge_interaction(message.body_element, _kind_inside(message.body_element))


def _kind_inside(element: etree._Element) -> MessageKind:
    kind = _KIND_OF_ROOT.get(local_name(element))
    if kind not in _INTERACTIONS:
        raise fault(element, "No CP-IS interaction in the envelope", "CPIS-MSG-003", found=local_name(element))
    return kind


def _judge_ebxml(body: bytes) -> Iterator[Finding]:
    if body.lstrip()[:1] == b"<":
        _check_ebxml_header(body)
        return iter(())
    Gauge(_MIME_BOUNDS).take(body)
    header, *payloads = _mime_parts(body)
    _check_ebxml_header(header)
    found: list[Finding] = []
    for payload in payloads:
        root = parse_document(payload)
        found.extend(_judge_interaction(root, _kind_inside(root)))
    return iter(found)


def _mime_parts(body: bytes) -> list[bytes]:
    """The parts of a multipart message, their transfer encoding undone.

    Python's own parser reads parts within parts, as deep as its stack, and fails on malformed parameters.

    Raises:
        DecodeError: With `CPIS-MSG-001` when it is none, is cut off, or has more parts than any real one.
    """
    header, start = _mime_header(body, 0)
    content_type = _CONTENT_TYPE.search(header)
    named = _BOUNDARY.search(content_type[1]) if content_type else None
    if named is None:
        raise _no_mime("MIME message without parts", "multipart/related with its boundary, its content type in front")
    delimiter = re.compile(rb"(?:\A|\r?\n)--%s(--)?[ \t]*(?=\r?\n|\Z)" % re.escape(named[1] or named[2]))
    parts: list[bytes] = []
    begun: int | None = None
    for found in delimiter.finditer(body, max(start - 1, 0)):
        if begun is not None:
            parts.append(_mime_part(body[begun + 1 : found.start()]))
        if found[1]:
            break
        if len(parts) == _MOST_MIME_PARTS:
            raise _no_mime("MIME message", f"at most {_MOST_MIME_PARTS} parts")
        begun = body.find(b"\n", found.end())
    else:
        raise _no_mime("MIME message that is cut off", "its last boundary")
    if not parts:
        raise _no_mime("MIME message without parts", "an ebXML header and a payload")
    return parts


def _mime_header(body: bytes, start: int) -> tuple[bytes, int]:
    """The header that begins at a place, and where what follows it begins."""
    end = _BLANK_LINE.search(body, start, start + _MOST_MIME_HEADER)
    if end is None:
        raise _no_mime("MIME header", f"a blank line after at most {_MOST_MIME_HEADER} bytes")
    return body[start : end.start()], end.end()


def _mime_part(part: bytes) -> bytes:
    header, start = _mime_header(part, 0)
    content = part[start:]
    found = _TRANSFER_ENCODING.search(header)
    encoding = found[1].strip().lower() if found else b""
    try:
        if encoding == b"base64":
            return binascii.a2b_base64(content)
        return binascii.a2b_qp(content) if encoding == b"quoted-printable" else content
    except binascii.Error as error:
        raise _no_mime("Part of a MIME message", "base64 as its header says") from error


def _no_mime(what: str, expected: str) -> DecodeError:
    return DecodeError(what, requirement="CPIS-MSG-001", expected=expected)


def _check_ebxml_header(body: bytes) -> None:
    root = parse_document(body)
    namespace = EBXML_HEADER.decode()
    if root.tag != f"{{{SOAP}}}Envelope" or root.find(f"{{{SOAP}}}Header/{{{namespace}}}MessageHeader") is None:
        raise fault(root, "No ebXML header in the envelope", "CPIS-MSG-003", expected="eb:MessageHeader")


def _with_lines(found: list[Finding], body: bytes) -> Iterator[Finding]:
    if all(finding.line for finding in found):
        return iter(found)
    root = parse_document(body, bounds=FILE_BOUNDS)
    records = list(root.iterchildren(f"{{{HL7}}}record"))
    return iter([f if f.line else replace(f, line=_line_at(root, f.xpath, records)) for f in found])


def _line_at(root: etree._Element, xpath: str, records: Sequence[etree._Element] = ()) -> int:
    """Line of the element at a path of local names, or of the nearest one above it.

    `records` are the children of a large file, so that each need not be counted to.
    """
    current = root
    for name, number in _STEP.findall(xpath.removeprefix(f"/{local_name(root)}")):
        place = int(number or 1) - 1
        if current is root and name == "record" and place < len(records):
            child: etree._Element | None = records[place]
        else:
            child = next(islice(current.iterchildren(f"{{{HL7}}}{name}"), place, None), None)
        if child is None:
            break
        current = child
    return line_of(current)
