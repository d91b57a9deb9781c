"""`cpis explain`: why the mock Spine answers a lookup of a number as it does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

TOKEN_VARIABLE = "CPIS_CONTROL_TOKEN"


def explain(
    nhs_number: Annotated[str, typer.Argument(help="Whose answer to explain.")],
    ready: Annotated[
        Path | None, typer.Option(help="File that holds the ready line of `cpis serve`: address and token.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of the control API, `control_url` of the ready line.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help=f"Its token, `control_token`; default the variable {TOKEN_VARIABLE}.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts for programs instead of words.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that the service may take.")] = 30.0,
) -> None:
    """Say why a lookup is answered as it is.

    Names each record that is held, from which file, shown or hidden, by which rule and since when; every access; and
    who was told of what. Exit code 0 whatever the answer is, 2 for wrong usage, 3 when the service was not reached.

    Example: cpis explain 9990001014 --ready ready.json
    """
    from cpis_cli.hosting import HARNESS_ERROR, fail
    from cpis_simulator.driving import Explain, Held
    from cpis_simulator.errors import ConfigError
    from cpis_simulator.transport.http_client import CallStatus, DriverClient

    try:
        address, secret = _where(ready, url, token)
        reply = DriverClient(address, secret).call("explain", Explain(nhs_number=nhs_number), within=timeout)
    except ConfigError as error:
        raise fail("explain", error) from error
    if reply.status is not CallStatus.ANSWERED:
        typer.echo(f"cpis explain: {reply.reason}", err=True)
        wrong = reply.status is CallStatus.NOT_UNDERSTOOD
        raise typer.Exit(2 if wrong else HARNESS_ERROR)
    held = Held.model_validate(reply.body)
    typer.echo(held.model_dump_json(indent=2) if as_json else held.text)


def _where(ready: Path | None, url: str | None, token: str | None) -> tuple[str, str | None]:
    """Address and token of the control API.

    Raises:
        ConfigError: When the address is not given, or the file is no ready line.
    """
    from cpis_simulator.errors import ConfigError

    line: dict[str, str] = {}
    if ready is not None:
        try:
            line = json.loads(ready.read_text(encoding="utf-8").splitlines()[0])
            line["control_url"], line["control_token"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            mend = "Keep it with `cpis serve … > ready.json`."
            raise ConfigError(
                "No ready line", where=str(ready), expected="as `cpis serve` prints it", mend=mend
            ) from error
    address = url or line.get("control_url")
    if address is None:
        mend = "Give --ready, or --url and --token, as the ready line of `cpis serve` has them."
        raise ConfigError("Where is the service?", expected="the address of its control API", mend=mend)
    return address, token or line.get("control_token") or os.environ.get(TOKEN_VARIABLE)
