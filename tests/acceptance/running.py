"""`cpis run` as a user runs it: a process of its own, judged by its exit code and by what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cpis_fixtures.plan import PLAN_VARIABLE
from cpis_reports.results import RequirementVerdict, Results, Scenario, read_results

QUICK = """\
[wait]
export_s = 1
process_reply_s = 1
quiet_s = 0.2
"""
"""Waits for tests in which something is meant not to come: the bundled system needs milliseconds."""

LONGEST_S = 240.0


@dataclass(frozen=True)
class Played:
    """A run that has ended.

    Attributes:
        exit_code: Of `cpis run`.
        folder: Where the run was written; `out` itself when it never began.
        output: Standard output and error as they came.
    """

    exit_code: int
    folder: Path
    output: str

    @cached_property
    def results(self) -> Results:
        """The record of the run; fails with its output when it left none."""
        assert (self.folder / "results.json").exists(), f"exit {self.exit_code}, no results:\n{self.output}"
        return read_results(self.folder)

    def verdict(self, requirement: str) -> RequirementVerdict:
        """What the run shows of a requirement."""
        return next(v for v in self.results.requirements if v.id == requirement)

    def verdicts(self) -> dict[str, str]:
        """The word on each requirement."""
        return {v.id: v.verdict for v in self.results.requirements}

    def scenario(self, test: str) -> Scenario:
        """The first scenario of a catalogue test."""
        return next(s for s in self.results.scenarios if s.test == test)


def play(*arguments: str | Path, out: Path, config: str | None = QUICK, within: float = LONGEST_S) -> Played:
    """Run the suite, or what the arguments choose of it.

    Args:
        arguments: As after `cpis run`.
        out: Where runs are written; made when it is not there.
        config: Text of `cpis.toml`; None runs without one.
        within: Seconds after which it is ended, and the test with it.
    """
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cpis_cli", "run", "--out", str(out)]
    if config is not None:
        (out / "cpis.toml").write_text(config, encoding="utf-8")
        command += ["--config", str(out / "cpis.toml")]
    exit_code, output = run_command([*command, *map(str, arguments)], cwd=out, within=within)
    run_id = re.search(r"^run (\S+):", output, re.MULTILINE)
    return Played(exit_code, out / run_id[1] if run_id else out, output)


def run_command(command: list[str], *, cwd: Path, within: float = LONGEST_S) -> tuple[int, str]:
    """Exit code and output of a command that knows nothing of the tests around it; ends with all it started."""
    foreign = (PLAN_VARIABLE, "PYTEST_", "CPIS_CRASH_AT")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    # A terminal's width must not break the lines that tests look for.
    environment |= {"COLUMNS": "300", "NO_COLOR": "1"}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    ) as child:
        try:
            output, _ = child.communicate(timeout=within)
        except BaseException as error:
            # Its own process group, and so nobody else's processes.
            os.killpg(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise AssertionError(f"not done within {within:g} s; so far:\n{output}") from error
            raise
    return child.returncode, output
