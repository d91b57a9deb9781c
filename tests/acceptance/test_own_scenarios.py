"""Somebody's own scenarios: our steps, a chapter of their own in the report, and no weight in the status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from cpis_reports.results import normalised
from tests.acceptance.forging import change_results, copy_of
from tests.acceptance.running import QUICK, Played, play, run_command

FAULTY = f"""\
[system_under_test.start]
kind = "bundled"
faults = ["alert-to-nobody"]

[own_scenarios]
features = ["../ours"]

{QUICK}"""

# NT-20 in other words; its catalogue test and its requirements are claimed by it, and not shown.
OURS = """\
Feature: What our council looks at first

  @own-alerts @NT-20 @CPIS-NTF-012 @CPIS-NTF-017
  Scenario: Somebody of the child's team is alerted
    Given a child on a child protection plan
    And the child is allocated to a worker of one team
    When the service delivers an access to the child
    Then the child's worker or team has one alert of the access
"""


def write(folder: Path, text: str = OURS, name: str = "alerts.feature") -> Path:
    """A feature file of somebody's own, beside where the run is written."""
    ours = folder / "ours"
    ours.mkdir(exist_ok=True)
    (ours / name).write_text(text, encoding="utf-8")
    return ours / name


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One test of the suite and an own scenario, against a product that fails the latter."""
    folder = tmp_path_factory.mktemp("both")
    write(folder)
    return play("--seed=7", "--tag=FD-01", "--tag=own-alerts", out=folder / "out", config=FAULTY)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The same without the own scenario."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "ours").mkdir()
    write(folder)
    return play("--seed=7", "--tag=FD-01", out=folder / "out", config=FAULTY)


def said_of_the_product(played: Played) -> dict[str, Any]:
    """What a run says of a product, beside its own scenarios."""
    value = normalised(played.results)
    summary = {k: v for k, v in value["summary"].items() if k != "own_scenarios"}
    return {"requirements": value["requirements"], "summary": summary, "errors": value["errors"]}


def test_a_scenario_as_it_is_written_for_a_start_passes(tmp_path: Path) -> None:
    exit_code, output = run_command(
        [sys.executable, "-m", "cpis_cli", "new", "scenario", "ours/first.feature"], cwd=tmp_path
    )
    assert exit_code == 0, output
    played = play(tmp_path / "ours", out=tmp_path / "out")
    assert played.exit_code == 0, played.output
    assert [(s.own, s.outcome) for s in played.results.scenarios] == [(True, "pass")]
    assert played.results.summary.own_scenarios == {"pass": 1}
    assert {v.verdict for v in played.results.requirements} <= {"not-tested", "not-applicable"}


def test_one_that_fails_changes_nothing_in_what_the_suite_says(both: Played, alone: Played) -> None:
    assert {s.test: (s.own, s.outcome) for s in both.results.scenarios} == {
        "FD-01": (False, "pass"),
        "NT-20": (True, "fail"),
    }
    assert said_of_the_product(both) == said_of_the_product(alone)
    assert both.verdict("CPIS-NTF-017").verdict == "not-tested"
    assert both.results.summary.status == "partial"


def test_whoever_runs_it_is_told_all_the_same(both: Played, alone: Played) -> None:
    assert (both.exit_code, alone.exit_code) == (1, 0)
    assert "own scenarios, which do not count in that: 1 fail" in both.output


def test_it_has_a_chapter_of_its_own(both: Played, alone: Played) -> None:
    page = (both.folder / "report.html").read_text(encoding="utf-8")
    suite, _, own = page.partition('<section id="own-scenarios"')
    name = "Somebody of the child&#39;s team is alerted"
    assert name in own
    assert name not in suite
    assert "change neither the claim nor the status above" in own
    assert 'id="own-scenarios"' not in (alone.folder / "report.html").read_text(encoding="utf-8")
    assert '<property name="own" value="true" />' in (both.folder / "junit.xml").read_text(encoding="utf-8")


def test_a_scenario_of_the_suite_cannot_be_called_somebodys_own(both: Played, tmp_path: Path) -> None:
    def forge(results: dict[str, Any]) -> None:
        for scenario in results["scenarios"]:
            scenario["own"] = True

    assert run_command([sys.executable, "-m", "cpis_cli", "verify", str(both.folder)], cwd=tmp_path)[0] == 0
    copy = copy_of(both.folder, tmp_path / "copy")
    change_results(copy, forge)
    exit_code, output = run_command([sys.executable, "-m", "cpis_cli", "verify", str(copy)], cwd=tmp_path)
    assert exit_code == 1
    assert ": own: recorded True, found False" in output


def test_a_tag_of_ones_own_has_a_beginning_of_its_own(tmp_path: Path) -> None:
    feature = write(tmp_path, OURS.replace("@own-alerts", "@alerts"))
    played = play(feature, out=tmp_path / "out")
    assert played.exit_code == 2
    assert "unknown tag @alerts; tags of your own begin with @own-" in played.output


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    played = play("--tag=FD-01", out=tmp_path / "out", config=FAULTY)
    assert played.exit_code == 2
    assert f"No such feature file or folder ({tmp_path / 'ours'})" in played.output


def test_a_check_before_the_run_names_steps_of_the_folder_that_do_not_exist(tmp_path: Path) -> None:
    write(tmp_path, OURS.replace("has one alert", "has an alert"))
    played = play("--check", out=tmp_path / "out", config=FAULTY)
    assert played.exit_code == 1
    assert "ours/alerts.feature:8: no Then has the words" in played.output
    assert "nearest: the <who>'s worker or team has one alert of the access" in played.output
