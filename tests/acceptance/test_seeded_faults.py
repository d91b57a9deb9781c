"""A product that breaks one rule is told so: on that requirement, and on no other but those its fault names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from cpis_reports.suite import DISPOSITIONS, read_dispositions
from cpis_simulator.authority.faults import FAULTS
from cpis_steps.features import suite_folder
from tests.acceptance.faulty_runs import Runs, as_text, assert_noticed, catalogue_tests, runs_asked_for, table_of
from tests.acceptance.running import Played

NOT_YET_TRIED: Final = {
    "access-worded-as-attendance": "NT-18",
}
"""Faults that no scenario can notice yet, with the catalogue tests that would; `dispositions.csv` says why not."""
OF_ONE: Final = {name: fault for name, fault in FAULTS.items() if not fault.several and not fault.by_mesh}
"""Those that a product of one authority with plain folders can have; the others are tried in
test_several_authorities.py and test_mesh_scenarios.py."""
TRIED: Final = [name for name in OF_ONE if name not in NOT_YET_TRIED]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    yield from runs_asked_for(FAULTS, TRIED, "authority", request, tmp_path_factory)


@pytest.mark.long_table(4)
@pytest.mark.parametrize("name", TRIED)
def test_a_fault_fails_its_requirement_and_no_other(name: str, runs: Runs) -> None:
    assert_noticed(FAULTS[name], runs[name].result(), "authority")


def test_without_a_fault_nothing_fails(whole_run: Played) -> None:
    chosen = {test for name in TRIED for test in catalogue_tests(FAULTS[name])}
    chosen -= {"EE-08"}  # Only role care has a scenario of it, and each fault that names it has other tests, too.
    assert chosen <= {scenario.test for scenario in whole_run.results.scenarios}
    assert "fail" not in whole_run.verdicts().values(), whole_run.output
    assert {s.outcome for s in whole_run.results.scenarios if s.test in chosen} == {"pass"}, whole_run.output
    assert whole_run.exit_code == 0


def test_a_fault_that_is_not_tried_has_no_scenario_that_could_notice_it() -> None:
    assert {name: " ".join(FAULTS[name].tests) for name in OF_ONE if not catalogue_tests(FAULTS[name])} == NOT_YET_TRIED
    reasons = read_dispositions(suite_folder() / DISPOSITIONS)
    assert all(reasons[test].reason for tests in NOT_YET_TRIED.values() for test in tests.split())


@pytest.mark.long_table
def test_table_of_faults(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    rows = table_of(OF_ONE, NOT_YET_TRIED, runs, "authority")
    with capsys.disabled():
        print(f"\n{as_text(rows)}")
    assert list(dict.fromkeys(name for name, *_ in rows[1:])) == list(OF_ONE)
