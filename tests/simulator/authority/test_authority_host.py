"""The bundled authority on its store and folders, asked through its driver API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.apps.authority_host import AuthorityHost
from cpis_simulator.apps.authority_system import AuthorityDriver
from cpis_simulator.apps.operations import operations_app
from cpis_simulator.authority.caseload import Configuration
from cpis_simulator.authority.state import State
from cpis_simulator.codecs.acknowledgement import encode_acknowledgement
from cpis_simulator.codecs.upload import decode_upload
from cpis_simulator.driving import AUTHORITY_OPERATIONS
from cpis_simulator.errors import StartError
from cpis_simulator.model import Acknowledgement, Coded, Organisation, Telecom, Upload
from cpis_simulator.store.entry_store import EntryStore
from cpis_simulator.vocabulary import MessageKind
from tests.official import schema_errors

RECEIVED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Office:
    """A host with its driver, in folders of its own."""

    def __init__(self, folder: Path, *, withheld: frozenset[str] = frozenset(), **more: Any) -> None:
        self.drop = folder / "drop"
        self.host = AuthorityHost(Configuration(), drop=self.drop, state=folder / "state" / "z99.sqlite", **more)
        self._client = operations_app("authority", AuthorityDriver(self.host, withheld=withheld)).test_client()

    def ask(self, operation: str, /, status: int = 200, **request: Any) -> Any:
        reply = self._client.post(f"/{operation}", json=request)
        assert reply.status_code == status, (reply.status_code, reply.get_json())
        return reply.get_json()

    def child_on_plan(self, nhs_number: str = "9990001014", given: str = "Alpha") -> str:
        details = {"given": given, "family": "Testcase", "birth_date": "2017-03-14", "nhs_number": nhs_number}
        child_id = str(self.ask("record-child", **details)["child_id"])
        self.ask("record-plan", child_id=child_id, plan_type="child protection plan", start="2026-10-01")
        return child_id

    def dropped(self) -> list[Path]:
        return sorted((self.drop / "Z99" / "upload").glob("*"))

    def upload(self) -> Upload:
        [path] = self.dropped()
        return decode_upload(path.read_bytes())

    def deliver(self, body: bytes, name: str = "reply.xml") -> None:
        folder = self.drop / "Z99" / "response"
        (folder / ".part").write_bytes(body)
        (folder / ".part").rename(folder / name)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.drop / "Z99" / folder).iterdir())


def all_stored(file_id: str = "1", quantity: int = 1) -> bytes:
    receiver = Organisation("Z99", "EXAMPLETON TEST COUNCIL", (Telecom("tel:01632960002", "EC"),))
    codes = (Coded("CPF02", "Successful File Upload"),)
    return encode_acknowledgement(Acknowledgement(RECEIVED, file_id, quantity, codes, receiver, quantity, 0))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(**more: Any) -> Office:
        made.append(Office(tmp_path, **more))
        return made[-1]

    yield make
    for one in made:
        one.host.stop()


def test_every_operation_of_the_role_is_offered(office: Callable[..., Office]) -> None:
    version = office().ask("version")
    assert version["operations"] == [operation.name for operation in AUTHORITY_OPERATIONS]
    assert [authority["ods"] for authority in version["authorities"]] == ["Z99"]
    assert version["triage_point"] == "MASH triage"


def test_what_is_withheld_is_answered_501_and_not_listed(office: Callable[..., Office]) -> None:
    one = office(withheld=frozenset(("reset", "set-clock")))
    one.ask("reset", status=501)
    one.ask("set-clock", status=501, instant=None)
    assert {"reset", "set-clock"} & set(one.ask("version")["operations"]) == set()


def test_an_export_is_one_whole_file_in_the_drop_folder(office: Callable[..., Office]) -> None:
    one = office()
    one.child_on_plan()
    assert one.ask("export") == {"exported": True, "file_id": "1", "reason": None}
    upload = one.upload()
    assert (upload.file_id, upload.quantity, upload.sender.ods_code) == ("1", 1, "Z99")
    assert one.ask("files")["items"][0]["state"] == "open"
    assert one.ask("export")["exported"] is False


def test_the_official_schema_accepts_an_export(office: Callable[..., Office]) -> None:
    one = office()
    child = one.child_on_plan()
    one.ask("record-plan", child_id=child, plan_type="looked after child", start="2026-10-02", legal_status="20")
    mother = one.child_on_plan("9990001022", "Bravo")
    details = {"plan_type": "unborn child protection plan", "start": "2026-10-02", "due": "2027-02-01"}
    one.ask("record-plan", child_id=mother, **details)
    one.ask("export")
    [path] = one.dropped()
    assert schema_errors(MessageKind.UPLOAD, path.read_bytes()) == []


def test_a_reply_is_acted_on_and_archived(office: Callable[..., Office]) -> None:
    one = office()
    child = one.child_on_plan()
    one.ask("export")
    one.deliver(all_stored())
    one.ask("collect")
    status = one.ask("child-status", child_id=child)
    assert (status["last_result"], status["acknowledged"]) == ("stored", "2026-11-22T12:00:00Z")
    assert (one.names("response"), one.names("archive")) == ([], ["reply.xml"])


def test_a_cut_reply_changes_nothing_and_the_whole_one_is_processed(office: Callable[..., Office]) -> None:
    one = office()
    child = one.child_on_plan()
    one.ask("export")
    one.deliver(all_stored()[:200])
    one.ask("collect")
    assert one.ask("child-status", child_id=child)["last_result"] == "sent"
    assert [item["kind"] for item in one.ask("exceptions")["items"]] == ["unreadable-file"]
    assert one.names("failed") == ["reply.xml"]
    one.deliver(all_stored())
    one.ask("collect")
    assert one.ask("files")["items"][0]["state"] == "stored"


def test_a_restart_loses_nothing(office: Callable[..., Office]) -> None:
    one = office()
    child = one.child_on_plan()
    one.ask("allocate", child_id=child, worker="Ann", team="North")
    one.ask("export")
    one.ask("restart")
    one.deliver(all_stored())
    one.ask("collect")
    assert one.ask("child-status", child_id=child)["last_result"] == "stored"
    one.ask("force", child_id=child)
    assert one.ask("export")["file_id"] == "2"


def test_a_new_process_goes_on_where_the_old_one_ended(office: Callable[..., Office], tmp_path: Path) -> None:
    first = office()
    child = first.child_on_plan()
    first.ask("export")
    before = first.ask("files")
    first.host.stop()
    second = Office(tmp_path)
    try:
        assert second.ask("files") == before
        assert second.ask("child-status", child_id=child)["last_result"] == "sent"
    finally:
        second.host.stop()


def test_a_reply_that_was_remembered_but_not_moved_is_not_acted_on_twice(office: Callable[..., Office]) -> None:
    one = office()
    one.child_on_plan()
    one.ask("export")
    for _ in range(2):
        one.deliver(all_stored("999"))
        one.ask("collect")
    assert len(one.ask("exceptions")["items"]) == 1
    assert one.names("archive") == ["reply.1.xml", "reply.xml"]


def test_a_drop_folder_that_cannot_be_written_is_told_and_nothing_is_lost(office: Callable[..., Office]) -> None:
    one = office()
    one.child_on_plan()
    folder = one.drop / "Z99" / "upload"
    folder.rename(folder.with_name("away"))
    assert one.ask("export")["exported"] is False
    assert [(a["kind"], a["recipient"]) for a in one.ask("alerts")["items"]] == [("interface", "CP-IS data officer")]
    folder.with_name("away").rename(folder)
    assert one.ask("export")["file_id"] == "1"
    assert one.upload().quantity == 1


def test_a_file_that_was_remembered_but_not_dropped_goes_out_at_the_next_start(
    office: Callable[..., Office], tmp_path: Path
) -> None:
    first = office()
    first.child_on_plan()
    first.ask("export")
    [path] = first.dropped()
    path.rename(tmp_path / "state" / "z99-outbox" / path.name)
    first.host.stop()
    second = Office(tmp_path)
    try:
        assert [found.name for found in second.dropped()] == [path.name]
    finally:
        second.host.stop()


def test_a_refused_operation_leaves_nothing_behind(office: Callable[..., Office]) -> None:
    one = office()
    one.child_on_plan()
    details = {"given": "B", "family": "B", "birth_date": "2017-03-14", "nhs_number": "9990001014"}
    assert "another child" in one.ask("record-child", status=409, **details)["reason"]
    one.ask("end-plan", status=409, plan_id="P000099", end="2026-11-20")
    assert one.ask("record-child", **{**details, "nhs_number": None})["child_id"] == "C000003"


def test_reset_forgets_all_but_the_sequence(office: Callable[..., Office]) -> None:
    one = office()
    one.child_on_plan()
    one.ask("export")
    one.deliver(all_stored())
    one.ask("reset")
    assert one.ask("files")["items"] == []
    assert (one.dropped(), one.names("response")) == ([], [])
    one.child_on_plan()
    assert one.ask("export")["file_id"] == "2"


def test_the_clock_moves_and_overdue_files_are_told(office: Callable[..., Office]) -> None:
    one = office()
    one.child_on_plan()
    one.ask("export")
    later = one.host.now() + timedelta(hours=24, minutes=1)
    one.ask("set-clock", instant=later.isoformat())
    assert [alert["kind"] for alert in one.ask("alerts")["items"]] == ["overdue"]
    assert abs(one.host.now() - later) < timedelta(seconds=30)
    one.ask("set-clock", instant=None)
    assert abs(one.host.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_changes_go_out_within_a_day_by_themselves(office: Callable[..., Office]) -> None:
    one = office()
    day = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    one.ask("set-clock", instant=day.isoformat())
    exported = []
    for number in ("9990001014", "9990001022", "9990001030"):
        one.child_on_plan(number, "Alpha")
        day += timedelta(hours=23, minutes=30)
        one.ask("set-clock", instant=day.isoformat())
        exported.append(len(one.dropped()))
    assert exported == [1, 2, 3]


def test_a_clock_moved_by_months_exports_nothing_by_itself(office: Callable[..., Office]) -> None:
    one = office()
    one.child_on_plan()
    one.ask("set-clock", instant="2027-07-01T12:00:00Z")
    assert one.dropped() == []
    one.ask("export")
    assert one.upload().creation_time.replace(second=0, microsecond=0) == datetime(2027, 7, 1, 12, 0, tzinfo=UTC)


def test_other_children_are_held_and_not_sent(office: Callable[..., Office]) -> None:
    one = office(other_children=40)
    assert one.ask("export")["exported"] is False
    one.child_on_plan()
    one.ask("export")
    assert one.upload().quantity == 1
    one.ask("reset")
    one.ask("change-authority", telephone_emergency="01632960009")
    one.ask("export")
    assert one.upload().quantity == 40


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    store = EntryStore(tmp_path / "s.sqlite", State, "authority")
    store._file.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StartError, match="another version"):
        EntryStore(tmp_path / "s.sqlite", State, "authority")


def test_the_process_says_when_it_is_ready_and_ends_in_good_order(tmp_path: Path) -> None:
    arguments = ["--port", "0", "--drop", str(tmp_path / "drop"), "--state", str(tmp_path / "s.sqlite")]
    child = subprocess.Popen(
        [sys.executable, "-m", "cpis_cli", "authority", *arguments, "--fault", "alert-to-nobody"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert child.stdout is not None
        ready = json.loads(child.stdout.readline())
        assert (ready["event"], ready["ods"]) == ("ready", "Z99")
        assert ready["url"].startswith("http://127.0.0.1:")
    finally:
        child.terminate()
        output, errors = child.communicate(timeout=20)
    assert child.returncode == 0, errors
    assert output == b""
