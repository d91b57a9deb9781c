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
    assert (result.exit_code, result.stdout) == (0, f"{good}: valid (upload, 2 records)\n")


def test_one_invalid_file_exits_with_1_and_says_why(good: str, bad: str) -> None:
    result = run(good, bad)
    assert result.exit_code == 1
    assert f"{bad}: INVALID (query): 1 error" in result.stdout
    assert (
        "CPIS-DAT-029 error, line 1: NHS number: expected ten digits with a valid check digit, found" in result.stdout
    )
    assert "mend: Trace the number; a digit is probably mistyped." in result.stdout
    assert "at /QUPC_IN000006GB01/" in result.stdout
    assert "source: NHS data dictionary" in result.stdout
    assert result.stdout.endswith("1 of 2 valid\n")


def test_json_is_a_list_of_verdicts_in_the_order_given(good: str, bad: str) -> None:
    result = run("--format", "json", bad, good)
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert (first["file"], first["kind"], first["valid"]) == (bad, "query", False)
    assert first["findings"] == [
        {
            "rule": "CPIS-DAT-029",
            "severity": "error",
            "message": "NHS number: expected ten digits with a valid check digit, found •••••••018",
            "line": 1,
            "xpath": "/QUPC_IN000006GB01/ControlActEvent/subject/CP-ISQueryStub/cP-ISNHSQuery"
            "/queryByParameter/person.NHSnumber/value",
            "record": None,
            "expected": "ten digits with a valid check digit",
            "found": "•••••••018",
            "mend": "Trace the number; a digit is probably mistyped.",
            "source": "NHS data dictionary, NHS NUMBER; toolkit's modulus-11 check",
        }
    ]
    assert second == {"file": good, "kind": "upload", "valid": True, "findings": [], "omitted": 0, "records": 2}


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
def test_wrong_usage_exits_with_2(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_file_that_cannot_be_read_leaves_the_others_judged(good: str) -> None:
    result = run("missing.xml", good)
    assert result.exit_code == 2
    assert "cannot read missing.xml: No such file" in result.stderr
    assert result.stdout == f"{good}: valid (upload, 2 records)\n"


def test_standard_input_is_judged(good: str) -> None:
    result = CliRunner().invoke(app, ["-"], input=UPLOAD.body)
    assert (result.exit_code, result.stdout) == (0, "standard input: valid (upload, 2 records)\n")


def test_findings_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "many.xml"
    path.write_bytes(UPLOAD.body.replace(b"<record>", b'<record typeCode="COMP">'))
    result = run("--most", "1", str(path))
    assert "INVALID (upload, 2 records): 1 error and 1 more" in result.stdout
    assert "… and 1 findings more" in result.stdout


def test_findings_of_one_cause_are_shown_in_full_five_times_and_then_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "many.xml"
    record = UPLOAD.body[UPLOAD.body.index(b"<record>") : UPLOAD.body.index(b"</record>") + 9]
    many = b"\n".join([record.replace(b"<record>", b'<record typeCode="COMP">')] * 8)
    path.write_bytes(UPLOAD.body.replace(record, many, 1))
    result = run(str(path))
    assert result.stdout.count("CPIS-MSG-004 error") == 5
    assert "CPIS-MSG-004: attribute typeCode is a fixed value and must not be sent, 3 more, at lines" in result.stdout


def test_business_checks_follow_the_settings(tmp_path: Path) -> None:
    path, config = tmp_path / "upload.xml", tmp_path / "cpis.toml"
    path.write_bytes(UPLOAD.body.replace(b"9990003017", b"9990003018"))
    config.write_text('[settings.upload]\nbusiness_checks = ["content-id"]\n')
    assert run(str(path)).exit_code == 1
    assert run("--config", str(config), str(path)).exit_code == 0
