"""`cpis steps`: the phrases that feature files may use."""

from __future__ import annotations

from typing import Annotated

import typer


def steps(
    words: Annotated[list[str] | None, typer.Argument(help="Only phrases with all these words.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The whole list as docs/steps.md has it.")] = False,
) -> None:
    """List the steps that scenarios can be written with.

    Example: cpis steps looks up
    """
    from cpis_steps.phrases import phrases
    from cpis_steps.step_list import step_list

    if markdown:
        typer.echo(step_list(), nl=False)
        return
    found = [p for p in phrases() if all(w.lower() in p.text.lower() for w in words or [])]
    for phrase in found:
        typer.echo(f"{phrase.keyword:5} {phrase.text}\n      {phrase.meaning}")
    if not found:
        typer.echo("No step has all these words; try fewer.", err=True)
        raise typer.Exit(1)
