"""An upload file and what comes of it: what is stored, and what the acknowledgement says.

Theory of operation. Checks of the whole file come first (readable, own organisation, new id, quantity, demographic
service there); one that fails is the file's answer and nothing is stored. Then each record stands for itself: form and
business rules, numbers, people. Nothing here writes: the outcome holds the register's new state of everything that
the file touched, so that the store can take it in one transaction.

Source: CP-IS rules UPL-003, UPL-004, UPL-009 to UPL-022, ACK-001 to ACK-008, DAT-016, DAT-017, DAT-026, DAT-030.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import islice
from typing import Final

from cpis_simulator.codecs.upload import decode_upload, peek_header
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import (
    Acknowledgement,
    Coded,
    Echo,
    FaultyRecord,
    Organisation,
    PlanRecord,
    RecordResult,
    SubjectKind,
    Upload,
)
from cpis_simulator.nhs_number import is_synthetic, masked
from cpis_simulator.rules.finding import ERROR, Finding
from cpis_simulator.rules.upload import check_header, check_record
from cpis_simulator.service.notifications import file_number
from cpis_simulator.service.pds import Person, check_number, check_person, learned
from cpis_simulator.service.register import Holding, Register, is_over_age, uk_day, upsert
from cpis_simulator.settings import Settings, UploadSettings
from cpis_simulator.vocabulary import (
    FILE_CODE_TEXT,
    OID_RECORD_DETAIL,
    RECORD_CODE_TEXT,
    RECORD_DETAIL_TEXT,
    FileCode,
    PlanType,
    RecordCode,
    RecordDetail,
)

_CHUNK: Final = 500
UNREADABLE: Final = "-1"
ECHO_LOCATION: Final = (
    "/FileResponse/message[{message}]/cP-ISLAAcknowledgementResponse/pertinentInformation1"
    "/invalidCP-ISRecord/subject[{subject}]"
)
RECORD_LOCATION: Final = "/File/record[{record}]"
_BUSINESS_RULES: Final = frozenset(("CPIS-MSG-006", "CPIS-MSG-013", "CPIS-MSG-014", "CPIS-DAT-014", "CPIS-DAT-016"))
_CHECKED_HERE: Final = frozenset(("check-digit", "age-18"))


class Standing(StrEnum):
    """What a file means for the ids that come after it."""

    PROCESSED = "processed"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no upload. Id and quantity are what could still be read of its header, else both -1."""

    reason: str
    file_id: str = UNREADABLE
    quantity: int = -1


@dataclass(frozen=True, slots=True)
class UploadOutcome:
    """What a file changes and how it is answered. `holdings` and `learned` are new states, in no order."""

    acknowledgement: Acknowledgement
    standing: Standing
    reason: str = ""
    holdings: tuple[Holding, ...] = ()
    learned: tuple[Person, ...] = ()
    warnings: tuple[str, ...] = ()

    def code(self) -> str:
        """The file's result code."""
        return self.acknowledgement.file_codes[0].code


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record was not stored. `subject` counts from 1."""

    code: RecordCode
    detail: RecordDetail | None = None
    subject: int = 1
    reason: str = ""


@dataclass(slots=True)
class _Work:
    """What the records so far have led to."""

    held: dict[str, Holding] = field(default_factory=dict)
    changed: dict[str, Holding] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    learned: dict[str, Person] = field(default_factory=dict)
    results: list[RecordResult] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stored: int = 0
    failed: int = 0


def read_upload(body: bytes, settings: UploadSettings) -> Upload | Unreadable:
    """Decode a file; one that is no upload becomes a value, because it is answered like any other (ACK-001)."""
    try:
        return decode_upload(body, content_id="content-id" in settings.business_checks)
    except DecodeError as error:
        file_id, quantity = peek_header(body)
        return Unreadable(str(error), file_id, quantity)


def process_upload(
    upload: Upload | Unreadable,
    *,
    authority: RegisteredAuthority,
    register: Register,
    settings: Settings,
    now: datetime,
) -> UploadOutcome:
    """Match, store and acknowledge one file.

    Args:
        upload: The file as read.
        authority: Whose folder or mailbox it came from.
        register: What is held so far.
        settings: Every choice about uploads and acknowledgements.
        now: The service's time.
    """
    if isinstance(upload, Unreadable):
        return _file_level(FileCode.FILE_ERROR, upload, authority, now, upload.reason)
    refusal = _file_fault(upload, authority, register, settings)
    if refusal:
        return _file_level(FileCode.FILE_ERROR, upload, authority, now, refusal)
    if not register.is_pds_available():
        reason = "the demographic service is not available"
        return _file_level(FileCode.UNAVAILABLE, upload, authority, now, reason)
    checks = settings.upload.business_checks - _CHECKED_HERE
    header_faults = _errors(check_header(upload, checks=checks))
    if header_faults and settings.upload.bad_record == "file":
        return _file_level(FileCode.FILE_ERROR, upload, authority, now, header_faults[0])
    work = _Work(warnings=_sequence_warnings(upload, authority, register, settings))
    for numbered in _chunks(upload.records):
        _load(numbered, authority, register, work)
        for number, record in numbered:
            failure = _judge(record, header_faults, work, settings, uk_day(now))
            if failure and settings.upload.bad_record == "file" and _is_bad_form(failure):
                reason = f"record {number}: {failure.reason}"
                return _file_level(FileCode.FILE_ERROR, upload, authority, now, reason)
            _note(number, record, failure, upload, work, echo_valid=settings.ack.echo_valid_records)
    receiver = authority.organisation() if header_faults else _receiver(upload.sender, authority)
    return UploadOutcome(
        _acknowledgement(upload, work, receiver, now),
        Standing.PROCESSED,
        holdings=tuple(work.changed.values()),
        learned=tuple(work.learned.values()),
        warnings=tuple(work.warnings),
    )


def _file_fault(upload: Upload, authority: RegisteredAuthority, register: Register, settings: Settings) -> str | None:
    """Why the whole file is refused, None when it is not."""
    choice = settings.upload
    if choice.foreign_sender == "CPF01" and not _is_own(upload, authority):
        sender = upload.sender.ods_code
        return f"its header names {sender}, but it came from {authority.ods_code} (CPIS-UPL-015)"
    if choice.duplicate_file_id == "CPF01" and _is_used(upload.file_id, authority, register, settings):
        return f"its id {upload.file_id} is not above those already processed (CPIS-UPL-013)"
    if choice.quantity_mismatch == "CPF01" and upload.quantity != len(upload.records):
        return f"it declares {upload.quantity} records and holds {len(upload.records)} (CPIS-UPL-004)"
    return None


def _is_own(upload: Upload, authority: RegisteredAuthority) -> bool:
    return upload.sender.ods_code.upper() == authority.ods_code.upper()


def _is_used(file_id: str, authority: RegisteredAuthority, register: Register, settings: Settings) -> bool:
    """The id cannot stand for a new file: it was processed, or a later one was.

    An id that was answered with CPF05 was not processed, and may come again even after later ones (ACK-009).
    """
    match register.standing_of_file(authority.ods_code, file_id):
        case Standing.PROCESSED:
            return True
        case Standing.UNAVAILABLE:
            return settings.upload.same_id_after_cpf05 == "refused"
    number, last = file_number(file_id), register.last_file_number(authority.ods_code)
    return number is not None and last is not None and number <= last


def _sequence_warnings(
    upload: Upload, authority: RegisteredAuthority, register: Register, settings: Settings
) -> list[str]:
    number, last = file_number(upload.file_id), register.last_file_number(authority.ods_code)
    if number is None:
        return [f"file id {upload.file_id!r} is no number (CPIS-UPL-003)"]
    if last is not None and number > last + settings.upload.sequence_step:
        return [f"file id {number} follows {last}: files seem to be missing (CPIS-UPL-003)"]
    return []


def _file_level(
    code: FileCode, upload: Upload | Unreadable, authority: RegisteredAuthority, now: datetime, reason: str
) -> UploadOutcome:
    """An answer about the whole file: id and quantity as declared, or both -1; no counts, no echoes (ACK-003)."""
    receiver = authority.organisation()
    if isinstance(upload, Upload) and _is_own(upload, authority):
        receiver = _receiver(upload.sender, authority)
    acknowledgement = Acknowledgement(now, upload.file_id, upload.quantity, (_file_code(code),), receiver, 0, 0)
    standing = Standing.UNAVAILABLE if code is FileCode.UNAVAILABLE else Standing.REJECTED
    return UploadOutcome(acknowledgement, standing, reason)


def _receiver(sender: Organisation, authority: RegisteredAuthority) -> Organisation:
    """The sender as it named itself, unless an acknowledgement could not hold that."""
    return sender if 1 <= len(sender.telecom) <= 2 else authority.organisation()


def _file_code(code: FileCode) -> Coded:
    return Coded(code, FILE_CODE_TEXT[code])


def _chunks(records: Sequence[PlanRecord | FaultyRecord]) -> Iterator[list[tuple[int, PlanRecord | FaultyRecord]]]:
    """The records with their numbers from 1, some hundred at a time: the store is asked once for each chunk."""
    numbered = iter(enumerate(records, start=1))
    while chunk := list(islice(numbered, _CHUNK)):
        yield chunk


def _load(
    chunk: Sequence[tuple[int, PlanRecord | FaultyRecord]],
    authority: RegisteredAuthority,
    register: Register,
    work: _Work,
) -> None:
    """Ask the store about the people of a chunk; what this file has changed itself goes before what is held."""
    numbers = {s.nhs_number for _, r in chunk if isinstance(r, PlanRecord) for s in r.subjects}
    work.people = {**register.people(numbers), **{n: work.learned[n] for n in numbers & work.learned.keys()}}
    work.held = dict(register.holdings_of(authority.ods_code, numbers))
    work.held.update({n: work.changed[n] for n in numbers & work.changed.keys()})


def _judge(
    record: PlanRecord | FaultyRecord, header_faults: Sequence[str], work: _Work, settings: Settings, today: date
) -> Failure | None:
    """Why a record is not stored, None when it is. May learn a person (setting `pds.unknown`)."""
    if isinstance(record, FaultyRecord):
        business = record.requirement in _BUSINESS_RULES
        detail = RecordDetail.BUSINESS_RULE if business else RecordDetail.SCHEMA
        return Failure(RecordCode.NOT_STORED, detail, reason=record.reason)
    if header_faults:
        return Failure(RecordCode.NOT_STORED, RecordDetail.BUSINESS_RULE, reason=header_faults[0])
    checks = settings.upload.business_checks - _CHECKED_HERE
    if faults := _errors(check_record(record, checks=checks)):
        return Failure(RecordCode.NOT_STORED, RecordDetail.BUSINESS_RULE, reason=faults[0])
    return _judge_subjects(record, work, settings, today)


def _errors(findings: Sequence[Finding]) -> list[str]:
    """What makes a message invalid; a warning stops nothing."""
    return [f"{finding.message} ({finding.rule})" for finding in findings if finding.severity == ERROR]


def _judge_subjects(record: PlanRecord, work: _Work, settings: Settings, today: date) -> Failure | None:
    """As `_judge`, for a record of good form."""
    new: list[Person] = []
    for position, subject in enumerate(record.subjects, start=1):
        number = subject.nhs_number
        if code := check_number(number, settings.upload):
            detail = RecordDetail.BUSINESS_RULE if code is RecordCode.NOT_STORED else None
            return Failure(code, detail, position, RECORD_CODE_TEXT[code])
        synthetic = is_synthetic(number, settings.data.test_number_prefix)
        person = work.people.get(number) if synthetic else None
        if person is None and synthetic and settings.pds.unknown == "learn":
            person = learned(subject)
            new.append(person)
        if code := check_person(subject, person):
            return Failure(code, None, position, RECORD_CODE_TEXT[code])
        if person and _is_too_old(record, subject.kind, person, settings, today):
            reason = "the person is 18 or over (CPIS-DAT-016)"
            return Failure(RecordCode.NOT_STORED, RecordDetail.BUSINESS_RULE, position, reason)
    for person in new:
        work.people[person.nhs_number] = work.learned[person.nhs_number] = person
        work.warnings.append(f"{masked(person.nhs_number)} is registered from what the upload says of it")
    return None


def _is_too_old(record: PlanRecord, kind: SubjectKind, person: Person, settings: Settings, today: date) -> bool:
    """A plan of the record is about this person as a child, who is none any more; a mother may be any age."""
    return (
        "age-18" in settings.upload.business_checks
        and kind is SubjectKind.CHILD
        and any(plan.plan_type is not PlanType.UNBORN for plan in record.plans)
        and is_over_age(person.birth_date, on=today)
    )


def _is_bad_form(failure: Failure) -> bool:
    """The record broke a rule of form; the demographic service's answers are never the whole file's."""
    return failure.code is RecordCode.NOT_STORED


def _note(
    number: int,
    record: PlanRecord | FaultyRecord,
    failure: Failure | None,
    upload: Upload,
    work: _Work,
    *,
    echo_valid: bool,
) -> None:
    """Add one judged record to the outcome."""
    if failure is None:
        assert isinstance(record, PlanRecord)  # A faulty record never passes.
        changed = upsert(record, authority=upload.sender, file_id=upload.file_id, held=work.held)
        work.held.update(changed)
        work.changed.update(changed)
        work.stored += 1
        if echo_valid:
            work.echoes.append(Echo(True, (), record.subjects))
        return
    work.failed += 1
    location = RECORD_LOCATION.format(record=number)
    if isinstance(record, PlanRecord):
        work.echoes.append(Echo(False, record.plans, record.subjects))
        location = ECHO_LOCATION.format(message=len(work.echoes), subject=failure.subject)
    detail: tuple[Coded, ...] = ()
    if failure.detail:
        detail = (Coded(failure.detail, RECORD_DETAIL_TEXT[failure.detail], OID_RECORD_DETAIL),)
    work.results.append(RecordResult(failure.code, RECORD_CODE_TEXT[failure.code], location, detail))


def _acknowledgement(upload: Upload, work: _Work, receiver: Organisation, now: datetime) -> Acknowledgement:
    code = FileCode.PARTLY_STORED
    if not work.failed:
        code = FileCode.ALL_STORED
    elif not work.stored:
        code = FileCode.NONE_STORED
    return Acknowledgement(
        creation_time=now,
        file_id=upload.file_id,
        # As counted: where a wrong quantity is let pass, stored and failed must still add up to it (ACK-003).
        quantity=len(upload.records),
        file_codes=(_file_code(code),),
        receiver=receiver,
        stored=work.stored,
        failed=work.failed,
        results=tuple(work.results),
        echoes=tuple(work.echoes),
    )
