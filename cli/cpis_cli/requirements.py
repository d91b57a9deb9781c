"""`cpis requirements`: what the suite covers of the catalogue."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class Format(StrEnum):
    """How the coverage is shown."""

    text = "text"
    json = "json"


class RoleName(StrEnum):
    """Whose requirements are shown."""

    authority = "authority"
    service = "service"
    care = "care"
    harness = "harness"


def requirements(
    role: Annotated[RoleName | None, typer.Option(help="Only what binds this role")] = None,
    tests: Annotated[bool, typer.Option("--tests", help="The tests of the catalogue instead")] = False,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Show which requirements the suite judges, by which scenarios, and why others are not.

    Example: cpis requirements --role authority --tests
    """
    from cpis_reports.checks import CHECKS
    from cpis_reports.suite import coverage_of_requirements, coverage_of_tests, load_suite
    from cpis_simulator.errors import ConfigError
    from cpis_steps.features import suite, suite_folder

    try:
        known, errors = load_suite(suite_folder(), scenarios=[(s.test, s.id) for s in suite()], checks=CHECKS)
    except ConfigError as error:
        typer.echo(f"cpis requirements: {error}", err=True)
        raise typer.Exit(2) from error
    wanted = role.value if role else None
    rows = coverage_of_tests(known, wanted) if tests else coverage_of_requirements(known, wanted)
    for problem in errors:
        typer.echo(f"error of the suite: {problem}", err=True)
    if form is Format.json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        _show(rows, tests=tests)


def _show(rows: list[dict[str, Any]], *, tests: bool) -> None:
    covered = sum(row["covered"] for row in rows)
    if tests:
        for row in rows:
            said = f"{len(row['scenarios'])} scenarios" if row["scenarios"] else row["reason"]
            typer.echo(f"{row['id']}  {'yes' if row['covered'] else 'no ':3}  {row['title']} - {said}")
        typer.echo(f"\n{covered} of {len(rows)} tests of the catalogue have scenarios.")
        return
    for row in rows:
        said = ", ".join(row["tested_by"]) if row["covered"] else row["reason"]
        mark = "yes" if row["covered"] else "no "
        typer.echo(f"{row['id']}  {row['role']:9}  {row['level']:6}  {mark}  {row['text']} - {said}")
    typer.echo(f"\n{covered} of {len(rows)} requirements are judged by the suite, counted once for each role.")
