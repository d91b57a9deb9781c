"""Our own outages never make a failure: what they touch is undecided, with the cause and a reason.

The product is the faultless bundled authority in every run here, so that any `fail` would be a false one.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpis_simulator.driving import Nothing, SetPds
from tests.acceptance.meddling import Running, ask, begun, wait_for
from tests.acceptance.running import QUICK, Played, play

# One of each kind: a file, a long one, an acknowledgement, an access, an inactive number. Some are left for afterwards.
TAGS = [f"--tag={test}" for test in ("AK-01", "AK-02", "AK-10", "AK-15", "FD-01", "FD-24", "IN-01", "NT-01", "NT-20")]
UNDECIDED = ("harness", "not-reached")

ACCOUNT = "file_drop/acknowledgements/"
FIRST_DONE = r"^\[1/\d+\] pass"


def nobody_is_blamed(played: Played, *, exit_code: int) -> None:
    """No false `fail`; whatever is undecided has one of our causes and says why."""
    results = played.results
    assert played.exit_code == exit_code, played.output
    assert "Traceback" not in played.output
    blamed = [(v.id, v.reason) for v in results.requirements if v.verdict == "fail"]
    blamed += [(s.id, s.reason) for s in results.scenarios if s.outcome == "fail"]
    assert not blamed
    undecided = [*[s for s in results.scenarios if s.outcome == "inconclusive"]]
    assert undecided, f"the outage touched nothing:\n{played.output}"
    for item in [*undecided, *[v for v in results.requirements if v.verdict == "inconclusive"]]:
        assert item.cause in UNDECIDED, (item.id, item.cause, item.reason)
        assert item.reason, item.id


def outcomes(played: Played) -> list[str]:
    """Of the scenarios, in the order in which they were played."""
    return [s.outcome for s in played.results.scenarios]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of some megabytes for the test alone."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("a disk of its own needs mount, and root")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a disk of its own cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no room on the disk of a folder; gives the file that takes it."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 * 1024))
        except OSError:
            return filler


def test_a_killed_service_leaves_verdicts_open(tmp_path: Path) -> None:
    with begun(*TAGS, out=tmp_path / "out", log=tmp_path / "log") as running:
        running.wait_for_line(FIRST_DONE)
        running.kill("service")
        played = running.finish()
    nobody_is_blamed(played, exit_code=1)
    assert {"pass", "inconclusive"} == set(outcomes(played))
    assert "the service" in played.results.scenarios[-1].reason.lower()


def test_a_service_killed_within_a_scenario_leaves_its_verdicts_open(tmp_path: Path) -> None:
    with begun("--tag=FD-01", "--tag=FD-24", out=tmp_path / "out", log=tmp_path / "log") as running:
        # The fortieth child of FD-24: soon after it the export, which must not wait for a service that is no more.
        running.wait_for_evidence("record-child", "request", times=40)
        running.kill("service")
        played = running.finish(within=60)
    nobody_is_blamed(played, exit_code=1)
    assert sorted(outcomes(played)) == ["inconclusive", "pass"]


def test_a_service_killed_before_any_verdict_is_the_harness_s_failure(tmp_path: Path) -> None:
    with begun("--tag=FD-24", out=tmp_path / "out", log=tmp_path / "log") as running:
        running.wait_for_evidence("record-child", "request")
        running.kill("service")
        played = running.finish(within=60)
    nobody_is_blamed(played, exit_code=3)


def test_a_killed_lane_leaves_verdicts_open_and_no_process_behind(tmp_path: Path) -> None:
    with begun(*TAGS, out=tmp_path / "out", log=tmp_path / "log") as running:
        running.wait_for_line(FIRST_DONE)
        parts = running.parts("lane", "service", "authority")
        running.kill("lane")
        played = running.finish()
        for name in ("service", "authority"):
            wait_for(f"the end of the {name}", lambda pid=parts[name]["pid"]: not is_running(pid))
    nobody_is_blamed(played, exit_code=1)
    assert "ended early" in played.results.scenarios[-1].reason


def is_running(pid: int) -> bool:
    """There is such a process, and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_full_disk_under_the_drop_folder_leaves_verdicts_open(tmp_path: Path, small_disk: Path) -> None:
    config = f'{QUICK}\n[file_drop]\nroot = "{small_disk}"\n'
    with begun(*TAGS, out=tmp_path / "out", log=tmp_path / "log", config=config) as running:
        running.wait_for_line(FIRST_DONE)
        fill(small_disk)
        played = running.finish()
    nobody_is_blamed(played, exit_code=1)
    assert any("room" in s.reason or "space" in s.reason for s in played.results.scenarios)


def test_a_disk_under_the_evidence_that_was_full_for_a_while_leaves_verdicts_open(
    tmp_path: Path, small_disk: Path
) -> None:
    with begun(*TAGS, out=small_disk / "out", log=tmp_path / "log") as running:
        running.wait_for_line(FIRST_DONE)
        filler = fill(small_disk)
        running.wait_for_line(r"^\[4/\d+\]")
        filler.unlink()
        played = running.finish()
        nobody_is_blamed(played, exit_code=1)


def test_a_full_disk_under_the_evidence_ends_the_run_in_words(tmp_path: Path, small_disk: Path) -> None:
    with begun(*TAGS, out=small_disk / "out", log=tmp_path / "log") as running:
        running.wait_for_line(FIRST_DONE)
        fill(small_disk)
        played = running.finish()
    assert played.exit_code == 3, played.output
    assert "Traceback" not in played.output
    assert "No space left on device" in played.output
    assert " fail " not in played.output


@pytest.mark.parametrize("key", ["port", "control_port"])
def test_a_port_of_ours_that_is_taken_is_named(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        played = play("--tag=FD-01", out=tmp_path, config=f"{QUICK}\n[service]\n{key} = {port}\n")
    nobody_is_blamed(played, exit_code=3)
    reason = played.results.scenarios[0].reason
    assert str(port) in reason and "in use" in reason
    assert str(port) in played.output


def test_pds_switched_off_by_somebody_leaves_verdicts_open(tmp_path: Path) -> None:
    with begun(*TAGS, out=tmp_path / "out", log=tmp_path / "log") as running:
        running.wait_for_line(FIRST_DONE)
        control = running.control()
        with repeated(running, lambda: ask(control, "set-pds", SetPds(available=False))):
            played = running.finish()
    nobody_is_blamed(played, exit_code=1)


def test_a_world_emptied_by_somebody_leaves_verdicts_open(tmp_path: Path) -> None:
    with begun(*TAGS, out=tmp_path / "out", log=tmp_path / "log") as running:
        running.wait_for_line(FIRST_DONE)
        control = running.control()
        with repeated(running, lambda: ask(control, "reset", Nothing())):
            played = running.finish()
    nobody_is_blamed(played, exit_code=1)


class repeated:
    """Something done again and again, as long as the block lasts and the run goes on."""

    def __init__(self, running: Running, act: Callable[[], object]) -> None:
        self._running = running
        self._act = act
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while self._running.is_going_on() and not self._ended.wait(0.02):
            self._act()
