"""The HTTPS edge: who is let in, who is refused and why, and that nobody can keep others waiting."""

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.edge import HELLO, crowd
from cpis_simulator.errors import ConfigError
from cpis_simulator.settings import TransportSettings
from cpis_simulator.transport.certificates import make_certificates
from cpis_simulator.transport.http_client import TimedOut, TlsFailed, post
from cpis_simulator.transport.http_connection import TLS_PEER
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.transport.tls import (
    ClientTls,
    HandshakeFailure,
    ServerTls,
    TlsPeer,
    TlsVersion,
    client_context,
)


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return make_certificates(tmp_path_factory.mktemp("certs"), now=datetime.now(UTC))


def who(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers with the subject of the client's certificate."""
    peer: TlsPeer | None = environ.get(TLS_PEER)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain" if peer is None else peer.certificate.subject.encode() if peer.certificate else b"nobody"]


class Edge:
    """A server over TLS that remembers whom it refused."""

    def __init__(self, certs: Mapping[str, Path], *, server: str = "server", **choices: Any) -> None:
        self._refused: queue.SimpleQueue[HandshakeFailure] = queue.SimpleQueue()
        self.certs = certs
        limits = choices.pop("limits", TransportSettings())
        threads = choices.pop("threads", 16)
        tls = ServerTls(certs[server], certs[server].with_suffix(".key"), certs["ca"], **choices)
        self.server = HttpServer(
            who, limits=limits, tls=tls, threads=threads, handshake_refused=lambda why, _: self._refused.put(why)
        )

    def __enter__(self) -> "Edge":
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def refused(self) -> str:
        """Why the next client was refused; the client may know it a moment before."""
        return self._refused.get(timeout=5).reason

    def ask(self, client: str | None = "care", *, ca: str = "ca", **options: Any) -> bytes:
        certificate = self.certs[client] if client else None
        key = certificate.with_suffix(".key") if certificate else None
        context = client_context(ClientTls(certificate, key, self.certs[ca]))
        if "most" in options:
            context.maximum_version = options["most"]
        return post(self.server.url, b"", headers={}, within=10, tls=context).body


def test_a_good_client_is_answered_and_known_by_its_certificate(certs: Mapping[str, Path]) -> None:
    with Edge(certs) as edge:
        assert edge.ask() == b"CN=care.example.test, OU=care, O=CP-IS harness, made up"
        with pytest.raises(TlsFailed):
            edge.ask(None)
        assert edge.refused() == "no-certificate"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("client", "reason", "said"),
    [
        ("care-expired", "expired", "the server refused our certificate: it has expired"),
        ("care-wrong-ca", "unknown-ca", "the server refused our certificate: it does not know its authority"),
        (None, "no-certificate", "the server (wants a certificate|ended the handshake)"),
    ],
)
def test_a_client_that_may_not_come_in_is_refused_with_the_reason_on_both_sides(
    certs: Mapping[str, Path],
    caplog: pytest.LogCaptureFixture,
    version: ssl.TLSVersion,
    client: str | None,
    reason: str,
    said: str,
) -> None:
    with Edge(certs) as edge:
        with pytest.raises(TlsFailed, match=said):
            edge.ask(client, most=version)
        assert edge.refused() == reason
        assert "event=handshake_refused peer=127.0.0.1:" in caplog.text
        assert f"reason={reason} " in caplog.text
        assert edge.ask() != b""


@pytest.mark.parametrize(
    ("server", "ca", "said"),
    [
        ("server-expired", "ca", "the server's certificate has expired. Give the server a new one"),
        ("server-wrong-ca", "ca", "unknown authority .*. Name the PEM file of its authority"),
        ("server", "wrong-ca", "unknown authority .*. Name the PEM file of its authority"),
        ("server-wrong-name", "ca", "the server's certificate has another name: IP address mismatch"),
    ],
)
def test_a_server_that_is_not_the_right_one_is_refused_by_our_client(
    certs: Mapping[str, Path], server: str, ca: str, said: str
) -> None:
    with Edge(certs, server=server) as edge, pytest.raises(TlsFailed, match=said):
        edge.ask(ca=ca)


def test_a_client_of_an_older_version_of_tls_is_refused(certs: Mapping[str, Path]) -> None:
    minimum: TlsVersion = "1.3"
    with Edge(certs, minimum_version=minimum) as edge:
        with pytest.raises(TlsFailed, match="share no version of TLS"):
            edge.ask(most=ssl.TLSVersion.TLSv1_2)
        assert edge.refused() == "protocol-version"


def test_a_certificate_need_not_be_shown_where_the_configuration_says_so(certs: Mapping[str, Path]) -> None:
    with Edge(certs, require_client_certificate=False) as edge:
        assert edge.ask(None) == b"nobody"
        with pytest.raises(TlsFailed, match="it has expired"):
            edge.ask("care-expired")


def test_plain_http_on_the_tls_port_is_answered_in_plain_http(certs: Mapping[str, Path]) -> None:
    with Edge(certs) as edge:
        reply = post(f"http://127.0.0.1:{edge.server.port}/", b"x", headers={}, within=5)
        assert reply.status == 400
        assert reply.body == (
            b"Plain HTTP was spoken to the TLS port. Have the client use https:// and its certificate.\n"
        )
        assert edge.refused() == "plain-http"


def test_tls_on_a_plain_port_is_told_by_our_client(certs: Mapping[str, Path]) -> None:
    context = client_context(ClientTls(ca=certs["ca"]))
    with (
        HttpServer(who) as server,
        pytest.raises(TlsFailed, match="the server does not speak TLS on this port"),
    ):
        post(f"https://127.0.0.1:{server.port}/", b"", headers={}, within=5, tls=context)


def test_a_handshake_that_is_never_done_is_ended_and_told(certs: Mapping[str, Path]) -> None:
    limits = TransportSettings().model_copy(update={"handshake_s": 0.2})
    with Edge(certs, limits=limits) as edge, stalled_handshake(edge.server.port) as sock:
        assert sock.recv(1) == b""
        assert edge.refused() == "timeout"


def test_a_connection_over_tls_serves_one_request_after_the_other(certs: Mapping[str, Path]) -> None:
    with Edge(certs) as edge:
        care = certs["care"]
        context = client_context(ClientTls(care, care.with_suffix(".key"), certs["ca"]))
        raw = socket.create_connection(("127.0.0.1", edge.server.port), timeout=5)
        with context.wrap_socket(raw, server_hostname="localhost") as sock:
            for _ in range(3):
                sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = b""
                while b"CN=care.example.test" not in answer:
                    more = sock.recv(65536)
                    assert more, answer
                    answer += more


def test_a_large_body_and_its_refusal_pass_through_tls(certs: Mapping[str, Path]) -> None:
    limits = TransportSettings().model_copy(update={"max_body": 1000})
    care = certs["care"]
    context = client_context(ClientTls(care, care.with_suffix(".key"), certs["ca"]))
    with Edge(certs, limits=limits) as edge:
        reply = post(edge.server.url, b"x" * 3_000_000, headers={}, within=10, tls=context)
        assert reply.status == 413


@pytest.mark.parametrize("missing", ["certificate", "key", "client_ca"])
def test_a_file_that_is_not_there_is_told(certs: Mapping[str, Path], missing: str) -> None:
    files = {"certificate": certs["server"], "key": certs["server"].with_suffix(".key"), "client_ca": certs["ca"]}
    files[missing] = certs["ca"].with_name("absent.pem")
    with pytest.raises(ConfigError, match=r"A file for TLS cannot be read .*absent\.pem"):
        HttpServer(who, tls=ServerTls(**files))


def test_a_key_of_another_certificate_is_told(certs: Mapping[str, Path]) -> None:
    with pytest.raises(ConfigError, match="PEM files that belong together"):
        HttpServer(who, tls=ServerTls(certs["server"], certs["care"].with_suffix(".key"), certs["ca"]))


def test_clients_must_be_judged_by_some_authority(certs: Mapping[str, Path]) -> None:
    with pytest.raises(ConfigError, match="no authority is named"):
        HttpServer(who, tls=ServerTls(certs["server"], certs["server"].with_suffix(".key")))


# Those who keep others waiting.


@contextlib.contextmanager
def stalled_handshake(port: int) -> Iterator[socket.socket]:
    """A client that sends the beginning of its handshake and no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(HELLO)
        yield sock


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_good_clients_are_served_beside_stalled_slow_and_idle_ones(certs: Mapping[str, Path], is_secure: bool) -> None:
    care = certs["care"]
    context = client_context(ClientTls(care, care.with_suffix(".key"), certs["ca"])) if is_secure else None
    edge = Edge(certs, threads=2)
    server = edge.server if is_secure else HttpServer(who, threads=2)
    with server, crowd(server.port, context, drip_s=0.05):
        try:
            for _ in range(20):
                assert post(server.url, b"", headers={}, within=3, tls=context).status == 200
        except TimedOut as error:
            raise AssertionError(f"a good client was kept waiting: {error}") from error


def test_the_attack_would_stop_a_server_that_waits_for_its_clients(certs: Mapping[str, Path]) -> None:
    """The attack is one: a server of two threads that reads from one client at a time does not answer beside it."""

    def reads_one_after_the_other(listener: socket.socket, stop: Callable[[], bool]) -> None:
        while not stop():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(2)
                with contextlib.suppress(OSError):
                    while sock.recv(100):
                        pass

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        threads = [
            threading.Thread(target=reads_one_after_the_other, args=(listener, ended.is_set), daemon=True)
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        port = listener.getsockname()[1]
        with crowd(port, None, drip_s=0.05), pytest.raises(TimedOut):
            post(f"http://127.0.0.1:{port}/", b"", headers={}, within=0.5)
        ended.set()
