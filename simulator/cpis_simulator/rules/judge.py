"""Any CP-IS file or body, judged: held against its schema, decoded, then against the rules.

Source: CP-IS rules, sections 1 to 7 and 10a.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from lxml import etree

from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.bounds import FILE_BOUNDS, MESSAGE_BOUNDS, Bounds, gathered
from cpis_simulator.codecs.control_file import decode_control_file
from cpis_simulator.codecs.detect import EBXML_HEADER, HEAD, kind_of
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.codecs.mime import read_mime_message
from cpis_simulator.codecs.query import decode_query
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.codecs.soap import SOAP, decode_soap
from cpis_simulator.codecs.xml import fault, line_at, local_name, parse_document
from cpis_simulator.errors import DecodeError
from cpis_simulator.rules.acknowledgement import check_acknowledgement
from cpis_simulator.rules.control_file import check_control_file
from cpis_simulator.rules.finding import ERROR, Finding, finding_of
from cpis_simulator.rules.lookup import check_codes, check_query, check_reply, check_transmission
from cpis_simulator.rules.notification import check_access_notification, check_inactive_notification
from cpis_simulator.rules.upload import ALL_CHECKS
from cpis_simulator.rules.upload_judge import UploadJudge
from cpis_simulator.settings import BusinessCheck, FlagPlace
from cpis_simulator.vocabulary import ROOT_OF_KIND, MessageKind

_KIND_OF_ROOT: Final = {root: kind for kind, root in ROOT_OF_KIND.items()}
_INTERACTIONS: Final = frozenset(
    {MessageKind.QUERY, MessageKind.RESPONSE, MessageKind.QUERY_FAILED, MessageKind.APPLICATION_ACKNOWLEDGEMENT}
)
_BOUNDS: Final = {
    MessageKind.ACKNOWLEDGEMENT: FILE_BOUNDS,
    # Encoded for transfer, a payload has no tags by which its runs could be measured.
    MessageKind.EBXML: Bounds(MESSAGE_BOUNDS.max_bytes, MESSAGE_BOUNDS.max_nodes, max_run=MESSAGE_BOUNDS.max_bytes),
}
MOST_FINDINGS: Final = 10_000
"""Findings that a verdict keeps; a large file with a fault in each record has more than anybody reads."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message is and whether it may be sent.

    Attributes:
        kind: What it claims to be, or had to be.
        valid: No finding is an error.
        findings: The first thing to mend first: of an upload those of the header, then of the file as
            a whole, then of each record; otherwise in the order of the document.
        omitted: How many more findings there were than are kept; what the first fault of a record hides is not looked
            for any more by then.
        records: Of an upload: how many it holds.
    """

    kind: MessageKind
    valid: bool
    findings: tuple[Finding, ...]
    omitted: int = 0
    records: int | None = None


@dataclass(frozen=True, slots=True)
class Judging:
    """How to judge.

    Attributes:
        checks: Business checks that are switched on.
        flag: Where the silent-read flag of Patch D may stand (setting `query.access_flag_place`).
        most: How many findings to keep.
    """

    checks: Collection[BusinessCheck] = ALL_CHECKS
    flag: FlagPlace = "anywhere"
    most: int = MOST_FINDINGS


def judge(body: bytes, kind: MessageKind | None = None, how: Judging | None = None) -> Verdict:
    """Judge one file or body.

    Args:
        body: All of it.
        kind: What it must be; without it, what it claims to be.
        how: Settings; the defaults without it.

    Returns:
        The verdict. An envelope is judged with the message inside.
    """
    return judge_pieces([body], kind, how)


def judge_pieces(pieces: Iterable[bytes], kind: MessageKind | None = None, how: Judging | None = None) -> Verdict:
    """As `judge`, for a file that comes in pieces; an upload of any size is judged in bounded memory."""
    how = how or Judging()
    coming = iter(pieces)
    begun = bytearray()
    while len(begun) < HEAD and (piece := next(coming, None)) is not None:
        begun += piece
    head = bytes(begun)
    kind = kind or kind_of(head)
    kept = _Kept(how.most)
    records: int | None = None
    if kind is MessageKind.UPLOAD:
        judging = UploadJudge(checks=how.checks, thorough=lambda: not kept.is_full())
        try:
            for piece in chain([head], coming):
                kept.take(judging.feed(piece))
            kept.take(judging.close())
            kept.take_before_records(judging.whole())
        except DecodeError as error:
            kept.take_first(finding_of(fault) for fault in error.faults)
        records = judging.records
    else:
        try:
            body = gathered(chain([head], coming), _BOUNDS.get(kind, MESSAGE_BOUNDS))
            kept.take(_judge_whole(body, kind, how))
        except DecodeError as error:
            kept.take_first(finding_of(fault) for fault in error.faults)
    return kept.verdict(kind, records)


class _Kept:
    """Findings as they come, up to a number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Finding] = []
        self._omitted = 0
        self._errors = 0

    def is_full(self) -> bool:
        return self._omitted > 0

    def take(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._errors += finding.severity == ERROR
            if len(self._kept) < self._most:
                self._kept.append(finding)
            else:
                self._omitted += 1

    def take_first(self, findings: Iterable[Finding]) -> None:
        """What concerns the whole file stands before everything else that was found."""
        self._insert(0, list(findings))

    def take_before_records(self, findings: Iterable[Finding]) -> None:
        """What concerns the number of records and the like stands behind the faults of the header."""
        place = next((n for n, f in enumerate(self._kept) if f.record is not None), len(self._kept))
        self._insert(place, list(findings))

    def _insert(self, place: int, findings: list[Finding]) -> None:
        self._errors += sum(finding.severity == ERROR for finding in findings)
        self._kept[place:place] = findings

    def verdict(self, kind: MessageKind, records: int | None) -> Verdict:
        return Verdict(kind, not self._errors, tuple(self._kept), self._omitted, records)


def _judge_whole(body: bytes, kind: MessageKind, how: Judging) -> Iterable[Finding]:
    if kind is MessageKind.EBXML:
        return _judge_ebxml(body, how)
    if kind is MessageKind.SOAP:
        return _judge_soap(body, how)
    if kind is MessageKind.MESH_CONTROL:
        return check_control_file(decode_control_file(body))
    root = parse_document(body, bounds=_BOUNDS.get(kind, MESSAGE_BOUNDS))
    if kind in _INTERACTIONS:
        return _judge_interaction(root, kind, how)
    if kind in _PAYLOADS:
        return _with_lines(root, _PAYLOADS[kind](root))
    raise fault(root, "No CP-IS message has this root", "CPIS-MSG-003", found=local_name(root))


_PAYLOADS: Final[dict[MessageKind, Callable[[etree._Element], list[Finding]]]] = {
    MessageKind.ACKNOWLEDGEMENT: lambda root: check_acknowledgement(decode_acknowledgement(root)),
    MessageKind.ACCESS_NOTIFICATION: lambda root: check_access_notification(decode_access_notification(root)),
    MessageKind.INACTIVE_NOTIFICATION: lambda root: check_inactive_notification(decode_inactive_notification(root)),
}


def _judge_interaction(root: etree._Element, kind: MessageKind, how: Judging) -> Iterator[Finding]:
    name = ROOT_OF_KIND[kind]
    if local_name(root) != name:
        raise fault(root, "Root element", "CPIS-MSG-003", expected=name, found=local_name(root))
    if kind is MessageKind.QUERY:
        message = decode_query(root, flag=how.flag)
        found = [*check_transmission(message.transmission, name), *check_query(message.query)]
    else:
        reply = decode_reply(root)
        found = [*check_transmission(reply.transmission, name), *check_reply(reply)]
    yield from _with_lines(root, [*found, *check_codes(root)])


def _judge_soap(body: bytes, how: Judging) -> Iterator[Finding]:
    message = decode_soap(body)
    if message.is_fault():
        return iter(())
    return _judge_interaction(message.body_element, _kind_inside(message.body_element), how)


def _kind_inside(element: etree._Element) -> MessageKind:
    kind = _KIND_OF_ROOT.get(local_name(element))
    if kind not in _INTERACTIONS:
        raise fault(element, "No CP-IS interaction in the envelope", "CPIS-MSG-003", found=local_name(element))
    return kind


def _judge_ebxml(body: bytes, how: Judging) -> Iterator[Finding]:
    if body.lstrip()[:1] == b"<":
        _check_ebxml_header(body)
        return iter(())
    header, *payloads = read_mime_message(body)
    _check_ebxml_header(header.content)
    found: list[Finding] = []
    for payload in payloads:
        root = parse_document(payload.content.lstrip())
        found.extend(_judge_interaction(root, _kind_inside(root), how))
    return iter(found)


def _check_ebxml_header(body: bytes) -> None:
    root = parse_document(body)
    namespace = EBXML_HEADER.decode()
    if root.tag != f"{{{SOAP}}}Envelope" or root.find(f"{{{SOAP}}}Header/{{{namespace}}}MessageHeader") is None:
        raise fault(root, "No ebXML header in the envelope", "CPIS-MSG-003", expected="eb:MessageHeader")


def _with_lines(root: etree._Element, found: Iterable[Finding]) -> Iterator[Finding]:
    base = f"/{local_name(root)}"
    for finding in found:
        yield finding if finding.line else replace(finding, line=line_at(root, finding.xpath.removeprefix(base)))
