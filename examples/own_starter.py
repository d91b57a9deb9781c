"""A way of one's own to start a product: for what is neither a program in the foreground nor a container.

`cpis.toml` names it by the entry point under which it is installed:

    [project.entry-points."cpis.starters"]
    ready-line = "own_starter:ReadyLine"

    [system_under_test.start]
    kind = "ready-line"
    program = "driver_adapter.py"
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpis_fixtures.starting.offer import Offer, Started
from cpis_simulator.errors import ConfigError, StartError


class ReadyLine:
    """Starts a Python program that prints one line of JSON with the address of its driver when it is up.

    Args:
        keys: What stands in the table of `cpis.toml`, but for `kind`, `working_folder` and `within_s`.
        working_folder: From which paths in that table count.
    """

    def __init__(self, keys: Mapping[str, Any], working_folder: Path) -> None:
        """Read the table; a wrong one is refused before anything is started."""
        if [*keys] != ["program"]:
            raise ConfigError("kind = ready-line", expected="one key, program", found=", ".join(keys))
        self._program = working_folder / str(keys["program"])

    def check(self) -> None:
        """Look before the run for what can be seen to be wrong."""
        if not self._program.is_file():
            raise ConfigError("The program is not there", where="system_under_test.start", found=str(self._program))

    def start(self, offer: Offer) -> Started:
        """Start it for one lane, and say where its driver is and how it is stopped.

        `offer` has what the lane hands out: the drop folder, the authority, a folder for data, another for logs.
        """
        offer.logs.mkdir(parents=True, exist_ok=True)
        log = offer.logs / "product.log"
        with log.open("ab") as errors:
            child = subprocess.Popen(
                [sys.executable, str(self._program), "0"],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=dict(offer.environment),
                text=True,
            )
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise StartError("The product ended before it was up", found=f"exit code {child.wait()}", where=str(log))

        def stop() -> None:
            child.terminate()
            child.communicate(timeout=10)

        return Started(
            url=json.loads(line)["url"],
            stop=stop,
            trouble=lambda: "" if child.poll() is None else "it has ended",
            facts={"pid": child.pid},
            logs=(log,),
        )
