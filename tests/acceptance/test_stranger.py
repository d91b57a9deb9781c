"""A correct product that is nobody's toy: other children, ids of its own, full files, real time, nothing to reset.

It is started by hand, the run finds it running. What it cannot be tested for is named with the reason; nothing fails.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from cpis_fixtures.processes import Process
from cpis_reports.bundle import body_reader, journal_lines
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import peek_header
from cpis_simulator.evidence import FILE_DROP, Evidence, read_journal
from tests.acceptance.running import Played, play, run_command

OTHERS = 1000
FIRST_ID, STEP = 40187, 10
STRANGE = [
    *("--other-children", str(OTHERS), "--next-id", str(FIRST_ID), "--id-step", str(STEP)),
    *("--full-files", "--no-reset", "--no-clock"),
]
WHOLE_S = 400.0

CONFIG = """\
[product]
name = "A stranger"
version = "7.1"
supplier = "Elsewhere Ltd"

[system_under_test]
role = "authority"
lanes = 1

[system_under_test.start]
kind = "none"

[system_under_test.driver]
kind = "http"
url = "{url}"

[file_drop]
root = "{drop}"

[wait]
export_s = 30
process_reply_s = 30
quiet_s = 0.2
"""


@contextmanager
def stranger(folder: Path, *arguments: str) -> Iterator[str]:
    """The product, running; gives the configuration that reaches it."""
    drop = folder / "shared"
    process = Process(
        "authority",
        ["authority", "--port", "0", "--drop", str(drop), "--state", str(folder / "state" / "own"), *arguments],
        log=folder / "authority.log",
    )
    try:
        yield CONFIG.format(url=process.ready["url"], drop=drop)
    finally:
        process.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The whole suite against it."""
    folder = tmp_path_factory.mktemp("stranger")
    with stranger(folder, *STRANGE) as config:
        return play(out=folder / "out", config=config, within=WHOLE_S)


def test_no_verdict_and_no_scenario_fails(whole: Played) -> None:
    results = whole.results
    assert whole.exit_code == 0, whole.output
    assert [(v.id, v.reason) for v in results.requirements if v.verdict in ("fail", "inconclusive")] == []
    assert [(s.id, s.reason) for s in results.scenarios if s.outcome not in ("pass", "not-tested")] == []
    assert results.errors == []


def test_what_could_not_be_tested_is_named_with_its_reason(whole: Played) -> None:
    results = whole.results
    left = {s.test: s.reason for s in results.scenarios if s.outcome == "not-tested"}
    assert "holds 10" in left["AK-03"], left
    assert "other children" in left["AK-03"]
    without_clock = {test: reason for test, reason in left.items() if "does not offer 'set-clock'" in reason}
    assert left.keys() == {"AK-03", *without_clock}
    untested = [v for v in results.requirements if v.verdict in ("not-tested", "not-applicable")]
    assert untested
    assert [v.id for v in untested if not v.reason] == []
    assert whole.verdict("CPIS-ACK-004").verdict == "not-tested"
    assert results.summary.status == "incomplete"


def test_its_files_are_as_strange_as_they_should_be(whole: Played) -> None:
    """Else the run would have shown nothing: full files of all its children, under ids that rise by ten."""
    records, _ = read_journal(journal_lines(whole.folder))
    evidence = Evidence(records, body_reader(whole.folder))
    headers = [peek_header(evidence.body(r)) for r in evidence.on(FILE_DROP, authority="Z99", direction="upload")]
    ids = [int(file_id) for file_id, _ in headers]
    assert ids[0] == FIRST_ID
    assert {later - earlier for earlier, later in pairwise(ids)} == {STEP}
    assert min(quantity for _, quantity in headers) >= OTHERS
    # The first file is of no scenario: the service learns the other children from it, and nobody has to work them off.
    first = evidence.on(FILE_DROP, authority="Z99", kind="acknowledgement", direction="response")[0]
    reply = decode_acknowledgement(evidence.body(first))
    assert (first.scenario, reply.file_id, reply.stored, reply.failed) == (None, str(FIRST_ID), OTHERS, 0)


def test_the_record_of_the_run_can_be_judged_again(whole: Played) -> None:
    """With the same outcome, from the evidence alone: also of what stood there before each scenario."""
    command = [sys.executable, "-m", "cpis_cli", "verify", str(whole.folder)]
    exit_code, output = run_command(command, cwd=whole.folder)
    assert exit_code == 0, output


def test_a_product_that_reads_its_folder_by_itself_is_given_its_time(tmp_path: Path) -> None:
    """Without `collect` nothing is judged before the product has had the time of its configuration."""
    tags = [f"--tag={test}" for test in ("AK-06", "AK-10", "EE-02", "IN-02", "IN-10", "NT-15", "NT-21")]
    with stranger(tmp_path, *STRANGE, "--no-collect") as config:
        played = play(*tags, out=tmp_path / "out", config=config)
    assert played.exit_code == 0, played.output
    assert {s.outcome for s in played.results.scenarios} == {"pass"}


def test_a_product_that_sends_changes_only_can_be_tested_whole(tmp_path: Path) -> None:
    """A new telephone makes it send all its children at once; before and after they are in no file."""
    tags = [f"--tag={test}" for test in ("AK-03", "AK-08", "FD-12", "FD-13", "FD-18", "NT-01")]
    changes_only = [argument for argument in STRANGE if argument != "--full-files"]
    with stranger(tmp_path, *changes_only) as config:
        played = play(*tags, out=tmp_path / "out", config=config)
    assert played.exit_code == 0, played.output
    assert {s.outcome for s in played.results.scenarios} == {"pass"}


def test_what_an_earlier_run_left_in_the_product_shows_nothing_in_this_one(tmp_path: Path) -> None:
    """An exception of the same words stands there from before; the fault that raises none must be noticed."""
    tags = ["--tag=AK-05", "--tag=AK-20"]
    with stranger(tmp_path, "--no-reset", "--no-clock") as config:
        sound = play(*tags, out=tmp_path / "sound", config=config)
    with stranger(
        tmp_path, "--no-reset", "--no-clock", "--fault", "acknowledgement-matched-first-in-first-out"
    ) as config:
        faulty = play(*tags, out=tmp_path / "faulty", config=config)
    assert _outcomes(sound, "exception-shown") == {"AK-05": ["pass"], "AK-20": ["pass", "pass"]}
    assert _outcomes(faulty, "exception-shown")["AK-05"] == ["fail"]


def _outcomes(played: Played, check: str) -> dict[str | None, list[str]]:
    """What a check said, by catalogue test."""
    return {s.test: [c.outcome for c in s.attempts[-1].checks if c.check == check] for s in played.results.scenarios}
