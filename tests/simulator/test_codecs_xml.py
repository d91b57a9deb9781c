"""Documents that mean harm, or are none."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

import pytest

from cpis_simulator.codecs.acknowledgement import decode_acknowledgement, encode_acknowledgement
from cpis_simulator.codecs.bounds import FILE_BOUNDS, Bounds, gathered
from cpis_simulator.codecs.detect import kind_of
from cpis_simulator.codecs.upload import decode_upload, encode_upload, peek_header
from cpis_simulator.codecs.xml import attribute, parse_document, text
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import Echo, FaultyRecord, PlanRecord, ProtectionPlan, Subject, SubjectKind
from cpis_simulator.rules.judge import Verdict, judge
from cpis_simulator.vocabulary import MessageKind, PlanType
from tests.simulator.codec_examples import ACKNOWLEDGEMENT, UPLOAD

HOSTILE = {
    "nesting 200,000 deep": b"<a>" * 200_000 + b"</a>" * 200_000,
    "nesting never closed": b"<File>" * 200_000,
    "an attribute of 50 MB": b'<a b="' + b"x" * 50_000_000 + b'"/>',
    "a text of 50 MB": b"<a>" + b"x" * 50_000_000 + b"</a>",
    "entity expansion": b'<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;&x;">]><File>&z;</File>',
    "external entity": b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    "doctype after a comment": b"<!-- a --><?b c?>\n<!DOCTYPE File><File/>",
    "undefined entity": b"<File>&nothing;</File>",
    "UTF-16": "<File/>".encode("utf-16"),
    "UTF-16 without mark": "<File/>".encode("utf-16-le"),
    "another declared encoding": b'<?xml version="1.0" encoding="windows-1252"?><File/>',
    "bytes that are not UTF-8": b"<File>\xff</File>",
    "surrogates in UTF-8": b"<File>\xed\xa0\x80</File>",
    "control characters": b"<File>\x01</File>",
    "nothing": b"",
    "white space": b" \n",
    "mere zeroes": b"\x00" * 1000,
    "cut off": b"<File><id",
    "two roots": b"<File/><File/>",
    "unclosed comments": b"<!--" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_document_is_refused_at_once(name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(DecodeError) as raised:
        parse_document(HOSTILE[name])
    assert time.perf_counter() - started < 2
    assert raised.value.requirement in ("CPIS-MSG-001", "CPIS-MSG-002")
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_document_is_judged_invalid_as_any_kind(name: str) -> None:
    started = time.perf_counter()
    assert not judge(HOSTILE[name], MessageKind.UPLOAD).valid
    assert not judge(HOSTILE[name]).valid
    peek_header(HOSTILE[name])
    assert time.perf_counter() - started < 4


@pytest.mark.parametrize("name", ["entity expansion", "external entity", "doctype after a comment"])
def test_document_type_is_refused_unread(name: str) -> None:
    with pytest.raises(DecodeError, match="Document type declaration") as raised:
        parse_document(HOSTILE[name])
    assert raised.value.requirement == "CPIS-MSG-002"


def test_words_of_a_document_type_in_a_comment_are_harmless() -> None:
    assert parse_document(b"<!-- <!DOCTYPE x> --><a><![CDATA[<!DOCTYPE y>]]></a>").text == "<!DOCTYPE y>"


def test_comments_and_instructions_of_any_number_stand_before_the_root() -> None:
    body = UPLOAD.body.replace(b"<File", b"<!-- made up -->\n<?x y?>" * 4000 + b"<File")
    assert judge(body) == Verdict(MessageKind.UPLOAD, True, (), records=2)


SMALL = Bounds(max_bytes=100, max_nodes=5, max_run=20)


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        (b"<a>" + b"\n<b/>" * 20, 0, "at most 100 bytes"),
        (b"<a>\n<b/>\n<b/>\n<b/>\n<b/></a>", 1, "at most 5 up to here"),
        (b'<a>\n<b c="" d=""/><e/></a>\n', 1, "at most 5 up to here"),
        (b"<a>\n\n<b>123456789012345678</b></a>", 3, "at most 20 bytes from one tag to the next"),
        (b'<a>\n<b c="123456789012"/></a>', 2, "at most 20 bytes from one tag to the next"),
        (b"                     <a/>", 1, "at most 20 bytes from one tag to the next"),
    ],
    ids=["bytes", "tags", "attributes", "text", "tag", "white space"],
)
def test_document_out_of_bounds_is_refused_in_words(body: bytes, line: int, words: str) -> None:
    with pytest.raises(DecodeError, match=words) as raised:
        parse_document(body, bounds=SMALL)
    assert (raised.value.requirement, raised.value.line) == ("CPIS-MSG-001", line)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_bounds_hold_over_the_pieces_of_a_document(size: int) -> None:
    def pieces(body: bytes) -> list[bytes]:
        return [body[start : start + size] for start in range(0, len(body), size)]

    assert gathered(pieces(b"<a><b>12345678901234567</b></a>"), SMALL) == b"<a><b>12345678901234567</b></a>"
    with pytest.raises(DecodeError, match="from one tag to the next"):
        gathered(pieces(b"<a><b>123456789012345678</b></a>"), SMALL)
    with pytest.raises(DecodeError, match="up to here"):
        gathered(pieces(b"<a><b/><b/><b/><b/></a>"), SMALL)


def test_a_document_out_of_bounds_is_read_no_further() -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield b"x" * 1000

    with pytest.raises(DecodeError, match="from one tag to the next"):
        gathered(endless(), FILE_BOUNDS)
    assert len(taken) < 100


def test_densest_messages_are_within_bounds() -> None:
    day = datetime(2026, 1, 1)
    plan = ProtectionPlan(PlanType.LOOKED_AFTER, day, day, day)
    child = Subject(SubjectKind.CHILD, "9990003017", date(2015, 6, 7), "A", "B")
    records = (PlanRecord((plan,), (child,)), PlanRecord((plan,) * 3, (child,)))
    echoes = tuple(Echo(True, (), record.subjects) for record in records)
    for body, decode in (
        (encode_upload(replace(UPLOAD.message, records=records * 500)), decode_upload),
        (encode_acknowledgement(replace(ACKNOWLEDGEMENT.message, echoes=echoes * 2000)), decode_acknowledgement),
    ):
        body = body.replace(b"\n", b"").replace(b"npfitlc:", b"l:").replace(b":npfitlc=", b":l=")
        assert (body.count(b"<") + body.count(b"=")) * 16 < len(body), "a node takes less than the bounds were made for"
        assert decode(body)


@pytest.mark.parametrize("edge", [65_535, 65_536, 65_537])
def test_characters_of_several_bytes_may_lie_across_pieces(edge: int) -> None:
    tag = b"<a>" * 1 + b"x" * (edge - 70) + b"</a>"
    body = b"<r>" + tag + "\N{GRINNING FACE}".encode() * 100 + b"</r>"
    assert parse_document(body).findtext("a") == "x" * (edge - 70)
    with pytest.raises(DecodeError, match=f"found 0x9f at byte {body.index(bytes([0xF0])) + 1}"):
        parse_document(body.replace(b"\xf0", b"", 1))


def test_a_record_of_countless_elements_is_faulty_at_once() -> None:
    body = UPLOAD.body.replace(b"<childPerson>", b"<childPersonWhoIsNobody/>" * 100_000 + b"<childPerson>")
    started = time.perf_counter()
    record, neighbour = decode_upload(body).records
    assert time.perf_counter() - started < 2
    assert isinstance(record, FaultyRecord)
    assert (
        record.reason
        == "Element that the schema does not know: expected childPerson, found childPersonWhoIsNobody. Leave it out."
    )
    assert neighbour == UPLOAD.message.records[1]


def test_written_text_cannot_break_out() -> None:
    assert text('a<b>&"\r') == 'a&lt;b&gt;&amp;"&#13;'
    assert attribute('a<b>&"\n') == "a&lt;b&gt;&amp;&quot;&#10;"
    with pytest.raises(ValueError, match=r"U\+0000 cannot be written in XML"):
        text("a\x00")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<File/>", MessageKind.UPLOAD),
        (b'\xef\xbb\xbf<?xml version="1.0"?><!-- c --><p:FileResponse xmlns:p="x"/>', MessageKind.ACKNOWLEDGEMENT),
        (b'<!DOCTYPE File [<!ENTITY a ">">]>\n<File/>', MessageKind.UPLOAD),
        (b"<Folder/>", MessageKind.UNKNOWN),
        (b"", MessageKind.UNKNOWN),
        (b"MIME-Version: 1.0\r\n\r\n", MessageKind.EBXML),
        (b"--b\r\nContent-Type: text/xml\r\n\r\n", MessageKind.EBXML),
    ],
)
def test_kind_is_told_without_parsing(body: bytes, kind: MessageKind) -> None:
    assert kind_of(body) is kind
