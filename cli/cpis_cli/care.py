"""`cpis care`: the bundled care system alone, with its driver API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cpis_cli.tls_options import Ca, Cert, Key, client_tls, inbox_tls


def care(
    url: Annotated[str, typer.Option(help="Address of the service that is asked.")] = "",
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
    state: Annotated[
        Path | None, typer.Option(help="File that keeps everything; default care-state/<party>.sqlite.")
    ] = None,
    viewer: Annotated[
        bool, typer.Option("--viewer", help="Be a viewer: an alert is seen silently, and opening it notifies.")
    ] = False,
    fault: Annotated[list[str] | None, typer.Option(help="Seeded fault, by name; may be repeated.")] = None,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="List the seeded faults and end.")] = False,
) -> None:
    """Run the bundled care system: a driver API in front, lookups at the service behind.

    Prints one JSON line with its addresses once it accepts connections. Ends on Ctrl-C. In the profiles reliable and
    express the service calls it back where the directory says that its party is.

    Example: cpis care --url http://127.0.0.1:4433 --port 8098 --profile reliable
    """
    if list_faults:
        _list_faults()
        return
    from contextlib import ExitStack

    from cpis_cli.hosting import fail, profile_named, run_until_told
    from cpis_fixtures.config import load_config
    from cpis_simulator.apps.care_desk import CareDesk
    from cpis_simulator.apps.care_screens import care_screens
    from cpis_simulator.apps.logs import start_logging
    from cpis_simulator.apps.operations import operations_app
    from cpis_simulator.care.client import Sender
    from cpis_simulator.care.faults import faulty
    from cpis_simulator.errors import ConfigError, CpisError
    from cpis_simulator.transport.http_server import HttpServer

    start_logging()
    faults = tuple(fault or ())
    try:
        if not url:
            raise ConfigError("--url", expected="the address of the service that is asked")
        read = load_config(config)
        settings = read.settings
        tls = client_tls(read, cert, key, ca)
        desk = CareDesk(
            url,
            timeout or settings.query.client_timeout,
            state=state or Path("care-state") / f"{party}.sqlite",
            kind=faulty(faults),
            faults=faults,
            viewer=viewer,
            tls=tls,
            sender=Sender(party, profile=profile_named(profile)),
            time_scale=settings.transport.time_scale,
        )
        with ExitStack() as parts:
            parts.callback(desk.stop)
            app = operations_app("care", desk)
            app.register_blueprint(care_screens(desk))
            server = HttpServer(app, host=host, port=port, limits=settings.transport)
            parts.callback(server.stop)
            ready: dict[str, object] = {"event": "ready", "url": server.url, "screen": f"{server.url}/screen"}
            if profile != "sync":
                inbox = HttpServer(
                    desk.inbox, host=host, port=reply_port, limits=settings.transport, tls=inbox_tls(tls)
                )
                parts.callback(inbox.stop)
                ready["reply_url"] = f"{inbox.start().url}/"
            server.start()
            run_until_told(ready, parts.pop_all().close)
    except CpisError as error:
        raise fail("care", error) from error


def _list_faults() -> None:
    """One line a fault: its name, what it does and which requirement must notice."""
    from cpis_cli.hosting import list_faults
    from cpis_simulator.care.faults import FAULTS

    list_faults(FAULTS.values())
