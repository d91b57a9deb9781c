"""The example product as a program, asked by a command: another's style, its own code, full files every few seconds.

The whole suite against it is played by hand and takes minutes; here is one test of each flow, and what happens when
such a product does not come up, ends, or the run is interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.meddling import begun, wait_for
from tests.acceptance.running import play
from tests.acceptance.test_own_outages import is_running, nobody_is_blamed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups and signals are those of POSIX")

EXAMPLES = Path(__file__).parents[2] / "examples"
FLOWS = [f"--tag={test}" for test in ("AK-01", "EE-01", "FD-01", "IN-01", "NT-01")]
SOME = [f"--tag={test}" for test in ("AK-01", "FD-01", "IN-01")]
FIRST_DONE = r"^\[1/\d+\] pass"


def config(change: Callable[[str], str] = str) -> str:
    """The example's own, with this Python in the place of `python3` and the folder as it is from elsewhere."""
    text = (EXAMPLES / "council_cms" / "process.toml").read_text(encoding="utf-8")
    for old, new in (
        ('"python3"', f'"{sys.executable}"'),
        ('working_folder = ".."', f'working_folder = "{EXAMPLES}"'),
        ("quiet_s = 1", "quiet_s = 0.4"),
    ):
        assert old in text
        text = text.replace(old, new)
    return change(text)


def over_http(text: str) -> str:
    """The same, asked over HTTP."""
    before, _, after = text.partition("[system_under_test.driver]")
    driver = '[system_under_test.driver]\nurl = "http://127.0.0.1:{port}/driver"\n'
    return f"{before}{driver}{after[after.index('[[authority]]') :]}"


def test_it_passes_what_is_played_and_what_it_lacks_is_named(tmp_path: Path) -> None:
    played = play(*FLOWS, "--tag=AK-14", "--tag=RL-08", out=tmp_path, config=config())
    assert played.exit_code == 0, played.output
    outcomes = {s.test: (s.outcome, s.reason) for s in played.results.scenarios}
    lacks = "the authority's driver does not offer"
    assert outcomes.pop("AK-14") == ("not-tested", f"{lacks} 'set-clock'")
    assert outcomes.pop("RL-08") == ("not-tested", f"{lacks} 'restart' (declared in cpis.toml as not offered)")
    assert {*outcomes.values()} == {("pass", "")}
    logs = played.folder / "logs" / "main"
    assert '"GET /health HTTP/1.1" 200' in (logs / "product.log").read_text()
    assert (logs / "driver.log").exists()


def test_operations_may_be_asked_in_two_ways_at_once(tmp_path: Path) -> None:
    def mixed(text: str) -> str:
        text = text.replace('kind = "command"', 'kind = "http"\nurl = "http://127.0.0.1:{port}/driver"')
        return text.replace("[[authority]]", '[system_under_test.driver.operations]\nexport = "command"\n[[authority]]')

    played = play("--tag=FD-01", "--tag=AK-01", out=tmp_path, config=config(mixed))
    assert played.exit_code == 0, played.output
    log = (played.folder / "logs" / "main" / "product.log").read_text()
    assert "POST /driver/record-child" in log
    assert "POST /driver/export" not in log


def test_files_that_it_sends_by_itself_are_not_taken_for_the_one_that_a_test_leaves_open(tmp_path: Path) -> None:
    """Several a second, so that they come at every moment of a scenario."""

    tags = [f"--tag={test}" for test in ("AK-04", "AK-16", "AK-21")]
    hasty = config(lambda text: over_http(text).replace('COUNCIL_EXPORT_EVERY = "5"', 'COUNCIL_EXPORT_EVERY = "0.2"'))
    played = play(*tags, out=tmp_path, config=hasty)
    outcomes = {s.id.rpartition("/")[2]: (s.outcome, s.reason) for s in played.results.scenarios}
    assert {name: found for name, found in outcomes.items() if found[0] != "pass"} == {}


def test_one_that_does_not_come_up_is_undecided_and_its_log_is_named(tmp_path: Path) -> None:
    broken = config(lambda text: text.replace('"council_cms", "{port}"', '"council_cms", "no port"'))
    played = play("--tag=FD-01", out=tmp_path, config=broken)
    nobody_is_blamed(played, exit_code=3)
    (scenario,) = played.results.scenarios
    assert scenario.cause == "harness"
    log = played.folder / "logs" / "main" / "product.log"
    assert f"has ended (exit code 1). Its log {log} ends:" in scenario.reason
    assert "invalid literal for int() with base 10: 'no port'" in scenario.reason


def test_a_program_that_is_not_there_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    wrong = config(
        lambda text: text.replace(f'command = ["{sys.executable}", "-m", "council_cms",', 'command = ["./casebook",')
    )
    played = play("--tag=FD-01", out=tmp_path, config=wrong)
    assert played.exit_code == 2
    assert "The program to start is not there (system_under_test.start.command): expected" not in played.output
    assert "found ./casebook" in played.output
    assert not list(tmp_path.glob("2*"))


def test_one_that_is_killed_leaves_verdicts_open_with_that_reason(tmp_path: Path) -> None:
    with begun(*SOME, out=tmp_path / "out", log=tmp_path / "log", config=config()) as running:
        running.wait_for_line(FIRST_DONE)
        running.kill("authority")
        played = running.finish(within=120)
    nobody_is_blamed(played, exit_code=1)
    reasons = [s.reason for s in played.results.scenarios if s.outcome == "inconclusive"]
    assert any("it has ended (signal 9). Its log " in reason for reason in reasons), reasons


@pytest.mark.parametrize("how", ["interrupted", "terminated", "killed"])
def test_it_ends_with_a_run_that_is_broken_off(tmp_path: Path, how: str) -> None:
    # The whole suite: a few scenarios may be over before a busy machine has sent the signal.
    with begun(out=tmp_path / "out", log=tmp_path / "log", config=config()) as running:
        running.wait_for_line(FIRST_DONE)
        parts = running.parts("lane", "service", "authority")
        number = {"interrupted": signal.SIGINT, "terminated": signal.SIGTERM, "killed": signal.SIGKILL}[how]
        running.signal(number)
        if how != "killed":
            played = running.finish(within=60)
            nobody_is_blamed(played, exit_code=1)
            assert "stopping: whatever was started is ended first" in played.output
            reasons = {s.reason for s in played.results.scenarios if s.outcome == "inconclusive"}
            assert any("the process that plays the scenarios ended early" in reason for reason in reasons)
        for name, part in parts.items():
            wait_for(f"the end of the {name}", lambda pid=part["pid"]: not is_running(pid))
