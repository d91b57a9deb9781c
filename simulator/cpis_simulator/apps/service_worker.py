"""One process of a mock Spine that is served by several: `python -m cpis_simulator.apps.service_worker`.

Its order comes as one line of JSON on standard input; the ready line, or why there is none, goes to standard output.
It ends on SIGTERM, and with its parent, however that ends: standard input is a pipe that nobody else holds open.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from cpis_simulator.apps.logs import start_logging
from cpis_simulator.apps.memory import collect_seldom
from cpis_simulator.apps.service_host import Places, ServiceHost, Share
from cpis_simulator.directory import Party, RegisteredAuthority
from cpis_simulator.errors import ConfigError, CpisError
from cpis_simulator.settings import Settings


@dataclass(frozen=True, slots=True)
class Order:
    """All that a worker needs to know. `uploads` are loaded before it is ready."""

    settings: Settings
    authorities: tuple[RegisteredAuthority, ...]
    places: Places
    share: Share
    uploads: tuple[Path, ...] = ()
    parties: tuple[Party, ...] = ()


ORDER: TypeAdapter[Order] = TypeAdapter(Order)


def pin(number: int) -> None:
    """Keep this process on a core of its own, where the system allows: caches stay warm, and no two fight for one."""
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def main() -> int:
    """Serve until told to stop."""
    order = ORDER.validate_json(sys.stdin.buffer.readline())
    start_logging()
    told = threading.Event()
    # Ctrl-C at a terminal reaches the whole group; the parent tells us in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        pin(order.share.number)
        service = ServiceHost(order.settings, order.authorities, order.places, order.share, order.parties)
        try:
            for path in order.uploads:
                service.load_upload(path)
            ready = service.serve()
            _say(ready)
            collect_seldom()
            threading.Thread(target=_wait_for_end_of_input, args=(told,), daemon=True).start()
            told.wait()
        finally:
            service.stop()
    except CpisError as error:
        _say({"event": "failed", "reason": str(error), "is_usage": isinstance(error, ConfigError)})
        return 1
    return 0


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _wait_for_end_of_input(told: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    told.set()


if __name__ == "__main__":
    sys.exit(main())
