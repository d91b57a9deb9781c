"""The client's end of the reply leg, a process of its own: `python -m bench.receiver`.

Takes its certificate as a line of JSON on standard input, prints the port that it listens on, and answers every further
line with how many replies have come. Nothing is read of a reply, so that the service is what is measured.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.transport.tls import ServerTls


class Receiver:
    """A WSGI application that counts."""

    def __init__(self) -> None:
        """None has come."""
        self._numbers = itertools.count(1)
        self.count = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Accept a reply."""
        self.count = next(self._numbers)
        start_response("202 Accepted", [("Content-Length", "0")])
        return []


def main() -> None:
    """Until standard input ends."""
    certs = json.loads(sys.stdin.readline())
    receiver = Receiver()
    tls = ServerTls(Path(certs["cert"]), Path(certs["key"]), Path(certs["ca"])) if certs else None
    with HttpServer(receiver, tls=tls) as server:
        print(server.port, flush=True)
        for _ in sys.stdin:
            print(receiver.count, flush=True)


if __name__ == "__main__":
    main()
