"""A SOAP request is checked in order; only a good query reaches the service."""

import pytest

from cpis_simulator.codecs.query import transmission_of
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.codecs.soap import QUERY_ACTION, decode_soap, decode_soap_fault
from cpis_simulator.model import AnswerMessage, Coded, NoRecord, Refusal
from cpis_simulator.settings import DataSettings
from cpis_simulator.spine.answers import HttpAnswer, oversize_fault
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.vocabulary import OID_FAULT
from tests.simulator.lookup_examples import CHILD, answer, no_record
from tests.simulator.lookup_examples import ToldService as Service
from tests.simulator.spine_examples import Spine, soap_request

SPINE, CARE = "999999000001", "999999000101"


def request(nhs_number: str = CHILD) -> bytes:
    return soap_request(nhs_number).body


def exchange(
    body: bytes,
    service: Service,
    *,
    soap_action: str | None = QUERY_ACTION,
    content_type: str = "text/xml",
    data: DataSettings | None = None,
    **choices: object,
) -> HttpAnswer:
    spine = Spine(service, data=data, **choices)
    return spine.post(Incoming("/sync-service", content_type, soap_action, body))


def refused(body: bytes) -> Refusal:
    service = Service(answer())
    given = exchange(body, service)
    assert (given.status, given.outcome, service.asked) == (200, "refused", [])
    reply = decode_reply(decode_soap(given.body).body_element)
    assert isinstance(reply, Refusal)
    return reply


def faulted(body: bytes, soap_action: str | None = QUERY_ACTION, content_type: str = "text/xml") -> tuple[str, str]:
    """Code and description of the fault that the request is answered with."""
    service = Service(answer())
    given = exchange(body, service, soap_action=soap_action, content_type=content_type)
    assert (given.status, given.content_type, service.asked) == (500, "text/xml", [])
    ((code, _, _, description),) = decode_soap_fault(decode_soap(given.body).body_element).errors
    return code, description


def test_a_good_query_is_answered_in_an_envelope_that_names_it() -> None:
    service = Service(answer())
    given = exchange(request(), service)
    message = decode_soap(given.body)
    assert (given.status, given.outcome) == (200, "found")
    assert isinstance(decode_reply(message.body_element), AnswerMessage)
    assert message.relates_to == decode_soap(request()).message_id
    assert message.action == "urn:nhs:names:services:cpisquery/REPC_IN000007GB01"
    assert (message.sender_asid, message.receiver_asid) == ("999999000001", "999999000101")
    assert [m.query.nhs_number for m in service.asked] == [CHILD]


def test_no_record_goes_out_as_it_is() -> None:
    given = exchange(request(), Service(no_record("0B1D5C10-7A2E-4C55-9D01-000000000002")))
    assert given.outcome == "no-record"
    assert isinstance(decode_reply(decode_soap(given.body).body_element), NoRecord)


def test_every_answer_has_its_length() -> None:
    given = exchange(request(), Service(answer()))
    assert given.headers() == [("Content-Type", "text/xml"), ("Content-Length", str(len(given.body)))]


@pytest.mark.parametrize("action", [None, "", "urn:nhs:names:services:pdsquery/QUPA_IN000005UK01"])
def test_without_a_known_soap_action_the_service_is_not_supported(action: str | None) -> None:
    assert faulted(request(), action)[0] == "101"


def test_a_quoted_soap_action_is_taken() -> None:
    assert exchange(request(), Service(answer()), soap_action=f'"{QUERY_ACTION}"').outcome == "found"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"</soap:Envelope>", b"", "MESSAGE_NOT_WELL_FORMED"),
        (b"<?xml", b"<!DOCTYPE x><?xml", "MESSAGE_NOT_WELL_FORMED"),
        (b"QUPC_IN000006GB01 xmlns", b"QUPC_IN000099GB01 xmlns", "MESSAGE_NOT_WELL_FORMED"),
        (b">uuid:", b">", "SOAP_MESSAGE_ID_ERROR"),
        (b"cpisquery/QUPC_IN000006GB01</wsa:Action>", b"other</wsa:Action>", "SOAP_ACTION_ERROR"),
        (b"<wsa:To>urn:nhs:names:services:cpisquery</wsa:To>", b"", "SOAP_TO_ERROR"),
        (b"hl7:communicationFunctionRcv", b"hl7:communicationFunctionXyz", "SOAP_COMM_FUNC_RCV_ERROR"),
        (b"hl7:communicationFunctionSnd", b"hl7:communicationFunctionXyz", "SOAP_COMM_FUNC_SND_ERROR"),
    ],
)
def test_a_broken_envelope_is_a_fault_that_names_the_rule(old: bytes, new: bytes, rule: str) -> None:
    body = request()
    assert old in body
    if old == b"QUPC_IN000006GB01 xmlns":
        body = body.replace(b"</QUPC_IN000006GB01>", b"</QUPC_IN000099GB01>")
    code, description = faulted(body.replace(old, new))
    assert (code, description.partition(":")[0]) == ("201", rule)


def test_a_query_without_its_organisation_code_is_refused_with_that_name() -> None:
    body = request().replace(b'<id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="ZZ9"/>', b"")
    reply = refused(body)
    assert reply.issues == (Coded("MANDATORY_DATA_MISSING", "Mandatory data missing: Organisation Code", OID_FAULT),)
    assert reply.answers == "0B1D5C10-7A2E-4C55-9D01-000000000002"
    assert reply.transmission.receiver_asid == "999999000101"


def test_a_query_without_an_id_is_answered_by_that_of_its_envelope() -> None:
    body = request().replace(b'<id root="0B1D5C10-7A2E-4C55-9D01-000000000002"/>', b"")
    reply = refused(body)
    assert [issue.code for issue in reply.issues] == ["INVALID_ID"]
    assert reply.answers == decode_soap(request()).message_id


def test_what_only_the_schema_forbids_is_refused_too() -> None:
    reply = refused(request().replace(b"<cP-ISNHSQuery>", b"<cP-ISNHSQuery><surprise/>"))
    assert [issue.code for issue in reply.issues] == ["INVALID_CONTROL_ACT"]


@pytest.mark.parametrize("number", ["0000000000", "0000000019"])
def test_a_number_outside_the_test_range_never_reaches_the_service(number: str) -> None:
    reply = refused(request(number))
    assert [issue.code for issue in reply.issues] == ["INVALID_NHS_NUMBER"]
    assert "test range 999" in reply.issues[0].display_name
    assert number not in reply.issues[0].display_name


def test_another_test_range_can_be_named() -> None:
    service = Service(answer())
    given = exchange(request("0000000000"), service, data=DataSettings(test_number_prefix="000"))
    assert given.outcome == "found"


@pytest.mark.parametrize(("oddity", "sender", "receiver"), [(False, SPINE, CARE), (True, CARE, SPINE)])
def test_the_systems_inside_no_record_are_swapped_unless_spines_oddity_is_wanted(
    oddity: bool, sender: str, receiver: str
) -> None:
    service = Service(no_record("0B1D5C10-7A2E-4C55-9D01-000000000002"))
    message = decode_soap(exchange(request(), service, asid_oddity=oddity).body)
    assert (message.sender_asid, message.receiver_asid) == (SPINE, CARE)
    inside = transmission_of(message.body_element)
    assert (inside.sender_asid, inside.receiver_asid) == (sender, receiver)


def test_the_oddity_is_one_of_no_record_alone() -> None:
    message = decode_soap(exchange(request(), Service(answer()), asid_oddity=True).body)
    assert transmission_of(message.body_element).sender_asid == SPINE


def test_an_oversize_body_is_answered_413_with_a_fault() -> None:
    given = oversize_fault(2_000_000)
    assert given.status == 413
    ((code, _, _, description),) = decode_soap_fault(decode_soap(given.body).body_element).errors
    assert (code, description) == ("200", "The message is larger than 2000000 bytes")
