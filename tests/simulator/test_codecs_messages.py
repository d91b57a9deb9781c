"""Every message, from bytes and back."""

import random
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
from lxml import etree

from cpis_simulator.codecs.detect import kind_of
from cpis_simulator.codecs.query import decode_query, encode_query
from cpis_simulator.codecs.reply import decode_reply, encode_reply
from cpis_simulator.codecs.upload import decode_upload, encode_upload, peek_header
from cpis_simulator.codecs.xml import parse_document
from cpis_simulator.errors import DecodeError, Fault
from cpis_simulator.model import Coded, FaultyRecord, LocalId, PlanRecord, ProtectionPlan, Subject, SubjectKind
from cpis_simulator.nhs_number import check_digit
from cpis_simulator.rules.judge import Judging, judge
from cpis_simulator.settings import FlagPlace
from cpis_simulator.vocabulary import PlanType
from tests.official import schema_errors
from tests.simulator.codec_examples import CHILD, DEVICE_QUERY, EXAMPLES, NO_RECORD, QUERY, UPLOAD, Example

each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def canonical(body: bytes) -> bytes:
    """Without prefixes, declarations and white space between elements."""
    root = parse_document(body)
    for element in root.iter():
        if len(element) and not (element.text or "").strip():
            element.text = None
        if not (element.tail or "").strip():
            element.tail = None
    text = etree.tostring(root, method="c14n", exclusive=True)
    return text.replace(b"npfitlc:", b"l:").replace(b":npfitlc=", b":l=")


@each
def test_bytes_are_read_as_the_message(example: Example) -> None:
    assert example.decode(example.body) == example.message


@each
def test_message_is_written_as_the_bytes(example: Example) -> None:
    assert canonical(example.encode(example.message)) == canonical(example.body)


@each
def test_written_message_is_valid_against_the_official_schema(example: Example) -> None:
    if example.patch_d:
        pytest.skip("the published schemas are older than the silent-read flag")
    assert schema_errors(example.kind, example.encode(example.message)) == []


@each
def test_kind_is_told_from_the_bytes(example: Example) -> None:
    assert kind_of(example.encode(example.message)) is example.kind


@each
def test_comments_instructions_and_white_space_mean_nothing(example: Example) -> None:
    body = example.body.replace(b"><", b"> <!-- <!DOCTYPE --><?x y?>\n<")
    assert example.decode(b"\xef\xbb\xbf" + body) == example.message


@each
def test_prefixes_are_free(example: Example) -> None:
    root = parse_document(example.body)
    wanted = etree.Element(root.tag, nsmap={"p": "urn:hl7-org:v3", "q": "NPFIT:HL7:Localisation"})
    wanted.extend(list(root))
    etree.cleanup_namespaces(wanted, keep_ns_prefixes=["p", "q"])
    body = etree.tostring(wanted)
    assert body.startswith(b"<p:")
    assert example.decode(body) == example.message


def synthetic(rng: random.Random) -> str:
    while True:
        nine = f"999{rng.randrange(10**6):06}"
        if (digit := check_digit(nine)) is not None:
            return f"{nine}{digit}"


def record(rng: random.Random) -> PlanRecord:
    def minute() -> datetime:
        return datetime(1990, 1, 1) + timedelta(minutes=rng.randrange(50_000_000))

    def subject(kind: SubjectKind) -> Subject:
        names = ["Zoë", "Siân Mary", "O'Trial", "A & B <C>", '"Q"', "naïve\u0301", "李"]
        local = LocalId(rng.choice(["1", "<&>\"'", "a b"]), rng.choice([None, "Z98:X & Y"]))
        return Subject(
            kind,
            synthetic(rng),
            date(1930, 1, 1) + timedelta(days=rng.randrange(35_000)),
            rng.choice(names),
            rng.choice(names),
            rng.choice([None, local]),
        )

    plans = [
        ProtectionPlan(
            kind,
            minute(),
            minute() if kind is PlanType.UNBORN else rng.choice([None, minute()]),
            rng.choice([None, minute()]),
        )
        for kind in rng.sample(list(PlanType), rng.randint(1, 3))
    ]
    return PlanRecord(tuple(plans), tuple(subject(k) for k in rng.sample(list(SubjectKind), rng.randint(1, 2))))


def test_built_uploads_survive_the_round_trip() -> None:
    rng = random.Random(20260302)
    zone = timezone(timedelta(hours=1))
    for size in (1, 2, 40):
        upload = replace(
            UPLOAD.message,
            creation_time=datetime(2026, 7, 1, 23, 59, 59, tzinfo=zone),
            records=tuple(record(rng) for _ in range(size)),
            quantity=size,
        )
        body = encode_upload(upload)
        assert b'"20260701235959+0100"' in body
        assert decode_upload(body) == upload


def test_a_bad_record_leaves_its_neighbours_alone() -> None:
    body = UPLOAD.body.replace(b'"20150607"', b'"2015-06-07"')
    upload = decode_upload(body)
    assert upload.records[0] == FaultyRecord(
        (
            Fault(
                requirement="CPIS-DAT-011",
                what="Birth date",
                line=1,
                xpath="/File/record[1]/CP-ISRecord/subject/COCT_TP145101GB01.Child/childPerson/birthTime",
                expected="YYYYMMDD",
                found="2015-06-07",
                mend="Write 20150607.",
            ),
        ),
        nhs_number="9990003017",
    )
    assert upload.records[1] == UPLOAD.message.records[1]


def test_a_faulty_record_cannot_be_written() -> None:
    faulty = FaultyRecord((Fault("CPIS-DAT-007", "no start"),))
    with pytest.raises(ValueError, match="faulty record cannot be written: no start"):
        encode_upload(replace(UPLOAD.message, records=(faulty,)))


def test_content_id_of_another_block_is_a_fault_unless_switched_off() -> None:
    body = UPLOAD.body.replace(b"COCT_TP146101GB01#CPPInformation", b"COCT_TP146100GB01#LACInformation")
    fault = decode_upload(body).records[0]
    assert isinstance(fault, FaultyRecord)
    assert fault.requirement == "CPIS-MSG-006"
    assert decode_upload(body, content_id=False) == UPLOAD.message


@pytest.mark.parametrize(
    ("flag", "unscheduled"),
    [
        (b'<accessEventType value="true"/>', True),
        (b"<accessEventType>false</accessEventType>", False),
        (b'<accessEventType xmlns="urn:other"><value value="FALSE"/></accessEventType>', False),
    ],
)
@pytest.mark.parametrize("place", [b"<queryByParameter>", b"<effectiveTime", b"<person.NHSnumber>"])
def test_silent_read_flag_is_found_wherever_it_stands(place: bytes, flag: bytes, unscheduled: bool) -> None:
    at = QUERY.body.index(place) + (len(place) if place == b"<queryByParameter>" else 0)
    body = QUERY.body[:at] + flag + QUERY.body[at:]
    query = decode_query(parse_document(body)).query
    assert query == replace(QUERY.message.query, unscheduled=unscheduled)


@pytest.mark.parametrize(
    ("place", "taken"),
    [("anywhere", (True, True)), ("first-child", (True, False)), ("refused", (False, False))],
)
def test_where_a_flag_is_taken_is_a_setting(place: FlagPlace, taken: tuple[bool, bool]) -> None:
    """As we write it, and in another place."""
    ours = QUERY.body.replace(
        b"<queryByParameter>", b'<queryByParameter><accessEventType><value value="false"/></accessEventType>'
    )
    elsewhere = QUERY.body.replace(b"<effectiveTime", b'<accessEventType value="false"/><effectiveTime', 1)
    for body, is_taken in zip((ours, elsewhere), taken, strict=True):
        if is_taken:
            assert decode_query(body, flag=place).query.is_silent()
        else:
            with pytest.raises(DecodeError):
                decode_query(body, flag=place)
        assert judge(body, how=Judging(flag=place)).valid is is_taken


def test_reading_a_silent_query_twice_gives_the_same() -> None:
    root = parse_document(QUERY.body.replace(b"<queryByParameter>", b'<queryByParameter><accessEventType value="0"/>'))
    assert decode_query(root).query.unscheduled is False
    assert decode_query(root).query.unscheduled is False


def test_years_before_1000_keep_their_four_digits() -> None:
    body = UPLOAD.body.replace(b'"20150607"', b'"09150607"').replace(b'"20260302083005+0000"', b'"00260302083005+0000"')
    upload = decode_upload(body)
    assert b'<birthTime value="09150607"/>' in encode_upload(upload)
    assert b'<creationTime value="00260302083005+0000"/>' in encode_upload(upload)


def test_code_without_its_system_is_written_without_it() -> None:
    reply = replace(NO_RECORD.message, issue=Coded("CPIS-0001", "No Records Found"))
    assert b'<code code="CPIS-0001" displayName="No Records Found">' in encode_reply(reply)
    assert decode_reply(encode_reply(reply)) == reply


def test_role_of_a_responsible_person_may_have_its_original_text() -> None:
    body = DEVICE_QUERY.body.replace(
        b'displayName="Lead"/>', b'displayName="Lead"> <originalText>Lead</originalText></code>'
    )
    assert body != DEVICE_QUERY.body
    assert decode_query(body) == DEVICE_QUERY.message


def test_unscheduled_flag_is_written_only_when_set() -> None:
    assert b"accessEventType" not in encode_query(QUERY.message)
    flagged = replace(QUERY.message, query=replace(QUERY.message.query, unscheduled=True))
    assert b'<accessEventType><value value="true"/></accessEventType>' in encode_query(flagged)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((b"</File>", b""), ("7", 2)),
        ((b'"20150607"', b'"\xff"'), ("7", 2)),
        ((b"urn:hl7-org:v3", b"urn:hl7-org:v2"), ("7", 2)),
        ((b'<id extension="7"/>', b""), ("-1", -1)),
        ((b'<id extension="7"/>', b'<id extension=""/>'), ("-1", -1)),
        ((b'Quantity value="2"', b'Quantity value="two"'), ("-1", -1)),
        ((b'Quantity value="2"', b'Quantity value="-2"'), ("-1", -1)),
        ((b"File", b"FileResponse"), ("-1", -1)),
        ((b"<File", b"<!DOCTYPE File><File"), ("-1", -1)),
    ],
)
def test_header_is_peeked_at_as_far_as_it_can_be_read(change: tuple[bytes, bytes], expected: tuple[str, int]) -> None:
    assert peek_header(UPLOAD.body.replace(*change)) == expected


@pytest.mark.parametrize("body", [b"", b"no xml", b"\xff\xfe<\x00", b"<File/>", b"\x00" * 10])
def test_nothing_is_peeked_from_rubbish(body: bytes) -> None:
    assert peek_header(body) == ("-1", -1)


def test_number_of_the_local_record_is_kept_for_the_work_list_only_in_short_form() -> None:
    body = UPLOAD.body.replace(CHILD.nhs_number.encode(), b"9" * 500).replace(b'"20150607"', b'""')
    fault = decode_upload(body).records[0]
    assert isinstance(fault, FaultyRecord)
    assert fault.nhs_number is not None
    assert len(fault.nhs_number) < 50
