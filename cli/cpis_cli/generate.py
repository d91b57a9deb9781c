"""`cpis generate`: synthetic files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer


def generate(
    what: Annotated[str, typer.Argument(help="What to make: upload, or population.")],
    records: Annotated[int | None, typer.Option(min=1, max=900_000, help="How many records an upload has.")] = None,
    people: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Of how many records the upload is whose people these are.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed and day give the same bytes.")] = 1,
    out: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
    authority: Annotated[str, typer.Option(help="ODS code of the authority that shares.")] = "Z99",
    file_id: Annotated[int, typer.Option(min=1, help="Sequence number of the file.")] = 1,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day the file is made; default today.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration that describes the authority.")] = None,
) -> None:
    """Make an upload file with made-up people, in order in every respect, or the people that it is about.

    A population is for `cpis serve --population`: everybody in the upload of the same seed, day and size, not all of
    them as the authority knows them, with twins, aliases and flags, and what happens to some in the year after.

    Example: cpis generate upload --records 50 --seed 7 --out upload.xml
    Example: cpis generate population --people 50 --seed 7 --out people.json
    """
    from cpis_cli.hosting import fail
    from cpis_fixtures.config import load_config
    from cpis_fixtures.population import made_up_population, population_text
    from cpis_fixtures.uploads import made_up_upload_text
    from cpis_simulator.errors import ConfigError

    try:
        made_on = (day or datetime.now()).date()
        if what == "population":
            count = people or _missing("--people", what)
            _put(out, iter([population_text(made_up_population(count, seed=seed, day=made_on))]))
            return
        if what != "upload":
            raise ConfigError("Unknown kind of file", expected="upload or population", found=what)
        wanted = records or _missing("--records", what)
        known = {a.ods_code: a for a in load_config(config).authorities()}
        if authority not in known:
            mend = "Describe it under [[authority]] in a configuration (--config)."
            raise ConfigError("Unknown authority", expected=f"one of {', '.join(known)}", found=authority, mend=mend)
        text = made_up_upload_text(wanted, seed=seed, day=made_on, authority=known[authority], file_id=str(file_id))
        _put(out, text)
    except ConfigError as error:
        raise fail("generate", error) from error


def _missing(option: str, what: str) -> NoReturn:
    from cpis_simulator.errors import ConfigError

    raise ConfigError(f"How large is the {what} to be?", expected=f"{option} with a number")


def _put(out: Path | None, text: Iterator[str]) -> None:
    if out is None:
        sys.stdout.buffer.writelines(map(str.encode, text))
    else:
        _write(out, text)


def _write(path: Path, text: Iterator[str]) -> None:
    from cpis_simulator.errors import ConfigError

    try:
        with path.open("wb") as file:
            file.writelines(map(str.encode, text))
    except OSError as error:
        raise ConfigError("The file cannot be written", where=str(path), found=error.strerror) from error
