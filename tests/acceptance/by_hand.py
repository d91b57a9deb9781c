"""Runs whose product is operated by hand: begun, left alone, gone on with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpis_fixtures.plan import PLAN_VARIABLE
from tests.acceptance.person import EXAMPLES
from tests.acceptance.running import Played


def council_config(**changed: str) -> str:
    """The example's own, with this Python for `python3`, free ports, and the folder as it is from elsewhere."""
    text = (EXAMPLES / "council_cms" / "manual.toml").read_text(encoding="utf-8")
    for old, new in {
        '"python3"': f'"{sys.executable}"',
        'working_folder = ".."': f'working_folder = "{EXAMPLES}"',
        '"8099"': '"{port}"',
        "127.0.0.1:8099/health": "127.0.0.1:{port}/health",
        "page_port = 8097": "page_port = 0",
        "quiet_s = 1": "quiet_s = 0.2",
        **changed,
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


class ByHand:
    """A run that goes on while somebody answers.

    Args:
        arguments: As after `cpis run`.
        out: Where runs are written.
    """

    def __init__(self, *arguments: str, out: Path) -> None:
        self._out = out
        self._log = out / f"run{len(list(out.glob('run*.log')))}.log"
        environment = {k: v for k, v in os.environ.items() if not k.startswith((PLAN_VARIABLE, "PYTEST_"))}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cpis_cli", "run", "--out", str(out), *arguments],
                cwd=out,
                env=environment | {"COLUMNS": "300", "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """All it has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _said(self, pattern: str, *, within: float) -> str:
        deadline = time.monotonic() + within
        while (found := re.search(pattern, self.output, re.MULTILINE)) is None:
            assert time.monotonic() < deadline and not self.ended(), f"no {pattern}:\n{self.output}"
            time.sleep(0.02)
        return found[1]

    def url(self) -> str:
        """Where it asks."""
        return self._said(r"a person is asked at (\S+) or", within=30)

    def folder(self) -> Path:
        """The run's own folder."""
        return self._out / self._said(r"^run (\S+):", within=30)

    def lane(self) -> Path:
        """The folder of its only lane."""
        return self.folder() / "lanes" / "main"

    def ended(self) -> bool:
        """It is over."""
        return self._process.poll() is not None

    def interrupt(self) -> None:
        """Break it off, as Ctrl-C does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def played(self, *, within: float = 60) -> Played:
        """The run once it has ended."""
        code = self._process.wait(within)
        return Played(code, self._out / self._said_before(), self.output)

    def _said_before(self) -> str:
        found = re.search(r"^run (\S+):", self.output, re.MULTILINE)
        return found[1] if found else ""

    def end(self) -> None:
        """Leave nothing behind."""
        if not self.ended():
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextmanager
def by_hand(*arguments: str, out: Path) -> Iterator[ByHand]:
    """A run that goes on; ended with the test."""
    run = ByHand(*arguments, out=out)
    try:
        yield run
    finally:
        run.end()
