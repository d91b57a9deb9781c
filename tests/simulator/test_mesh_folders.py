"""Pairs in a MESH folder: taken whole and once, sent, reported; received messages stand there whole and once."""

from __future__ import annotations

import gzip
import os
import signal
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from cpis_simulator.apps.crash import CRASH_AT
from cpis_simulator.apps.mesh_folders import MeshFolder
from cpis_simulator.apps.problems import Problems
from cpis_simulator.codecs.control_file import ControlFile, decode_control_file, encode_control_file
from cpis_simulator.errors import StartError
from cpis_simulator.mailbox.messages import Message, Sending
from cpis_simulator.mailbox.refusals import NOT_COLLECTED
from cpis_simulator.settings import FilesSettings
from tests.simulator.mesh_examples import MAILBOXES, Desk

SUMMER = datetime(2026, 8, 22, 16, 4, 1, tzinfo=UTC)
CONTROL = {
    "Version": "1.0", "AddressType": "DTS", "MessageType": "Data", "From_DTS": "LA7HC001", "To_DTS": "CPISSIM01",
    "Subject": "nightly run 4711", "LocalId": "RUN-4711", "Compress": "N", "AllowChunking": "Y", "Encrypted": "N",
    "WorkflowId": "UPLOAD",
}  # fmt: skip


class Root:
    """A folder of LA7's mailbox beside a post office; nothing happens but by `poll`."""

    def __init__(self, folder: Path, **choices: object) -> None:
        self.desk = Desk(folder / "mail")
        self.path = folder / "LA7HC001"
        numbers = count(1)
        settings = FilesSettings.model_validate({"watch": "polling", "settle": 0, "poll": 0.02, **choices})
        self.endpoint = MeshFolder(
            self.path, MAILBOXES[0], self.desk.store, settings,
            ids=lambda: f"CLAIM-{os.getpid()}-{next(numbers)}", now=lambda: self.desk.now, problems=Problems(),
        )  # fmt: skip
        self.endpoint.open()

    def drop(
        self, name: str = "LA7_1", body: bytes | None = b"data", control: bytes | None = None, **said: str
    ) -> None:
        """A pair as a careful writer leaves it: data first, control file last."""
        if body is not None:
            (self.path / "OUT" / f"{name}.dat").write_bytes(body)
        written = encode_control_file({**CONTROL, **said}) if control is None else control
        part = self.path / f"{name}.part"
        part.write_bytes(written)
        part.rename(self.path / "OUT" / f"{name}.ctl")

    def poll(self) -> None:
        self.endpoint.poll()

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.path / folder).iterdir() if not path.name.startswith("."))

    def control(self, folder: str, name: str) -> ControlFile:
        return decode_control_file((self.path / folder / name).read_bytes())

    def at_service(self) -> list[Message]:
        with self.desk.store.turn():
            return self.desk.store.office.waiting("CPISSIM01")

    def body(self, message: Message) -> bytes:
        pieces = []
        for number in sorted(message.sizes):
            with self.desk.store.open(message, number) as stream:
                raw = stream.read()
            pieces.append(gzip.decompress(raw) if message.sending.encoding else raw)
        return b"".join(pieces)

    def reply(self, body: bytes = b"answer", **said: str) -> str:
        sending = Sending("LA7HC001", "REPLY", **said)  # type: ignore[arg-type]  # all are texts
        return self.desk.store.send(MAILBOXES[1], sending, len(body), body).message_id

    def report(self) -> tuple[str, Mapping[str, str]]:
        """The one report in IN: its name and its status."""
        (name,) = self.names("IN")
        control = self.control("IN", name)
        assert control.get("MessageType") == "Report"
        return name, control.status


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    made = Root(tmp_path)
    yield made
    made.endpoint.stop()


def test_a_pair_is_sent_and_stands_in_sent(root: Root) -> None:
    root.drop()
    root.poll()
    (message,) = root.at_service()
    assert (root.names("OUT"), root.names("SENT"), root.names("IN")) == ([], ["LA7_1.ctl", "LA7_1.dat"], [])
    assert root.body(message) == (root.path / "SENT/LA7_1.dat").read_bytes() == b"data"
    told = root.control("SENT", "LA7_1.ctl")
    assert told.values == {**CONTROL, "DTSId": message.message_id, "IsCompressed": "N"}
    assert told.status == {
        "DateTime": "20261122130501", "Event": "TRANSFER", "Status": "SUCCESS", "StatusCode": "00",
        "Description": "Data transfer success confirmation",
    }  # fmt: skip


def test_the_recipient_cannot_tell_a_pair_from_a_message_by_rest(root: Root) -> None:
    root.drop()
    root.poll()
    by_rest = root.desk.send(
        **{"Mex-LocalID": "RUN-4711", "Mex-Subject": "nightly run 4711", "Mex-FileName": "LA7_1.dat"}
    )
    fields = [root.desk.fields(message_id, "CPISSIM01") for message_id in root.desk.inbox()]
    for found in fields:
        for own in ("Mex-MessageID", "ETag"):
            found.pop(own)
    assert len(fields) == 2 and fields[0] == fields[1], by_rest


def test_control_files_are_written_in_one_order() -> None:
    written = encode_control_file({"WorkflowId": "W", "Other": "x", "Version": "1.0", "To_DTS": "B&C", "Subject": ""})
    assert written == (
        b"<DTSControl>\n  <Version>1.0</Version>\n  <To_DTS>B&amp;C</To_DTS>\n  <WorkflowId>W</WorkflowId>\n"
        b"  <Other>x</Other>\n</DTSControl>\n"
    )


@pytest.mark.parametrize(("zone", "time"), [("uk", "20260822170401"), ("utc", "20260822160401")])
def test_a_status_has_local_time(tmp_path: Path, zone: str, time: str) -> None:
    root = Root(tmp_path, status_time_zone=zone)
    root.desk.now = SUMMER
    root.drop()
    root.poll()
    assert root.control("SENT", "LA7_1.ctl").status["DateTime"] == time


def test_what_waits_is_put_into_in_and_acknowledged(root: Root) -> None:
    message_id = root.reply(local_id="RUN-9", file_name="a.xml")
    root.poll()
    assert root.names("IN") == [f"{message_id}.ctl", f"{message_id}.dat"]
    assert (root.path / f"IN/{message_id}.dat").read_bytes() == b"answer"
    told = root.control("IN", f"{message_id}.ctl")
    picked = {name: told.get(name) for name in ("From_DTS", "To_DTS", "DTSId", "LocalId", "WorkflowId", "From_ESMTP")}
    assert picked == {
        "From_DTS": "CPISSIM01", "To_DTS": "LA7HC001", "DTSId": message_id, "LocalId": "RUN-9", "WorkflowId": "REPLY",
        "From_ESMTP": "cpissim01@dts.nhs.uk",
    }  # fmt: skip
    assert [told.status[name] for name in ("Event", "Status", "StatusCode")] == ["TRANSFER", "SUCCESS", "00"]
    assert root.desk.status(message_id, "CPISSIM01") == "acknowledged"


def test_what_was_compressed_for_transport_is_plain_in_in(root: Root) -> None:
    message_id = root.reply(gzip.compress(b"answer"), encoding="gzip")
    root.poll()
    assert (root.path / f"IN/{message_id}.dat").read_bytes() == b"answer"
    assert root.control("IN", f"{message_id}.ctl").get("IsCompressed") == "Y"


def test_a_report_of_the_server_is_a_control_file_alone(root: Root) -> None:
    root.drop()
    root.poll()
    (message,) = root.at_service()
    root.desk.store.report(message, NOT_COLLECTED)
    root.poll()
    name, status = root.report()
    assert [status[part] for part in ("Event", "Status", "StatusCode")] == ["SEND", "ERROR", "14"]
    assert root.control("IN", name).get("DTSId") == message.message_id
    assert root.control("IN", name).get("LocalId") == "RUN-4711"


@pytest.mark.parametrize(
    ("said", "event", "code"),
    [
        ({"Version": ""}, "COLLECT", "06"),
        ({"WorkflowId": ""}, "COLLECT", "06"),
        ({"From_DTS": "LA8HC001"}, "SEND", "07"),
        ({"To_DTS": ""}, "SEND", "08"),
        ({"MessageType": "Report"}, "SEND", "11"),
        ({"To_DTS": "NOBODY01"}, "SEND", "12"),
        ({"WorkflowId": "NOT_MINE"}, "SEND", "16"),
        ({"WorkflowId": "OTHER"}, "SEND", "17"),
        ({"WorkflowId": "ONS"}, "SEND", "18"),
        ({"WorkflowId": "EXPIRES"}, "SEND", "19"),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value),
)
def test_a_pair_that_cannot_be_sent_is_reported_and_set_apart(
    root: Root, said: dict[str, str], event: str, code: str
) -> None:
    root.drop(**said)
    root.poll()
    name, status = root.report()
    assert (status["Event"], status["Status"], status["StatusCode"]) == (event, "ERROR", code)
    assert name[:20].isdigit()
    assert root.control("IN", name).get("LocalId") == "RUN-4711"
    assert root.names("FAILED") == ["LA7_1.ctl", "LA7_1.dat"]
    assert root.control("FAILED", "LA7_1.ctl").status["StatusCode"] == code
    assert (root.names("OUT"), root.names("SENT"), root.at_service()) == ([], [], [])


def test_a_control_file_that_is_none_is_malformed(root: Root) -> None:
    root.drop(control=b"<DTSControl><Version>1.0")
    root.poll()
    assert [root.report()[1][part] for part in ("Event", "StatusCode")] == ["COLLECT", "06"]
    assert root.names("FAILED") == ["LA7_1.ctl", "LA7_1.dat"]


def test_no_data_are_reported_as_by_rest(root: Root) -> None:
    root.drop(body=b"")
    root.poll()
    assert [root.report()[1][part] for part in ("Event", "StatusCode")] == ["COLLECT", "02"]


def test_words_of_a_control_file_are_read_without_regard_to_case(root: Root) -> None:
    root.drop(MessageType="DATA", From_DTS="la7hc001", To_DTS="cpissim01")
    root.poll()
    assert len(root.at_service()) == 1


def test_a_control_file_without_data_waits_one_more_poll(root: Root) -> None:
    root.drop(body=None)
    root.poll()
    assert (root.names("OUT"), root.names("IN")) == (["LA7_1.ctl"], [])
    deadline = time.monotonic() + 5
    while root.names("OUT"):
        assert time.monotonic() < deadline, root.names("OUT")
        root.poll()
    assert [root.report()[1][part] for part in ("Event", "StatusCode")] == ["COLLECT", "02"]
    assert root.names("FAILED") == ["LA7_1.ctl"]


def test_data_that_come_after_their_control_file_are_sent(root: Root) -> None:
    root.drop(body=None)
    root.poll()
    (root.path / "OUT/LA7_1.dat").write_bytes(b"late")
    root.poll()
    assert [root.body(message) for message in root.at_service()] == [b"late"]


def test_data_without_a_control_file_are_left_alone(root: Root) -> None:
    (root.path / "OUT/LA7_1.dat").write_bytes(b"data")
    for _ in range(3):
        root.poll()
    assert (root.names("OUT"), root.names("IN")) == (["LA7_1.dat"], [])


def test_half_written_data_are_not_taken(tmp_path: Path) -> None:
    root = Root(tmp_path, settle=30)
    root.drop()
    root.poll()
    assert (root.names("OUT"), root.at_service()) == (["LA7_1.ctl", "LA7_1.dat"], [])


def test_a_whole_control_file_waits_for_data_that_still_grow(tmp_path: Path) -> None:
    root = Root(tmp_path, settle=0.1)
    root.drop(body=b"")
    growing = root.path / "OUT/LA7_1.dat"
    written, end = 0, time.monotonic() + 0.5
    while time.monotonic() < end:
        with growing.open("ab") as data:
            written += data.write(b"x")
        root.poll()
        assert root.names("OUT") == ["LA7_1.ctl", "LA7_1.dat"]
        time.sleep(0.005)
    deadline = time.monotonic() + 5
    while not root.at_service():
        assert time.monotonic() < deadline, root.names("OUT")
        root.poll()
    assert root.at_service()[0].size == written


def test_other_files_are_left_alone(root: Root) -> None:
    for name in ("notes.txt", ".LA7_1.ctl", "LA7_1.ctl.part"):
        (root.path / "OUT" / name).write_bytes(b"x")
    root.poll()
    assert sorted(os.listdir(root.path / "OUT")) == [".LA7_1.ctl", "LA7_1.ctl.part", "notes.txt"]


def test_pairs_go_in_the_order_of_their_control_files(root: Root) -> None:
    for number, name in enumerate(("b", "c", "a")):
        root.drop(name, LocalId=name)
        os.utime(root.path / f"OUT/{name}.ctl", (number, number))
    root.poll()
    assert [message.sending.local_id for message in root.at_service()] == ["b", "c", "a"]


def test_a_name_that_stands_in_sent_gets_a_number(root: Root) -> None:
    for body in (b"one", b"two", b"three"):
        root.drop(body=body)
        root.poll()
    assert [(root.path / "SENT" / name).read_bytes() for name in root.names("SENT") if name.endswith(".dat")] == [
        b"two", b"three", b"one",
    ]  # fmt: skip
    assert root.names("SENT") == [f"LA7_1{n}.{end}" for n in (".1", ".2", "") for end in ("ctl", "dat")]


def test_pairs_that_went_may_be_deleted(tmp_path: Path) -> None:
    root = Root(tmp_path, save_sent=False)
    root.drop()
    root.poll()
    assert (root.names("OUT"), root.names("SENT"), len(root.at_service())) == ([], [], 1)


def test_reports_of_success_are_made_when_they_are_wanted(tmp_path: Path) -> None:
    root = Root(tmp_path, collect_report=True, transfer_report=True)
    root.drop()
    root.poll()
    told = [root.control("IN", name).status for name in root.names("IN")]
    assert [(s["Event"], s["Status"], s["StatusCode"]) for s in told] == [
        ("COLLECT", "SUCCESS", "00"), ("TRANSFER", "SUCCESS", "00"),
    ]  # fmt: skip


@pytest.mark.parametrize("compress", ["Y", "N"])
def test_large_data_go_in_chunks_where_that_is_allowed(
    root: Root, monkeypatch: pytest.MonkeyPatch, compress: str
) -> None:
    monkeypatch.setattr("cpis_simulator.mailbox.pairs.CHUNK", 1000)
    body = os.urandom(2500)
    root.drop(body=body, Compress=compress)
    root.poll()
    (message,) = root.at_service()
    assert (message.sending.chunks, root.body(message) == body) == (3, True)
    assert root.control("SENT", "LA7_1.ctl").get("IsCompressed") == compress


def test_data_that_are_too_large_without_chunks_are_not_sent(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpis_simulator.mailbox.pairs.MOST", 1000)
    root.drop(body=os.urandom(1001), AllowChunking="N")
    root.poll()
    assert [root.report()[1][part] for part in ("Event", "StatusCode")] == ["TRANSFER", "06"]


def test_a_transfer_that_fails_is_tried_again_and_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Root(tmp_path, delay_report=True)
    root.drop()
    kept = root.desk.store.send

    def fails(*_: object, **__: object) -> Message:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(root.desk.store, "send", fails)
    for _ in range(3):
        root.poll()
    assert [root.control("IN", name).status["StatusCode"] for name in root.names("IN")] == ["05", "05", "05"]
    assert root.control("IN", root.names("IN")[0]).status["Status"] == "SUCCESS"
    root.poll()
    assert [root.control("IN", name).status["StatusCode"] for name in root.names("IN")] == ["05", "05", "05", "06"]
    assert root.names("FAILED") == ["LA7_1.ctl", "LA7_1.dat"]
    monkeypatch.setattr(root.desk.store, "send", kept)
    root.poll()
    assert root.at_service() == []


def test_a_full_disk_stops_the_taking_and_loses_nothing(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.drop()
    kept = root.desk.store.send

    def full(*_: object, **__: object) -> Message:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(root.desk.store, "send", full)
    for _ in range(6):
        with pytest.raises(OSError, match="No space left"):
            root.poll()
    monkeypatch.setattr(root.desk.store, "send", kept)
    root.poll()
    assert (len(root.at_service()), root.names("SENT"), root.names("IN")) == (1, ["LA7_1.ctl", "LA7_1.dat"], [])


def test_folders_are_found_whatever_their_case(tmp_path: Path) -> None:
    for name in ("out", "Sent", "in"):
        (tmp_path / "LA7HC001" / name).mkdir(parents=True)
    root = Root(tmp_path)
    assert sorted(path.name for path in root.path.iterdir()) == ["FAILED", "Sent", "TEMP", "in", "out"]


def test_a_second_endpoint_on_a_root_does_not_start(root: Root, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="Another endpoint serves"):
        MeshFolder(
            root.path, MAILBOXES[0], root.desk.store, FilesSettings(), ids=str, now=lambda: root.desk.now,
            problems=Problems(),
        ).open()  # fmt: skip


def test_the_stop_signal_ends_the_endpoint(tmp_path: Path) -> None:
    root = Root(tmp_path)
    root.endpoint.stop()
    (root.path / "mexclient.sig").touch()
    again = Root(tmp_path)
    again.endpoint.stop()
    started = MeshFolder(
        again.path, MAILBOXES[0], again.desk.store, FilesSettings(watch="polling", poll=0.02), ids=str,
        now=lambda: again.desk.now, problems=Problems(),
    )  # fmt: skip
    started.start()
    deadline = time.monotonic() + 5
    while started.is_working():
        assert time.monotonic() < deadline, "the endpoint works on"
        time.sleep(0.002)
    started.stop()


# Crashes.

OUT_POINTS = [
    "after-data-claim", "after-pair-claim", "after-pair-sent", "after-report", "after-data-settled",
    "after-pair-settled",
]  # fmt: skip
IN_POINTS = [
    "after-received", "after-data-delivered", "after-pair-delivered", "before-pair-acknowledgement",
    "after-pair-acknowledgement",
]  # fmt: skip


def killed_at(point: str, folder: Path, *, reply: bool = False, **said: str) -> None:
    """A child process drops a pair, or is sent a reply, and polls until it kills itself at the point."""
    child = os.fork()
    if child == 0:
        os.environ[CRASH_AT] = point
        root = Root(folder)
        if reply:
            root.reply()
        else:
            root.drop(**said)
        root.poll()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"{point} was never reached: {status}"


def polled(root: Root) -> None:
    deadline = time.monotonic() + 5
    root.poll()
    while root.names("OUT"):
        assert time.monotonic() < deadline, root.names("OUT")
        root.poll()
    root.poll()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the child of these tests is forked")
@pytest.mark.parametrize("point", OUT_POINTS)
def test_whenever_it_is_killed_a_pair_is_sent_once(point: str, tmp_path: Path) -> None:
    killed_at(point, tmp_path)
    for _ in range(2):
        root = Root(tmp_path)
        if root.names("OUT") == ["LA7_1.ctl"]:  # The data had been claimed: they go back first.
            root.poll()
        polled(root)
        assert [root.body(message) for message in root.at_service()] == [b"data"]
        assert (root.names("SENT"), root.names("FAILED"), root.names("IN")) == (["LA7_1.ctl", "LA7_1.dat"], [], [])
        assert root.names("TEMP/claims") == []
        root.endpoint.stop()
        root.desk.store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the child of these tests is forked")
@pytest.mark.parametrize("point", ["after-pair-claim", "after-report", "after-data-settled", "after-pair-settled"])
def test_whenever_it_is_killed_a_bad_pair_is_reported_once(point: str, tmp_path: Path) -> None:
    killed_at(point, tmp_path, To_DTS="NOBODY01")
    for _ in range(2):
        root = Root(tmp_path)
        polled(root)
        assert root.report()[1]["StatusCode"] == "12"
        assert (root.names("FAILED"), root.names("SENT")) == (["LA7_1.ctl", "LA7_1.dat"], [])
        assert root.names("TEMP/claims") == []
        root.endpoint.stop()
        root.desk.store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the child of these tests is forked")
@pytest.mark.parametrize("taken", [False, True], ids=["left-in-in", "taken-at-once"])
@pytest.mark.parametrize("point", IN_POINTS)
def test_whenever_it_is_killed_a_message_is_delivered_once(point: str, taken: bool, tmp_path: Path) -> None:
    killed_at(point, tmp_path, reply=True)
    seen: list[str] = []
    inbox = tmp_path / "LA7HC001/IN"

    def take() -> None:
        """A reader that begins at a control file and takes both."""
        for control in inbox.glob("*.ctl"):
            data = control.with_suffix(".dat")
            assert data.read_bytes() == b"answer"
            seen.append(control.stem)
            if taken:
                control.unlink()
                data.unlink()

    take()
    for _ in range(2):
        root = Root(tmp_path)
        root.poll()
        take()
        assert root.names("TEMP/received") == []
        root.endpoint.stop()
        root.desk.store.close()
    assert len(set(seen)) == 1 and len(seen) == (1 if taken else len(seen))
    assert len(list(inbox.glob("*"))) == (0 if taken else 2)
