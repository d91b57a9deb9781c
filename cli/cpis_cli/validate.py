"""`cpis validate`: judge CP-IS files without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cpis_simulator.rules.judge import Verdict
    from cpis_simulator.vocabulary import MessageKind

FORMATS = ("text", "json", "junit")
USAGE_ERROR = 2
PIECE = 1024 * 1024
"""Bytes read at a time, so that a huge file that is out of bounds is not read to its end."""


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files to judge, one message each.")],
    kind: Annotated[
        str | None,
        typer.Option(help="What each file must be, such as upload or query; without it, what it claims to be."),
    ] = None,
    format: Annotated[str, typer.Option(help="text, json or junit.")] = "text",
) -> None:
    """Judge CP-IS files: form, codes and business rules, each finding with its requirement id.

    Exit code 0 when all are valid, 1 when one is not, 2 when one cannot be read.

    Example: cpis validate --format json upload.xml reply.xml
    """
    wanted = _kind(kind)
    if format not in FORMATS:
        raise _usage(f"unknown format {format!r}: expected {', '.join(FORMATS)}")
    verdicts = [(path, _judge(path, wanted)) for path in files]
    write = {"text": _as_text, "json": _as_json, "junit": _as_junit}[format]
    typer.echo(write(verdicts), nl=False)
    if not all(verdict.valid for _, verdict in verdicts):
        raise typer.Exit(1)


def _usage(message: str) -> typer.Exit:
    typer.echo(f"cpis validate: {message}", err=True)
    return typer.Exit(USAGE_ERROR)


def _kind(name: str | None) -> MessageKind | None:
    from cpis_simulator.vocabulary import MessageKind

    if name is None:
        return None
    known = [kind.value for kind in MessageKind if kind is not MessageKind.UNKNOWN]
    if name not in known:
        raise _usage(f"unknown kind {name!r}: expected one of {', '.join(known)}")
    return MessageKind(name)


def _judge(path: Path, wanted: MessageKind | None) -> Verdict:
    from cpis_simulator.rules.judge import judge_pieces

    try:
        with path.open("rb") as file:
            return judge_pieces(iter(lambda: file.read(PIECE), b""), wanted)
    except OSError as error:
        raise _usage(f"cannot read {path}: {error.strerror}") from error


def _as_text(verdicts: Sequence[tuple[Path, Verdict]]) -> str:
    lines = []
    for path, verdict in verdicts:
        lines.append(f"{path}: {'valid' if verdict.valid else 'INVALID'} ({verdict.kind})")
        for finding in verdict.findings:
            where = ", ".join(part for part in (f"line {finding.line}" if finding.line else "", finding.xpath) if part)
            lines.append(f"  {finding.rule} {finding.severity}: {finding.message}")
            if where:
                lines.append(f"    at {where}")
    return _printable("\n".join(lines) + "\n")


def _printable(shown: str) -> str:
    """Without the lone surrogates that a file name may hold, which no encoding can write."""
    return shown.encode("utf-8", "replace").decode()


def _as_json(verdicts: Sequence[tuple[Path, Verdict]]) -> str:
    import json
    from dataclasses import asdict

    shown = [
        {
            "file": _printable(str(path)),
            "kind": verdict.kind.value,
            "valid": verdict.valid,
            "findings": [asdict(finding) for finding in verdict.findings],
        }
        for path, verdict in verdicts
    ]
    return json.dumps(shown, ensure_ascii=False, indent=2) + "\n"


def _as_junit(verdicts: Sequence[tuple[Path, Verdict]]) -> str:
    from cpis_simulator.codecs.xml import attribute, text

    failed = sum(not verdict.valid for _, verdict in verdicts)
    cases = []
    for path, verdict in verdicts:
        opening = f'<testcase classname="cpis.validate.{verdict.kind}" name="{attribute(_printable(str(path)))}"'
        shown = "\n".join(
            f"{finding.rule} {finding.severity} line {finding.line} {finding.xpath}: {finding.message}"
            for finding in verdict.findings
        )
        if verdict.valid:
            output = f"<system-out>{text(shown)}</system-out>" if shown else ""
            cases.append(f"{opening}>{output}</testcase>" if output else f"{opening}/>")
        else:
            rules = ", ".join(dict.fromkeys(finding.rule for finding in verdict.findings))
            cases.append(f'{opening}><failure message="{attribute(rules)}">{text(shown)}</failure></testcase>')
    counts = f'tests="{len(verdicts)}" failures="{failed}" errors="0" skipped="0"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites {counts}>\n<testsuite name="cpis validate" {counts}>\n'
        + "\n".join(cases)
        + "\n</testsuite>\n</testsuites>\n"
    )
