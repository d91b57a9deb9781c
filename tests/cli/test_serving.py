"""`serve`, `care`, `lookup` and `generate` as a person at a terminal meets them."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from cpis_cli.care import care
from cpis_cli.explain import explain
from cpis_cli.generate import generate
from cpis_cli.lookup import lookup
from cpis_cli.serve import serve
from cpis_simulator.apps.service_faults import SERVICE_FAULTS
from cpis_simulator.driving import LookUp, LookUpResult, Nothing
from cpis_simulator.transport.http_client import CallStatus, DriverClient
from tests.simulator.lookup_examples import NURSE


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """`serve` sends the process's log to standard error, which the runner closes."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level


def run(command: Callable[..., Any], *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, arguments)


@contextmanager
def process(command: str, *arguments: str, within: float = 20) -> Iterator[dict[str, Any]]:
    """A command in a process of its own, until the ready line; ended with SIGTERM and expected to end well."""
    code = f"import typer; from cpis_cli.{command} import {command}; typer.run({command})"
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line, f"no ready line: {child.communicate(timeout=within)[1].decode()}"
        yield json.loads(line)
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=within)
        assert child.returncode == 0, errors.decode()
    finally:
        child.kill()
        child.wait()


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload.xml"
    result = run(generate, "upload", "--records", "20", "--seed", "3", "--out", str(path))
    assert result.exit_code == 0, result.output
    return path


def numbers_in(upload: Path) -> list[str]:
    from cpis_simulator.codecs.upload import decode_upload
    from cpis_simulator.model import PlanRecord

    records = [r for r in decode_upload(upload.read_bytes()).records if isinstance(r, PlanRecord)]
    return [r.subjects[0].nhs_number for r in records if all(p.end is None and p.delete is None for p in r.plans)]


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is not a request to end there")
def test_a_served_spine_loads_a_file_answers_a_lookup_and_ends_when_told(tmp_path: Path, upload: Path) -> None:
    second = tmp_path / "second.xml"
    assert run(generate, "upload", "--records", "1", "--file-id", "2", "--out", str(second)).exit_code == 0
    arguments = ["--load-upload", str(upload), str(second), "--no-tls", "--drop", str(tmp_path / "drop")]
    with process("serve", *arguments) as ready:
        assert ready["event"] == "ready"
        assert ready["drop"]["Z99"] == str(tmp_path / "drop" / "Z99")
        assert len(list((tmp_path / "drop" / "Z99" / "response").glob("*_RESP_*.xml"))) == 2
        number = numbers_in(upload)[0]
        found = run(lookup, number, "--url", ready["url"], "--format", "json")
        assert found.exit_code == 0, found.output
        assert LookUpResult.model_validate_json(found.stdout).status == "found"
        silent = run(lookup, number, "--url", ready["url"], "--setting", "the dentist")
        assert silent.exit_code == 0
        assert silent.stdout.startswith("CP-IS alert: information is held.")
        none = run(lookup, "9990001022", "--url", ready["url"])
        assert none.exit_code == 0
        assert none.stdout.startswith("No CP-IS record")
        with process("care", "--url", ready["url"], "--state", str(tmp_path / "care.sqlite")) as client:
            driver = DriverClient(client["url"])
            offered = driver.call("version", Nothing(), within=5).body["operations"]
            assert {"sign-in", "record-patient", "look-up", "patient-screen", "audit"} < set(offered)
            reply = driver.call("look-up", LookUp(nhs_number=number, author=NURSE), within=10)
            assert (reply.status, reply.body["status"]) == (CallStatus.ANSWERED, "found")


@pytest.mark.parametrize(("profile", "workers"), [("reliable", "1"), ("express", "1"), ("reliable", "2")])
def test_the_service_calls_back_where_the_configuration_says(
    tmp_path: Path, upload: Path, profile: str, workers: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    config = tmp_path / "cpis.toml"
    config.write_text(
        f'[[party]]\nkey = "RX7-0000001"\nods = "ZZ7"\nendpoint = "http://127.0.0.1:{port}/replies"\n'
        f'profile = "{profile}"\n[[party.contract]]\ninteraction = "QUQI_IN010000UK14"\nretries = 1\n'
    )
    arguments = ["--config", str(config), "--load-upload", str(upload), "--no-tls", "--drop", str(tmp_path / "drop")]
    with process("serve", *arguments, "--workers", workers) as ready:
        asking = ["--url", ready["url"], "--profile", profile, "--reply-port", port, "--party", "RX7-0000001"]
        found = run(lookup, numbers_in(upload)[0], *asking, "--format", "json")
        assert found.exit_code == 0, found.output
        assert LookUpResult.model_validate_json(found.stdout).status == "found"
        nothing = run(lookup, "9990001022", *asking)
        assert (nothing.exit_code, nothing.stdout[:15]) == (0, "No CP-IS record")
        stranger = run(lookup, "9990001022", *asking[:-1], "RX9-9999999", "--timeout", "0.3")
        assert (stranger.exit_code, stranger.stdout[:20]) == (1, "CP-IS status unknown")


def test_a_party_on_another_machine_is_exit_2(tmp_path: Path) -> None:
    config = tmp_path / "cpis.toml"
    config.write_text('[[party]]\nkey = "RX7-0000001"\nods = "ZZ7"\nendpoint = "http://192.0.2.1/"\n')
    result = run(serve, "--no-tls", "--config", str(config), "--drop", str(tmp_path / "drop"))
    assert (result.exit_code, "An endpoint on another machine" in result.stderr) == (2, True)


def test_a_number_that_may_not_be_asked_for_is_exit_1() -> None:
    result = run(lookup, "9990001013")
    assert result.exit_code == 1
    assert result.stdout.startswith("NHS number not valid")


def test_nobody_there_is_exit_3_and_the_status_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = run(lookup, "9990001014", "--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 3
    assert result.stdout.startswith("CP-IS status unknown")
    assert "Is `cpis serve` running there?" in result.stderr
    assert "event=" not in result.stderr


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (serve, [], "--no-tls"),
        (serve, ["--no-tls", "--authority", "Q01"], "Unknown authority: expected one of Z99, Z98, Z97, found Q01"),
        (serve, ["--no-tls", "--pds-unknown", "guess"], "expected learn or refuse, found guess"),
        (serve, ["--no-tls", "--config", "absent.toml"], "absent.toml"),
        (care, ["--url", "localhost:80"], "expected http://host:port"),
        (care, ["--url", "http://127.0.0.1:1", "--profile", "pigeon"], "expected sync, reliable or express"),
        (lookup, ["9990001014", "--profile", "pigeon"], "expected sync, reliable or express, found pigeon"),
        (lookup, ["9990001014", "--format", "xml"], "expected text or json, found xml"),
        (lookup, ["9990001014", "--setting", "emergency dept"], "Did you mean emergency department"),
        (generate, ["download", "--records", "1"], "expected upload or population, found download"),
        (generate, ["upload", "--records", "1", "--authority", "Q01"], "expected one of Z99, Z98, Z97, found Q01"),
    ],
)
def test_wrong_usage_is_exit_2_with_what_to_do(command: Callable[..., Any], arguments: list[str], said: str) -> None:
    result = run(command, *arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_a_port_in_use_is_exit_3_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        result = run(serve, "--no-tls", "--port", port, "--drop", str(tmp_path / "drop"))
    assert result.exit_code == 3
    assert "Choose another port, or 0 for any free one" in result.stderr


def test_a_generated_file_is_the_same_for_the_same_seed_and_day(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        arguments = ["--records", "5", "--seed", "9", "--day", "2026-01-05", "--file-id", "8", "--out", name]
        arguments[-1] = str(tmp_path / name)
        assert run(generate, "upload", *arguments).exit_code == 0
    assert (tmp_path / "a.xml").read_bytes() == (tmp_path / "b.xml").read_bytes()
    assert b'<id extension="8"/>' in (tmp_path / "a.xml").read_bytes()


def test_a_generated_file_without_a_name_goes_to_standard_output() -> None:
    result = run(generate, "upload", "--records", "1")
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith("</File>")


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM is not a request to end there")
def test_a_child_of_a_generated_population_is_matched_found_and_explained(tmp_path: Path, upload: Path) -> None:
    people = tmp_path / "people.json"
    made = run(generate, "population", "--people", "20", "--seed", "3", "--out", str(people))
    assert made.exit_code == 0, made.output
    drop = str(tmp_path / "drop")
    served = ("--no-tls", "--pds-unknown", "refuse", "--population", str(people), "--drop", drop)
    with process("serve", *served, "--load-upload", str(upload)) as ready:
        number = numbers_in(upload)[0]
        assert run(lookup, number, "--url", ready["url"]).exit_code == 0
        (tmp_path / "ready.json").write_text(json.dumps(ready))
        told = run(explain, number, "--ready", str(tmp_path / "ready.json"))
        assert told.exit_code == 0 and f"{number}, " in told.output and ": a record is found, because" in told.output
        access = ("--url", ready["control_url"], "--token", ready["control_token"])
        facts = json.loads(run(explain, number, *access, "--json").output)
        assert facts["is_found"] is True and facts["entries"][0]["file_id"] == "1"
        refused = run(explain, number, "--url", ready["control_url"])
        assert refused.exit_code == 2 and "control token" in refused.output


def test_explain_says_what_it_needs(tmp_path: Path) -> None:
    asked = run(explain, "9990001014")
    assert asked.exit_code == 2 and "--ready" in asked.output
    (tmp_path / "ready.json").write_text("no line")
    other = run(explain, "9990001014", "--ready", str(tmp_path / "ready.json"))
    assert other.exit_code == 2 and "No ready line" in other.output
    nobody = run(explain, "9990001014", "--url", "http://127.0.0.1:9", "--token", "any")
    assert nobody.exit_code == 3 and "No connection" in nobody.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("population",), "--people with a number"),
        (("upload",), "--records with a number"),
        (("anything", "--records", "1"), "upload or population"),
    ],
)
def test_generate_says_what_it_needs(arguments: tuple[str, ...], says: str) -> None:
    result = run(generate, *arguments)
    assert result.exit_code == 2 and says in result.output


def test_a_population_that_is_none_is_refused(tmp_path: Path) -> None:
    people = tmp_path / "people.json"
    for text, says in [
        ('{"people": [{"nhs_number": "9990001014"}]}', "people.0.given is missing"),
        ('{"changes": [{"kind": "merge", "nhs_number": "9990001014"}]}', "merge needs replaced_by"),
        ('{"people": [{"nhs_number": "1", "given": "A", "family": "B", "birth_date": "2020-01-01"}]}', "test people"),
    ]:
        people.write_text(text)
        result = run(serve, "--no-tls", "--population", str(people), "--drop", str(tmp_path / "drop"))
        assert result.exit_code == 2 and says in result.output


def test_a_fault_is_not_planted_where_the_service_is_several_processes() -> None:
    result = run(serve, "--no-tls", "--workers", "2", "--fault", "retention-one-day-short")
    assert result.exit_code == 2
    assert "one process" in result.output


def test_the_list_of_faults_says_what_each_does() -> None:
    result = run(serve, "--list-faults")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == 2 * len(SERVICE_FAULTS)
    assert "An ended plan is hidden on day 365 after its end." in result.output
