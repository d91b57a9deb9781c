"""A run can be judged again by anybody who holds it, and whatever was changed in it is named."""

from __future__ import annotations

import random
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cpis_reports.checks import CHECKS
from cpis_reports.results import read_results, write_results
from cpis_reports.suite import load_suite
from cpis_reports.verdicts import judge
from cpis_reports.verify import verify
from cpis_simulator.evidence import DRIVER, FILE_DROP, LOOKUP, Record
from cpis_steps.features import suite, suite_folder
from tests.acceptance.forging import body_of, change_results, copy_of, forge_byte, forge_journal, records
from tests.acceptance.running import Played, run_command

ALL_AS_RECORDED: Final = "All is as recorded"

CLOSED: Final = """\
import sys
def refuse(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.exec")):
        raise RuntimeError(f"refused: {event}")
sys.addaudithook(refuse)
"""
"""A process that begins so opens no socket and starts no other process."""


def verified(folder: Path) -> tuple[int, str]:
    """What `cpis verify` says of a run, in a fresh process without sockets."""
    command = [sys.executable, "-c", f"{CLOSED}from cpis_cli.main import app\napp()", "verify", str(folder)]
    return run_command(command, cwd=folder.parent, within=60)


def differences_in(folder: Path) -> str:
    """What differs in a run, a line each; as `cpis verify` has it, without the start of a process."""
    known, _ = load_suite(suite_folder(), scenarios=[(s.test, s.id) for s in suite()], checks=CHECKS)
    return "\n".join(verify(folder, suite=known))


@pytest.fixture
def copy(whole_run: Played, tmp_path: Path) -> Path:
    """A copy of the whole run, for changing."""
    return copy_of(whole_run.folder, tmp_path / "run")


@pytest.mark.parametrize("act", ["import socket; socket.socket()", "import subprocess; subprocess.run(['true'])"])
def test_the_process_that_verifies_cannot_open_a_socket_or_start_another(act: str, tmp_path: Path) -> None:
    exit_code, output = run_command([sys.executable, "-c", CLOSED + act], cwd=tmp_path)
    assert (exit_code, "refused: " in output) == (1, True), output


def test_every_verdict_of_a_whole_run_comes_out_again_without_a_socket(whole_run: Played, copy: Path) -> None:
    assert whole_run.exit_code == 0, whole_run.output
    exit_code, output = verified(copy)
    assert output.startswith(ALL_AS_RECORDED), output
    assert exit_code == 0


def test_every_single_conclusion_is_recomputed(whole_run: Played, copy: Path) -> None:
    def turn_around(results: dict[str, Any]) -> None:
        for scenario in results["scenarios"]:
            scenario["outcome"] = "not-tested"
            for check in (c for attempt in scenario["attempts"] for c in attempt["checks"]):
                check["outcome"] = "attested"
        for verdict in results["requirements"]:
            verdict["verdict"] = "attested"

    change_results(copy, turn_around)
    exit_code, output = verified(copy)
    assert exit_code == 1
    results = whole_run.results
    checks = sorted((c.check, s.id) for s in results.scenarios for a in s.attempts for c in a.checks)
    named = re.findall(r"^check (\S+) in (\S+): outcome: recorded attested, found pass$", output, re.MULTILINE)
    assert sorted(named) == checks
    named = re.findall(r"^scenario (\S+): outcome: recorded not-tested, found pass$", output, re.MULTILINE)
    assert sorted(named) == sorted(s.id for s in results.scenarios)
    named = re.findall(r"^requirement (\S+): verdict: recorded attested, found \S+$", output, re.MULTILINE)
    assert sorted(named) == sorted(v.id for v in results.requirements)


@dataclass(frozen=True)
class Forgery:
    """One byte of one message: the first of the pattern's group, in the n-th fitting record of a test's scenario."""

    name: str
    test: str
    channel: str
    headers: dict[str, str]
    pattern: bytes
    difference: str
    last: bool = False


FORGERIES: Final = [
    Forgery(
        "an upload's start date",
        "FD-01",
        FILE_DROP,
        {"kind": "upload"},
        rb'PStartDate><value value="\d{3}(\d)',
        "check plan-in-file-once in {scenario}: outcome: recorded pass, found fail",
    ),
    Forgery(
        "an upload's quantity",
        "FD-17",
        FILE_DROP,
        {"kind": "upload"},
        rb'<transmissionQuantity value="(\d)',
        "check quantity-is-right in {scenario}: outcome: recorded pass, found fail",
    ),
    Forgery(
        "a child's name",
        "FD-01",
        FILE_DROP,
        {"kind": "upload"},
        rb"<family>(.)",
        "check subject-in-file in {scenario}: outcome: recorded pass, found fail",
    ),
    Forgery(
        "an acknowledgement's file code",
        "AK-01",
        FILE_DROP,
        {"kind": "acknowledgement"},
        rb'code="CPF0(\d)"',
        "check file-shown in {scenario}: outcome: recorded pass, found inconclusive",
    ),
    Forgery(
        "an acknowledgement's record code",
        "AK-02",
        FILE_DROP,
        {"kind": "acknowledgement"},
        rb'code="CPR0(\d)"',
        "check failed-record-shown in {scenario}: outcome: recorded pass, found inconclusive",
    ),
    Forgery(
        "a work-list entry's code",
        "AK-02",
        DRIVER,
        {"operation": "work-list", "phase": "response"},
        rb'"CPR0(\d)"',
        "check failed-record-shown in {scenario}: outcome: recorded pass, found fail",
        last=True,
    ),
    Forgery(
        "the time by which a file shows its acknowledgement",
        "AK-01",
        DRIVER,
        {"operation": "files", "phase": "response"},
        rb'"acknowledged": "\d{4}-\d\d-\d(\d)',
        "check file-shown in {scenario}: outcome: recorded pass, found inconclusive",
        last=True,
    ),
    Forgery(
        "the worker of a case event",
        "NT-01",
        DRIVER,
        {"operation": "case-events", "phase": "response"},
        rb'"worker": "\w+ (.)',
        "check event-filed-once in {scenario}: outcome: recorded pass, found fail",
        last=True,
    ),
    Forgery(
        "whose case events were asked for",
        "NT-01",
        DRIVER,
        {"operation": "case-events", "phase": "request"},
        rb'"child_id":"C(\d)',
        "check event-filed-once in {scenario}: outcome: recorded pass, found inconclusive",
        last=True,
    ),
    Forgery(
        "the event id of an access notification",
        "NT-01",
        FILE_DROP,
        {"kind": "access-notification"},
        rb'<eventId root="(.)|<id root="([0-9A-F])[0-9A-F]{7}-',
        "check event-filed-once in {scenario}: outcome: recorded pass, found inconclusive",
    ),
    Forgery(
        "the number in an inactive-number notification",
        "IN-01",
        FILE_DROP,
        {"kind": "inactive-notification"},
        rb'root="2.16.840.1.113883.2.1.4.1" extension="99(\d)',
        "check inactive-number-notified in {scenario}: outcome: recorded pass, found fail",
    ),
    Forgery(
        "the number in a query",
        "EE-01",
        LOOKUP,
        {"phase": "request"},
        rb'person.NHSnumber><value extension="99(\d)',
        "check query-is-complete in {scenario}: outcome: recorded pass, found inconclusive",
    ),
    Forgery(
        "the start date in an answer",
        "EE-01",
        LOOKUP,
        {"phase": "reply"},
        rb'StartDate><value value="\d{3}(\d)',
        "check answer-holds in {scenario}: outcome: recorded pass, found fail",
    ),
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_one_byte_of_a_message_changed_by_a_forger_is_named(forgery: Forgery, whole_run: Played, copy: Path) -> None:
    scenario = whole_run.scenario(forgery.test)
    fitting = [r for r in records(copy) if _fits(r, forgery, scenario.id)]
    forge_byte(copy, fitting[-1 if forgery.last else 0], forgery.pattern)
    differences = differences_in(copy)
    assert forgery.difference.format(scenario=scenario.id) in differences, differences
    # The hashes were made to fit: what the bytes mean gave the forger away, not the chain.
    assert not re.search(r"^(evidence|record \d+)\b", differences, re.MULTILINE), differences


def _fits(record: Record, forgery: Forgery, scenario: str) -> bool:
    headers = forgery.headers.items()
    return record.scenario == scenario and record.channel == forgery.channel and headers <= dict(record.headers).items()


def test_a_changed_byte_of_any_body_is_named_where_the_hashes_were_left(copy: Path) -> None:
    rng = random.Random(5)
    shared: dict[str, Record] = {}
    for record in records(copy):
        if record.size and record.sha256 is not None:
            shared.setdefault(record.sha256, record)
    chosen = rng.sample(sorted(shared.values(), key=lambda r: r.seq), 60)
    for record in chosen:
        body = bytearray(body_of(copy, record))
        body[rng.randrange(len(body))] ^= 1
        file = copy / "bodies" / str(record.sha256)
        file.unlink()  # It is a link to the body of the run itself.
        file.write_bytes(body)
    differences = differences_in(copy)
    for record in chosen:
        assert re.search(rf"^record {record.seq} \(.*is not the one that was recorded$", differences, re.MULTILINE), (
            record
        )


def test_a_changed_line_of_the_journal_breaks_the_chain_where_it_stands(copy: Path) -> None:
    rng = random.Random(6)
    journal = copy / "evidence.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    chosen = sorted(rng.sample(range(0, len(lines) - 1, 2), 60))
    for number in chosen:
        at = rng.randrange(len(lines[number]) - 1)
        lines[number] = lines[number][:at] + bytes([lines[number][at] ^ 1]) + lines[number][at + 1 :]
    journal.write_bytes(b"".join(lines))
    differences = differences_in(copy)
    for number in chosen:
        # Lines count from 1. A changed line is noticed by the one after it, or is no record any more.
        assert re.search(rf"evidence: line ({number + 1}|{number + 2})\b", differences), lines[number]


def test_a_line_that_a_forger_cut_out_is_named(whole_run: Played, copy: Path) -> None:
    scenario = whole_run.scenario("NT-01")
    (gone,) = [r for r in records(copy) if r.scenario == scenario.id and r.headers.get("kind") == "access-notification"]
    forge_journal(copy, lambda record: None if record.seq == gone.seq else record)
    exit_code, output = verified(copy)
    assert exit_code == 1
    assert f"check event-filed-once in {scenario.id}: outcome: recorded pass, found inconclusive" in output


def _checks(results: dict[str, Any], test: str) -> list[dict[str, Any]]:
    scenario = next(s for s in results["scenarios"] if s["test"] == test)
    checks: list[dict[str, Any]] = scenario["attempts"][0]["checks"]
    return checks


def _drop_check(results: dict[str, Any]) -> None:
    _checks(results, "NT-01")[:] = [c for c in _checks(results, "NT-01") if c["check"] != "event-filed-once"]


def _fail_check(results: dict[str, Any]) -> None:
    _checks(results, "FD-01")[0]["outcome"] = "fail"


def _change_parameter(results: dict[str, Any]) -> None:
    check = next(c for c in _checks(results, "FD-01") if c["check"] == "plan-in-file-once")
    check["parameters"]["plan"]["start"] = "2024-01-01"


def _claim_more(results: dict[str, Any]) -> None:
    summary = results["summary"]
    summary["claim"] = summary["claim"].replace(" of ", "0 of ")


def _remove_scenario(results: dict[str, Any]) -> None:
    results["scenarios"] = [s for s in results["scenarios"] if s["test"] != "NT-01"]


def _trim_suite(results: dict[str, Any]) -> None:
    calls = results["suite"]["called_for"]
    calls[:] = [c for c in calls if (c["test"], c["check"]) != ("NT-01", "event-filed-once")]


NT_01: Final = "return_message/access_notifications/an-emergency-department-s-access-is-filed-on-the-child"


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (_drop_check, f"scenario {NT_01}: 'event-filed-once: pass' is in the evidence, not in the record"),
        (_fail_check, "outcome: recorded fail, found pass"),
        (_change_parameter, "check plan-in-file-once in"),
        (_claim_more, "summary: claim: recorded"),
        (_remove_scenario, f"scenario {NT_01}: it was played, but is not in the record"),
        (_trim_suite, "suite: NT-01 calls for event-filed-once to show CPIS-NTF-010, the record does not"),
        (lambda results: results["run"].update(passed=False), "run: passed: recorded False, found True"),
        (lambda results: results["summary"].update(conformant=True, status="conformant"), "summary: conformant"),
        (lambda results: results["requirements"].pop(), "not in the record"),
        (lambda results: results["errors"].append("an error"), "errors"),
    ],
    ids=lambda value: getattr(value, "__name__", "")[1:] if callable(value) else "",
)
def test_a_change_of_the_record_is_named(change: Any, difference: str, copy: Path) -> None:
    change_results(copy, change)
    assert difference in differences_in(copy)


@pytest.mark.parametrize("change", [_drop_check, _remove_scenario])
def test_a_change_of_the_record_is_named_though_all_that_follows_was_made_to_fit(change: Any, copy: Path) -> None:
    change_results(copy, change)
    results = read_results(copy)
    write_results(copy / "results.json", judge(results.model_copy(update={"errors": []})))
    assert NT_01 in differences_in(copy)


def test_a_run_without_its_evidence_is_no_run(copy: Path) -> None:
    (copy / "evidence.jsonl").unlink()
    exit_code, output = verified(copy)
    assert (exit_code, "No evidence to read" in output) == (2, True)


def test_checks_that_a_forger_cut_out_of_the_evidence_are_named(whole_run: Played, copy: Path) -> None:
    scenario = whole_run.scenario("FD-01").id
    forge_journal(copy, lambda r: None if r.scenario == scenario and r.headers.get("event") == "check" else r)
    assert "'plan-in-file-once: pass' is in the record, not in the evidence" in differences_in(copy)


def test_the_copies_hold_all_that_is_needed(copy: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(copy, moved)
    assert verified(moved)[0] == 0
