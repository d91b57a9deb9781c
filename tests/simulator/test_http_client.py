"""A call of an operation keeps what went wrong apart."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from cpis_simulator.apps.operations import OperationRefused, operations_app
from cpis_simulator.driving import ChildReference, Explain, Export, Health, Held, Nothing, SetPds
from cpis_simulator.errors import ConfigError
from cpis_simulator.transport.http_client import CallStatus, DriverClient, TimedOut, Unreachable, post
from cpis_simulator.transport.http_server import HttpServer


class Service:
    """Offers a few operations of the service's control API."""

    def set_pds(self, request: SetPds) -> Nothing:
        raise OperationRefused(f"The demographic service stays as it is, not {request.available}.")

    def explain(self, request: Explain) -> Held:
        return Held(nhs_number=request.nhs_number)

    def health(self, _: Nothing) -> Health:
        raise RuntimeError("disk on fire")


@pytest.fixture
def client() -> Iterable[DriverClient]:
    with HttpServer(operations_app("service", Service(), token="secret")) as server:
        yield DriverClient(server.url, token="secret")


def test_an_answer_comes_with_its_body(client: DriverClient) -> None:
    reply = client.call("explain", Explain(nhs_number="9990001014"), within=5)
    assert (reply.status, reply.code, reply.reason) == (CallStatus.ANSWERED, 200, "")
    assert {key: reply.body[key] for key in ("nhs_number", "person", "records", "accesses")} == {
        "nhs_number": "9990001014", "person": None, "records": [], "accesses": [],
    }  # fmt: skip


def test_a_refusal_comes_with_its_reason(client: DriverClient) -> None:
    reply = client.call("set-pds", SetPds(available=True), within=5)
    assert (reply.status, reply.code) == (CallStatus.REFUSED, 409)
    assert reply.reason == "The demographic service stays as it is, not True."


def test_an_operation_that_is_not_offered_is_told_apart_from_one_that_is_unknown(
    client: DriverClient,
) -> None:
    assert client.call("reset", Nothing(), within=5).status is CallStatus.NOT_OFFERED
    unknown = client.call("explian", Nothing(), within=5)
    assert unknown.status is CallStatus.NOT_UNDERSTOOD
    assert unknown.reason == "The service has no operation 'explian'. Did you mean explain?"


def test_a_request_of_the_wrong_shape_is_told_by_field(client: DriverClient) -> None:
    reply = client.call("explain", ChildReference(child_id="7"), within=5)
    assert (reply.status, reply.code) == (CallStatus.NOT_UNDERSTOOD, 422)
    assert reply.reason == "explain: nhs_number is missing"


def test_a_fault_of_the_handler_is_a_failure_that_names_its_kind_and_no_more(client: DriverClient) -> None:
    reply = client.call("health", Nothing(), within=5)
    assert (reply.status, reply.code) == (CallStatus.FAILED, 500)
    assert reply.reason == "The operation failed: RuntimeError"


def test_without_the_token_nothing_is_done(client: DriverClient) -> None:
    reply = DriverClient(client.url).call("explain", Explain(nhs_number="9990001014"), within=5)
    assert (reply.status, reply.code) == (CallStatus.NOT_UNDERSTOOD, 401)
    wrong = DriverClient(client.url, token="sécret").call("explain", Explain(nhs_number="9990001014"), within=5)
    assert wrong.code == 401


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reply = DriverClient(f"http://127.0.0.1:{port}").call("version", Nothing(), within=2)
    assert reply.status is CallStatus.UNREACHABLE
    assert "Connection refused" in reply.reason


def test_a_silent_server_is_timed_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        reply = DriverClient(url).call("version", Nothing(), within=0.1)
    assert reply.status is CallStatus.TIMED_OUT
    assert "No answer within 0.1 s" in reply.reason


def _answering(raw: bytes) -> tuple[socket.socket, str]:
    """A server that answers anything with these bytes, once, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(65536)
            sock.sendall(raw)

    threading.Thread(target=serve, daemon=True).start()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_answer_that_breaks_off_is_unreachable() -> None:
    listener, url = _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
    with listener, pytest.raises(Unreachable):
        post(url, b"", headers={}, within=5)


def test_an_answer_that_is_no_json_object_is_a_failure() -> None:
    listener, url = _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html></>")
    with listener:
        reply = DriverClient(url).call("export", Export(exported=True), within=5)
    assert reply.status is CallStatus.FAILED
    assert reply.reason == "HTTP 200 with a body that is no JSON object, beginning '<html></>'"


def test_an_address_without_its_scheme_is_refused_with_what_to_write() -> None:
    with pytest.raises(ConfigError, match="expected http://host:port, found localhost:80"):
        DriverClient("localhost:80")


def test_post_raises_when_time_is_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimedOut):
        post(f"http://127.0.0.1:{listener.getsockname()[1]}", b"", headers={}, within=0.1)


def test_operations_are_listed_for_a_person_who_looks(client: DriverClient) -> None:
    app: Any = operations_app("care", object())
    text = app.test_client().get("/").text
    assert "look-up" in text and "Ask CP-IS about a patient" in text


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"y"),
    ],
    ids=["header", "100 Continue", "size of a chunk", "chunks", "trailers", "body"],
)
def test_an_answer_that_drips_is_over_with_the_deadline_of_the_call(begins: bytes, goes_on: bytes) -> None:
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        sock, _ = listener.accept()
        with sock, contextlib.suppress(OSError):
            sock.recv(65536)
            sock.sendall(begins)
            while not over.wait(0.02):
                sock.sendall(goes_on)

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    began = time.monotonic()
    with listener, pytest.raises(TimedOut, match=r"No answer within 0\.3 s"):
        post(f"http://127.0.0.1:{listener.getsockname()[1]}", b"", headers={}, within=0.3)
    took = time.monotonic() - began
    over.set()
    dripping.join(5)
    assert took < 3


def test_an_answer_larger_than_is_wanted_is_read_no_further() -> None:
    listener, url = _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901")
    with listener, pytest.raises(Unreachable, match="the answer is larger than 10 bytes"):
        post(url, b"", headers={}, within=5, max_answer=10)


def test_words_of_a_server_that_speaks_no_http_are_told_in_short() -> None:
    listener, url = _answering(b"\x00" + b"x" * 5000)
    with listener, pytest.raises(Unreachable) as caught:
        post(url, b"", headers={}, within=5)
    assert len(str(caught.value)) < 400
    assert "\0" not in str(caught.value)
