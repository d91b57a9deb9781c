"""Good clients beside those that keep others waiting: 64 stalled handshakes, 64 slow senders and 64 idle connections.

Rounds without and with them take turns; the good clients are the same, on kept and on fresh connections.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import statistics
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.lookups import Contender, load, prepared, services
from bench.measuring import percentile, ratios, spread, table
from cpis_simulator.transport.tls import ClientTls, client_context

MANY: Final = 64
GOOD: Final = 2
SECONDS: Final = 2.0
ROUNDS: Final = 5
DRIP_S: Final = 0.2
REST_S: Final = 0.005
"""A good client's rest after each answer: what is asked is how long one waits, not how many are served."""

HELLO: Final = bytes.fromhex("16030100a5010000a10303")
"""The beginning of a handshake."""


def measured() -> str:
    """Plain and TLS, one process and two."""
    with tempfile.TemporaryDirectory(prefix="cpis-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        requests = prepared(folder)
        with services(folder, processes=(1, 2)) as contenders:
            rows = [_row(contender, requests, fresh) for contender in contenders for fresh in (False, True)]
    return table(
        f"p99 of {GOOD} good clients without and with {MANY} stalled handshakes, {MANY} slow senders (a byte each "
        f"{DRIP_S:g} s) and {MANY} idle connections, {ROUNDS} rounds of {SECONDS:g} s",
        ("what", "connections", "p50 ms without", "with", "p99 ms without", "with", "ratio of p99"),
        rows,
    )


def _row(contender: Contender, requests: Path, fresh: bool) -> tuple[str, ...]:
    halves: tuple[list[float], list[float]] = ([], [])
    calm: list[float] = []
    attacked: list[float] = []
    for number in range(ROUNDS + 1):
        for under_attack, p99 in ((False, calm), (True, attacked)):
            with crowd(contender.port, _tls_of(contender)) if under_attack else contextlib.nullcontext():
                found = load(contender, requests, threads=GOOD, seconds=SECONDS, fresh=fresh, pause_s=REST_S)
            if number:
                p99.append(percentile(found.milliseconds, 0.99))
                halves[under_attack].append(statistics.median(found.milliseconds))
    return (
        contender.name.removeprefix("ours, "),
        "fresh" if fresh else "kept",
        *(spread(values) for values in (*halves, calm, attacked, ratios(attacked, calm))),
    )


def _tls_of(contender: Contender) -> ssl.SSLContext | None:
    if certs := contender.certs:
        return client_context(ClientTls(certs / "care.pem", certs / "care.key", certs / "ca.pem"))
    return None


@contextlib.contextmanager
def crowd(port: int, context: ssl.SSLContext | None, *, drip_s: float = DRIP_S) -> Iterator[None]:
    """Those who keep others waiting, for as long as this lasts.

    Args:
        port: Of the server, on the loopback interface.
        context: Of the slow senders, where it speaks TLS.
        drip_s: How often each of them sends a byte.
    """
    with contextlib.ExitStack() as held:
        held_back: list[socket.socket] = []
        for _ in range(MANY):
            held.enter_context(_connected(port)).sendall(HELLO)
            held.enter_context(_connected(port))
            sock = held.enter_context(_connected(port))
            if context is not None:
                sock = held.enter_context(context.wrap_socket(sock, server_hostname="localhost"))
            sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            held_back.append(sock)
        over = threading.Event()
        dripping = threading.Thread(target=_drip, args=(held_back, drip_s, over))
        dripping.start()
        try:
            yield
        finally:
            over.set()
            dripping.join()


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def _drip(socks: list[socket.socket], drip_s: float, over: threading.Event) -> None:
    while not over.wait(drip_s):
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.sendall(b"x")


if __name__ == "__main__":
    print(os.cpu_count(), "cores\n\n" + measured())
