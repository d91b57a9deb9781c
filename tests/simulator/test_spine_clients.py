"""Messages shaped as real clients write them, served in every profile.

Written out whole, so that nothing of ours is taken for granted: the shapes are those of the message handlers, test
libraries and adaptors that suppliers use.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cpis_simulator.apps.endpoint import LookUpEndpoint
from cpis_simulator.settings import Settings
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.transport.http_server import HttpServer
from tests.simulator.lookup_examples import ToldService, answer, ids, now
from tests.simulator.spine_examples import Spine, query_xml, read_reply, soap_request
from tests.simulator.test_apps_endpoint import Served
from tests.simulator.wire import exchange_raw

MESSAGE_ID = "3F2504E0-4F89-41D3-9A0C-0305E82C3301"


@dataclass(frozen=True)
class Shape:
    """How a client writes a message."""

    name: str
    content_type: str
    root_id: str
    soap_action: str
    envelope: str
    payload_type: str = "text/xml"
    line_end: str = "\r\n"
    encoding: str = "8bit"

    def incoming(self, *, reliable: bool) -> Incoming:
        return Incoming("/any", self.content_type, self.soap_action, self.body(reliable=reliable))

    def body(self, *, reliable: bool) -> bytes:
        envelope = self.envelope.format(
            id=MESSAGE_ID,
            elimination="<eb:DuplicateElimination/>" if reliable else "",
            ack='<eb:AckRequested SOAP:mustUnderstand="1" eb:version="2.0" eb:signed="false" '
            'SOAP:actor="urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"/>'
            if reliable
            else "",
        )
        payload = query_xml().decode()
        if self.encoding == "base64":
            envelope, payload = (base64.encodebytes(text.encode()).decode() for text in (envelope, payload))
        parts = [
            (self.root_id, "text/xml; charset=UTF-8", envelope),
            (f"{MESSAGE_ID}@spine.nhs.uk", self.payload_type, payload),
        ]
        text = "".join(
            f"----=_MIME-Boundary{self.line_end}Content-Id: <{content_id}>{self.line_end}"
            f"Content-Type: {content_type}{self.line_end}Content-Transfer-Encoding: {self.encoding}"
            f"{self.line_end}{self.line_end}{content}{self.line_end}"
            for content_id, content_type, content in parts
        )
        return f"{text}----=_MIME-Boundary--".encode()


ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP:Envelope xmlns:xsi="http://www.w3c.org/2001/XML-Schema-Instance" \
xmlns:SOAP="http://schemas.xmlsoap.org/soap/envelope/" \
xmlns:eb="http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd" \
xmlns:hl7ebxml="urn:hl7-org:transport/ebXML/DSTUv1.0" xmlns:xlink="http://www.w3.org/1999/xlink">
<SOAP:Header>
 <eb:MessageHeader eb:version="2.0" SOAP:mustUnderstand="1">
  <eb:From>
   <eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">RX0-0000001</eb:PartyId>
  </eb:From>
  <eb:To>
   <eb:PartyId eb:type="urn:nhs:names:partyType:ocs+serviceInstance">YES-0000806</eb:PartyId>
  </eb:To>
  <eb:CPAId>S2001A0000001</eb:CPAId>
  <eb:ConversationId>79F49A34-9798-404C-AEC4-FD38DD81C138</eb:ConversationId>
  <eb:Service>urn:nhs:names:services:cpisquery</eb:Service>
  <eb:Action>QUPC_IN000006GB01</eb:Action>
  <eb:MessageData>
   <eb:MessageId>{id}</eb:MessageId>
   <eb:Timestamp>2026-01-06T10:15:00Z</eb:Timestamp>
  </eb:MessageData>
  {elimination}
 </eb:MessageHeader>
 {ack}
 <eb:SyncReply SOAP:mustUnderstand="1" eb:version="2.0" SOAP:actor="http://schemas.xmlsoap.org/soap/actor/next"/>
</SOAP:Header>
<SOAP:Body>
 <eb:Manifest SOAP:mustUnderstand="1" eb:version="2.0">
  <eb:Reference xlink:href="cid:{id}@spine.nhs.uk">
   <eb:Schema eb:location="http://www.nhsia.nhs.uk/schemas/HL7-Message.xsd" eb:version="1.0"/>
   <eb:Description xml:lang="en"></eb:Description>
   <hl7ebxml:Payload style="HL7" encoding="XML" version="3.0"/>
  </eb:Reference>
 </eb:Manifest>
</SOAP:Body>
</SOAP:Envelope>
"""
ACTION = "urn:nhs:names:services:cpisquery/QUPC_IN000006GB01"
UNQUOTED = "multipart/related; boundary=--=_MIME-Boundary; type=text/xml; start=ebXMLHeader@spine.nhs.uk"
QUOTED = 'multipart/related; boundary="--=_MIME-Boundary"; type="text/xml"; start="<{}>"'

# The Python message handler: parameters unquoted, `start` without brackets, bare line feeds.
HANDLER = Shape("message handler", UNQUOTED, "ebXMLHeader@spine.nhs.uk", ACTION, ENVELOPE, line_end="\n")
# The Java test library: a random content id, `ebxml` in lower case, times without a zone, one id for all.
LIBRARY = Shape(
    "test library",
    QUOTED.format("8d3c2b"),
    "8d3c2b",
    f'"{ACTION}"',
    ENVELOPE.replace("transport/ebXML/", "transport/ebxml/")
    .replace("10:15:00Z", "10:15:00")
    .replace("79F49A34-9798-404C-AEC4-FD38DD81C138", "{id}"),
    payload_type="application/xml; charset=UTF-8",
)
SHAPES = (
    HANDLER,
    LIBRARY,
    Shape("adaptor", UNQUOTED.replace("; type", "; charset=UTF-8; type"), "ebXMLHeader@spine.nhs.uk", ACTION, ENVELOPE),
    Shape(
        "doubled urn",
        QUOTED.format("ebXMLHeader@spine.nhs.uk"),
        "ebXMLHeader@spine.nhs.uk",
        f"urn:{ACTION}",
        ENVELOPE.replace("<eb:Service>urn:", "<eb:Service>urn:urn:"),
    ),
    Shape("base64", UNQUOTED, "ebXMLHeader@spine.nhs.uk", ACTION, ENVELOPE, encoding="base64"),
    Shape("blank lines in front", UNQUOTED, "ebXMLHeader@spine.nhs.uk", ACTION, "\n\r\n" + ENVELOPE),
    Shape("other prefixes", UNQUOTED, "ebXMLHeader@spine.nhs.uk", ACTION, ENVELOPE.replace("hl7ebxml", "h")),
)


@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "express"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_of_a_real_client_is_served(shape: Shape, reliable: bool) -> None:
    spine = Spine(ToldService(answer()))
    given = spine.post(shape.incoming(reliable=reliable))
    assert (given.status, len(spine.service.asked)) == (202, 1)
    # One client takes any answer for the acknowledgement that holds its message id.
    assert (MESSAGE_ID.encode() in given.body) is reliable
    header = read_reply(spine.replies[0]).header
    assert (header.ref_to_message_id, header.to_party) == (MESSAGE_ID, "RX0-0000001")
    assert spine.memory.warnings == []


@pytest.mark.parametrize("content_type", ["text/xml", "text/xml; charset=utf-8", "application/soap+xml", "TEXT/XML"])
@pytest.mark.parametrize("change", [lambda b: b, lambda b: b.replace(b"\n", b"\r\n"), lambda b: b"\xef\xbb\xbf" + b])
def test_every_shape_of_a_synchronous_client_is_served(content_type: str, change: Callable[[bytes], bytes]) -> None:
    spine = Spine(ToldService(answer()))
    given = spine.post(Incoming("/", content_type, ACTION, change(soap_request().body)))
    assert (given.status, given.content_type) == (200, "text/xml")


def test_the_reply_has_what_clients_look_for() -> None:
    spine = Spine(ToldService(answer()))
    spine.post(HANDLER.incoming(reliable=True))
    (reply,) = spine.replies
    # A boundary parameter without spaces, the payload as second part, a time to the second.
    assert '; boundary="--=_MIME-Boundary";' in reply.content_type
    assert reply.body.count(b"\r\n----=_MIME-Boundary\r\n") == 1
    assert read_reply(reply).header.timestamp[:19] == "2026-01-06T10:15:00"


RAW = (
    "POST /reliablemessaging/reliablerequest HTTP/1.1\r\nHost: spine.example.test\r\n{headers}"
    "Content-Type: {content_type}\r\nSOAPAction: {action}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
)


@pytest.mark.parametrize(
    "headers",
    ["", "charset: UTF-8\r\ntype: text/xml\r\n", "Correlation-Id: 1\r\nMessage-Id: 2\r\nInteraction-Id: 3\r\n"],
)
@pytest.mark.parametrize("shape", [HANDLER, LIBRARY], ids=lambda shape: shape.name)
def test_a_host_without_port_and_odd_headers_are_taken_on_the_wire(shape: Shape, headers: str) -> None:
    served = Served(ToldService(answer()))
    endpoint = LookUpEndpoint(served, Settings(), None, now=now, ids=ids())
    body = shape.body(reliable=True)
    head = RAW.format(headers=headers, content_type=shape.content_type, action=shape.soap_action, length=len(body))
    with HttpServer(endpoint, threads=2) as server:
        answered = exchange_raw(server.port, head.encode() + body)
    top, _, rest = answered.partition(b"\r\n\r\n")
    lines = top.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 202 Accepted"
    assert b"Content-Type: text/xml" in lines
    assert f"Content-Length: {len(rest)}".encode() in lines
    assert b"SOAPAction: urn:oasis:names:tc:ebxml-msg:service/Acknowledgment" in lines
    assert not [line for line in lines if line.lower().startswith(b"transfer-encoding")]
    assert served.released == [1]


def test_an_express_query_is_answered_with_a_length_of_nothing_on_the_wire() -> None:
    endpoint = LookUpEndpoint(Served(ToldService(answer())), Settings(), None, now=now, ids=ids())
    body = HANDLER.body(reliable=False)
    head = RAW.format(headers="", content_type=HANDLER.content_type, action=ACTION, length=len(body))
    with HttpServer(endpoint, threads=2) as server:
        answered = exchange_raw(server.port, head.encode() + body)
    assert answered.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert b"\r\nContent-Length: 0\r\n" in answered
    assert answered.endswith(b"\r\n\r\n")
