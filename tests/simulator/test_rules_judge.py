"""Whole files, judged."""

import base64
import quopri
from collections.abc import Callable

import pytest

from cpis_simulator.codecs.soap import encode_soap_fault, encode_soap_query
from cpis_simulator.rules.judge import Verdict, judge
from cpis_simulator.vocabulary import MessageKind
from tests.simulator.codec_examples import (
    ACKNOWLEDGEMENT,
    ANSWER,
    EXAMPLES,
    NO_RECORD,
    QUERY,
    UPLOAD,
    UUID,
    Example,
)

EBXML_HEADER = (
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:eb="http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd">'
    b"<soap:Header><eb:MessageHeader/></soap:Header><soap:Body/></soap:Envelope>"
)


def mime(payload: bytes) -> bytes:
    return (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/xml\r\n\r\n"
        + EBXML_HEADER
        + b"\r\n--b\r\nContent-Type: application/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + payload
        + b"\r\n--b--\r\n"
    )


def in_envelope(payload: bytes) -> bytes:
    return encode_soap_query(payload, message_id=UUID.format(1), from_asid="999999000202", to_asid="999999000001")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_right_message_is_valid(example: Example) -> None:
    verdict = judge(example.body)
    assert (verdict.kind, verdict.valid, verdict.findings) == (example.kind, True, ())


def test_finding_has_the_line_of_its_place() -> None:
    body = UPLOAD.body.replace(b"<record>", b"\n<record>").replace(b"<subject>", b"\n<subject>")
    verdict = judge(body.replace(b'extension="9990003025"', b'extension="9990003026"'))
    assert not verdict.valid
    assert [(f.rule, f.line, f.xpath) for f in verdict.findings] == [
        (
            "CPIS-DAT-029",
            5,
            "/File/record[2]/CP-ISRecord/subject/COCT_TP145100GB01.UnbornChild/parentMotherPerson/playedMother/id",
        )
    ]


def test_all_findings_of_a_file_are_reported() -> None:
    body = UPLOAD.body.replace(b'Quantity value="2"', b'Quantity value="9"').replace(b'"20150607"', b'"2015"')
    body = body.replace(b'use="EC"', b'use="WP"').replace(b"202605050000", b"202505050000")
    assert [finding.rule for finding in judge(body).findings] == [
        "CPIS-DAT-014",
        "CPIS-UPL-004",
        "CPIS-DAT-011",
        "CPIS-MSG-013",
    ]


def test_warning_alone_leaves_a_message_valid() -> None:
    verdict = judge(QUERY.body.replace(b"<prefix>Ms</prefix>", b""))
    assert verdict.valid
    assert [finding.severity for finding in verdict.findings] == ["warning"]


@pytest.mark.parametrize("kind", [kind for kind in MessageKind if kind is not MessageKind.UPLOAD])
def test_message_of_another_kind_than_asked_for_is_invalid(kind: MessageKind) -> None:
    verdict = judge(UPLOAD.body, kind)
    assert not verdict.valid
    assert verdict.kind is kind


def test_failure_is_no_answer() -> None:
    assert not judge(NO_RECORD.body, MessageKind.RESPONSE).valid
    assert not judge(ANSWER.body, MessageKind.QUERY_FAILED).valid


def test_unknown_root_is_no_message() -> None:
    verdict = judge(b'<Folder xmlns="urn:hl7-org:v3"/>')
    assert (verdict.kind, [f.rule for f in verdict.findings]) == (MessageKind.UNKNOWN, ["CPIS-MSG-003"])


def test_envelope_is_judged_with_its_content() -> None:
    assert judge(in_envelope(QUERY.body)) == Verdict(MessageKind.SOAP, True, ())
    verdict = judge(in_envelope(QUERY.body.replace(b"9990003017", b"9990003018")))
    assert [finding.rule for finding in verdict.findings] == ["CPIS-DAT-029"]
    assert [f.rule for f in judge(in_envelope(ACKNOWLEDGEMENT.body)).findings] == ["CPIS-MSG-003"]


def test_soap_fault_is_valid() -> None:
    assert judge(encode_soap_fault(206, "Routing delivery failure")) == Verdict(MessageKind.SOAP, True, ())


def test_ebxml_message_is_judged_with_its_payload() -> None:
    assert judge(mime(QUERY.body)) == Verdict(MessageKind.EBXML, True, ())
    verdict = judge(mime(QUERY.body.replace(b"<prefix>", b"<title>").replace(b"</prefix>", b"</title>")))
    assert [finding.rule for finding in verdict.findings] == ["CPIS-MSG-005"]
    assert not judge(mime(b"")).valid
    assert not judge(b"MIME-Version: 1.0\r\n\r\nno parts").valid
    assert judge(EBXML_HEADER) == Verdict(MessageKind.EBXML, True, ())


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [(b"base64", base64.encodebytes), (b"Quoted-Printable", quopri.encodestring), (b"binary", bytes)],
)
def test_transfer_encoding_of_a_payload_is_undone(encoding: bytes, encode: Callable[[bytes], bytes]) -> None:
    body = mime(QUERY.body).replace(b"Encoding: 8bit", b"Encoding: " + encoding).replace(QUERY.body, encode(QUERY.body))
    assert judge(body) == Verdict(MessageKind.EBXML, True, ())


NESTED = b"".join(
    b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (depth, depth + 1) for depth in range(5000)
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" + NESTED, "last boundary"),
        (mime(QUERY.body).replace(b'boundary="b"', b"boundary*=a\x00b''b"), "with its boundary"),
        (mime(QUERY.body).replace(b'boundary="b"', b'boundary=""'), "with its boundary"),
        (mime(QUERY.body).removesuffix(b"--b--\r\n"), "its last boundary"),
        (mime(QUERY.body).replace(b"--b\r\n", b"--b\r\n\r\nx\r\n" * 100 + b"--b\r\n", 1), "at most 100 parts"),
        (mime(QUERY.body).replace(b"Encoding: 8bit", b"Encoding: base64\r\nX: " + b"x" * 70_000), "a blank line after"),
        (mime(b"PD94b").replace(b"Encoding: 8bit", b"Encoding: base64"), "base64 as its header says"),
        (b"MIME-Version: 1.0\r\n" + b"X: y\r\n" * 20_000, "a blank line after"),
    ],
    ids=["nested", "charset", "no boundary", "cut off", "many parts", "long header", "broken base64", "many headers"],
)
def test_broken_mime_is_refused_in_words(body: bytes, words: str) -> None:
    [finding] = judge(body).findings
    assert finding.rule == "CPIS-MSG-001"
    assert words in finding.message


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b'acceptAckCode code="NE"', b'acceptAckCode code="XX"', "CPIS-MSG-011"),
        (
            b'codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196"',
            b'codeSystem="2.16.840.1.113883.2.1.3.2.4.17.124"',
            "CPIS-MSG-010",
        ),
        (b'107" extension="999999000001"', b'107" extension="99999900001"', "CPIS-MSG-007"),
    ],
)
def test_codes_that_no_schema_lists_are_checked(old: bytes, new: bytes, rule: str) -> None:
    assert old in QUERY.body
    verdict = judge(QUERY.body.replace(old, new, 1))
    assert [finding.rule for finding in verdict.findings] == [rule]
    assert all(finding.line for finding in verdict.findings)


def test_a_first_fault_hides_no_other() -> None:
    """Of structure, of values and of rules, in the header and in each record."""
    body = UPLOAD.body.replace(b"20260302083005+0000", b"20260302083005").replace(
        b'Quantity value="2"', b'Quantity value="3"'
    )
    body = body.replace(b"<organisation>", b'<organisation classCode="ORG">').replace(
        b"tel:01632960003", b"tel:01632 960003"
    )
    body = body.replace(b"<COCT_TP145101GB01.Child>", b'<COCT_TP145101GB01.Child classCode="CHILD">')
    body = body.replace(b'<birthTime value="20150607"/>', b"").replace(b'"202506070000"', b'"20250607"')
    body = body.replace(b"<subject><l:", b"<code/><subject><l:", 1).replace(b"202605050000", b"202505050000")
    body = body.replace(b"9990003025", b"9990003026")
    assert [(finding.rule, finding.record) for finding in judge(body).findings] == [
        ("CPIS-MSG-004", None),
        ("CPIS-DAT-015", None),
        ("CPIS-DAT-012", None),
        ("CPIS-UPL-004", None),
        ("CPIS-DAT-011", 1),
        ("CPIS-MSG-004", 1),
        ("CPIS-MSG-004", 1),
        ("CPIS-DAT-013", 1),
        ("CPIS-DAT-029", 2),
        ("CPIS-MSG-013", 2),
    ]


@pytest.mark.parametrize(
    ("old", "new", "mend"),
    [
        (b"202501020304", b"20250102", "Write 202501020000."),
        (b"202501020304", b"20250102030405", "Write 202501020304."),
        (b"20150607", b"2015-06-07", "Write 20150607."),
        (b"tel:01632960003", b"01632 960003", "Write tel:01632960003."),
        (b"20260302083005+0000", b"20260302083005Z", "Write 20260302083005+0000."),
        (b"20260302083005+0000", b"20260302083005", "Add the offset, such as +0000."),
        (b"202501020304", b"soon", ""),
    ],
)
def test_a_value_of_the_wrong_form_is_told_what_was_probably_meant(old: bytes, new: bytes, mend: str) -> None:
    (finding, *_) = judge(UPLOAD.body.replace(old, new)).findings
    assert finding.mend == mend
