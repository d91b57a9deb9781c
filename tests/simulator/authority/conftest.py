"""A local authority at its desk: the bundled system, and the service's messages to it, in few words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cpis_simulator.authority.caseload import Configuration
from cpis_simulator.authority.faults import faulty
from cpis_simulator.authority.state import State
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.driving import ChangeChild, ChildDetails, PlanDetails
from cpis_simulator.model import (
    AccessGroup,
    AccessNotification,
    Acknowledgement,
    Author,
    AuthorName,
    Coded,
    Echo,
    InactiveNumber,
    InactiveNumberNotification,
    LocalId,
    NotifiedAccess,
    Organisation,
    PersonAuthor,
    PlanRecord,
    RecordResult,
    Telecom,
    Upload,
)
from cpis_simulator.nhs_number import check_digit
from cpis_simulator.vocabulary import FILE_CODE_TEXT, RECORD_CODE_TEXT, FileCode, PlanType, RecordCode

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
OURS = Organisation(
    "Z99", "EXAMPLETON TEST COUNCIL", (Telecom("tel:01632960001", "WP"), Telecom("tel:01632960002", "EC"))
)
THEIRS = Organisation("Z98", "SAMPLEBURY TEST COUNCIL", (Telecom("tel:01632960004", "EC"),))
NURSE = PersonAuthor(
    "R8001",
    "Nurse Access Role",
    "999900000001",
    AuthorName("Testnurse", ("Quebec",), "Ms"),
    Organisation("ZZ9", "EXAMPLETON TEST HOSPITALS"),
)


def number(place: int) -> str:
    """The NHS number at that place of the test range, those without check digit left out."""
    nine = 999_000_000 + place * 20
    while (digit := check_digit(str(nine))) is None:
        nine += 1
    return f"{nine}{digit}"


class Desk:
    """The system and its clock. `file` is the last one that was exported."""

    def __init__(self, *faults: str, **configuration: Any) -> None:
        self.now = MONDAY
        self.kind: type[CaseSystem] = faulty(faults)
        self.system = self.kind(Configuration(**configuration), State())
        self._people = 0
        self._events = 0

    def child(self, given: str = "Alpha", family: str = "Testcase", **more: Any) -> str:
        self._people += 1
        details: dict[str, Any] = {
            "nhs_number": number(self._people),
            "birth_date": date(2017, 3, 14),
            "local_id": f"LOCAL-{self._people:04}",
        }
        return self.system.record_child(ChildDetails(given=given, family=family, **(details | more)))

    def plan(self, child_id: str, kind: PlanType = PlanType.CHILD_PROTECTION, **more: Any) -> str:
        details: dict[str, Any] = {"start": date(2026, 10, 1)}
        if kind is PlanType.UNBORN:
            details["due"] = date(2027, 2, 1)
        return self.system.record_plan(PlanDetails(child_id=child_id, plan_type=kind, **(details | more)), now=self.now)

    def child_on_plan(self, given: str = "Alpha", **more: Any) -> str:
        child_id = self.child(given, **more)
        self.plan(child_id)
        return child_id

    def number_of(self, child_id: str) -> str:
        return self.system.person(child_id).nhs_number or ""

    def change(self, child_id: str, **changes: Any) -> None:
        self.system.change_child(ChangeChild(child_id=child_id, **changes), now=self.now)

    def export(self) -> Upload:
        made = self.system.prepare_export(now=self.now)
        assert isinstance(made, Upload), made
        return made

    def no_export(self) -> str:
        made = self.system.prepare_export(now=self.now)
        assert isinstance(made, str), made
        return made

    def stored(self) -> Upload:
        """Export, and have all of it stored."""
        upload = self.export()
        self.answer(upload)
        return upload

    def answer(
        self,
        upload: Upload,
        code: FileCode = FileCode.ALL_STORED,
        refused: dict[int, RecordCode] | None = None,
        **changes: Any,
    ) -> Acknowledgement:
        """Deliver the reply that the service would give; `refused` are indices of records."""
        reply = acknowledgement(upload, code, refused or {}, **changes)
        self.system.acknowledge(reply, now=self.now)
        return reply

    def access(
        self, nhs_number: str, *, local_id: str | None = None, author: Author = NURSE, **more: Any
    ) -> NotifiedAccess:
        self._events += 1
        return NotifiedAccess(
            more.pop("at", self.now),
            more.pop("event_id", f"0B1D5C10-7A2E-4C55-9D01-{self._events:012}"),
            author,
            nhs_number,
            LocalId(local_id, "Z99:EXAMPLETON TEST COUNCIL") if local_id else None,
        )

    def notify(self, *accesses: NotifiedAccess, total: int | None = None, recipient: Organisation = OURS) -> None:
        groups = (AccessGroup("1", accesses),) if accesses else ()
        message = AccessNotification(
            self.now,
            "0B1D5C10-7A2E-4C55-9D01-0000000005AA",
            len(accesses) if total is None else total,
            groups,
            recipient,
        )
        self.system.take_accesses(message, now=self.now)

    def retire(self, *numbers: tuple[str, str | None], recipient: Organisation = OURS) -> None:
        retired = tuple(InactiveNumber(old, "1", None, (new,) if new else ()) for old, new in numbers)
        message = InactiveNumberNotification(self.now, "0B1D5C10-7A2E-4C55-9D01-0000000006AA", recipient, retired)
        self.system.take_inactive_numbers(message, now=self.now)

    def events(self, child_id: str) -> list[str | None]:
        return [event.event_id for event in self.system.events_of(child_id)]

    def alerts(self, kind: str) -> list[Any]:
        return [alert for alert in self.system.state.alerts if alert.kind == kind]

    def exceptions(self, *, open_only: bool = True) -> list[Any]:
        return [item for item in self.system.state.exceptions if item.open or not open_only]

    def tasks(self) -> list[Any]:
        return [task.item for task in self.system.state.tasks if task.item.open]

    def file(self, upload: Upload) -> Any:
        return self.system.state.files[upload.file_id]

    def result(self, child_id: str) -> str:
        return self.system.child_status(child_id).last_result

    def pass_time(self, **delta: int) -> None:
        self.now += timedelta(**delta)


def acknowledgement(upload: Upload, code: FileCode, refused: dict[int, RecordCode], **changes: Any) -> Acknowledgement:
    """A reply as the bundled service writes it: a failed record is echoed, and located there."""
    file_level = code in (FileCode.FILE_ERROR, FileCode.UNAVAILABLE, FileCode.CLIENT_TOO_OLD)
    results, echoes = [], []
    for place, (index, record_code) in enumerate(refused.items(), 1):
        record = upload.records[index]
        assert isinstance(record, PlanRecord)
        location = (
            f"/FileResponse/message[{place}]/cP-ISLAAcknowledgementResponse/pertinentInformation1"
            "/invalidCP-ISRecord/subject[1]"
        )
        results.append(RecordResult(record_code, RECORD_CODE_TEXT[record_code], location))
        echoes.append(Echo(False, record.plans, record.subjects))
    values: dict[str, Any] = {
        "creation_time": datetime(2026, 11, 23, 10, 5, tzinfo=UTC),
        "file_id": upload.file_id,
        "quantity": upload.quantity,
        "file_codes": (Coded(code, FILE_CODE_TEXT[code]),),
        "receiver": OURS,
        "stored": 0 if file_level else len(upload.records) - len(refused),
        "failed": len(refused),
        "results": tuple(results),
        "echoes": tuple(echoes),
    }
    return Acknowledgement(**(values | changes))


def sent(upload: Upload) -> list[tuple[str, ...]]:
    """What a file holds, one line a plan: number, given name, type, start, end, delete."""
    lines = []
    for record in upload.records:
        assert isinstance(record, PlanRecord)
        for plan in record.plans:
            wanted = "mother" if plan.plan_type is PlanType.UNBORN else "child"
            subject = next((s for s in record.subjects if s.kind == wanted), record.subjects[0])
            dates = tuple(day.strftime("%Y%m%d%H%M") if day else "" for day in (plan.start, plan.end, plan.delete))
            lines.append((subject.nhs_number, subject.given, str(plan.plan_type), *dates))
    return lines


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def at_desk() -> Callable[..., Desk]:
    """Make a desk with faults or another configuration."""
    return Desk


@pytest.fixture
def contents() -> Callable[[Upload], list[tuple[str, ...]]]:
    return sent
