"""`cpis validate`."""

import json
from pathlib import Path

import pytest
import typer
from lxml import etree
from typer.testing import CliRunner, Result

from cpis_cli.validate import validate
from tests.simulator.codec_examples import QUERY, UPLOAD

app = typer.Typer()
app.command()(validate)


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.xml"
    path.write_bytes(UPLOAD.body)
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad <&> file.xml"
    path.write_bytes(QUERY.body.replace(b"9990003017", b"9990003018"))
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_valid_files_exit_with_0(good: str) -> None:
    result = run(good)
    assert (result.exit_code, result.stdout) == (0, f"{good}: valid (upload)\n")


def test_one_invalid_file_exits_with_1_and_says_why(good: str, bad: str) -> None:
    result = run(good, bad)
    assert result.exit_code == 1
    assert f"{bad}: INVALID (query)" in result.stdout
    assert "CPIS-DAT-029 error: NHS number •••••••018 is not ten digits with a valid check digit" in result.stdout
    assert "at line 1, /QUPC_IN000006GB01/" in result.stdout


def test_json_is_a_list_of_verdicts_in_the_order_given(good: str, bad: str) -> None:
    result = run("--format", "json", bad, good)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "file": bad,
            "kind": "query",
            "valid": False,
            "findings": [
                {
                    "rule": "CPIS-DAT-029",
                    "severity": "error",
                    "message": "NHS number •••••••018 is not ten digits with a valid check digit",
                    "line": 1,
                    "xpath": "/QUPC_IN000006GB01/ControlActEvent/subject/CP-ISQueryStub/cP-ISNHSQuery"
                    "/queryByParameter/person.NHSnumber/value",
                }
            ],
        },
        {"file": good, "kind": "upload", "valid": True, "findings": []},
    ]


def test_junit_has_a_case_a_file(good: str, bad: str) -> None:
    result = run("--format", "junit", good, bad)
    assert result.exit_code == 1
    suite = etree.fromstring(result.stdout.encode())[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suite] == [good, bad]
    assert [failure.get("message") for failure in suite.iter("failure")] == ["CPIS-DAT-029"]


def test_kind_can_be_demanded(good: str) -> None:
    assert run("--kind", "upload", good).exit_code == 0
    result = run("--kind", "acknowledgement", good)
    assert result.exit_code == 1
    assert "CPIS-MSG-003" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.xml"], "cannot read missing.xml"),
        (["--kind", "letter", "missing.xml"], "unknown kind 'letter': expected one of upload, acknowledgement"),
        (["--format", "yaml", "missing.xml"], "unknown format 'yaml': expected text, json, junit"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_exits_with_2_and_judges_nothing(arguments: list[str], message: str, good: str) -> None:
    result = run(*arguments, *([good] if arguments else []))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
