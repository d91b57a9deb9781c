"""ebXML message headers: a query or reply with its payload, an acknowledgement, an error.

Read as real clients write them (any prefix, `ebxml` or `ebXML`, a doubled `urn:urn:`), written as the standard has
them. What a header must hold to be one at all is judged here; the further rules, which depend on profile and settings,
are those of `spine.header_rules`.

Source: CP-IS over Spine, transport sections 3 to 5 and 7.1; OASIS ebXML Message Service 2.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from lxml import etree

from cpis_simulator.codecs.mime import Part, first_part, read_multipart, write_multipart
from cpis_simulator.codecs.soap import SOAP
from cpis_simulator.codecs.upload import DECLARATION
from cpis_simulator.codecs.xml import attribute, blaming, fault, local_name, parse_document, text
from cpis_simulator.errors import DecodeError

EB: Final = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
XLINK: Final = "http://www.w3.org/1999/xlink"
HL7_EBXML: Final = "urn:hl7-org:transport/ebXML/DSTUv1.0"

SIGNAL_SERVICE: Final = "urn:oasis:names:tc:ebxml-msg:service"
ACKNOWLEDGEMENT: Final = "Acknowledgment"
MESSAGE_ERROR: Final = "MessageError"
ACKNOWLEDGEMENT_ACTION: Final = f"{SIGNAL_SERVICE}/{ACKNOWLEDGEMENT}"
MESSAGE_ERROR_ACTION: Final = f"{SIGNAL_SERVICE}/{MESSAGE_ERROR}"
"""What SOAPAction says of the two signals."""

VERSION: Final = "2.0"
TO_PARTY: Final = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"
NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"

NOT_WELL_FORMED: Final = "MESSAGE_NOT_WELL_FORMED"

_PARTY_TYPE: Final = "urn:nhs:names:partyType:ocs+serviceInstance"
_ERROR_CONTEXT: Final = "urn:oasis:names:tc:ebxml-msg:service:errors"
_ROOT_ID: Final = "ebXMLHeader@spine.nhs.uk"
_LONGEST_VALUE: Final = 256
"""Characters of an id or name in a header: they are kept, logged and repeated."""


@dataclass(frozen=True, slots=True)
class Signal:
    """`AckRequested` or `SyncReply` as it stands; attributes that are not there are empty."""

    version: str = VERSION
    actor: str = ""
    signed: str = ""


ACK_REQUESTED: Final = Signal(VERSION, TO_PARTY, "false")
SYNC_REPLY: Final = Signal(VERSION, NEXT)


@dataclass(frozen=True, slots=True)
class MessageError:
    """One error of an error list."""

    code: str
    description: str
    severity: str = "Error"


@dataclass(frozen=True, slots=True)
class EbxmlHeader:
    """What an ebXML envelope says.

    `acknowledges` is the id that an `Acknowledgment` names, None where there is none; `references` are the targets of
    the manifest as written. Texts that are not there are empty.
    """

    from_party: str
    to_party: str
    cpa_id: str
    conversation_id: str
    service: str
    action: str
    message_id: str
    timestamp: str
    ref_to_message_id: str = ""
    version: str = VERSION
    duplicate_elimination: bool = False
    ack_requested: Signal | None = None
    sync_reply: Signal | None = None
    manifest_version: str = VERSION
    references: tuple[str, ...] = ()
    acknowledges: str | None = None
    errors: tuple[MessageError, ...] = ()

    def soap_action(self) -> str:
        """Service and action as SOAPAction joins them."""
        return f"{self.service}/{self.action}"


@dataclass(frozen=True, slots=True)
class EbxmlMessage:
    """A header with what its manifest refers to; `payload` is None where the message has no such part."""

    header: EbxmlHeader
    payload: bytes | None


def clean_action(soap_action: str | None) -> str:
    """SOAPAction as it is compared: without quotes, and with one `urn:` where some clients write two."""
    action = (soap_action or "").strip().strip('"').strip()
    return action.removeprefix("urn:") if action.startswith("urn:urn:") else action


def decode_ebxml(body: bytes, content_type: str, *, party: str = "unknown") -> EbxmlMessage:
    """Take a multipart message apart; the payload is not read.

    Raises:
        DecodeError: When it is no multipart message, or its first part no ebXML envelope.
    """
    with blaming(party):
        return _message(read_multipart(body, content_type))


def decode_root(body: bytes, content_type: str) -> EbxmlHeader | None:
    """The header of a multipart message that is broken further on; None when that cannot be read either."""
    try:
        part = first_part(body, content_type)
        return decode_header(part.content) if part is not None else None
    except DecodeError:
        return None


def _message(parts: Sequence[Part]) -> EbxmlMessage:
    header = decode_header(parts[0].content)
    return EbxmlMessage(header, _payload(header, parts[1:]))


def _payload(header: EbxmlHeader, parts: Iterable[Part]) -> bytes | None:
    """The part that the first reference names; without blank lines in front, where no XML declaration may stand."""
    scheme, _, content_id = header.references[0].partition(":") if header.references else ("", "", "")
    if scheme.lower() != "cid" or not content_id:
        return None
    wanted = unquote(content_id)
    return next((part.content.lstrip() for part in parts if part.content_id in (content_id, wanted)), None)


def decode_header(envelope: bytes, *, party: str = "unknown") -> EbxmlHeader:
    """Read an ebXML envelope: the first part of a message, or the whole of a signal.

    Raises:
        DecodeError: When it is no envelope, or a required element of its header is missing, doubled, empty or longer
            than anything real.
    """
    with blaming(party):
        root = parse_document(envelope.lstrip())
        if root.tag != f"{{{SOAP}}}Envelope":
            raise _malformed(root, "Root element", expected="a SOAP 1.1 Envelope", found=local_name(root))
        blocks = _by_tag(_only(root, f"{{{SOAP}}}Header"))
        body = _only(root, f"{{{SOAP}}}Body")
        headers = blocks.get(f"{{{EB}}}MessageHeader", [])
        if len(headers) != 1:
            raise _malformed(root, "ebXML header", expected="one eb:MessageHeader", found=len(headers))
        header = _read_header(headers[0])
        acknowledgements = blocks.get(f"{{{EB}}}Acknowledgment", [])
        manifest = body.find(f"{{{EB}}}Manifest")
        return replace(
            header,
            ack_requested=_signal(blocks, "AckRequested"),
            sync_reply=_signal(blocks, "SyncReply"),
            manifest_version=VERSION if manifest is None else _attribute(manifest, "version") or VERSION,
            references=()
            if manifest is None
            else tuple(r.get(f"{{{XLINK}}}href", "") for r in manifest.iterfind(f"{{{EB}}}Reference")),
            acknowledges=_text(acknowledgements[0].find(f"{{{EB}}}RefToMessageId")) if acknowledgements else None,
            errors=tuple(_errors(blocks.get(f"{{{EB}}}ErrorList", []))),
        )


def _read_header(element: etree._Element) -> EbxmlHeader:
    children = _by_tag(element)
    data = _child(element, children, "MessageData")
    details = _by_tag(data)
    return EbxmlHeader(
        from_party=_party(element, children, "From"),
        to_party=_party(element, children, "To"),
        cpa_id=_value(element, children, "CPAId"),
        conversation_id=_value(element, children, "ConversationId"),
        service=clean_action(_value(element, children, "Service")),
        action=_value(element, children, "Action"),
        message_id=_value(data, details, "MessageId"),
        timestamp=_value(data, details, "Timestamp"),
        ref_to_message_id=_value(data, details, "RefToMessageId") if f"{{{EB}}}RefToMessageId" in details else "",
        version=_attribute(element, "version") or VERSION,
        duplicate_elimination=f"{{{EB}}}DuplicateElimination" in children,
    )


_Children = dict[str, list[etree._Element]]


def _by_tag(element: etree._Element) -> _Children:
    found: _Children = {}
    for child in element:
        found.setdefault(str(child.tag), []).append(child)
    return found


def _only(root: etree._Element, tag: str) -> etree._Element:
    found = root.findall(tag)
    if len(found) != 1:
        raise _malformed(root, "Envelope", expected=f"one {tag.rpartition('}')[2]}", found=len(found))
    return found[0]


def _child(parent: etree._Element, children: _Children, name: str) -> etree._Element:
    found = children.get(f"{{{EB}}}{name}", [])
    if len(found) != 1:
        raise _malformed(parent, f"eb:{name}", expected="exactly one", found=len(found))
    return found[0]


def _value(parent: etree._Element, children: _Children, name: str) -> str:
    return _checked(_child(parent, children, name), name)


def _party(parent: etree._Element, children: _Children, name: str) -> str:
    side = _child(parent, children, name)
    return _checked(_child(side, _by_tag(side), "PartyId"), f"{name}/PartyId")


def _checked(element: etree._Element, name: str) -> str:
    value = _text(element)
    if not value:
        raise _malformed(element, f"eb:{name}", expected="not empty")
    if len(value) > _LONGEST_VALUE:
        raise _malformed(element, f"eb:{name}", expected=f"at most {_LONGEST_VALUE} characters", found=len(value))
    return value


def _text(element: etree._Element | None) -> str:
    return ((element.text if element is not None else None) or "").strip()


def _attribute(element: etree._Element, name: str) -> str:
    """An attribute, which belongs into the namespace of ebXML and sometimes stands outside."""
    return (element.get(f"{{{EB}}}{name}") or element.get(name) or "").strip()


def _signal(blocks: _Children, name: str) -> Signal | None:
    found = blocks.get(f"{{{EB}}}{name}", [])
    if not found:
        return None
    if len(found) > 1:
        raise _malformed(found[1], f"eb:{name}", expected="at most one", found=len(found))
    actor = found[0].get(f"{{{SOAP}}}actor") or found[0].get("actor") or ""
    return Signal(_attribute(found[0], "version"), actor.strip(), _attribute(found[0], "signed"))


def _errors(lists: Iterable[etree._Element]) -> Iterable[MessageError]:
    for entries in lists:
        for error in entries.iterfind(f"{{{EB}}}Error"):
            description = _text(error.find(f"{{{EB}}}Description"))
            yield MessageError(_attribute(error, "errorCode"), description, _attribute(error, "severity"))


def _malformed(element: etree._Element, what: str, *, expected: object = "", found: object = "") -> DecodeError:
    return fault(element, what, "CPIS-QRY-011", expected=expected, found=found)


# Writing.


def encode_ebxml(
    header: EbxmlHeader, payload: bytes, *, description: str, schema: str | None = None
) -> tuple[str, bytes]:
    """Write a message around a payload.

    Args:
        header: What it says; its references are left aside, the manifest names the one payload.
        payload: An XML document.
        description: Of the payload, for people.
        schema: Its interaction, where the manifest shall name the schema.

    Returns:
        The content type for the HTTP header, and the body.
    """
    payload_id = f"{header.message_id}@spine.nhs.uk"
    location = f'<eb:Schema eb:location="urn:hl7-org:v3_{attribute(schema)}.xsd" eb:version="1.0"/>\n' if schema else ""
    envelope = (
        f'{DECLARATION}<soap:Envelope xmlns:soap="{SOAP}" xmlns:eb="{EB}" xmlns:xlink="{XLINK}" '
        f'xmlns:hl7ebxml="{HL7_EBXML}">\n<soap:Header>\n{_write_header(header)}'
        f"{_write_signal('AckRequested', header.ack_requested)}{_write_signal('SyncReply', header.sync_reply)}"
        '</soap:Header>\n<soap:Body>\n<eb:Manifest eb:version="2.0" soap:mustUnderstand="1">\n'
        f'<eb:Reference xlink:href="cid:{attribute(payload_id)}">\n{location}'
        f'<eb:Description xml:lang="en">{text(description)}</eb:Description>\n'
        '<hl7ebxml:Payload style="HL7" encoding="XML" version="3.0"/>\n'
        "</eb:Reference>\n</eb:Manifest>\n</soap:Body>\n</soap:Envelope>\n"
    )
    return write_multipart(
        [
            Part(_ROOT_ID, "text/xml; charset=UTF-8", envelope.encode()),
            Part(payload_id, "application/xml; charset=UTF-8", payload),
        ]
    )


def encode_acknowledgement(received: EbxmlHeader, *, message_id: str, acknowledged: str) -> bytes:
    """Acknowledge a message.

    Args:
        received: The header of that message.
        message_id: Upper-case UUID of the acknowledgement.
        acknowledged: When, as ebXML writes it; `MessageData` repeats the time of the message itself.
    """
    party = _write_party("From", received.to_party)
    block = (
        f'<eb:Acknowledgment eb:version="2.0" soap:mustUnderstand="1" soap:actor="{TO_PARTY}">\n'
        f"<eb:Timestamp>{text(acknowledged)}</eb:Timestamp>\n"
        f"<eb:RefToMessageId>{text(received.message_id)}</eb:RefToMessageId>\n{party}</eb:Acknowledgment>\n"
    )
    return _write_answer(received, ACKNOWLEDGEMENT, message_id, received.timestamp, block)


def encode_message_error(
    received: EbxmlHeader, errors: Sequence[MessageError], *, message_id: str, timestamp: str
) -> bytes:
    """Refuse a message with a list of errors.

    Args:
        received: The header of that message.
        errors: What is wrong with it.
        message_id: Upper-case UUID of the error.
        timestamp: When, as ebXML writes it.
    """
    # Real clients fail without any of the three attributes and the description.
    listed = "".join(
        f'<eb:Error eb:codeContext="{_ERROR_CONTEXT}" eb:errorCode="{attribute(error.code)}" '
        f'eb:severity="{attribute(error.severity)}">\n'
        f'<eb:Description xml:lang="en-GB">{text(error.description)}</eb:Description>\n</eb:Error>\n'
        for error in errors
    )
    block = (
        f'<eb:ErrorList eb:version="2.0" soap:mustUnderstand="1" eb:highestSeverity="Error">\n{listed}</eb:ErrorList>\n'
    )
    return _write_answer(received, MESSAGE_ERROR, message_id, timestamp, block)


def _write_answer(received: EbxmlHeader, action: str, message_id: str, timestamp: str, block: str) -> bytes:
    header = EbxmlHeader(
        from_party=received.to_party,
        to_party=received.from_party,
        cpa_id=received.cpa_id,
        conversation_id=received.conversation_id,
        service=SIGNAL_SERVICE,
        action=action,
        message_id=message_id,
        timestamp=timestamp,
        ref_to_message_id=received.message_id,
    )
    return (
        f'{DECLARATION}<soap:Envelope xmlns:soap="{SOAP}" xmlns:eb="{EB}">\n<soap:Header>\n{_write_header(header)}'
        f"{block}</soap:Header>\n<soap:Body/>\n</soap:Envelope>\n"
    ).encode()


def _write_header(header: EbxmlHeader) -> str:
    ref = (
        f"<eb:RefToMessageId>{text(header.ref_to_message_id)}</eb:RefToMessageId>\n" if header.ref_to_message_id else ""
    )
    return (
        f'<eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1">\n'
        f"{_write_party('From', header.from_party)}{_write_party('To', header.to_party)}"
        f"<eb:CPAId>{text(header.cpa_id)}</eb:CPAId>\n"
        f"<eb:ConversationId>{text(header.conversation_id)}</eb:ConversationId>\n"
        f"<eb:Service>{text(header.service)}</eb:Service>\n<eb:Action>{text(header.action)}</eb:Action>\n"
        f"<eb:MessageData>\n<eb:MessageId>{text(header.message_id)}</eb:MessageId>\n"
        f"<eb:Timestamp>{text(header.timestamp)}</eb:Timestamp>\n{ref}</eb:MessageData>\n"
        f"{'<eb:DuplicateElimination/>' if header.duplicate_elimination else ''}</eb:MessageHeader>\n"
    )


def _write_party(side: str, key: str) -> str:
    return f'<eb:{side}><eb:PartyId eb:type="{_PARTY_TYPE}">{text(key)}</eb:PartyId></eb:{side}>\n'


def _write_signal(name: str, signal: Signal | None) -> str:
    if signal is None:
        return ""
    signed = f' eb:signed="{attribute(signal.signed)}"' if signal.signed else ""
    return (
        f'<eb:{name} eb:version="{attribute(signal.version)}" soap:mustUnderstand="1" '
        f'soap:actor="{attribute(signal.actor)}"{signed}/>\n'
    )
