"""Multipart MIME: read as real clients write it, within bounds; written as the standard has it."""

import base64

import pytest

from cpis_simulator.codecs.mime import Part, bare_id, parameters, read_mime_message, read_multipart, write_multipart
from cpis_simulator.errors import DecodeError

TYPE = 'multipart/related; boundary="--=_MIME-Boundary"; type="text/xml"; start="<ebXMLHeader@spine.nhs.uk>"'
ENVELOPE = Part("ebXMLHeader@spine.nhs.uk", "text/xml; charset=UTF-8", b"<e/>")
PAYLOAD = Part("1@spine.nhs.uk", "application/xml; charset=UTF-8", b"<p>\r\n</p>")
BODY = (
    b"----=_MIME-Boundary\r\nContent-Id: <ebXMLHeader@spine.nhs.uk>\r\nContent-Type: text/xml; charset=UTF-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n<e/>\r\n"
    b"----=_MIME-Boundary\r\nContent-Id: <1@spine.nhs.uk>\r\nContent-Type: application/xml; charset=UTF-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n<p>\r\n</p>\r\n"
    b"----=_MIME-Boundary--\r\n"
)


def contents(body: bytes, content_type: str = TYPE) -> list[bytes]:
    return [part.content for part in read_multipart(body, content_type)]


def refused(body: bytes, content_type: str = TYPE) -> str:
    with pytest.raises(DecodeError) as caught:
        read_multipart(body, content_type)
    assert caught.value.requirement == "CPIS-MSG-001"
    return str(caught.value)


def test_a_message_is_written_to_the_byte() -> None:
    assert write_multipart([ENVELOPE, Part("1@spine.nhs.uk", PAYLOAD.content_type, b"<p>\n</p>")]) == (TYPE, BODY)


def test_what_is_written_is_read() -> None:
    content_type, body = write_multipart([ENVELOPE, PAYLOAD])
    assert read_multipart(body, content_type) == [ENVELOPE, PAYLOAD]


def test_a_payload_that_holds_the_delimiter_moves_the_boundary() -> None:
    hostile = Part("1@spine.nhs.uk", "text/xml", b"<p>\r\n----=_MIME-Boundary--\r\n</p>")
    content_type, body = write_multipart([ENVELOPE, hostile])
    assert parameters(content_type)["boundary"] == "--=_MIME-Boundary="
    assert read_multipart(body, content_type) == [ENVELOPE, hostile]


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related; boundary=--=_MIME-Boundary; type=text/xml; start=ebXMLHeader@spine.nhs.uk",
        'Multipart/Related;type="text/xml";start="<ebXMLHeader@spine.nhs.uk>";boundary="--=_MIME-Boundary"',
        'multipart/related; charset=UTF-8; start=<ebXMLHeader@spine.nhs.uk>; BOUNDARY = "--=_MIME-Boundary"',
        'multipart/related; x="; boundary=wrong"; boundary="--=_MIME-Boundary"',
        'multipart/related;\r\n\tboundary="--=_MIME-Boundary"',
        'multipart/related; boundary="--=_MIME-Boundary"; start="<nobody@spine.nhs.uk>"',
    ],
)
def test_parameters_are_taken_however_they_are_written(content_type: str) -> None:
    assert contents(BODY, content_type) == [b"<e/>", b"<p>\r\n</p>"]


def test_the_part_that_start_names_comes_first() -> None:
    parts = read_multipart(BODY, TYPE.replace("ebXMLHeader@", "1@"))
    assert [part.content_id for part in parts] == ["1@spine.nhs.uk", "ebXMLHeader@spine.nhs.uk"]


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"\r\n", b"\n"),
        b"This is a preamble.\r\n" + BODY + b"and this an epilogue\r\n----=_MIME-Boundary\r\n",
        BODY.replace(b"----=_MIME-Boundary\r\n", b"----=_MIME-Boundary \t\r\n"),
        BODY.removesuffix(b"\r\n"),
        BODY.replace(b"Content-Type: text/xml; charset=UTF-8", b"content-type:\r\n  text/xml;\r\n\tcharset=UTF-8"),
        BODY.replace(b"Content-Transfer-Encoding: 8bit\r\n", b""),
        BODY.replace(b"8bit", b"Binary"),
        BODY.replace(b"8bit", b"7BIT"),
    ],
)
def test_line_ends_surroundings_and_fields_may_vary(body: bytes) -> None:
    assert [content.replace(b"\r\n", b"\n") for content in contents(body)] == [b"<e/>", b"<p>\n</p>"]


def test_base64_is_undone() -> None:
    body = BODY.replace(b"<p>\r\n</p>", base64.encodebytes(b"<p>\xc3\xab</p>")).replace(b"8bit", b"base64")
    body = body.replace(b"<e/>", base64.b64encode(b"<e/>"))
    assert contents(body) == [b"<e/>", b"<p>\xc3\xab</p>"]


def test_quoted_printable_is_undone() -> None:
    body = BODY.replace(b"8bit", b"quoted-printable").replace(b"<p>\r\n</p>", b'<p a=3D"=C3=AB">=\r\n</p>')
    assert contents(body) == [b"<e/>", b'<p a="\xc3\xab"></p>']


def test_a_part_without_header_and_an_empty_one_are_parts() -> None:
    assert contents(b"--b\r\n\r\n<e/>\r\n--b\r\n--b--", "multipart/related; boundary=b") == [b"<e/>", b""]


def test_a_longer_boundary_is_another() -> None:
    assert contents(b"--b\r\n\r\n--bc\r\n--b--", "multipart/related; boundary=b") == [b"--bc"]


def test_a_part_that_is_multipart_stays_bytes() -> None:
    inner = b'Content-Type: multipart/mixed; boundary="c"\r\n\r\n--c\r\n\r\nx\r\n--c--'
    (part,) = read_multipart(b"--b\r\n" + inner + b"\r\n--b--", "multipart/related; boundary=b")
    assert part.content == b"--c\r\n\r\nx\r\n--c--"


@pytest.mark.parametrize("content_type", ["multipart/related", "multipart/related; boundary=", 'x; boundary=""', ""])
def test_without_a_boundary_there_are_no_parts(content_type: str) -> None:
    assert refused(BODY, content_type) == ("MIME message without parts: expected multipart/related with its boundary")


@pytest.mark.parametrize("body", [b"", BODY[:200], BODY.removesuffix(b"--\r\n"), BODY.replace(b"----=", b"--x=")])
def test_a_message_without_its_last_boundary_is_cut_off(body: bytes) -> None:
    assert refused(body).startswith("MIME message that is cut off")


def test_a_message_of_nothing_but_its_end_has_no_parts() -> None:
    assert refused(b"----=_MIME-Boundary--").startswith("MIME message without parts")


def test_a_hundred_parts_are_read_and_one_more_is_not() -> None:
    part, end = b"--b\r\n\r\nx\r\n", b"--b--"
    assert len(contents(part * 100 + end, "m/r; boundary=b")) == 100
    assert refused(part * 101 + end, "m/r; boundary=b") == "MIME message: expected at most 100 parts"


def test_a_header_that_does_not_end_is_refused() -> None:
    body = BODY.replace(b"Content-Id: <1@", b"X: y\r\n" * 5000 + b"Content-Id: <1@")
    assert refused(body) == "MIME header: expected a blank line after at most 16384 bytes"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        (b"base64", "Part of a MIME message: expected base64 as its header says"),
        (
            b"gzip",
            "Content-Transfer-Encoding: expected 8bit, 7bit, binary, base64 or quoted-printable, found gzip",
        ),
    ],
)
def test_a_part_that_cannot_be_decoded_is_refused(encoding: bytes, said: str) -> None:
    assert refused(BODY.replace(b"8bit", encoding).replace(b"<e/>", b"YQ=x=a")) == said


def test_a_file_has_its_header_in_front() -> None:
    assert read_mime_message(b"MIME-Version: 1.0\r\nContent-Type: " + TYPE.encode() + b"\r\n\r\n" + BODY) == [
        ENVELOPE,
        PAYLOAD,
    ]


def test_a_content_id_is_compared_without_brackets() -> None:
    assert (bare_id(" <a@b> "), bare_id("a@b")) == ("a@b", "a@b")
