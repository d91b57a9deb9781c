"""`cpis init`: a first `cpis.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cpis_fixtures.first_config import Answers


def init(
    role: Annotated[str | None, typer.Option(help="authority, care or service.")] = None,
    start: Annotated[str | None, typer.Option(help="bundled, process, docker or none.")] = None,
    driver: Annotated[str | None, typer.Option(help="How the product is asked: http, command or manual.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; what is not said has its default.")] = False,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("cpis.toml"),
    force: Annotated[bool, typer.Option("--force", help="Write over one that is there.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Also write cpis.schema.json beside it, for editors.")
    ] = False,
) -> None:
    """Write a first cpis.toml, with every choice commented, and say what to do next.

    Asks about the product; what is said as an option is not asked.

    Example: cpis init --role authority --start none --driver http
    """
    from cpis_cli.hosting import fail
    from cpis_fixtures.config import read_config
    from cpis_fixtures.first_config import Answers, check, text_of
    from cpis_simulator.errors import ConfigError, CpisError

    said = {name: value for name, value in (("role", role), ("start", start), ("driver", driver)) if value is not None}
    try:
        if out.exists() and not force:
            mend = "Name another with --out, or add --force."
            raise ConfigError("The file is there already", where=str(out), mend=mend)
        answers = Answers(**said)
        check(answers)
        if not yes:
            answers = _asked(answers, said)
        text = text_of(answers, schema="./cpis.schema.json" if schema else "")
        trial = out.with_name(f".{out.name}.trial")
        _write(trial, text)
        try:
            read_config(trial, {})
            trial.replace(out)
        finally:
            trial.unlink(missing_ok=True)
        if schema:
            from cpis_fixtures.config_keys import as_schema

            _write(out.with_name("cpis.schema.json"), as_schema())
    except CpisError as error:
        raise fail("init", error) from error
    typer.echo(f"{out} is written.")
    for line in _next(answers, out):
        typer.echo(line)


def _asked(answers: Answers, said: dict[str, str]) -> Answers:
    """The answers of whoever sits there; those that were given are not asked."""
    from dataclasses import replace

    from cpis_fixtures.first_config import QUESTIONS

    for question in QUESTIONS:
        if question.name in said or not question.is_asked(answers):
            continue
        text = f"{question.text} ({', '.join(question.choices)})" if question.choices else question.text
        found = typer.prompt(text, default=getattr(answers, question.name))
        while question.choices and found not in question.choices:
            found = typer.prompt(f"There is no '{found}': {', '.join(question.choices)}")
        answers = replace(answers, **{question.name: found})
    return answers


def _write(file: Path, text: str) -> None:
    from cpis_simulator.errors import ConfigError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError("The file cannot be written", where=str(file), found=error.strerror) from error


def _next(answers: Answers, out: Path) -> list[str]:
    """What to do now, one thing a line."""
    lines = {
        "process": ["Correct the command in [system_under_test.start] if it is not right yet."],
        "docker": ["Correct the image in [system_under_test.start] if it is not right yet."],
        "none": [
            "Start the product, and have it write into the drop folder."
            if answers.role == "authority"
            else "Start the product, and have it send its queries to the port in [service]."
        ],
        "bundled": [],
    }[answers.start]
    doctor, run = f"Next: cpis doctor --config {out}", f"Then: cpis run --config {out}"
    if answers.start == "bundled":
        return [*lines, doctor, run]
    if answers.driver == "manual":
        # A whole run asks about a thousand questions; nobody's first should.
        lines.append("Whom to key in, and how a run by hand goes: docs/manual.md.")
        return [*lines, doctor, f"{run} --tag FD-01"]
    if answers.role == "care":
        return [*lines, "No driver yet? docs/care.md has the operations of a care system.", doctor, run]
    lines.append("No driver yet? docs/driver.md shows how to write one.")
    return [*lines, doctor, run]
