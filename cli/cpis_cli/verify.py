"""`cpis verify`: judge a run again from its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of the run, such as reports/out/latest")],
) -> None:
    """Judge a run again from its evidence, without the product.

    The chain of the evidence, every body, every check and every conclusion are recomputed; each difference
    is named. Exit code 0: all is as recorded; 1: something is not; 2: there is no run.

    Example: cpis verify reports/out/latest
    """
    from cpis_reports import verify as verifying
    from cpis_reports.checks import CHECKS
    from cpis_reports.results import read_results
    from cpis_reports.suite import load_suite
    from cpis_simulator.errors import ConfigError
    from cpis_steps.features import suite, suite_folder
    from cpis_steps.selection import is_for

    try:
        run = read_results(bundle).run
        scenarios = [
            (s.test, s.id) for s in suite() if is_for(s, run.role, run.claims, authorities=len(run.authorities))
        ]
        known, _ = load_suite(suite_folder(), scenarios=scenarios, checks=CHECKS)
        differences = verifying.verify(bundle, suite=known)
    except ConfigError as error:
        typer.echo(f"cpis verify: {error}", err=True)
        raise typer.Exit(2) from error
    for difference in differences:
        typer.echo(difference)
    if differences:
        typer.echo(f"{len(differences)} differences: this is not the run as it was recorded.", err=True)
        raise typer.Exit(1)
    typer.echo("All is as recorded: the chain of evidence, every body, every check, every verdict.")
