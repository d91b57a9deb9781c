"""`cpis run`: the accreditation suite, or given features, against the system under test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    features: Annotated[list[Path] | None, typer.Argument(help="Feature files or folders; default the suite.")] = None,
    config: Annotated[Path | None, typer.Option(help="The product under test; default the bundled authority.")] = None,
    role: Annotated[str | None, typer.Option(help="authority, care or service; default as configured.")] = None,
    expression: Annotated[str, typer.Option("-k", help="Only scenarios whose id or name has these words.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Only scenarios with this tag, such as FD-01.")] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats the made-up data of a run; default a new one.")] = None,
    challenge: Annotated[str, typer.Option(help="An assessor's words that make the data unpredictable.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Lanes side by side; the product must offer as many.")] = 1,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Play the scenarios in an order drawn from the seed.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where runs are written.")] = Path("reports/out"),
    prepared: Annotated[
        Path | None, typer.Option(help="Folder of a sheet of `cpis prepare` that was keyed in; has seed and challenge.")
    ] = None,
    resume: Annotated[
        str, typer.Option(help="Go on with a run that was broken off: its id below --out, or its folder.")
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Start nothing; look for undefined steps and bad tags.")
    ] = False,
    require_conformant: Annotated[
        bool, typer.Option("--require-conformant", help="A gap in coverage is a failure too.")
    ] = False,
) -> None:
    """Run the accreditation suite and write a report.

    Exit code 0: nothing failed; 1: something failed or stayed undecided; 2: wrong usage or configuration; 3: the
    harness failed or the product was never reached.

    A run that was broken off goes on with `--resume`: what has ended is not played again, and what a person has keyed
    in or said is not asked again.

    Example: cpis run --config cpis.toml -k "looked after"
    """
    from cpis_cli.hosting import fail
    from cpis_simulator.errors import CpisError
    from cpis_steps.runner import Request, check_features, run_suite

    try:
        request = Request(
            features=tuple(features or ()),
            config=config,
            role=role,
            expression=expression,
            tags=tuple(t.removeprefix("@") for t in tag or ()),
            seed=seed,
            challenge=challenge,
            jobs=jobs,
            shuffle=shuffle,
            out=out,
            require_conformant=require_conformant,
            prepared=prepared,
            resume=resume,
        )
        if check:
            problems = check_features(request)
            for problem in problems:
                typer.echo(problem)
            typer.echo(f"{len(problems)} problem(s)", err=True)
            raise typer.Exit(1 if problems else 0)
        raise typer.Exit(run_suite(request, say=typer.echo))
    except CpisError as error:
        raise fail("run", error) from error
