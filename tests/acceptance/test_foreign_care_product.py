"""The example care product: another's style, its own message handling; and eight faults planted in it, each found.

The whole suite against it is played by hand and takes minutes. `pytest -s -k table` prints the table of the faults:
what is wrong, requirement, verdict, and what else failed.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.planted import EXAMPLES, Planted, copy_of_product
from tests.acceptance.planted_care import PLANTED
from tests.acceptance.running import Played, play

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups and signals are those of POSIX")

SEED = "20260105"
SOME = (
    "LK-01",
    "LK-03",
    "LK-04",
    "LK-05",
    "LK-10",
    "LK-24",
    "LK-33",
    "LK-34",
    "RL-02",
    "RL-03",
    "RL-05",
    "RL-08",
    "RL-15",
    "SA-06",
)


def free_port() -> str:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def config(change: Callable[[str], str] = str) -> str:
    """The example's own, with this Python, a reply port that is free, and the folder as it is from elsewhere."""
    text = (EXAMPLES / "ed_tracker" / "process.toml").read_text(encoding="utf-8")
    for old, new in (
        ('"python3"', f'"{sys.executable}"'),
        ('working_folder = ".."', f'working_folder = "{EXAMPLES}"'),
        ("4438", free_port()),
        ("quiet_s = 1", "quiet_s = 0.2"),
    ):
        assert old in text
        text = text.replace(old, new)
    return change(text)


def test_it_passes_what_is_played(tmp_path: Path) -> None:
    played = play(*(f"--tag={test}" for test in SOME), out=tmp_path, config=config())
    assert played.exit_code == 0, played.output
    assert {(s.test, s.outcome) for s in played.results.scenarios} == {(test, "pass") for test in SOME}
    log = (played.folder / "logs" / "main" / "product.log").read_text()
    assert '"POST /driver/record-patient HTTP/1.1" 200' in log
    assert '"POST / HTTP/1.1" 202' in log  # replies, on its own port


def test_it_may_ask_synchronously_and_needs_no_reply_port_then(tmp_path: Path) -> None:
    def synchronous(text: str) -> str:
        text = text.replace('TRACKER_PARTY = "RX9-0000002"', 'TRACKER_PROFILE = "sync"')
        return text.replace('"profile:reliable", ', "")

    tags = ("LK-01", "LK-04", "LK-34", "MF-03")
    played = play(*(f"--tag={test}" for test in tags), out=tmp_path, config=config(synchronous))
    assert played.exit_code == 0, played.output
    assert {(s.test, s.outcome) for s in played.results.scenarios} == {(test, "pass") for test in tags}


# Planted faults


def played(folder: Path, fault: Planted | None, *requirements: str) -> Played:
    """The scenarios of some requirements against a copy of the product."""
    place = copy_of_product(folder / "product", fault, "ed_tracker")
    text = config(lambda text: text.replace(f'working_folder = "{EXAMPLES}"', f'working_folder = "{place}"'))
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
