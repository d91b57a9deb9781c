"""Judging a run again: an honest one has no differences, a changed one names what was changed."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from cpis_reports.bundle import seal
from cpis_reports.results import CalledFor, Suite, read_results, write_results
from cpis_reports.verify import verify
from cpis_simulator.errors import ConfigError
from cpis_simulator.evidence import chained, read_journal

FIRST = "file_drop/new_plans/a-new-plan-is-in-the-next-file"
SECOND = "return_message/access_notifications/an-access-is-filed"


def change_results(bundle: Path, **changes: Any) -> None:
    """Set values by path: `run__passed=True`, `scenarios__0__outcome="pass"`."""
    file = bundle / "results.json"
    value = json.loads(file.read_bytes())
    for path, new in changes.items():
        *way, last = path.split("__")
        at = value
        for key in way:
            at = at[int(key)] if isinstance(at, list) else at[key]
        at[int(last) if isinstance(at, list) else last] = new
    file.write_text(json.dumps(value))


def forge_body(bundle: Path, old: bytes, new: bytes, *, seal_too: bool = False) -> None:
    """Change bytes of a body, and every hash that hangs on it, as a forger would."""
    names = {}
    for body in (bundle / "bodies").iterdir():
        if old in (data := body.read_bytes()):
            forged = data.replace(old, new)
            names[body.name] = (hashlib.sha256(forged).hexdigest(), len(forged))
            body.unlink()
            (bundle / "bodies" / names[body.name][0]).write_bytes(forged)
    assert names
    journal = bundle / "evidence.jsonl"
    lines = []
    for line in journal.read_bytes().splitlines():
        value = json.loads(line)
        value["sha256"], value["size"] = names.get(value["sha256"], (value["sha256"], value["size"]))
        lines.append(json.dumps(value).encode())
    journal.write_bytes(b"".join(record.line() for record in chained(read_journal(lines)[0])))
    if seal_too:
        last, count = seal(bundle)
        change_results(bundle, run__evidence_sha256=last, run__evidence_records=count)


def test_an_honest_run_has_no_differences(bundle: Path) -> None:
    assert verify(bundle) == []


def test_it_needs_no_socket(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert verify(bundle) == []


def test_one_changed_byte_of_a_body_names_its_record(bundle: Path) -> None:
    body = next(p for p in (bundle / "bodies").iterdir() if b"<File " in p.read_bytes())
    body.write_bytes(body.read_bytes().replace(b"9990001014", b"9990001015"))
    first = verify(bundle)[0]
    assert first == f"record 6 ({FIRST}): the body of record 6 is not the one that was recorded"


def test_a_forger_who_recomputes_the_chain_is_caught_by_the_seal_and_the_check(bundle: Path) -> None:
    forge_body(bundle, b"9990001014", b"9990001015")
    differences = verify(bundle)
    assert "evidence: its last line is not the one that the run ended with" in differences
    assert f"check made-number-in-file in {FIRST}: outcome: recorded pass, found fail" in differences


def test_a_forger_who_recomputes_the_seal_too_is_caught_by_the_check(bundle: Path) -> None:
    forge_body(bundle, b"9990001014", b"9990001015", seal_too=True)
    assert verify(bundle)[:6] == [
        f"check made-number-in-file in {FIRST}: outcome: recorded pass, found fail",
        f"check made-number-in-file in {FIRST}: findings: recorded [], found [9990001014 stands 0 times]",
        f"scenario {FIRST}: outcome: recorded pass, found fail",
        f"scenario {FIRST}: reason: recorded nothing, found 9990001014 stands 0 times",
        f"scenario {FIRST}, attempt 1: outcome: recorded pass, found fail",
        "requirement CPIS-UPL-001: verdict: recorded pass, found fail",
    ]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        (
            {"scenarios__1__attempts__0__checks__0__outcome": "pass"},
            "outcome: recorded pass, found fail",
        ),
        ({"scenarios__0__attempts__0__checks__0__evidence": [1]}, "evidence: recorded [1], found [6]"),
        ({"scenarios__1__outcome": "pass"}, "outcome: recorded pass, found fail"),
        ({"run__passed": True}, "run: passed: recorded True, found False"),
        ({"summary__status": "conformant"}, "status: recorded conformant, found not-conformant"),
        ({"summary__conformant": True}, "conformant: recorded True, found False"),
        ({"requirements": []}, "requirement CPIS-UPL-001: not in the record"),
        ({"run__evidence_records": 99}, "evidence: the run ended with 99 records, found 17"),
        ({"run__evidence_sha256": None}, "does not say with which line it ended"),
    ],
)
def test_a_changed_conclusion_is_named(bundle: Path, changes: dict[str, Any], difference: str) -> None:
    change_results(bundle, **changes)
    found = verify(bundle)
    assert any(difference in line for line in found), found


def test_a_check_that_is_left_out_of_the_record_is_named(bundle: Path) -> None:
    change_results(bundle, scenarios__1__attempts__0__checks=[])
    assert f"scenario {SECOND}: 'made-event-is-filed: fail' is in the evidence, not in the record" in verify(bundle)


def test_a_scenario_that_is_left_out_of_the_record_is_named(bundle: Path) -> None:
    results = read_results(bundle)
    change_results(bundle, scenarios=[s.model_dump(mode="json") for s in results.scenarios if s.id != SECOND])
    assert f"scenario {SECOND}: it was played, but is not in the record" in verify(bundle)


@pytest.mark.parametrize("number", [0, 5, 14])
def test_a_line_that_was_dropped_or_changed_is_named(bundle: Path, number: int) -> None:
    journal = bundle / "evidence.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    assert any(line.startswith("evidence: ") for line in verify(bundle))
    lines[number] = lines[number].replace(b'"mono":', b'"mono":1')
    journal.write_bytes(b"".join(lines))
    assert any(line.startswith("evidence: ") for line in verify(bundle))


def test_a_torn_last_line_is_named_and_the_rest_still_judged(bundle: Path) -> None:
    with open(bundle / "evidence.jsonl", "ab") as file:
        file.write(b'{"seq":18,"utc"')
    assert verify(bundle) == ["evidence: line 18 is torn or no record"]


def test_a_missing_body_is_named(bundle: Path) -> None:
    next(p for p in (bundle / "bodies").iterdir() if b"CPF02" in p.read_bytes()).unlink()
    assert any(line.startswith(f"record 7 ({FIRST}): no body ") for line in verify(bundle))


def test_a_suite_that_was_trimmed_is_named(bundle: Path) -> None:
    results = read_results(bundle)
    call = CalledFor(test="FD-24", check="made-number-in-file", party="authority", requirements=["CPIS-UPL-001"])
    known = Suite(
        called_for=[
            *results.suite.called_for,
            call,
            CalledFor(test="MF-01", check="query-obeys-msg-003", party="care", requirements=[], scenario="form/care/*"),
        ],
        # Neither the test nor the scenario of the last two judges an authority.
        scenarios={"FD-24": ["file_drop/load/large"], "LK-01": ["lookup/a/b"], "MF-01": ["form/care/query"]},
    )
    assert verify(bundle, suite=known) == [
        "suite: FD-24 calls for made-number-in-file to show CPIS-UPL-001, the record does not",
        "suite: FD-24 has the scenario file_drop/load/large, the record does not",
    ]


def test_a_body_name_cannot_lead_out_of_the_run(bundle: Path) -> None:
    from cpis_reports.bundle import body_reader

    (bundle / "secret").write_text("x")
    with pytest.raises(KeyError, match="is no hash"):
        body_reader(bundle)("../secret")


def test_what_is_no_run_is_a_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No results to read"):
        verify(tmp_path)


def test_a_written_record_reads_back_the_same(bundle: Path, tmp_path: Path) -> None:
    results = read_results(bundle)
    write_results(tmp_path / "results.json", results)
    assert read_results(tmp_path) == results
