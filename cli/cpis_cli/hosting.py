"""What the commands share that run until they are told to stop."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable

import typer

from cpis_simulator.errors import ConfigError, CpisError

USAGE_ERROR = 2
HARNESS_ERROR = 3


def fail(command: str, error: CpisError) -> typer.Exit:
    """Say what is wrong on standard error; the exit code to raise: 2 for the user's mistake, 3 for ours."""
    typer.echo(f"cpis {command}: {error}", err=True)
    return typer.Exit(USAGE_ERROR if isinstance(error, ConfigError) else HARNESS_ERROR)


def run_until_told(ready: dict[str, object], stop: Callable[[], None]) -> None:
    """Print the ready line, wait for SIGTERM or Ctrl-C, then stop cleanly."""
    told = threading.Event()
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: told.set())
    try:
        print(json.dumps(ready), flush=True)
        # A wait without a time limit cannot be interrupted on Windows.
        while not told.wait(1.0):
            pass
    finally:
        stop()
        sys.stdout.flush()
