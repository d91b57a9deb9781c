"""ebXML messages and signals: written to the byte, and read as real clients write them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cpis_simulator.codecs.ebxml import (
    ACK_REQUESTED,
    SYNC_REPLY,
    EbxmlHeader,
    MessageError,
    clean_action,
    decode_ebxml,
    decode_header,
    decode_root,
    encode_acknowledgement,
    encode_ebxml,
    encode_message_error,
)
from cpis_simulator.errors import DecodeError
from tests.simulator.codec_examples import QUERY

REQUEST = EbxmlHeader(
    from_party="RX0-0000001",
    to_party="YES-0000806",
    cpa_id="S2001A0000001",
    conversation_id="0B1D5C10-7A2E-4C55-9D01-000000000100",
    service="urn:nhs:names:services:cpisquery",
    action="QUPC_IN000006GB01",
    message_id="0B1D5C10-7A2E-4C55-9D01-000000000101",
    timestamp="2026-01-06T10:15:00Z",
    duplicate_elimination=True,
    ack_requested=ACK_REQUESTED,
    sync_reply=SYNC_REPLY,
)
HREF = "cid:0B1D5C10-7A2E-4C55-9D01-000000000101@spine.nhs.uk"
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:eb="http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:hl7ebxml="urn:hl7-org:transport/ebXML/DSTUv1.0">
<soap:Header>
<eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1">
<eb:From><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">RX0-0000001</eb:PartyId></eb:From>
<eb:To><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">YES-0000806</eb:PartyId></eb:To>
<eb:CPAId>S2001A0000001</eb:CPAId>
<eb:ConversationId>0B1D5C10-7A2E-4C55-9D01-000000000100</eb:ConversationId>
<eb:Service>urn:nhs:names:services:cpisquery</eb:Service>
<eb:Action>QUPC_IN000006GB01</eb:Action>
<eb:MessageData>
<eb:MessageId>0B1D5C10-7A2E-4C55-9D01-000000000101</eb:MessageId>
<eb:Timestamp>2026-01-06T10:15:00Z</eb:Timestamp>
</eb:MessageData>
<eb:DuplicateElimination/></eb:MessageHeader>
<eb:AckRequested eb:version="2.0" soap:mustUnderstand="1" soap:actor="urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH" eb:signed="false"/>
<eb:SyncReply eb:version="2.0" soap:mustUnderstand="1" soap:actor="http://schemas.xmlsoap.org/soap/actor/next"/>
</soap:Header>
<soap:Body>
<eb:Manifest eb:version="2.0" soap:mustUnderstand="1">
<eb:Reference xlink:href="cid:0B1D5C10-7A2E-4C55-9D01-000000000101@spine.nhs.uk">
<eb:Description xml:lang="en">CP-IS query</eb:Description>
<hl7ebxml:Payload style="HL7" encoding="XML" version="3.0"/>
</eb:Reference>
</eb:Manifest>
</soap:Body>
</soap:Envelope>
"""  # noqa: E501 - as it stands on the wire
SIGNAL = """<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:eb="http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd">
<soap:Header>
<eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1">
<eb:From><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">YES-0000806</eb:PartyId></eb:From>
<eb:To><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">RX0-0000001</eb:PartyId></eb:To>
<eb:CPAId>S2001A0000001</eb:CPAId>
<eb:ConversationId>0B1D5C10-7A2E-4C55-9D01-000000000100</eb:ConversationId>
<eb:Service>urn:oasis:names:tc:ebxml-msg:service</eb:Service>
<eb:Action>{action}</eb:Action>
<eb:MessageData>
<eb:MessageId>0B1D5C10-7A2E-4C55-9D01-000000000109</eb:MessageId>
<eb:Timestamp>{timestamp}</eb:Timestamp>
<eb:RefToMessageId>0B1D5C10-7A2E-4C55-9D01-000000000101</eb:RefToMessageId>
</eb:MessageData>
</eb:MessageHeader>
{block}</soap:Header>
<soap:Body/>
</soap:Envelope>
"""


def written() -> tuple[str, bytes]:
    return encode_ebxml(REQUEST, QUERY.body, description="CP-IS query")


def changed(change: Callable[[str], str]) -> EbxmlHeader:
    """The header of the request with its envelope changed."""
    content_type, body = written()
    text = change(body.decode())
    assert text != body.decode()
    return decode_ebxml(text.encode(), content_type).header


def test_a_request_is_written_to_the_byte() -> None:
    content_type, body = written()
    head, envelope, payload, _ = body.decode().split("----=_MIME-Boundary")
    assert head == ""
    assert envelope == (
        "\r\nContent-Id: <ebXMLHeader@spine.nhs.uk>\r\nContent-Type: text/xml; charset=UTF-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n" + ENVELOPE.replace("\n", "\r\n") + "\r\n"
    )
    assert payload.startswith(
        "\r\nContent-Id: <0B1D5C10-7A2E-4C55-9D01-000000000101@spine.nhs.uk>\r\n"
        "Content-Type: application/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<?xml"
    )
    assert content_type.startswith('multipart/related; boundary="--=_MIME-Boundary"; type="text/xml"; start="<ebXMLH')


def test_what_is_written_is_read() -> None:
    content_type, body = written()
    message = decode_ebxml(body, content_type)
    assert message.header == replace(REQUEST, references=(HREF,))
    assert message.payload is not None
    assert message.payload.replace(b"\r\n", b"\n").rstrip() == QUERY.body.rstrip()


def test_a_reply_names_its_request_and_schema() -> None:
    reply = replace(REQUEST, ref_to_message_id="0B1D5C10-7A2E-4C55-9D01-000000000099", ack_requested=None)
    content_type, body = encode_ebxml(reply, b"<x/>", description="d", schema="REPC_IN000007GB01")
    assert b'<eb:Schema eb:location="urn:hl7-org:v3_REPC_IN000007GB01.xsd" eb:version="1.0"/>' in body
    assert b"AckRequested" not in body
    assert decode_ebxml(body, content_type).header.ref_to_message_id == "0B1D5C10-7A2E-4C55-9D01-000000000099"


def test_an_acknowledgement_is_written_to_the_byte() -> None:
    body = encode_acknowledgement(
        REQUEST, message_id="0B1D5C10-7A2E-4C55-9D01-000000000109", acknowledged="2026-01-06T10:15:01Z"
    )
    block = (
        '<eb:Acknowledgment eb:version="2.0" soap:mustUnderstand="1" '
        'soap:actor="urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH">\n'
        "<eb:Timestamp>2026-01-06T10:15:01Z</eb:Timestamp>\n"
        "<eb:RefToMessageId>0B1D5C10-7A2E-4C55-9D01-000000000101</eb:RefToMessageId>\n"
        '<eb:From><eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">YES-0000806</eb:PartyId>'
        "</eb:From>\n</eb:Acknowledgment>\n"
    )
    assert body.decode() == SIGNAL.format(action="Acknowledgment", timestamp="2026-01-06T10:15:00Z", block=block)


def test_an_acknowledgement_repeats_the_time_of_the_message_as_it_stands() -> None:
    without_zone = replace(REQUEST, timestamp="2026-01-06T10:15:00")
    body = encode_acknowledgement(without_zone, message_id="A", acknowledged="2026-01-06T10:15:01Z")
    header = decode_header(body)
    assert (header.timestamp, header.acknowledges) == ("2026-01-06T10:15:00", REQUEST.message_id)


def test_an_error_is_written_to_the_byte() -> None:
    body = encode_message_error(
        REQUEST,
        [MessageError("ValueNotRecognized", "501319:Unknown eb:CPAId")],
        message_id="0B1D5C10-7A2E-4C55-9D01-000000000109",
        timestamp="2026-01-06T10:15:01Z",
    )
    block = (
        '<eb:ErrorList eb:version="2.0" soap:mustUnderstand="1" eb:highestSeverity="Error">\n'
        '<eb:Error eb:codeContext="urn:oasis:names:tc:ebxml-msg:service:errors" '
        'eb:errorCode="ValueNotRecognized" eb:severity="Error">\n'
        '<eb:Description xml:lang="en-GB">501319:Unknown eb:CPAId</eb:Description>\n</eb:Error>\n</eb:ErrorList>\n'
    )
    assert body.decode() == SIGNAL.format(action="MessageError", timestamp="2026-01-06T10:15:01Z", block=block)
    assert decode_header(body).errors == (MessageError("ValueNotRecognized", "501319:Unknown eb:CPAId"),)


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("urn:nhs:names:services:cpisquery/QUPC_IN000006GB01", "urn:nhs:names:services:cpisquery/QUPC_IN000006GB01"),
        ('"urn:nhs:names:services:cpisquery/QUPC_IN000006GB01"', "urn:nhs:names:services:cpisquery/QUPC_IN000006GB01"),
        (
            "urn:urn:oasis:names:tc:ebxml-msg:service/Acknowledgment",
            "urn:oasis:names:tc:ebxml-msg:service/Acknowledgment",
        ),
        ('"urn:urn:nhs:names"', "urn:nhs:names"),
        (None, ""),
        ('""', ""),
    ],
)
def test_soap_action_is_compared_without_quotes_and_doubled_urn(written: str | None, compared: str) -> None:
    assert clean_action(written) == compared


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("soap:", "SOAP:").replace("xmlns:soap", "xmlns:SOAP"),
        lambda t: t.replace("eb:", "x:").replace(":eb=", ":x="),
        lambda t: t.replace("urn:hl7-org:transport/ebXML/", "urn:hl7-org:transport/ebxml/"),
        lambda t: t.replace("<eb:Service>urn:", "<eb:Service>urn:urn:"),
        lambda t: t.replace("<eb:Service>", '<eb:Service eb:type="x">\r\n  '),
        lambda t: t.replace(' eb:version="2.0" soap:mustUnderstand="1">\r\n<eb:From', ">\r\n<eb:From"),
        lambda t: t.replace(' eb:version="2.0"', ' version="2.0"'),
        lambda t: t.replace("eb:signed", "signed"),
        lambda t: t.replace("8bit\r\n\r\n<?xml", "8bit\r\n\r\n\r\n\n<?xml"),
        lambda t: t.replace("cid:0B1D5C10-7A2E", "CID:0B1D5C10%2D7A2E"),
    ],
)  # fmt: skip
def test_a_header_is_read_however_it_is_written(change: Callable[[str], str]) -> None:
    assert replace(changed(change), references=()) == REQUEST


def test_bare_line_feeds_are_taken() -> None:
    content_type, body = written()
    message = decode_ebxml(body.replace(b"\r\n", b"\n"), content_type)
    assert (replace(message.header, references=()), bool(message.payload)) == (REQUEST, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace(HREF, "cid:nobody@spine.nhs.uk"),
        lambda t: t.replace(HREF, "cid:"),
        lambda t: t.replace(HREF, "0B1D5C10-7A2E-4C55-9D01-000000000101@spine.nhs.uk"),
        lambda t: t.replace(HREF, ""),
        lambda t: t.replace("eb:Manifest", "eb:Other"),
    ],
)
def test_a_reference_that_leads_nowhere_gives_no_payload(change: Callable[[str], str]) -> None:
    content_type, body = written()
    text = change(body.decode())
    assert text != body.decode()
    assert decode_ebxml(text.encode(), content_type).payload is None


def test_a_percent_sign_in_a_reference_is_undone() -> None:
    content_type, body = written()
    encoded = body.replace(HREF.encode(), HREF.replace("@", "%40").encode())
    assert decode_ebxml(encoded, content_type).payload is not None


REQUIRED = ("From", "To", "CPAId", "ConversationId", "Service", "Action", "MessageData", "MessageId", "Timestamp")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_element_is_no_header(name: str) -> None:
    with pytest.raises(DecodeError, match=rf"eb:{name} .*: expected exactly one, found 0"):
        changed(lambda t: t.replace(f"<eb:{name}>", "<eb:Other>").replace(f"</eb:{name}>", "</eb:Other>"))


@pytest.mark.parametrize("name", REQUIRED)
def test_a_doubled_element_is_no_header(name: str) -> None:
    def double(text: str) -> str:
        start, end = text.index(f"<eb:{name}>"), text.index(f"</eb:{name}>") + len(f"</eb:{name}>")
        return text[:end] + text[start:end] + text[end:]

    with pytest.raises(DecodeError, match=rf"eb:{name} .*: expected exactly one, found 2"):
        changed(double)


@pytest.mark.parametrize("name", ["CPAId", "ConversationId", "Service", "Action", "MessageId", "Timestamp"])
def test_an_empty_element_is_no_header(name: str) -> None:
    def emptied(text: str) -> str:
        start, end = text.index(f"<eb:{name}>") + len(f"<eb:{name}>"), text.index(f"</eb:{name}>")
        return text[:start] + " \r\n" + text[end:]

    with pytest.raises(DecodeError, match=rf"eb:{name} .*: expected not empty"):
        changed(emptied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("soap:Header", "soap:Head"), "Envelope .*expected one Header, found 0"),
        (lambda t: t.replace("soap:Body", "soap:Bod"), "Envelope .*expected one Body, found 0"),
        (lambda t: t.replace("</soap:Body>", "</soap:Body><soap:Body/>"), "Envelope .*expected one Body, found 2"),
        (lambda t: t.replace("soap:Envelope", "soap:Letter"), "Root element .*a SOAP 1.1 Envelope, found Letter"),
        (lambda t: t.replace("eb:MessageHeader", "eb:Header"), "ebXML header .*one eb:MessageHeader, found 0"),
        (lambda t: t.replace("</eb:From>", "<eb:PartyId>X</eb:PartyId></eb:From>"), "eb:PartyId .*found 2"),
        (lambda t: t.replace(">RX0-0000001<", "><"), "eb:From/PartyId .*expected not empty"),
        (lambda t: t.replace(">RX0-0000001<", f">{'X' * 257}<"), "at most 256 characters, found 257"),
        (lambda t: t.replace("<eb:SyncReply", "<eb:SyncReply/><eb:SyncReply"), "eb:SyncReply .*at most one, found 2"),
        (lambda t: t.replace("</soap:Header>", ""), "Not a well-formed XML document"),
        (lambda t: t.replace("<soap:Envelope", "<!DOCTYPE x><soap:Envelope"), "Document type declaration"),
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(change: Callable[[str], str], said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        changed(change)


def test_the_header_of_a_message_that_is_cut_off_can_still_be_read() -> None:
    content_type, body = written()
    cut = body[: body.index(b"<QUPC")]
    header = decode_root(cut, content_type)
    assert header is not None
    assert header.message_id == REQUEST.message_id
    assert decode_root(cut[:300], content_type) is None


@pytest.mark.parametrize("name", ["ErrorList", "Acknowledgment"])
def test_a_request_is_no_signal(name: str) -> None:
    assert (REQUEST.errors, REQUEST.acknowledges) == ((), None)
    body = encode_acknowledgement(REQUEST, message_id="A", acknowledged="2026-01-06T10:15:01Z")
    assert decode_header(body.replace(b"eb:Acknowledgment", b"eb:Other")).acknowledges is None


def test_characters_of_xml_in_an_id_are_escaped() -> None:
    header = replace(REQUEST, conversation_id="<&>\"'", message_id='a"&b')
    content_type, body = encode_ebxml(header, b"<x/>", description="<")
    message = decode_ebxml(body, content_type)
    assert (message.header.conversation_id, message.header.message_id) == ("<&>\"'", 'a"&b')
    assert message.payload == b"<x/>"
