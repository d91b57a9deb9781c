"""The lookup endpoint answers whatever comes, and keeps both sides of it as evidence."""

import io
from collections.abc import Mapping
from typing import Any

import pytest

from cpis_simulator.apps.endpoint import LookUpEndpoint
from cpis_simulator.care.client import Question, prepare
from cpis_simulator.codecs.soap import QUERY_ACTION
from cpis_simulator.settings import Settings, TransportSettings
from tests.simulator.lookup_examples import CHILD, NOW, ToldService, answer, ids, looked_up, now


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str, str, dict[str, str], bytes]] = []

    def append(
        self, channel: str, *, sender: str, receiver: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> None:
        self.records.append((channel, sender, receiver, dict(headers), body or b""))


def call(
    endpoint: LookUpEndpoint, body: bytes = b"", *, method: str = "POST", path: str = "/any/path"
) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "text/xml",
        "HTTP_SOAPACTION": QUERY_ACTION,
        "wsgi.input": io.BytesIO(body),
    }
    parts = endpoint(environ, lambda status, headers: told.extend((status, headers)))
    return told[0], dict(told[1]), b"".join(parts)


def endpoint(service: ToldService, journal: Kept | None = None, *, max_body: int = 2_000_000) -> LookUpEndpoint:
    settings = Settings(transport=TransportSettings(max_body=max_body))
    return LookUpEndpoint(service, settings, journal, now=now, ids=ids())


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
