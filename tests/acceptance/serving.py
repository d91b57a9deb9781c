"""A mock Spine of a test's own, as `cpis serve` starts it, and what a test needs to see of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpis_fixtures.processes import Process
from cpis_simulator.driving import Health, Nothing
from cpis_simulator.transport.http_client import DriverClient


class Spine:
    """A running service and its folders for authority Z99."""

    def __init__(self, folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
        """Start it on the folder, which may hold the state of one that was there before."""
        self.drop = folder / "drop" / "Z99"
        self.evidence = folder / "evidence"
        self.process = Process(
            "service",
            ["serve", "--no-tls", "--drop", str(folder / "drop"), "--store", str(folder / "store.sqlite"),
             "--evidence", str(self.evidence), *arguments],
            log=folder / "service.log",
            environment={**os.environ, **(environment or {})},
        )  # fmt: skip
        ready: dict[str, Any] = self.process.ready
        self.url, self.token = str(ready["url"]), str(ready["control_token"])
        self.control = DriverClient(str(ready["control_url"]), token=self.token)
        self.control_url = str(ready["control_url"])

    def bring(self, name: str, body: bytes) -> None:
        """Bring a file in whole, by a rename."""
        half = self.drop.parent / f".{name}.part"
        half.write_bytes(body)
        half.rename(self.drop / "upload" / name)

    def responses(self, stem: str = "") -> list[Path]:
        """Files in the receiving folder that begin so."""
        return sorted(p for p in (self.drop / "response").glob(f"{stem}*.xml"))

    def answer_to(self, stem: str, within: float = 20.0) -> bytes:
        """The acknowledgement of a file, waited for."""
        wait_for(lambda: self.responses(f"{stem}_RESP_"), lambda: [p.name for p in self.responses()], within=within)
        return self.responses(f"{stem}_RESP_")[0].read_bytes()

    def health(self) -> Health:
        """Its own word on how it is."""
        answer = self.control.call("health", Nothing(), within=5)
        assert answer.status == "answered", answer.reason
        return Health.model_validate(answer.body)


@contextmanager
def spine(folder: Path, *arguments: str) -> Iterator[Spine]:
    """A service for as long as this lasts."""
    running = Spine(folder, *arguments)
    try:
        yield running
    finally:
        running.process.stop()


def wait_for(is_true: Callable[[], object], seen: Callable[[], object], *, within: float = 20.0) -> None:
    """Wait for something, and say what was seen instead when it does not come."""
    deadline = time.monotonic() + within
    while not is_true():
        assert time.monotonic() < deadline, f"not within {within:g} s; seen instead: {seen()}"
        time.sleep(0.01)
