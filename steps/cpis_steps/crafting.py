"""Messages that the harness makes itself, so that a product meets what a well-behaved service never sends."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date, datetime, time

from cpis_fixtures.cast import Person
from cpis_reports.checks.reading import uploads
from cpis_simulator import driving
from cpis_simulator.care.client import author_of
from cpis_simulator.codecs.access_notification import encode_access_notification
from cpis_simulator.codecs.acknowledgement import encode_acknowledgement
from cpis_simulator.codecs.inactive_notification import encode_inactive_notification
from cpis_simulator.errors import HarnessError
from cpis_simulator.model import (
    AccessGroup,
    AccessNotification,
    Acknowledgement,
    Coded,
    Echo,
    InactiveNumber,
    InactiveNumberNotification,
    LocalId,
    NotifiedAccess,
    Organisation,
    PlanRecord,
    RecordResult,
    Upload,
)
from cpis_simulator.vocabulary import (
    FILE_CODE_TEXT,
    OID_RECORD_DETAIL,
    RECORD_CODE_TEXT,
    FileCode,
    RecordCode,
)
from cpis_steps.stage import AccessFacts, Stage

LOCATION = (
    "/FileResponse/message[{n}]/cP-ISLAAcknowledgementResponse/pertinentInformation1/invalidCP-ISRecord/subject[1]"
)


def open_file(stage: Stage, number: int = 1) -> Upload:
    """The n-th file of the scenario that was exported to be left open; a product may send more of its own accord."""
    since = stage.opened[number - 1] if len(stage.opened) >= number else None
    files = [] if since is None else [f.upload for f in uploads(stage.seen(since), stage.ods) if f.upload]
    if not files:
        raise HarnessError(f"The scenario needs {number} open file(s)", found=len(stage.opened))
    return files[0]


def record_of(upload: Upload, person: Person) -> PlanRecord:
    """The person's record in a file."""
    for record in upload.records:
        if isinstance(record, PlanRecord) and any(s.nhs_number == person.nhs_number for s in record.subjects):
            return record
    raise HarnessError(f"{person.who} is not in the open file")


def acknowledgement(
    stage: Stage,
    upload: Upload,
    code: FileCode,
    *,
    stored: int,
    failed: int,
    failures: Sequence[tuple[PlanRecord, RecordCode, Sequence[Coded]]] = (),
    locations: Sequence[str] = (),
    **changed: object,
) -> Acknowledgement:
    """A reply to a file; `changed` overrides fields, `locations` where each failure is said to be."""
    results = tuple(
        RecordResult(
            result,
            RECORD_CODE_TEXT[result],
            locations[n] if n < len(locations) else LOCATION.format(n=n + 1),
            tuple(detail),
        )
        for n, (_, result, detail) in enumerate(failures)
    )
    made = {
        "creation_time": stage.instant(),
        "file_id": upload.file_id,
        "quantity": upload.quantity,
        "file_codes": (Coded(code, FILE_CODE_TEXT[code]),),
        "receiver": upload.sender,
        "stored": stored,
        "failed": failed,
        "results": results,
        "echoes": tuple(Echo(False, record.plans, record.subjects) for record, _, _ in failures),
    }
    return Acknowledgement(**{**made, **changed})  # type: ignore[arg-type]  # the keys are the fields' own names


def refusal(stage: Stage, upload: Upload, record: PlanRecord, code: RecordCode, *details: Coded) -> Acknowledgement:
    """A reply by which one record of the file failed and all others, if there are any, were stored."""
    stored = upload.quantity - 1
    file_code = FileCode.PARTLY_STORED if stored else FileCode.NONE_STORED
    return acknowledgement(stage, upload, file_code, stored=stored, failed=1, failures=[(record, code, details)])


def detail(code: str, text: str) -> Coded:
    """A code behind CPR07."""
    return Coded(code, text, OID_RECORD_DETAIL)


def deliver_acknowledgement(stage: Stage, made: Acknowledgement, *, to: str | None = None) -> None:
    """Put it into the authority's receiving folder, or that of `to`, and have it collected."""
    deliver_bytes(stage, "acknowledgement", encode_acknowledgement(made), to=to)


def access(
    stage: Stage,
    nhs_number: str,
    label: str,
    *,
    author: driving.CareAuthor,
    local_id: str | None = None,
) -> NotifiedAccess:
    """An access that the harness makes up; its facts are remembered under `label`."""
    at = stage.instant()
    stage.accesses[label] = {
        "event_id": stage.event_id(label),
        "accessed": at.isoformat(),
        "worker": " ".join([*author.given, author.family]),
        "role": author.role_name,
        "organisation": author.organisation_name,
    }
    return noted(stage.accesses[label], at, nhs_number, author, stage, local_id)


def noted(
    facts: AccessFacts,
    at: datetime,
    nhs_number: str,
    author: driving.CareAuthor,
    stage: Stage,
    local_id: str | None,
) -> NotifiedAccess:
    """The access as a notification carries it."""
    own = stage.lane.plan.config.authorities()[0]
    local = LocalId(local_id, f"{own.ods_code}:{own.name}") if local_id else None
    return NotifiedAccess(at, facts["event_id"], author_of(author), nhs_number, local)


def deliver_accesses(
    stage: Stage,
    accesses: Sequence[NotifiedAccess],
    *,
    total: int | None = None,
    recipient: Organisation | None = None,
    label: str = "notification",
    to: str | None = None,
) -> None:
    """Put an access notification into the authority's receiving folder, or that of `to`, and have it collected."""
    own = stage.lane.plan.config.authorities()[0]
    groups = (AccessGroup(_latest_file_id(stage), tuple(accesses)),) if accesses else ()
    notification = AccessNotification(
        stage.instant(),
        stage.event_id(f"message {label}"),
        len(accesses) if total is None else total,
        groups,
        recipient or Organisation(own.ods_code, own.name),
    )
    deliver_bytes(stage, "access-notification", encode_access_notification(notification), to=to)


def deliver_inactive(stage: Stage, nhs_number: str) -> None:
    """Put an inactive-number notification into the authority's receiving folder and have it collected."""
    own = stage.lane.plan.config.authorities()[0]
    notification = InactiveNumberNotification(
        stage.instant(),
        stage.event_id("inactive"),
        Organisation(own.ods_code, own.name),
        (InactiveNumber(nhs_number, _latest_file_id(stage)),),
    )
    deliver_bytes(stage, "inactive-notification", encode_inactive_notification(notification))


def other_authority(stage: Stage) -> Organisation:
    """An authority that the harness plays."""
    return stage.stranger.organisation()


def _latest_file_id(stage: Stage) -> str:
    files = [f.upload.file_id for f in uploads(stage.seen(), stage.ods) if f.upload]
    return files[-1] if files else "1"


def deliver_bytes(stage: Stage, kind: str, body: bytes, *, to: str | None = None) -> None:
    """Put any bytes into the authority's receiving folder, or that of `to`, and have them collected."""
    request = driving.Deliver.model_validate(
        {"authority": to or stage.ods, "kind": kind, "body": base64.b64encode(body).decode()}
    )
    stage.service.ask("deliver", request, driving.Delivered)
    stage.authority.collect()


def midnight(day: date) -> datetime:
    """A day as a plan date."""
    return datetime.combine(day, time())
