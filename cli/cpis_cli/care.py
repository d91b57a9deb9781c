"""`cpis care`: the mock care client with its driver API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cpis_cli.tls_options import Ca, Cert, Key, client_tls


def care(
    url: Annotated[str, typer.Option(help="Address of the service that is asked.")],
    config: Annotated[
        Path | None, typer.Option(help="Configuration: [care.tls], and its settings say how long to wait.")
    ] = None,
    cert: Cert = None,
    key: Key = None,
    ca: Ca = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the driver API, 0 for any free one.")] = 0,
) -> None:
    """Run the mock care client: a driver API in front, lookups at the service behind.

    Prints one JSON line with its address once it accepts connections. Ends on Ctrl-C.

    Example: cpis care --url http://127.0.0.1:4433 --port 8098
    """
    from cpis_cli.hosting import fail, run_until_told
    from cpis_fixtures.config import load_config
    from cpis_simulator.apps.care_host import CareHost
    from cpis_simulator.apps.logs import start_logging
    from cpis_simulator.apps.operations import operations_app
    from cpis_simulator.errors import CpisError
    from cpis_simulator.transport.http_server import HttpServer

    start_logging()
    try:
        read = load_config(config)
        settings = read.settings
        client = CareHost(url, settings.query.client_timeout, tls=client_tls(read, cert, key, ca))
        server = HttpServer(operations_app("care", client), host=host, port=port, limits=settings.transport)
        server.start()
        run_until_told({"event": "ready", "url": server.url}, server.stop)
    except CpisError as error:
        raise fail("care", error) from error
