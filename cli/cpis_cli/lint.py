"""`cpis lint`: feature files against the house rules and the step vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def lint(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; default the suite.")] = None,
) -> None:
    """Check feature files: known steps and tags, one event, distinct names, tests and checks that agree.

    Example: cpis lint my.feature
    """
    from cpis_cli.hosting import fail
    from cpis_simulator.errors import CpisError
    from cpis_steps.features import feature_files, suite_folder
    from cpis_steps.lint import lint_files

    try:
        files = feature_files(paths or [suite_folder()])
        problems = lint_files(files)
    except CpisError as error:
        raise fail("lint", error) from error
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{len(files)} feature file(s), {len(problems)} problem(s)", err=True)
    if problems:
        raise typer.Exit(1)
