"""The suite's tables agree with the catalogue, with the features and with the checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from cpis_reports import catalogue
from cpis_reports.checks.registry import Check, passed
from cpis_reports.results import CalledFor, Suite
from cpis_reports.suite import coverage_of_requirements, coverage_of_tests, load_suite, read_dispositions
from cpis_simulator.errors import ConfigError

IN_FILE = Check("in-file", "authority", ("CPIS-UPL-001", "CPIS-UPL-004"), "wire", passed)


def load(folder: Path, calls_for: str, dispositions: str = "id,disposition,reason\n") -> tuple[Suite, list[str]]:
    (folder / "calls_for.csv").write_text(calls_for)
    (folder / "dispositions.csv").write_text(dispositions)
    return load_suite(folder, scenarios=[("FD-01", "file_drop/a/b")], checks={"in-file": IN_FILE})


def test_a_call_without_ids_means_all_that_check_and_test_both_judge(tmp_path: Path) -> None:
    suite, errors = load(tmp_path, "test,check,requirements\nFD-01,in-file,\n")
    call = CalledFor(test="FD-01", check="in-file", party="authority", requirements=["CPIS-UPL-001"])
    assert (suite.called_for, errors) == ([call], [])


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("FD-01,nothing,", "calls_for.csv: FD-01, nothing: no such check"),
        ("FD-99,in-file,", "calls_for.csv: FD-99, in-file: no such test"),
        ("FD-01,in-file,CPIS-UPL-002", "calls_for.csv: FD-01, in-file: the check does not judge CPIS-UPL-002"),
        (
            "FD-01,in-file,CPIS-UPL-004",
            "calls_for.csv: FD-01, in-file: the test does not judge CPIS-UPL-004 for authority",
        ),
    ],
)
def test_a_call_that_fits_nothing_is_named(tmp_path: Path, row: str, error: str) -> None:
    assert load(tmp_path, f"test,check,requirements\n{row}\n")[1] == [error]


def test_coverage_names_tests_or_the_reason(tmp_path: Path) -> None:
    suite, _ = load(
        tmp_path,
        "test,check,requirements\nFD-01,in-file,\n",
        "id,disposition,reason\nFD-30,needs-profile,needs a clock\n",
    )
    rows = {row["id"]: row for row in coverage_of_requirements(suite, "authority")}
    assert rows["CPIS-UPL-001"]["tested_by"] == ["FD-01"]
    assert rows["CPIS-UPL-005"]["reason"] == "needs a clock (FD-30)"
    assert rows["CPIS-DAT-007"]["reason"] == "no check is called for (FD-01); no scenario yet (FD-23)"
    tests = {row["id"]: row for row in coverage_of_tests(suite, "authority")}
    assert (tests["FD-01"]["scenarios"], tests["FD-30"]["reason"]) == (["file_drop/a/b"], "needs a clock")


def test_an_unknown_disposition_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 2.*found perhaps"):
        load(tmp_path, "test,check,requirements\n", "id,disposition,reason\nFD-30,perhaps,x\n")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="A column is missing"):
        load(tmp_path, "test,requirements\n")


def test_every_test_of_the_catalogue_has_a_scenario_or_a_reason_and_not_both() -> None:
    from cpis_steps.features import suite, suite_folder

    with_scenario = {scenario.test for scenario in suite()}
    reasons = read_dispositions(suite_folder() / "dispositions.csv")
    neither = [t for t in catalogue.tests() if t not in with_scenario and t not in reasons]
    both = [t for t in reasons if t in with_scenario]
    assert (neither, both, [t for t in reasons if t not in catalogue.tests()]) == ([], [], [])


def test_the_command_shows_coverage_of_a_role() -> None:
    from cpis_cli.requirements import requirements

    app = Typer()
    app.command()(requirements)
    result = CliRunner().invoke(app, ["--role", "care"])
    assert result.exit_code == 0, result.output
    assert "CPIS-QRY-013  care       MUST" in result.output
    assert "of 58 requirements are judged" in result.output
    result = CliRunner().invoke(app, ["--tests", "--format", "json"])
    assert result.exit_code == 0 and '"id": "FD-01"' in result.output
