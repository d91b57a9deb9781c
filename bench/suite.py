"""The whole accreditation suite, one scenario after another, against the bundled authority."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import Final

from bench.measuring import table

DEADLINE_S: Final = 90.0


def measured() -> str:
    """One run, from the command to its report."""
    with tempfile.TemporaryDirectory(prefix="cpis-bench-") as out:
        command = [sys.executable, "-m", "cpis_cli", "run", "--role", "authority", "--seed", "1", "--out", out]
        began = time.perf_counter()
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        except subprocess.TimeoutExpired:
            return f"The whole suite: not done within {DEADLINE_S:g} s"
        taken = time.perf_counter() - began
    scenarios = sum(line.startswith("[") for line in run.stdout.splitlines())
    claim = next((line for line in run.stdout.splitlines() if "mandatory requirements shown" in line), "no claim")
    return table(
        "The whole suite, serial",
        ("role", "scenarios", "seconds", "exit code", "claim"),
        [("authority", str(scenarios), f"{taken:.1f}", str(run.returncode), claim)],
    )
