"""`cpis compare`."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cpis_cli.compare import compare
from tests.simulator.codec_examples import UPLOAD

app = typer.Typer()
app.command()(compare)

HEADER = "nhs_number,subject,plan_type,start,end,delete,birth_date,given,family,local_id\n"
CHILD = "9990003017,child,child protection plan,{start},{end},,2015-06-07,Zoë Ann,{family},{local}\n"


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload.xml"
    path.write_bytes(UPLOAD.body)
    return path


def expected_of(upload: Path) -> str:
    """Expected data that the file fits, made from the file itself."""
    from cpis_simulator.codecs.upload import decode_upload
    from cpis_simulator.rules.comparison import FIELDS, rows_of

    rows = [row for record in decode_upload(upload.read_bytes()).records for row in rows_of(record)]  # type: ignore[arg-type]  # none is faulty
    return "\n".join([",".join(FIELDS), *(",".join(f'"{row[name]}"' for name in FIELDS) for row in rows)]) + "\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def against(upload: Path, expected: str, *more: str) -> Result:
    path = upload.parent / "expected.csv"
    path.write_text(expected, encoding="utf-8")
    return run(path, upload, *more)


def test_a_file_that_fits_exits_with_0(upload: Path) -> None:
    result = against(upload, expected_of(upload))
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("in the file: no difference\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Zoë Ann", "Zoe Ann", "mismatch: •••••••017, given: expected Zoe Ann, found Zoë Ann (row 2, record 1)"),
        ("2015-06-07", "2015-07-06", "birth_date: expected 2015-07-06, found 2015-06-07"),
    ],
)
def test_every_field_that_differs_is_told(old: str, new: str, said: str, upload: Path) -> None:
    text = expected_of(upload)
    assert old in text
    result = against(upload, text.replace(old, new))
    assert result.exit_code == 1
    assert said in result.stdout


def test_a_plan_that_is_not_in_the_file_is_missing(upload: Path) -> None:
    result = against(upload, expected_of(upload) + "9990003041,child,looked after child,2025-01-01,,,,,,\n")
    assert "missing: •••••••041, looked after child from 2025-01-01 (row" in result.stdout


def test_a_plan_that_nobody_expected_is_extra(upload: Path) -> None:
    head, _, *rest = expected_of(upload).splitlines()
    result = against(upload, "\n".join([head, *rest]) + "\n")
    assert result.exit_code == 1
    assert "extra: " in result.stdout


def test_a_wrong_start_is_a_mismatch_and_not_a_missing_and_an_extra_plan(upload: Path) -> None:
    text = expected_of(upload)
    start = text.splitlines()[1].split(",")[3].strip('"')
    result = against(upload, text.replace(start, "2001-01-01", 1), "--format", "json")
    assert [(d["kind"], d["what"]) for d in json.loads(result.stdout)] == [("mismatch", "start")]


def test_columns_that_are_left_out_are_not_compared(upload: Path) -> None:
    lines = [line.split(",")[:4] for line in expected_of(upload).splitlines()]
    result = against(upload, "\n".join(",".join(cells) for cells in lines) + "\n")
    assert result.exit_code == 0, result.stdout


def test_expected_data_may_be_json(upload: Path) -> None:
    import csv
    import io

    rows = list(csv.DictReader(io.StringIO(expected_of(upload))))
    rows[0]["family"] = "Elsewhere"
    result = against(upload, json.dumps(rows))
    assert result.exit_code == 1
    assert "family: expected Elsewhere" in result.stdout


def test_the_template_can_be_read_again(upload: Path) -> None:
    written = run("--template")
    assert written.exit_code == 0
    result = against(upload, written.stdout)
    assert result.exit_code == 1
    assert "missing: •••••••014, child protection plan from 2025-11-01" in result.stdout


def test_a_record_that_cannot_be_read_is_told(upload: Path) -> None:
    text = expected_of(upload)
    upload.write_bytes(UPLOAD.body.replace(b'"20150607"', b'"2015"'))
    result = against(upload, text)
    assert "unreadable: •••••••017, Birth date: expected YYYYMMDD, found 2015 (record 1)" in result.stdout
    assert "missing: •••••••017" in result.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("number,plan\n1,2\n", "expected nhs_number, subject, plan_type"),
        (HEADER + "9990003017,child,plan,2025-01-01,,,,,,\n", "Unknown plan type (") ,
        (HEADER + "9990003017,child,looked after child,01/02/2025,,,,,,\n", "start is no date"),
        (HEADER + ",child,looked after child,2025-01-01,,,,,,\n", "Row without nhs_number"),
        ('{"a": 1}', "no list of objects"),
        ("[{", "neither CSV nor JSON"),
    ],
)  # fmt: skip
def test_expected_data_that_make_no_sense_exit_with_2(text: str, said: str, upload: Path) -> None:
    result = against(upload, text)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_file_that_is_no_upload_exits_with_2(upload: Path) -> None:
    upload.write_bytes(b"<x/>")
    result = against(upload, HEADER)
    assert result.exit_code == 2
    assert "CPIS" not in result.stdout


@pytest.mark.parametrize(
    ("encoding", "between"), [("utf-8-sig", ","), ("cp1252", ";"), ("utf-16", "\t")], ids=["utf-8", "ansi", "unicode"]
)
def test_expected_data_is_read_as_spreadsheets_save_it(upload: Path, encoding: str, between: str) -> None:
    path = upload.parent / "expected.csv"
    path.write_bytes(expected_of(upload).replace('","', f'"{between}"').replace(",", between).encode(encoding))
    result = run(path, upload)
    assert (result.exit_code, result.output) == (0, "3 plans expected, 3 in the file: no difference\n")
