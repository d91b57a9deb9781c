"""`cpis lookup`: the mock care client asks once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cpis_cli.tls_options import Ca, Cert, Key, client_tls, inbox_tls

if TYPE_CHECKING:
    from cpis_simulator.driving import LookUpResult

FORMATS = ("text", "json")
DEFAULT_HOST = "127.0.0.1:4433"


def lookup(
    nhs_number: Annotated[str, typer.Argument(help="Whom to look up; a number of the test range.")],
    url: Annotated[
        str | None, typer.Option(help=f"Address of the service; default https or http://{DEFAULT_HOST}.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration with table care.tls.")] = None,
    cert: Cert = None,
    key: Key = None,
    ca: Ca = None,
    profile: Annotated[str, typer.Option(help="sync, reliable or express.")] = "sync",
    reply_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port that takes the reply, unless sync: as the directory has it.")
    ] = 4434,
    party: Annotated[str, typer.Option(help="Party key in the directory, unless sync.")] = "RX0-0000001",
    silent: Annotated[bool, typer.Option("--silent", help="A silent read, as scheduled care makes it.")] = False,
    setting: Annotated[str, typer.Option(help="Who asks, such as 'A&E' or 'school nursing'.")] = "emergency department",
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds until the status counts as unknown.")] = 30.0,
) -> None:
    """Look one person up, as a care setting would.

    In the profiles reliable and express the service answers on a connection of its own, to where its directory says
    that the party is: for the bundled party, this machine's port 4434. Scheduled settings read silently by themselves.
    Exit code 0 when information was found or there is no record, 1 when the query was refused or denied or the answer
    was of no use, 2 for wrong usage, 3 when the service was not reached.

    Example: cpis lookup 9990001014 --url http://127.0.0.1:4433 --setting "A&E"
    """
    import logging
    from contextlib import ExitStack

    from cpis_cli.hosting import HARNESS_ERROR, fail, profile_named
    from cpis_fixtures.care_settings import care_setting
    from cpis_fixtures.config import load_config
    from cpis_simulator.apps.care_host import CareHost
    from cpis_simulator.care.client import Sender
    from cpis_simulator.driving import LookUp
    from cpis_simulator.errors import CpisError
    from cpis_simulator.transport.http_server import HttpServer

    # What happened is in the answer; without a handler Python would print warnings beside it.
    logging.getLogger("cpis_simulator").addHandler(logging.NullHandler())
    if format not in FORMATS:
        _usage(f"--format: expected text or json, found {format}")
    try:
        asking = care_setting(setting)
        request = LookUp(nhs_number=nhs_number, author=asking.author(), silent=True if silent else asking.silent)
        tls = client_tls(load_config(config), cert, key, ca)
        address = url or f"{'http' if tls is None else 'https'}://{DEFAULT_HOST}"
        client = CareHost(address, timeout, tls=tls, sender=Sender(party, profile=profile_named(profile)))
        with ExitStack() as parts:
            parts.callback(client.stop)
            if profile != "sync":
                parts.enter_context(HttpServer(client.inbox, port=reply_port, threads=2, tls=inbox_tls(tls)))
            result, unanswered = client.ask(request)
    except CpisError as error:
        raise fail("lookup", error) from error
    typer.echo(result.model_dump_json(indent=2) if format == "json" else _as_text(result))
    if unanswered is not None:
        hint = "" if unanswered.mend else ". Is `cpis serve` running there?"
        typer.echo(f"cpis lookup: {unanswered}{hint}", err=True)
        raise typer.Exit(HARNESS_ERROR)
    if result.status not in ("found", "no-record"):
        raise typer.Exit(1)


def _usage(message: str) -> None:
    typer.echo(f"cpis lookup: {message}.", err=True)
    raise typer.Exit(2)


def _as_text(result: LookUpResult) -> str:
    """The alert and plans, then who looked before."""
    lines = [result.text]
    if result.accesses:
        lines.append("Accesses, this one included:")
        lines += [
            f"  {access.accessed:%d %b %Y %H:%M} {access.worker}, {access.role}, {access.organisation}"
            for access in result.accesses
        ]
    return "\n".join(lines)
