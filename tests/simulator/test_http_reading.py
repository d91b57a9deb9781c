"""Bytes are read as the HTTP requests that they are, or refused as HTTP says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpis_simulator.transport.http_reading import Phase, Refusal, Request, RequestReader

HEAD = b"POST /any HTTP/1.1\r\nHost: spine.example.test\r\n"


def read(data: bytes, *, max_head: int = 1000, max_body: int = 1000) -> Request | Refusal | None:
    reader = RequestReader(max_head, max_body)
    reader.feed(data)
    return reader.take()


def request(data: bytes) -> Request:
    found = read(data)
    assert isinstance(found, Request), found
    return found


def test_a_request_is_method_target_fields_and_body() -> None:
    found = request(b'POST /a%20b/c?d=%20e HTTP/1.1\r\nHost: x\r\nSOAPAction: "a"\r\nContent-Length: 3\r\n\r\nabc')
    assert (found.method, found.target, found.path, found.query) == ("POST", "/a%20b/c?d=%20e", "/a b/c", "d=%20e")
    assert found.fields == {"host": "x", "soapaction": '"a"', "content-length": "3"}
    assert (found.body, found.version, found.keeps_alive) == (b"abc", 1, True)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (HEAD + b"\r\n", b""),
        (HEAD + b"Content-Length: 3, 3\r\n\r\nabc", b"abc"),
        (HEAD + b"Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", b"abc"),
        (HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 3\n\nabc", b"abc"),
        (b"\r\n\r\n" + HEAD + b"\r\n", b""),
        (b"POST http://spine.example.test/any HTTP/1.1\r\nHost: other\r\n\r\n", b""),
        (b"POST /any HTTP/1.0\r\n\r\n", b""),
        (HEAD + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA ;x=y\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\nTrailer: x\n\n", b"a"),
    ],
    ids=[
        "no-body", "lengths-that-agree", "two-lengths-that-agree", "bare-line-feeds", "empty-lines-before",
        "absolute-target", "http-1.0-without-host", "chunks", "chunks-with-bare-line-feeds-and-trailer",
    ],
)  # fmt: skip
def test_what_http_allows_is_taken(data: bytes, body: bytes) -> None:
    found = request(data)
    assert (found.path, found.body) == ("/any", body)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /any HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (b"POST /any HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"),
        (HEAD + b"Content-Type: text/xml\r\nContent-Type: multipart/related\r\n\r\n", "400 Bad Request"),
        (HEAD + b"SOAPAction: a\r\nSOAPAction: b\r\n\r\n", "400 Bad Request"),
        (b"POST /any\r\nHost: a\r\n\r\n", "400 Bad Request"),
        (b"POST any HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        (b"PO ST /any HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request"),
        (b"POST /any HTTP/2.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"),
        (b"POST /any HTTP/1.1\r\n Host: a\r\n\r\n", "400 Bad Request"),
        (HEAD + b"Name : value\r\n\r\n", "400 Bad Request"),
        (HEAD + b"no colon\r\n\r\n", "400 Bad Request"),
        (HEAD + b"Name: a\0b\r\n\r\n", "400 Bad Request"),
        (HEAD + b"Name: a\rb\r\n\r\n", "400 Bad Request"),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400 Bad Request"),
        (HEAD + b"Content-Length: -3\r\n\r\n", "400 Bad Request"),
        (HEAD + b"Content-Length: +3\r\n\r\nabc", "400 Bad Request"),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"),
        (b"POST /any HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "501 Not Implemented"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "400 Bad Request"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", "400 Bad Request"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n", "413 Content Too Large"),
        (HEAD + b"Content-Length: 1001\r\n\r\n", "413 Content Too Large"),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", "413 Content Too Large"),
        (HEAD + b"X: " + b"x" * 1000, "431 Request Header Fields Too Large"),
        (b"GET /" + b"x" * 1000, "414 URI Too Long"),
        (HEAD + b"Expect: the-unexpected\r\n\r\n", "417 Expectation Failed"),
        (b"\n" * 20, "400 Bad Request"),
    ],
)
def test_what_http_forbids_is_refused(data: bytes, status: str) -> None:
    found = read(data)
    assert isinstance(found, Refusal)
    assert found.status == status


@pytest.mark.parametrize(
    ("data", "keeps_alive"),
    [
        (HEAD + b"\r\n", True),
        (HEAD + b"Connection: Close\r\n\r\n", False),
        (HEAD + b"Connection: x, close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_a_connection_is_kept_as_its_client_means_it(data: bytes, keeps_alive: bool) -> None:
    assert request(data).keeps_alive is keeps_alive


def test_a_folded_value_is_one_value() -> None:
    assert request(HEAD + b"Content-Type: multipart/related;\r\n\tboundary=x\r\n\r\n").fields["content-type"] == (
        "multipart/related; boundary=x"
    )


def test_a_header_that_is_said_twice_alike_is_said_once() -> None:
    twice = request(HEAD + b"SOAPAction: a\r\nContent-Type: b\r\nsoapaction: a\r\ncontent-type: b\r\n\r\n")
    assert (twice.fields["soapaction"], twice.fields["content-type"]) == ("a", "b")


def test_pipelined_requests_come_one_by_one() -> None:
    reader = RequestReader(1000, 1000)
    reader.feed(HEAD + b"Content-Length: 1\r\n\r\na" + HEAD + b"Content-Length: 1\r\n\r\nb")
    first, second = reader.take(), reader.take()
    assert isinstance(first, Request) and isinstance(second, Request)
    assert (first.body, second.body, reader.take()) == (b"a", b"b", None)


def test_who_waits_for_100_continue_is_told_once_and_only_while_the_body_is_missing() -> None:
    reader = RequestReader(1000, 1000)
    reader.feed(HEAD + b"Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
    assert reader.take() is None
    assert (reader.must_say_go_on(), reader.must_say_go_on()) == (True, False)
    reader.feed(b"abc" + HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nx")
    assert isinstance(reader.take(), Request)
    assert (reader.take(), reader.must_say_go_on()) == (None, False)


def test_each_phase_is_told() -> None:
    reader = RequestReader(1000, 1000)
    phases = [reader.phase]
    for piece in (HEAD, b"Content-Length: 3\r\n\r\n", b"abc"):
        reader.feed(piece)
        reader.take()
        phases.append(reader.phase)
    assert phases == [Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.IDLE]


WHOLE = (
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    b"POST /any HTTP/1.1\nHost: x\nContent-Length: 4\n\nabcd"
)  # fmt: skip


@given(st.lists(st.integers(1, 12), min_size=1, max_size=200))
def test_however_the_bytes_are_cut_the_requests_are_the_same(cuts: list[int]) -> None:
    reader = RequestReader(1000, 1000)
    bodies, start = [], 0
    for size in (*cuts, len(WHOLE)):
        reader.feed(WHOLE[start : start + size])
        start += size
        while (found := reader.take()) is not None:
            assert isinstance(found, Request)
            bodies.append(found.body)
    assert bodies == [b"abc", b"abcd"]


@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_a_refusal_or_not_whole_yet(data: bytes) -> None:
    for prefix in (b"", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"):
        reader = RequestReader(100, 100)
        reader.feed(prefix + data)
        for _ in range(500):
            if not isinstance(reader.take(), Request):
                return
        raise AssertionError("requests without end")
