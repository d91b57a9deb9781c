"""A body that is not small goes to the disk as it comes in, and leaves nothing behind unless it is taken."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.transport.http_bodies import BodyFile
from cpis_simulator.transport.http_client import post
from cpis_simulator.transport.http_connection import BODY_SINK
from cpis_simulator.transport.http_reading import SMALL, Refusal, Request, RequestReader
from cpis_simulator.transport.http_server import HttpServer

BODY = bytes(range(256)) * 1024
PIECE = 5000


def feed(reader: RequestReader, data: bytes) -> Request | Refusal | None:
    for first in range(0, len(data), PIECE):
        reader.feed(data[first : first + PIECE])
        if (found := reader.take()) is not None:
            return found
    return None


def known(body: bytes) -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes) -> bytes:
    parts = [body[n : n + 30_000] for n in range(0, len(body), 30_000)]
    chunks = b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts)
    return b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@pytest.mark.parametrize("form", [known, chunked])
def test_a_large_body_is_on_the_disk_and_not_in_the_request(tmp_path: Path, form: Callable[[bytes], bytes]) -> None:
    found = feed(RequestReader(1000, len(BODY), lambda: BodyFile(tmp_path)), form(BODY))
    assert isinstance(found, Request)
    assert found.put is not None
    assert (found.body, found.put.size, found.put.opened().read()) == (b"", 262_144, BODY)


@pytest.mark.parametrize("form", [known, chunked])
def test_a_small_body_makes_no_file(tmp_path: Path, form: Callable[[bytes], bytes]) -> None:
    found = feed(RequestReader(1000, len(BODY), lambda: BodyFile(tmp_path)), form(BODY[:SMALL]))
    assert isinstance(found, Request)
    assert (found.put, found.body, list(tmp_path.iterdir())) == (None, BODY[:SMALL], [])


@pytest.mark.parametrize("form", [known, chunked])
def test_the_next_request_begins_where_a_large_body_ends(tmp_path: Path, form: Callable[[bytes], bytes]) -> None:
    reader = RequestReader(1000, len(BODY), lambda: BodyFile(tmp_path))
    for _ in range(2):
        reader.feed(form(BODY))
    for _ in range(2):
        found = reader.take()
        assert isinstance(found, Request) and found.put is not None
        assert found.put.opened().read() == BODY
    assert reader.take() is None


@pytest.mark.parametrize("form", [known, chunked])
def test_a_body_beyond_the_limit_is_refused(tmp_path: Path, form: Callable[[bytes], bytes]) -> None:
    reader = RequestReader(1000, len(BODY) - 1, lambda: BodyFile(tmp_path))
    found = feed(reader, form(BODY))
    assert isinstance(found, Refusal)
    assert found.status == "413 Content Too Large"
    reader.abandon()
    assert list(tmp_path.iterdir()) == []


def test_half_a_body_is_removed_with_its_connection(tmp_path: Path) -> None:
    reader = RequestReader(1000, len(BODY), lambda: BodyFile(tmp_path))
    assert feed(reader, known(BODY)[:-1]) is None
    assert len(list(tmp_path.iterdir())) == 1
    reader.abandon()
    assert list(tmp_path.iterdir()) == []


def test_an_application_may_keep_the_file(tmp_path: Path) -> None:
    (tmp_path / "coming").mkdir()
    kept = tmp_path / "kept"

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/keep":
            environ[BODY_SINK].take(kept)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["CONTENT_LENGTH"].encode()]

    with HttpServer(app, max_body=len(BODY), bodies=lambda: BodyFile(tmp_path / "coming")) as server:
        answers = [post(f"{server.url}{path}", BODY, headers={}, within=10).body for path in ("/drop", "/keep")]
    assert answers == [b"262144", b"262144"]
    assert kept.read_bytes() == BODY
    assert list((tmp_path / "coming").iterdir()) == []
