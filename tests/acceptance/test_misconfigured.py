"""A wrong configuration never makes a failure: what it touches is undecided, and cites the check of doctor.

The product is the faultless bundled authority, started by hand, so that any `fail` would be a false one. More of them,
and what doctor says of each, in tests/fixtures/test_doctor_seeds.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cpis_fixtures.processes import Process
from tests.acceptance.running import Played, play, run_command

CONFIG = """\
[product]
name = "Bundled"

[system_under_test.start]
kind = "none"

[system_under_test.driver]
url = "{url}"

[[authority]]
ods = "Z99"
name = "EXAMPLETON TEST COUNCIL"
telephone_office = "tel:01632960001"
telephone_emergency = "tel:01632960002"

[file_drop]
root = "{drop}"

[wait]
export_s = 1
process_reply_s = 1
quiet_s = 0.2
"""

# A file, what it becomes by a reply, a telephone, an alert, a number: each could be held against the product.
TAGS = [f"--tag={test}" for test in ("FD-01", "AK-01", "AK-06", "NT-01", "IN-08")]
REAL = ["--no-reset", "--no-clock"]


def played(folder: Path, change: Callable[[str], str], *arguments: str) -> Played:
    """The tags, against the product described wrongly."""
    drop = folder / "shared"
    product = Process(
        "authority",
        ["authority", "--port", "0", "--drop", str(drop), "--state", str(folder / "state"), *arguments],
        log=folder / "authority.log",
    )
    try:
        text = change(CONFIG).format(url=product.ready["url"], drop=drop)
        return play(*TAGS, out=folder / "out", config=text)
    finally:
        product.stop()


def instead(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def also(table: str) -> Callable[[str], str]:
    return lambda text: f"{text}\n{table}\n"


@pytest.mark.long_table(5)
@pytest.mark.parametrize(
    ("change", "check"),
    [
        (instead("960002", "960009"), "authority-telephones"),
        (instead("EXAMPLETON TEST", "EXAMPLETON CITY"), "authority-name"),
        (instead('ods = "Z99"', 'ods = "Z90"'), "authority-code"),
        (instead('root = "{drop}"', 'root = "{drop}-other"'), "files-elsewhere"),
        (also('[settings.files]\nupload = "outgoing"'), "files-elsewhere"),
        (also('[settings.files]\nresponse = "incoming"'), "responses-left"),
        (also("[settings.files]\nmax_bytes = 100"), "upload-limit"),
    ],
    ids=["telephone", "name", "code", "drop root", "upload folder", "receiving folder", "largest file"],
)
@pytest.mark.parametrize("arguments", [[], REAL], ids=["resettable", "real"])
def test_it_fails_nothing_and_cites_the_check_of_doctor(
    tmp_path: Path, change: Callable[[str], str], check: str, arguments: list[str]
) -> None:
    run = played(tmp_path, change, *arguments)
    results = run.results
    assert [(s.test, s.reason) for s in results.scenarios if s.outcome == "fail"] == []
    assert [(v.id, v.reason) for v in results.requirements if v.verdict == "fail"] == []
    by_config = [s for s in results.scenarios if s.cause == "config"]
    assert {s.doctor for s in by_config} == {check}
    assert {v.doctor for v in results.requirements if v.cause == "config"} == {check}
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert f"<code>{check}</code> of <code>cpis doctor</code>" in page
    assert run_command([sys.executable, "-m", "cpis_cli", "verify", str(run.folder)], cwd=run.folder)[0] == 0


@pytest.mark.parametrize("arguments", [[], REAL], ids=["resettable", "real"])
def test_a_program_that_fails_to_export_fails_nobody(tmp_path: Path, arguments: list[str]) -> None:
    """The product can export, and the program that shall have it do so cannot: nobody can tell the two apart."""
    program = "raise SystemExit('the database is locked')"
    told = f"""url = "{{url}}"
command = ["{sys.executable}", "-c", "{program}"]
operations = {{{{ export = "command" }}}}"""
    results = played(tmp_path, instead('url = "{url}"', told), *arguments).results
    assert [(s.test, s.reason) for s in results.scenarios if s.outcome == "fail"] == []
    assert [(v.id, v.reason) for v in results.requirements if v.verdict == "fail"] == []
    (first,) = [s for s in results.scenarios if s.test == "FD-01"]
    assert (first.outcome, first.cause) == ("inconclusive", "not-reached")
    assert "its driver failed to export: The command ended with exit code 1: the database is locked" in first.reason


def test_described_rightly_the_same_product_passes(tmp_path: Path) -> None:
    assert {s.outcome for s in played(tmp_path, lambda text: text, *REAL).results.scenarios} == {"pass"}


def test_what_an_earlier_run_has_keyed_into_a_product_that_can_be_emptied_is_no_difference(tmp_path: Path) -> None:
    """A scenario that changes telephones may be the last one."""
    from cpis_simulator.driving import ChangeAuthority
    from cpis_simulator.transport.http_client import DriverClient

    drop = tmp_path / "shared"
    product = Process(
        "authority",
        ["authority", "--port", "0", "--drop", str(drop), "--state", str(tmp_path / "state")],
        log=tmp_path / "authority.log",
    )
    try:
        url = str(product.ready["url"])
        keyed = ChangeAuthority(ods="Z99", telephone_emergency="01632960077")
        assert DriverClient(url).call("change-authority", keyed, within=10).status == "answered"
        run = play("--tag=FD-01", out=tmp_path / "out", config=CONFIG.format(url=url, drop=drop))
    finally:
        product.stop()
    assert {s.outcome for s in run.results.scenarios} == {"pass"}


def test_no_secret_stands_in_what_a_run_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one from a variable, not one in a file, not what stands under `environment`: nowhere in the folder."""
    monkeypatch.setenv("CASEBOOK_PASSWORD", "correct-horse-battery")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "key").write_text("staple-horse-battery\n")
    command = f"{sys.executable} -m cpis_cli authority --port {{port}} --drop {{drop}} --state {{folder}}/state"
    text = f"""\
[system_under_test.start]
kind = "process"
command = "{command}"

[system_under_test.start.environment]
LITERAL = "literal-horse-battery"
FROM_VARIABLE = {{ env = "CASEBOOK_PASSWORD" }}
FROM_FILE = {{ file = "key" }}

[system_under_test.driver]
url = "http://127.0.0.1:{{port}}"
token = {{ env = "CASEBOOK_PASSWORD" }}

[wait]
export_s = 1
process_reply_s = 1
quiet_s = 0.2
"""
    run = play("--tag=FD-01", out=tmp_path / "out", config=text)
    assert run.exit_code == 0, run.output
    written = [file for file in run.folder.rglob("*") if file.is_file()]
    assert len(written) > 5
    assert [str(file) for file in written if b"horse" in file.read_bytes()] == []
    assert "horse" not in run.output
