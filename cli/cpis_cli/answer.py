"""`cpis answer`: a person answers for the product, in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def answer(
    folder: Annotated[Path, typer.Argument(help="Folder of the run, as it says when it starts.")],
    name: Annotated[str, typer.Option(help="Who answers; the report says that you attest it.")] = "",
) -> None:
    """Answer in this terminal what a run with a manual driver asks; its page asks the same.

    Leave with q or Ctrl-C and come back: a question stays until it is answered, or its time is up.

    Example: cpis answer reports/out/20260105T100000-1a2b3c --name "Jo Tester"
    """
    from cpis_cli.hosting import fail
    from cpis_fixtures.manual.terminal import Terminal, find_desks
    from cpis_simulator.errors import ConfigError, CpisError

    try:
        desks = find_desks(folder)
        if len(desks) > 1:
            mend = f"Name one: {', '.join(str(desk.parent) for desk in desks)}."
            raise ConfigError("The run asks at several desks", where=str(folder), mend=mend)
        Terminal(desks[0], name=name, ask=input, say=typer.echo).sit()
    except KeyboardInterrupt:
        typer.echo("\nLeft; the question stays.")
    except CpisError as error:
        raise fail("answer", error) from error
