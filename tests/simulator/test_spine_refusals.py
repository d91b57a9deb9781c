"""Every check of a lookup is broken once, on the wire: what comes back, to the byte, and that nobody was asked.

One row a check, in their order: method, path and size; SOAPAction; form; header; parties; and then what only the
application could say about the query inside, which is not asked either. The first is that of TLS, in `test_http_tls`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cpis_simulator.apps.endpoint import LookUpEndpoint, unread
from cpis_simulator.codecs.ebxml import EbxmlHeader, Signal
from cpis_simulator.codecs.soap import QUERY_ACTION, decode_soap
from cpis_simulator.codecs.xml import parse_document
from cpis_simulator.settings import Settings, TransportSettings
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.transport.http_server import HttpServer
from tests.simulator.lookup_examples import ToldService, answer, ids, now
from tests.simulator.spine_examples import (
    RELIABLE_HEADER,
    REQUEST_ID,
    ebxml_request,
    edited,
    read_reply,
    request,
)
from tests.simulator.test_apps_endpoint import Served
from tests.simulator.test_spine_weather import MESSAGE_ERROR, NASP_ERROR, SOAP_FAULT
from tests.simulator.wire import exchange_raw

Given = Callable[[], Incoming]


def fault(code: int, description: str, side: str = "Server") -> bytes:
    return SOAP_FAULT.format(side=side, errors=NASP_ERROR.format(code, description)).encode()


def error(code: str, description: str) -> bytes:
    # The first id is that of the exchange in the evidence, where this message has the second.
    return (
        MESSAGE_ERROR.replace("9D01-000000000001", "9D01-000000000002")
        .format(code=code, description=description)
        .encode()
    )


@dataclass(frozen=True)
class Row:
    """A request that breaks one check, and what it is answered."""

    name: str
    incoming: Given
    status: int
    body: bytes
    method: str = "POST"
    length: str = "whole"
    headers: str = ""
    settings: dict[str, object] = field(default_factory=dict)

    def raw(self) -> bytes:
        incoming = self.incoming()
        body = incoming.body
        head = f"{self.method} {incoming.path} HTTP/1.1\r\nHost: spine.example.test\r\n"
        head += f"Content-Type: {incoming.content_type}\r\nConnection: close\r\n{self.headers}"
        if incoming.soap_action is not None:
            head += f"SOAPAction: {incoming.soap_action}\r\n"
        if self.length == "whole":
            head += f"Content-Length: {len(body)}\r\n"
        elif self.length == "chunked":
            head += "Transfer-Encoding: chunked\r\n"
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            body = b""
        return head.encode() + b"\r\n" + body


def reliable(**changed: object) -> Given:
    return lambda: ebxml_request(replace(RELIABLE_HEADER, **changed))  # type: ignore[arg-type]


def without(old: str, new: str = "", profile: str = "reliable") -> Given:
    return lambda: edited(request(profile), old, new)


def at(path: str, profile: str = "reliable") -> Given:
    return lambda: replace(request(profile), path=path)


def action(value: str | None, profile: str) -> Given:
    return lambda: replace(request(profile), soap_action=value)


ACK = RELIABLE_HEADER.ack_requested or Signal()
SYNC = RELIABLE_HEADER.sync_reply or Signal()
HREF = f'xlink:href="cid:{REQUEST_ID}@spine.nhs.uk"'
VERSION = 'eb:version="2.0" soap:mustUnderstand="1">'
STRICT_RELIABLE: dict[str, object] = {"strict": "reliable"}
STRICT_EXPRESS: dict[str, object] = {"strict": "express"}
EXPRESS_PATH = "/reliablemessaging/queryrequest"
SMALL: dict[str, object] = {"max_body": 2000}
TOO_LARGE = fault(200, "The message is larger than 2000 bytes")

REQUESTS = (
    # 2. Method, path, size, length.
    Row("method", at("/"), 405, fault(200, "Only POST is answered here", "Client"), method="PUT"),
    Row("length", at("/"), 411, fault(200, "Content-Length is missing", "Client"), length="none"),
    Row(
        "coding",
        at("/"),
        415,
        fault(200, "Content-Encoding: expected none, found gzip; send the message as it is", "Client"),
        headers="Content-Encoding: gzip\r\n",
    ),
    Row("size", at("/"), 413, TOO_LARGE, settings=SMALL),
    Row("size of chunks", at("/"), 413, TOO_LARGE, length="chunked", settings=SMALL),
    Row("size as 500", at("/"), 500, TOO_LARGE, settings={**SMALL, "oversize": "500"}),
    Row(
        "size of the payload",
        at("/"),
        413,
        fault(200, "The payload is larger than 1000 characters"),
        settings={"max_payload": 1000},
    ),
    Row(
        "path",
        at("/reliablemessaging/intermediary"),
        404,
        fault(101, "Nothing is offered at /reliablemessaging/intermediary", "Client"),
    ),
    Row(
        "path when strict",
        at("/elsewhere"),
        404,
        fault(101, "Nothing is offered at /elsewhere, expected /reliablemessaging/reliablerequest", "Client"),
        settings=STRICT_RELIABLE,
    ),
    # 3. SOAPAction.
    *(
        Row(
            f"no SOAPAction, {p}",
            action(None, p),
            500,
            fault(101, f"SOAPAction: expected {QUERY_ACTION}, found none", "Client"),
        )
        for p in ("reliable", "express", "sync")
    ),
    *(
        Row(
            f"unknown SOAPAction, {p}",
            action("urn:nhs:names:services:pdsquery/QUPA_IN000005UK01", p),
            500,
            fault(
                101,
                f"SOAPAction: expected {QUERY_ACTION}, found urn:nhs:names:services:pdsquery/QUPA_IN000005UK01",
                "Client",
            ),
        )
        for p in ("reliable", "express", "sync")
    ),
    Row(
        "profile when strict",
        at("/reliablemessaging/reliablerequest", "sync"),
        500,
        fault(101, "Only the reliable profile is offered here", "Client"),
        settings=STRICT_RELIABLE,
    ),
)

NOT_WELL_FORMED = "MESSAGE_NOT_WELL_FORMED: "
CPA = "<eb:CPAId>S2001A0000001</eb:CPAId>"


def renamed(old: str, new: str, profile: str = "reliable") -> Given:
    """An element under another name, at its start and at its end."""
    return lambda: edited(edited(request(profile), f"<{old}", f"<{new}"), f"</{old}>", f"</{new}>")


def malformed(name: str, incoming: Given, said: str) -> Row:
    return Row(name, incoming, 500, fault(201, NOT_WELL_FORMED + said))


CUT_OFF = "MIME message that is cut off: expected its last boundary, ----=_MIME-Boundary--"
HEADER_PLACE = "(line 4, /Envelope/Header/MessageHeader)"

FORMS = (
    # 4. MIME, SOAP, and what makes a header one.
    malformed("empty", lambda: replace(request("reliable"), body=b""), CUT_OFF),
    malformed("no parts", lambda: replace(request("reliable"), body=b"no parts at all"), CUT_OFF),
    malformed(
        "no boundary",
        lambda: replace(request("reliable"), content_type="multipart/related"),
        "MIME message without parts: expected multipart/related with its boundary",
    ),
    malformed("cut off", without("----=_MIME-Boundary--"), CUT_OFF),
    malformed(
        "no XML",
        without("</soap:Envelope>"),
        "Not a well-formed XML document (line 28): found Premature end of data in tag Envelope line 2",
    ),
    malformed(
        "document type",
        without("<soap:Envelope", "<!DOCTYPE x><soap:Envelope"),
        "Document type declaration (line 2). Leave it out; CP-IS messages have no entities.",
    ),
    malformed(
        "no Envelope",
        renamed("soap:Envelope", "soap:Letter"),
        "Root element (line 2, /Letter): expected a SOAP 1.1 Envelope, found Letter",
    ),
    malformed(
        "no Header",
        renamed("soap:Header", "soap:Other"),
        "Envelope (line 2, /Envelope): expected one Header, found 0",
    ),
    malformed(
        "two Headers",
        without("<soap:Header>", "<soap:Header/><soap:Header>"),
        "Envelope (line 2, /Envelope): expected one Header, found 2",
    ),
    malformed(
        "no Body",
        renamed("soap:Body", "soap:Other"),
        "Envelope (line 2, /Envelope): expected one Body, found 0",
    ),
    malformed("element missing", without(CPA), f"eb:CPAId {HEADER_PLACE}: expected exactly one, found 0"),
    malformed("element doubled", without(CPA, CPA + CPA), f"eb:CPAId {HEADER_PLACE}: expected exactly one, found 2"),
    malformed(
        "element empty",
        without(CPA, "<eb:CPAId> </eb:CPAId>"),
        "eb:CPAId (line 7, /Envelope/Header/MessageHeader/CPAId): expected not empty",
    ),
    malformed(
        "payload no XML",
        without("</QUPC_IN000006GB01>"),
        "Not a well-formed XML document (line 20): found Premature end of data in tag QUPC_IN000006GB01 line 1",
    ),
    malformed(
        "another payload",
        lambda: ebxml_request(RELIABLE_HEADER, b"<ABCD/>"),
        "Payload: expected QUPC_IN000006GB01, found ABCD",
    ),
    malformed(
        "SOAP no XML",
        without("</soap:Envelope>", "", "sync"),
        "Not a well-formed XML document (line 25): found Premature end of data in tag Envelope line 2",
    ),
    malformed(
        "SOAP without Header",
        renamed("soap:Header", "soap:Other", "sync"),
        "Header of the envelope (line 2, /Envelope): expected one Header",
    ),
    malformed(
        "two in the SOAP Body",
        without("</soap:Body>", "<x/></soap:Body>", "sync"),
        "Body of the envelope (line 2, /Envelope): expected one Body with one element",
    ),
    malformed(
        "another in the SOAP Body",
        renamed("QUPC_IN000006GB01", "ABCD", "sync"),
        "Body of the envelope: expected QUPC_IN000006GB01, found ABCD",
    ),
    malformed(
        "acknowledgement no envelope",
        lambda: Incoming("/", "text/xml", "urn:oasis:names:tc:ebxml-msg:service/Acknowledgment", b"<x/>"),
        "Root element (line 1, /x): expected a SOAP 1.1 Envelope, found x",
    ),
    *(
        Row(said.partition(":")[0], incoming, 500, fault(201, said))
        for incoming, said in (
            (
                without(">uuid:", ">", "sync"),
                "SOAP_MESSAGE_ID_ERROR: wsa:MessageID (line 3, /Envelope/Header): expected uuid: and 36 characters, "
                "found 0B1D5C10-7A2E-4C55-9D01-000000000003",
            ),
            (
                without("cpisquery/QUPC_IN000006GB01</wsa:Action>", "other</wsa:Action>", "sync"),
                f"SOAP_ACTION_ERROR: wsa:Action: expected {QUERY_ACTION}, found urn:nhs:names:services:other",
            ),
            (
                without("<wsa:To>urn:nhs:names:services:cpisquery</wsa:To>", "", "sync"),
                "SOAP_TO_ERROR: wsa:To (line 3, /Envelope/Header): expected exactly one, not empty, found 0",
            ),
            (
                renamed("hl7:communicationFunctionRcv", "hl7:other", "sync"),
                "SOAP_COMM_FUNC_RCV_ERROR: communicationFunctionRcv (line 3, /Envelope/Header): expected one device "
                "with one ASID, found 0",
            ),
            (
                renamed("hl7:communicationFunctionSnd", "hl7:other", "sync"),
                "SOAP_COMM_FUNC_SND_ERROR: communicationFunctionSnd (line 3, /Envelope/Header): expected one device "
                "with one ASID, found 0",
            ),
        )
    ),
)


def erred(incoming: Given, code: str, said: str, **settings: object) -> Row:
    return Row(said.partition(",")[0][:90], incoming, 200, error(code, said), settings=settings)


def on(path: str, header: EbxmlHeader) -> Given:
    return lambda: replace(ebxml_request(header), path=path)


RELIABLE_PATH = "/reliablemessaging/reliablerequest"

HEADERS = (
    # 5. The rules of a header.
    erred(
        without(f"MessageHeader {VERSION}", "MessageHeader eb:version='3.0'>"),
        "Inconsistent",
        "INVALID_MESSAGE_HEADER_VERSION: eb:version: expected 2.0, found 3.0",
    ),
    erred(
        at(RELIABLE_PATH, "express"),
        "Inconsistent",
        "DUPLICATE_ELIMINATION_INCONSISTENT_WITH_CONTRACT: eb:DuplicateElimination is missing, "
        "the contract is reliable",
        strict="reliable",
    ),
    erred(
        at(EXPRESS_PATH),
        "Inconsistent",
        "DUPLICATE_ELIMINATION_INCONSISTENT_WITH_CONTRACT: eb:DuplicateElimination is there, the contract is express",
        strict="express",
    ),
    erred(
        on(RELIABLE_PATH, replace(RELIABLE_HEADER, ack_requested=None)),
        "Inconsistent",
        "ACK_REQUESTED_INCONSISTENT_WITH_CONTRACT: eb:AckRequested is missing, the contract is reliable",
        strict="reliable",
    ),
    erred(
        on(EXPRESS_PATH, replace(RELIABLE_HEADER, duplicate_elimination=False)),
        "Inconsistent",
        "ACK_REQUESTED_INCONSISTENT_WITH_CONTRACT: eb:AckRequested is there, the contract is express",
        strict="express",
    ),
    erred(
        reliable(ack_requested=replace(ACK, version="1.0")),
        "Inconsistent",
        "ACK_REQUESTED_VERSION_INVALID: eb:version: expected 2.0, found 1.0",
    ),
    erred(
        reliable(ack_requested=replace(ACK, signed="true")),
        "Inconsistent",
        "ACK_REQUESTED_SIGNED_INVALID: eb:signed: expected false, found true",
    ),
    erred(
        reliable(ack_requested=replace(ACK, actor="urn:somebody")),
        "Inconsistent",
        "ACK_REQUESTED_ACTOR_INVALID: SOAP actor: expected urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH, "
        "found urn:somebody",
    ),
    erred(
        reliable(sync_reply=None),
        "Inconsistent",
        "SYNCREPLY_INCONSISTENT_WITH_CONTRACT: eb:SyncReply is missing, the contract has MSHSignalsOnly",
    ),
    erred(
        reliable(sync_reply=replace(SYNC, version="1.0")),
        "Inconsistent",
        "SYNCREPLY_VERSION_INVALID: eb:version: expected 2.0, found 1.0",
    ),
    erred(
        reliable(sync_reply=replace(SYNC, actor="")),
        "Inconsistent",
        "SYNCREPLY_ACTOR_INVALID: SOAP actor: expected http://schemas.xmlsoap.org/soap/actor/next, found nothing",
    ),
    *(
        erred(incoming, "MimeProblem", f"INVALID_MANIFEST_REFERENCE: {said}")
        for incoming, said in (
            (renamed("eb:Reference", "eb:Other"), "expected one eb:Reference, found 0"),
            (
                without("</eb:Reference>", f"</eb:Reference><eb:Reference {HREF}/>"),
                "expected one eb:Reference, found 2",
            ),
            (without(HREF, 'xlink:href="cid:"'), "xlink:href: expected cid: and a content id, found cid:"),
            (without(HREF, 'xlink:href="cid:nobody"'), "no MIME part has the content id nobody"),
            (
                without(f"Manifest {VERSION}", "Manifest eb:version='1.0'>"),
                "eb:version of eb:Manifest: expected 2.0, found 1.0",
            ),
        )
    ),
    # 6. Who sends what to whom.
    erred(
        reliable(action="QUPC_IN000009GB01"),
        "Inconsistent",
        f"SOAPAction is {QUERY_ACTION}, the message urn:nhs:names:services:cpisquery/QUPC_IN000009GB01",
    ),
)
TO = erred(lambda: ebxml_request(RELIABLE_HEADER), "ValueNotRecognized", "501314:Invalid To Party Type attribute")
PARTIES = (
    replace(TO, incoming=lambda: edited(request("reliable"), "YES-0000806", "YES-0000001")),
    erred(reliable(cpa_id="S9"), "ValueNotRecognized", "501319:Unknown eb:CPAId", party_checks="refuse"),
    erred(reliable(from_party="RX9-1"), "ValueNotRecognized", "Unknown eb:From party", party_checks="refuse"),
)
# An error repeats what it answers: these have another party or contract in it.
REPEATED = {
    PARTIES[0].name: (b"YES-0000806", b"YES-0000001"),
    PARTIES[1].name: (b"S2001A0000001", b"S9"),
    PARTIES[2].name: (b"RX0-0000001", b"RX9-1"),
}
PARTY_ROWS = tuple(replace(row, body=row.body.replace(*REPEATED[row.name])) for row in PARTIES)


class Wire:
    """A server that goes on while the endpoint behind it is another one for each request."""

    def __init__(self) -> None:
        self._endpoint: LookUpEndpoint | None = None
        self._server = HttpServer(self._app, threads=2).start()

    def _app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert self._endpoint is not None
        return self._endpoint(environ, start_response)

    def ask(self, raw: bytes, transport: TransportSettings) -> tuple[Served, bytes]:
        served = Served(ToldService(answer()))
        self._endpoint = LookUpEndpoint(served, Settings(transport=transport), None, now=now, ids=ids())
        if transport.max_body == TransportSettings().max_body:
            return served, exchange_raw(self._server.port, raw)
        with HttpServer(self._app, limits=transport, too_large=unread(transport), threads=2) as server:
            return served, exchange_raw(server.port, raw)

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.stop()


@pytest.mark.parametrize("row", [*REQUESTS, *FORMS, *HEADERS, *PARTY_ROWS], ids=lambda row: row.name)
def test_what_breaks_a_check_is_answered_to_the_byte_and_reaches_nobody(wire: Wire, row: Row) -> None:
    transport = TransportSettings.model_validate(row.settings)
    served, answered = wire.ask(row.raw(), transport)
    top, _, body = answered.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    assert lines[0].split(" ")[1] == str(row.status)
    assert body.decode() == row.body.decode()
    assert {"Content-Type: text/xml", f"Content-Length: {len(body)}"} <= {*lines}
    is_error = b"<eb:ErrorList" in row.body
    assert ("SOAPAction: urn:oasis:names:tc:ebxml-msg:service/MessageError" in lines) is is_error
    assert (served.asked, served.memory.answers, served.memory.replies, served.released) == ([], {}, {}, [])


# What is wrong with the query inside is told by an application acknowledgement, in every profile.

REFUSAL = """<MCCI_IN010000UK13 xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation">
<id root="0B1D5C10-7A2E-4C55-9D01-{id}"/>
<creationTime value="20260106101500"/>
<versionCode code="v3INF_DMSv5.7:FIN"/>
<interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="MCCI_IN010000UK13"/>
<processingCode code="P"/>
<processingModeCode code="T"/>
<acceptAckCode code="NE"/>
<acknowledgement typeCode="AE"><messageRef><id root="{answers}"/></messageRef></acknowledgement>
<communicationFunctionRcv typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">\
<id root="1.2.826.0.1285.0.2.0.107" extension="999999000101"/></device></communicationFunctionRcv>
<communicationFunctionSnd typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">\
<id root="1.2.826.0.1285.0.2.0.107" extension="999999000001"/></device></communicationFunctionSnd>
<ControlActEvent classCode="CACT" moodCode="EVN">
<author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT"><agentSystemSDS classCode="DEV" determinerCode="INSTANCE">\
<id root="1.2.826.0.1285.0.2.0.107" extension="999999000001"/></agentSystemSDS></AgentSystemSDS></author1>
<reason typeCode="RSON"><justifyingDetectedIssueEvent classCode="ALRT" moodCode="EVN"><code code="{code}" \
codeSystem="2.16.840.1.113883.2.1.3.2.4.17.32" displayName="{text}"><qualifier code="ER"/></code>\
</justifyingDetectedIssueEvent></reason>
</ControlActEvent>
</MCCI_IN010000UK13>"""
QUERY_ID = "0B1D5C10-7A2E-4C55-9D01-000000000002"
ASID = '<id root="1.2.826.0.1285.0.2.0.107" extension="{}"/></device></communicationFunction{}>'

QUERIES = [
    (f'<id root="{QUERY_ID}"/>', "", "INVALID_ID", "Invalid id"),
    ('<creationTime value="20260106101500"/>', "", "INVALID_CREATION_TIME", "Invalid creation time"),
    ('<versionCode code="v3INF_DMSv5.7:FIN"/>', "", "INVALID_VERSION_CODE", "Invalid version code"),
    (
        '2.4.12" extension="QUPC_IN000006GB01"',
        '2.4.12" extension="QUPC_IN000007GB01"',
        "INCONSISTENT_HL7_INTERACTION_ID",
        "Inconsistent HL7 interaction id",
    ),
    (
        ASID.format("999999000001", "Rcv"),
        "</device></communicationFunctionRcv>",
        "INVALID_COMM_FUNC_RCV",
        "Invalid comm func rcv",
    ),
    (
        ASID.format("999999000101", "Snd"),
        "</device></communicationFunctionSnd>",
        "INVALID_COMM_FUNC_SND",
        "Invalid comm func snd",
    ),
    ("</ControlActEvent>", "</ControlActEvent><ControlActEvent/>", "INVALID_CONTROL_ACT", "Invalid control act"),
    *(
        (old, new, "MANDATORY_DATA_MISSING", f"Mandatory data missing: {item}")
        for old, new, item in (
            ('<id root="0B1D5C10-7A2E-4C55-9D01-000000000001"/>', "", "Event ID"),
            ('<effectiveTime value="20260106101500+0000"/>', "", "Event Time"),
            ('<value extension="9990001014"/>', "<value/>", "NHS Number"),
            ("COCT_TP145102GB01.AssignedAuthor>", "other>", "[authorPerson or authorDevice]"),
            ('<code code="R8001"', "<code", "Job Role Code"),
            (' displayName="Nurse Access Role"', "", "Job Role Name"),
            ('<id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="ZZ9"/>', "", "Organisation Code"),
            ("<name>EXAMPLETON TEST HOSPITALS</name>", "<name/>", "Organisation Name"),
            ("<author1 ", "<author9 ", "author1"),
        )
    ),
]


@pytest.mark.parametrize("profile", ["reliable", "express", "sync"])
@pytest.mark.parametrize(("old", "new", "code", "text"), QUERIES, ids=[f"{q[2]}, {q[3]}" for q in QUERIES])
def test_what_breaks_a_rule_of_the_query_is_an_application_acknowledgement_to_the_byte(
    wire: Wire, profile: str, old: str, new: str, code: str, text: str
) -> None:
    incoming = edited(request(profile), old, new)
    if "author9" in new:
        incoming = edited(incoming, "</author1>", "</author9>")
    served, answered = wire.ask(Row("", lambda: incoming, 0, b"").raw(), TransportSettings())
    assert served.asked == []
    if profile == "sync":
        payload = answered.partition(b"<soap:Body>")[2].partition(b"</soap:Body>")[0]
        answers = decode_soap(incoming.body).message_id
    else:
        (reply,) = served.memory.replies.values()
        assert reply.interaction == "MCCI_IN010000UK13"
        whole = read_reply(reply).payload or b""
        payload = whole.replace(b"\r\n", b"\n").partition(b"?>\n")[2].rstrip()
        answers = REQUEST_ID
    answers = answers if code == "INVALID_ID" else QUERY_ID
    expected = REFUSAL.format(id="000000000002", answers=answers, code=code, text=text)
    assert payload.decode() == expected
    assert parse_document(payload).tag == "{urn:hl7-org:v3}MCCI_IN010000UK13"
