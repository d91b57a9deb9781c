"""A run can be repeated from its seed, and neither order nor company of the scenarios changes what it says."""

from __future__ import annotations

import json
from difflib import unified_diff
from typing import Any, Final

import pytest

from cpis_reports.bundle import read_bundle
from cpis_reports.results import normalised
from cpis_simulator.evidence import DRIVER
from tests.acceptance.running import Played, play

TESTS: Final = (
    *("EE-01", "EE-02", "EE-03", "EE-04", "EE-05", "EE-06", "FD-01", "FD-04", "FD-10", "FD-19"),
    *("AK-02", "AK-04", "AK-05", "AK-20", "NT-01", "NT-05", "NT-21", "IN-01", "IN-03"),
)
SEED: Final = "424242"

HOW: Final[dict[str, tuple[str, ...]]] = {
    "first": (),
    "again": (),
    "two lanes": ("--jobs", "2"),
    "shuffled": ("--shuffle",),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """The same tests with the same seed, played in every way."""
    chosen = [word for test in TESTS for word in ("--tag", test)]
    return {
        how: play(*chosen, "--seed", SEED, *more, out=tmp_path_factory.mktemp("repeated")) for how, more in HOW.items()
    }


def as_text(value: Any) -> list[str]:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


@pytest.mark.parametrize("how", list(HOW)[1:])
def test_the_record_is_the_same_but_for_times_ports_and_ids(how: str, runs: dict[str, Played]) -> None:
    first, other = normalised(runs["first"].results), normalised(runs[how].results)
    assert first["scenarios"] and first["run"]["passed"]
    difference = list(unified_diff(as_text(first), as_text(other), "first", how, lineterm="", n=1))
    assert not difference, "\n".join(difference[:60])


def test_the_shuffled_scenarios_were_played_in_another_order(runs: dict[str, Played]) -> None:
    order = [list(read_bundle(runs[how].folder).by_scenario) for how in ("first", "shuffled")]
    assert order[0] != order[1]
    assert sorted(order[0]) == sorted(order[1])


def test_two_lanes_shared_the_scenarios(runs: dict[str, Played]) -> None:
    lanes = [path.name for path in (runs["two lanes"].folder / "lanes").iterdir() if (path / "evidence.jsonl").exists()]
    assert len(lanes) == 2


def what_was_keyed(run: Played) -> dict[str, list[tuple[str, Any]]]:
    """What the harness asked of the product, scenario by scenario: every person, number, date and name."""
    bundle = read_bundle(run.folder)
    return {
        name: [
            (record.headers["operation"], bundle.evidence.json(record))
            for record in records
            if record.channel == DRIVER and record.headers["phase"] == "request"
        ]
        for name, records in bundle.by_scenario.items()
    }


@pytest.mark.parametrize("how", list(HOW)[1:])
def test_the_product_is_asked_the_same_to_the_letter(how: str, runs: dict[str, Played]) -> None:
    assert what_was_keyed(runs[how]) == what_was_keyed(runs["first"])


def test_another_seed_or_a_challenge_brings_in_other_people(runs: dict[str, Played], tmp_path: Any) -> None:
    first = {p.nhs_number for p in runs["first"].results.run.people}
    assert len(first) > 20
    for number, more in enumerate((["--seed", "424243"], ["--seed", SEED, "--challenge", "autumn leaves"])):
        other = play("--tag", "EE-02", *more, out=tmp_path / str(number)).results.run.people
        assert len(other) >= 5
        assert not first & {p.nhs_number for p in other}
