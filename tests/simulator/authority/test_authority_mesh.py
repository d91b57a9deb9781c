"""The bundled authority at its mailbox of MESH: every file arrives once, and a failure to deliver is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.apps.authority_mesh import AuthorityMesh
from cpis_simulator.apps.identity import utc_now
from cpis_simulator.apps.mesh_endpoint import MeshEndpoint
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.upload import decode_upload
from cpis_simulator.mailbox.messages import Message, Sending, Status
from cpis_simulator.mailbox.refusals import NOT_COLLECTED
from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX, WORKFLOW_OF
from cpis_simulator.settings import MeshSettings, Settings
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.transport.mesh_client import MeshAccount, MeshClient, MeshFailed
from cpis_simulator.vocabulary import MessageKind
from tests.simulator.authority.test_authority_host import Office
from tests.simulator.mesh_node_examples import body_of, post_office
from tests.simulator.node_examples import make_node

KEY = "TestKey"


class Mesh:
    """A post office on a port, with nobody at the service's end."""

    def __init__(self, folder: Path) -> None:
        self.node: ServiceNode = make_node(folder, Settings(), serves_mesh=True)
        assert self.node.drop.mail is not None
        self.node.drop.mail.open()
        self.store = post_office(self.node)
        self.server = HttpServer(MeshEndpoint(self.store, MeshSettings(), real_now=utc_now, ids=lambda: "Q"))
        self.server.start()
        self.account = MeshAccount(self.server.url, "Z99HC001", "password", KEY, SERVICE_MAILBOX)

    def office(self, folder: Path, **other: str) -> Office:
        return Office(folder, door=AuthorityMesh(MeshClient(replace(self.account, **other))))

    def uploads(self) -> list[Message]:
        with self.store.turn():
            return self.store.office.waiting(SERVICE_MAILBOX)

    def reply(self, body: bytes, name: str = "reply.xml") -> None:
        service = self.store.office.mailboxes[SERVICE_MAILBOX]
        sending = Sending("Z99HC001", WORKFLOW_OF[MessageKind.ACKNOWLEDGEMENT], file_name=name)
        self.store.send(service, sending, len(body), body)

    def stop(self) -> None:
        self.server.stop()
        self.node.stop()


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    made = Mesh(tmp_path / "service")
    yield made
    made.stop()


def alerts(office: Office) -> list[str]:
    return [item["text"] for item in office.ask("alerts")["items"]]


def files(office: Office) -> list[tuple[Any, Any]]:
    return [(item["file_id"], item["state"]) for item in office.ask("files")["items"]]


def test_a_file_is_sent_to_the_services_mailbox(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path)
    office.child_on_plan()
    assert office.ask("export") == {"exported": True, "file_id": "1", "reason": None}
    (message,) = mesh.uploads()
    assert (message.sender, message.sending.workflow_id) == ("Z99HC001", "SIM_CPIS_UPLOAD")
    assert decode_upload(body_of(mesh.node, message)).file_id == "1"
    assert office.dropped() == []


def test_nothing_of_a_person_stands_in_the_routing_data(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path)
    office.child_on_plan(nhs_number="9990001014", given="Alpha")
    office.ask("export")
    said = " ".join(str(value) for value in (getattr(mesh.uploads()[0].sending, n) for n in Sending.__slots__))
    assert "9990001014" not in said and "Alpha" not in said


def test_a_refused_file_was_never_made(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path, service_mailbox="NOBODY01")
    office.child_on_plan()
    told = office.ask("export")
    assert (told["exported"], "SEND 12" in told["reason"]) == (False, True)
    assert files(office) == []
    assert any("SEND 12" in text for text in alerts(office))


def test_a_wrong_password_is_shown(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path, password="wrong")
    office.child_on_plan()
    assert "403" in office.ask("export")["reason"]


def test_a_file_that_could_not_be_sent_goes_when_mesh_is_there_again(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path, url="http://127.0.0.1:9")
    office.child_on_plan()
    assert office.ask("export")["exported"] is True
    assert mesh.uploads() == []
    office.host.stop()
    again = mesh.office(tmp_path)
    again.ask("collect")
    again.ask("collect")
    assert len(mesh.uploads()) == 1
    assert os.listdir(again.host.places.outbox) == []


def test_a_file_that_was_sent_before_a_crash_is_not_sent_again(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path)
    office.child_on_plan()
    office.ask("export")
    (message,) = mesh.uploads()
    office.host.stop()
    left = office.host.places.outbox / message.sending.file_name
    left.write_bytes(body_of(mesh.node, message))
    again = mesh.office(tmp_path)
    again.ask("collect")
    assert len(mesh.uploads()) == 1
    assert not left.exists()


@pytest.mark.parametrize("code", ["12", "14", "15", "16", "17"])
def test_a_report_is_a_delivery_failure_and_its_plans_go_again(mesh: Mesh, tmp_path: Path, code: str) -> None:
    office = mesh.office(tmp_path)
    office.child_on_plan()
    office.ask("export")
    (message,) = mesh.uploads()
    mesh.store.report(message, replace(NOT_COLLECTED, code=code, description="words"))
    office.ask("collect")
    assert files(office) == [("1", "failed")]
    assert any(f"File 1 was not delivered: SEND {code} words" in text for text in alerts(office))
    assert office.ask("export")["file_id"] == "2"
    assert len(mesh.uploads()) == 2


def test_what_comes_is_acknowledged_once_it_stands_in_the_folder(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path)
    mesh.reply(b"<no-message/>")
    office.ask("collect")
    assert [path.name for path in office.host.places.failed.iterdir()] == ["reply.xml"]
    (message,) = [m for m in mesh.store.office.messages.values() if m.recipient == "Z99HC001"]
    assert message.status is Status.ACKNOWLEDGED


def test_a_reset_leaves_an_empty_mailbox(mesh: Mesh, tmp_path: Path) -> None:
    office = mesh.office(tmp_path)
    mesh.reply(b"<no-message/>")
    office.ask("reset")
    office.ask("collect")
    assert list(office.host.places.failed.iterdir()) == []


def test_a_large_file_goes_and_comes_in_chunks(mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpis_simulator.transport.mesh_client.CHUNK", 1000)
    big = tmp_path / "big.xml"
    big.write_bytes(bytes(range(250)) * 10)
    client = MeshClient(mesh.account)
    message_id = client.send(big, recipient=SERVICE_MAILBOX, workflow_id="SIM_CPIS_UPLOAD", local_id="RUN-1")
    reader = MeshClient(replace(mesh.account, mailbox=SERVICE_MAILBOX))
    assert mesh.uploads()[0].sending.chunks == 3
    assert reader.fetch(message_id).body == big.read_bytes()
    assert (client.was_sent("RUN-1"), client.was_sent("RUN-2")) == (True, False)


def test_a_message_that_lacks_a_chunk_was_not_sent(mesh: Mesh) -> None:
    sender = mesh.store.office.mailboxes["Z99HC001"]
    sending = Sending(SERVICE_MAILBOX, "SIM_CPIS_UPLOAD", chunks=2, local_id="RUN-1")
    message = mesh.store.send(sender, sending, 4, b"data")
    client = MeshClient(mesh.account)
    before = client.was_sent("RUN-1")
    mesh.store.add_chunk(message, 2, 4, b"more")
    assert (before, client.was_sent("RUN-1")) == (False, True)


def test_what_was_sent_is_found_among_many(mesh: Mesh) -> None:
    sender = mesh.store.office.mailboxes["Z99HC001"]
    for number in range(150):
        mesh.store.send(sender, Sending(SERVICE_MAILBOX, "SIM_CPIS_UPLOAD", local_id=f"RUN-{number}"), 4, b"data")
    client = MeshClient(mesh.account)
    assert (client.was_sent("RUN-0"), client.was_sent("RUN-150")) == (True, False)


def test_a_client_says_why_it_failed(mesh: Mesh) -> None:
    with pytest.raises(MeshFailed, match="MESH answered 404 RECEIVE 20"):
        MeshClient(mesh.account).fetch("NONE")
    with pytest.raises(MeshFailed, match="MESH cannot be reached: Connection refused"):
        MeshClient(replace(mesh.account, url="http://127.0.0.1:9")).waiting()
