"""A product that serves two authorities keeps them apart: files, acknowledgements, notifications; also at full size."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cpis_fixtures.processes import Process
from cpis_reports.bundle import body_reader, journal_lines
from cpis_reports.checks import run_check
from cpis_reports.checks.reading import uploads
from cpis_simulator.authority.faults import FAULTS
from cpis_simulator.evidence import FILE_DROP, Evidence, Record, read_journal
from tests.acceptance.conftest import SEED, TWO_AUTHORITIES
from tests.acceptance.running import Played, play, run_command

BETWEEN = [name for name, fault in FAULTS.items() if fault.several]
FILES, ANSWERS, ACCESSES = "each-authority-s-file", "an-answer-to-one", "an-access-is-told"
NOTICED_IN = {
    "file-of-every-authority": FILES,
    "file-id-of-any-authority": ANSWERS,
    "access-on-every-file-of-the-number": ACCESSES,
}


def outcomes(played: Played) -> dict[str, str]:
    """By the words with which the names of the SA-10 scenarios begin."""
    found = {s.id.rpartition("/")[2]: s.outcome for s in played.results.scenarios if s.test == "SA-10"}
    return {
        words: outcome for words in NOTICED_IN.values() for name, outcome in found.items() if name.startswith(words)
    }


def records_of(played: Played, scenario: str) -> list[Record]:
    """The evidence of an SA-10 scenario."""
    records, _ = read_journal(journal_lines(played.folder))
    return [r for r in records if scenario in (r.scenario or "")]


def test_a_sound_product_keeps_them_apart(two_authorities: Played) -> None:
    assert outcomes(two_authorities) == {FILES: "pass", ANSWERS: "pass", ACCESSES: "pass"}
    assert two_authorities.verdict("CPIS-IG-010").verdict == "pass"
    assert two_authorities.results.run.authorities == ["Z99", "Z98"]
    assert two_authorities.exit_code == 0


def test_the_record_of_such_a_run_can_be_judged_again(two_authorities: Played) -> None:
    command = [sys.executable, "-m", "cpis_cli", "verify", str(two_authorities.folder)]
    assert run_command(command, cwd=two_authorities.folder)[0] == 0


@pytest.mark.parametrize("name", BETWEEN)
def test_each_way_of_mixing_them_up_is_found(tmp_path: Path, name: str) -> None:
    text = f'{TWO_AUTHORITIES}\n[system_under_test.start]\nkind = "bundled"\nfaults = ["{name}"]\n'
    played = play("--seed", SEED, "--tag=SA-10", out=tmp_path, config=text)
    found = outcomes(played)
    assert {words for words, outcome in found.items() if outcome == "fail"} == {NOTICED_IN[name]}, played.output
    assert played.verdict("CPIS-IG-010").verdict == "fail"


def test_the_faults_mix_up_files_acknowledgements_and_notifications() -> None:
    assert set(BETWEEN) == set(NOTICED_IN)


@pytest.mark.parametrize(
    ("kind", "scenario", "check"),
    [
        ("acknowledgement", FILES, "acknowledged-where-sent"),
        ("access-notification", ACCESSES, "access-not-notified"),
    ],
)
def test_a_service_that_delivers_to_the_wrong_authority_is_found(
    two_authorities: Played, kind: str, scenario: str, check: str
) -> None:
    """What stood in the first one's receiving folder stands in the second one's."""

    def misdelivered(record: Record) -> Record:
        headers = record.headers
        if (headers.get("direction"), headers.get("kind"), headers.get("authority")) != ("response", kind, "Z99"):
            return record
        return replace(record, headers={**headers, "authority": "Z98"})

    records = records_of(two_authorities, scenario)
    (played,) = [s for s in two_authorities.results.scenarios if scenario in s.id]
    (recorded,) = [c for c in played.attempts[-1].checks if c.check == check]
    assert recorded.outcome == "pass"
    bodies = body_reader(two_authorities.folder)
    wrong = Evidence([misdelivered(r) for r in records], bodies)
    assert run_check(check, wrong, recorded.parameters).outcome == "fail"


def test_the_service_is_judged_by_them_too(tmp_path: Path) -> None:
    played = play("--role", "service", "--tag=SA-10", out=tmp_path, config=TWO_AUTHORITIES)
    # The answer of the third is made up by the harness, and judges the authority alone.
    assert outcomes(played) == {FILES: "pass", ACCESSES: "pass"}
    assert [v for v in played.results.requirements if v.verdict == "fail"] == []


def test_where_one_authority_is_served_they_are_no_part_of_the_suite(whole_run: Played) -> None:
    assert outcomes(whole_run) == {}
    assert whole_run.verdict("CPIS-IG-010").verdict == "pass"


def test_a_product_that_does_not_serve_the_second_one_is_described_wrongly(tmp_path: Path) -> None:
    product = Process(
        "authority",
        ["authority", "--port", "0", "--drop", str(tmp_path / "drop"), "--state", str(tmp_path / "state")],
        log=tmp_path / "log",
    )
    try:
        played = play("--tag=SA-10", out=tmp_path / "out", config=_running(product, tmp_path / "drop"))
    finally:
        product.stop()
    assert {(s.outcome, s.cause, s.doctor) for s in played.results.scenarios} == {
        ("inconclusive", "config", "authority-code")
    }


def test_two_counties_in_one_product_are_kept_apart(tmp_path: Path) -> None:
    """1,754 children each, in every file, of a product without a reset and a clock."""
    product = Process(
        "authority",
        [
            *("authority", "--port", "0", "--drop", str(tmp_path / "drop"), "--state", str(tmp_path / "state")),
            *("--also", "Z98|SAMPLEBURY TEST COUNCIL|tel:01632960004", "--county", "--seed", "7"),
            *("--full-files", "--no-reset", "--no-clock"),
        ],
        log=tmp_path / "log",
    )
    try:
        tags = ("--tag=SA-10", "--tag=FD-01")
        # A file of 1,754 children takes longer than one of a test's few.
        config = _running(product, tmp_path / "drop").replace("export_s = 1", "export_s = 30")
        played = play(*tags, out=tmp_path / "out", config=config.replace("reply_s = 1", "reply_s = 15"))
    finally:
        product.stop()
    assert {s.outcome for s in played.results.scenarios} == {"pass"}, played.output
    records, _ = read_journal(journal_lines(played.folder))
    evidence = Evidence(records, body_reader(played.folder))
    numbers = {}
    for ods in ("Z99", "Z98"):
        first = uploads(evidence, ods)[0].upload
        assert first is not None
        assert first.quantity == 1754
        numbers[ods] = {s.nhs_number for record in first.records for s in getattr(record, "subjects", ())}
    assert numbers["Z99"] & numbers["Z98"] == set()
    assert len(evidence.on(FILE_DROP, authority="Z98", direction="upload")) >= 2


def _running(product: Process, drop: Path) -> str:
    """The two authorities, of a product that runs already."""
    return f"""{TWO_AUTHORITIES}
[system_under_test.start]
kind = "none"

[system_under_test.driver]
url = "{product.ready["url"]}"

[file_drop]
root = "{drop}"
"""
