"""Runs that a person's answers carry: broken off and gone on with, nobody there, and what a person may say."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cpis_fixtures.manual.desk import DESK, Desk, Outcome, Question
from cpis_fixtures.processes import Process
from cpis_reports.bundle import body_reader, journal_lines
from cpis_simulator.evidence import DRIVER, Evidence, read_journal
from tests.acceptance.by_hand import ByHand, by_hand
from tests.acceptance.clerk import NAME, Clerk
from tests.acceptance.running import Played, run_command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups and signals are those of POSIX")

OWN = """\
[[authority]]
ods = "Z99"
name = "EXAMPLETON TEST COUNCIL"
telephone_office = "tel:01632960001"
telephone_emergency = "tel:01632960002"
"""

CONFIG = """\
[product]
name = "A product by hand"

[system_under_test]
role = "authority"

[system_under_test.start]
kind = "none"

[system_under_test.driver]
kind = "manual"
page_port = 0

[file_drop]
root = "{drop}"

[wait]
export_s = 20
process_reply_s = 20
quiet_s = 0.2
person_s = {person_s}
"""


@contextmanager
def product(folder: Path, *arguments: str, person_s: float = 60) -> Iterator[str]:
    """The bundled system as most products are; gives its address, and leaves the configuration in the folder."""
    drop = folder / "shared"
    (folder / "cpis.toml").write_text(CONFIG.format(drop=drop, person_s=person_s), encoding="utf-8")
    options = ["--drop", str(drop), "--state", str(folder / "state" / "own"), "--no-reset", "--no-clock"]
    process = Process("authority", ["authority", "--port", "0", *options, *arguments], log=folder / "authority.log")
    try:
        yield str(process.ready["url"])
    finally:
        process.stop()


def begun(folder: Path, *arguments: str) -> Any:
    """A run of the configuration in the folder."""
    return by_hand("--config", "cpis.toml", "--seed", "7", *arguments, out=folder)


def evidence_of(played: Played) -> Evidence:
    """What crossed a border."""
    records, problems = read_journal(journal_lines(played.folder))
    assert problems == []
    return Evidence(records, body_reader(played.folder))


def verified(played: Played) -> bool:
    """The record of the run can be judged again with the same outcome."""
    command = [sys.executable, "-m", "cpis_cli", "verify", str(played.folder)]
    exit_code, output = run_command(command, cwd=played.folder)
    assert exit_code == 0, output
    return True


def until_open(run: ByHand, operation: str, *, within: float = 30) -> Question:
    """Wait until the desk asks for an operation that nobody answers."""
    deadline = time.monotonic() + within
    while True:
        path = run.lane() / DESK
        question = Desk(path).open_question() if path.exists() else None
        if question is not None and question.operation == operation:
            return question
        assert time.monotonic() < deadline, f"open: {question}; {run.output}"
        time.sleep(0.05)


def leaving_at(operation: str, times: int = 1) -> Any:
    """The clerk leaves the desk when asked for an operation for so many times."""
    seen = 0

    def instead(question: Question) -> tuple[Outcome, dict[str, Any], str] | None:
        nonlocal seen
        seen += question.operation == operation
        return ("cannot", {}, "leave") if seen >= times and question.operation == operation else None

    return instead


def test_a_run_that_was_broken_off_while_keying_goes_on_and_asks_for_nothing_twice(tmp_path: Path) -> None:
    with product(tmp_path) as url:
        with begun(tmp_path, "--tag=FD-01", "--tag=FD-09") as run:
            # The second scenario's child is recorded; its plan is not.
            with Clerk(run.lane(), url, leaving_at("record-plan", 2)) as first:
                first.wait_for("record-child", 2)
                until_open(run, "record-plan")
            run.interrupt()
            broken = run.played()
        assert f"cpis run --resume {broken.folder.name}" in broken.output
        with by_hand("--resume", broken.folder.name, out=tmp_path) as again, Clerk(again.lane(), url) as second:
            played = again.played()
    assert [s.outcome for s in played.results.scenarios] == ["pass", "pass"], played.output
    assert "1 scenarios left" in played.output
    keyed = [json.dumps(q.request) for q in (*first.questions, *second.questions) if q.operation == "record-child"]
    assert len(keyed) == len(set(keyed)) == 2
    # The word was given before; the evidence says so, and when.
    taken = [r.headers for r in evidence_of(played).on(DRIVER, operation="record-child", phase="response")]
    assert [h["via"] for h in taken] == ["page", "page", "page, earlier"]
    assert taken[1]["attested_at"] == taken[2]["attested_at"]
    assert taken[2]["attested_by"] == NAME
    assert verified(played)


def test_a_scenario_that_was_broken_off_after_its_file_was_sent_has_other_people_when_it_goes_on(
    tmp_path: Path,
) -> None:
    with product(tmp_path) as url:
        with begun(tmp_path, "--tag=AK-01") as run:
            with Clerk(run.lane(), url, leaving_at("files")) as first:
                until_open(run, "files")
            run.interrupt()
            broken = run.played()
        with by_hand("--resume", str(broken.folder), out=tmp_path) as again, Clerk(again.lane(), url) as second:
            played = again.played()
    assert [s.outcome for s in played.results.scenarios] == ["pass"], played.output
    numbers = [q.request["nhs_number"] for q in (*first.questions, *second.questions) if q.operation == "record-child"]
    assert len(set(numbers)) == len(numbers)
    assert verified(played)


def test_what_a_check_found_before_a_run_was_broken_off_stays_found(tmp_path: Path) -> None:
    """AK-02 judges the work-list, then asks for the other children's state; there the run is broken off."""

    def empty(question: Question) -> tuple[Outcome, dict[str, Any], str] | None:
        return ("done", {"items": []}, "") if question.operation == "work-list" else None

    leave = leaving_at("child-status")
    with product(tmp_path) as url:
        with begun(tmp_path, "--tag=AK-02") as run:
            with Clerk(run.lane(), url, lambda q: empty(q) or leave(q)):
                until_open(run, "child-status")
            run.interrupt()
            broken = run.played()
        with by_hand("--resume", broken.folder.name, out=tmp_path) as again, Clerk(again.lane(), url):
            played = again.played()
    attempts = played.results.scenarios[0].attempts
    assert [a.outcome for a in attempts] == ["fail", "pass"], played.output
    assert played.results.scenarios[0].outcome == "fail"
    assert verified(played)


def test_nobody_there_is_never_a_failure(tmp_path: Path) -> None:
    """The questions wait for their time, the rest not at all; nothing is said of the product."""
    with product(tmp_path, person_s=0.5), begun(tmp_path, "--tag=FD-01", "--tag=NT-01", "--tag=FD-19") as run:
        played = run.played(within=50)
    assert {(s.outcome, s.cause) for s in played.results.scenarios} == {("inconclusive", "not-reached")}
    assert {v.verdict for v in played.results.requirements} <= {"inconclusive", "not-tested", "not-applicable"}
    assert "nobody answered within 0.5 s" in played.results.scenarios[0].reason
    assert verified(played)


@pytest.mark.parametrize("operation", ["export", "held-back"])
def test_a_question_that_nobody_answers_in_the_middle_is_never_a_failure(tmp_path: Path, operation: str) -> None:
    leave = leaving_at(operation, 2 if operation == "export" else 1)
    with product(tmp_path, person_s=3) as url, begun(tmp_path, "--tag=FD-19") as run, Clerk(run.lane(), url, leave):
        played = run.played(within=50)
    assert [(s.outcome, s.cause) for s in played.results.scenarios] == [("inconclusive", "not-reached")]


def test_what_the_product_does_not_do_is_asked_once_and_not_tested(tmp_path: Path) -> None:
    def lacks(question: Question) -> tuple[Outcome, dict[str, Any], str] | None:
        return ("not-offered", {}, "we have no such list") if question.operation == "work-list" else None

    chosen = ("--tag=AK-02", "--tag=AK-08", "--tag=FD-01")
    with product(tmp_path) as url, begun(tmp_path, *chosen) as run, Clerk(run.lane(), url, lacks) as clerk:
        played = run.played()
    assert clerk.operations().count("work-list") == 1
    outcomes = {s.test: (s.outcome, s.reason) for s in played.results.scenarios}
    assert outcomes["FD-01"][0] == "pass"
    for test in ("AK-02", "AK-08"):
        assert outcomes[test][0] == "not-tested"
        assert f"said by {NAME}" in outcomes[test][1]
        assert "we have no such list" in outcomes[test][1]


def test_what_a_person_cannot_do_leaves_out_that_scenario_alone(tmp_path: Path) -> None:
    seen: list[str] = []

    def cannot(question: Question) -> tuple[Outcome, dict[str, Any], str] | None:
        if question.operation == "delete-plan":
            seen.append(question.scenario)
            return ("cannot", {}, "no rights today") if len(seen) == 1 else None
        return None

    with product(tmp_path) as url, begun(tmp_path, "--tag=FD-09", "--tag=FD-23") as run, Clerk(run.lane(), url, cannot):
        played = run.played()
    assert len(seen) == 2
    assert sorted(s.outcome for s in played.results.scenarios) == ["not-tested", "pass"]


def test_a_person_who_sees_too_much_makes_a_fail_that_names_them(tmp_path: Path) -> None:
    """The word of a person counts against the product too, and the report says whose it is."""

    def twice(question: Question) -> tuple[Outcome, dict[str, Any], str] | None:
        return ("done", {"items": []}, "") if question.operation == "case-events" else None

    with product(tmp_path) as url, begun(tmp_path, "--tag=NT-01") as run, Clerk(run.lane(), url, twice):
        played = run.played()
    check = next(c for c in played.results.scenarios[0].attempts[0].checks if c.check == "event-filed-once")
    assert (check.outcome, check.witness, check.by) == ("fail", "person", [NAME])
    failed = next(v for v in played.results.requirements if v.verdict == "fail")
    assert failed.by == [NAME]
    assert NAME in (played.folder / "report.html").read_text(encoding="utf-8")
    assert verified(played)


def test_a_run_that_has_ended_cannot_go_on(tmp_path: Path) -> None:
    with product(tmp_path) as url:
        with begun(tmp_path, "--tag=FD-01") as run, Clerk(run.lane(), url):
            played = run.played()
        with by_hand("--resume", played.folder.name, out=tmp_path) as again:
            ended = again.played()
    assert ended.exit_code == 2
    assert "nothing left to play" in ended.output


@pytest.mark.parametrize(
    ("described", "outcome"), [("", "not-tested"), ('triage_point = "MASH triage"', "pass")], ids=["unknown", "known"]
)
def test_alerts_of_closed_cases_are_judged_where_somebody_says_who_gets_them(
    tmp_path: Path, described: str, outcome: str
) -> None:
    with product(tmp_path) as url:
        with (tmp_path / "cpis.toml").open("a", encoding="utf-8") as file:
            file.write(f"{OWN}{described}\n")
        with begun(tmp_path, "--tag=NT-09") as run, Clerk(run.lane(), url):
            played = run.played()
    assert [s.outcome for s in played.results.scenarios] == [outcome], played.output
