"""The HTTP server stands silent, slow and greedy clients."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from cpis_simulator.errors import StartError
from cpis_simulator.settings import TransportSettings
from cpis_simulator.transport.http_server import HttpServer


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def limits(**values: float) -> TransportSettings:
    return TransportSettings().model_copy(update=values)


def post(server: HttpServer, body: bytes | Iterable[bytes], *, chunked: bool = False) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    try:
        connection.request("POST", "/any", body, encode_chunked=chunked, headers={})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_for(condition: Callable[[], bool], *, within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {within} s"
        threading.Event().wait(0.01)


def test_a_request_is_answered_on_the_port_that_was_free() -> None:
    with HttpServer(echo) as server:
        assert server.port > 0
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert post(server, b"hello") == (200, b"hello")


def test_twenty_silent_connections_do_not_delay_a_request() -> None:
    with HttpServer(echo, threads=2) as server:
        silent = [socket.create_connection((server.host, server.port)) for _ in range(20)]
        try:
            began = time.monotonic()
            assert post(server, b"x") == (200, b"x")
            assert time.monotonic() - began < 1
        finally:
            for sock in silent:
                sock.close()


def test_a_silent_connection_is_closed_after_the_deadline_of_the_headers() -> None:
    with HttpServer(echo, limits=limits(headers_s=0.2)) as server:
        sock = socket.create_connection((server.host, server.port), timeout=5)
        assert sock.recv(1) == b""
        sock.close()


def test_headers_that_trickle_in_are_cut_off_at_one_deadline_for_all_of_them() -> None:
    with HttpServer(echo, limits=limits(headers_s=0.3), threads=1) as server:
        sock = socket.create_connection((server.host, server.port), timeout=5)
        stopped = threading.Event()

        def trickle() -> None:
            try:
                while not stopped.wait(0.05):
                    sock.sendall(b"P")
            except OSError:
                return

        sender = threading.Thread(target=trickle)
        sender.start()
        try:
            assert post(server, b"x") == (200, b"x")
        finally:
            stopped.set()
            sender.join()
            sock.close()


def test_a_body_that_never_ends_is_answered_408() -> None:
    with HttpServer(echo, limits=limits(body_s=0.2)) as server:
        sock = socket.create_connection((server.host, server.port), timeout=5)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        # The phase of the body is over; cheroot may still tell the client so, or just close.
        assert sock.recv(1000)[:12] in (b"HTTP/1.1 408", b"")
        sock.close()


def test_a_larger_body_is_answered_413_as_the_application_words_it() -> None:
    fault = ("text/xml", b"<fault/>")
    with HttpServer(echo, max_body=1000, too_large=fault) as server:
        assert post(server, b"x" * 1001) == (413, b"<fault/>")
        assert post(server, b"x" * 3_000_000) == (413, b"<fault/>")
        assert post(server, b"x" * 1000) == (200, b"x" * 1000)


def test_a_larger_chunked_body_is_answered_413() -> None:
    with HttpServer(echo, max_body=1000) as server:
        assert post(server, iter([b"x" * 600, b"y" * 600]), chunked=True)[0] == 413
        assert post(server, iter([b"x" * 300, b"y" * 300]), chunked=True)[0] == 200


def test_connections_beyond_the_limit_are_closed_and_the_others_served() -> None:
    with HttpServer(echo, limits=limits(max_connections=3)) as server:
        held = [http.client.HTTPConnection(server.host, server.port, timeout=5) for _ in range(3)]
        for connection in held:
            connection.request("POST", "/", b"1")
            assert connection.getresponse().read() == b"1"
        beyond = socket.create_connection((server.host, server.port), timeout=5)
        assert beyond.recv(1) == b""
        held[0].request("POST", "/", b"2")
        assert held[0].getresponse().read() == b"2"
        held[1].close()
        wait_for(lambda: _is_served(server), within=3, what="a place for a new connection")
        for connection in held:
            connection.close()


def _is_served(server: HttpServer) -> bool:
    try:
        return post(server, b"3")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with (
        HttpServer(echo) as first,
        pytest.raises(StartError, match="Choose another port, or 0 for any free one"),
    ):
        HttpServer(echo, port=first.port)


def test_stopping_twice_is_harmless_and_frees_the_port() -> None:
    server = HttpServer(echo).start()
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=1)
