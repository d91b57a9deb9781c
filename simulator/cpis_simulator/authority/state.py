"""What the bundled local-authority system remembers: immutable entries in collections that know what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from cpis_simulator.driving import Alert, CaseEvent, ExceptionItem, FileStatus, WorkItem
from cpis_simulator.model import ProtectionPlan, SubjectKind
from cpis_simulator.remembering import Collection
from cpis_simulator.vocabulary import PlanType

OFFICE: Final = "office"
"""The one key of the collection `office`."""


@dataclass(frozen=True, slots=True)
class Person:
    """A child, or the mother of an unborn child, with the case that is held on them.

    `number_inactive` says that `nhs_number` must not be sent any more and no other is known; `former_numbers` are
    those that another has replaced. `over_18` says that CP-IS refused an update because of the person's age.
    """

    child_id: str
    given: str
    family: str
    birth_date: date
    local_id: str
    nhs_number: str | None = None
    former_numbers: tuple[str, ...] = ()
    number_inactive: bool = False
    worker: str | None = None
    team: str | None = None
    earlier_workers: tuple[str, ...] = ()
    closed: date | None = None
    over_18: bool = False
    forced: bool = False
    held_back: str | None = None


Result = Literal["never sent", "sent", "stored", "failed"]
FileState = Literal["open", "stored", "partly stored", "failed"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan and what became of it at CP-IS.

    `content` and `header` are what was last sent, as text that can be compared; None where the plan must be sent
    whatever they are (never sent, or to be sent again).
    """

    plan_id: str
    child_id: str
    plan_type: PlanType
    start: date
    due: date | None = None
    legal_status: str | None = None
    notes: str | None = None
    end: date | None = None
    deleted: date | None = None
    content: str | None = None
    header: str | None = None
    file_id: str | None = None
    result: Result = "never sent"
    acknowledged: datetime | None = None


def entry_name(plan: ProtectionPlan) -> str:
    """Type and start: what tells a person's plans apart (UPL-011)."""
    return f"{plan.plan_type} {plan.start.date()}"


@dataclass(frozen=True, slots=True)
class SentRecord:
    """A record of an upload: whose, which plans, and as which subjects.

    `entries` name its plans as `entry_name` does, so that an echo can be told from that of another record.
    """

    child_id: str
    nhs_number: str
    kinds: tuple[SubjectKind, ...]
    plan_ids: tuple[str, ...]
    entries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SentFile:
    """An upload file. `disputed` where a reply came that contradicts itself, so that the file stays open."""

    file_id: str
    exported: datetime
    records: tuple[SentRecord, ...]
    state: FileState = "open"
    code: str | None = None
    stored: int | None = None
    failed: int | None = None
    acknowledged: datetime | None = None
    disputed: bool = False
    overdue: bool = False

    def shown(self) -> FileStatus:
        """As the driver API shows it."""
        return FileStatus(
            file_id=self.file_id,
            state=self.state,
            code=self.code,
            stored=self.stored,
            failed=self.failed,
            acknowledged=self.acknowledged,
        )


@dataclass(frozen=True, slots=True)
class Task:
    """A line of the work-list, and the plans that must be stored before it is done."""

    item: WorkItem
    plan_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """The authority's own details and counters."""

    telephone_office: str | None = None
    telephone_emergency: str | None = None
    next_file_id: int = 1
    exported: datetime | None = None
    made: int = 0


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file of the receiving folder that was dealt with; the same bytes under the same name are not read twice."""

    name: str
    sha256: str
    received: datetime


class State:
    """Everything that is remembered."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.office = Collection(TypeAdapter(Office))
        self.people = Collection(TypeAdapter(Person))
        self.plans = Collection(TypeAdapter(Plan))
        self.files = Collection(TypeAdapter(SentFile))
        self.tasks = Collection(TypeAdapter(Task))
        self.alerts = Collection(TypeAdapter(Alert))
        self.events = Collection(TypeAdapter(CaseEvent))
        self.exceptions = Collection(TypeAdapter(ExceptionItem))
        self.received = Collection(TypeAdapter(ReceivedFile))

    def collections(self) -> dict[str, Collection[Any]]:
        """The parts by name, for a store."""
        return dict(vars(self))
