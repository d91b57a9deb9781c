"""A tag that has a whole scenario in bad weather: what was drawn is in the evidence, and blames nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.forging import records
from tests.acceptance.running import QUICK, play
from tests.steps.writing import write_feature

FEATURE = """\
Feature: Lookups

  @weather-{kind}
  Scenario: A child on a plan is shown
    Given a child on a child protection plan
    And the service has stored the authority's file
    When an emergency department looks the child up
    Then the plan is shown with its authority and telephones
"""


@pytest.mark.parametrize(("kind", "outcome"), [("late-reply", "pass"), ("no-reply", "inconclusive")])
def test_every_lookup_of_a_scenario_meets_the_weather_of_its_tag(tmp_path: Path, kind: str, outcome: str) -> None:
    own = write_feature(tmp_path, FEATURE.format(kind=kind))
    played = play(own, out=tmp_path / "out", config=QUICK + '[system_under_test]\nrole = "care"\n')
    [scenario] = played.results.scenarios
    assert (scenario.outcome, scenario.cause) == (outcome, None if outcome == "pass" else "harness")
    answers = [r.headers.get("weather") for r in records(played.folder) if r.headers.get("phase") == "response"]
    assert [mark for mark in answers if mark] == [f"{kind} by chance"]
