"""What the acceptance tests share: runs of the faultless system, each played once."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.running import QUICK, Played, play

SEED = "20260105"
VIEWER = f"[system_under_test.start]\nkind = 'bundled'\nviewer = true\n\n{QUICK}"

TWO_AUTHORITIES = f"""\
[[authority]]
ods = "Z99"
name = "EXAMPLETON TEST COUNCIL"
telephone_office = "tel:01632960001"
telephone_emergency = "tel:01632960002"

[[authority]]
ods = "Z98"
name = "SAMPLEBURY TEST COUNCIL"
telephone_emergency = "tel:01632960004"

{QUICK}"""


SERVICE = """\
[system_under_test]
role = "service"
claims = ["author:person", "author:device", "route:hl7v3"]
"""


WHOLE = "CPIS_WHOLE_TABLES"

LONG = frozenset(
    f"test_{name}"
    for name in (
        *("foreign_care_product", "manual_runs", "mesh_doors", "mesh_scenarios", "planted_faults", "prepared"),
        *("process_care_product", "several_authorities", "sham_care_products"),
        *("docker_care_product", "manual_product", "mesh_client", "misconfigured", "own_scenarios", "weather"),
    )
)
"""Files whose every test is a run or several, of what other tests try in part; played with the whole tables."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a long table every so manieth row is played, and no long file, unless all are wanted or one was named.

    A row is a run of its own, of seconds each; all of them together take longer than a build server may.
    """
    if os.environ.get(WHOLE) or config.option.keyword or any(".py" in argument for argument in config.args):
        return
    met: Counter[tuple[Path, str]] = Counter()
    kept, left = [], []
    for item in items:
        if item.path.stem in LONG:
            left.append(item)
            continue
        mark = item.get_closest_marker("long_table")
        if mark is None:
            kept.append(item)
            continue
        table = (item.path, item.name.partition("[")[0])
        is_played = bool(mark.args) and met[table] % mark.args[0] == 0
        met[table] += 1
        (kept if is_played else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Runs can be interrupted: what a shell starts in the background ignores SIGINT, and so do its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """The whole suite against the faultless bundled authority; read it, change only copies."""
    return _played_once(tmp_path_factory, worker_id, "authority")


@pytest.fixture(scope="session")
def service_lookups(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """The lookups as played for role service; read it, change only copies."""
    return _played_once(tmp_path_factory, worker_id, "service", "-k", "lookup")


@pytest.fixture(scope="session")
def service_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """The whole suite as played for role service, broken files among it; read it, change only copies."""
    return _played_once(tmp_path_factory, worker_id, "service", name="whole-service", config=SERVICE)


@pytest.fixture(scope="session")
def care_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """The whole suite as played for role care; read it, change only copies."""
    return _played_once(tmp_path_factory, worker_id, "care")


@pytest.fixture(scope="session")
def viewer_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """What only a viewer can be judged by; read it, change only copies."""
    return _played_once(tmp_path_factory, worker_id, "care", "--tag", "LK-28", name="viewer", config=VIEWER)


@pytest.fixture(scope="session")
def two_authorities(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """What is played only against a product that serves two authorities; read it, change only copies."""
    chosen = ("--tag", "SA-10", "--tag", "NT-22")
    return _played_once(tmp_path_factory, worker_id, "authority", *chosen, name="two", config=TWO_AUTHORITIES)


@pytest.fixture(scope="session")
def mesh_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """What is played only where pairs cross in a MESH folder; read it, change only copies."""
    chosen = [f"--tag={test}" for test in ("AK-18", "RL-07", "RL-10", "SA-08")]
    config = f'{QUICK}\n[file_drop]\nprofile = "mesh-folder"\n'
    return _played_once(tmp_path_factory, worker_id, "authority", *chosen, name="mesh", config=config)


def _played_once(
    factory: pytest.TempPathFactory, worker_id: str, role: str, *chosen: str, name: str = "", config: str = QUICK
) -> Played:
    """The workers of a session play a run once: the first that asks plays it, the others wait for it."""
    base = factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / f"shared-{name or role}"
    shared.mkdir(exist_ok=True)
    kept = shared / "played.json"
    with open(shared / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            played = play("--role", role, "--seed", SEED, *chosen, out=shared / "out", config=config)
            value = {"exit_code": played.exit_code, "folder": str(played.folder), "output": played.output}
            kept.write_text(json.dumps(value), encoding="utf-8")
    value = json.loads(kept.read_text(encoding="utf-8"))
    return Played(value["exit_code"], Path(value["folder"]), value["output"])
