"""`cpis config`: what stands in a configuration, what could, and a schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

config = typer.Typer(no_args_is_help=True, help="Show a configuration, its keys, or its schema.")


@config.callback()
def about() -> None:
    """Show what a configuration says, which keys there are, and a JSON schema for editors."""


@config.command()
def show(
    config: Annotated[Path | None, typer.Option(help="The configuration; default none, the bundled system.")] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not at its default.")] = False,
) -> None:
    """Show every value and where it comes from: a line of the file, a variable of the environment, or the default.

    Values of environments, and secrets, are hidden.

    Example: cpis config show --config cpis.toml --changed
    """
    from cpis_cli.hosting import fail
    from cpis_fixtures.config import read_config
    from cpis_fixtures.config_keys import shown
    from cpis_simulator.errors import CpisError

    try:
        lines = [line for line in shown(read_config(config)) if not (changed and line.source == "default")]
    except CpisError as error:
        raise fail("config show", error) from error
    width = max((len(line.key) for line in lines), default=0)
    for line in lines:
        typer.echo(f"{line.key:{width}} = {line.value or '(nothing)'}  # {line.source}")


@config.command()
def keys(
    words: Annotated[list[str] | None, typer.Argument(help="Only keys that have these words somewhere.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As docs/configuration.md.")] = False,
) -> None:
    """List the keys of cpis.toml with their defaults.

    Example: cpis config keys telephone
    """
    from cpis_fixtures.config_keys import REQUIRED, as_markdown, found

    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    for key in found(words or []):
        default = f", {key.default if key.default == REQUIRED else f'default {key.default}'}" if key.default else ""
        typer.echo(f"{key.table}.{key.name}: {key.kind}{default}\n    {key.description}")


@config.command()
def schema() -> None:
    """Print a JSON schema of cpis.toml, for editors.

    Example: cpis config schema > cpis.schema.json
    """
    from cpis_fixtures.config_keys import as_schema

    typer.echo(as_schema(), nl=False)
