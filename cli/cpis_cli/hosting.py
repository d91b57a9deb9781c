"""What the commands share that run until they are told to stop."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, get_args

import typer

from cpis_fixtures.processes import ENDS_WITH_INPUT
from cpis_simulator.apps.memory import collect_seldom
from cpis_simulator.errors import ConfigError, CpisError
from cpis_simulator.seeding import Fault
from cpis_simulator.settings import Profile

USAGE_ERROR = 2
HARNESS_ERROR = 3


def _wait_for_end_of_input(told: threading.Event) -> None:
    # Unbuffered: at exit Python would wait for the lock of a buffered stream that a thread reads from.
    while os.read(0, 1024):
        pass
    told.set()


def fail(command: str, error: CpisError) -> typer.Exit:
    """Say what is wrong on standard error; the exit code to raise: 2 for the user's mistake, 3 for ours."""
    typer.echo(f"cpis {command}: {error}", err=True)
    return typer.Exit(USAGE_ERROR if isinstance(error, ConfigError) else HARNESS_ERROR)


def list_faults(faults: Iterable[Fault[Any]]) -> None:
    """Print what each seeded fault is called, what it does and which requirement must notice."""
    for known in faults:
        typer.echo(f"{known.name:40} {', '.join(known.requirements)}\n    {known.behaviour}")


def profile_named(profile: str) -> Profile:
    """A profile by its name.

    Raises:
        ConfigError: There is no such profile.
    """
    for known in get_args(Profile):
        if known == profile:
            found: Profile = known
            return found
    raise ConfigError("--profile", expected="sync, reliable or express", found=profile)


def run_until_told(
    ready: dict[str, object], stop: Callable[[], None], *, check: Callable[[], None] = lambda: None
) -> None:
    """Print the ready line, wait for SIGTERM or Ctrl-C, then stop cleanly.

    `check` is called every second and raises what must end it. A part of a run also ends when the run is no more: its
    standard input is a pipe that nobody else holds open.
    """
    told = threading.Event()
    if os.environ.get(ENDS_WITH_INPUT):
        threading.Thread(target=_wait_for_end_of_input, args=(told,), daemon=True).start()
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: told.set())
    collect_seldom()
    try:
        print(json.dumps(ready), flush=True)
        # A wait without a time limit cannot be interrupted on Windows.
        while not told.wait(1.0):
            check()
    finally:
        stop()
        sys.stdout.flush()
