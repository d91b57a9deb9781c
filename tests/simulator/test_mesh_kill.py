"""Killed at random moments while files cross by MESH both ways, the service loses none and makes none twice.

`CPIS_KILLS=50` kills it more often.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from cpis_simulator.apps.identity import new_id, utc_now
from cpis_simulator.apps.mesh_endpoint import MeshEndpoint
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.control_file import decode_control_file, encode_control_file
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX
from cpis_simulator.settings import FilesSettings, MeshSettings, Settings
from cpis_simulator.transport.http_bodies import BodyFile
from cpis_simulator.transport.http_server import HttpServer, listener
from cpis_simulator.transport.mesh_client import MeshAccount, MeshClient, MeshFailed
from tests.simulator.mesh_node_examples import post_office
from tests.simulator.node_examples import make_node
from tests.simulator.service_examples import Z98, upload

KILLS: Final = int(os.environ.get("CPIS_KILLS", "10"))
LONGEST_S: Final = 0.35
"""How long a child works before it is killed, counted from its readiness."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the service of this test is forked")


def serve(folder: Path, port: int) -> int:
    """A service with MESH, folders of pairs and the REST interface in a child process; returns when it serves."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        # By polling: the locks of a watcher that another test has used may be held for ever in a forked process.
        settings = Settings(files=FilesSettings(watch="polling", poll=0.02, settle=0))
        node = make_node(folder, settings, serves_mesh=True, serves_pairs=["Z99"])
        node.start()
        store = post_office(node)
        endpoint = MeshEndpoint(store, MeshSettings(), real_now=utc_now, ids=new_id)
        HttpServer(endpoint, port=port, bodies=lambda: BodyFile(store.coming)).start()
        os.write(tell, b"!")
        time.sleep(60)
        os._exit(1)
    os.close(tell)
    assert os.read(ready, 1) == b"!", "the service did not come up"
    os.close(ready)
    return child


def end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@dataclass
class Authority:
    """Z99 drops pairs and takes what is in IN; Z98 sends by REST in chunks and fetches its answers."""

    folder: Path
    port: int
    dropped: int = 0
    sent: int = 0
    in_hand: str = ""
    answers: list[str] = field(default_factory=list)
    fetched: dict[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.root = self.folder / "drop/mesh/Z99HC001"
        url = f"http://127.0.0.1:{self.port}"
        self.client = MeshClient(MeshAccount(url, "Z98HC001", "password", "TestKey", SERVICE_MAILBOX))

    def drop(self) -> None:
        number = self.dropped + 1
        name = f"Z99_{number}"
        half = self.folder / "half"
        half.write_bytes(encode_upload(upload(file_id=str(number))))
        half.rename(self.root / "OUT" / f"{name}.dat")
        half.write_bytes(
            encode_control_file(
                {
                    "Version": "1.0", "AddressType": "DTS", "MessageType": "Data", "From_DTS": "Z99HC001",
                    "To_DTS": SERVICE_MAILBOX, "LocalId": name, "WorkflowId": "SIM_CPIS_UPLOAD", "Compress": "Y",
                }
            )
        )  # fmt: skip
        half.rename(self.root / "OUT" / f"{name}.ctl")
        self.dropped = number

    def take(self) -> None:
        """As readers in the field do: begin at a control file, then take both."""
        for control in sorted((self.root / "IN").glob("*.ctl")):
            told = decode_control_file(control.read_bytes())
            assert told.get("MessageType") == "Data", control.read_text()
            data = control.with_suffix(".dat")
            self.answers.append(decode_acknowledgement(data.read_bytes()).file_id)
            control.unlink()
            data.unlink()

    def send(self) -> None:
        number = self.sent + 1
        name = f"Z98_{number}"
        file = self.folder / f"{name}.xml"
        file.write_bytes(encode_upload(upload(file_id=str(number), sender=Z98.organisation())))
        if self.in_hand == name and self.client.was_sent(name):
            self.sent, self.in_hand = number, ""
            return
        self.in_hand = name
        self.client.send(file, recipient=SERVICE_MAILBOX, workflow_id="SIM_CPIS_UPLOAD", local_id=name)
        self.sent, self.in_hand = number, ""

    def fetch(self) -> None:
        for message_id in self.client.waiting():
            body = self.client.fetch(message_id).body
            self.fetched[message_id] = decode_acknowledgement(body).file_id
            self.client.acknowledge(message_id)

    def work(self) -> None:
        """Do all of it, again and again."""
        while not self.stop.is_set():
            self.drop()
            for act in (self.send, self.fetch):
                try:
                    act()
                except MeshFailed:
                    break  # Killed: the next one serves.
            self.take()
            time.sleep(0.005)


def test_killed_at_random_moments_it_loses_nothing_and_makes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpis_simulator.transport.mesh_client.CHUNK", 2000)
    with listener("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    chance = random.Random(4711)
    end(serve(tmp_path, port))  # The folders are there now.
    authority = Authority(tmp_path, port)
    for _ in range(KILLS):
        child = serve(tmp_path, port)
        authority.stop.clear()
        worker = threading.Thread(target=authority.work)
        worker.start()
        time.sleep(chance.uniform(0, LONGEST_S))
        end(child)
        authority.stop.set()
        worker.join(30)
        assert not worker.is_alive()
    child = serve(tmp_path, port)
    try:
        deadline = time.monotonic() + 60
        while len(authority.answers) < authority.dropped or len(authority.fetched) < authority.sent:
            seen = f"{authority.dropped} dropped, {len(authority.answers)} answered; {authority.sent} sent"
            assert time.monotonic() < deadline, f"{seen}, {len(authority.fetched)} answered"
            if authority.in_hand:
                authority.send()
            authority.fetch()
            authority.take()
            time.sleep(0.01)
    finally:
        end(child)
    authority.take()
    print(f"{KILLS} kills; {authority.dropped} pairs dropped, {authority.sent} files sent by REST")
    assert Counter(authority.answers) == Counter(str(n) for n in range(1, authority.dropped + 1))
    assert Counter(authority.fetched.values()) == Counter(str(n) for n in range(1, authority.sent + 1))
    assert authority.dropped > KILLS and authority.sent > KILLS / 2
    archives = [sorted(os.listdir(tmp_path / "drop" / ods / "archive")) for ods in ("Z99", "Z98")]
    assert [len(names) for names in archives] == [authority.dropped, authority.sent]
