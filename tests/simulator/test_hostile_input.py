"""Files that mean harm, judged by the command as a user would: a verdict in words, soon, and in little memory.

Each row of the tables below is made here, written to a file and judged in a process of its own; small rows share one,
and with it its time and memory. Time counts as computed, so that a busy machine is not taken for a slow judge; a judge
that waits is killed. `pytest -s` prints the tables as measured.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cpis_simulator.codecs.soap import encode_soap_query
from cpis_simulator.codecs.upload import decode_upload
from cpis_simulator.vocabulary import HL7
from tests.measured import Measured, measured
from tests.simulator.codec_examples import ACCESS_NOTIFICATION, ACKNOWLEDGEMENT, QUERY, UPLOAD, UUID
from tests.simulator.test_rules_judge import NESTED, mime

pytestmark = pytest.mark.skipif(os.name == "nt", reason="peak memory of a process is read as POSIX tells it")

MOST_SECONDS: Final = 2
MOST_MIB: Final = 128

MILLION: Final = 1_000_000
DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>'
GIVEN: Final = "<given>Zoë Ann</given>".encode()
FILE_ID: Final = b'<id extension="7"/>'
XSI: Final = b"http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True)
class Traps:
    """What must never be fetched: a pipe on which a reader would hang, and a port that counts its callers."""

    file: bytes
    url: bytes


@dataclass(frozen=True)
class Row:
    """A hostile input and what is to be said of it; an empty `rule` means that it is valid."""

    name: str
    make: Callable[[Traps], bytes]
    rule: str = "CPIS-MSG-001"


def changed(old: bytes, new: bytes, body: bytes = UPLOAD.body) -> bytes:
    assert old in body, f"the example has no {old!r}"
    return body.replace(old, new, 1)


def fixed(name: str, body: bytes, rule: str = "CPIS-MSG-001") -> Row:
    return Row(name, lambda _: body, rule)


def upload(name: str, old: bytes, new: bytes, rule: str = "CPIS-MSG-001") -> Row:
    """The example of an upload with one change."""
    return fixed(name, changed(old, new), rule)


def root(inside: bytes, attributes: bytes = b"", name: str = "File") -> bytes:
    return b"<%b xmlns='%b'%b>%b</%b>" % (name.encode(), HL7.encode(), attributes, inside, name.encode())


# Small rows, by subject


def doctype(name: str, inside: str, rule: str = "CPIS-MSG-002") -> Row:
    def make(traps: Traps) -> bytes:
        declared = inside.replace("FILE", traps.file.decode()).replace("URL", traps.url.decode())
        return changed(DECLARATION, DECLARATION + f"<!DOCTYPE File{declared}>".encode())

    return Row(name, make, rule)


LAUGHS: Final = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))

DOCUMENT_TYPES = [
    doctype("document type", ""),
    doctype("ten billion laughs", f" [{LAUGHS}]"),
    doctype("quadratic entities", f' [<!ENTITY a "{"x" * 20_000}"><!ENTITY b "{"&a;" * 10_000}">]'),
    doctype("external entity from a file", ' [<!ENTITY a SYSTEM "FILE">]'),
    doctype("external entity over HTTP", ' [<!ENTITY a SYSTEM "URL">]'),
    doctype("external parameter entity", ' [<!ENTITY % a SYSTEM "FILE"> %a;]'),
    doctype("external subset over HTTP", ' SYSTEM "URL"'),
    doctype("external subset from a file", ' PUBLIC "-//X//Y" "FILE"'),
    upload(
        "document type after comments", b"<File ", b"<!-- a --><?b c?>\n<!-- d --><!DOCTYPE File><File ", "CPIS-MSG-002"
    ),
    fixed("document type after the root", UPLOAD.body + b"<!DOCTYPE File>"),
    upload("entity that nobody declared", GIVEN, b"<given>&lol;</given>"),
]

ENCODINGS = [
    fixed("UTF-8 with a byte-order mark", b"\xef\xbb\xbf" + UPLOAD.body, ""),
    fixed("two byte-order marks", b"\xef\xbb\xbf" * 2 + UPLOAD.body),
    upload("no declaration", DECLARATION, b"", ""),
    upload("declaration without encoding", b' encoding="UTF-8"', b"", ""),
    upload("declared Latin-1", b"UTF-8", b"ISO-8859-1"),
    upload("declared ASCII", b"UTF-8", b"US-ASCII"),
    upload("declared UTF-16", b"UTF-8", b"UTF-16"),
    upload("declared UTF-7", b"UTF-8", b"UTF-7"),
    upload("declared EBCDIC", b"UTF-8", b"IBM037"),
    upload("declared encoding that does not exist", b"UTF-8", b"x" * 1000),
    fixed("declared UTF-8, written in Latin-1", UPLOAD.body.decode().encode("latin-1")),
    fixed("UTF-16 with a mark", UPLOAD.body.decode().encode("utf-16")),
    fixed("UTF-16 without a mark, small end first", UPLOAD.body.decode().encode("utf-16-le")),
    fixed("UTF-16 without a mark, big end first", UPLOAD.body.decode().encode("utf-16-be")),
    fixed("UTF-16, declared so", changed(b"UTF-8", b"UTF-16").decode().encode("utf-16")),
    fixed("UTF-32 with a mark", UPLOAD.body.decode().encode("utf-32")),
    fixed("UTF-32 without a mark", UPLOAD.body.decode().encode("utf-32-be")),
    fixed("UTF-7", b"+ADw-File/+AD4-"),
    fixed("EBCDIC", UPLOAD.body.decode().encode("cp037", "replace")),
    upload("overlong form of <", GIVEN, b"<given>\xc0\xbcx</given>"),
    upload("surrogate", GIVEN, b"<given>\xed\xa0\x80</given>"),
    upload("beyond the last character", GIVEN, b"<given>\xf4\x90\x80\x80</given>"),
]

ZEROES = [
    fixed("nothing", b""),
    fixed("white space", b" \r\n\t" * 100),
    fixed("zeroes", bytes(1000)),
    fixed("zero in front", b"\x00" + UPLOAD.body),
    fixed("zero at the end", UPLOAD.body + b"\x00"),
    fixed("more after a zero at the end", UPLOAD.body + b"\x00<File/>"),
    upload("zero between elements", b"<record>", b"\x00<record>"),
    upload("zero in a name", GIVEN, b"<given>A\x00B</given>"),
    upload("zero in an attribute", FILE_ID, b'<id extension="7\x00"/>'),
    upload("zero by number", GIVEN, b"<given>&#0;</given>"),
    upload("control character", GIVEN, b"<given>\x01</given>"),
    upload("control character by number", GIVEN, b"<given>&#x1;</given>"),
    upload("character that is none", GIVEN, "<given>\ufffe</given>".encode()),
    fixed("two documents", UPLOAD.body * 2),
    fixed("text after the root", UPLOAD.body + b"x"),
]

# XML 1.0, 2.4 to 2.7: comments and instructions are no part of a text, and a CDATA section is text. So the messages'
# specification, which speaks of elements and texts, does not see them; where XML forbids them, the file is no XML.
COMMENTS = [
    upload("comment before the root", b"<File ", b"<!-- <File> -->\n<File ", ""),
    upload("instruction before the root", b"<File ", b'<?xml-stylesheet href="http://127.0.0.1/x"?><File ', ""),
    fixed("comment and instruction after the root", UPLOAD.body + b"\n<!-- x --><?x y?>\n", ""),
    upload("comment in a name", GIVEN, "<given>Zo<!-- x -->ë Ann</given>".encode(), ""),
    upload("instruction in a name", GIVEN, "<given>Zo<?x y?>ë Ann</given>".encode(), ""),
    upload("CDATA in a name", GIVEN, "<given><![CDATA[Zo]]>ë<![CDATA[ Ann]]></given>".encode(), ""),
    upload("comment in an id", FILE_ID, b'<id extension="7"><!-- x --></id>', ""),
    upload("CDATA of white space between elements", b"<record>", b"<![CDATA[ \n]]><record>", ""),
    upload("CDATA with text between elements", b"<record>", b"<![CDATA[x]]><record>", "CPIS-MSG-005"),
    # libxml2 takes an empty section for text, where nothing may stand; so it is with the official schemas.
    upload("empty CDATA in an id", FILE_ID, b'<id extension="7"><![CDATA[]]></id>', "CPIS-MSG-005"),
    upload("CDATA with white space in an id", FILE_ID, b'<id extension="7"><![CDATA[ ]]></id>', "CPIS-MSG-005"),
    upload("comment in an attribute", FILE_ID, b'<id extension="7<!-- x -->"/>'),
    upload("comment in a tag", FILE_ID, b'<id <!-- x --> extension="7"/>'),
    upload("comment with two hyphens", b"<record>", b"<!-- a -- b --><record>"),
    upload("comment without end", b"<record>", b"<!-- <record>"),
    upload("CDATA without end", GIVEN, b"<given><![CDATA[</given>"),
    upload("end of CDATA in a name", GIVEN, b"<given>]]></given>"),
    fixed("CDATA before the root", b"<![CDATA[x]]>" + root(b"")),
    fixed("CDATA after the root", UPLOAD.body + b"<![CDATA[x]]>"),
    fixed("comment before the declaration", b"<!-- x -->" + UPLOAD.body),
    fixed("line before the declaration", b"\n" + UPLOAD.body),
    upload("second declaration", DECLARATION, DECLARATION * 2),
    upload("declaration in the middle", b"<record>", DECLARATION + b"<record>"),
]

# XML 1.0, 2.8: a processor of 1.0 takes a document of any 1.x for one of 1.0.
DECLARATIONS = [
    upload("XML 1.1", b'"1.0"', b'"1.1"', ""),
    fixed("what only XML 1.1 allows", changed(b'"1.0"', b'"1.1"', changed(GIVEN, b"<given>&#1;</given>"))),
    upload("XML 2.0", b'"1.0"', b'"2.0"'),
    upload("no version", b' version="1.0"', b""),
    upload("standalone", b"?>", b' standalone="yes"?>', ""),
    upload("not standalone", b"?>", b' standalone="no"?>', ""),
    upload("standalone perhaps", b"?>", b' standalone="perhaps"?>'),
    upload("standalone before encoding", b' encoding="UTF-8"', b' standalone="yes" encoding="UTF-8"'),
]

NAMESPACES = [
    upload("doubled attribute", FILE_ID, b'<id extension="7" extension="8"/>'),
    upload(
        "attribute doubled by two prefixes",
        b"<record>",
        b'<record xmlns:a="x" xmlns:b="x" a:c="" b:c="">',
    ),
    upload("prefix that nobody declared", b"<record>", b"<record><no:body/>"),
    upload("prefix of an attribute that nobody declared", b"<record>", b'<record no:body="">'),
    upload("empty prefix", b"<record>", b"<record><:a/>"),
    upload("prefix declared as nothing", b"<record>", b'<record xmlns:a="">'),
    upload("xml bound anew", b"<record>", b'<record xmlns:xml="urn:x">'),
    upload("default namespace taken away", b"<record>", b'<record xmlns="">', "CPIS-MSG-003"),
    upload("namespace with other letters", b"urn:hl7-org:v3", b"URN:HL7-ORG:V3", "CPIS-MSG-003"),
    upload("end tag of another", b"</File>", b"</file>"),
    upload("end tag without start", b"<record>", b"</record><record>"),
]


def reference(name: str, old: bytes, new: bytes, rule: str = "") -> Row:
    def make(traps: Traps) -> bytes:
        return changed(old, new.replace(b"FILE", traps.file).replace(b"URL", traps.url))

    return Row(name, make, rule)


REFERENCES = [
    reference("schema from a file", b"<File ", b'<File xmlns:i="%b" i:schemaLocation="%b FILE" ' % (XSI, HL7.encode())),
    reference("schema over HTTP", b"<File ", b'<File xmlns:i="%b" i:schemaLocation="%b URL" ' % (XSI, HL7.encode())),
    reference("schema without namespace", b"<File ", b'<File xmlns:i="%b" i:noNamespaceSchemaLocation="FILE" ' % XSI),
    reference(
        "XInclude of a file",
        b"<record>",
        b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="FILE" parse="text"/><record>',
        "CPIS-MSG-003",
    ),
    reference(
        "XInclude over HTTP in a name",
        GIVEN,
        b'<given><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="URL"/></given>',
        "CPIS-MSG-003",
    ),
    reference("stylesheet", b"<File ", b'<?xml-stylesheet type="text/xsl" href="FILE"?><File '),
    reference("xml:base", b"<File ", b'<File xml:base="URL" ', "CPIS-MSG-005"),
    reference("address as a telephone", b"tel:01632960003", b"URL", "CPIS-DAT-015"),
]


def zipped(body: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("upload.xml", body)
    return whole.getvalue()


OTHER_FORMATS = [
    fixed("gzip", gzip.compress(UPLOAD.body)),
    fixed("zip", zipped(UPLOAD.body)),
    fixed("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"),
    fixed("HTML", b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><p>x</body></html>", "CPIS-MSG-002"),
    fixed("XHTML without document type", b'<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>', "CPIS-MSG-003"),
    fixed("JSON", b'{"File": {"id": {"extension": "7"}}}'),
    fixed("CSV", b"child,plan\n9990003017,CPP\n"),
    fixed("XML in base64", b"PD94bWwgdmVyc2lvbj0iMS4wIj8+PEZpbGUvPg=="),
    fixed("MIME without parts", b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"),
    fixed("MIME within MIME", mime(mime(mime(QUERY.body)))),
]

SMALL = {
    "document types": DOCUMENT_TYPES,
    "encodings": ENCODINGS,
    "zeroes and other characters": ZEROES,
    "comments, instructions, CDATA": COMMENTS,
    "declarations": DECLARATIONS,
    "namespaces": NAMESPACES,
    "references": REFERENCES,
    "other formats": OTHER_FORMATS,
    "cut off": [
        fixed(f"cut off after {end} bytes", UPLOAD.body[:end])
        for end in (*range(0, len(UPLOAD.body), 40), *range(len(UPLOAD.body) - 10, len(UPLOAD.body)))
    ],
}


# Large rows


def numbered(form: bytes, count: int = MILLION) -> bytes:
    return b"".join(form % number for number in range(count))


def lazily(name: str, make: Callable[[], bytes], rule: str = "CPIS-MSG-001") -> Row:
    return Row(name, lambda _: make(), rule)


def envelope(inside: bytes) -> bytes:
    written = encode_soap_query(QUERY.body, message_id=UUID.format(1), from_asid="1", to_asid="2")
    return changed(b"<soap:Body>", b"<soap:Body>" + inside, written)


LARGE = [
    lazily("nesting 200,000 deep", lambda: root(b"<a>" * 200_000 + b"</a>" * 200_000)),
    lazily("nesting 5,000 deep", lambda: root(b"<a>" * 5_000 + b"</a>" * 5_000)),
    lazily("nesting 200,000 deep in a name", lambda: changed(GIVEN, b"<given>" * 200_000 + b"</given>" * 200_000)),
    lazily("nesting never closed", lambda: b"<File>" * 200_000),
    lazily("attribute of 50 MB", lambda: changed(b'"Z98:', b'"Z98:' + b"x" * 50 * MILLION)),
    lazily("text of 50 MB", lambda: changed(GIVEN, b"<given>" + b"x" * 50 * MILLION + b"</given>")),
    lazily("text of 50 MB by numbers", lambda: changed(GIVEN, b"<given>" + b"&#65;" * 10 * MILLION + b"</given>")),
    lazily(
        "text of 50 MB between comments",
        lambda: changed(GIVEN, b"<given>" + (b"x" * 60_000 + b"<!---->") * 833 + b"</given>"),
    ),
    lazily(
        "text of 9 MB between comments",
        lambda: changed(GIVEN, b"<given>" + (b"x" * 60_000 + b"<!---->") * 150 + b"</given>"),
    ),
    lazily("comment of 50 MB", lambda: changed(b"<File ", b"<!--" + b"x" * 50 * MILLION + b"--><File ")),
    lazily("white space of 50 MB", lambda: changed(b"<File ", b"\n" * 50 * MILLION + b"<File ")),
    lazily("CDATA of 50 MB", lambda: changed(GIVEN, b"<given><![CDATA[" + b"x" * 50 * MILLION + b"]]></given>")),
    lazily("name of 50 MB", lambda: b"<" + b"x" * 50 * MILLION + b"/>"),
    lazily("a million siblings", lambda: root(b"<x/>" * MILLION)),
    lazily("a million siblings in a name", lambda: changed(GIVEN, b"<x/>" * MILLION + GIVEN)),
    lazily("a million empty records", lambda: changed(b"</File>", b"<record/>" * MILLION + b"</File>")),
    lazily(
        "a million messages",
        lambda: changed(b"<message>", b"<message/>" * MILLION + b"<message>", ACKNOWLEDGEMENT.body),
    ),
    lazily(
        "a million long siblings",
        lambda: root(b"<siblingOfManyOthers/>" * MILLION, name="CP-ISAccessToServiceNotification"),
    ),
    lazily("a million long siblings in an upload", lambda: changed(GIVEN, b"<siblingOfManyOthers/>" * MILLION + GIVEN)),
    lazily("a million siblings with text", lambda: root(b"<x/>a" * MILLION)),
    lazily("a million attributes", lambda: root(b"", numbered(b' a%d=""'))),
    lazily("a million attributes on many elements", lambda: root(b'<x a="" b="" c="" d=""/>' * (MILLION // 4))),
    lazily("a million namespaces", lambda: root(b"", numbered(b' xmlns:a%d="b"'))),
    lazily("a million nested namespaces", lambda: root(numbered(b'<x xmlns="n%d"/>'))),
    lazily("a namespace of 50 MB", lambda: root(b"", b' xmlns:a="' + b"x" * 50 * MILLION + b'"')),
    lazily("a million comments", lambda: changed(b"<File ", b"<!---->" * MILLION + b"<File ")),
    lazily("a million instructions", lambda: changed(b"<record>", b"<?a?>" * MILLION + b"<record>")),
    lazily("unclosed comments", lambda: b"<!--" * MILLION),
    lazily("50 MB of zeroes", lambda: bytes(50 * MILLION)),
    lazily("50 MB of noise", lambda: os.urandom(MILLION) * 50),
    lazily("50 MB of zipped zeroes", lambda: gzip.compress(bytes(50 * MILLION))),
    lazily("a document type of 50 MB", lambda: b"<!DOCTYPE File [" + b"<!ENTITY a ''>" * (50 * MILLION // 14)),
    # Within bounds, though barely.
    lazily("20,000 siblings in a name", lambda: changed(GIVEN, b"<x/>" * 20_000 + GIVEN), "CPIS-MSG-005"),
    lazily("5,000 empty records", lambda: changed(b"</File>", b"<record/>" * 5_000 + b"</File>"), "CPIS-UPL-004"),
    lazily(
        "as many elements as may be",
        lambda: root(numbered(b"<x%050d/>", 148_000), name="CP-ISAccessToServiceNotification"),
        "CPIS-MSG-005",
    ),
    lazily(
        "as many attributes as may be",
        lambda: root((b"<x" + numbered(b' a%012d=""', 49) + b"/>") * 2_950, name="CP-ISAccessToServiceNotification"),
        "CPIS-MSG-005",
    ),
    lazily(
        "as much text as may be",
        lambda: changed(b"<reference>", (b"<x/>" + b"y" * 60) * 125_000 + b"<reference>", ACCESS_NOTIFICATION.body),
        "CPIS-MSG-005",
    ),
    lazily("an envelope with a million siblings", lambda: envelope(b"<x/>" * MILLION)),
    lazily(
        "MIME nested 5,000 deep",
        lambda: b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" + NESTED,
    ),
    lazily(
        "MIME with a million parts",
        lambda: mime(QUERY.body).replace(b"--b--", b"--b\r\n\r\nx\r\n" * MILLION + b"--b--"),
    ),
    lazily("MIME with a part of 50 MB", lambda: mime(b"x" * 50 * MILLION)),
    lazily("MIME with a million header lines", lambda: b"MIME-Version: 1.0\r\n" + b"X: y\r\n" * MILLION),
]


WIDE_REPLY = lazily(
    "a million long siblings in a reply", lambda: root(b"<siblingOfManyOthers/>" * MILLION, name="FileResponse")
)


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """Lines to print at the end."""
    lines: list[str] = []
    yield lines
    print(
        "\n" + "\n".join([f"{'input':<48} {'verdict':<8} {'first rule':<13} {'s':>5} {'CPU s':>5} {'MiB':>6}", *lines])
    )


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traps]:
    """A trap for each way out; it is an error when one has caught somebody."""
    pipe = tmp_path_factory.mktemp("traps") / "pipe"
    os.mkfifo(pipe)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield Traps(pipe.as_uri().encode(), f"http://127.0.0.1:{server.getsockname()[1]}/x".encode())
        with pytest.raises(BlockingIOError):
            server.accept()


def judged(table: list[str], rows: list[Row], traps: Traps, folder: Path) -> list[dict[str, Any]]:
    """The verdicts of `cpis validate` on some rows, which it must reach within bounds and without a traceback."""
    files = [folder / f"{number}.xml" for number in range(len(rows))]
    for row, file in zip(rows, files, strict=True):
        file.write_bytes(row.make(traps))
    done = command(*map(str, files))
    for file in files:
        file.unlink()
    assert done.code in (0, 1), done.err or f"ended with {done.code} after {done.seconds:.1f} s"
    verdicts: list[dict[str, Any]] = json.loads(done.out)
    for row, verdict in zip(rows, verdicts, strict=True):
        table.append(line(row.name, verdict, done))
    assert_within_bounds(done)
    return verdicts


def line(name: str, verdict: dict[str, Any], done: Measured) -> str:
    rule = verdict["findings"][0]["rule"] if verdict["findings"] else ""
    word = "valid" if verdict["valid"] else "invalid"
    return f"{name:<48} {word:<8} {rule:<13} {done.seconds:5.2f} {done.cpu_seconds:5.2f} {done.peak_mib:6.1f}"


def command(*files: str) -> Measured:
    return measured(sys.executable, "-m", "cpis_cli", "validate", "--format", "json", *files)


def assert_within_bounds(done: Measured) -> None:
    assert done.err == ""
    assert done.cpu_seconds < MOST_SECONDS
    assert done.peak_mib < MOST_MIB


def assert_said(row: Row, verdict: dict[str, Any]) -> None:
    findings = verdict["findings"]
    said = (verdict["valid"], findings[0]["rule"] if findings else "")
    assert said == (not row.rule, row.rule), f"{row.name}: {findings[:2]}"
    for finding in findings[:5]:
        assert len(finding["message"]) < 1000


@pytest.mark.parametrize("subject", SMALL)
def test_small_hostile_files_get_their_verdicts(subject: str, table: list[str], traps: Traps, tmp_path: Path) -> None:
    rows = SMALL[subject]
    for row, verdict in zip(rows, judged(table, rows, traps, tmp_path), strict=True):
        assert_said(row, verdict)


@pytest.mark.parametrize("row", LARGE, ids=lambda row: row.name)
def test_large_hostile_file_gets_its_verdict_soon_and_in_little_memory(
    row: Row, table: list[str], traps: Traps, tmp_path: Path
) -> None:
    [verdict] = judged(table, [row], traps, tmp_path)
    assert_said(row, verdict)


@pytest.mark.xfail(reason="a reply is read whole, in proportion to its size", raises=AssertionError, strict=True)
def test_wide_reply_is_judged_in_little_memory(table: list[str], traps: Traps, tmp_path: Path) -> None:
    judged(table, [WIDE_REPLY], traps, tmp_path)


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="no endless file here")
def test_endless_file_is_read_no_further_than_its_bounds(table: list[str]) -> None:
    done = command("/dev/zero")
    [verdict] = json.loads(done.out)
    table.append(line("an endless file", verdict, done))
    assert verdict["findings"][0]["rule"] == "CPIS-MSG-001"
    assert_within_bounds(done)


@pytest.mark.parametrize("row", [row for row in COMMENTS if not row.rule], ids=lambda row: row.name)
def test_comments_instructions_and_cdata_leave_what_is_read_as_it_was(row: Row, traps: Traps) -> None:
    assert decode_upload(row.make(traps)) == UPLOAD.message


FOLLOWING = """
import sys
from lxml import etree
etree.parse(sys.argv[1], etree.XMLParser(load_dtd=True, resolve_entities=True, no_network=False))
"""


def test_trap_catches_a_parser_that_follows_references(traps: Traps, tmp_path: Path) -> None:
    file = tmp_path / "following.xml"
    [row] = [row for row in DOCUMENT_TYPES if row.name == "external subset from a file"]
    file.write_bytes(row.make(traps))
    done = measured(sys.executable, "-c", FOLLOWING, str(file), deadline_s=1)
    assert done.code < 0, "it should hang on the pipe until it is killed"
