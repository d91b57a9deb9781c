"""`cpis certs`: a test CA and certificates, good ones and such as must be refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SNIPPET = """\
# What to put into cpis.toml:
[service.tls]
certificate = {server}
key = {server_key}
client_ca = {ca}

[care.tls]
certificate = {care}
key = {care_key}
ca = {ca}
"""


def certs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that gets them.")],
    host: Annotated[list[str] | None, typer.Option(help="Another name or address of the server.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Make a test CA, and certificates for the server, a care client and an authority's MESH client.

    Each party gets a good one and three that must be refused: <party>-expired, <party>-wrong-ca, <party>-wrong-name.
    For tests only: whoever has the folder can make more of them.

    Example: cpis certs certs && cpis serve --cert certs/server.pem --key certs/server.key --ca certs/ca.pem
    """
    from datetime import UTC, datetime

    from cpis_cli.hosting import fail
    from cpis_simulator.errors import CpisError
    from cpis_simulator.transport.certificates import make_certificates

    try:
        made = make_certificates(folder, now=datetime.now(UTC), hosts=host or (), replace=force)
    except CpisError as error:
        raise fail("certs", error) from error
    for name, file in made.items():
        typer.echo(f"# {file} and {file.with_suffix('.key').name}: {_meaning(name)}")

    def toml(name: str, suffix: str = ".pem") -> str:
        return "'" + str(made[name].with_suffix(suffix).absolute()) + "'"

    values = {"server": toml("server"), "server_key": toml("server", ".key"), "ca": toml("ca")}
    typer.echo("\n" + SNIPPET.format(**values, care=toml("care"), care_key=toml("care", ".key")), nl=False)


def _meaning(name: str) -> str:
    """What a certificate is for, or why it must be refused."""
    from cpis_simulator.transport.certificates import VARIANTS

    if name == "ca":
        return "the authority that both sides trust"
    if name == "wrong-ca":
        return "an authority that nobody trusts"
    variant = next(v for v in reversed(VARIANTS) if name.endswith(v))
    party = name.removesuffix(variant)
    of = {"server": "the mock Spine", "care": "a care system", "authority": "an authority's MESH client"}[party]
    fault = {"-expired": ", expired", "-wrong-ca": ", of the wrong authority", "-wrong-name": ", of another name"}
    return of + fault.get(variant, "")
