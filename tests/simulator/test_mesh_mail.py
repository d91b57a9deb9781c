"""An upload by MESH meets the same service as one in a folder, and its answer leaves by the same door, once."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpis_simulator.apps.operations import OperationRefused
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.driving import Explain, ReportUndelivered, Reset
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.mailbox.messages import Sending
from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX, UPLOAD, mailbox_of
from cpis_simulator.settings import AckSettings, FilesSettings, Settings
from cpis_simulator.store.journal import Journal
from tests.simulator.mesh_node_examples import at_service, body_of, post_office, received, send, wait_for_messages
from tests.simulator.node_examples import drop, names, running, wait_for, wait_for_responses
from tests.simulator.service_examples import ALPHA, query, upload
from tests.simulator.test_crash import claims, crossed, killed_at

POLLED = FilesSettings(watch="polling", poll=0.05)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[ServiceNode]:
    with running(tmp_path, serves_mesh=True) as started:
        yield started


def code_of(body: bytes) -> str:
    return decode_acknowledgement(body).file_codes[0].code


def test_an_upload_by_mesh_is_stored_and_answered_by_mesh(node: ServiceNode, tmp_path: Path) -> None:
    send(node, file_name="nightly.dat")
    (answer,) = wait_for_messages(node, 1)
    assert code_of(body_of(node, answer)) == "CPF02"
    assert (answer.sender, answer.sending.workflow_id) == ("CPISSIM01", "SIM_CPIS_UPLOAD_ACK")
    assert answer.sending.file_name.startswith("nightly_RESP_")
    assert len(node.explain(Explain(nhs_number=ALPHA)).records) == 1
    assert names(tmp_path) == []


def test_an_upload_is_acknowledged_to_mesh_when_it_is_stored(node: ServiceNode) -> None:
    message_id = send(node)
    wait_for_messages(node, 1)
    office = post_office(node).office
    wait_for(lambda: office.messages[message_id].status == "acknowledged", lambda: office.messages[message_id])


def test_the_answer_is_the_same_by_either_door(tmp_path: Path) -> None:
    bodies = []
    for door in ("mesh", "folder"):
        folder = tmp_path / door
        with running(folder, Settings(), serves_mesh=True) as node:
            if door == "mesh":
                send(node, file_name="up42.xml")
                bodies.append(body_of(node, wait_for_messages(node, 1)[0]))
            else:
                drop(folder)
                bodies.append((folder / "drop/Z99/response" / wait_for_responses(folder, 1)[0]).read_bytes())
            written = {r.headers["kind"]: r for r in Journal(folder / "evidence").records() if r.channel == FILE_DROP}
            assert written["upload"].size == len(encode_upload(upload()))
    one, other = (decode_acknowledgement(body) for body in bodies)
    assert (one.file_id, one.stored, one.receiver, one.file_codes) == (
        other.file_id, other.stored, other.receiver, other.file_codes,
    )  # fmt: skip


def test_the_bytes_that_leave_are_those_of_the_evidence(node: ServiceNode, tmp_path: Path) -> None:
    send(node)
    (answer,) = wait_for_messages(node, 1)
    journal = Journal(tmp_path / "evidence")
    wait_for(lambda: len(crossed(tmp_path, "response")) == 1, lambda: crossed(tmp_path, "response"))
    (record,) = [r for r in journal.records() if r.headers.get("direction") == "response"]
    assert (tmp_path / "evidence" / "bodies" / str(record.sha256)).read_bytes() == body_of(node, answer)


def test_notifications_go_where_the_last_upload_came_from(node: ServiceNode, tmp_path: Path) -> None:
    send(node)
    wait_for_messages(node, 1)
    node.answer(query())
    _, notification = wait_for_messages(node, 2)
    assert notification.sending.workflow_id == "SIM_CPIS_ASN"
    assert decode_access_notification(body_of(node, notification)).total == 1
    drop(tmp_path, upload(file_id="43"), "up43.xml")
    wait_for_responses(tmp_path, 1)
    assert len(received(node)) == 2


@pytest.mark.parametrize(("profile", "by_mesh", "in_folder"), [("mesh", 1, 0), ("cpis-client", 0, 1)])
def test_a_setting_says_which_way_answers_leave(tmp_path: Path, profile: str, by_mesh: int, in_folder: int) -> None:
    choices = Settings.model_validate({"files": {"reply_profile": profile}})
    with running(tmp_path, choices, serves_mesh=True) as node:
        if profile == "mesh":
            drop(tmp_path)
            wait_for_messages(node, 1)
        else:
            send(node)
            wait_for_responses(tmp_path, 1)
        assert (len(received(node)), len(names(tmp_path))) == (by_mesh, in_folder)


def test_chunks_are_decompressed_each_by_itself(node: ServiceNode) -> None:
    body = encode_upload(upload())
    parts = [gzip.compress(body[:100]), gzip.compress(body[100:])]
    store = post_office(node)
    sender = store.office.mailboxes[mailbox_of("Z99")]
    message = store.send(sender, Sending(SERVICE_MAILBOX, UPLOAD, chunks=2, encoding="gzip"), len(parts[0]), parts[0])
    store.add_chunk(store.office.messages[message.message_id], 2, len(parts[1]), parts[1])
    (answer,) = wait_for_messages(node, 1)
    assert code_of(body_of(node, answer)) == "CPF02"


@pytest.mark.parametrize("body", [b"no upload", gzip.compress(b"<no/>")[:12]], ids=["text", "torn-gzip"])
def test_what_is_no_upload_is_answered_as_a_file_that_is_none(node: ServiceNode, body: bytes) -> None:
    send(node, body, encoding="gzip" if body[:1] == b"\x1f" else "")
    (answer,) = wait_for_messages(node, 1)
    assert code_of(body_of(node, answer)) == "CPF01"


@pytest.mark.parametrize(
    ("choice", "answers"),
    [("off", ["CPF01"]), ("both", ["15", "CPF01"]), ("instead", ["15"])],
)
def test_code_15_is_reported_when_it_is_asked_for(tmp_path: Path, choice: str, answers: list[str]) -> None:
    choices = Settings(ack=AckSettings.model_validate({"mesh_code_15": choice}))
    with running(tmp_path, choices, serves_mesh=True) as node:
        message_id = send(node, b"no upload", local_id="RUN-1")
        found = wait_for_messages(node, len(answers))
        told = [m.failure.code if m.failure else code_of(body_of(node, m)) for m in found]
        assert sorted(told) == sorted(answers)
        reports = [m for m in found if m.kind == "REPORT"]
        assert [(m.linked, m.sending.local_id) for m in reports] == [(message_id, "RUN-1")] * len(reports)


def test_a_file_that_is_refused_for_its_content_is_no_code_15(tmp_path: Path) -> None:
    with running(tmp_path, Settings(ack=AckSettings(mesh_code_15="instead")), serves_mesh=True) as node:
        send(node)
        send(node)  # The same file id again.
        codes = [code_of(body_of(node, m)) for m in wait_for_messages(node, 2)]
    assert codes == ["CPF02", "CPF01"]


def test_an_upload_in_anothers_name_is_refused_as_by_any_door(node: ServiceNode) -> None:
    send(node, upload(), ods="Z98")
    (answer,) = wait_for_messages(node, 1, ods="Z98")
    assert code_of(body_of(node, answer)) == "CPF01"


def test_evidence_says_what_the_routing_data_said(node: ServiceNode, tmp_path: Path) -> None:
    message_id = send(node, local_id="RUN-4711", subject="nightly", file_name="LA_1.dat")
    wait_for_messages(node, 1)
    (record,) = [r for r in Journal(tmp_path / "evidence").records() if r.headers.get("direction") == "upload"]
    assert {name: record.headers[name] for name in record.headers if name.startswith("mesh-") or name == "door"} == {
        "door": "mesh",
        "mesh-from": "Z99HC001",
        "mesh-to": "CPISSIM01",
        "mesh-workflow": "SIM_CPIS_UPLOAD",
        "mesh-local-id": "RUN-4711",
        "mesh-subject": "nightly",
        "mesh-file-name": "LA_1.dat",
    }
    assert (record.headers["delivery"], record.headers["name"]) == (message_id, "LA_1.dat")


@pytest.mark.parametrize(
    ("said", "name"),
    [("../../etc/up.dat", "up.dat"), ("C:\\drop\\up.dat", "up.dat"), ("/", ""), ("..", ""), ("", "")],
)
def test_a_file_name_is_no_path(node: ServiceNode, tmp_path: Path, said: str, name: str) -> None:
    message_id = send(node, file_name=said)
    wait_for_messages(node, 1)
    wait_for(lambda: names(tmp_path, "archive"), lambda: names(tmp_path, "archive"))
    assert names(tmp_path, "archive") == [name or f"{message_id}.dat"]


def test_a_reset_of_the_world_leaves_messages_where_they_are(node: ServiceNode) -> None:
    send(node)
    wait_for_messages(node, 1)
    node.reset(Reset())
    assert len(received(node)) == 1


MAIL_POINTS = [
    "after-mail-claim",
    "after-upload-evidence",
    "after-parse",
    "inside-commit",
    "after-commit",
    "after-stage",
    "before-rename",
    "after-mail",
    "after-rename",
    "before-evidence",
    "after-evidence",
    "before-archive",
    "after-archive",
    "before-mail-acknowledgement",
    "after-mail-acknowledgement",
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the child of these tests is forked")
@pytest.mark.parametrize("point", MAIL_POINTS)
def test_whenever_it_is_killed_an_upload_by_mesh_is_stored_and_answered_once(point: str, tmp_path: Path) -> None:
    killed_at(point, tmp_path, lambda node: send(node, file_name="up42.xml"), serves_mesh=True)
    for _ in range(2):  # A second start must find nothing left to do.
        with running(tmp_path, Settings(files=POLLED), serves_mesh=True) as node:
            (answer,) = wait_for_messages(node, 1)
            wait_for(
                lambda: not claims(tmp_path) and not at_service(node), lambda: (claims(tmp_path), at_service(node))
            )
            held = node.explain(Explain(nhs_number=ALPHA)).records
            told = decode_acknowledgement(body_of(node, answer))
            assert len(received(node)) == 1
    assert len(held) == 1
    assert (told.file_id, told.stored, [c.code for c in told.file_codes]) == ("42", 1, ["CPF02"])
    assert names(tmp_path, "archive") == ["up42.xml"]
    assert crossed(tmp_path, "upload") == ["up42.xml"]
    assert len(crossed(tmp_path, "response")) == 1
    assert os.listdir(tmp_path / "drop/.service/outbox") == []
    assert len(os.listdir(tmp_path / "drop/.service/mail/bodies")) == 2


@pytest.mark.parametrize("code", ["12", "14", "15", "16", "17"])
def test_mesh_reports_an_upload_as_not_delivered_when_it_is_told_to(node: ServiceNode, code: str) -> None:
    message_id = send(node, local_id="RUN-7")
    wait_for_messages(node, 1)
    node.report_undelivered(ReportUndelivered(message_id=message_id, code=code, times=2))
    reports = [m for m in wait_for_messages(node, 3) if m.kind == "REPORT"]
    said = [(m.linked, m.failure.event, m.failure.code, m.sending.local_id) for m in reports if m.failure]
    assert said == [(message_id, "SEND", code, "RUN-7")] * 2
    assert len(node.explain(Explain(nhs_number=ALPHA)).records) == 1


def test_what_nobody_has_sent_is_not_reported(node: ServiceNode) -> None:
    with pytest.raises(OperationRefused):
        node.report_undelivered(ReportUndelivered(message_id="20260105100000000000_ABCDEF", code="12"))


def test_a_report_is_evidence(tmp_path: Path) -> None:
    with running(tmp_path, serves_mesh=True) as node:
        message_id = send(node, local_id="RUN-7")
        wait_for_messages(node, 1)
        node.report_undelivered(ReportUndelivered(message_id=message_id, code="16"))
    (headers,) = [r.headers for r in Journal(tmp_path / "evidence").records() if r.headers.get("direction") == "report"]
    said = {"authority": "Z99", "kind": "mesh-report", "mesh-linked": message_id, "mesh-code": "16"}
    assert {name: headers[name] for name in said} == said
