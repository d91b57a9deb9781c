"""`cpis validate`: judge CP-IS files without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

if TYPE_CHECKING:
    from cpis_simulator.rules.judge import Judging, Verdict
    from cpis_simulator.vocabulary import MessageKind

FORMATS = ("text", "json", "junit")
USAGE_ERROR = 2
PIECE = 1 << 18
"""Bytes that are read at a time."""
STANDARD_INPUT = "-"


def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Files to judge, one message each; - reads standard input.")
    ],
    kind: Annotated[
        str | None,
        typer.Option(help="What each file must be, such as upload or query; without it, what it claims to be."),
    ] = None,
    format: Annotated[str, typer.Option(help="text, json or junit.")] = "text",
    most: Annotated[int, typer.Option(min=1, help="Findings to show for each file; the others are counted.")] = 10_000,
    config: Annotated[
        Path | None, typer.Option(help="Configuration whose settings say which business checks apply.")
    ] = None,
) -> None:
    """Judge CP-IS files: form, codes and business rules, each finding with its requirement, place and mend.

    Takes uploads of any size. Kinds: upload, acknowledgement, query, response, query-failed,
    application-acknowledgement, access-notification, inactive-notification, soap, ebxml, mesh-control.

    Exit code 0 when all are valid, 1 when one is not, 2 when one cannot be read.

    Examples: cpis validate upload.xml reply.xml
              cpis validate --format json --kind query - < query.xml
    """
    from cpis_cli.validate_formats import as_json, as_junit, as_text
    from cpis_simulator.errors import ConfigError

    wanted = _kind(kind)
    if format not in FORMATS:
        raise _usage(f"unknown format {format!r}: expected {', '.join(FORMATS)}")
    try:
        how = _judging(config, most)
    except ConfigError as error:
        raise _usage(str(error)) from error
    verdicts: list[tuple[str, Verdict]] = []
    unread = 0
    for name in files:
        try:
            verdicts.append((_shown(name), _judge(name, wanted, how)))
        except OSError as error:
            unread += 1
            _usage(f"cannot read {_shown(name)}: {error.strerror or error}")
    if verdicts or not unread:
        typer.echo({"text": as_text, "json": as_json, "junit": as_junit}[format](verdicts), nl=False)
    if unread:
        raise typer.Exit(USAGE_ERROR)
    if not all(verdict.valid for _, verdict in verdicts):
        raise typer.Exit(1)


def _usage(message: str) -> typer.Exit:
    typer.echo(f"cpis validate: {message}", err=True)
    return typer.Exit(USAGE_ERROR)


def _shown(name: str) -> str:
    """Without the lone surrogates that a file name may hold, which no encoding can write."""
    return "standard input" if name == STANDARD_INPUT else name.encode("utf-8", "replace").decode()


def _kind(name: str | None) -> MessageKind | None:
    from cpis_simulator.vocabulary import MessageKind

    if name is None:
        return None
    known = [kind.value for kind in MessageKind if kind is not MessageKind.UNKNOWN]
    if name not in known:
        raise _usage(f"unknown kind {name!r}: expected one of {', '.join(known)}")
    return MessageKind(name)


def _judging(config: Path | None, most: int) -> Judging:
    from cpis_fixtures.config import load_config
    from cpis_simulator.rules.judge import Judging

    settings = load_config(config).settings
    return Judging(settings.upload.business_checks, settings.query.access_flag_place, most)


def _judge(name: str, kind: MessageKind | None, how: Judging) -> Verdict:
    import sys

    from cpis_cli.progress import progress
    from cpis_simulator.rules.judge import judge_pieces

    if name == STANDARD_INPUT:
        return judge_pieces(pieces(sys.stdin.buffer, lambda _: None), kind, how)
    path = Path(name)
    with path.open("rb") as file, progress(f"judging {path.name}", path.stat().st_size) as advance:
        return judge_pieces(pieces(file, advance), kind, how)


def pieces(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    """A file some bytes at a time, telling of each."""
    while piece := file.read(PIECE):
        yield piece
        advance(len(piece))
