"""`cpis steps`: the phrases that feature files may use."""

from __future__ import annotations

from typing import Annotated

import typer


def steps(
    words: Annotated[
        list[str] | None, typer.Argument(help="Only steps that have all these words in them or in what they mean.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The whole list as docs/steps.md has it.")] = False,
) -> None:
    """List the steps that scenarios can be written with.

    `<name>` stands for words of yours, `(one|other)` for one of the two, and what stands in `[ ]` may be left out.

    Example: cpis steps looks up
    """
    from cpis_steps.phrases import phrases
    from cpis_steps.step_list import settings, step_list

    if markdown:
        typer.echo(step_list(), nl=False)
        return
    found = [p for p in phrases() if all(map(p.has, words or []))]
    for phrase in found:
        typer.echo(f"{phrase.keyword:5} {phrase.text}\n      {phrase.meaning}{phrase.choices.replace('`', '')}")
    if any("<setting>" in phrase.text for phrase in found):
        typer.echo("\n<setting>, with a, an or the:\n" + "\n".join(f"      {line}" for line in settings()))
    if not found:
        typer.echo("No step has all these words; try fewer.", err=True)
        raise typer.Exit(1)
