"""What the fuzzer calls found, with readers and servers that are broken on purpose."""

import random
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench import fuzz
from bench.fuzz import Case, Found, Readers, case_of, grown, questions, read, reply_of, send
from cpis_simulator.errors import DecodeError
from cpis_simulator.spine.intake import AskedByEbxml
from cpis_simulator.transport.http_server import HttpServer
from tests.simulator.lookup_examples import CHILD

QUESTIONS = questions(CHILD)
CORPUS = [
    Case(q.content_type, "urn:nhs:names:services:cpisquery/QUPC_IN000006GB01", q.body) for q in QUESTIONS.values()
]


def test_a_case_comes_back_by_its_seed_and_number() -> None:
    cases = [case_of(7, number, CORPUS)[0] for number in range(200)]
    assert cases == [case_of(7, number, CORPUS)[0] for number in range(200)]
    assert cases != [case_of(8, number, CORPUS)[0] for number in range(200)]
    assert sum(case.body not in [seed.body for seed in CORPUS] for case in cases) > 100


def test_every_reader_takes_or_refuses_what_is_spoiled(tmp_path: Path) -> None:
    found = Found(tmp_path)
    for number in range(60):
        case, rng = case_of(1, number, CORPUS)
        read(Readers(QUESTIONS), case, rng, found, str(number))
    assert not found.counts


def test_a_good_message_is_taken_by_the_reader_of_requests() -> None:
    taken = Readers(QUESTIONS).table["ebXML"](CORPUS[2], random.Random(1))
    assert taken is not None
    request = Readers(QUESTIONS)._request(CORPUS[2])
    assert not isinstance(request, AskedByEbxml)  # Read on, down to the query.


def test_an_error_of_another_kind_than_our_own_is_found_and_kept(tmp_path: Path) -> None:
    readers, found = Readers(QUESTIONS), Found(tmp_path)

    def fails(_: Case, rng: random.Random) -> object:
        raise KeyError("boundary")

    def refuses(_: Case, rng: random.Random) -> object:
        raise DecodeError("Message")

    readers.table = {"MIME": fails, "SOAP": refuses}
    assert read(readers, CORPUS[0], random.Random(1), found, "1:1")["SOAP: refused"] == 1
    assert list(found.counts) == ["MIME: KeyError: 'boundary'"]
    assert "fails" in (tmp_path / "MIME-KeyError-boundary-.txt").read_text()
    assert (tmp_path / "MIME-KeyError-boundary-.case").read_bytes().endswith(CORPUS[0].body)


def test_what_takes_too_long_twice_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "SLOW_S", 0.01)
    readers, found, calls = Readers(QUESTIONS), Found(tmp_path), []

    def lags(_: Case, rng: random.Random) -> object:
        calls.append(threading.Event().wait(0.02))
        return None

    readers.table = {"MIME": lags}
    read(readers, CORPUS[0], random.Random(1), found, "1:1")
    assert (list(found.counts), len(calls)) == (["MIME: slow"], 2)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<fault>The simulator failed while it answered</fault>", "service: failed"),
        (b"<fault>201</fault>", None),
    ],
)
def test_an_answer_that_tells_of_a_fault_of_ours_is_found(tmp_path: Path, answer: bytes, kind: str | None) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("500 Internal Server Error", [("Content-Length", str(len(answer)))])
        return [answer]

    found = Found(tmp_path)
    with HttpServer(app, threads=1) as server:
        raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        assert send(server.port, "service", raw, found, "1:1") == "500"
    assert list(found.counts) == ([kind] if kind else [])


def test_memory_that_rises_to_the_end_is_growth_and_caches_that_fill_are_not() -> None:
    assert grown([*range(100, 200)]) == 50
    assert grown([50.0, *[100.0] * 40]) == 0


def test_a_reply_is_made_of_a_synchronous_answer() -> None:
    header = fuzz.decode_ebxml(CORPUS[2].body, CORPUS[2].content_type).header
    answer = b"<x><REPC_IN000007GB01>a</REPC_IN000007GB01></x>"
    reply = reply_of(header, answer)
    message = fuzz.decode_ebxml(reply.body, reply.content_type)
    assert message.header.ref_to_message_id == header.message_id
    assert message.payload == b"<REPC_IN000007GB01>a</REPC_IN000007GB01>"
