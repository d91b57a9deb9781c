"""Documents that mean harm, or are none."""

import time

import pytest

from cpis_simulator.codecs.detect import kind_of
from cpis_simulator.codecs.upload import peek_header
from cpis_simulator.codecs.xml import attribute, parse_document, text
from cpis_simulator.errors import DecodeError
from cpis_simulator.rules.judge import Verdict, judge
from cpis_simulator.vocabulary import MessageKind
from tests.simulator.codec_examples import UPLOAD

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
    assert judge(body) == Verdict(MessageKind.UPLOAD, True, ())


def test_larger_documents_than_allowed_are_refused() -> None:
    with pytest.raises(DecodeError, match="expected at most 3 bytes, found 4"):
        parse_document(b"<a/>", max_bytes=3)


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
