"""A care system that breaks one rule is told so: on that requirement, and on no other but those its fault names."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cpis_reports.catalogue import requirements
from cpis_simulator.care.faults import FAULTS
from tests.acceptance.faulty_runs import Runs, as_text, assert_noticed, catalogue_tests, runs_asked_for, table_of
from tests.acceptance.running import Played

LIST: Final = Path(__file__).with_name("care_faults.csv")
"""What was drawn up from the rules, before the checks were there."""
NOT_BUILT: Final = {
    "number-in-log": "no rule binds the log of a care system",
}
OTHERWISE: Final = {
    "answer-kept-by-name": "RSP-012",
}
"""Faults whose requirements were misjudged when the list was drawn up: what the catalogue's order of lookups shows."""


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    yield from runs_asked_for(FAULTS, [*FAULTS], "care", request, tmp_path_factory)


@pytest.mark.long_table(10)
@pytest.mark.parametrize("name", [*FAULTS])
def test_a_fault_fails_its_requirement_and_no_other(name: str, runs: Runs) -> None:
    assert_noticed(FAULTS[name], runs[name].result(), "care")


def test_without_a_fault_nothing_fails(care_run: Played) -> None:
    chosen = {test for fault in FAULTS.values() for test in catalogue_tests(fault)} - {"LK-28"}
    assert chosen <= {scenario.test for scenario in care_run.results.scenarios}
    assert "fail" not in care_run.verdicts().values(), care_run.output
    assert {s.outcome for s in care_run.results.scenarios if s.test in chosen} == {"pass"}, care_run.output
    assert care_run.exit_code == 0


def test_a_viewer_without_a_fault_fails_nothing(viewer_run: Played) -> None:
    assert {v.id for v in viewer_run.results.requirements if v.verdict == "pass"} == {"CPIS-NTF-004", "CPIS-UI-011"}
    assert [scenario.outcome for scenario in viewer_run.results.scenarios] == ["pass"]
    assert viewer_run.exit_code == 0


def test_the_faults_drawn_up_from_the_rules_are_those_of_the_list() -> None:
    rows = {row["fault"]: row["requirements"] for row in csv.DictReader(LIST.open(encoding="utf-8"))}
    built = {name: expected for name, expected in rows.items() if name not in NOT_BUILT} | OTHERWISE
    drawn_up = {
        f.name: " ".join(r.removeprefix("CPIS-") for r in f.requirements)
        for f in FAULTS.values()
        if f.origin == "rules"
    }
    assert drawn_up == built


def test_more_than_half_of_the_faults_were_drawn_up_from_the_rules() -> None:
    assert sum(fault.origin == "rules" for fault in FAULTS.values()) * 2 > len(FAULTS) > 30


def test_every_hazard_of_false_reassurance_and_wrong_person_that_binds_is_tried() -> None:
    tried = {requirement for fault in FAULTS.values() for requirement in (*fault.requirements, *fault.also)}
    grave = {
        r.id
        for r in requirements().values()
        if "care" in r.binds
        and r.hazard in ("false-reassurance", "wrong-person")
        and r.level == "MUST"
        and r.applies_when in ("", "route:hl7v3", "profile:reliable")
    }
    # A query holds no id of a patient whose root or order could be wrong: the number is a bare parameter.
    assert grave - tried == {"CPIS-MSG-008"}


@pytest.mark.long_table
def test_table_of_faults(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    rows = table_of(FAULTS, {}, runs, "care")
    with capsys.disabled():
        print(f"\n{as_text(rows)}")
    assert list(dict.fromkeys(name for name, *_ in rows[1:])) == list(FAULTS)
