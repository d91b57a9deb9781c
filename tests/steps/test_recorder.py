"""What a scenario's end means: whose fault it was, and what was not reached."""

from pathlib import Path
from typing import Any

import pytest

from cpis_reports.results import RecordedCheck
from cpis_simulator.errors import ConfigError, DecodeError, HarnessError, NoReply, NotOffered, PeerError, StartError
from cpis_steps.features import read_feature
from cpis_steps.recorder import Recording
from tests.steps.writing import GOOD, write_feature


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    [scenario] = read_feature(write_feature(tmp_path, GOOD))
    return Recording(scenario)


class FakeJudge:
    """What a recording asks of a judge."""

    def __init__(self, *recorded: RecordedCheck) -> None:
        self.recorded = list(recorded)
        self.step = ""

    @property
    def stage(self) -> Any:
        class Named:
            role = "authority"

        class Holder:
            plan = Named

        class Stage:
            lane = Holder

        return Stage


def check(outcome: str, *, party: str = "authority", step: str = "") -> RecordedCheck:
    return RecordedCheck.model_validate(
        {
            "check": "some-check",
            "party": party,
            "requirements": ["CPIS-UPL-001"],
            "step": step,
            "until": 9,
            "evidence": [3],
            "outcome": outcome,
            "witness": "wire",
            "findings": [] if outcome == "pass" else [f"{party} finding"],
        }
    )


def attempt(recording: Recording) -> dict[str, Any]:
    value: dict[str, Any] = recording.as_json()["scenario"]["attempts"][0]
    return value


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (NotOffered("the authority's driver does not offer 'restart'"), "not-tested"),
        (ConfigError("wrong"), "config"),
        (HarnessError("ours"), "harness"),
        (StartError("never came up"), "harness"),
        (PeerError("refused", party="authority"), "not-reached"),
        (NoReply("silent", party="authority"), "not-reached"),
        (DecodeError("no message", party="authority"), "not-reached"),
        (pytest.skip.Exception("left out"), "not-tested"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_the_kind_of_an_error_says_whose_fault_it_was(recording: Recording, error: BaseException, cause: str) -> None:
    recording.begin()
    recording.step_begins()
    recording.step_breaks(error)
    recording.close(error, 0.5)
    assert attempt(recording)["stop"] == {"cause": cause, "reason": str(error), "doctor": ""}
    assert recording.outcome()[0] == ("not-tested" if cause == "not-tested" else "inconclusive")


def test_what_ended_a_scenario_names_the_check_of_doctor_that_explains_it(recording: Recording) -> None:
    recording.begin()
    recording.close(ConfigError("no such folder", doctor="drop-root"), 0.5)
    assert attempt(recording)["stop"] == {"cause": "config", "reason": "no such folder", "doctor": "drop-root"}


def test_an_error_that_nobody_foresaw_is_the_harness_s_and_names_its_place(recording: Recording) -> None:
    try:
        raise KeyError("nobody")
    except KeyError as error:
        recording.close(error, 0.5)
    stop = attempt(recording)["stop"]
    assert stop["cause"] == "harness"
    assert stop["reason"].startswith("KeyError: 'nobody' (test_recorder.py, line ")


def test_what_was_not_reached_is_recorded_as_not_run(recording: Recording) -> None:
    recording.step_begins()
    recording.step_breaks(PeerError("refused", party="authority"))
    recording.close(PeerError("refused", party="authority"), 0.5)
    assert [(s["keyword"], s["outcome"], s["message"]) for s in attempt(recording)["steps"]] == [
        ("Given", "failed", "refused"),
        ("When", "not-run", ""),
        ("Then", "not-run", ""),
    ]


def test_a_scenario_that_never_began_has_all_steps_not_run(recording: Recording) -> None:
    recording.close(StartError("The service ended before it was ready"), 0.1)
    assert {s["outcome"] for s in attempt(recording)["steps"]} == {"not-run"}
    assert attempt(recording)["stop"]["cause"] == "harness"


def test_an_undefined_step_is_the_harness_s_fault_and_the_nearest_are_named(recording: Recording) -> None:
    recording.step_begins()
    recording.step_ends()
    recording.step_unknown()
    recording.close(LookupError("pytest-bdd's own words"), 0.1)
    value = attempt(recording)
    assert [s["outcome"] for s in value["steps"]] == ["passed", "undefined", "not-run"]
    assert value["steps"][1]["message"].startswith("no step has these words (line 6); nearest: ")
    assert value["stop"]["cause"] == "harness"
    assert value["stop"]["reason"].startswith("undefined step 'an emergency department looks the child up'; nearest: ")


def test_a_check_that_failed_makes_its_step_a_failed_one_and_no_other(recording: Recording) -> None:
    recording.judge = FakeJudge(check("fail", step="the answer holds the child's plan"))  # type: ignore[assignment]
    for _ in range(3):
        recording.step_begins()
        recording.step_ends()
    recording.close(None, 0.2)
    assert [s["outcome"] for s in attempt(recording)["steps"]] == ["passed", "passed", "failed"]
    assert attempt(recording)["steps"][2]["message"] == "authority finding"
    assert attempt(recording)["stop"] is None


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ([check("pass")], "pass"),
        ([check("pass"), check("fail")], "fail"),
        ([check("inconclusive"), check("fail")], "fail"),
        ([check("pass"), check("inconclusive")], "inconclusive"),
        # The harness plays the service here: that it misbehaved is no failure of the authority.
        ([check("pass"), check("fail", party="service")], "inconclusive"),
    ],
)
def test_the_outcome_is_the_word_of_the_checks_on_the_party_under_test(
    recording: Recording, checks: list[RecordedCheck], outcome: str
) -> None:
    recording.judge = FakeJudge(*checks)  # type: ignore[assignment]
    recording.close(None, 0.2)
    assert recording.outcome()[0] == outcome


def test_a_failed_check_outweighs_an_error_that_came_later(recording: Recording) -> None:
    recording.judge = FakeJudge(check("fail"))  # type: ignore[assignment]
    recording.close(HarnessError("ours"), 0.2)
    assert recording.outcome() == ("fail", "authority finding (some-check)")
