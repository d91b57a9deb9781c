"""Lookups whose reply comes on a connection of its own, beside synchronous ones, in one run.

Client and receiver are processes of their own. A round ends when the last reply has come, and that is what its speed is
counted by; evidence has both legs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.load import Figures
from bench.lookups import Contender, certificates, load, prepared, services
from bench.measuring import percentile, ratios, spread, table
from cpis_simulator.care.client import Sender
from cpis_simulator.directory import CARE_FQDN, CARE_PARTY_KEY
from cpis_simulator.settings import Profile

PROFILES: Final[tuple[Profile, ...]] = ("sync", "express", "reliable")
THREADS: Final = 8
SECONDS: Final = 2.0
ROUNDS: Final = 5
_LONGEST_S: Final = 60.0


class Receiver:
    """The process that takes the replies of one service."""

    def __init__(self, process: subprocess.Popen[str], certs: Path | None) -> None:
        """Started, and told its certificate."""
        self._process = process
        names = {"cert": "care.pem", "key": "care.key", "ca": "ca.pem"}
        self.port = self._ask(json.dumps({k: str(certs / name) for k, name in names.items()} if certs else {}))

    def count(self) -> int:
        """How many replies have come."""
        return self._ask("")

    def _ask(self, line: str) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def measured() -> str:
    """Plain with one process and with two, and mutual TLS."""
    with tempfile.TemporaryDirectory(prefix="cpis-bench-", ignore_cleanup_errors=True) as name, ExitStack() as parts:
        folder = Path(name)
        requests = {profile: prepared(folder, Sender(profile=profile)) for profile in PROFILES}
        receivers = {
            tls: parts.enter_context(receiving(certificates(folder) if tls else None)) for tls in (False, True)
        }
        configs = {tls: _config(folder / f"{tls}.toml", receiver.port, tls) for tls, receiver in receivers.items()}
        contenders = parts.enter_context(services(folder, processes=(1, 2), configs=configs))
        rows = [row for c in contenders for row in _rows(c, requests, receivers[c.certs is not None])]
    return table(
        f"Lookups until the last reply has come, {THREADS} client threads, kept connections, {ROUNDS} rounds of "
        f"{SECONDS:g} s, a new connection for each reply, evidence kept",
        ("what", "profile", "lookups/s", "ratio to sync", "p50 ms of the answer", "p99 ms"),
        rows,
    )


@contextmanager
def receiving(certs: Path | None) -> Iterator[Receiver]:
    """A receiver as long as this lasts."""
    command = [sys.executable, "-m", "bench.receiver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Receiver(process, certs)


def _config(file: Path, port: int, is_secure: bool) -> Path:
    scheme = "https" if is_secure else "http"
    file.write_text(
        f'[[party]]\nkey = "{CARE_PARTY_KEY}"\nods = "ZZ9"\nfqdn = "{CARE_FQDN}"\n'
        f'endpoint = "{scheme}://127.0.0.1:{port}/"\n'
    )
    return file


def _rows(contender: Contender, requests: dict[Profile, Path], receiver: Receiver) -> Iterator[tuple[str, ...]]:
    speeds: dict[Profile, list[float]] = {profile: [] for profile in requests}
    answers: dict[Profile, list[Figures]] = {profile: [] for profile in requests}
    for number in range(ROUNDS + 1):
        for profile, file in requests.items():
            before = receiver.count()
            status = 200 if profile == "sync" else 202
            found = load(contender, file, threads=THREADS, seconds=SECONDS, fresh=False, status=status)
            late_s = 0.0 if profile == "sync" else _wait_for(receiver, before + found.answers)
            if number:
                speeds[profile].append(found.answers / (found.seconds + late_s))
                answers[profile].append(found)
    for profile, speed in speeds.items():
        times = [f.milliseconds for f in answers[profile]]
        yield (
            contender.name.removeprefix("ours, "),
            profile,
            spread(speed),
            spread(ratios(speed, speeds["sync"])),
            spread([percentile(t, 0.5) for t in times]),
            spread([percentile(t, 0.99) for t in times]),
        )


def _wait_for(receiver: Receiver, count: int) -> float:
    """Seconds until so many replies have come."""
    began = time.perf_counter()
    while (come := receiver.count()) < count:
        if time.perf_counter() - began > _LONGEST_S:
            raise SystemExit(f"bench: {count - come} replies have not come within {_LONGEST_S:g} s")
        time.sleep(0.005)
    return time.perf_counter() - began
