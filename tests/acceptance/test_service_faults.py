"""A service that breaks one rule is told so: on that requirement, and on no other but those its fault names."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from cpis_reports.catalogue import binding
from cpis_simulator.apps.service_faults import SERVICE_FAULTS, ServiceFault
from cpis_steps.features import suite
from tests.acceptance.running import Played, play

CONFIG: Final = """\
[system_under_test]
role = "service"
claims = ["author:person", "author:device", "route:hl7v3"]

[system_under_test.start]
kind = "bundled"
faults = [{names}]
"""
SEED: Final = "20260105"
AT_ONCE: Final = 2
RULES: Final = Path(__file__).parents[1] / "model" / "faults_from_the_rules.csv"


def run_with(fault: ServiceFault, out: Path) -> Played:
    """The suite's scenarios for a fault, against a bundled service that has it."""
    tags = [part for test in fault.tests for part in ("--tag", test)]
    return play("--seed", SEED, *tags, out=out, config=CONFIG.format(names=f'"{fault.name}"'))


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Played]]]:
    """A run for each fault that this session asks for, two at a time: much of a run is waiting for processes."""
    chosen = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    if any(item.name == "test_table_of_service_faults" for item in request.session.items):
        chosen = set(SERVICE_FAULTS)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(run_with, fault, tmp_path_factory.mktemp(name))
            for name, fault in SERVICE_FAULTS.items()
            if name in chosen
        }
        pool.shutdown(cancel_futures=True)


def noticed_by(requirement: str, played: Played) -> list[str]:
    """The scenarios in which a check of the service failed on the requirement."""
    return [
        scenario.id
        for scenario in played.results.scenarios
        if any(
            check.outcome == "fail" and check.party == "service" and requirement in check.requirements
            for attempt in scenario.attempts
            for check in attempt.checks
        )
    ]


@pytest.mark.long_table(12)
@pytest.mark.parametrize("name", SERVICE_FAULTS)
def test_a_fault_of_the_service_fails_its_requirement_and_no_other(name: str, runs: dict[str, Future[Played]]) -> None:
    fault, played = SERVICE_FAULTS[name], runs[name].result()
    story = "\n".join(line for line in played.output.splitlines() if line.startswith(("[", "   ")))
    for requirement in fault.requirements:
        assert noticed_by(requirement, played), f"no check failed on {requirement}:\n{story}"
        assert played.verdict(requirement).verdict == "fail"
    failed = {requirement for requirement, verdict in played.verdicts().items() if verdict == "fail"}
    beyond = failed - {*fault.requirements, *fault.also}
    assert not beyond, f"{sorted(beyond)} failed too:\n{story}"
    assert played.exit_code == 1


def test_without_a_fault_every_mandatory_requirement_of_the_service_is_shown(service_run: Played) -> None:
    results = service_run.results
    assert {s.outcome for s in results.scenarios} == {"pass"}, service_run.output
    assert {v.id for v in results.requirements if v.level == "MUST" and v.verdict == "not-tested"} == set()
    assert results.summary.status == "conformant", service_run.output
    assert service_run.exit_code == 0


def test_what_no_scenario_of_the_service_shows_is_claimed_by_products_of_another_kind(service_run: Played) -> None:
    left = {v.id: v.reason for v in service_run.results.requirements if v.verdict != "pass"}
    assert left == {
        "CPIS-UPL-016": "the product does not claim transport:mesh",
        "CPIS-RSP-004": "the product does not claim route:fhir",
        "CPIS-RSP-005": "the product does not claim route:fhir",
        "CPIS-NTF-004": "the product does not claim product:viewer",
        "CPIS-IG-007": "the product does not claim transport:network",
        "CPIS-OPS-002": "the product does not claim legacy-client",
    }


def test_every_fault_has_scenarios_that_could_notice_it() -> None:
    tested = {scenario.test for scenario in suite()}
    assert {name for name, fault in SERVICE_FAULTS.items() if not set(fault.tests) <= tested} == set()


def test_half_of_the_faults_were_drawn_up_from_the_rules() -> None:
    with RULES.open(encoding="utf-8", newline="") as table:
        listed = {row["name"] for row in csv.DictReader(table)}
    from_rules = {name for name, fault in SERVICE_FAULTS.items() if fault.origin == "rules"}
    assert from_rules <= listed
    assert len(SERVICE_FAULTS) >= 40
    assert len(from_rules) * 2 >= len(SERVICE_FAULTS)


@pytest.mark.long_table
def test_table_of_service_faults(runs: dict[str, Future[Played]], capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for name, fault in SERVICE_FAULTS.items():
        played = runs[name].result()
        for requirement in fault.requirements:
            noticed = noticed_by(requirement, played)
            rows.append(f"{name:34} {fault.origin:7} {requirement:14} {', '.join(noticed[:2]) or '-'}")
    with capsys.disabled():
        print("\n" + "\n".join(rows))
    assert len({row.split()[0] for row in rows}) == len(SERVICE_FAULTS)


def test_table_of_requirements_of_the_service(service_run: Played, capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for verdict in service_run.results.requirements:
        shown = {
            scenario.id
            for scenario in service_run.results.scenarios
            for attempt in scenario.attempts
            for check in attempt.checks
            if check.party == "service" and verdict.id in check.requirements
        }
        rows.append(f"{verdict.id:13} {verdict.level:6} {verdict.verdict:14} {len(shown):3}  {verdict.reason}".rstrip())
    with capsys.disabled():
        print("\n" + "\n".join(rows))
    assert len(rows) == len(binding("service"))
