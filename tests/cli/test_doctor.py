"""`cpis doctor` as a person and as a build meets it: lines, JSON, exit codes, and the ten seconds."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import pytest

from cpis_fixtures.doctor.table import CHECKS
from tests.acceptance.running import run_command
from tests.fixtures.doctor_stand import Told, driver_of

RUNNING = """\
[product]
name = "Example Case Manager"

[system_under_test.start]
kind = "none"

[system_under_test.driver]
url = "http://127.0.0.1:{port}"

[file_drop]
root = "drop"
"""


def doctor(folder: Path, *arguments: str, config: str = "") -> tuple[int, str]:
    (folder / "cpis.toml").write_text(config)
    command = [sys.executable, "-m", "cpis_cli", "doctor", "--config", "cpis.toml", *arguments]
    return run_command(command, cwd=folder, within=60)


def test_where_all_is_well_it_says_so_in_a_line(tmp_path: Path) -> None:
    exit_code, output = doctor(tmp_path)
    assert exit_code == 0, output
    assert re.match(r"\d+ ok, 0 look, 0 wrong, 0 undecided, \d+ not tried$", output.splitlines()[0])


def test_a_finding_is_a_line_with_its_mend(tmp_path: Path) -> None:
    exit_code, output = doctor(tmp_path, config="[wait]\nexport_s = 0.1\n")
    first, second, *_ = output.splitlines()
    assert exit_code == 1
    assert first.split()[:2] == ["wrong", "wait-covers-poll"]
    assert second.strip() == "Raise wait.export_s, or lower settings.files.poll and settle."


def test_what_a_run_can_be_made_with_leaves_the_exit_code_alone(tmp_path: Path) -> None:
    exit_code, output = doctor(tmp_path, config="[settings.query]\nclient_timeout = 3\n")
    assert (exit_code, output.split()[:2]) == (0, ["look", "client-timeout"])


def test_a_configuration_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    exit_code, output = doctor(tmp_path, config="[waits]\n")
    assert exit_code == 1
    assert "wrong     configuration        Unknown key 'waits' in the configuration (cpis.toml, line 1)" in output
    assert "Did you mean 'wait'?" in output


def test_json_has_every_check(tmp_path: Path) -> None:
    exit_code, output = doctor(tmp_path, "--format", "json", config="[wait]\nexport_s = 0.1\n")
    value = json.loads(output)
    assert (exit_code, value["passed"]) == (1, False)
    assert [result["id"] for result in value["results"]] == [check.id for check in CHECKS]
    (wrong,) = (result for result in value["results"] if result["outcome"] == "wrong")
    assert wrong["id"] == "wait-covers-poll"
    assert wrong["mend"]


def test_the_list_has_every_check_with_its_mend(tmp_path: Path) -> None:
    exit_code, output = doctor(tmp_path, "--list")
    assert exit_code == 0
    assert [check.id for check in CHECKS if f"{check.id:20} {check.looks_at}\n" not in output] == []
    assert output.count("    mend: ") == len(CHECKS)


def test_a_product_that_never_answers_does_not_hold_it_up(tmp_path: Path) -> None:
    told = Told()
    told.silent = True
    with driver_of(told) as port:
        began = time.monotonic()
        exit_code, output = doctor(tmp_path, config=RUNNING.format(port=port))
        took = time.monotonic() - began
        told.hangs.set()
    assert exit_code == 1
    assert "wrong     product-reachable    No answer within" in output
    assert took < 10


def test_the_ten_seconds_count_from_the_start_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text("import time\ntime.sleep(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(slow))
    told = Told()
    told.silent = True
    with driver_of(told) as port:
        began = time.monotonic()
        exit_code, output = doctor(tmp_path, config=RUNNING.format(port=port))
        took = time.monotonic() - began
        told.hangs.set()
    assert exit_code == 1
    assert "wrong     product-reachable    No answer within" in output
    assert 3 < took < 10


def test_another_format_is_wrong_usage(tmp_path: Path) -> None:
    assert doctor(tmp_path, "--format", "xml")[0] == 2


@pytest.mark.parametrize("words", [["config", "show"], ["config", "keys", "wait"], ["config", "schema"]])
def test_the_configuration_can_be_shown(tmp_path: Path, words: list[str]) -> None:
    exit_code, output = run_command([sys.executable, "-m", "cpis_cli", *words], cwd=tmp_path, within=30)
    assert exit_code == 0
    assert "export_s" in output
