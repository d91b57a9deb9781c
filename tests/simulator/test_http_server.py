"""The HTTP server stands silent, slow and greedy clients."""

import http.client
import itertools
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.codecs.xml import parse_document
from cpis_simulator.errors import StartError
from cpis_simulator.settings import TransportSettings
from cpis_simulator.transport.http_connection import Cut, TooLarge
from cpis_simulator.transport.http_server import WORKER_BYTES, HttpServer


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
        assert sock.recv(1000).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        sock.close()


@pytest.mark.parametrize("status", ["413 Content Too Large", "500 Internal Server Error"])
def test_a_larger_body_is_answered_as_the_application_words_it(status: str) -> None:
    fault = TooLarge(status, "text/xml", b"<fault/>")
    with HttpServer(echo, max_body=1000, too_large=fault) as server:
        assert post(server, b"x" * 1001) == (int(status[:3]), b"<fault/>")
        assert post(server, b"x" * 3_000_000) == (int(status[:3]), b"<fault/>")
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


def exchange(server: HttpServer, data: bytes) -> bytes:
    """Send bytes as they are, and read until the server hangs up."""
    with socket.create_connection((server.host, server.port), timeout=5) as sock:
        sock.sendall(data)
        answer = b""
        while more := sock.recv(65536):
            answer += more
        return answer


def bodies(answer: bytes) -> list[bytes]:
    """Bodies of several answers, each of one byte."""
    return [part[:1] for part in answer.split(b"\r\n\r\n")[1:]]


ONE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"


def test_pipelined_requests_are_answered_in_their_order() -> None:
    with HttpServer(echo) as server:
        data = b"".join(ONE + b"\r\n%d" % n for n in range(9)) + ONE + b"Connection: close\r\n\r\n9"
        assert bodies(exchange(server, data)) == [b"%d" % n for n in range(10)]


def test_more_pipelined_requests_than_are_answered_in_a_row_are_answered_all_the_same() -> None:
    with HttpServer(echo, threads=1) as server:
        data = (ONE + b"\r\na") * 200 + ONE + b"Connection: close\r\n\r\nz"
        assert bodies(exchange(server, data)) == [b"a"] * 200 + [b"z"]


def test_http_1_0_is_answered_with_a_length_and_the_connection_ends() -> None:
    with HttpServer(echo) as server:
        head, _, body = exchange(server, b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab").partition(b"\r\n\r\n")
        assert body == b"ab"
        assert {b"HTTP/1.1 200 OK", b"Content-Length: 2", b"Connection: close"} <= set(head.split(b"\r\n"))


def test_a_client_that_waits_for_100_continue_is_told_to_go_on() -> None:
    with HttpServer(echo) as server, socket.create_connection((server.host, server.port), timeout=5) as sock:
        sock.sendall(ONE + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"x")
        assert sock.recv(1000).endswith(b"\r\n\r\nx")


def test_bare_line_feeds_and_a_missing_host_are_answered_as_http_says() -> None:
    with HttpServer(echo) as server:
        bare = (ONE + b"Connection: close\r\n\r\n").replace(b"\r\n", b"\n") + b"x"
        assert exchange(server, bare).startswith(b"HTTP/1.1 200 OK\r\n")
        answer = exchange(server, b"GET / HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert answer.endswith(b"A request of HTTP/1.1 needs a Host header.\n")


def test_headers_that_are_too_large_are_answered_431() -> None:
    with HttpServer(echo, limits=limits(max_head=1000)) as server:
        assert exchange(server, ONE + b"X: " + b"x" * 100_000).startswith(b"HTTP/1.1 431 ")


def test_an_answer_without_a_length_is_given_one() -> None:
    def app(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"ab"
        yield b"c"

    with HttpServer(app) as server:
        answer = exchange(server, ONE + b"Connection: close\r\n\r\nx")
        assert b"\r\nContent-Length: 3\r\n" in answer
        assert answer.endswith(b"\r\n\r\nabc")


def cutting(*, reset: bool) -> HttpServer:
    def app(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "10")])
        yield b"abc"
        raise Cut(reset=reset)

    return HttpServer(app)


def test_an_application_can_cut_its_answer_short() -> None:
    with cutting(reset=False) as server:
        assert exchange(server, ONE + b"\r\nx").endswith(b"\r\n\r\nabc")


def test_an_application_can_reset_the_connection() -> None:
    with cutting(reset=True) as server, pytest.raises(ConnectionResetError):
        exchange(server, ONE + b"\r\nx")


def test_what_an_application_leaves_to_do_is_done_after_its_answer_is_sent() -> None:
    done = threading.Event()

    class Result(list[bytes]):
        def close(self) -> None:
            done.set()

    def app(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Result([b"x"])

    with HttpServer(app) as server:
        assert post(server, b"")[0] == 200
        assert done.wait(5), "the result was not closed within 5 s"


def test_an_application_that_fails_is_answered_500_and_the_server_lives_on() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/any":
            raise RuntimeError("on fire")
        return echo(environ, start_response)

    with HttpServer(app) as server:
        assert post(server, b"x")[0] == 500
        assert exchange(server, ONE + b"Connection: close\r\n\r\nx").endswith(b"x")


def test_clients_that_read_nothing_hold_no_worker() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/any":
            return echo(environ, start_response)
        start_response("200 OK", [])
        return [b"x" * 8_000_000]

    with HttpServer(app, threads=1) as server:
        deaf = [socket.create_connection((server.host, server.port)) for _ in range(4)]
        try:
            for sock in deaf:
                sock.sendall(ONE + b"\r\nx")
            assert post(server, b"x") == (200, b"x")
        finally:
            for sock in deaf:
                sock.close()


def test_a_stop_lets_a_request_that_has_begun_be_answered() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        entered.set()
        go_on.wait(5)
        return echo(environ, start_response)

    server = HttpServer(app).start()
    answers: list[tuple[int, bytes]] = []
    client = threading.Thread(target=lambda: answers.append(post(server, b"x")))
    client.start()
    assert entered.wait(5)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    go_on.set()
    stopper.join(timeout=6)
    client.join(timeout=6)
    assert answers == [(200, b"x")]


def test_tls_spoken_to_a_plain_port_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with HttpServer(echo) as server:
        answer = exchange(server, bytes.fromhex("16030100a5010000a10303"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert "reason=tls-to-plain-port" in caplog.text


def resident_mib() -> float:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("memory is measured on Linux only")
    return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20


def test_names_that_nobody_has_ever_heard_do_not_stay_in_memory() -> None:
    numbers = itertools.count()

    def parse(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        parse_document(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Length", "0")])
        return []

    def document() -> bytes:
        names = (b"<n%d%s/>" % (next(numbers), b"x" * 45_000) for _ in range(100))
        return b"<a>%s</a>" % b"".join(names)

    with HttpServer(parse, max_body=5_000_000, threads=1) as server:
        assert post(server, document())[0] == 200
        before = resident_mib()
        for _ in range(12):
            assert post(server, document())[0] == 200
        grown = resident_mib() - before
    # What came is 52 MiB of names.
    assert grown < 25


def test_a_worker_that_makes_room_for_another_leaves_the_connection_to_it() -> None:
    threads: list[int] = []

    def note(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        threads.append(id(threading.current_thread()))
        return echo(environ, start_response)

    body = b"x" * (WORKER_BYTES + 1)
    with HttpServer(note, max_body=len(body), threads=1) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
        for _ in range(3):
            connection.request("POST", "/any", body)
            assert len(connection.getresponse().read()) == len(body)
        connection.close()
    assert len(set(threads)) > 1
