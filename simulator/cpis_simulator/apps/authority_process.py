"""The bundled authority as a process: host, driver API, one line on standard output, an orderly end."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cpis_simulator.apps.authority_host import AuthorityHost
from cpis_simulator.apps.authority_system import AuthorityDriver
from cpis_simulator.apps.logs import start_logging
from cpis_simulator.apps.operations import MAX_BODY, operations_app
from cpis_simulator.authority.caseload import Configuration
from cpis_simulator.authority.faults import faulty
from cpis_simulator.transport.http_server import HttpServer

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    configuration: Configuration
    port: int
    drop: Path
    state: Path
    faults: tuple[str, ...] = ()
    other_children: int = 0
    withheld: frozenset[str] = frozenset()


def run(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: An unknown fault, or two that cannot be combined.
        StartError: The port or the state cannot be had.
    """
    start_logging()
    kind = faulty(options.faults)
    # Before anything slow, so that a run that ends early still ends us in good order.
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    host = AuthorityHost(
        options.configuration,
        drop=options.drop,
        state=options.state,
        kind=kind,
        other_children=options.other_children,
    )
    driver = AuthorityDriver(host, withheld=options.withheld, faults=options.faults)
    server = HttpServer(operations_app("authority", driver), port=options.port, max_body=MAX_BODY)
    host.start()
    server.start()
    ready = {"event": "ready", "url": server.url, "ods": options.configuration.ods, "drop": str(options.drop.resolve())}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    ended.wait()
    server.stop()
    host.stop()
    LOG.info("event=stopped")
