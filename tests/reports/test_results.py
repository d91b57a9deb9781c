"""`results.json`: what is compared between runs, and what a wrong file is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cpis_reports.results import Step, Stop, normalised, read_results
from cpis_reports.verdicts import judge
from cpis_simulator.errors import ConfigError


def test_two_runs_of_the_same_are_equal_once_normalised(make: Any) -> None:
    def run(*, order: int, **own: Any) -> Any:
        shift = own.pop("shift")
        check = make.check(
            outcome="fail",
            findings=[f"no answer from http://127.0.0.1:{4000 + shift}/x", f"/tmp/run-{shift}/Z99/upload is empty"],
            evidence=[3 + shift, 4 + shift],
            since=shift,
            until=9 + shift,
        )
        attempt = make.attempt(check)
        attempt.duration_s = 0.1 * shift
        attempt.steps[0] = Step(keyword="Given", text="x", outcome="passed", since=shift, until=shift + 1)
        scenarios = [make.scenario("one", attempt), make.scenario("two", make.attempt(make.check()))]
        return judge(make.results(*scenarios[::order], **own))

    one = run(order=1, shift=1, id="a", started="2026-11-22T15:00:00+00:00")
    other = run(order=-1, shift=7, id="b", started="2026-11-23T15:00:00+00:00")
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.scenarios[0].attempts[0].checks[0].findings.append("more"),
        lambda r: r.scenarios[0].attempts[0].checks[0].evidence.append(8),
        lambda r: setattr(r.scenarios[0], "outcome", "fail"),
        lambda r: setattr(r.run, "seed", 2),
        lambda r: setattr(r.scenarios[0].attempts[0], "stop", Stop(cause="harness", reason="x")),
        lambda r: r.errors.append("x"),
    ],
)
def test_what_matters_stays_after_normalising(make: Any, change: Any) -> None:
    one, other = (judge(make.results(make.scenario("one", make.attempt(make.check())))) for _ in range(2))
    change(other)
    assert normalised(one) != normalised(other)


def test_normalising_leaves_dates_ratios_and_addresses_on_the_wire_alone(make: Any) -> None:
    text = "2026-11-22 and/or tel:01632960001 at /FileResponse/message[2]"
    results = judge(make.results(make.scenario("one", make.attempt(make.check(outcome="fail", findings=[text])))))
    check = normalised(results)["scenarios"][0]["attempts"][0]["checks"][0]
    assert check["findings"] == [text]


def test_the_fixed_keys_are_there(make: Any) -> None:
    """Scripts of other people rely on these."""
    value = judge(make.results(make.scenario("one", make.attempt(make.check())))).model_dump(mode="json")
    assert {"schema_version", "run", "summary", "requirements", "scenarios"} <= value.keys()
    assert {"id", "role", "seed", "challenge", "started", "ended", "harness_version", "product", "passed"} <= value[
        "run"
    ].keys()
    assert {"status", "conformant", "requirements", "scenarios"} <= value["summary"].keys()
    assert {"id", "level", "verdict", "cause", "witness", "scenarios"} <= value["requirements"][0].keys()
    scenario = value["scenarios"][0]
    assert {"id", "name", "feature", "line", "tags", "requirements", "attempts"} <= scenario.keys()
    attempt = scenario["attempts"][0]
    assert {"outcome", "duration_s", "steps", "checks"} <= attempt.keys()
    assert {"keyword", "text", "outcome", "message"} <= attempt["steps"][0].keys()
    keys = {"check", "requirements", "step", "parameters", "evidence", "outcome", "findings"}
    assert keys <= attempt["checks"][0].keys()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "are not JSON"),
        ("[]", "of another version"),
        ('{"schema_version": 99}', "of another version"),
        ('{"schema_version": 1}', r"are not whole .*run"),
        (json.dumps({"schema_version": 1, "run": {"id": 3}}), r"are not whole .*run\.id"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_results(tmp_path)
