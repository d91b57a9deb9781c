"""The mock Spine as several processes on one store: their parent, which answers nothing itself.

It binds the ports first, so that port 0 means the same one for all; each worker listens on them with SO_REUSEPORT, and
the kernel deals out the connections. The first worker serves the folders and the control API too. A worker that ends
unasked is started anew, on the same ports: what it was answering is lost, what it had promised is in the store. When
that happens again and again, the whole service ends, with the reason.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final

from cpis_simulator.apps.service_host import LOAD_S, Places, Share
from cpis_simulator.apps.service_worker import ORDER, Order
from cpis_simulator.directory import Party, RegisteredAuthority
from cpis_simulator.errors import ConfigError, CpisError, StartError
from cpis_simulator.settings import Settings
from cpis_simulator.transport.http_server import listener

LOG: Final = logging.getLogger(__name__)

START_S: Final = 60.0
STOP_S: Final = 35.0
"""The first worker may have a large upload in work, and finishes it."""

MOST_ENDS: Final = 5
WITHIN_S: Final = 60.0
"""More ends of workers than `MOST_ENDS` within that time end the service."""

_LOOK_S: Final = 0.2


class ServiceWorkers:
    """Several processes, as one mock Spine.

    Args:
        settings: Every choice about the service.
        authorities: Who may share.
        places: Ports, folders and store.
        count: How many processes.
        uploads: Loaded before the service is ready.
        parties: Care systems of the directory, beside those that are always there.

    Raises:
        ConfigError: The system cannot share a port, or something of the configuration cannot be used.
        StartError: A port is taken, or a worker does not come up.
    """

    def __init__(
        self,
        settings: Settings,
        authorities: Sequence[RegisteredAuthority],
        places: Places,
        count: int,
        uploads: Sequence[Path] = (),
        parties: Sequence[Party] = (),
    ) -> None:
        """Start the workers; returns when all of them serve."""
        if os.name == "nt" or not hasattr(socket, "SO_REUSEPORT"):
            raise ConfigError(
                "--workers", expected="1 on this system, which cannot share a port (SO_REUSEPORT)", found=count
            )
        self._stopping = threading.Event()
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._ends: list[float] = []
        self._broken: CpisError | None = None
        with ExitStack() as undo:
            endpoint = _shared(places.host, places.port)
            undo.callback(endpoint.close)
            control = _shared(places.host, places.control_port)
            undo.callback(control.close)
            directory = _shared(places.host, places.directory_port)
            undo.callback(directory.close)
            own = replace(
                places,
                port=endpoint.getsockname()[1],
                control_port=control.getsockname()[1],
                directory_port=directory.getsockname()[1],
            )
            token = secrets.token_urlsafe(24)
            self._orders = [
                Order(settings, tuple(authorities), own, Share(number, count, token), parties=tuple(parties))
                for number in range(count)
            ]
            undo.callback(self._end_workers)
            # The first makes the tables of a new store.
            self.ready = self._start(0, uploads=tuple(uploads))
            for number in range(1, count):
                self._start(number)
            undo.pop_all()
            self._held = (endpoint, control, directory)
        self._watching = threading.Thread(target=self._watch, name="workers", daemon=True)
        self._watching.start()

    def check(self) -> None:
        """Raise what ended the service, if anything did.

        Raises:
            CpisError: Workers ended too often, or one could not be started anew.
        """
        if self._broken is not None:
            raise self._broken

    def stop(self) -> None:
        """Have each worker finish what it does, then end."""
        self._stopping.set()
        self._watching.join(STOP_S)
        self._end_workers()
        for sock in self._held:
            sock.close()

    def _start(self, number: int, uploads: tuple[Path, ...] = ()) -> dict[str, object]:
        """Start one and wait until it serves; its ready line."""
        worker = subprocess.Popen(
            [sys.executable, "-m", "cpis_simulator.apps.service_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._workers[number] = worker
        assert worker.stdin is not None and worker.stdout is not None
        try:
            worker.stdin.write(ORDER.dump_json(replace(self._orders[number], uploads=uploads)) + b"\n")
            worker.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended; below it is told why.
        said = _first_line(worker.stdout, START_S + LOAD_S * len(uploads))
        if said.get("event") == "ready":
            return said
        reason = said.get("reason") or f"it ended with {worker.poll()}, or said nothing; its log may say why"
        kind = ConfigError if said.get("is_usage") else StartError
        raise kind(f"Worker {number} of the service did not come up", found=reason)

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            for number, worker in list(self._workers.items()):
                if worker.poll() is not None and not self._stopping.is_set() and not self._start_anew(number, worker):
                    return

    def _start_anew(self, number: int, ended: subprocess.Popen[bytes]) -> bool:
        """Put another worker in the place of one that has ended; false when it is no use."""
        LOG.error("event=worker_ended worker=%d pid=%d exit=%s", number, ended.pid, ended.returncode)
        _let_go(ended)
        now = time.monotonic()
        self._ends = [then for then in self._ends if now - then < WITHIN_S] + [now]
        try:
            if len(self._ends) > MOST_ENDS:
                raise StartError(
                    "Workers of the service end again and again",
                    found=f"{len(self._ends)} ends in {WITHIN_S:g} s, the last with {ended.returncode}",
                    mend="The log says what came before each.",
                )
            order = self._orders[number]
            self._orders[number] = replace(order, share=replace(order.share, is_anew=True))
            self._start(number)
        except (CpisError, OSError) as error:
            self._broken = error if isinstance(error, CpisError) else StartError(f"Worker {number}", found=error)
            return False
        LOG.warning("event=worker_started_anew worker=%d pid=%d", number, self._workers[number].pid)
        return True

    def _end_workers(self) -> None:
        running = [worker for worker in self._workers.values() if worker.poll() is None]
        for worker in running:
            worker.terminate()
        end = time.monotonic() + STOP_S
        for worker in running:
            try:
                worker.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                LOG.error("event=worker_killed pid=%d reason='it did not end within %g s'", worker.pid, STOP_S)
                worker.kill()
                worker.wait()
        for worker in self._workers.values():
            _let_go(worker)


def _shared(host: str, port: int) -> socket.socket:
    """A socket bound to a port that only our own processes share."""
    if port:
        # Another service of this user that shares its port would let us in, and both would get half of the clients.
        listener(host, port).close()
    return listener(host, port, shares_port=True)


def _first_line(stream: IO[bytes], within: float) -> dict[str, Any]:
    """The first line that a worker says, as JSON; nothing when it is silent for too long, or ends."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=within)
        value = json.loads(line) if line else {}
    except (queue.Empty, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _let_go(worker: subprocess.Popen[bytes]) -> None:
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()
