"""What a forger does to a run: changes something, and every hash that hangs on it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cpis_reports.bundle import body_reader, journal_lines, seal
from cpis_simulator.evidence import Record, chained, read_journal


def copy_of(run: Path, into: Path) -> Path:
    """A copy of what a run recorded, for changing; without its reports and logs.

    Bodies are links: a changed one is a new file.
    """
    into.mkdir(parents=True)
    for name in ("results.json", "evidence.jsonl"):
        shutil.copyfile(run / name, into / name)
    shutil.copytree(run / "bodies", into / "bodies", copy_function=os.link)
    return into


def records(run: Path) -> list[Record]:
    """The evidence of a run, whose chain is whole."""
    found, problems = read_journal(journal_lines(run))
    assert problems == []
    return found


def body_of(run: Path, record: Record) -> bytes:
    """The bytes of a record."""
    assert record.sha256 is not None
    return body_reader(run)(record.sha256)


def forge_byte(run: Path, record: Record, pattern: bytes) -> None:
    """Change one byte of a record's body: the first of group 1 of the pattern, to another of its kind.

    The body's name, the record's hash, the chain after it and the seal are recomputed, so that only what the bytes mean
    can give the forger away.
    """
    body = body_of(run, record)
    found = re.search(pattern, body)
    assert found, f"{pattern!r} is not in the body: {body[:2000]!r}"
    at = found.start(1)
    old = body[at : at + 1]
    new = b"%d" % ((int(old) + 1) % 10) if old.isdigit() else (b"B" if old in b"Aa" else b"A")
    forge_body(run, record, body[:at] + new + body[at + 1 :])


def forge_body(run: Path, record: Record, body: bytes) -> None:
    """Give a record another body."""
    name = hashlib.sha256(body).hexdigest()
    file = run / "bodies" / name
    if not file.exists():
        file.write_bytes(body)
    forge_journal(run, lambda r: replace(r, sha256=name, size=len(body)) if r.seq == record.seq else r)


def forge_journal(run: Path, change: Callable[[Record], Record | None]) -> None:
    """Change records, or leave out those for which there is None, and make chain and seal fit."""
    kept = [new for record in records(run) if (new := change(record)) is not None]
    (run / "evidence.jsonl").write_bytes(b"".join(record.line() for record in chained(kept)))
    last, count = seal(run)

    def sealed(results: dict[str, Any]) -> None:
        results["run"]["evidence_sha256"], results["run"]["evidence_records"] = last, count

    change_results(run, sealed)


def change_results(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change `results.json` in place, as its JSON."""
    file = run / "results.json"
    value = json.loads(file.read_bytes())
    change(value)
    file.write_text(json.dumps(value), encoding="utf-8")
