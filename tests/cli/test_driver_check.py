"""`cpis driver check` as a person at a terminal meets it: what it will do, a line for each try, and the exit code."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

from tests.acceptance.running import run_command

CONFIG = """\
[system_under_test]
role = "authority"

[system_under_test.start]
kind = "none"

[system_under_test.driver]
url = "http://127.0.0.1:{port}"

[file_drop]
root = "./drop"
"""


def check(folder: Path, *arguments: str, config: str | None = None) -> tuple[int, str]:
    command = [sys.executable, "-m", "cpis_cli", "driver", "check", "--out", "out", *arguments]
    if config is not None:
        (folder / "cpis.toml").write_text(config, encoding="utf-8")
        command += ["--config", "cpis.toml"]
    return run_command(command, cwd=folder, within=60)


def test_the_bundled_system_passes_and_what_is_done_to_it_is_said_first(tmp_path: Path) -> None:
    exit_code, output = check(tmp_path)
    first, *lines, last = output.splitlines()
    assert exit_code == 0, output
    assert re.match(r"The check records one made-up child \(Driver Check, NHS number 999\d{7}\) with one plan, ", first)
    assert last == "24 ok, 0 look, 0 wrong, 3 not tried"
    assert len(lines) == 27


def test_a_driver_that_nobody_answers_for_is_not_reached(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # never listens, and nobody else can
        exit_code, output = check(tmp_path, config=CONFIG.format(port=taken.getsockname()[1]))
    assert exit_code == 3
    assert "cpis driver check: The driver does not answer: found No connection" in output
    assert "See that the product is up" in output


def test_a_wrong_configuration_is_told_as_everywhere(tmp_path: Path) -> None:
    exit_code, output = check(tmp_path, config=CONFIG.format(port=1).replace("kind", "kidn"))
    assert exit_code == 2
    assert "Unknown key 'system_under_test.start.kidn'" in output


def test_the_role_of_the_service_is_refused(tmp_path: Path) -> None:
    exit_code, output = check(tmp_path, config='[system_under_test]\nrole = "service"\n')
    assert exit_code == 2
    assert "The driver of role service cannot be tried yet" in output


CARE = '[system_under_test]\nrole = "care"\n[settings.query]\nclient_timeout = 1\n'


def test_the_bundled_care_system_passes_while_no_spine_answers(tmp_path: Path) -> None:
    exit_code, output = check(tmp_path, config=CARE)
    first, *_, last = output.splitlines()
    assert exit_code == 0, output
    assert re.match(
        r"The check signs a made-up user in, records one made-up patient \(Driver Check, NHS number 999", first
    )
    assert re.search(r"^ok +look-up +200, unknown$", output, re.MULTILINE)
    assert last == "18 ok, 0 look, 0 wrong, 3 not tried"


def test_a_care_system_is_not_tried_while_somebody_might_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        exit_code, output = check(tmp_path, config=f"{CARE}[service]\nport = {port}\n")
    assert exit_code == 2
    assert f"somebody listens already (service.port = {port})" in output


def test_each_authority_of_a_product_is_tried(tmp_path: Path) -> None:
    codes = (("Z99", "EXAMPLETON"), ("Z98", "SAMPLEBURY"))
    tables = [
        f'[[authority]]\nods = "{ods}"\nname = "{name} TEST COUNCIL"\ntelephone_emergency = "tel:01632960002"\n'
        for ods, name in codes
    ]
    exit_code, output = check(tmp_path, config="".join(tables))
    assert exit_code == 0, output
    assert re.search(r"^ok +export for Z98 +file 1: \S+\.xml stands in \S+/Z98/upload$", output, re.MULTILINE)
    assert output.splitlines()[-1] == "42 ok, 0 look, 0 wrong, 3 not tried"


def test_there_is_nothing_to_be_tried_where_a_person_is_asked_for_everything(tmp_path: Path) -> None:
    config = CONFIG.replace('url = "http://127.0.0.1:{port}"', 'kind = "manual"')
    exit_code, output = check(tmp_path, config=config)
    assert exit_code == 2
    assert "There is no driver to be tried: a person is asked for everything" in output
