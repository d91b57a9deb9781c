"""What a file or body is, told from its first element.

Source: CP-IS DMS 1.0-RC5, messages; the root elements stand in `vocabulary.ROOT_OF_KIND`.
"""

from __future__ import annotations

import re
from typing import Final

from cpis_simulator.codecs.xml import prolog_end
from cpis_simulator.vocabulary import ROOT_OF_KIND, MessageKind

EBXML_HEADER: Final = b"http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"

_KIND_OF_ROOT: Final = {root: kind for kind, root in ROOT_OF_KIND.items()} | {
    "Envelope": MessageKind.SOAP,
    "DTSControl": MessageKind.MESH_CONTROL,
}
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE(?:[^\[>]++|\[.*?\]\s*(?=>))*+>", re.DOTALL)
_START: Final = re.compile(rb"<(?:[\w.\-]{1,100}:)?([\w.\-]{1,100})")
_MIME: Final = re.compile(rb"(?:MIME-Version|Content-Type|Content-Id)\s*:|--[^\r\n]{1,200}\r?\n(?:[\w-]+\s*:)", re.I)
HEAD: Final = 1024 * 1024
"""Bytes from the beginning that tell what a file is."""
_WINDOW: Final = 65_536


def kind_of(body: bytes) -> MessageKind:
    """The kind of message that bytes claim to be; nothing is parsed or judged."""
    if _MIME.match(body[:_WINDOW].lstrip()):
        return MessageKind.EBXML
    start = prolog_end(body)
    # What stands before the root may be long, and does not count.
    head = body[start : start + _WINDOW]
    doctype = _DOCTYPE.match(head)
    found = _START.match(head, prolog_end(head, doctype.end()) if doctype else 0)
    if found is None:
        return MessageKind.UNKNOWN
    kind = _KIND_OF_ROOT.get(found[1].decode("ascii", "replace"), MessageKind.UNKNOWN)
    if kind is MessageKind.SOAP and EBXML_HEADER in head:
        return MessageKind.EBXML
    return kind
