"""Lookups at the mock Spine, plain and over mutual TLS, by one process and by two, beside WireMock, in one run.

WireMock is the npm package of that name (it holds a jar), installed into a temporary folder: it matches the query by
XPath, answers the same bytes from a template that copies the query's id, and keeps its journal. Ours parses, checks,
applies the access rules, stores the access and keeps both messages as evidence. All contenders run at once and are
measured in turn, by the same client with the same threads.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.load import PLACEHOLDER, Figures, LoadOrder
from bench.measuring import percentile, ratios, spread, table
from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.care.client import Question, Sender, prepare
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import LookUp
from cpis_simulator.model import PlanRecord
from cpis_simulator.transport.certificates import make_certificates
from cpis_simulator.transport.http_client import post

CHILDREN: Final = 400
THREADS: Final = 8
SECONDS: Final = 2.0
ROUNDS: Final = 5
OWN: Final = DEFAULT_AUTHORITIES[0]
PEER: Final = "WireMock, plain"
SYNC_SENDER: Final = Sender()
_NPM_S: Final = 120
_JAVA_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that answers lookups on a port; `certs` where it wants TLS."""

    name: str
    port: int
    certs: Path | None = None


def measured() -> str:
    """Every contender, on kept and on fresh connections."""
    with tempfile.TemporaryDirectory(prefix="cpis-bench-", ignore_cleanup_errors=True) as name, ExitStack() as parts:
        folder = Path(name)
        requests = prepared(folder)
        question = _questions(folder)[0]
        contenders = parts.enter_context(services(folder, processes=(1, 2)))
        answer = _an_answer(contenders[0], question)
        peer, why_not = _wiremock(folder, question, answer, parts)
        if peer is not None:
            contenders.append(peer)
        figures = _rounds(contenders, requests)
    lines = [
        table(
            f"Lookups, {THREADS} client threads, {ROUNDS} rounds of {SECONDS:g} s, query "
            f"{len(question.body):,} and answer {len(answer):,} bytes, evidence kept",
            ("what", "connections", "lookups/s", "ratio to WireMock", "p50 ms", "p99 ms", "client's share of a core"),
            [_row(name, fresh, figures) for name, fresh in figures],
        )
    ]
    if why_not:
        lines.append(f"WireMock: not measured, because {why_not}.")
    return "\n\n".join(lines)


def _row(name: str, fresh: bool, figures: Mapping[tuple[str, bool], list[Figures]]) -> tuple[str, ...]:
    own = figures[name, fresh]
    speed = [f.answers / f.seconds for f in own]
    peers = [f.answers / f.seconds for f in figures.get((PEER, fresh), [])]
    return (
        name,
        "fresh" if fresh else "kept",
        spread(speed),
        spread(ratios(speed, peers)) if peers else "-",
        spread([percentile(f.milliseconds, 0.5) for f in own]),
        spread([percentile(f.milliseconds, 0.99) for f in own]),
        f"{statistics.median(f.processor_s / f.seconds for f in own):.2f}",
    )


def _rounds(contenders: list[Contender], requests: Path) -> dict[tuple[str, bool], list[Figures]]:
    figures: dict[tuple[str, bool], list[Figures]] = {
        (c.name, fresh): [] for c in contenders for fresh in (False, True)
    }
    for number in range(ROUNDS + 1):
        for fresh in (False, True):
            for contender in contenders:
                found = load(contender, requests, threads=THREADS, seconds=SECONDS, fresh=fresh)
                if number:  # The first round warms up, a virtual machine above all.
                    figures[contender.name, fresh].append(found)
    return figures


_sent = count(1)


def load(
    contender: Contender,
    requests: Path,
    *,
    threads: int,
    seconds: float,
    fresh: bool,
    pause_s: float = 0.0,
    status: int = 200,
) -> Figures:
    """What a client in a process of its own gets."""
    certs = contender.certs
    order = LoadOrder(
        port=contender.port,
        requests=str(requests),
        threads=threads,
        seconds=seconds,
        fresh=fresh,
        first=next(_sent) * 1_000_000,
        cert=str(certs / "care.pem") if certs else "",
        key=str(certs / "care.key") if certs else "",
        ca=str(certs / "ca.pem") if certs else "",
        pause_s=pause_s,
        status=status,
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    figures = Figures(**json.loads(done.stdout))
    if figures.errors or not figures.answers:
        raise SystemExit(f"bench: {contender.name}: {figures.answers} answers, {'; '.join(figures.errors)}")
    return figures


def certificates(folder: Path) -> Path:
    """Where the certificates of a measurement are; made the first time."""
    certs = folder / "certs"
    if not certs.exists():
        make_certificates(certs, now=datetime.now(UTC))
    return certs


@contextmanager
def services(
    folder: Path, *, processes: tuple[int, ...], configs: Mapping[bool, Path] = MappingProxyType({})
) -> Iterator[list[Contender]]:
    """Mock Spines, plain and with mutual TLS, each on a store of its own; they know the children of `upload.xml`.

    Args:
        folder: For everything that they write.
        processes: How many each has.
        configs: A configuration for those without TLS (False) and with it (True).
    """
    certs = certificates(folder)
    with ExitStack() as parts:
        found = []
        for number in processes:
            for tls in (False, True):
                own = folder / f"service-{number}-{tls}"
                arguments = ["serve", "--port", "0", "--workers", str(number), "--drop", str(own / "drop")]
                arguments += ["--evidence", str(own / "evidence"), "--store", str(own / "service.sqlite")]
                arguments += ["--load-upload", str(folder / "upload.xml")]
                if tls:
                    arguments += ["--cert", str(certs / "server.pem"), "--key", str(certs / "server.key")]
                    arguments += ["--ca", str(certs / "ca.pem")]
                else:
                    arguments.append("--no-tls")
                if tls in configs:
                    arguments += ["--config", str(configs[tls])]
                process = Process("service", arguments, log=own / "service.log", within=60)
                parts.callback(process.stop)
                port = int(str(process.ready["url"]).rpartition(":")[2])
                kind = "mutual TLS" if tls else "plain"
                name = f"ours, {kind}, {number} process{'es' if number > 1 else ''}"
                found.append(Contender(name, port, certs if tls else None))
        yield found


def _questions(folder: Path, sender: Sender = SYNC_SENDER) -> list[Question]:
    """An upload of children, and a prepared query about each."""
    upload = made_up_upload(CHILDREN, seed=1, day=date.today(), authority=OWN, file_id="1")
    (folder / "upload.xml").write_bytes(encode_upload(upload))
    author, numbers = care_setting("ambulance").author(), count(1)
    placeholder = PLACEHOLDER.decode()
    questions = []
    for record in upload.records:
        assert isinstance(record, PlanRecord)
        request = LookUp(nhs_number=record.subjects[0].nhs_number, author=author, silent=True)
        question = prepare(
            request,
            now=datetime.now(UTC),
            ids=lambda: f"{placeholder}-0000-4000-8000-{next(numbers):012X}",
            sender=sender,
        )
        assert isinstance(question, Question)
        questions.append(question)
    return questions


def prepared(folder: Path, sender: Sender = SYNC_SENDER) -> Path:
    """Make `upload.xml`, and requests for `load` in a file of their profile; the latter."""
    questions = _questions(folder, sender)
    file = folder / f"{sender.profile}.json"
    file.write_text(json.dumps([_as_request(q) for q in questions]), encoding="utf-8")
    return file


def _as_request(question: Question) -> str:
    head = [f"POST {question.path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(question.body)}"]
    head += [f"{name}: {value}" for name, value in question.headers().items()]
    return "\r\n".join(head) + "\r\n\r\n" + question.body.decode()


def _an_answer(service: Contender, question: Question) -> str:
    reply = post(f"http://127.0.0.1:{service.port}/sync-service", question.body, headers=question.headers(), within=10)
    return reply.body.decode()


# WireMock.


def _wiremock(folder: Path, question: Question, answer: str, parts: ExitStack) -> tuple[Contender | None, str]:
    """WireMock, or why there is none."""
    for tool in ("npm", "java"):
        if shutil.which(tool) is None:
            return None, f"there is no {tool} here"
    root = folder / "wiremock"
    (root / "mappings").mkdir(parents=True)
    subprocess.run(["npm", "init", "-y"], cwd=root, capture_output=True, check=False, timeout=_NPM_S)
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "wiremock"],
        cwd=root, capture_output=True, text=True, check=False, timeout=_NPM_S,
    )  # fmt: skip
    jars = sorted(root.glob("node_modules/wiremock/build/*.jar"))
    if not jars:
        return None, f"npm did not install it: {installed.stderr.strip().splitlines()[-1:]}"
    (root / "mappings" / "lookup.json").write_text(json.dumps(_mapping(question, answer)), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["java", "-jar", str(jars[0]), "--port", str(port), "--root-dir", str(root), "--disable-banner"]
    # A journal without end would fill the memory; this one holds more than a round.
    command += ["--max-request-journal-entries", "20000", "--bind-address", "127.0.0.1"]
    with (root / "log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    parts.callback(child.wait)
    parts.callback(child.terminate)
    deadline = time.monotonic() + _JAVA_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/__admin/mappings", timeout=5):
                return Contender(PEER, port), ""
        except OSError:
            time.sleep(0.2)
    return None, f"it did not start: {(root / 'log').read_text(errors='replace')[-300:]}"


def _mapping(question: Question, answer: str) -> dict[str, object]:
    """One stub: found by XPath, answered with our own answer, the query's id copied into it."""
    copied = "{{xPath request.body \"//*[local-name()='MessageID']/text()\"}}"
    relates = re.compile(r"(<wsa:RelatesTo[^>]*>)[^<]*(</wsa:RelatesTo>)")
    template, replaced = relates.subn(rf"\g<1>{copied}\g<2>", answer)
    if not replaced:
        raise SystemExit("bench: no wsa:RelatesTo in our answer to put a template into")
    return {
        "request": {
            "method": "POST",
            "urlPath": "/sync-service",
            "bodyPatterns": [{"matchesXPath": "//*[local-name()='QUPC_IN000006GB01']"}],
        },
        "response": {
            "status": 200,
            "headers": {"Content-Type": "text/xml"},
            "body": template,
            "transformers": ["response-template"],
        },
    }


if __name__ == "__main__":
    print(os.cpu_count(), "cores\n\n" + measured())
