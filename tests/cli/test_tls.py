"""`certs`, `serve` over mutual TLS and by several processes, and `lookup` with a certificate."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bench.edge import crowd
from cpis_cli.main import app
from cpis_fixtures.config import load_config
from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.driving import Health, LookUp, Nothing
from cpis_simulator.evidence import read_journal
from cpis_simulator.store.journal import JOURNAL
from cpis_simulator.transport.certificates import make_certificates
from cpis_simulator.transport.http_client import CallStatus, DriverClient
from cpis_simulator.transport.tls import ClientTls, client_context
from tests.simulator.lookup_examples import NURSE

NUMBER = "9990001022"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGTERM is not a request to end there")


def cpis(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """`serve` sends the process's log to standard error, which the runner closes."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level


@dataclass
class Served:
    """A running `cpis serve`."""

    ready: dict[str, Any]
    log: Path
    pid: int

    def control(self) -> DriverClient:
        return DriverClient(self.ready["control_url"], token=self.ready["control_token"])

    def waits_for(self, pattern: str) -> re.Match[str]:
        """The log, once it has something to say."""
        deadline = time.monotonic() + 20
        while (found := re.search(pattern, self.log.read_text(encoding="utf-8"))) is None:
            assert time.monotonic() < deadline, f"no {pattern!r} within 20 s in: {self.log.read_text()}"
            threading.Event().wait(0.02)
        return found


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    make_certificates(tmp_path / "certs", now=datetime.now(UTC))
    return tmp_path / "certs"


@contextmanager
def serving(folder: Path, *arguments: str, code: int = 0) -> Iterator[Served]:
    log = folder / "serve.log"
    command = [sys.executable, "-m", "cpis_cli", "serve", "--drop", str(folder / "drop"), *arguments]
    with log.open("wb") as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line, log.read_text()
        yield Served(json.loads(line), log, child.pid)
        if code == 0:
            child.send_signal(signal.SIGTERM)
        rest = child.stdout.read()
        assert (child.wait(timeout=30), rest) == (code, b""), log.read_text()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def own(certs: Path) -> list[str]:
    return ["--cert", f"{certs}/server.pem", "--key", f"{certs}/server.key", "--ca", f"{certs}/ca.pem"]


def client(certs: Path, name: str) -> list[str]:
    return ["--cert", f"{certs}/{name}.pem", "--key", f"{certs}/{name}.key", "--ca", f"{certs}/ca.pem"]


def test_the_configuration_that_certs_prints_serves_and_looks_up(tmp_path: Path) -> None:
    made = cpis("certs", str(tmp_path / "certs"))
    assert made.exit_code == 0, made.output
    (tmp_path / "cpis.toml").write_text(made.stdout, encoding="utf-8")
    config = str(tmp_path / "cpis.toml")
    assert cpis("certs", str(tmp_path / "certs")).exit_code == 2
    with serving(tmp_path, "--config", config, "--evidence", str(tmp_path / "evidence")) as served:
        url = served.ready["url"]
        assert url.startswith("https://127.0.0.1:")
        good = cpis("lookup", NUMBER, "--url", url, "--config", config)
        assert (good.exit_code, good.stdout[:14]) == (0, "No CP-IS recor"), good.output
        expired = cpis("lookup", NUMBER, "--url", url, *client(tmp_path / "certs", "care-expired"))
        assert expired.exit_code == 3
        assert "the server refused our certificate: it has expired" in expired.stderr
        served.waits_for("event=handshake_refused .*reason=expired")
    records = read_journal((tmp_path / "evidence" / JOURNAL).read_bytes().splitlines(keepends=True))[0]
    request, _, refused = records
    assert request.headers["client-subject"].startswith("CN=care.example.test")
    assert request.headers["tls"] == "TLSv1.3"
    assert (refused.channel, refused.headers["phase"], refused.headers["reason"]) == ("lookup", "handshake", "expired")
    assert refused.headers["peer"].startswith("127.0.0.1:")


def test_paths_of_certificates_count_from_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "cpis.toml"
    file.write_text('[service.tls]\ncertificate = "a.pem"\nkey = "a.key"\nclient_ca = "ca.pem"\n[care.tls]\nca = "b"\n')
    config = load_config(file)
    assert config.service.tls is not None and config.care.tls is not None
    assert (config.service.tls.certificate, config.service.tls.client_ca) == (tmp_path / "a.pem", tmp_path / "ca.pem")
    assert (config.care.tls.ca, config.care.tls.certificate) == (tmp_path / "b", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve"], "The endpoint needs a certificate and its key"),
        (
            ["serve", "--cert", "absent.pem", "--key", "absent.key", "--ca", "absent.pem"],
            "A file for TLS cannot be read",
        ),
        (["lookup", NUMBER, "--url", "http://127.0.0.1:1", "--ca", "ca.pem"], "Certificates for a plain address"),
        (["lookup", NUMBER, "--key", "some.key"], "A key without its certificate"),
    ],
)
def test_wrong_usage_is_exit_2_with_what_to_do(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cpis(*arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_several_processes_answer_on_one_port_and_one_store(tmp_path: Path, certs: Path) -> None:
    upload = tmp_path / "upload.xml"
    assert cpis("generate", "upload", "--records", "1", "--out", str(upload)).exit_code == 0
    with serving(tmp_path, *own(certs), "--workers", "2", "--load-upload", str(upload)) as served:
        number = re.search(r"999[0-9]{7}", upload.read_text())
        assert number
        for _ in range(6):
            found = cpis("lookup", number[0], "--url", served.ready["url"], *client(certs, "care"))
            assert found.stdout.startswith("CP-IS alert: information is held."), found.output
        assert len(list((tmp_path / "drop" / "Z99" / "response").glob("*_RESP_*.xml"))) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_good_clients_are_served_beside_a_crowd_that_stalls(
    tmp_path: Path, certs: Path, workers: str, is_secure: bool
) -> None:
    arguments = own(certs) if is_secure else ["--no-tls"]
    tls = ClientTls(certs / "care.pem", certs / "care.key", certs / "ca.pem") if is_secure else None
    with serving(tmp_path, *arguments, "--workers", workers) as served:
        url = served.ready["url"]
        care = CareHost(url, 5, tls=tls)
        with crowd(int(url.rpartition(":")[2]), client_context(tls) if tls else None):
            answers = {care.look_up(LookUp(nhs_number=NUMBER, author=NURSE)).text for _ in range(10)}
        assert [answer[:14] for answer in answers] == ["No CP-IS recor"]


def test_two_services_do_not_share_a_port_unawares(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-tls", "--workers", "2") as served:
        port = served.ready["url"].rpartition(":")[2]
        again = cpis("serve", "--no-tls", "--workers", "2", "--port", port, "--drop", str(tmp_path / "second"))
    assert again.exit_code == 3
    assert f"Cannot listen on 127.0.0.1:{port}" in again.stderr


def worker_pids(parent: int) -> list[int]:
    """Children of a process, whichever of its threads started them."""
    tasks = Path(f"/proc/{parent}/task").iterdir()
    return sorted(int(pid) for task in tasks for pid in (task / "children").read_text(encoding="ascii").split())


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers by /proc")
def test_a_worker_that_is_killed_is_started_anew_on_the_same_ports(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-tls", "--workers", "2") as served:
        for pid in worker_pids(served.pid):
            os.kill(pid, signal.SIGKILL)
        for number in (0, 1):
            served.waits_for(f"event=worker_ended worker={number} .*exit=-9")
            served.waits_for(f"event=worker_started_anew worker={number} ")
        assert cpis("lookup", NUMBER, "--url", served.ready["url"]).exit_code == 0
        reply = served.control().call("health", Nothing(), within=5)
        assert reply.status is CallStatus.ANSWERED
        assert Health.model_validate(reply.body).alive


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers by /proc")
def test_workers_that_end_again_and_again_end_the_service_with_the_reason(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-tls", "--workers", "2", code=3) as served:
        for count in range(6):
            (pid, *_) = worker_pids(served.pid)
            os.kill(pid, signal.SIGKILL)
            served.waits_for(f"(?s)(event=worker_ended.*){{{count + 1}}}")
            if count < 5:
                served.waits_for(f"(?s)(event=worker_started_anew.*){{{count + 1}}}")
        served.waits_for("Workers of the service end again and again")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers by /proc")
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cpis_cli", "serve", "--no-tls", "--workers", "2", "--drop", str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    assert child.stdout.readline()
    pids = worker_pids(child.pid)
    child.kill()
    child.wait()
    child.stdout.close()
    wait_until(lambda: not any(is_running(pid) for pid in pids), what="the workers' end")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within 10 s"
        threading.Event().wait(0.02)
