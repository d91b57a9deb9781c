"""A run that goes on while a test interferes with it: started here, watched, and ended with all that it started."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from cpis_fixtures.plan import PLAN_VARIABLE
from cpis_simulator.driving import Shape
from cpis_simulator.transport.http_client import DriverClient, DriverReply
from tests.acceptance.running import LONGEST_S, QUICK, Played

T = TypeVar("T")

POLL_S = 0.02


def wait_for(what: str, look: Callable[[], T | None], *, within: float = 60.0, seen: Callable[[], object] = str) -> T:
    """The first value that `look` finds; fails after `within` seconds with what was seen instead."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {within:g} s; seen instead: {seen()}"
        time.sleep(POLL_S)
    return found


def clean_environment() -> dict[str, str]:
    """The environment without what belongs to the tests around it."""
    foreign = (PLAN_VARIABLE, "PYTEST_", "CPIS_CRASH_AT")
    own = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    # A terminal's width must not break the lines that tests look for.
    return own | {"COLUMNS": "300", "NO_COLOR": "1"}


class Running:
    """A run that has begun.

    Args:
        child: Its process, leader of a group of its own.
        out: Where runs are written.
        log: What it prints goes there.
    """

    def __init__(self, child: subprocess.Popen[bytes], out: Path, log: Path) -> None:
        """Nothing is waited for."""
        self._child = child
        self._out = out
        self._log = log

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(encoding="utf-8")

    def is_going_on(self) -> bool:
        """It has not ended."""
        return self._child.poll() is None

    def wait_for_line(self, pattern: str, *, within: float = 60.0) -> re.Match[str]:
        """Wait until it has printed a line with the pattern."""
        look = lambda: re.search(pattern, self.output, re.MULTILINE)  # noqa: E731
        return wait_for(f"a line with {pattern!r}", look, within=within, seen=lambda: self.output)

    def folder(self) -> Path:
        """Of the run."""
        return self._out / self.wait_for_line(r"^run (\S+):")[1]

    def parts(self, *names: str) -> dict[str, dict[str, Any]]:
        """What the lane has started and where, once these are among it."""
        file = self.folder() / "lanes" / "main" / "parts.json"

        def look() -> dict[str, dict[str, Any]] | None:
            with suppress(OSError, ValueError):  # not there yet, or being written
                noted = json.loads(file.read_text(encoding="utf-8"))
                return noted if {*names} <= noted.keys() else None
            return None

        return wait_for(f"the parts {', '.join(names)}", look, seen=lambda: self.output)

    def kill(self, name: str) -> None:
        """Kill a part that the run has started, by its own id."""
        os.kill(self.parts(name)[name]["pid"], signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Tell the run itself, and nobody whom it has started."""
        self._child.send_signal(number)

    def control(self) -> DriverClient:
        """The control API of the run's mock Spine."""
        service = self.parts("service")["service"]
        return DriverClient(service["control_url"], token=service["control_token"])

    def wait_for_evidence(self, *words: str, times: int = 1) -> None:
        """Wait until so many lines of evidence hold all these words."""
        file = self.folder() / "lanes" / "main" / "evidence.jsonl"

        def look() -> bool:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
            return sum(all(word in line for word in words) for line in lines) >= times

        wait_for(f"evidence of {' '.join(words)}", look, seen=lambda: self.output)

    def finish(self, *, within: float = LONGEST_S) -> Played:
        """Wait for its end."""
        try:
            self._child.wait(timeout=within)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"not done within {within:g} s; so far:\n{self.output}") from error
        return Played(self._child.returncode, self.folder(), self.output)


@contextmanager
def begun(*arguments: str | Path, out: Path, log: Path, config: str = QUICK) -> Iterator[Running]:
    """A run of the suite, or of what the arguments choose of it; what is left of it is ended with the block.

    Args:
        arguments: As after `cpis run`.
        out: Where runs are written; made when it is not there.
        log: File for what it prints, beside `out` where that is to be filled.
        config: Text of `cpis.toml`.
    """
    out.mkdir(parents=True, exist_ok=True)
    toml = log.parent / "cpis.toml"
    toml.write_text(config, encoding="utf-8")
    command = [sys.executable, "-m", "cpis_cli", "run", "--out", str(out), "--config", str(toml), *map(str, arguments)]
    with (
        open(log, "wb") as stream,
        subprocess.Popen(
            command,
            cwd=log.parent,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child,
    ):
        try:
            yield Running(child, out, log)
        finally:
            # The group is the run's own, and so nobody else's processes.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def ask(client: DriverClient, operation: str, request: Shape) -> DriverReply:
    """One operation, answered within a moment."""
    return client.call(operation, request, within=10.0)
