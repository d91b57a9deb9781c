"""The client of the lookup measurements, a process of its own: `python -m bench.load`, its order on standard input.

Threads with blocking sockets send requests that were made before, each with ids of its own, and read as many bytes as
`Content-Length` says; nothing is parsed, so that the server is what is measured. Prints its figures as JSON.
"""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PLACEHOLDER: Final = b"AAAAAAAA"
"""Stands in the ids of a prepared request; replaced by a number that no other request has."""

_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What to send where, how long, by how many threads, on fresh connections or kept ones.

    Attributes:
        requests: File with a JSON list of requests, head and body.
        first: The first number that stands for the placeholder.
        pause_s: How long a thread rests after each answer.
        status: HTTP status of a good answer.
    """

    port: int
    requests: str
    threads: int
    seconds: float
    fresh: bool
    first: int
    cert: str = ""
    key: str = ""
    ca: str = ""
    pause_s: float = 0.0
    status: int = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it: answers, seconds, milliseconds of each answer, and the client's own processor time."""

    answers: int
    seconds: float
    milliseconds: list[float]
    processor_s: float
    errors: list[str]


class _Load:
    def __init__(self, order: LoadOrder) -> None:
        self._order = order
        texts = json.loads(Path(order.requests).read_text(encoding="utf-8"))
        self._requests = [text.encode() for text in texts]
        self._numbers = itertools.count(order.first)
        self._context = None
        if order.ca:
            self._context = ssl.create_default_context(cafile=order.ca)
            self._context.load_cert_chain(order.cert, order.key)
        self._times: list[float] = []
        self._errors: list[str] = []

    def run(self) -> Figures:
        """All threads until the time is over."""
        threads = [threading.Thread(target=self._thread, args=(n,)) for n in range(self._order.threads)]
        began, used = time.perf_counter(), time.process_time()
        self._end = began + self._order.seconds
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = time.perf_counter() - began
        return Figures(len(self._times), taken, self._times, time.process_time() - used, self._errors[:3])

    def _thread(self, number: int) -> None:
        sock: socket.socket | None = None
        mine = itertools.cycle(self._requests[number :: self._order.threads])
        while (began := time.perf_counter()) < self._end:
            request = next(mine).replace(PLACEHOLDER, b"%08X" % next(self._numbers))
            try:
                if sock is None:
                    sock = self._connect()
                sock.sendall(request)
                status = _read_answer(sock)
                if status != b"%d" % self._order.status:
                    raise OSError(f"HTTP status {status.decode()}")
            except OSError as error:
                self._errors.append(str(error) or type(error).__name__)
                if sock is not None:
                    sock.close()
                sock = None
                if len(self._errors) > 100:
                    return
                continue
            self._times.append((time.perf_counter() - began) * 1000)
            if self._order.fresh:
                sock.close()
                sock = None
            if self._order.pause_s:
                time.sleep(self._order.pause_s)
        if sock is not None:
            sock.close()

    def _connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._order.port), timeout=_TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return sock
        return self._context.wrap_socket(sock, server_hostname="localhost")


def _read_answer(sock: socket.socket) -> bytes:
    """Read one answer whole; its status."""
    data = sock.recv(65536)
    while (end := data.find(b"\r\n\r\n")) < 0:
        if not (more := sock.recv(65536)):
            raise OSError("the server hung up")
        data += more
    status, head = data[9:12], data[:end].lower()
    if (at := head.find(b"content-length:")) >= 0:
        left = int(head[at + 15 :].split(b"\r\n", 1)[0]) - (len(data) - end - 4)
        while left > 0:
            if not (more := sock.recv(65536)):
                raise OSError("the server hung up")
            left -= len(more)
    elif b"chunked" in head:
        while not data.endswith(b"0\r\n\r\n"):
            if not (more := sock.recv(65536)):
                raise OSError("the server hung up")
            data = data[-8:] + more
    return status


if __name__ == "__main__":
    print(json.dumps(asdict(_Load(LoadOrder(**json.load(sys.stdin))).run())))
