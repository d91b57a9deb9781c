"""Products that are none: each answers its driver as a good product would, and does nothing of what it says.

They differ in what they put into the upload folder and in where their answers come from. None of them reads a message
that it receives; so whatever a run holds to their credit, a check was too easily pleased.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from cpis_fixtures.processes import Process
from cpis_reports.bundle import Bundle
from cpis_simulator import driving
from cpis_simulator.apps.operations import OperationRefused, method_name, offered, operations_app
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import AUTHORITY_OPERATIONS, Nothing, Shape
from cpis_simulator.evidence import DRIVER, FILE_DROP
from cpis_simulator.model import LocalId, PlanRecord, ProtectionPlan, Subject, SubjectKind, Upload
from cpis_simulator.transport.http_client import DriverClient
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.vocabulary import RECORD_CODE_TEXT, PlanType

AUTHORITY: Final = DEFAULT_AUTHORITIES[0]
TRIAGE: Final = "Triage point"


class Silent:
    """Says that it recorded and exported everything; no file ever comes, and its lists are empty.

    Args:
        drop: Root of the drop folders.
    """

    def __init__(self, drop: Path) -> None:
        self.upload = drop / AUTHORITY.ods_code / "upload"
        self.upload.mkdir(parents=True, exist_ok=True)
        self.half = drop / "half-written"
        self._ids = itertools.count(1)
        self._file_ids = itertools.count(1)
        self._ahead = timedelta()

    def now(self) -> datetime:
        """What its clock shows."""
        return datetime.now(UTC) + self._ahead

    def put(self, name: str, body: bytes) -> None:
        """Drop a file, whole."""
        self.half.write_bytes(body)
        os.replace(self.half, self.upload / name)

    def next_file(self) -> str:
        """What an export leads to; gives the file's sequence id."""
        return str(next(self._file_ids))

    def version(self, _: Nothing) -> driving.Version:
        identity = driving.AuthorityIdentity(ods=AUTHORITY.ods_code, name=AUTHORITY.name)
        return driving.Version(
            product=type(self).__name__,
            version="1",
            role="authority",
            operations=offered("authority", self),
            authorities=[identity],
            now=self.now(),
            triage_point=TRIAGE,
        )

    def reset(self, _: Nothing) -> Nothing:
        return Nothing()

    def set_clock(self, asked: driving.SetClock) -> Nothing:
        self._ahead = asked.instant - datetime.now(UTC) if asked.instant else timedelta()
        return Nothing()

    def record_child(self, asked: driving.ChildDetails) -> driving.ChildReference:
        return driving.ChildReference(child_id=f"C{next(self._ids)}")

    def record_plan(self, asked: driving.PlanDetails) -> driving.PlanReference:
        return driving.PlanReference(plan_id=f"P{next(self._ids)}")

    def done(self, _: Shape) -> Nothing:
        return Nothing()

    restart = end_plan = delete_plan = change_child = change_authority = allocate = close_case = force = collect = done

    def export(self, _: Nothing) -> driving.Export:
        return driving.Export(exported=True, file_id=self.next_file())

    def held_back(self, _: Nothing) -> driving.HeldBackList:
        return driving.HeldBackList()

    def files(self, _: Nothing) -> driving.FileList:
        return driving.FileList()

    def work_list(self, _: Nothing) -> driving.WorkList:
        return driving.WorkList()

    def alerts(self, _: Nothing) -> driving.AlertList:
        return driving.AlertList()

    def case_events(self, asked: driving.ChildReference) -> driving.CaseEvents:
        return driving.CaseEvents()

    def exceptions(self, _: Nothing) -> driving.ExceptionList:
        return driving.ExceptionList()

    def child_status(self, asked: driving.ChildReference) -> driving.ChildStatus:
        return driving.ChildStatus(child_id=asked.child_id, last_result="sent")


class Canned(Silent):
    """Drops one valid file at each export, of a child of its own, with a rising id, and says that all is stored."""

    def next_file(self) -> str:
        file_id = super().next_file()
        born, start = date(2018, 3, 4), datetime(2025, 9, 1, tzinfo=UTC).replace(tzinfo=None)
        local_id = LocalId("LOCAL-0000001", f"{AUTHORITY.ods_code}:{AUTHORITY.name}")
        child = Subject(SubjectKind.CHILD, "9990000018", born, "Canned", "Testcase", local_id)
        record = PlanRecord((ProtectionPlan(PlanType.CHILD_PROTECTION, start),), (child,))
        upload = Upload(self.now().replace(microsecond=0), file_id, 1, AUTHORITY.organisation(), (record,))
        self.put(f"CANNED_{file_id}.xml", encode_upload(upload))
        return file_id

    def child_status(self, asked: driving.ChildReference) -> driving.ChildStatus:
        return driving.ChildStatus(child_id=asked.child_id, last_result="stored", acknowledged=self.now())


class YesMan(Silent):
    """Claims whatever it could be asked about: every list names every child, file, code and kind that it was told."""

    def __init__(self, drop: Path, *more: Any) -> None:
        super().__init__(drop, *more)
        self.numbers: dict[str, list[str]] = {}
        self.file_ids: list[str] = []
        self.people: list[tuple[str | None, str | None]] = [(TRIAGE, None)]

    def reset(self, _: Nothing) -> Nothing:
        self.numbers.clear()
        self.file_ids.clear()
        del self.people[1:]
        return Nothing()

    def record_child(self, asked: driving.ChildDetails) -> driving.ChildReference:
        child = super().record_child(asked)
        self.note(child.child_id, asked.nhs_number)
        return child

    def change_child(self, asked: driving.ChangeChild) -> Nothing:
        self.note(asked.child_id, asked.nhs_number)
        return Nothing()

    def allocate(self, asked: driving.Allocate) -> Nothing:
        self.people.append((asked.worker, asked.team))
        return Nothing()

    def note(self, child_id: str, nhs_number: str | None) -> None:
        """Keep what can be repeated later."""
        self.numbers.setdefault(child_id, []).extend([nhs_number] if nhs_number else [])

    def next_file(self) -> str:
        self.file_ids.append(super().next_file())
        return self.file_ids[-1]

    def held_back(self, _: Nothing) -> driving.HeldBackList:
        return driving.HeldBackList(items=[driving.HeldBack(child_id=c, reason="held back") for c in self.numbers])

    def files(self, _: Nothing) -> driving.FileList:
        now = self.now()
        shown = [
            driving.FileStatus(file_id=f, state="stored", code="CPF02", stored=1, failed=0, acknowledged=now)
            for f in self.file_ids
        ]
        return driving.FileList(items=shown)

    def work_list(self, _: Nothing) -> driving.WorkList:
        items = [
            driving.WorkItem(child_id=child, nhs_number=number, code=code, meaning=text, next_action="Look into it.")
            for child, numbers in self.numbers.items()
            for number in numbers or [None]
            for code, text in RECORD_CODE_TEXT.items()
        ]
        return driving.WorkList(items=items)

    def alerts(self, _: Nothing) -> driving.AlertList:
        text = "Something happened to this child, this file, this NHS number or the emergency duty telephone."
        about = [{"child_id": child} for child in self.numbers] + [{"file_id": file} for file in self.file_ids]
        items = [
            driving.Alert(kind=kind, recipient=worker, team=team, text=text, raised=self.now(), **what)
            for kind in get_args(driving.Alert.model_fields["kind"].annotation)
            for what in about
            for worker, team in self.people
        ]
        return driving.AlertList(items=items)

    def case_events(self, asked: driving.ChildReference) -> driving.CaseEvents:
        event = driving.CaseEvent(
            child_id=asked.child_id,
            accessed=self.now(),
            worker="A worker",
            role="A role",
            organisation="An organisation",
            text="The CP-IS record was viewed.",
        )
        return driving.CaseEvents(items=[event])

    def exceptions(self, _: Nothing) -> driving.ExceptionList:
        about: list[dict[str, Any]] = [
            {"child_id": child, "nhs_number": number} for child, numbers in self.numbers.items() for number in numbers
        ]
        about += [{"file_id": file_id} for file_id in (*self.file_ids, "-1")]
        items = [
            driving.ExceptionItem(kind=kind, text="This could not be filed.", **what)
            for kind in get_args(driving.ExceptionItem.model_fields["kind"].annotation)
            for what in about
        ]
        return driving.ExceptionList(items=items)

    def child_status(self, asked: driving.ChildReference) -> driving.ChildStatus:
        number = (self.numbers.get(asked.child_id) or [None])[-1]
        return driving.ChildStatus(
            child_id=asked.child_id, nhs_number=number, last_result="stored", acknowledged=self.now()
        )


class Deaf(Silent):
    """A genuine system keeps the cases and makes the files, but nothing received ever reaches it: its lists are empty.

    Args:
        drop: Root of the drop folders.
        genuine: Driver of the genuine system.
        made: Folder into which the genuine system drops its files; they are carried on from there.
    """

    PASSED_ON: Final = (
        *("reset", "set-clock", "restart", "record-child", "record-plan", "end-plan", "delete-plan", "change-child"),
        *("change-authority", "allocate", "close-case", "force", "export"),
    )

    def __init__(self, drop: Path, genuine: DriverClient, made: Path) -> None:
        super().__init__(drop)
        self._genuine = genuine
        self._made = made
        for operation in AUTHORITY_OPERATIONS:
            if operation.name in self.PASSED_ON:
                setattr(self, method_name(operation.name), partial(self.pass_on, operation))

    def pass_on(self, operation: driving.Operation, asked: Shape) -> Shape:
        """Have the genuine system do it, carry on what it made, and note what it was about."""
        answer = self._genuine.call(operation.name, asked, within=10)
        if answer.status != "answered":
            raise OperationRefused(answer.reason)
        reply = operation.reply.model_validate(answer.body)
        self.heard(operation.name, asked, reply)
        for file in sorted(self._made.glob("*.xml")):
            os.replace(file, self.upload / file.name)
        return reply

    def heard(self, operation: str, asked: Any, reply: Any) -> None:
        """What was asked of the genuine system, and what it said."""


class Boaster(YesMan, Deaf):
    """The genuine system's files, and a yes-man's lists: nothing that it receives is read."""

    def heard(self, operation: str, asked: Any, reply: Any) -> None:
        if operation == "reset":
            YesMan.reset(self, Nothing())
        elif operation == "record-child":
            self.note(reply.child_id, asked.nhs_number)
        elif operation == "change-child":
            self.note(asked.child_id, asked.nhs_number)
        elif operation == "allocate":
            self.people.append((asked.worker, asked.team))
        elif operation == "export" and reply.file_id:
            self.file_ids.append(reply.file_id)
        elif operation == "set-clock":
            self._ahead = asked.instant - datetime.now(UTC) if asked.instant else timedelta()


class Replay(Silent):
    """Repeats an earlier genuine run: its files, and for each question the answers that were given there, in order.

    Scenarios are told apart by their reset, so that one which ends early does not put the next out of step.
    """

    def __init__(self, drop: Path, bundle: Bundle) -> None:
        super().__init__(drop)
        self._lock = threading.Lock()
        self._bundle = bundle
        self._scenarios = iter([s.id for s in bundle.results.scenarios])
        self._files: deque[tuple[str, bytes]] = deque()
        self._answers: dict[str, deque[dict[str, Any]]] = {}
        for operation in AUTHORITY_OPERATIONS:
            if operation.name != "version":
                setattr(self, method_name(operation.name), partial(self.repeat, operation))

    def repeat(self, operation: driving.Operation, asked: Shape) -> Shape:
        """The next recorded answer to the operation; the last one again when there are no more."""
        with self._lock:
            if operation.name == "reset":
                self._turn_over()
            answers = self._answers.get(operation.name)
            if not answers:
                raise OperationRefused(f"{operation.name} was not asked in the recorded run")
            answer = answers.popleft() if len(answers) > 1 else answers[0]
            if operation.name == "export" and answer.get("exported") and self._files:
                self.put(*self._files.popleft())
            return operation.reply.model_validate(answer)

    def _turn_over(self) -> None:
        """Lay out what was recorded of the next scenario."""
        evidence = self._bundle.of_scenario(next(self._scenarios))
        uploads = evidence.on(FILE_DROP, authority=AUTHORITY.ods_code, direction="upload")
        self._files = deque((r.headers["name"], evidence.body(r)) for r in uploads)
        self._answers = {}
        for record in evidence.on(DRIVER, party="authority", phase="response", status="answered"):
            self._answers.setdefault(record.headers["operation"], deque()).append(evidence.json(record))


@contextmanager
def listening(sham: Silent) -> Iterator[str]:
    """The sham behind a driver API; gives its address."""
    server = HttpServer(operations_app("authority", sham), host="127.0.0.1", port=0)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def genuine_system(folder: Path) -> Iterator[tuple[DriverClient, Path]]:
    """A bundled authority in a folder of its own: its driver, and where its files appear."""
    drop = folder / "genuine"
    arguments = ["authority", "--port", "0", "--drop", str(drop), "--state", str(folder / "state.sqlite")]
    process = Process("authority", arguments, log=folder / "authority.log")
    try:
        yield DriverClient(str(process.ready["url"])), drop / AUTHORITY.ods_code / "upload"
    finally:
        process.stop()
