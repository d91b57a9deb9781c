"""`cpis new`: something to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

new = typer.Typer(no_args_is_help=True, help="Write something to start from: a scenario of your own.")


@new.callback()
def about() -> None:
    """Write something to start from."""


@new.command()
def scenario(
    file: Annotated[Path, typer.Argument(help="The feature file to write.")] = Path("scenarios/first.feature"),
) -> None:
    """Write a feature file with a scenario that works, and comments that say how to change it.

    Example: cpis new scenario scenarios/ours.feature
    """
    from cpis_cli.hosting import fail
    from cpis_simulator.errors import CpisError
    from cpis_steps.first_scenario import write_first_scenario

    try:
        write_first_scenario(file)
    except CpisError as error:
        raise fail("new scenario", error) from error
    typer.echo(f"Written: {file}\nPlay it: cpis run {file}")
