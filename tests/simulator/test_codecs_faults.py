"""What a reader refuses, and which requirement it names."""

import re

import pytest

from cpis_simulator.errors import DecodeError
from cpis_simulator.model import FaultyRecord, Upload
from tests.simulator.codec_examples import (
    ACCESS_NOTIFICATION,
    ACKNOWLEDGEMENT,
    ANSWER,
    CHILD_XML,
    CPP_XML,
    DEVICE_QUERY,
    INACTIVE_NOTIFICATION,
    LAC_XML,
    NO_RECORD,
    PERSON_XML,
    QUERY,
    REFUSAL,
    UCP_XML,
    UPLOAD,
    Example,
)


def broken_rules(example: Example, body: bytes) -> list[str]:
    try:
        message = example.decode(body)
    except DecodeError as error:
        return [error.requirement]
    if isinstance(message, Upload):
        return [record.requirement for record in message.records if isinstance(record, FaultyRecord)]
    return []


def changed(example: Example, old: str, new: str) -> bytes:
    body = example.body.decode()
    assert old in body, f"the example has no {old}"
    return body.replace(old, new, 1).encode()


FIXED = [
    (UPLOAD, "<organisation>", '<organisation classCode="ORG" determinerCode="INSTANCE">'),
    (UPLOAD, "<subject>", '<subject typeCode="SBJ">'),
    (UPLOAD, "<CP-ISRecord>", '<CP-ISRecord moodCode="RQO">'),
    (UPLOAD, "<CP-ISRecord>", '<CP-ISRecord><code code="01" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.470"/>'),
    (
        UPLOAD,
        "<childPerson>",
        '<templateId root="2.16.840.1.113883.2.1.3.2.4.18.2" extension="COCT_TP145101GB01#childPerson"/><childPerson>',
    ),
    (UPLOAD, '<id extension="7"/>', '<id root="2.16.840.1.113883.2.1.3.2.4.18.46" extension="7"/>'),
    (
        ACKNOWLEDGEMENT,
        '<code code="CPF03"',
        '<code codeSystem="2.16.840.1.113883.2.1.3.2.4.17.474" code="CPF03"',
    ),
    (ACKNOWLEDGEMENT, "<failedReturnedCP-ISRecords>", "<failedReturnedCP-ISRecords><keyWordText>FRCR</keyWordText>"),
    (QUERY, '<value extension="9990003017"/>', '<value root="2.16.840.1.113883.2.1.4.1" extension="9990003017"/>'),
    (QUERY, "</person.NHSnumber>", "<semanticsText>Person.NHSnumber</semanticsText></person.NHSnumber>"),
    (ANSWER, "<CP-ISNHSQueryResponse>", '<CP-ISNHSQueryResponse classCode="CACT" moodCode="EVN">'),
    (ACCESS_NOTIFICATION, "<reference>", '<reference typeCode="REFR">'),
    (ACCESS_NOTIFICATION, "<pertinentCP-ISRecordAccess>", '<pertinentCP-ISRecordAccess><code code="CRA"/>'),
    (INACTIVE_NOTIFICATION, "<newVersion><id ", '<newVersion><id root="2.16.840.1.113883.2.1.4.1" '),
]


@pytest.mark.parametrize(("example", "old", "new"), FIXED)
def test_fixed_value_is_refused_even_when_it_is_right(example: Example, old: str, new: str) -> None:
    assert broken_rules(example, changed(example, old, new)) == ["CPIS-MSG-004"]


@pytest.mark.parametrize(("example", "old", "new"), FIXED)
def test_fixed_value_is_refused_under_any_prefix(example: Example, old: str, new: str) -> None:
    body = changed(example, old, new).decode()
    body = re.sub(r"<(/?)(?!l:|\?)", r"<\1any:", body).replace(" xmlns=", " xmlns:any=")
    assert broken_rules(example, body.encode()) == ["CPIS-MSG-004"]


FILE_7_XML = '<subjectOf><lAUploadFile><value extension="7"/></lAUploadFile></subjectOf>'
ORDER_AND_NUMBER = [
    (UPLOAD, LAC_XML + CPP_XML + CHILD_XML, CHILD_XML + LAC_XML + CPP_XML, "CPIS-MSG-005"),
    (UPLOAD, "<record>", "<note>why</note><record>", "CPIS-MSG-005"),
    (UPLOAD, "<childPerson>", "The reason is private<childPerson>", "CPIS-MSG-005"),
    (UPLOAD, "<childPerson>", '<childPerson note="x">', "CPIS-MSG-005"),
    (UPLOAD, LAC_XML, LAC_XML * 3, "CPIS-DAT-006"),
    (UPLOAD, CHILD_XML, CHILD_XML * 3, "CPIS-DAT-006"),
    (UPLOAD, CHILD_XML, "", "CPIS-DAT-006"),
    (UPLOAD, '<component1><uCPEndDate><value value="202605050000"/></uCPEndDate></component1>', "", "CPIS-DAT-008"),
    (UPLOAD, '<birthTime value="20150607"/>', "", "CPIS-DAT-013"),
    (UPLOAD, '<creationTime value="20260302083005+0000"/>', "", "CPIS-UPL-002"),
    (UPLOAD, '<id extension="7"/>', "", "CPIS-UPL-002"),
    (UPLOAD, "<name>SAMPLEBURY &amp; TEST</name>", "", "CPIS-DAT-014"),
    (UPLOAD, ' use="EC"', "", "CPIS-DAT-014"),
    (UPLOAD, '<telecom value="tel:01632960003" use="WP"/>', '<telecom value="tel:1" use="WP"/>' * 2, "CPIS-DAT-014"),
    (ACKNOWLEDGEMENT, "<location>/File/record[2]</location>", "", "CPIS-ACK-007"),
    (ACKNOWLEDGEMENT, "CPF03", "CPF09", "CPIS-ACK-004"),
    (QUERY, f"<author>{PERSON_XML}</author>", "", "CPIS-QRY-003"),
    (QUERY, f"<author>{PERSON_XML}</author>", f"<author>{PERSON_XML}</author>" * 2, "CPIS-QRY-003"),
    (QUERY, '<effectiveTime value="20260302083005+0000"/>', "", "CPIS-QRY-007"),
    (QUERY, "<name>SAMPLEBURY TEST HOSPITAL</name>", "", "CPIS-QRY-004"),
    (QUERY, ' codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196"', "", "CPIS-QRY-004"),
    (QUERY, "</author><author1", "</author><query/><author1", "CPIS-MSG-005"),
    (DEVICE_QUERY, "<name>TEST AMBULANCE</name>", "", "CPIS-QRY-005"),
    (ANSWER, "</COCT_TP146105GB01.CPPInformation>", "<component2/></COCT_TP146105GB01.CPPInformation>", "CPIS-DAT-009"),
    (NO_RECORD, "<messageRef>", "<other/><messageRef>", "CPIS-MSG-005"),
    (REFUSAL, 'typeCode="AR"', 'typeCode="ZZ"', "CPIS-MSG-010"),
    (INACTIVE_NOTIFICATION, FILE_7_XML, "", "CPIS-INA-002"),
]


@pytest.mark.parametrize(("example", "old", "new", "rule"), ORDER_AND_NUMBER)
def test_order_and_number_are_those_of_the_schema(example: Example, old: str, new: str, rule: str) -> None:
    assert broken_rules(example, changed(example, old, new)) == [rule]


FORM = [
    (UPLOAD, "20260302083005+0000", "20260302083005", "CPIS-DAT-012"),
    (UPLOAD, "20260302083005+0000", "20260302083005Z", "CPIS-DAT-012"),
    (UPLOAD, "20260302083005+0000", "20260302253005+0000", "CPIS-DAT-012"),
    (UPLOAD, "20260302083005+0000", "20260302083005+0099", "CPIS-DAT-012"),
    (UPLOAD, "20260302083005+0000", "00010101000000+0100", "CPIS-DAT-012"),
    (UPLOAD, "20260302083005+0000", "99991231235959-0100", "CPIS-DAT-012"),
    (UPLOAD, "202501020304", "20250102", "CPIS-DAT-011"),
    (UPLOAD, "202501020304", "20250102030405", "CPIS-DAT-011"),
    (UPLOAD, "202501020304", "202501020304+0000", "CPIS-DAT-011"),
    (UPLOAD, "202501020304", "202513020304", "CPIS-DAT-011"),
    (UPLOAD, "202501020304", "212501020304", "CPIS-DAT-011"),
    (UPLOAD, "202501020304", "202502300304", "CPIS-MSG-013"),
    (UPLOAD, "20150607", "2015", "CPIS-DAT-011"),
    (UPLOAD, "20150607", "20150230", "CPIS-DAT-011"),
    (UPLOAD, "20150607", "201506071200", "CPIS-DAT-012"),
    (UPLOAD, "tel:01632960003", "tel:01632 960003", "CPIS-DAT-015"),
    (UPLOAD, "tel:01632960003", "01632960003", "CPIS-DAT-015"),
    (UPLOAD, 'value="2"', 'value="2.0"', "CPIS-MSG-005"),
    (UPLOAD, 'value="2"', f'value="{"9" * 5000}"', "CPIS-MSG-005"),
    (UPLOAD, 'value="2"', 'value="\N{NO-BREAK SPACE}2"', "CPIS-MSG-005"),
    (UPLOAD, 'use="WP"', 'use="WP\N{NO-BREAK SPACE}"', "CPIS-DAT-014"),
    (UPLOAD, "<record>", "\N{NO-BREAK SPACE}<record>", "CPIS-MSG-005"),
    (UPLOAD, '<id extension="7"/>', '<id extension="7">\N{NO-BREAK SPACE}</id>', "CPIS-MSG-005"),
    (UPLOAD, '<id extension="7"/>', '<id extension="7">\n</id>', "CPIS-MSG-005"),
    (UPLOAD, 'root="2.16.840.1.113883.2.1.3.2.4.19.1"', 'root="1.2.3"', "CPIS-MSG-007"),
    (UPLOAD, 'root="2.16.840.1.113883.2.1.4.1"', 'root="2.16.840.1.113883.2.1.3.2.4.18.24"', "CPIS-MSG-008"),
    (UPLOAD, 'root="2.16.840.1.113883.2.1.3.2.4.18.24"', 'root="2.16.840.1.113883.2.1.4.1"', "CPIS-MSG-008"),
    (UPLOAD, "<given>Zoë Ann</given>", "<prefix>Ms</prefix><given>Zoë Ann</given>", "CPIS-MSG-009"),
    (UPLOAD, "<given>Zoë Ann</given>", "<given>Zoë</given><given>Ann</given>", "CPIS-MSG-009"),
    (UPLOAD, "<name><given>", '<name use="L"><given>', "CPIS-MSG-009"),
    (UPLOAD, UCP_XML, UCP_XML.replace("146102", "146104"), "CPIS-MSG-006"),
    (UPLOAD, "l:contentId", "contentId", "CPIS-MSG-003"),
    (UPLOAD, 'xmlns="urn:hl7-org:v3"', 'xmlns="urn:hl7-org:v2"', "CPIS-MSG-003"),
    (UPLOAD, ' xmlns="urn:hl7-org:v3"', "", "CPIS-MSG-003"),
    (UPLOAD, "UTF-8", "ISO-8859-1", "CPIS-MSG-001"),
    (UPLOAD, "<File", "<!DOCTYPE File><File", "CPIS-MSG-002"),
    (QUERY, "6F1B0E52-33C1-4E0A-9A10-000000000010", "6f1b0e52-33c1-4e0a-9a10-000000000010", "CPIS-MSG-007"),
    (QUERY, 'extension="QUPC_IN000006GB01"', 'extension="REPC_IN000007GB01"', "CPIS-MSG-011"),
    (QUERY, 'use="PREFERRED"', 'use="L\N{NO-BREAK SPACE}A"', "CPIS-QRY-004"),
    (QUERY, "v3INF_DMSv5.7:FIN", "v9", "CPIS-MSG-011"),
    (QUERY, 'processingCode code="P"', 'processingCode code="X"', "CPIS-MSG-011"),
    (QUERY, 'typeCode="RCV"', 'typeCode="SND"', "CPIS-MSG-011"),
    (QUERY, "<queryByParameter>", '<queryByParameter><accessEventType value="maybe"/>', "CPIS-QRY-008"),
    (DEVICE_QUERY, '"999999000202"/><indirect', '"99999900020"/><indirect', "CPIS-MSG-007"),
    (DEVICE_QUERY, 'code="R0001"', 'code="R 0001"', "CPIS-QRY-005"),
    (ACKNOWLEDGEMENT, "Partial File Upload", "Partial", "CPIS-MSG-010"),
    (ACKNOWLEDGEMENT, 'translation code="X1"', 'translation code="X 1"', "CPIS-MSG-005"),
    (ACKNOWLEDGEMENT, 'displayName="Odd"', 'displayName=""', "CPIS-MSG-005"),
    (NO_RECORD, 'code="CPIS-0001"', 'code="CPIS 0001"', "CPIS-MSG-005"),
    (NO_RECORD, 'codeSystem="2.16.840.1.113883.2.1.3.2.4.17.42"', 'codeSystem="17_42"', "CPIS-MSG-005"),
    (NO_RECORD, 'type="QueryAck"', 'type="Query Ack"', "CPIS-MSG-005"),
    (NO_RECORD, 'type="QueryAck"', 'typeID="x"', "CPIS-MSG-005"),
    (NO_RECORD, 'type="QueryAck"', 'updateMode="added"', "CPIS-MSG-005"),
    (QUERY, "<prefix>", '<prefix partType="FAM">', "CPIS-QRY-004"),
    (UPLOAD, "<family>", '<family qualifier="X">', "CPIS-MSG-005"),
]  # fmt: skip


@pytest.mark.parametrize(("example", "old", "new", "rule"), FORM)
def test_values_have_the_form_of_their_type(example: Example, old: str, new: str, rule: str) -> None:
    rules = broken_rules(example, changed(example, old, new))
    assert set(rules) == {rule}


def test_spaces_that_xml_does_not_know_as_white_space_belong_to_a_name() -> None:
    body = changed(
        UPLOAD, "<given>Zoë Ann</given>", "<given>\n Zoë\N{NO-BREAK SPACE}Ann\N{IDEOGRAPHIC SPACE}\t</given>"
    )
    record = UPLOAD.decode(body).records[0]
    assert record.subjects[0].given == "Zoë\N{NO-BREAK SPACE}Ann\N{IDEOGRAPHIC SPACE}"


def test_access_repeats_the_person_not_the_parameter_of_the_query() -> None:
    body = ACCESS_NOTIFICATION.body.replace(b"person.id>", b"person.NHSnumber>")
    assert broken_rules(ACCESS_NOTIFICATION, body) == ["CPIS-MSG-005"]


def test_query_names_the_system() -> None:
    body = re.sub(r"<author1.*</author1>", "", QUERY.body.decode()).encode()
    assert broken_rules(QUERY, body) == ["CPIS-MSG-011"]


def test_an_answer_without_records_should_have_been_a_failure() -> None:
    body = re.sub(r"<pertinentInformation14>.*</pertinentInformation14>", "", ANSWER.body.decode()).encode()
    assert broken_rules(ANSWER, body) == ["CPIS-RSP-003"]


def test_an_upload_without_records_is_refused() -> None:
    body = re.sub(r"<record>.*</record>", "", UPLOAD.body.decode()).encode()
    assert broken_rules(UPLOAD, body) == ["CPIS-UPL-001"]


def test_attributes_that_the_schema_allows_everywhere_are_tolerated() -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:hl7-org:v3 File.xsd"'
    body = UPLOAD.body.replace(b"<File ", f'<File updateMode="added" {xsi} '.encode())
    assert UPLOAD.decode(body.replace(b"<record>", b'<record nullFlavor="NI">')) == UPLOAD.message
    assert broken_rules(UPLOAD, changed(UPLOAD, "<CP-ISRecord>", '<CP-ISRecord updateMode="x">')) == ["CPIS-MSG-005"]


@pytest.mark.parametrize("attribute", ['nil="true"', 'nil="1"', 'foo="x"'])
def test_other_attributes_of_xml_schema_are_refused(attribute: str) -> None:
    xsi = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:{attribute}'
    assert broken_rules(UPLOAD, changed(UPLOAD, "<File ", f"<File {xsi} ")) == ["CPIS-MSG-005"]


def test_attributes_of_a_part_of_a_name_mean_nothing() -> None:
    body = changed(UPLOAD, "<given>", '<given partType="GIV" qualifier="CL BR" language="en">')
    assert UPLOAD.decode(body) == UPLOAD.message


def test_error_says_where_what_and_whose() -> None:
    body = UPLOAD.body.replace(b"<telecom", b"\n<telecom").replace(b"tel:01632960003", b"tel:01632 960003")
    with pytest.raises(DecodeError) as raised:
        UPLOAD.decode(body)
    error = raised.value
    assert (error.requirement, error.party, error.line) == ("CPIS-DAT-015", "authority", 2)
    assert error.xpath == "/File/communicationFunctionSnd/organisation/telecom[1]"
    assert str(error) == (
        "Telephone number (line 2, /File/communicationFunctionSnd/organisation/telecom[1]): "
        "expected tel:, perhaps +, then digits only, found tel:01632 960003. Write tel:01632960003."
    )


@pytest.mark.parametrize(
    ("example", "party"),
    [(QUERY, "care"), (ACKNOWLEDGEMENT, "service"), (NO_RECORD, "service"), (ACCESS_NOTIFICATION, "service")],
)
def test_blame_goes_to_the_party_that_sends_the_message(example: Example, party: str) -> None:
    with pytest.raises(DecodeError) as raised:
        example.decode(b"<x/>")
    assert raised.value.party == party
