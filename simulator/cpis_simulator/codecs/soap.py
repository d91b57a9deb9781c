"""The synchronous SOAP 1.1 envelope around a query and its reply; no sockets here.

A positive answer stands inside an operation element that has the same name as the payload root, so it is looked for
from the interaction element, never by the payload's name alone.

Source: CP-IS over Spine, synchronous profile; SOAP 1.1; WS-Addressing 2004/08.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from cpis_simulator.codecs.upload import DECLARATION
from cpis_simulator.codecs.xml import attribute, blaming, fault, local_name, parse_document, text
from cpis_simulator.errors import DecodeError
from cpis_simulator.vocabulary import HL7, OID_ASID, SERVICE_NAME

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
ADDRESSING: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
NASP: Final = "http://national.carerecords.nhs.uk/schema/"

QUERY_ACTION: Final = f"{SERVICE_NAME}/QUPC_IN000006GB01"
ANSWER: Final = "REPC_IN000007GB01"
_OPERATION: Final = "CP-ISNHSQueryResponse"
_DECLARATION: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]*\?>)?\s*")


@dataclass(frozen=True, slots=True)
class SoapMessage:
    """An envelope taken apart.

    Ids are bare, without `uuid:`. `body_element` is the interaction, freed from the operation element around a positive
    answer; or the `Fault`.
    """

    message_id: str
    relates_to: str | None
    action: str
    body_element: etree._Element
    to: str = ""
    sender_asid: str = ""
    receiver_asid: str = ""

    def is_fault(self) -> bool:
        """The body is a SOAP fault."""
        return self.body_element.tag == f"{{{SOAP}}}Fault"

    def interaction(self) -> str:
        """The interaction id that the action names: its last part."""
        return self.action.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class SoapFault:
    """A fault of the transport; one entry a listed error, as `(code, severity, location, description)`."""

    faultcode: str
    faultstring: str
    errors: tuple[tuple[str, str, str, str], ...]


def encode_soap_query(
    query_xml: bytes, *, message_id: str, from_asid: str, to_asid: str, to: str = SERVICE_NAME
) -> bytes:
    """Put a query into its envelope.

    Args:
        query_xml: The interaction QUPC_IN000006GB01 as a document.
        message_id: Upper-case UUID, without `uuid:`.
        from_asid: System that asks.
        to_asid: System that answers.
        to: What `wsa:To` says; must not be empty.
    """
    header = (
        f"<wsa:MessageID>uuid:{text(message_id)}</wsa:MessageID>"
        f"<wsa:Action>{QUERY_ACTION}</wsa:Action><wsa:To>{text(to)}</wsa:To><wsa:From><wsa:Address/></wsa:From>"
        f"{_write_devices(from_asid, to_asid)}<wsa:ReplyTo><wsa:Address/></wsa:ReplyTo>"
    )
    return _write_envelope(header, _fragment(query_xml))


def encode_soap_reply(
    reply_xml: bytes,
    *,
    message_id: str,
    relates_to: str,
    interaction: str,
    from_asid: str,
    to_asid: str,
    address: str = "",
) -> bytes:
    """Put a reply into its envelope; a positive answer gets its operation element.

    Args:
        reply_xml: The interaction as a document.
        message_id: Upper-case UUID of this envelope.
        relates_to: `MessageID` of the request, without `uuid:`.
        interaction: Its interaction id, such as `REPC_IN000007GB01`.
        from_asid: System that answers.
        to_asid: System that asked.
        address: What `wsa:From` says.
    """
    header = (
        f"<wsa:MessageID>uuid:{text(message_id)}</wsa:MessageID>"
        f"<wsa:Action>{SERVICE_NAME}/{text(interaction)}</wsa:Action><wsa:To/>"
        f"<wsa:From><wsa:Address>{text(address)}</wsa:Address></wsa:From>{_write_devices(from_asid, to_asid)}"
        f"<wsa:RelatesTo>uuid:{text(relates_to)}</wsa:RelatesTo>"
    )
    body = _fragment(reply_xml)
    if interaction == ANSWER:
        body = f'<{_OPERATION} xmlns="{HL7}">'.encode() + body + f"</{_OPERATION}>".encode()
    return _write_envelope(header, body)


def _write_envelope(header: str, body: bytes) -> bytes:
    opening = (
        f'{DECLARATION}<soap:Envelope xmlns:soap="{SOAP}" xmlns:wsa="{ADDRESSING}" xmlns:hl7="{HL7}">\n'
        f"<soap:Header>{header}</soap:Header>\n<soap:Body>"
    )
    return opening.encode() + body + b"</soap:Body>\n</soap:Envelope>\n"


def _write_devices(from_asid: str, to_asid: str) -> str:
    return "".join(
        f'<hl7:communicationFunction{side} typeCode="{side.upper()}">'
        '<hl7:device classCode="DEV" determinerCode="INSTANCE">'
        f'<hl7:id root="{OID_ASID}" extension="{attribute(asid)}"/>'
        f"</hl7:device></hl7:communicationFunction{side}>"
        for side, asid in (("Rcv", to_asid), ("Snd", from_asid))
    )


def _fragment(document: bytes) -> bytes:
    """A document without byte-order mark and declaration, as it may stand inside another."""
    return _DECLARATION.sub(b"", document, count=1).rstrip()


def encode_soap_fault(code: int, description: str, *, location: str = "Not Supported", client: bool = False) -> bytes:
    """A SOAP fault with one Spine error.

    Args:
        code: Spine's error code, such as 201 for a message that is not well formed.
        description: What is wrong, with the rule's name.
        location: Where; Spine says "Not Supported".
        client: Whether the caller is to blame.
    """
    return encode_soap_faults([(code, description)], location=location, client=client)


def encode_soap_faults(
    errors: Sequence[tuple[int, str]], *, location: str = "Not Supported", client: bool = False
) -> bytes:
    """A SOAP fault with several Spine errors, each a code and a description."""
    side = "Client" if client else "Server"
    # All five children are needed: real clients fail without any of them.
    listed = "".join(
        "<nasp:error><nasp:codeContext>urn:nhs:names:error:tms</nasp:codeContext>"
        f"<nasp:errorCode>{code:d}</nasp:errorCode>"
        f"<nasp:severity>Error</nasp:severity><nasp:location>{text(location)}</nasp:location>"
        f"<nasp:description>{text(description)}</nasp:description></nasp:error>"
        for code, description in errors
    )
    return (
        f'{DECLARATION}<SOAP:Envelope xmlns:SOAP="{SOAP}">\n<SOAP:Body><SOAP:Fault>'
        f"<faultcode>SOAP:{side}</faultcode><faultstring>Application Exception</faultstring>"
        f'<detail><nasp:errorList xmlns:nasp="{NASP}">{listed}</nasp:errorList></detail>'
        "</SOAP:Fault></SOAP:Body>\n</SOAP:Envelope>\n"
    ).encode()


def decode_soap(body: bytes, *, party: str = "unknown") -> SoapMessage:
    """Take an envelope apart; the message inside is not judged.

    Raises:
        DecodeError: When it is no envelope, or a header block is missing, doubled or empty; the text names Spine's
            rule.
    """
    with blaming(party):
        root = parse_document(body)
        if root.tag != f"{{{SOAP}}}Envelope":
            raise _malformed(root, "Root element", expected="a SOAP 1.1 Envelope", found=local_name(root))
        bodies = root.findall(f"{{{SOAP}}}Body")
        if len(bodies) != 1 or len(bodies[0]) != 1:
            raise _malformed(root, "Body of the envelope", expected="one Body with one element")
        element = bodies[0][0]
        if element.tag == f"{{{SOAP}}}Fault":
            return SoapMessage("", None, "", element)
        headers = root.findall(f"{{{SOAP}}}Header")
        if len(headers) != 1:
            raise _malformed(root, "Header of the envelope", expected="one Header")
        return _read_message(headers[0], element)


def _read_message(header: etree._Element, element: etree._Element) -> SoapMessage:
    message_id = _block(header, "MessageID", "SOAP_MESSAGE_ID_ERROR")
    if not message_id.startswith("uuid:") or len(message_id) != 41:
        raise _malformed(
            header, "SOAP_MESSAGE_ID_ERROR: wsa:MessageID", expected="uuid: and 36 characters", found=message_id
        )
    related = header.find(f"{{{ADDRESSING}}}RelatesTo")
    relates_to = (related.text or "").strip().removeprefix("uuid:") if related is not None else None
    action = _block(header, "Action", "SOAP_ACTION_ERROR")
    # A reply has an empty To: nobody listens there.
    to = _block(header, "To", "SOAP_TO_ERROR", empty=relates_to is not None)
    if element.tag == f"{{{HL7}}}{_OPERATION}" and len(element) == 1:
        element = element[0]
    return SoapMessage(
        message_id.removeprefix("uuid:"),
        relates_to,
        action,
        element,
        to,
        sender_asid=_asid(header, "Snd"),
        receiver_asid=_asid(header, "Rcv"),
    )


def _block(header: etree._Element, name: str, rule: str, *, empty: bool = False) -> str:
    found = [(e.text or "").strip() for e in header.findall(f"{{{ADDRESSING}}}{name}")]
    if len(found) != 1 or not (found[0] or empty):
        raise _malformed(header, f"{rule}: wsa:{name}", expected="exactly one, not empty", found=len(found))
    return found[0]


def _asid(header: etree._Element, side: str) -> str:
    name = f"communicationFunction{side}"
    found = [
        e.get("extension") or ""
        for e in header.findall(f"{{{HL7}}}{name}/{{{HL7}}}device/{{{HL7}}}id")
        if e.get("root") == OID_ASID
    ]
    if len(found) != 1 or not found[0]:
        rule = f"SOAP_COMM_FUNC_{side.upper()}_ERROR"
        raise _malformed(header, f"{rule}: {name}", expected="one device with one ASID", found=len(found))
    return found[0]


def _malformed(element: etree._Element, what: str, *, expected: object = "", found: object = "") -> DecodeError:
    return fault(element, what, "CPIS-QRY-011", expected=expected, found=found)


def decode_soap_fault(element: etree._Element) -> SoapFault:
    """Read a `Fault`; entries that lack a part have it empty."""
    errors = tuple(
        (
            error.findtext(f"{{{NASP}}}errorCode", "").strip(),
            error.findtext(f"{{{NASP}}}severity", "").strip(),
            error.findtext(f"{{{NASP}}}location", "").strip(),
            error.findtext(f"{{{NASP}}}description", "").strip(),
        )
        for error in element.iter(f"{{{NASP}}}error")
    )
    code = (element.findtext("faultcode") or "").strip().rpartition(":")[2]
    return SoapFault(code, (element.findtext("faultstring") or "").strip(), errors)
