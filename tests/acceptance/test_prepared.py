"""The sheet of `cpis prepare`, and runs of children who were keyed in from it."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpis_fixtures.drivers.manual import KEYING
from cpis_fixtures.manual.desk import Outcome, Question
from cpis_fixtures.manual.questions import as_shown
from cpis_fixtures.prepared import REFERENCE, Sheet, in_sittings, read_sheet
from cpis_simulator.evidence import DRIVER
from cpis_simulator.nhs_number import is_valid
from cpis_simulator.transport.http_client import DriverClient
from tests.acceptance.by_hand import by_hand
from tests.acceptance.clerk import Asked, Clerk
from tests.acceptance.running import run_command
from tests.acceptance.test_manual_runs import evidence_of, product

SOME = ["--tag=AK-01", "--tag=FD-01", "--tag=NT-07", "--tag=NT-08"]
EVERY_KIND = [f"--tag={test}" for test in ("FD-12", "FD-19", "FD-20", "FD-21", "IN-08", "NT-09", "NT-20", "NT-21")]
"""Scenarios that have everything keyed in that can be, people without a number and with a wrong one among them."""

KEYED_AT = "2026-01-05T09:00:00+00:00"


def prepared(folder: Path, *arguments: str) -> Sheet:
    """Make a sheet for the configuration in the folder."""
    command = [sys.executable, "-m", "cpis_cli", "prepare", "--config", "cpis.toml", "--seed", "7", *arguments]
    exit_code, output = run_command(command, cwd=folder)
    assert exit_code == 0, output
    return read_sheet(folder / "prepared")


def key_in(sheet: Sheet, folder: Path, url: str) -> None:
    """What a person does with the sheet: keys people and allocations in, and notes the product's references."""
    client = DriverClient(url)
    references: dict[str, str] = {}
    for row in (r for r in in_sittings(sheet) if r.before):
        about = {"child_id": references[row.about]} if row.about else {}
        reply = client.call(row.operation, Asked.model_validate(row.request | about), within=30)
        assert reply.status == "answered", reply
        if row.operation == "record-child":
            references[row.label] = reply.body["child_id"]
    table = folder / "prepared" / "sheet.csv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    with table.open("w", encoding="cp1252", newline="") as file:  # As some spreadsheets save it.
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows({**row, REFERENCE: references.get(row["row"], "")} for row in rows)


def says_keyed(missing: str = "") -> Any:
    """The clerk says who keyed the sheet in, and when."""

    def instead(question: Question) -> tuple[Outcome, dict[str, Any], str] | None:
        if question.operation != "prepared":
            return None
        return "done", {"keyed_by": "Kim Keyer", "keyed_at": KEYED_AT, "missing": missing}, ""

    return instead


@contextmanager
def keyed_by_hand(folder: Path, *options: str) -> Iterator[str]:
    """A product that is asked over HTTP for all but what is keyed in."""
    with product(folder, *options) as url:
        by_person = ", ".join(f'{name} = "manual"' for name in KEYING)
        text = (folder / "cpis.toml").read_text(encoding="utf-8")
        driver = f'kind = "http"\nurl = "{url}"\noperations = {{ {by_person} }}'
        (folder / "cpis.toml").write_text(text.replace('kind = "manual"', driver), encoding="utf-8")
        yield url


def of_row(scenario: str, operation: str, request: dict[str, Any]) -> tuple[str, str, str]:
    """A row without references and numbers, to compare with what was asked."""
    plain = {k: v for k, v in request.items() if k not in ("child_id", "plan_id", "plan_type", "start")}
    if operation == "record-plan":
        plain = {k: v for k, v in request.items() if k != "child_id"}
    return scenario, operation, json.dumps(plain, sort_keys=True)


def test_the_sheet_is_what_a_run_has_keyed_in_no_more_and_no_less(tmp_path: Path) -> None:
    """Of a product that is another than the one that the sheet was made with: full files of other children, too."""
    with keyed_by_hand(tmp_path, "--full-files", "--other-children", "30", "--next-id", "40187") as url:
        sheet = prepared(tmp_path, *EVERY_KIND)
        key_in(sheet, tmp_path, url)
        arguments = ("--config", "cpis.toml", "--prepared", "prepared", *EVERY_KIND)
        with by_hand(*arguments, out=tmp_path) as run, Clerk(run.lane(), url, says_keyed()) as clerk:
            played = run.played(within=120)
    assert [(s.id, s.reason) for s in played.results.scenarios if s.outcome != "pass"] == []
    evidence = evidence_of(played)
    asked = Counter(
        of_row(str(r.scenario), r.headers["operation"], as_shown(r.headers["operation"], evidence.json(r)))
        for r in evidence.on(DRIVER, phase="request", party="authority")
        if r.headers["operation"] in KEYING
    )
    assert asked == Counter(of_row(row.scenario, row.operation, row.request) for row in sheet.rows)
    assert {row.operation for row in sheet.rows} == set(KEYING)
    # Who was keyed in before is not asked for again, and everybody with a good number was.
    again = [q.request["nhs_number"] for q in clerk.questions if q.operation == "record-child"]
    assert [number for number in again if is_valid(str(number or ""))] == []
    assert "allocate" in {row.operation for row in sheet.rows if row.before}


def test_the_run_asks_once_who_keyed_the_sheet_in_and_the_evidence_says_it(tmp_path: Path) -> None:
    with product(tmp_path) as url:
        sheet = prepared(tmp_path, *SOME)
        key_in(sheet, tmp_path, url)
        arguments = ("--config", "cpis.toml", "--prepared", "prepared", *SOME)
        with by_hand(*arguments, out=tmp_path) as run, Clerk(run.lane(), url, says_keyed()) as clerk:
            played = run.played()
    assert {s.outcome for s in played.results.scenarios} == {"pass"}, played.output
    assert clerk.operations().count("prepared") == 1
    assert "record-child" not in clerk.operations()
    assert "record-plan" in clerk.operations()
    headers = [r.headers for r in evidence_of(played).on(DRIVER, operation="record-child", phase="response")]
    assert headers
    assert {(h["attested_by"], h["attested_at"], h["via"]) for h in headers} == {("Kim Keyer", KEYED_AT, "sheet")}
    assert headers[0]["remark"] == "row C001 of the sheet"
    assert (played.results.run.seed, played.results.run.selection) == (7, " ".join(SOME).replace("=", " "))


def test_a_row_that_was_not_keyed_in_is_asked_for(tmp_path: Path) -> None:
    with product(tmp_path) as url:
        sheet = prepared(tmp_path, "--tag=FD-01", "--tag=AK-01")
        key_in(sheet.model_copy(update={"rows": [r for r in sheet.rows if r.label != "C002"]}), tmp_path, url)
        arguments = ("--config", "cpis.toml", "--prepared", "prepared", "--tag=FD-01", "--tag=AK-01")
        with by_hand(*arguments, out=tmp_path) as run, Clerk(run.lane(), url, says_keyed("c002, P001")) as clerk:
            played = run.played()
    assert {s.outcome for s in played.results.scenarios} == {"pass"}, played.output
    asked = [q.request for q in clerk.questions if q.operation == "record-child"]
    missing = sheet.row("C002")
    assert missing is not None
    assert asked == [missing.request]
