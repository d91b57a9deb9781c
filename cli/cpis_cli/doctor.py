"""`cpis doctor`: what is wrong with a configuration, a machine and a product, before a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cpis_cli.since_start import since_start_s

if TYPE_CHECKING:
    from cpis_fixtures.doctor.finding import Result


def doctor(
    config: Annotated[Path | None, typer.Option(help="The product; default the bundled authority.")] = None,
    out: Annotated[Path, typer.Option(help="Where runs are written.")] = Path("reports/out"),
    start: Annotated[
        bool, typer.Option("--start", help="Start the product whatever its kind, and give it its time.")
    ] = False,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is well, and what was not tried and why.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the checks and end.")] = False,
) -> None:
    """Look for what is wrong before a run: the configuration, the machine, the drop folder, the product.

    Takes at most ten seconds, with --start as long as the product may take to come up. It changes nothing; but a
    program is started and ended, and a driver is sent requests that it must refuse. Exit code 0: a run can be made; 1:
    something is wrong.

    Example: cpis doctor --config cpis.toml
    """
    from cpis_cli.hosting import USAGE_ERROR
    from cpis_fixtures.config import read_config
    from cpis_fixtures.doctor.examination import Examination
    from cpis_fixtures.doctor.examine import examine, unreadable
    from cpis_fixtures.starting.tables import BundledStart
    from cpis_simulator.errors import ConfigError

    if format_ not in ("text", "json"):
        typer.echo(f"cpis doctor: --format: expected text or json, found {format_}.", err=True)
        raise typer.Exit(USAGE_ERROR)
    if list_:
        _list()
        return
    try:
        read = read_config(config)
    except ConfigError as error:
        results = [*unreadable(error)]
    else:
        within = max(_SECONDS - since_start_s(), _AT_LEAST_S)
        if start and not isinstance(read.config.system_under_test.start, BundledStart):
            ready = getattr(read.config.system_under_test.start, "ready", None)
            within += (
                ready.within_s if ready is not None else getattr(read.config.system_under_test.start, "within_s", 0.0)
            )
        examination = Examination(read, out=out, starts=start, within=within)
        try:
            results = examine(examination)
        finally:
            examination.close()
    if format_ == "json":
        _tell_as_json(results)
    else:
        _tell(results, everything=everything)
    raise typer.Exit(1 if any(result.outcome in ("wrong", "undecided") for result in results) else 0)


_SECONDS = 8.5
"""From the start of this process until nothing more is looked at; the rest of the ten ends what was started."""

_AT_LEAST_S = 2.0
"""For looking, however long this process has run: a machine that needs so long to start it cannot keep the ten."""


def _tell(results: list[Result], *, everything: bool) -> None:
    for result in results:
        if everything or result.outcome in ("wrong", "look", "undecided"):
            typer.echo(f"{result.outcome:9} {result.id:20} {result.text}".rstrip())
            if result.mend:
                typer.echo(f"{'':30} {result.mend}")
    words = ("ok", "look", "wrong", "undecided", "not tried")
    typer.echo(", ".join(f"{sum(r.outcome == word for r in results)} {word}" for word in words))
    if not everything and any(result.outcome == "not tried" for result in results):
        typer.echo("--all says what was not tried and why; docs/doctor.md explains each check.")


def _tell_as_json(results: list[Result]) -> None:
    import json
    from dataclasses import asdict

    wrong = any(result.outcome in ("wrong", "undecided") for result in results)
    value = {"schema_version": 1, "passed": not wrong, "results": [asdict(result) for result in results]}
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _list() -> None:
    from cpis_fixtures.doctor.table import CHECKS

    for check in CHECKS:
        typer.echo(f"{check.id:20} {check.looks_at}\n    wrong: {check.wrong_when}\n    mend: {check.mend}")
        typer.echo(f"    source: {check.source}")
