"""The lookup endpoint answers whatever comes, and keeps both sides of it as evidence."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from cpis_simulator.apps.endpoint import LookUpEndpoint
from cpis_simulator.care.client import Question, prepare
from cpis_simulator.codecs.soap import QUERY_ACTION
from cpis_simulator.evidence import Record
from cpis_simulator.settings import Settings, TransportSettings
from cpis_simulator.transport.http_connection import TLS_PEER
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.transport.tls import Certificate, TlsPeer
from tests.simulator.lookup_examples import CHILD, NOW, ToldService, answer, ids, looked_up, now
from tests.simulator.spine_examples import Memory, MemoryDesk, request
from tests.simulator.wire import exchange_raw


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str, str, dict[str, str], bytes]] = []

    def append(
        self, channel: str, *, sender: str, receiver: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Record:
        self.records.append((channel, sender, receiver, dict(headers), body or b""))
        return Record(len(self.records), "", 0.0, "a scenario", channel, sender, receiver)


class Served:
    """A service in memory, which notes what it is told of when."""

    def __init__(self, service: ToldService) -> None:
        self.memory = Memory()
        self.asked = service.asked
        self.released: list[int] = []
        self.desks: list[tuple[str, str | None]] = []
        self._service = service

    @contextmanager
    def desk(self, exchange: str, scenario: str | None) -> Iterator[MemoryDesk]:
        self.desks.append((exchange, scenario))
        yield MemoryDesk(self.memory, self._service.answer)

    def release(self, rows: Iterable[int]) -> None:
        self.released += rows


def call(
    endpoint: LookUpEndpoint,
    body: bytes = b"",
    *,
    method: str = "POST",
    path: str = "/any/path",
    content_type: str = "text/xml",
    **environment: object,
) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": content_type,
        "HTTP_SOAPACTION": QUERY_ACTION,
        **environment,
        "wsgi.input": io.BytesIO(body),
    }
    parts = endpoint(environ, lambda status, headers: told.extend((status, headers)))
    return told[0], dict(told[1]), b"".join(parts)


def endpoint(service: ToldService | Served, journal: Kept | None = None, **choices: object) -> LookUpEndpoint:
    settings = Settings(transport=TransportSettings.model_validate(choices))
    served = service if isinstance(service, Served) else Served(service)
    return LookUpEndpoint(served, settings, journal, now=now, ids=ids())


def query() -> bytes:
    question = prepare(looked_up(), now=NOW, ids=ids())
    assert isinstance(question, Question)
    return question.body


@pytest.mark.parametrize("path", ["/sync-service", "/syncservice-cpis/cpis", "/"])
def test_a_query_is_answered_on_any_path(path: str) -> None:
    service = ToldService(answer())
    status, headers, body = call(endpoint(service), query(), path=path)
    assert (status, headers["Content-Type"], headers["Content-Length"]) == ("200 OK", "text/xml", str(len(body)))
    assert [message.query.nhs_number for message in service.asked] == [CHILD]


def test_both_sides_of_an_exchange_are_kept_to_the_byte() -> None:
    journal = Kept()
    _, _, body = call(endpoint(ToldService(answer()), journal), query(), path="/x")
    (request, response) = journal.records
    assert request[:3] == ("lookup", "care", "service")
    assert request[4] == query()
    assert (request[3]["phase"], request[3]["path"]) == ("request", "/x")
    assert response[:3] == ("lookup", "service", "care")
    assert response[4] == body
    assert (response[3]["phase"], response[3]["status"]) == ("response", "200")
    assert response[3]["exchange"] == request[3]["exchange"] == "0B1D5C10-7A2E-4C55-9D01-000000000001"


def test_a_request_is_kept_even_where_the_service_fails_and_the_endpoint_lives_on() -> None:
    journal = Kept()
    broken = endpoint(ToldService(RuntimeError("disk on fire")), journal)
    for _ in range(2):
        status, _, body = call(broken, query())
        assert status == "500 Internal Server Error"
        assert b"<nasp:errorCode>200</nasp:errorCode>" in body
        assert b"disk on fire" not in body
    assert [record[3]["phase"] for record in journal.records] == ["request", "response"] * 2


def test_an_oversize_body_is_refused_unread() -> None:
    journal = Kept()
    status, _, body = call(endpoint(ToldService(answer()), journal, max_body=10), b"x" * 11)
    assert (status, journal.records) == ("413 Request Entity Too Large", [])
    assert b"larger than 10 bytes" in body


def test_a_person_who_looks_is_told_what_this_is() -> None:
    status, headers, body = call(endpoint(ToldService(answer())), method="GET")
    assert (status, headers["Content-Type"]) == ("200 OK", "text/plain")
    assert b"not an NHS service" in body


def test_other_methods_are_told_what_is_answered() -> None:
    status, _, body = call(endpoint(ToldService(answer())), method="PUT")
    assert status == "405 Method Not Allowed"
    assert b"Only POST" in body


def test_too_large_a_body_is_refused_with_the_status_that_is_set() -> None:
    status, _, body = call(endpoint(ToldService(answer()), max_body=10, oversize="500"), b"x" * 11)
    assert status == "500 Internal Server Error"
    assert b"larger than 10 bytes" in body


def test_a_request_that_says_no_length_is_refused() -> None:
    status, _, body = call(endpoint(ToldService(answer())), query(), CONTENT_LENGTH="")
    assert (status, b"Content-Length is missing" in body) == ("411 Length Required", True)


def test_a_chunked_request_is_read_on_the_wire() -> None:
    body = query()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nSOAPAction: {QUERY_ACTION}\r\nContent-Type: text/xml\r\n"
    chunked = f"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{len(body):x}\r\n".encode()
    with HttpServer(endpoint(ToldService(answer())), threads=1) as server:
        answered = exchange_raw(server.port, head.encode() + chunked + body + b"\r\n0\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_reply_may_leave_when_the_acknowledgement_has() -> None:
    served = Served(ToldService(answer()))
    asked = request("reliable")
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(asked.body)),
        "CONTENT_TYPE": asked.content_type,
        "HTTP_SOAPACTION": asked.soap_action,
        "wsgi.input": io.BytesIO(asked.body),
    }
    response: Any = endpoint(served)(environ, lambda status, headers: None)
    sent = b"".join(response)
    assert (b"eb:Acknowledgment" in sent, served.released) == (True, [])
    response.close()
    assert served.released == [1]


def test_a_reply_is_tied_to_the_evidence_of_its_lookup() -> None:
    served, journal = Served(ToldService(answer())), Kept()
    asked = request("express")
    call(endpoint(served, journal), asked.body, content_type=asked.content_type)
    assert served.desks == [(journal.records[0][3]["exchange"], "a scenario")]
    response = journal.records[1][3]
    assert (response["status"], response["outcome"]) == ("202", "found")


def test_facts_of_the_connection_stand_in_the_evidence() -> None:
    journal = Kept()
    peer = TlsPeer("TLSv1.3", "TLS_AES_256_GCM_SHA384", Certificate("CN=care", ("care.example.test",), "AB"))
    call(endpoint(ToldService(answer()), journal), query(), **{TLS_PEER: peer})
    headers = journal.records[0][3]
    assert (headers["tls"], headers["client-names"]) == ("TLSv1.3", "care.example.test")
