"""A run on disk, read without any of the parts that made it: `results.json`, `evidence.jsonl`, `bodies/`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cpis_reports.results import Results, read_results
from cpis_simulator.errors import ConfigError
from cpis_simulator.evidence import FIRST, Evidence, Record, digest, read_journal, read_record


@dataclass(frozen=True, slots=True)
class Bundle:
    """A run as it was found.

    Attributes:
        folder: Where it stands.
        results: Its record.
        evidence: Everything that crossed a border.
        problems: What is wrong with the chain of the journal.
        seal: Digest of the last whole line, and the number of records.
        by_scenario: The records of each scenario, in order.
    """

    folder: Path
    results: Results
    evidence: Evidence
    problems: tuple[str, ...]
    seal: tuple[str, int]
    by_scenario: Mapping[str, Sequence[Record]]

    def of_scenario(self, scenario: str, *, since: int = 0, until: int | None = None) -> Evidence:
        """What a check of a scenario saw: its records after `since`, up to and including `until`."""
        records = self.by_scenario.get(scenario, ())
        seen = [r for r in records if r.seq > since and (until is None or r.seq <= until)]
        return Evidence(seen, body_reader(self.folder))


def read_bundle(folder: Path) -> Bundle:
    """Read a run.

    Raises:
        ConfigError: When the folder holds no run.
    """
    results = read_results(folder)
    lines = journal_lines(folder)
    records, problems = read_journal(lines)
    by_scenario: dict[str, list[Record]] = {}
    for record in records:
        if record.scenario is not None:
            by_scenario.setdefault(record.scenario, []).append(record)
    evidence = Evidence(records, body_reader(folder))
    return Bundle(folder, results, evidence, tuple(problems), seal_of(lines), by_scenario)


def journal_lines(folder: Path) -> list[bytes]:
    """The lines of a journal, torn ones included.

    Raises:
        ConfigError: When there is no journal.
    """
    file = folder / "evidence.jsonl"
    try:
        return file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        mend = "Name the folder of a run, such as reports/out/latest."
        raise ConfigError("No evidence to read", where=str(file), mend=mend) from error


def seal_of(lines: Iterable[bytes]) -> tuple[str, int]:
    """`run.evidence_sha256` and `run.evidence_records`: they name the end of the chain, and so all of it."""
    last, count = FIRST, 0
    for line in lines:
        try:
            read_record(line)
        except ValueError:
            continue
        last, count = digest(line), count + 1
    return last, count


def seal(folder: Path) -> tuple[str, int]:
    """The seal of a journal that nobody writes to any more."""
    return seal_of(journal_lines(folder))


def body_reader(folder: Path) -> Callable[[str], bytes]:
    """Gives the bytes of a body by its hash; raises `KeyError` for one that is not there."""
    bodies = folder / "bodies"

    def read(sha256: str) -> bytes:
        # A hash out of a file is a name we did not choose: it must not lead out of the folder.
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise KeyError(f"{sha256[:80]!r} is no hash")
        try:
            return (bodies / sha256).read_bytes()
        except OSError as error:
            raise KeyError(f"no body {sha256}") from error

    return read
