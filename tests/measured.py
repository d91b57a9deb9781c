"""Run a command and say how long it took and how much memory it held.

A process starts with the peak memory of its parent as its own, as Linux counts, and keeps it over `exec`. So a small
process stands between the tests and the command: this file, run as a script.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """What a command did.

    Attributes:
        code: How it ended; negative when it was killed.
        seconds: From start to end, as long as the machine took.
        cpu_seconds: What it computed itself, whatever else the machine did.
        peak_mib: Peak resident memory, the interpreter's own included.
        out: Standard output.
        err: Standard error.
    """

    code: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    out: str
    err: str


def measured(*command: str, deadline_s: int = 10) -> Measured:
    """Run a command to its end, or kill it at the deadline."""
    done = subprocess.run(
        [sys.executable, "-S", "-E", str(Path(__file__)), str(deadline_s), *command], capture_output=True, check=True
    )
    return Measured(**json.loads(done.stdout))


def _main(deadline_s: int, command: list[str]) -> None:
    # Only what the script needs, so that it stays small.
    import signal
    import tempfile
    import time

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        pid = os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)],
        )
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
        signal.alarm(deadline_s)
        _, status, used = os.wait4(pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        result = {
            "code": os.waitstatus_to_exitcode(status),
            "seconds": seconds,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "peak_mib": used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024),
            "out": out.read().decode("utf-8", "replace"),
            "err": err.read().decode("utf-8", "replace"),
        }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
