"""From the bytes of a request to a lookup whose form is right, or to its refusal: steps 2 to 5 of the order of checks.

The profile is told from what arrives, unless a single one is taken (setting `transport.strict`). Nothing here needs to
know who sends; what does, is `spine.exchange`.

Source: CP-IS over Spine, transport sections 1 to 3, 6 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from cpis_simulator.codecs.ebxml import (
    ACKNOWLEDGEMENT_ACTION,
    MESSAGE_ERROR_ACTION,
    NOT_WELL_FORMED,
    EbxmlHeader,
    EbxmlMessage,
    MessageError,
    clean_action,
    decode_ebxml,
    decode_header,
    decode_root,
)
from cpis_simulator.codecs.mime import is_multipart
from cpis_simulator.codecs.query import INTERACTION
from cpis_simulator.codecs.soap import QUERY_ACTION, SoapMessage, decode_soap
from cpis_simulator.codecs.xml import local_name, parse_document
from cpis_simulator.directory import EXPRESS_PATH, INTERMEDIARY_PATH, RELIABLE_PATH
from cpis_simulator.errors import DecodeError
from cpis_simulator.settings import TransportSettings
from cpis_simulator.spine.answers import NOT_SUPPORTED, SYSTEM_FAILURE, Erred, Faulted
from cpis_simulator.spine.answers import NOT_WELL_FORMED as FAULT_NOT_WELL_FORMED
from cpis_simulator.spine.header_rules import Exchanged, header_error

_SIGNALS: Final = frozenset((ACKNOWLEDGEMENT_ACTION, MESSAGE_ERROR_ACTION))


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came over HTTP; names of the client's certificate where it has shown one."""

    path: str
    content_type: str
    soap_action: str | None
    body: bytes
    certificate_names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AskedBySoap:
    """A synchronous lookup: its envelope, which holds the query."""

    envelope: SoapMessage

    @property
    def query(self) -> etree._Element:
        """The interaction."""
        return self.envelope.body_element


@dataclass(frozen=True, slots=True)
class AskedByEbxml:
    """An asynchronous lookup: its header, and the query of its payload."""

    profile: Exchanged
    header: EbxmlHeader
    query: etree._Element


@dataclass(frozen=True, slots=True)
class Signalled:
    """An acknowledgement or error about a message of ours that a client sends on a connection of its own."""

    header: EbxmlHeader


Taken = AskedBySoap | AskedByEbxml | Signalled


def take_in(incoming: Incoming, transport: TransportSettings) -> Taken:
    """Check the form of a request.

    Raises:
        Refused: With what it is answered.
    """
    multipart = is_multipart(incoming.content_type)
    action = clean_action(incoming.soap_action)
    _check_path(incoming.path, action, transport)
    if action in _SIGNALS and not multipart:
        return Signalled(_read_signal(incoming.body))
    if action != QUERY_ACTION:
        found = (incoming.soap_action or "none")[:200]
        raise Faulted(NOT_SUPPORTED, f"SOAPAction: expected {QUERY_ACTION}, found {found}", client=True)
    if transport.strict != "off" and multipart == (transport.strict == "sync"):
        raise Faulted(NOT_SUPPORTED, f"Only the {transport.strict} profile is offered here", client=True)
    return _read_ebxml(incoming, transport) if multipart else _read_soap(incoming.body)


def _check_path(path: str, action: str, transport: TransportSettings) -> None:
    """Every path is taken, because clients are configured with all sorts of addresses, unless one profile is."""
    taken: tuple[str, ...] = ()
    if transport.strict != "off" and action not in _SIGNALS:
        taken = {"reliable": (RELIABLE_PATH,), "express": (EXPRESS_PATH,)}.get(transport.strict, transport.sync_paths)
    if path == INTERMEDIARY_PATH or (taken and path not in taken):
        expected = f", expected {' or '.join(taken)}" if taken else ""
        raise Faulted(NOT_SUPPORTED, f"Nothing is offered at {path[:200]}{expected}", client=True, status=404)


def _read_signal(body: bytes) -> EbxmlHeader:
    try:
        return decode_header(body, party="care")
    except DecodeError as error:
        raise Faulted(FAULT_NOT_WELL_FORMED, f"{NOT_WELL_FORMED}: {error}") from error


def _read_ebxml(incoming: Incoming, transport: TransportSettings) -> AskedByEbxml:
    try:
        message = decode_ebxml(incoming.body, incoming.content_type, party="care")
    except DecodeError as error:
        if transport.broken_multipart == "message-error" and error.requirement == "CPIS-MSG-001":
            header = decode_root(incoming.body, incoming.content_type)
            if header is not None:
                raise Erred(header, MessageError("MimeProblem", str(error))) from error
        raise Faulted(FAULT_NOT_WELL_FORMED, f"{NOT_WELL_FORMED}: {error}") from error
    profile = _profile(message.header, transport)
    strict = transport.strict != "off"
    if broken := header_error(message, profile, strict=strict):
        raise Erred(message.header, broken)
    return AskedByEbxml(profile, message.header, _read_payload(message, transport))


def _profile(header: EbxmlHeader, transport: TransportSettings) -> Exchanged:
    if transport.strict == "reliable" or transport.strict == "express":
        return transport.strict
    return "reliable" if header.ack_requested is not None else "express"


def _read_payload(message: EbxmlMessage, transport: TransportSettings) -> etree._Element:
    payload = message.payload or b""
    if len(payload) > transport.max_payload and len(payload.decode("utf-8", "replace")) > transport.max_payload:
        description = f"The payload is larger than {transport.max_payload} characters"
        raise Faulted(SYSTEM_FAILURE, description, status=int(transport.oversize))
    try:
        element = parse_document(payload, party="care")
    except DecodeError as error:
        raise Faulted(FAULT_NOT_WELL_FORMED, f"{NOT_WELL_FORMED}: {error}") from error
    if (name := local_name(element)) != INTERACTION:
        description = f"{NOT_WELL_FORMED}: Payload: expected {INTERACTION}, found {name[:100]}"
        raise Faulted(FAULT_NOT_WELL_FORMED, description)
    return element


def _read_soap(body: bytes) -> AskedBySoap:
    try:
        message = decode_soap(body, party="care")
    except DecodeError as error:
        raise Faulted(FAULT_NOT_WELL_FORMED, _by_rule(str(error))) from error
    if message.is_fault() or (name := local_name(message.body_element)) != INTERACTION:
        found = "Fault" if message.is_fault() else name
        description = f"{NOT_WELL_FORMED}: Body of the envelope: expected {INTERACTION}, found {found[:100]}"
        raise Faulted(FAULT_NOT_WELL_FORMED, description)
    if message.action != QUERY_ACTION:
        description = f"SOAP_ACTION_ERROR: wsa:Action: expected {QUERY_ACTION}, found {message.action[:200]}"
        raise Faulted(FAULT_NOT_WELL_FORMED, description)
    return AskedBySoap(message)


def _by_rule(description: str) -> str:
    """The text of a fault begins with the name of the rule; all that has none is the form of the message."""
    return description if description.startswith("SOAP_") else f"{NOT_WELL_FORMED}: {description}"
