"""Builders of made-up records, for the tests of verdicts and reports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpis_reports.checks import CHECKS
from cpis_reports.results import (
    Attempt,
    CalledFor,
    Product,
    RecordedCheck,
    Results,
    Run,
    Scenario,
    Step,
    Stop,
    Suite,
)


def make_check(name: str = "in-file-once", outcome: str = "pass", **more: Any) -> RecordedCheck:
    values: dict[str, Any] = {
        "check": name,
        "party": "authority",
        "requirements": ["CPIS-UPL-001"],
        "step": "the child is in the file exactly once",
        "since": 0,
        "until": 9,
        "evidence": [3],
        "outcome": outcome,
        "witness": "wire",
    }
    return RecordedCheck(**{**values, **more})


def make_attempt(*checks: RecordedCheck, stop: Stop | None = None, steps: str = "passed passed") -> Attempt:
    made = [Step(keyword="Then", text=f"step {n}", outcome=o) for n, o in enumerate(steps.split(), start=1)]  # type: ignore[arg-type]  # Outcomes as words.
    return Attempt(checks=list(checks), stop=stop, steps=made, duration_s=0.25)


def make_scenario(name: str, *attempts: Attempt, test: str | None = "FD-01", **more: Any) -> Scenario:
    values: dict[str, Any] = {
        "id": f"file_drop/first/{name}",
        "name": name,
        "feature": "file_drop/first.feature",
        "line": 3,
        "test": test,
        "tags": [],
        "requirements": [],
        "attempts": list(attempts),
    }
    return Scenario(**{**values, **more})


def make_results(*scenarios: Scenario, called_for: list[CalledFor] | None = None, **run: Any) -> Results:
    values: dict[str, Any] = {
        "id": "20261122-1",
        "role": "authority",
        "seed": 1,
        "started": "2026-11-22T15:00:00+00:00",
        "ended": "2026-11-22T15:01:00+00:00",
        "harness_version": "0.1.0",
        "product": Product(name="Example Case Manager", version="14.2", supplier="Example Ltd"),
    }
    if called_for is None:
        called_for = [CalledFor(test="FD-01", check="in-file-once", party="authority", requirements=["CPIS-UPL-001"])]
    return Results(run=Run(**{**values, **run}), scenarios=list(scenarios), suite=Suite(called_for=called_for))


class Make:
    """The builders, as one fixture."""

    check = staticmethod(make_check)
    attempt = staticmethod(make_attempt)
    scenario = staticmethod(make_scenario)
    results = staticmethod(make_results)


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Path]:
    """A made-up run on disk, with the checks that judged it."""
    sys.path.insert(0, str(Path(__file__).parent))
    import made_run

    before = dict(CHECKS)
    made_run.register_checks()
    yield made_run.make_bundle(tmp_path / "run")
    CHECKS.clear()
    CHECKS.update(before)
    sys.path.remove(str(Path(__file__).parent))
