"""Ten faults in somebody else's product, each found by the requirement that it breaks; without them nothing fails.

`pytest -s -k table` prints the table: fault, requirement, verdict, and what else failed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.planted import EXAMPLES, PLANTED, Planted, copy_of_product
from tests.acceptance.running import Played, play
from tests.acceptance.test_process_product import config, over_http

SEED = "20260105"


def played(folder: Path, fault: Planted | None, *requirements: str) -> Played:
    """The scenarios of some requirements against a copy of the product."""
    place = copy_of_product(folder / "product", fault)
    text = config(lambda text: over_http(text).replace(f'working_folder = "{EXAMPLES}"', f'working_folder = "{place}"'))
    tags = [f"--tag={requirement}" for requirement in requirements]
    return play("--seed", SEED, *tags, out=folder / "out", config=text)


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Played]]]:
    """A run for each fault that this session asks for, two at a time: much of a run is waiting for the product."""
    items = [item for item in request.session.items if item.fspath == request.node.fspath]
    chosen = {item.callspec.params.get("name") for item in items if hasattr(item, "callspec")}
    if any(item.name == "test_table_of_planted_faults" for item in items):
        chosen = set(PLANTED)
    with ThreadPoolExecutor(2) as pool:
        yield {
            name: pool.submit(played, tmp_path_factory.mktemp(name), fault, fault.requirement)
            for name, fault in PLANTED.items()
            if name in chosen
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.long_table(4)
@pytest.mark.parametrize("name", PLANTED)
def test_it_is_found_by_the_requirement_that_it_breaks(runs: dict[str, Future[Played]], name: str) -> None:
    run = runs[name].result()
    assert run.verdict(PLANTED[name].requirement).verdict == "fail", run.output
    assert run.exit_code == 1


def test_without_them_the_same_scenarios_pass(tmp_path: Path) -> None:
    requirements = sorted({fault.requirement for fault in PLANTED.values()})
    run = played(tmp_path, None, *requirements)
    assert [(s.id, s.reason) for s in run.results.scenarios if s.outcome not in ("pass", "not-tested")] == []
    assert {run.verdict(r).verdict for r in requirements} == {"pass"}


@pytest.mark.long_table
def test_table_of_planted_faults(runs: dict[str, Future[Played]]) -> None:
    rows = []
    for name, fault in PLANTED.items():
        verdicts = runs[name].result().verdicts()
        also = sorted(r for r, verdict in verdicts.items() if verdict == "fail" and r != fault.requirement)
        rows.append((fault.says, fault.requirement, verdicts[fault.requirement], " ".join(also)))
    for row in rows:
        sys.stdout.write(" | ".join(row) + "\n")
    assert {verdict for _, _, verdict, _ in rows} == {"fail"}
