"""A product that breaks one rule is told so: on that requirement, and on no other but those its fault names."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from cpis_reports.suite import DISPOSITIONS, read_dispositions
from cpis_simulator.authority.faults import FAULTS, Fault
from cpis_steps.features import suite, suite_folder
from cpis_steps.selection import SECOND_AUTHORITY
from tests.acceptance.running import Played, play

CONFIG: Final = """\
[system_under_test.start]
kind = "bundled"
faults = ["{name}"]

[wait]
export_s = 5
process_reply_s = 5
quiet_s = 0.2
"""
SEED: Final = "20260105"
TESTED: Final = {s.test for s in suite() if SECOND_AUTHORITY not in s.tags}
NOT_YET_TRIED: Final = {
    "access-worded-as-attendance": "NT-18",
    "file-written-in-place": "RL-10",
}
"""Faults that no scenario can notice yet, with the catalogue tests that would; `dispositions.csv` says why not."""
OF_ONE: Final = [name for name, fault in FAULTS.items() if not fault.several]
"""Those that a product of one authority can have; the others are tried in test_several_authorities.py."""
TRIED: Final = [name for name in OF_ONE if name not in NOT_YET_TRIED]
AT_ONCE: Final = 2


def catalogue_tests(fault: Fault) -> list[str]:
    """The catalogue tests that can notice it and that have a scenario."""
    return [test for test in fault.tests if test in TESTED]


def run_with(fault: Fault, out: Path) -> Played:
    """The suite's scenarios for a fault, against a bundled authority that has it."""
    tags = [part for test in catalogue_tests(fault) for part in ("--tag", test)]
    return play("--seed", SEED, *tags, out=out, config=CONFIG.format(name=fault.name))


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Played]]]:
    """A run for each fault that this session asks for, two at a time: much of a run is waiting for processes."""
    chosen = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    if any(item.name == "test_table_of_faults" for item in request.session.items):
        chosen = set(TRIED)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(run_with, FAULTS[name], tmp_path_factory.mktemp(name)) for name in TRIED if name in chosen
        }
        pool.shutdown(cancel_futures=True)


def noticed_by(requirement: str, played: Played) -> list[str]:
    """The catalogue tests in which a check of the authority failed on the requirement."""
    return [
        str(scenario.test)
        for scenario in played.results.scenarios
        if any(
            check.outcome == "fail" and check.party == "authority" and requirement in check.requirements
            for attempt in scenario.attempts
            for check in attempt.checks
        )
    ]


@pytest.mark.parametrize("name", TRIED)
def test_a_fault_fails_its_requirement_and_no_other(name: str, runs: dict[str, Future[Played]]) -> None:
    fault, played = FAULTS[name], runs[name].result()
    story = "\n".join(line for line in played.output.splitlines() if line.startswith(("[", "   ")))
    for requirement in fault.requirements:
        assert noticed_by(requirement, played), f"no check failed on {requirement}:\n{story}"
        assert played.verdict(requirement).verdict == "fail"
    failed = {requirement for requirement, verdict in played.verdicts().items() if verdict == "fail"}
    beyond = failed - {*fault.requirements, *fault.also}
    assert not beyond, f"{sorted(beyond)} failed too:\n{story}"
    assert played.exit_code == 1


def test_without_a_fault_nothing_fails(whole_run: Played) -> None:
    chosen = {test for name in TRIED for test in catalogue_tests(FAULTS[name])}
    assert chosen <= {scenario.test for scenario in whole_run.results.scenarios}
    assert "fail" not in whole_run.verdicts().values(), whole_run.output
    assert {s.outcome for s in whole_run.results.scenarios if s.test in chosen} == {"pass"}, whole_run.output
    assert whole_run.exit_code == 0


def test_a_fault_that_is_not_tried_has_no_scenario_that_could_notice_it() -> None:
    assert {name: " ".join(FAULTS[name].tests) for name in OF_ONE if not catalogue_tests(FAULTS[name])} == NOT_YET_TRIED
    reasons = read_dispositions(suite_folder() / DISPOSITIONS)
    assert all(reasons[test].reason for tests in NOT_YET_TRIED.values() for test in tests.split())


def test_table_of_faults(runs: dict[str, Future[Played]], capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("fault", "drawn up from", "requirement", "verdict", "noticed in", "failed too")]
    for name in OF_ONE:
        fault = FAULTS[name]
        if name in NOT_YET_TRIED:
            rows.append(
                (name, fault.origin, " ".join(fault.requirements), "-", f"no scenario of {NOT_YET_TRIED[name]}", "")
            )
            continue
        played = runs[name].result()
        verdicts = played.verdicts()
        too = sorted(r for r, verdict in verdicts.items() if verdict == "fail" and r not in fault.requirements)
        for requirement in fault.requirements:
            noticed = " ".join(dict.fromkeys(noticed_by(requirement, played)))
            rows.append((name, fault.origin, requirement, verdicts[requirement], noticed or "-", " ".join(too)))
    with capsys.disabled():
        print(f"\n{table(rows)}")
    assert [name for name, *_ in rows[1:]] == OF_ONE


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows as text, each column as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
