"""`cpis compare`: an assessor's expected data against a supplier's upload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cpis_simulator.rules.comparison import Difference, Row

FORMATS = ("text", "json")
USAGE_ERROR = 2


def compare(
    expected: Annotated[
        Path | None, typer.Argument(metavar="EXPECTED", help="What the file should hold: CSV or JSON, a row a plan.")
    ] = None,
    actual: Annotated[Path | None, typer.Argument(metavar="ACTUAL", help="The upload file to hold against it.")] = None,
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
    template: Annotated[bool, typer.Option("--template", help="Write expected data to start from, and end.")] = False,
) -> None:
    """Hold expected data against an upload file, field by field.

    Tells every field that differs, every plan that is missing and every one that nobody expected. Columns that the
    expected data lack are not compared.

    Exit code 0 when nothing differs, 1 when something does, 2 when a file cannot be read.

    Examples: cpis compare --template > expected.csv
              cpis compare expected.csv upload.xml
    """
    from cpis_simulator.errors import CpisError
    from cpis_simulator.rules.comparison import read_expected
    from cpis_simulator.rules.comparison import template as make_template

    if template:
        typer.echo(make_template(), nl=False)
        return
    if expected is None or actual is None:
        raise _usage("name the expected data and the upload file, or --template")
    if format not in FORMATS:
        raise _usage(f"unknown format {format!r}: expected {', '.join(FORMATS)}")
    try:
        rows = read_expected(expected.read_bytes(), str(expected))
        found, plans = _differences(rows, actual)
    except CpisError as error:
        raise _usage(str(error)) from error
    except OSError as error:
        raise _usage(f"cannot read {error.filename}: {error.strerror}") from error
    typer.echo(_as_json(found) if format == "json" else _as_text(found, len(rows), plans), nl=False)
    if found:
        raise typer.Exit(1)


def _usage(message: str) -> typer.Exit:
    typer.echo(f"cpis compare: {message}", err=True)
    return typer.Exit(USAGE_ERROR)


def _differences(rows: Sequence[Row], actual: Path) -> tuple[list[Difference], int]:
    from cpis_cli.progress import progress
    from cpis_cli.validate import pieces
    from cpis_simulator.codecs.upload_reader import UploadReader
    from cpis_simulator.rules.comparison import Comparison

    comparison, reader = Comparison(rows), UploadReader()
    with actual.open("rb") as file, progress(f"comparing {actual.name}", actual.stat().st_size) as advance:
        for piece in pieces(file, advance):
            for read in reader.feed(piece):
                comparison.take(read)
        for read in reader.close():
            comparison.take(read)
    return list(comparison.differences()), comparison.plans


def _as_text(found: Sequence[Difference], rows: int, plans: int) -> str:
    lines = []
    for difference in found:
        place = [f"row {difference.row}"] if difference.row is not None else []
        place += [f"record {difference.record}"] if difference.record is not None else []
        line = f"{difference.kind}: {difference.nhs_number}, {difference.what}"
        if difference.kind == "mismatch":
            line += f": expected {difference.expected}, found {difference.found}"
        lines.append(f"{line} ({', '.join(place)})")
    said = f"{len(found)} difference{'s' if len(found) != 1 else ''}" if found else "no difference"
    lines.append(f"{rows} plans expected, {plans} in the file: {said}")
    return "\n".join(lines) + "\n"


def _as_json(found: Sequence[Difference]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(difference) for difference in found], ensure_ascii=False, indent=2) + "\n"
