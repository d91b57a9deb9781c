"""The client library that suppliers use, against `cpis serve`: everything it can do."""

from __future__ import annotations

import hashlib
import random
import ssl
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import requests
from mesh_client import MeshClient, MeshError

from cpis_fixtures.processes import Process
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.transport.certificates import make_certificates
from tests.simulator.node_examples import wait_for
from tests.simulator.service_examples import upload

CHUNK = 75 * 1024 * 1024


def settings(folder: Path, **mesh: object) -> Path:
    """A configuration with these settings of MESH."""
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for name, value in mesh.items()
    ]
    file = folder / "cpis.toml"
    file.write_text("\n".join(["[settings.mesh]", *lines]), encoding="utf-8")
    return file


def serve(folder: Path, *more: str) -> Process:
    where = ["--drop", str(folder / "drop"), "--evidence", str(folder / "evidence")]
    return Process("service", ["serve", "--mesh-seed", "interop", *where, *more], log=folder / "service.log")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = serve(tmp_path_factory.mktemp("mesh"), "--no-tls")
    yield process
    process.stop()


def client(process: Process, mailbox: str = "X26ABC1", password: str = "password", **more: Any) -> MeshClient:
    return MeshClient(process.ready["mesh"]["url"], mailbox, password, shared_key=b"TestKey", max_retries=0, **more)


@pytest.fixture
def sender(service: Process) -> Iterator[MeshClient]:
    with client(service) as one:
        yield one


@pytest.fixture
def receiver(service: Process) -> Iterator[MeshClient]:
    with client(service, "X26ABC2") as other:
        for message_id in other.iterate_message_ids():
            other.acknowledge_message(message_id)
        yield other


def send(sender: MeshClient, body: bytes | BinaryIO = b"data", **more: Any) -> str:
    return str(sender.send_message("X26ABC2", body, **{"workflow_id": "TEST_WORKFLOW", **more}))


def test_it_pings_and_shakes_hands(sender: MeshClient) -> None:
    assert sender.ping()["status"] == "running"
    assert sender.handshake() == b"hello"


@pytest.mark.parametrize(
    ("mailbox", "password", "key"),
    [("X26ABC1", "wrong", b"TestKey"), ("X26ABC1", "password", b"OtherKey"), ("NOBODY", "password", b"TestKey")],
    ids=["wrong-password", "wrong-key", "unknown-mailbox"],
)
def test_who_is_not_known_is_refused(service: Process, mailbox: str, password: str, key: bytes) -> None:
    url = service.ready["mesh"]["url"]
    with (
        MeshClient(url, mailbox, password, shared_key=key, max_retries=0) as stranger,
        pytest.raises(requests.HTTPError) as raised,
    ):
        stranger.handshake()
    assert raised.value.response.status_code == 403


def test_a_message_arrives_with_all_that_was_said_of_it(sender: MeshClient, receiver: MeshClient) -> None:
    said = {
        "workflow_id": "TEST_WORKFLOW", "local_id": "RUN-4711", "subject": "nightly", "filename": "a.dat",
        "partner_id": "P1", "checksum": "md5:abc", "content_type": "text/xml",
    }  # fmt: skip
    message_id = send(sender, b"<data/>", encrypted=True, **said)
    assert receiver.list_messages() == [message_id]
    message = receiver.retrieve_message(message_id)
    assert (message.read(), message.sender, message.recipient, message.message_id, message.message_type) == (
        b"<data/>", "X26ABC1", "X26ABC2", message_id, "DATA",
    )  # fmt: skip
    assert {name: getattr(message, name) for name in said} == said
    assert (message.encrypted, message.compressed) == (True, False)


def test_a_message_is_acknowledged_and_tracked(sender: MeshClient, receiver: MeshClient) -> None:
    message_id = send(sender, local_id="RUN-1")
    assert sender.track_message(message_id)["status"] == "accepted"
    with receiver.retrieve_message(message_id) as message:
        assert message.read() == b"data"
    assert receiver.list_messages() == []
    said = sender.track_message(message_id)
    assert (said["status"], said["status_success"], said["local_id"]) == ("acknowledged", True, "RUN-1")


def test_an_acknowledged_message_is_gone(sender: MeshClient, receiver: MeshClient) -> None:
    message_id = send(sender)
    receiver.acknowledge_message(message_id)
    receiver.acknowledge_message(message_id)
    with pytest.raises(requests.HTTPError) as raised:
        receiver.retrieve_message(message_id)
    assert raised.value.response.status_code == 410


@pytest.mark.parametrize(
    ("recipient", "code", "body"), [("NOBODY01", "12", b"data"), ("X26ABC2", "02", b"")], ids=["unknown", "no-data"]
)
def test_what_cannot_be_sent_is_refused_with_its_code(
    sender: MeshClient, recipient: str, code: str, body: bytes
) -> None:
    with pytest.raises(MeshError) as raised:
        sender.send_message(recipient, body, workflow_id="TEST_WORKFLOW")
    assert raised.value.args[1]["detail"][0]["code"] == code


def test_another_workflow_than_the_mailbox_is_registered_for_is_code_17(sender: MeshClient) -> None:
    with pytest.raises(MeshError) as raised:
        sender.send_message("CPISSIM01", b"data", workflow_id="TEST_WORKFLOW")
    assert raised.value.args[1]["detail"][0]["code"] == "17"


def test_a_lookup_finds_the_mailboxes_of_a_workflow(sender: MeshClient) -> None:
    assert sender.lookup_endpoint("X26", "TEST_WORKFLOW") == {
        "results": [{"mailbox_id": "X26ABC2", "mailbox_name": "TESTMB2"}]
    }
    assert sender.lookup_endpoint("Z99", "SIM_CPIS_ASN") == {
        "results": [{"mailbox_id": "Z99HC001", "mailbox_name": "EXAMPLETON TEST COUNCIL CP-IS"}]
    }


@pytest.mark.filterwarnings("ignore:Call to deprecated function")
def test_an_inbox_is_listed_in_pages(sender: MeshClient, receiver: MeshClient) -> None:
    ids = [send(sender, str(number).encode()) for number in range(23)]
    assert receiver.count_messages() == 23
    assert receiver.list_messages(max_results=10) == ids[:10]
    assert list(receiver.iterate_message_ids(batch_size=10)) == ids
    assert [message.read() for message in receiver.iterate_messages(batch_size=10)] == [
        str(number).encode() for number in range(23)
    ]
    assert [message.id() for message in receiver.iterate_all_messages()] == ids


def test_the_workflow_filter(sender: MeshClient, receiver: MeshClient) -> None:
    one, two = send(sender), send(sender, workflow_id="TEST_WORKFLOW2")
    assert receiver.list_messages(workflow_filter="TEST_WORKFLOW2") == [two]
    assert receiver.list_messages(workflow_filter="!TEST_WORKFLOW2") == [one]
    assert list(receiver.iterate_message_ids(workflow_filter="TEST_WORKFLOW*", batch_size=10)) == [one, two]


@pytest.mark.parametrize("chunk", [None, 10_000], ids=["one", "chunks"])
def test_what_is_compressed_for_transport_arrives_plain(
    sender: MeshClient, receiver: MeshClient, chunk: int | None
) -> None:
    body = b"line of text\n" * 5000
    message_id = send(sender, body, compress=True, max_chunk_size=chunk)
    assert receiver.retrieve_message(message_id).read() == body


def test_what_is_compressed_is_decompressed_for_who_cannot(
    service: Process, sender: MeshClient, receiver: MeshClient
) -> None:
    body = b"line of text\n" * 50_000
    message_id = send(sender, body, compress=True)
    receiver._session.headers["Accept-Encoding"] = "identity"
    answer = receiver.retrieve_message_chunk(message_id, 1)
    assert (answer.headers.get("Content-Encoding"), answer.content == body) == (None, True)


def big_file(folder: Path, size: int) -> tuple[Path, str]:
    """A file that cannot be compressed, and its hash."""
    chance, digest, path = random.Random(4711), hashlib.sha256(), folder / "big"
    with path.open("wb") as file:
        for _ in range(size // 1_000_000):
            piece = chance.randbytes(1_000_000)
            digest.update(piece)
            file.write(piece)
    return path, digest.hexdigest()


def peak_mib(pid: int) -> float:
    """The most memory that a process ever held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize(("size", "compress"), [(200_000_000, False), (100_000_000, True)], ids=["plain", "gzip"])
def test_200_mb_go_up_and_down_in_chunks_within_100_mib(tmp_path: Path, size: int, compress: bool) -> None:
    path, digest = big_file(tmp_path, size)
    process = serve(tmp_path, "--no-tls")
    try:
        idle = peak_mib(process.pid)
        with client(process) as sender, client(process, "X26ABC2") as receiver, path.open("rb") as file:
            message_id = send(sender, file, compress=compress, max_chunk_size=CHUNK)
            (found,) = receiver.list_messages()
            got = hashlib.sha256()
            message = receiver.retrieve_message(found)
            while piece := message.read(1 << 20):
                got.update(piece)
            message.close()
            tracked = sender.track_message(message_id)
        peak = peak_mib(process.pid)
    finally:
        process.stop()
    form = "gzip" if compress else "plain"
    print(f"{size // 1_000_000} MB up and down, {form}: idle {idle:.1f} MiB, peak {peak:.1f} MiB")
    assert (got.hexdigest(), found, tracked["status"]) == (digest, message_id, "accepted")
    assert peak < 100


def test_an_upload_is_answered_through_the_library(service: Process) -> None:
    body = encode_upload(upload())
    with client(service, "Z99HC001") as authority:
        authority.send_message("CPISSIM01", body, workflow_id="SIM_CPIS_UPLOAD", filename="nightly.dat", compress=True)
        wait_for(lambda: authority.list_messages(), lambda: "an empty inbox")
        (answer,) = authority.list_messages(workflow_filter="SIM_CPIS_UPLOAD_ACK")
        with authority.retrieve_message(answer) as message:
            told = decode_acknowledgement(message.read())
        assert authority.list_messages() == []
    assert [code.code for code in told.file_codes] == ["CPF02"]


# Certificates.


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return make_certificates(tmp_path_factory.mktemp("certs"), now=datetime.now(UTC))


def serve_tls(folder: Path, certs: Mapping[str, Path], **mesh: object) -> Process:
    server = certs["server"]
    files = ["--cert", str(server), "--key", str(server.with_suffix(".key")), "--ca", str(certs["ca"])]
    return serve(folder, *files, "--config", str(settings(folder, **mesh)))


def shaken(process: Process, certs: Mapping[str, Path], name: str | None) -> bool:
    """Whether a client with a certificate comes as far as a handshake of MESH."""
    own = (str(certs[name]), str(certs[name].with_suffix(".key"))) if name else None
    try:
        with client(process, cert=own, verify=str(certs["ca"])) as one:
            return bool(one.handshake() == b"hello")
    except (requests.exceptions.SSLError, requests.exceptions.ConnectionError, ssl.SSLError):
        return False


@pytest.mark.parametrize(
    ("choice", "let_in"),
    [("optional", [True, True, False, False]), ("required", [False, True, False, False])],
)
def test_a_client_certificate_is_optional_or_required(
    tmp_path: Path, certs: Mapping[str, Path], choice: str, let_in: list[bool]
) -> None:
    process = serve_tls(tmp_path, certs, client_certificate=choice)
    try:
        names = (None, "authority", "authority-expired", "authority-wrong-ca")
        assert [shaken(process, certs, name) for name in names] == let_in
    finally:
        process.stop()
