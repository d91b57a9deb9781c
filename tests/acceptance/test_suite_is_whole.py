"""The suite cannot lose a check without saying so, and no check passes on nothing or on somebody else's evidence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cpis_reports.bundle import Bundle, body_reader, read_bundle
from cpis_reports.checks import CHECKS, run_check
from cpis_reports.results import RecordedCheck, Results, Scenario
from cpis_reports.verdicts import judge
from cpis_simulator.evidence import MARK, PROBE, Evidence
from cpis_steps.features import read_feature, suite_folder
from tests.acceptance.running import Played, play

STORYBOARDS = suite_folder() / "end_to_end" / "storyboards.feature"

ABOUT_NOBODY = {"unreadable-reply-shown", "words-in-no-response"} | {
    c for c in CHECKS if c.startswith("service-obeys-")
}
"""Checks without a person among their parameters: they look at every file that was delivered."""


def outcome_lines(feature: Path) -> list[str]:
    """Texts of the Then and And lines of EE-01."""
    (scenario,) = [s for s in read_feature(feature) if s.test == "EE-01"]
    words = [step.keyword for step in scenario.steps]
    return [step.text for step in scenario.steps[words.index("Then") :]]


def without(line: str, feature: str) -> str:
    """The feature without a line of EE-01; what follows a Then takes its place."""
    lines = feature.splitlines()
    at = next(n for n, found in enumerate(lines) if found.strip().endswith(f" {line}"))
    if lines[at].strip().startswith("Then"):
        lines[at + 1] = lines[at + 1].replace("And ", "Then ", 1)
    return "\n".join(lines[:at] + lines[at + 1 :]) + "\n"


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """EE-01 as it is, and once for each of its outcome lines without that line."""
    folder = tmp_path_factory.mktemp("features") / "end_to_end"
    folder.mkdir()
    text = STORYBOARDS.read_text(encoding="utf-8")
    (folder / "whole.feature").write_text(text, encoding="utf-8")
    for number, line in enumerate(outcome_lines(STORYBOARDS)):
        (folder / f"without_{number}.feature").write_text(without(line, text), encoding="utf-8")
    return play(folder, "--tag", "EE-01", out=tmp_path_factory.mktemp("trimmed"))


def test_ee_01_has_an_outcome_of_every_flow() -> None:
    assert len(outcome_lines(STORYBOARDS)) == 7


@pytest.mark.parametrize("number", range(7))
def test_an_outcome_line_that_is_taken_out_of_a_copy_is_an_error(number: int, trimmed: Played) -> None:
    line = outcome_lines(STORYBOARDS)[number]
    scenarios = {s.feature: s for s in trimmed.results.scenarios}
    whole, changed = scenarios["end_to_end/whole.feature"], scenarios[f"end_to_end/without_{number}.feature"]
    assert line not in [step.text for step in changed.attempts[0].steps]
    missing = [c.check for c in whole.attempts[0].checks if c.step == line]
    assert missing
    errors = [error for error in trimmed.results.own_errors if error.startswith(f"{changed.id}: ")]
    for check in missing:
        assert f"{changed.id}: {check} was not run, though EE-01 calls for it" in errors
    assert trimmed.exit_code == 1


def test_the_whole_of_ee_01_is_no_error(trimmed: Played) -> None:
    (whole,) = [s for s in trimmed.results.scenarios if s.feature == "end_to_end/whole.feature"]
    assert whole.outcome == "pass"
    assert [error for error in trimmed.results.own_errors if error.startswith(whole.id)] == []


def test_a_copy_of_the_suite_cannot_pass_for_it(tmp_path: Path) -> None:
    """It may have lost a line, so it is refused under the suite's names."""
    copy = tmp_path / "features"
    shutil.copytree(suite_folder(), copy)
    feature = copy / "end_to_end" / "storyboards.feature"
    line = outcome_lines(STORYBOARDS)[-1]
    feature.write_text(without(line, STORYBOARDS.read_text(encoding="utf-8")), encoding="utf-8")
    played = play(feature, "--tag", "EE-01", out=tmp_path / "out")
    assert played.exit_code == 2
    assert "the suite has a scenario end_to_end/storyboards/sb1-" in played.output


def steps_with_checks(results: Results) -> Iterator[tuple[int, Scenario, str]]:
    """Each step of a run that called a check, with the place of its scenario."""
    for place, scenario in enumerate(results.scenarios):
        for step in dict.fromkeys(check.step for check in scenario.attempts[-1].checks):
            yield place, scenario, step


def test_no_outcome_line_of_the_whole_suite_can_be_taken_out_unseen(whole_run: Played) -> None:
    """Each line in turn is taken out of the record, as if its feature file had never had it."""
    results = whole_run.results
    unseen, tried = [], 0
    for place, scenario, step in steps_with_checks(results):
        attempt = scenario.attempts[-1]
        gone = [c for c in attempt.checks if c.step == step]
        if not any(c.requirements for c in gone):
            continue  # The test does not judge it; it is there to make a failure plainer.
        tried += 1
        left = attempt.model_copy(
            update={
                "checks": [c for c in attempt.checks if c.step != step],
                "steps": [s for s in attempt.steps if s.text != step],
            }
        )
        scenarios = list(results.scenarios)
        scenarios[place] = scenario.model_copy(update={"attempts": [*scenario.attempts[:-1], left]})
        again = judge(results.model_copy(update={"scenarios": scenarios}))
        if not any(error.startswith(f"{scenario.id}: ") for error in again.errors):
            unseen.append(f"{scenario.id}: {step}")
    assert unseen == []
    assert tried > 150


@cache
def _bundle(folder: Path) -> Bundle:
    return read_bundle(folder)


def recorded(name: str, *runs: Played) -> list[tuple[Bundle, Scenario, RecordedCheck]]:
    """Every call of a check that passed."""
    return [
        (_bundle(run.folder), scenario, check)
        for run in runs
        for scenario in _bundle(run.folder).results.scenarios
        for attempt in scenario.attempts
        for check in attempt.checks
        if check.check == name and check.outcome == "pass"
    ]


@pytest.fixture(params=sorted(CHECKS))
def calls(
    request: pytest.FixtureRequest,
    whole_run: Played,
    service_run: Played,
    care_run: Played,
    two_authorities: Played,
    viewer_run: Played,
    mesh_run: Played,
) -> list[tuple[Bundle, Scenario, RecordedCheck]]:
    """The passing calls of one registered check, with parameters that a scenario gave it."""
    return recorded(request.param, whole_run, service_run, care_run, two_authorities, viewer_run, mesh_run)


def test_every_registered_check_is_called_by_a_scenario_and_can_pass(calls: list[object]) -> None:
    assert calls


def test_a_check_that_is_given_no_evidence_is_inconclusive(
    calls: list[tuple[Bundle, Scenario, RecordedCheck]],
) -> None:
    for bundle, scenario, check in calls[:5]:
        nothing = run_check(check.check, Evidence([], dict[str, bytes]().__getitem__), check.parameters)
        assert nothing.outcome == "inconclusive"
        # The service was alive and steps were begun, but no message crossed and no driver spoke.
        own = bundle.of_scenario(scenario.id)
        idle = Evidence([r for r in own.records if r.channel in (MARK, PROBE)], body_reader(bundle.folder))
        assert run_check(check.check, idle, check.parameters).outcome == "inconclusive"


def test_a_check_does_not_pass_on_the_evidence_of_another_scenario(
    calls: list[tuple[Bundle, Scenario, RecordedCheck]],
) -> None:
    passed = [
        f"{check.check} of {scenario.id} passed on {other.id}"
        for bundle, scenario, check in calls[:3]
        for other in bundle.results.scenarios
        if other.id != scenario.id and check.check not in ABOUT_NOBODY
        if run_check(check.check, bundle.of_scenario(other.id), check.parameters).outcome == "pass"
    ]
    assert passed == []
