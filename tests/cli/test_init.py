"""`cpis init` as somebody meets it: what it asks, what it writes, and that what it writes works."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from cpis_cli.main import app
from cpis_fixtures.config import load_config
from cpis_fixtures.drivers.tables import DriverKind
from cpis_fixtures.starting.tables import BUILT_IN
from tests.acceptance.running import run_command

RUNNABLE = [
    *(("authority", start, driver) for start, driver in itertools.product(BUILT_IN, get_args(DriverKind))),
    *(("care", start, driver) for start, driver in itertools.product(BUILT_IN, ("http", "command"))),
    *(
        (role, "bundled", driver)
        for role, driver in (("care", "manual"), *(("service", d) for d in get_args(DriverKind)))
    ),
]


def init(folder: Path, *arguments: str, said: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["init", "--out", str(folder / "cpis.toml"), *arguments], input=said)
    return result.exit_code, result.output


@pytest.mark.parametrize(("role", "start", "driver"), RUNNABLE)
def test_every_combination_that_it_writes_is_a_right_one(tmp_path: Path, role: str, start: str, driver: str) -> None:
    exit_code, output = init(tmp_path, "--yes", "--role", role, "--start", start, "--driver", driver)
    assert exit_code == 0, output
    config = load_config(tmp_path / "cpis.toml").system_under_test
    assert (config.role, config.start.kind) == (role, start)
    if start != "bundled":
        assert config.driver.kinds() == {driver}
    by_hand = " --tag FD-01" if driver == "manual" and start != "bundled" else ""
    assert output.splitlines()[-2:] == [
        f"Next: cpis doctor --config {tmp_path / 'cpis.toml'}",
        f"Then: cpis run --config {tmp_path / 'cpis.toml'}{by_hand}",
    ]


def test_what_it_writes_for_a_product_that_only_a_person_can_work_says_so(tmp_path: Path) -> None:
    exit_code, output = init(tmp_path, "--yes", "--start", "none", "--driver", "manual")
    text = (tmp_path / "cpis.toml").read_text()
    assert exit_code == 0, output
    assert "Whom to key in, and how a run by hand goes: docs/manual.md." in output
    assert "No driver yet?" not in output
    assert "# page_port = 8097" in text
    assert "# person_s = 900" in text


@pytest.mark.parametrize(
    ("role", "tag"), [("authority", "FD-01"), ("care", "LK-01"), ("service", "LK-01")], ids=lambda value: value
)
def test_what_it_writes_for_a_bundled_system_runs(tmp_path: Path, role: str, tag: str) -> None:
    init(tmp_path, "--yes", "--role", role)
    for command in (
        ["doctor", "--config", "cpis.toml"],
        ["run", "--config", "cpis.toml", "--out", "out", "--tag", tag],
    ):
        exit_code, output = run_command([sys.executable, "-m", "cpis_cli", *command], cwd=tmp_path, within=60)
        assert exit_code == 0, output


def test_it_asks_what_matters_and_nothing_else(tmp_path: Path) -> None:
    said = (
        "\n".join(
            ["noone", "none", "http", "Casebook", "2.0", "Nobody Ltd", "http://127.0.0.1:9", "../drop", *[""] * 4]
        )
        + "\n"
    )
    exit_code, output = init(tmp_path, "--role", "authority", said=said)
    assert exit_code == 0, output
    assert "There is no 'noone': bundled, process, docker, none" in output
    assert "Which role" not in output
    assert "Command that starts it" not in output
    config = load_config(tmp_path / "cpis.toml")
    assert (config.product.name, config.system_under_test.driver.url) == ("Casebook", "http://127.0.0.1:9")
    assert config.file_drop.root == (tmp_path / "../drop").resolve()
    assert config.authority[0].ods == "Z99"


def test_what_it_writes_for_a_care_system_has_its_party_and_no_authority(tmp_path: Path) -> None:
    said = "\n".join(
        ["ED System", "9.1", "Example Ltd", "./ed {port}", "RX8-0000007", "ZZ8", "", "http://127.0.0.1:4440/"]
    )
    exit_code, output = init(tmp_path, *["--role", "care", "--start", "process", "--driver", "http"], said=said + "\n")
    assert exit_code == 0, output
    assert "No driver yet? docs/care.md has the operations of a care system." in output
    config = load_config(tmp_path / "cpis.toml")
    assert (config.authority, config.file_drop.root) == ([], None)
    (party,) = config.party
    assert (party.key, party.ods, party.endpoint) == ("RX8-0000007", "ZZ8", "http://127.0.0.1:4440/")
    assert party.asids == ["999999000101", "999999000105", "999999000102"]
    assert "profile:reliable" in config.system_under_test.claims


def test_what_it_writes_for_a_care_system_that_runs_already_has_a_port_to_send_queries_to(tmp_path: Path) -> None:
    exit_code, output = init(tmp_path, *["--yes", "--role", "care", "--start", "none", "--driver", "http"])
    assert exit_code == 0, output
    assert load_config(tmp_path / "cpis.toml").service.port == 4433


def test_what_it_writes_for_a_care_system_that_is_started_runs(tmp_path: Path) -> None:
    init(tmp_path, *["--yes", "--role", "care", "--start", "process", "--driver", "http"])
    file = tmp_path / "cpis.toml"
    words = (
        "care --url {service_url} --port {port} --reply-port 4439 --party RX9-0000001 --profile reliable --timeout 4"
    )
    command = json.dumps([sys.executable, "-m", "cpis_cli", *words.split(), "--state", "{folder}/care.sqlite"])
    text = file.read_text().replace('"./start-product --port {port}"', command)
    file.write_text(
        text.replace("# [settings.query] ", "[settings.query] ").replace("# client_timeout = 30", "client_timeout = 4")
    )
    run = ["run", "--config", "cpis.toml", "--out", "out", "--tag", "LK-01"]
    exit_code, output = run_command([sys.executable, "-m", "cpis_cli", *run], cwd=tmp_path, within=60)
    assert exit_code == 0, output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--start", "proces"], "--start: no such choice: expected bundled, process, docker, none, found proces"),
        (["--role", "council"], "--role: no such choice: expected authority, care, service, found council"),
        (["--role", "service", "--start", "none"], "Role service can so far be played by the bundled system only"),
        (
            ["--role", "care", "--start", "none", "--driver", "manual"],
            "A person is asked for operations of an authority only",
        ),
    ],
)
def test_what_there_is_not_is_refused_and_nothing_is_written(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    exit_code, output = init(tmp_path, "--yes", *arguments)
    assert exit_code == 2
    assert message in output
    assert [*tmp_path.iterdir()] == []


def test_an_answer_that_makes_no_sense_leaves_nothing_behind(tmp_path: Path) -> None:
    said = "\n".join(["Casebook", "2.0", "Nobody Ltd", "./casebook {prot}", *[""] * 4]) + "\n"
    exit_code, output = init(tmp_path, "--role", "authority", "--start", "process", "--driver", "http", said=said)
    assert exit_code == 2
    assert "did you mean {port}?" in output
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_is_there_is_kept_unless_it_may_go(tmp_path: Path) -> None:
    (tmp_path / "cpis.toml").write_text("# mine\n")
    exit_code, output = init(tmp_path, "--yes")
    assert (exit_code, "The file is there already" in output) == (2, True)
    assert (tmp_path / "cpis.toml").read_text() == "# mine\n"
    assert init(tmp_path, "--yes", "--force")[0] == 0


def test_text_with_quotes_is_written_as_it_was_said(tmp_path: Path) -> None:
    said = "\n".join(['The "Case" Manager \\', "1", "O'Nobody", "./x {port}", *[""] * 4]) + "\n"
    exit_code, output = init(tmp_path, "--role", "authority", "--start", "process", "--driver", "http", said=said)
    assert exit_code == 0, output
    assert load_config(tmp_path / "cpis.toml").product.name == 'The "Case" Manager \\'


def test_a_schema_for_editors_stands_beside_it_when_wanted(tmp_path: Path) -> None:
    init(tmp_path, "--yes", "--schema")
    assert (tmp_path / "cpis.toml").read_text().startswith("#:schema ./cpis.schema.json\n")
    assert json.loads((tmp_path / "cpis.schema.json").read_text())["title"] == "cpis.toml"
