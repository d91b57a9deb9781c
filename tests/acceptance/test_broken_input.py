"""Broken input at each edge: a clear message, the right exit code, nothing lost, and a service that lives on."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.vocabulary import SERVICE_NAME
from tests.acceptance.running import play, run_command
from tests.acceptance.serving import Spine, spine

BROKEN = {
    "not_xml": b"child,plan\n9990001014,CPP\n",
    "wrong_root": b'<?xml version="1.0" encoding="UTF-8"?><Fyle xmlns="urn:hl7-org:v3"/>',
    "document_type": b'<?xml version="1.0"?><!DOCTYPE File [<!ENTITY a SYSTEM "file:///etc/hostname">]><File>&a;</File>',
    "empty": b"",
    "junk": os.urandom(1 << 20) * 20,
}


def good_upload(file_id: int, records: int = 3) -> bytes:
    """An upload whose people the service learns."""
    made = made_up_upload(
        records, seed=file_id, day=date(2026, 1, 5), authority=DEFAULT_AUTHORITIES[0], file_id=str(file_id)
    )
    return encode_upload(made)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spine]:
    with spine(tmp_path_factory.mktemp("edges")) as running:
        yield running


@pytest.mark.parametrize("what", [*BROKEN, "truncated"])
def test_a_broken_upload_gets_one_cpf01_and_the_next_is_stored(service: Spine, what: str) -> None:
    number = 100 + 2 * [*BROKEN, "truncated"].index(what)
    body = BROKEN[what] if what in BROKEN else good_upload(number)[:900]
    service.bring(f"bad_{what}.xml", body)
    reply = decode_acknowledgement(service.answer_to(f"bad_{what}"))
    assert [c.code for c in reply.file_codes] == ["CPF01"]
    assert (reply.stored, reply.failed, reply.echoes) == (0, 0, ())
    assert (reply.file_id, reply.quantity) in (("-1", -1), (str(number), 3))
    service.bring(f"good_{what}.xml", good_upload(number + 1))
    assert decode_acknowledgement(service.answer_to(f"good_{what}")).is_whole_success()
    assert len(service.responses(f"bad_{what}_RESP_")) == 1
    assert service.health().problems == []


def post(url: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    """Status and body of a POST, whatever the status."""
    request = Request(url, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("what", ["not_xml", "wrong_root", "document_type", "empty"])
def test_a_broken_query_gets_a_fault_and_the_endpoint_lives(service: Spine, what: str) -> None:
    action = f"{SERVICE_NAME}/QUPC_IN000006GB01"
    status, answer = post(service.url, BROKEN[what], Content_Type="text/xml", SOAPAction=action)
    assert status == 500
    assert b"Fault" in answer
    assert service.health().alive


def test_an_oversized_query_is_refused_unread(service: Spine) -> None:
    with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1])), timeout=10) as connection:
        head = "POST / HTTP/1.1\r\nHost: spine\r\nContent-Type: text/xml\r\nContent-Length: 20000000\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(200)
    assert service.health().alive


@pytest.mark.parametrize(
    ("operation", "body", "token", "status", "words"),
    [
        ("set-pds", b"{not json", True, 422, "not JSON"),
        ("set-pds", b'{"available": "perhaps"}', True, 422, "available must be true or false"),
        ("set-pdz", b"{}", True, 404, "Did you mean set-pds?"),
        ("health", b"{}", False, 401, "token"),
    ],
)
def test_the_control_api_says_what_is_wrong(
    service: Spine, operation: str, body: bytes, token: bool, status: int, words: str
) -> None:
    headers = {"Authorization": f"Bearer {service.token}"} if token else {}
    found, answer = post(f"{service.control_url}/{operation}", body, Content_Type="application/json", **headers)
    assert found == status
    assert words in json.loads(answer)["reason"]


def cpis(*arguments: str | Path, cwd: Path) -> tuple[int, str]:
    """A command as a person at a terminal runs it."""
    return run_command([sys.executable, "-m", "cpis_cli", *map(str, arguments)], cwd=cwd, within=60)


@pytest.mark.parametrize("command", ["serve", "authority", "care"])
def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path, command: str) -> None:
    more = {"serve": ["--no-tls"], "authority": [], "care": ["--url", "http://127.0.0.1:9"]}[command]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = cpis(command, "--port", str(port), *more, cwd=tmp_path)
    assert code == 3, output
    assert str(port) in output
    assert "in use" in output
    assert "Traceback" not in output


def test_a_second_service_on_one_drop_root_is_refused(service: Spine, tmp_path: Path) -> None:
    code, output = cpis("serve", "--no-tls", "--drop", service.drop.parent, cwd=tmp_path)
    assert code == 3, output
    assert str(service.drop.parent) in output
    assert "Traceback" not in output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a folder to another user and become that user")
def test_a_drop_folder_without_permission_is_named(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    (drop / "Z99" / "upload").mkdir(parents=True)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o055)
    drop.chmod(0o555)
    # What is needed is imported before, because this installation may be closed to an unprivileged user.
    code = (
        "import encodings.idna, os, sqlite3; from cpis_cli.main import app;"
        "import cpis_cli.hosting, cpis_fixtures.config;"
        "import cpis_simulator.apps.logs, cpis_simulator.apps.service_host;"
        "os.setgid(65534); os.setuid(65534);"
        f"app(['serve', '--no-tls', '--drop', {str(drop)!r}])"
    )
    returncode, output = run_command([sys.executable, "-c", code], cwd=Path("/"), within=60)
    assert returncode == 3, output
    assert str(drop) in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[wait]\nexport = 5\n", ("line 2", "'wait.export'", "Did you mean 'export_s'?")),
        ("[wait]\nexport_s = 'soon'\n", ("line 2", "wait.export_s", "'soon'")),
        ("[system_under_test]\nrole = 'hospital'\n", ("role", "'hospital'")),
        ("[wait\n", ("no TOML",)),
        ("[system_under_test.start]\nkind = 'none'\n", ("driver.url",)),
    ],
)
def test_a_wrong_configuration_is_found_before_anything_starts(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    played = play("--tag", "FD-01", out=tmp_path, config=text)
    assert played.exit_code == 2, played.output
    for word in words:
        assert word in played.output
    assert "Traceback" not in played.output
    assert not list(tmp_path.glob("2*"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--jobs", "2"), ("lanes", "at most 1", "found 2")),
        (("nosuch.feature",), ("nosuch.feature",)),
        (("--tag", "NOPE-77"), ("No scenario is selected",)),
        (("--role", "hospital"), ("hospital", "authority")),
    ],
)
def test_a_wrong_command_line_is_exit_2_with_the_reason(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    played = play(*arguments, out=tmp_path, config="[system_under_test]\nlanes = 1\n")
    assert played.exit_code == 2, played.output
    for word in words:
        assert word in played.output
    assert "Traceback" not in played.output


def test_an_undefined_step_is_named_with_the_three_nearest_and_nothing_starts(tmp_path: Path) -> None:
    feature = tmp_path / "mine.feature"
    feature.write_text(
        "Feature: Mine\n  Scenario: One\n    Given a child on a protection plan\n"
        "    When the authority exports its next file\n    Then a valid file with the child is dropped\n"
    )
    played = play("--check", feature, out=tmp_path, config=None)
    assert played.exit_code == 1, played.output
    problem = next(line for line in played.output.splitlines() if "a child on a protection plan" in line)
    assert "mine.feature:3" in problem
    assert problem.split("nearest: ")[1].count(";") == 2


def test_a_file_that_is_not_there_is_a_wrong_use_of_validate(tmp_path: Path) -> None:
    code, output = cpis("validate", "nosuch.xml", cwd=tmp_path)
    assert code == 2
    assert "nosuch.xml" in output


@pytest.mark.parametrize("what", ["not_xml", "wrong_root", "document_type", "empty"])
def test_validate_names_what_is_wrong_with_a_broken_file(tmp_path: Path, what: str) -> None:
    (tmp_path / "broken.xml").write_bytes(BROKEN[what])
    code, output = cpis("validate", "--format", "json", "broken.xml", cwd=tmp_path)
    assert code == 1, output
    (verdict,) = json.loads(output)
    assert verdict["valid"] is False
    assert verdict["findings"][0]["rule"].startswith("CPIS-MSG-00")
