"""The synchronous envelope."""

import pytest

from cpis_simulator.codecs.query import decode_query, query_faults
from cpis_simulator.codecs.reply import decode_reply, interaction_of
from cpis_simulator.codecs.soap import (
    decode_soap,
    decode_soap_fault,
    encode_soap_fault,
    encode_soap_query,
    encode_soap_reply,
)
from cpis_simulator.codecs.wrapper import transmission_of
from cpis_simulator.codecs.xml import local_name, parse_document
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import Transmission
from tests.simulator.codec_examples import ANSWER, DEVICE_QUERY, NO_RECORD, QUERY, REFUSAL, TO_SPINE, UUID, Example

REQUEST = encode_soap_query(QUERY.body, message_id=UUID.format(1), from_asid="999999000202", to_asid="999999000001")


def test_query_stands_alone_in_its_envelope() -> None:
    message = decode_soap(REQUEST)
    assert message.message_id == UUID.format(1)
    assert message.relates_to is None
    assert message.action == "urn:nhs:names:services:cpisquery/QUPC_IN000006GB01"
    assert message.interaction() == "QUPC_IN000006GB01"
    assert (message.sender_asid, message.receiver_asid) == ("999999000202", "999999000001")
    assert decode_query(message.body_element) == QUERY.message


@pytest.mark.parametrize("example", [ANSWER, NO_RECORD, REFUSAL], ids=lambda example: example.name)
def test_reply_is_found_in_its_envelope(example: Example) -> None:
    body = encode_soap_reply(
        example.body,
        message_id=UUID.format(40),
        relates_to=UUID.format(1),
        interaction=interaction_of(example.message),
        from_asid="999999000001",
        to_asid="999999000202",
    )
    message = decode_soap(body)
    assert message.relates_to == UUID.format(1)
    assert decode_reply(message.body_element) == example.message
    wrapped = b'<CP-ISNHSQueryResponse xmlns="urn:hl7-org:v3"><REPC_IN000007GB01' in body
    assert wrapped == (example is ANSWER), "only a positive answer has an operation element around it"


def test_fault_lists_its_errors() -> None:
    message = decode_soap(encode_soap_fault(206, "Routing <failure>", client=True))
    assert message.is_fault()
    fault = decode_soap_fault(message.body_element)
    assert (fault.faultcode, fault.faultstring) == ("Client", "Application Exception")
    assert fault.errors == (("206", "Error", "Not Supported", "Routing <failure>"),)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"uuid:", b"", "SOAP_MESSAGE_ID_ERROR"),
        (b"MessageID>", b"MessageId>", "SOAP_MESSAGE_ID_ERROR"),
        (b"wsa:Action>", b"wsa:Act>", "SOAP_ACTION_ERROR"),
        (b"<wsa:To>urn:nhs:names:services:cpisquery</wsa:To>", b"<wsa:To/>", "SOAP_TO_ERROR"),
        (b"hl7:communicationFunctionRcv", b"hl7:communicationFunctionSnd", "SOAP_COMM_FUNC_SND_ERROR"),
        (b'"999999000001"/></hl7:device>', b'""/></hl7:device>', "SOAP_COMM_FUNC_RCV_ERROR"),
        (b"http://schemas.xmlsoap.org/soap/envelope/", b"urn:other", "expected a SOAP 1.1 Envelope"),
        (b"<soap:Body>", b"<soap:Body><other/>", "Body of the envelope"),
    ],
)
def test_envelope_that_breaks_a_rule_is_refused_by_its_name(old: bytes, new: bytes, rule: str) -> None:
    assert old in REQUEST
    with pytest.raises(DecodeError, match=rule):
        decode_soap(REQUEST.replace(old, new))


def test_transmission_is_read_as_far_as_it_goes() -> None:
    assert transmission_of(parse_document(QUERY.body)) == TO_SPINE
    assert transmission_of(parse_document(b"<x/>")) == Transmission("", "", "", "")


def test_right_query_has_no_faults() -> None:
    assert query_faults(parse_document(QUERY.body)) == ()
    assert query_faults(parse_document(DEVICE_QUERY.body)) == ()


@pytest.mark.parametrize(
    ("example", "old", "new", "expected"),
    [
        (QUERY, '<id root="6F1B0E52-33C1-4E0A-9A10-000000000001"/>', "", ["Invalid id"]),
        (QUERY, '<creationTime value="20260302083005"/>', "", ["Invalid creation time"]),
        (QUERY, '<versionCode code="v3INF_DMSv5.7:FIN"/>', "", ["Invalid version code"]),
        (QUERY, 'extension="QUPC_IN000006GB01"', 'extension="X"', ["Inconsistent HL7 interaction id"]),
        (QUERY, 'extension="999999000001"', 'extension=""', ["Invalid comm func rcv"]),
        (QUERY, '<id root="6F1B0E52-33C1-4E0A-9A10-000000000010"/>', "", ["Mandatory data missing: Event ID"]),
        (QUERY, '<value extension="9990003017"/>', "", ["Mandatory data missing: NHS Number"]),
        (QUERY, 'code code="R8000"', "code", ["Mandatory data missing: Job Role Code"]),
        (
            QUERY,
            "<name>SAMPLEBURY TEST HOSPITAL</name>",
            "<name> </name>",
            ["Mandatory data missing: Organisation Name"],
        ),
        (DEVICE_QUERY, 'displayName="Lead"', "", ["Mandatory data missing: authorDevice.jobRoleName"]),
        (
            QUERY,
            "COCT_TP145102GB01.AssignedAuthor>",
            "other>",
            ["Mandatory data missing: [authorPerson or authorDevice]"],
        ),
    ],
)
def test_fault_names_the_missing_item(example: Example, old: str, new: str, expected: list[str]) -> None:
    assert old in example.body.decode()
    faults = query_faults(parse_document(example.body.decode().replace(old, new).encode()))
    assert [fault.display_name for fault in faults] == expected
    assert {fault.code_system for fault in faults} == {"2.16.840.1.113883.2.1.3.2.4.17.32"}


def test_every_fault_is_reported_not_only_the_first() -> None:
    faults = query_faults(parse_document(b'<QUPC_IN000006GB01 xmlns="urn:hl7-org:v3"/>'))
    assert [fault.code for fault in faults] == [
        "INVALID_ID",
        "INVALID_CREATION_TIME",
        "INVALID_VERSION_CODE",
        "INCONSISTENT_HL7_INTERACTION_ID",
        "INVALID_COMM_FUNC_RCV",
        "INVALID_COMM_FUNC_SND",
        "INVALID_CONTROL_ACT",
        *["MANDATORY_DATA_MISSING"] * 5,
    ]


def test_interaction_inside_an_envelope_keeps_its_name() -> None:
    assert local_name(decode_soap(REQUEST).body_element) == "QUPC_IN000006GB01"
