"""Broken input at the authority's edges, at the lookup's and on the command line; `test_broken_input` has the others.

Always: a message that says what is wrong and where, nothing lost, and whoever got it goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_upload
from cpis_simulator import driving
from cpis_simulator.codecs.acknowledgement import encode_acknowledgement
from cpis_simulator.codecs.query import INTERACTION
from cpis_simulator.codecs.upload import decode_upload, encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import Nothing
from cpis_simulator.model import Acknowledgement, Coded
from cpis_simulator.transport.http_client import DriverClient
from cpis_simulator.vocabulary import FILE_CODE_TEXT, SERVICE_NAME, FileCode
from tests.acceptance.meddling import wait_for
from tests.acceptance.running import play, run_command
from tests.acceptance.serving import Spine, spine

JUNK = os.urandom(1 << 20)
BROKEN = {
    "not_xml": b"child,plan\n9990001014,CPP\n",
    "wrong_root": b'<?xml version="1.0" encoding="UTF-8"?><Fyle xmlns="urn:hl7-org:v3"/>',
    "document_type": b'<?xml version="1.0"?><!DOCTYPE File [<!ENTITY a SYSTEM "file:///etc/hostname">]><File>&a;</File>',
    "empty": b"",
    "junk": JUNK * 20,
}


class Authority:
    """A bundled authority with one child on a plan, whose file waits for its acknowledgement."""

    def __init__(self, folder: Path) -> None:
        """Start it and have it export."""
        self.drop = folder / "drop" / "Z99"
        arguments = [
            "authority",
            "--port",
            "0",
            "--drop",
            str(folder / "drop"),
            "--state",
            str(folder / "own" / "state"),
        ]
        self.process = Process("authority", arguments, log=folder / "authority.log")
        self.url = str(self.process.ready["url"])
        self._driver = DriverClient(self.url)
        details = driving.ChildDetails(given="Alpha", family="Testcase", birth_date=date(2017, 3, 14))
        child = self.ask("record-child", details.model_copy(update={"nhs_number": "9990001014"}))["child_id"]
        plan = {"child_id": child, "plan_type": "child protection plan", "start": "2026-01-05"}
        self.ask("record-plan", driving.PlanDetails.model_validate(plan))
        self.ask("export", Nothing())

    def ask(self, operation: str, request: driving.Shape) -> dict[str, Any]:
        """One operation of the driver API that is answered."""
        reply = self._driver.call(operation, request, within=20)
        assert reply.status == "answered", reply.reason
        return reply.body

    def bring(self, name: str, body: bytes) -> None:
        """Put a reply into the receiving folder, whole, by a rename."""
        half = self.drop.parent / f".{name}.part"
        half.write_bytes(body)
        half.rename(self.drop / "response" / name)

    def acknowledgement(self) -> bytes:
        """Of the file that waits: all is stored."""
        file = next((self.drop / "upload").glob("*.xml"))
        upload = decode_upload(file.read_bytes())
        code = FileCode.ALL_STORED
        made = Acknowledgement(
            upload.creation_time,
            upload.file_id,
            upload.quantity,
            (Coded(code, FILE_CODE_TEXT[code]),),
            upload.sender,
            1,
            0,
        )
        return encode_acknowledgement(made)

    def exceptions(self, kind: str = "unreadable-file") -> list[str]:
        """Texts of the open exceptions of a kind."""
        items = self.ask("exceptions", Nothing())["items"]
        return [item["text"] for item in items if item["kind"] == kind and item["open"]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    running = Authority(tmp_path_factory.mktemp("authority"))
    try:
        yield running
    finally:
        running.process.stop()


@pytest.mark.parametrize("what", [*BROKEN, "truncated"])
def test_a_broken_reply_is_an_exception_and_is_kept(authority: Authority, what: str) -> None:
    body = BROKEN[what] if what in BROKEN else authority.acknowledgement()[:900]
    name = f"CPIS_{what}_RESP_20260105100000.xml"
    authority.bring(name, body)
    wait_for(
        f"an exception about {what}",
        lambda: any(name in text for text in authority.exceptions()),
        seen=authority.exceptions,
    )
    assert (authority.drop / "failed" / name).read_bytes() == body
    assert not (authority.drop / "response" / name).exists()
    (file,) = authority.ask("files", Nothing())["items"]
    assert file["state"] == "open", "a reply that cannot be read closes no file"


def test_after_broken_replies_a_whole_one_is_acted_on(tmp_path: Path) -> None:
    running = Authority(tmp_path)
    try:
        whole = running.acknowledgement()
        for what, body in {**BROKEN, "truncated": whole[:900]}.items():
            running.bring(f"CPIS_{what}_RESP_20260105100000.xml", body)
        running.bring("CPIS_whole_RESP_20260105100001.xml", whole)
        files = lambda: running.ask("files", Nothing())["items"]  # noqa: E731
        wait_for("the file's end", lambda: files()[0]["state"] == "stored", seen=files)
        wait_for("all exceptions", lambda: len(running.exceptions()) == len(BROKEN) + 1, seen=running.exceptions)
    finally:
        running.process.stop()


def post(url: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    """Status and body of a POST, whatever the status."""
    request = Request(url, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    ("operation", "body", "status", "words"),
    [
        ("record-child", b"{not json", 422, "not JSON"),
        ("record-child", b"[]", 422, "must be a JSON object"),
        ("record-child", b"\xff\xfe", 422, "not JSON"),
        ("record-child", b'{"given": "A", "family": "B", "birth_date": "soon"}', 422, "birth_date must be a day"),
        ("record-child", b'{"given": "A"}', 422, "family is missing"),
        ("record-plan", b'{"child_id": "nobody", "plan_type": "child protection plan", "start": "2026-01-05"}', 409, "nobody"),
        ("end-plan", b'{"plan_id": "none", "end": "2026-01-05"}', 409, "none"),
        ("recordchild", b"{}", 404, "Did you mean record-child?"),
        ("record-child", b" " * 70_000_000, 413, "larger"),
    ],
)  # fmt: skip
def test_the_driver_api_says_what_is_wrong(
    authority: Authority, operation: str, body: bytes, status: int, words: str
) -> None:
    found, answer = post(f"{authority.url}/{operation}", body, Content_Type="application/json")
    assert found == status, answer
    assert words in json.loads(answer)["reason"]
    assert authority.ask("version", Nothing())["role"] == "authority"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spine]:
    with spine(tmp_path_factory.mktemp("edges")) as running:
        yield running


QUERY_ACTION = f"{SERVICE_NAME}/{INTERACTION}"


@pytest.mark.parametrize(
    ("action", "body", "words"),
    [
        ("urn:nhs:names:services:other/QUPC_IN000006GB01", BROKEN["wrong_root"], b"SOAPAction: expected"),
        ("", BROKEN["wrong_root"], b"SOAPAction: expected"),
        (QUERY_ACTION, JUNK, b"Fault"),
        (QUERY_ACTION, b"<a>" * 100_000, b"Fault"),
        (QUERY_ACTION, b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>', b"Fault"),
    ],
)
def test_a_query_that_is_none_gets_a_fault_and_the_next_is_answered(
    service: Spine, action: str, body: bytes, words: bytes
) -> None:
    status, answer = post(service.url, body, Content_Type="text/xml", SOAPAction=action)
    assert (status, words in answer) == (500, True), answer
    exit_code, output = cpis("lookup", "9990001014", "--url", service.url, "--format", "json", cwd=service.drop)
    assert exit_code == 0, output
    assert json.loads(output)["status"] == "no-record"


def cpis(*arguments: str | Path, cwd: Path) -> tuple[int, str]:
    """A command as a person at a terminal runs it."""
    return run_command([sys.executable, "-m", "cpis_cli", *map(str, arguments)], cwd=cwd, within=60)


# A folder can be made nowhere below a file, whoever asks; so root need not become anybody else for this.
@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("serve", "--no-tls"), "--drop"),
        (("serve", "--no-tls"), "--evidence"),
        (("serve", "--no-tls"), "--store"),
        (("authority", "--port", "0"), "--drop"),
        (("authority", "--port", "0"), "--state"),
        (("run", "--tag", "FD-01"), "--out"),
        (("run", "--tag", "FD-01"), "--config"),
        (("serve", "--no-tls"), "--config"),
        (("serve", "--no-tls"), "--load-upload"),
    ],
)
def test_a_place_that_cannot_be_used_is_named_and_nothing_starts(
    tmp_path: Path, command: tuple[str, ...], option: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    place = tmp_path / "file" / "below"
    exit_code, output = cpis(*command, option, place, cwd=tmp_path)
    mine = option in ("--out", "--config", "--load-upload", "--store")
    assert exit_code == (2 if mine else 3), output
    assert str(place) in output
    assert "Not a directory" in output or "unable to open" in output
    assert "Traceback" not in output
    assert '"ready"' not in output


GOOD = """\
Feature: Mine

  @{tag}
  Scenario: One
    Given a child on a child protection plan
    When the authority exports its next file
    Then a valid file with the child is dropped
"""


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (GOOD.format(tag="FD-99").encode(), ("mine.feature:4", "@FD-99 is no catalogue test")),
        (GOOD.format(tag="CPIS-UPL-999").encode(), ("mine.feature:4", "@CPIS-UPL-999 is no requirement")),
        (GOOD.format(tag="smoke").encode(), ("mine.feature:4", "unknown tag @smoke")),
        ((GOOD.format(tag="FD-01") + GOOD.split("\n\n")[1].format(tag="FD-01")).encode(), ("two scenarios of one name",)),
        (b"Nonsense\n", ("mine.feature, line 1", "no Gherkin")),
        (b"\xff\xfe", ("mine.feature", "UTF-8")),
        (b"", ("mine.feature", "empty")),
    ],
)  # fmt: skip
def test_a_feature_that_cannot_be_played_is_named_before_anything_starts(
    tmp_path: Path, feature: bytes, words: tuple[str, ...]
) -> None:
    file = tmp_path / "mine.feature"
    file.write_bytes(feature)
    played = play(file, out=tmp_path, config=None)
    assert played.exit_code == 2, played.output
    for word in words:
        assert word in played.output
    assert "Traceback" not in played.output
    assert not list(tmp_path.glob("2*")), "a run was begun"


@pytest.mark.parametrize("what", ["junk", "truncated"])
def test_validate_judges_what_cannot_be_read_as_invalid(tmp_path: Path, what: str) -> None:
    whole = made_up_upload(3, seed=1, day=date(2026, 1, 5), authority=DEFAULT_AUTHORITIES[0], file_id="1")
    (tmp_path / "broken.xml").write_bytes(BROKEN[what] if what in BROKEN else encode_upload(whole)[:900])
    exit_code, output = cpis("validate", "--format", "json", "broken.xml", cwd=tmp_path)
    assert exit_code == 1, output
    (verdict,) = json.loads(output)
    assert not verdict["valid"]
    assert verdict["findings"][0]["message"]
