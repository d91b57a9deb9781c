"""MESH over REST: messages a second at our post office, beside PyPI's `mesh-sandbox` in memory, by the same client.

The sandbox is installed into a temporary environment of its own. The client is a lean one on kept connections, so that
what is measured is the servers; both check its tokens. A box that fills, and 200 MB up and down, are measured too.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.measuring import ratios, spread, table
from cpis_fixtures.processes import Process
from cpis_simulator.mailbox.tokens import make_token
from cpis_simulator.transport.http_server import listener

ROUNDS: Final = 5
MESSAGES: Final = 400
CLIENTS: Final = (1, 8)
FILLED: Final = 4000
LARGE: Final = 200_000_000
CHUNK: Final = 20_000_000
OURS: Final = "ours, on the disk"
PEER: Final = "mesh-sandbox, in memory"
SENDER: Final = "X26ABC1"
RECEIVER: Final = "X26ABC2"
START_S: Final = 60.0

Servers = dict[str, tuple[str, int]]
"""Address and process of each."""


class Client:
    """One connection of one mailbox."""

    def __init__(self, url: str, mailbox: str) -> None:
        """Connect at once."""
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._mailbox = mailbox
        self._nonce = str(uuid.uuid4())
        self._count = 0

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """One request."""
        self._count += 1
        token = make_token(
            "TestKey", self._mailbox, "password", nonce=self._nonce, count=self._count, now=datetime.now(UTC)
        )
        fields = {"Authorization": token, "Accept": "application/vnd.mesh.v2+json"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, f"/messageexchange/{self._mailbox}/{path}", body, fields)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def send(self, body: bytes, chunks: int = 1) -> str:
        """Send a message, or its first chunk."""
        status, said = self.call(
            "POST", "outbox", body, Mex_To=RECEIVER, Mex_WorkflowID="TEST_WORKFLOW", Mex_Chunk_Range=f"1:{chunks}",
            Content_Type="application/octet-stream",
        )  # fmt: skip
        assert status == 202, (status, said)
        return str(json.loads(said)["message_id"])

    def waiting(self, most: int = 5000) -> list[str]:
        """Ids of waiting messages."""
        status, said = self.call("GET", f"inbox?max_results={most}")
        assert status == 200, (status, said)
        return [str(found) for found in json.loads(said)["messages"]]

    def take(self, message_id: str) -> None:
        """Download a message and acknowledge it."""
        status, _ = self.call("GET", f"inbox/{message_id}")
        assert status == 200, status
        status, _ = self.call("PUT", f"inbox/{message_id}/status/acknowledged")
        assert status == 200, status


def measured() -> str:
    """The tables."""
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="cpis-bench-")))
        process = Process(
            "service",
            ["serve", "--no-tls", "--mesh-seed", "interop", "--drop", str(folder / "drop")],
            log=folder / "service.log",
        )
        parts.callback(process.stop)
        servers: Servers = {OURS: (str(process.ready["mesh"]["url"]), process.pid)}
        try:
            servers[PEER] = parts.enter_context(_sandbox(folder / "sandbox"))
            why_not = ""
        except (OSError, subprocess.SubprocessError, TimeoutError) as error:
            why_not = f"\nmesh-sandbox: not measured, because {error}."
        return "\n\n".join([_small(servers) + why_not, _filling(servers), _large(servers)])


def _small(servers: Servers) -> str:
    rows = []
    for clients in CLIENTS:
        rates: dict[str, dict[str, list[float]]] = {"send": {}, "download and acknowledge": {}}
        for number in range(ROUNDS + 1):
            for name, (url, _) in servers.items():
                sent = _rate([_senders(url, MESSAGES // clients) for _ in range(clients)])
                ids = Client(url, RECEIVER).waiting()
                taken = _rate([_takers(url, ids[first::clients]) for first in range(clients)])
                if number:
                    rates["send"].setdefault(name, []).append(sent)
                    rates["download and acknowledge"].setdefault(name, []).append(taken)
        for what, by_server in rates.items():
            for name, values in by_server.items():
                ratio = spread(ratios(values, by_server[PEER])) if PEER in by_server else "-"
                rows.append((what, str(clients), name, spread(values), ratio))
    title = f"Messages of 1 KiB a second, {MESSAGES} a round, {ROUNDS} rounds"
    return table(title, ("what", "clients", "server", "messages/s", "ratio to mesh-sandbox"), rows)


def _filling(servers: Servers) -> str:
    """Sends into a box that nobody empties; processor time, for the clock of a busy machine tells nothing."""
    rows = []
    for name, (url, pid) in servers.items():
        taken = []
        client = Client(url, SENDER)
        for _ in range(FILLED // MESSAGES):
            before = _processor_s(pid)
            for _ in range(MESSAGES):
                client.send(b"x" * 1024)
            taken.append((_processor_s(pid) - before) / MESSAGES * 1000)
        taker = Client(url, RECEIVER)
        before = _processor_s(pid)
        for _ in range(10):
            ids = taker.waiting()
        listed = (_processor_s(pid) - before) * 100
        for message_id in ids:
            taker.call("PUT", f"inbox/{message_id}/status/acknowledged")
        rows.append((name, f"{taken[0]:.2f}", f"{taken[-1]:.2f}", f"{taken[-1] / taken[0]:.2f}", f"{listed:.1f}"))
    columns = ("server", "first, ms each", "last, ms each", "last to first", "list of all, ms")
    title = f"A box that fills: {FILLED} messages by one client, {MESSAGES} at a time, processor time of the server"
    return table(title, columns, rows)


def _processor_s(pid: int) -> float:
    """What a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _large(servers: Servers) -> str:
    rows = []
    body = os.urandom(CHUNK)
    chunks = LARGE // CHUNK
    for name, (url, _) in servers.items():
        sender, receiver = Client(url, SENDER), Client(url, RECEIVER)
        began = time.perf_counter()
        message_id = sender.send(body, chunks)
        for number in range(2, chunks + 1):
            status, said = sender.call(
                "POST", f"outbox/{message_id}/{number}", body, Mex_Chunk_Range=f"{number}:{chunks}"
            )
            assert status == 202, (status, said)
        up = time.perf_counter() - began
        began = time.perf_counter()
        for number in range(1, chunks + 1):
            status, said = receiver.call("GET", f"inbox/{message_id}/{number}")
            assert status in (200, 206) and said == body, status
        down = time.perf_counter() - began
        receiver.call("PUT", f"inbox/{message_id}/status/acknowledged")
        rows.append((name, f"{LARGE / up / 1e6:.0f}", f"{LARGE / down / 1e6:.0f}"))
    return table("200 MB in chunks of 20 MB, one client", ("server", "up, MB/s", "down, MB/s"), rows)


def _rate(works: Sequence[Callable[[], int]]) -> float:
    """Messages a second of several clients at once."""
    done: list[int] = []
    threads = [threading.Thread(target=lambda one: done.append(one()), args=(work,)) for work in works]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def _senders(url: str, count: int) -> Callable[[], int]:
    client = Client(url, SENDER)

    def run() -> int:
        body = b"x" * 1024
        for _ in range(count):
            client.send(body)
        return count

    return run


def _takers(url: str, ids: Sequence[str]) -> Callable[[], int]:
    client = Client(url, RECEIVER)

    def run() -> int:
        for message_id in ids:
            client.take(message_id)
        return len(ids)

    return run


@contextmanager
def _sandbox(folder: Path) -> Iterator[tuple[str, int]]:
    """The sandbox in a process of its own, until it answers."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "mesh-sandbox"]
    subprocess.run(install, check=True, capture_output=True)
    with listener("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    environment = os.environ | {"AUTH_MODE": "full", "STORE_MODE": "memory", "SHARED_KEY": "TestKey"}
    command = [str(python), "-m", "uvicorn", "mesh_sandbox.api:app", "--port", str(port), "--log-level", "warning"]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                Client(f"http://127.0.0.1:{port}", SENDER).waiting()
                break
            except OSError as error:
                if child.poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError("it did not come up") from error
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", child.pid
    finally:
        child.terminate()
        child.wait(10)
