"""Runs against a bundled system with a seeded fault: which scenarios, what noticed it, and the table of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from cpis_reports.words import Role
from cpis_simulator.seeding import Fault
from cpis_steps.features import suite
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
AT_ONCE: Final = 2

Faults = Mapping[str, Fault[Any]]
Runs = dict[str, Future[Played]]


def catalogue_tests(fault: Fault[Any]) -> list[str]:
    """The catalogue tests that can notice it and that have a scenario."""
    return [test for test in fault.tests if test in TESTED]


VIEWER: Final = {"seeing-the-alert-notifies", "first-viewer-named"}
"""Faults that only a viewer can have."""


def run_with(fault: Fault[Any], role: Role, out: Path) -> Played:
    """The suite's scenarios for a fault, against a bundled system that has it."""
    tags = [part for test in catalogue_tests(fault) for part in ("--tag", test)]
    return play("--role", role, "--seed", SEED, *tags, out=out, config=config_of(fault))


def config_of(fault: Fault[Any]) -> str:
    """The configuration of a bundled system that has it."""
    config = CONFIG.format(name=fault.name)
    return config.replace("\n[wait]", "viewer = true\n\n[wait]") if fault.name in VIEWER else config


def runs_asked_for(
    faults: Faults, tried: list[str], role: Role, request: pytest.FixtureRequest, folders: pytest.TempPathFactory
) -> Iterator[Runs]:
    """A run for each fault that this session asks for, two at a time: much of a run is waiting for processes."""
    chosen = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    if any(item.name == "test_table_of_faults" for item in request.session.items if item.module is request.module):
        chosen = set(tried)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(run_with, faults[name], role, folders.mktemp(name)) for name in tried if name in chosen
        }
        pool.shutdown(cancel_futures=True)


def noticed_by(requirement: str, played: Played, role: Role) -> list[str]:
    """The catalogue tests in which a check of the party failed on the requirement."""
    return [
        str(scenario.test)
        for scenario in played.results.scenarios
        if any(
            check.outcome == "fail" and check.party == role and requirement in check.requirements
            for attempt in scenario.attempts
            for check in attempt.checks
        )
    ]


def assert_noticed(fault: Fault[Any], played: Played, role: Role) -> None:
    """It fails its requirements, and no others than it may."""
    story = "\n".join(line for line in played.output.splitlines() if line.startswith(("[", "   ")))
    for requirement in fault.requirements:
        assert noticed_by(requirement, played, role), f"no check failed on {requirement}:\n{story}"
        assert played.verdict(requirement).verdict == "fail"
    failed = {requirement for requirement, verdict in played.verdicts().items() if verdict == "fail"}
    beyond = failed - {*fault.requirements, *fault.also}
    assert not beyond, f"{sorted(beyond)} failed too:\n{story}"
    assert played.exit_code == 1


def table_of(faults: Faults, untried: Mapping[str, str], runs: Runs, role: Role) -> list[tuple[str, ...]]:
    """A row for each fault and requirement: what it was drawn up from, the verdict, and where it was noticed."""
    rows = [("fault", "drawn up from", "requirement", "verdict", "noticed in", "failed too")]
    for name, fault in faults.items():
        if name in untried:
            shown = (name, fault.origin, " ".join(fault.requirements), "-", f"no scenario of {untried[name]}", "")
            rows.append(shown)
            continue
        played = runs[name].result()
        verdicts = played.verdicts()
        too = sorted(r for r, verdict in verdicts.items() if verdict == "fail" and r not in fault.requirements)
        for requirement in fault.requirements:
            noticed = " ".join(dict.fromkeys(noticed_by(requirement, played, role)))
            rows.append((name, fault.origin, requirement, verdicts[requirement], noticed or "-", " ".join(too)))
    return rows


def as_text(rows: list[tuple[str, ...]]) -> str:
    """Rows as text, each column as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
