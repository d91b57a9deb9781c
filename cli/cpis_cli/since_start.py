"""How long this process has run: what a promise in seconds counts from, as whoever waits for the command counts."""

from __future__ import annotations

import os
import time
from pathlib import Path

_IMPORTED = time.monotonic()
_STARTTIME = 19
"""Of the fields after the name of the program: ticks from the machine's start to the process's (proc_pid_stat(5))."""


def since_start_s() -> float:
    """Seconds since this process was started, the interpreter's own beginning and all imports included.

    Where the system does not tell, since this module was imported.
    """
    try:
        # The name stands in brackets, and may itself have brackets and spaces in it.
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        started_s = int(fields[_STARTTIME]) / os.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started_s, 0.0)
    except (OSError, AttributeError, ValueError, IndexError):
        return time.monotonic() - _IMPORTED
