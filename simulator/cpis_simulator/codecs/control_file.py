"""The control file beside a message in a MESH folder, `DTSControl`: written in one order, read in any.

Source: CP-IS file drop, section 2.4; the public descriptions of the DTS and MESH client's folder interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

from cpis_simulator.codecs.xml import fault, line_of, local_name, parse_document

ROOT: Final = "DTSControl"

_ORDER: Final = (
    "Version", "AddressType", "MessageType", "From_DTS", "To_DTS", "From_ESMTP", "To_ESMTP", "Subject", "LocalId",
    "DTSId", "PartnerId", "Compress", "AllowChunking", "Encrypted", "WorkflowId", "ProcessId", "DataChecksum",
    "IsCompressed",
)  # fmt: skip
_STATUS_ORDER: Final = ("DateTime", "Event", "Status", "StatusCode", "Description")
_OTHER_SPELLING: Final = {"DataCheckSum": "DataChecksum"}


@dataclass(frozen=True, slots=True)
class ControlFile:
    """What a control file says: its elements by name, empty ones left out, and the line where each stands.

    `status` are the elements of the `StatusRecord`, empty where there is none.
    """

    values: dict[str, str]
    status: dict[str, str]
    lines: dict[str, int]

    def get(self, name: str) -> str:
        """An element's text, empty where it is absent."""
        return self.values.get(name, "")


def decode_control_file(body: bytes) -> ControlFile:
    """Read a control file; unknown elements are kept, order and attributes do not count.

    Raises:
        DecodeError: When it is no XML, or its root is another.
    """
    root = parse_document(body)
    if local_name(root) != ROOT:
        raise fault(root, "Root element", "CPIS-MSG-003", expected=ROOT, found=local_name(root))
    lines: dict[str, int] = {}
    status: dict[str, str] = {}
    for child in root:
        lines.setdefault(local_name(child), line_of(child))
        if local_name(child) == "StatusRecord":
            status = _texts(child)
    return ControlFile(_texts(root), status, lines)


def encode_control_file(values: Mapping[str, str], status: Mapping[str, str] | None = None) -> bytes:
    """Write a control file: known elements in their order, then unknown ones, then the status record; no empty ones."""
    named = {_OTHER_SPELLING.get(name, name): value for name, value in values.items() if value}
    order = [*_ORDER, *(name for name in named if name not in _ORDER)]
    lines = [_element(name, named[name]) for name in order if name in named]
    if status:
        inner = [_element(name, status[name]) for name in _STATUS_ORDER if status.get(name)]
        lines += ["  <StatusRecord>", *(f"  {line}" for line in inner), "  </StatusRecord>"]
    return "\n".join([f"<{ROOT}>", *lines, f"</{ROOT}>", ""]).encode()


def _element(name: str, value: str) -> str:
    return f"  <{name}>{escape(value)}</{name}>"


def _texts(element: etree._Element) -> dict[str, str]:
    return {local_name(child): text for child in element if not len(child) and (text := (child.text or "").strip())}
