"""Uploads read as a stream: whatever the pieces, and whether or not a record's shape is known, the same comes out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from lxml import etree

from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.codecs.record_shapes import RecordShapes
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.codecs.upload_reader import MAX_RECORD_BYTES, UploadReader, read_record
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import FaultyRecord, PlanRecord
from cpis_simulator.rules.judge import judge, judge_pieces
from tests.simulator.codec_examples import UPLOAD
from tests.simulator.service_examples import NOW

MANY = encode_upload(made_up_upload(60, seed=7, day=NOW.date(), authority=DEFAULT_AUTHORITIES[0], file_id="1"))
RECORD = re.compile(rb"<record>.*?</record>", re.DOTALL)


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read(body: bytes, *, shapes: bool = True, size: int = 1 << 16) -> list[PlanRecord | FaultyRecord] | str:
    """The records of a file, or what it is refused with."""
    reader = UploadReader(shapes=shapes)
    found = []
    try:
        for piece in pieces(body, size):
            found += [r.record for r in reader.feed(piece)]
        found += [r.record for r in reader.close()]
    except DecodeError as error:
        return f"{error.requirement} {error}"
    return found


def learned(source: bytes) -> RecordShapes:
    shapes = RecordShapes()
    element = etree.fromstring(
        b'<File xmlns="urn:hl7-org:v3" xmlns:npfitlc="NPFIT:HL7:Localisation">' + source + b"</File>"
    )[0]
    shapes.learn(source, read_record(element[0]))
    return shapes


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_pieces_of_any_size_give_the_same_records(size: int) -> None:
    body = UPLOAD.body if size == 1 else MANY
    assert read(body, size=size) == read(body, shapes=False)


def test_a_record_of_a_known_shape_is_read_from_its_bytes() -> None:
    first, second = RECORD.findall(MANY)[:2]
    assert learned(first).read(first, 0) is not None
    found = learned(first).read(first.replace(b"<given>", b"<given>Other ", 1), 0)
    assert found is not None
    assert found[0].subjects[0].given.startswith("Other ")
    assert learned(first).read(second[:-1], 0) is None


MUTATIONS = (
    b"", b" ", b"\n", b"\t", b"&amp;", b"&#65;", b"<!-- x -->", b"<![CDATA[x]]>", b"<?x y?>", b"<", b">", b'"', b"'",
    b"0", b"9", b"\xc3\xab", b"\xef\xbf\xbe", b"\xff", b"\x00", b"\x1f", b"</record>", b"<record/>", b"  ", b"+",
    b' nullFlavor="NI"', b' classCode="X"', b"tel:", b"20261340", b"a" * 300,
)  # fmt: skip


def mutated(body: bytes, rng: random.Random) -> bytes:
    """A file with one to three places changed, anywhere."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(body))
        length = rng.choice((0, 0, 1, 1, 2, 8))
        body = body[:at] + rng.choice(MUTATIONS) + body[at + length :]
    return body


@pytest.mark.parametrize("seed", range(8))
def test_known_shapes_never_change_what_is_read(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(25):
        body = mutated(MANY, rng)
        size = rng.choice((50, 3000, 1 << 16))
        assert read(body, size=size) == read(body, shapes=False, size=size), body


@pytest.mark.parametrize("seed", range(4))
def test_known_shapes_never_change_a_verdict(seed: int) -> None:
    """Against the long way: the file taken in one piece, with a comment that keeps every shape from being known."""
    rng = random.Random(1000 + seed)
    for _ in range(10):
        body = mutated(MANY, rng)
        short = judge_pieces(pieces(body, 5000))
        long = judge(body.replace(b"</CP-ISRecord></record>", b"</CP-ISRecord><!----></record>"))
        assert [(f.rule, f.line, f.xpath) for f in short.findings] == [(f.rule, f.line, f.xpath) for f in long.findings]


def test_a_bad_record_never_spoils_its_neighbours() -> None:
    sources = RECORD.findall(MANY)
    body = MANY.replace(sources[30], sources[30].replace(b"<subject>", b'<subject typeCode="SBJ">'))
    found, whole = read(body), read(MANY)
    assert isinstance(found, list)
    assert isinstance(whole, list)
    assert [n for n, (a, b) in enumerate(zip(found, whole, strict=True)) if a != b] == [30]
    assert isinstance(found[30], FaultyRecord)


def test_lines_are_right_where_libxml2_has_stopped_counting() -> None:
    source = RECORD.findall(MANY)[0]
    bad = source.replace(b"<subject>", b'\n<subject typeCode="SBJ">')
    body = MANY.replace(source, source + (b"\n" * 35_000 + b"<!---->") * 2 + bad, 1)
    line = body[: body.index(b"typeCode")].count(b"\n") + 1
    assert line > 70_000
    (finding, *_) = [f for f in judge(body).findings if f.rule == "CPIS-MSG-004"]
    assert (finding.line, finding.record) == (line, 2)


def test_line_of_a_rule_breach_in_a_record_of_known_shape() -> None:
    number = re.findall(rb'4.1" extension="(\d{10})"', MANY)[40]
    wrong = number[:9] + (b"0" if number[9:] != b"0" else b"1")
    body = MANY.replace(number, wrong)
    (finding,) = judge(body).findings
    assert (finding.rule, finding.line) == ("CPIS-DAT-029", body[: body.index(wrong)].count(b"\n") + 1)


def test_an_ill_formed_place_behind_records_of_known_shape_has_its_line() -> None:
    body = MANY.replace(b"</File>", b"<oops</File>")
    (finding,) = judge(body).findings
    assert (finding.rule, finding.line) == ("CPIS-MSG-001", body.count(b"\n"))


def test_what_stands_between_records_is_a_fault_of_the_file() -> None:
    source = RECORD.findall(MANY)[20]
    refused = read(MANY.replace(source, b"<note>x</note>" + source))
    assert isinstance(refused, str)
    assert "CPIS-MSG-005" in refused


def test_what_stands_behind_the_records_is_a_fault_of_the_file() -> None:
    assert "CPIS-MSG-005" in str(read(MANY.replace(b"</File>", b"<note/></File>")))


def test_records_inside_something_else_are_not_the_files() -> None:
    inside = b"<communicationFunctionSnd><record>x</record>"
    assert "CPIS-" in str(read(MANY.replace(b"<communicationFunctionSnd>", inside)))


@pytest.mark.parametrize("filling", [b"<x/>", b"x", b"<x>" * 5])
def test_a_part_without_end_is_refused_before_it_fills_the_memory(filling: bytes) -> None:
    head = MANY[: MANY.index(b"<record>") + 8]
    reader = UploadReader()
    with pytest.raises(DecodeError) as refused:
        list(reader.feed(head))
        for _ in range(100):
            list(reader.feed(filling * (MAX_RECORD_BYTES // 20 // len(filling))))
    assert refused.value.requirement in ("CPIS-MSG-005", "CPIS-MSG-001")


def test_another_prefix_is_read_alike() -> None:
    body = re.sub(rb"<(/?)(?!npfitlc:|\?)", rb"<\1any:", MANY).replace(b" xmlns=", b" xmlns:any=")
    assert read(body) == read(MANY)
