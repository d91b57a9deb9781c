"""`cpis care`: the mock care client with its driver API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cpis_cli.tls_options import Ca, Cert, Key, client_tls, inbox_tls


def care(
    url: Annotated[str, typer.Option(help="Address of the service that is asked.")],
    config: Annotated[
        Path | None, typer.Option(help="Configuration: table care.tls, and its settings say how long to wait.")
    ] = None,
    cert: Cert = None,
    key: Key = None,
    ca: Ca = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the driver API, 0 for any free one.")] = 0,
    profile: Annotated[str, typer.Option(help="How it asks: sync, reliable or express.")] = "sync",
    reply_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port that takes replies, unless sync; 0 for any free one.")
    ] = 4434,
    party: Annotated[str, typer.Option(help="Its party key in the directory.")] = "RX0-0000001",
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds; default query.client_timeout.")] = None,
) -> None:
    """Run the mock care client: a driver API in front, lookups at the service behind.

    Prints one JSON line with its addresses once it accepts connections. Ends on Ctrl-C. In the profiles reliable and
    express the service calls it back where the directory says that its party is.

    Example: cpis care --url http://127.0.0.1:4433 --port 8098 --profile reliable
    """
    from contextlib import ExitStack

    from cpis_cli.hosting import fail, profile_named, run_until_told
    from cpis_fixtures.config import load_config
    from cpis_simulator.apps.care_host import CareHost
    from cpis_simulator.apps.logs import start_logging
    from cpis_simulator.apps.operations import operations_app
    from cpis_simulator.care.client import Sender
    from cpis_simulator.errors import CpisError
    from cpis_simulator.transport.http_server import HttpServer

    start_logging()
    try:
        read = load_config(config)
        settings = read.settings
        tls = client_tls(read, cert, key, ca)
        client = CareHost(
            url,
            timeout or settings.query.client_timeout,
            tls=tls,
            sender=Sender(party, profile=profile_named(profile)),
            time_scale=settings.transport.time_scale,
        )
        with ExitStack() as parts:
            parts.callback(client.stop)
            server = HttpServer(operations_app("care", client), host=host, port=port, limits=settings.transport)
            parts.callback(server.stop)
            ready: dict[str, object] = {"event": "ready", "url": server.url}
            if profile != "sync":
                inbox = HttpServer(
                    client.inbox, host=host, port=reply_port, limits=settings.transport, tls=inbox_tls(tls)
                )
                parts.callback(inbox.stop)
                ready["reply_url"] = f"{inbox.start().url}/"
            server.start()
            run_until_told(ready, parts.pop_all().close)
    except CpisError as error:
        raise fail("care", error) from error
