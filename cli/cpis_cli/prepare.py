"""`cpis prepare`: everything that a run will have keyed in, known before the run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def prepare(
    features: Annotated[list[Path] | None, typer.Argument(help="Feature files or folders; default the suite.")] = None,
    config: Annotated[Path | None, typer.Option(help="The product under test.")] = None,
    expression: Annotated[str, typer.Option("-k", help="Only scenarios whose id or name has these words.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Only scenarios with this tag, such as FD-01.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the run's made-up data; default a new one.")] = None,
    challenge: Annotated[str, typer.Option(help="An assessor's words that make the data unpredictable.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the sheet.")] = Path("prepared"),
) -> None:
    """Write the sheet of every child, plan, worker and telephone that a run will use, for keying in by hand.

    The product is neither started nor asked: the run is played once against the bundled system, which takes about a
    minute for the whole suite. Key in what `sheet.html` lists for before the run, type your product's references into
    `sheet.csv`, then: cpis run --config cpis.toml --prepared prepared, with the same features, -k and --tag.

    Example: cpis prepare --config cpis.toml -k "looked after" --out prepared
    """
    from cpis_cli.hosting import fail
    from cpis_fixtures.prepared import write_sheet
    from cpis_simulator.errors import CpisError
    from cpis_steps.rehearsal import rehearse
    from cpis_steps.runner import Request, plan_of

    try:
        request = Request(
            features=tuple(features or ()),
            config=config,
            expression=expression,
            tags=tuple(t.removeprefix("@") for t in tag or ()),
            seed=seed,
            challenge=challenge,
            out=out,
        )
        plan = plan_of(request)
        typer.echo(f"seed {plan.seed}: finding out what the run will have keyed in", err=True)
        sheet = rehearse(plan, say=typer.echo)
        early = [row for row in sheet.rows if row.before]
        files = write_sheet(sheet, out)
    except CpisError as error:
        raise fail("prepare", error) from error
    people = sum(row.operation == "record-child" for row in early)
    typer.echo(
        f"{len(sheet.scenarios)} scenarios: {people} people and {len(early) - people} allocations to be keyed in "
        f"before the run, {len(sheet.rows) - len(early)} things that it asks for when it needs them"
    )
    for file in files:
        typer.echo(f"sheet: {file}")
