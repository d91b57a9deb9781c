"""A product that uses other folders than the harness is described wrongly; a silent one in the right folders fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cpis_reports.checks import run_check
from cpis_reports.checks.registry import Judgement
from cpis_simulator.evidence import DRIVER, PROBE, Evidence, read_journal
from cpis_simulator.store.journal import JOURNAL, Journal

NUMBER = "9990001014"


def judged(folder: Path, *, exported: dict[str, Any], status: str = "answered", **health: Any) -> Judgement:
    """What is said of a child that is in no file, after an export and a look at the service."""
    journal = Journal(folder)
    headers = {"operation": "export", "phase": "response", "party": "authority", "status": status}
    journal.append(DRIVER, sender="authority", receiver="harness", headers=headers, body=json.dumps(exported).encode())
    drop = {"upload": "/drop/Z99/upload", "response": "/drop/Z99/response", "waiting": [], "taken": health.pop("taken")}
    body = json.dumps({"alive": True, "problems": [], "folders": {"Z99": drop}, **health}).encode()
    journal.append(PROBE, sender="service", receiver="harness", headers={}, body=body)
    journal.close()
    records, _ = read_journal((folder / JOURNAL).read_bytes().splitlines(keepends=True))
    evidence = Evidence(records, lambda sha256: (folder / "bodies" / sha256).read_bytes())
    return run_check("valid-file-with-child", evidence, {"authority": "Z99", "nhs_number": NUMBER})


MADE = {"exported": True, "file_id": "7"}


def test_a_file_that_is_said_to_be_made_where_none_has_ever_come_is_in_another_folder(tmp_path: Path) -> None:
    found = judged(tmp_path, exported=MADE, taken=0)
    assert (found.outcome, found.cause, found.doctor) == ("inconclusive", "config", "files-elsewhere")
    assert found.findings[0].endswith(
        "the product says that it made a file, and none has ever come to /drop/Z99/upload"
    )


@pytest.mark.parametrize(
    ("exported", "taken", "status"),
    [
        (MADE, 1, "answered"),
        (MADE, None, "answered"),
        ({"exported": False, "reason": "nothing is due"}, 0, "answered"),
        ({"reason": "the child is not due"}, 0, "refused"),
    ],
    ids=["others came", "nobody counted", "it made none", "it refused"],
)
def test_in_every_other_case_it_is_the_product_s_failure(
    tmp_path: Path, exported: dict[str, Any], taken: int | None, status: str
) -> None:
    assert judged(tmp_path, exported=exported, taken=taken, status=status).outcome == "fail"


def test_a_driver_that_broke_at_the_export_is_nobody_s_failure(tmp_path: Path) -> None:
    found = judged(tmp_path, exported={"reason": "it broke"}, taken=0, status="failed")
    assert (found.outcome, found.cause) == ("inconclusive", "not-reached")
    assert found.findings[0].endswith("its driver failed to export: it broke")


def test_nothing_is_held_against_a_product_that_has_read_nothing_in_all_its_time(tmp_path: Path) -> None:
    found = judged(tmp_path, exported=MADE, taken=3, never_read="/drop/Z99/response")
    assert (found.outcome, found.cause, found.doctor) == ("inconclusive", "config", "responses-left")
    assert found.findings[-1] == "nothing that was delivered to /drop/Z99/response was ever read or taken"
    assert found.findings[0] == "child •••••••014 is in no readable file"
