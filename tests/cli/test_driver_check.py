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


def test_another_role_than_an_authority_s_is_refused(tmp_path: Path) -> None:
    exit_code, output = check(tmp_path, config='[system_under_test]\nrole = "care"\n')
    assert exit_code == 2
    assert "The driver of role care cannot be tried yet" in output


def test_there_is_nothing_to_be_tried_where_a_person_is_asked_for_everything(tmp_path: Path) -> None:
    config = CONFIG.replace('url = "http://127.0.0.1:{port}"', 'kind = "manual"')
    exit_code, output = check(tmp_path, config=config)
    assert exit_code == 2
    assert "There is no driver to be tried: a person is asked for everything" in output
