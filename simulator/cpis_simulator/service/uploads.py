"""An upload file and what comes of it: what is stored, and what the acknowledgement says.

Theory of operation. A file is taken as it comes, so that its size does not matter: first its header, then its records
some at a time, at last its answer. What its records change is handed out and only counts when the answer says so,
because a fault of the whole file (its form, its id, its quantity) may show at its very end. Within a file each record
stands for itself: form and business rules, numbers, people. Nothing here writes.

Source: CP-IS rules UPL-003, UPL-004, UPL-009 to UPL-022, ACK-001 to ACK-008, DAT-016, DAT-017, DAT-026, DAT-030.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain, islice
from typing import Final

from cpis_simulator.codecs.detect import HEAD
from cpis_simulator.codecs.upload import peek_header
from cpis_simulator.codecs.upload_reader import UploadReader
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
    UploadHeader,
)
from cpis_simulator.nhs_number import is_synthetic, masked
from cpis_simulator.rules.finding import ERROR, Finding
from cpis_simulator.rules.upload import check_header, check_record, is_sound
from cpis_simulator.service.notifications import file_number
from cpis_simulator.service.pds import Person, check_number, check_person, learned
from cpis_simulator.service.register import Holding, UploadRegister, is_over_age, uk_day, upsert
from cpis_simulator.settings import Settings
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

_CHUNK: Final = 1000
"""Records that are looked up in the store at once."""

UNREADABLE: Final = "-1"
_TOO_OLD: Final = "the authority's client is no longer supported (CPIS-OPS-002)"
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
    """How a file is answered; results and echoes of its records are not here but in `Changes`."""

    acknowledgement: Acknowledgement
    standing: Standing
    reason: str = ""
    warnings: tuple[str, ...] = ()
    is_unreadable: bool = False

    def code(self) -> str:
        """The file's result code."""
        return self.acknowledgement.file_codes[0].code


@dataclass(slots=True)
class Changes:
    """What some records of a file lead to, if the file as a whole is not refused.

    Attributes:
        holdings: New states, by number.
        learned: People registered from what the file says of them.
        results: Of the records that failed.
        echoes: Records that the acknowledgement repeats.
        warnings: For the log.
    """

    holdings: dict[str, Holding] = field(default_factory=dict)
    learned: dict[str, Person] = field(default_factory=dict)
    results: list[RecordResult] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record was not stored. `subject` counts from 1."""

    code: RecordCode
    detail: RecordDetail | None = None
    subject: int = 1
    reason: str = ""


Numbered = tuple[int, PlanRecord | FaultyRecord]
"""A record and its number in the file, from 1."""


class Ingest:
    """One upload file on its way through the service: its header, its records some at a time, its answer.

    Args:
        authority: Whose folder or mailbox it came from.
        register: What is held so far; it shows the changes of records that were taken before.
        settings: Every choice about uploads and acknowledgements.
        now: The service's time.
    """

    def __init__(
        self, authority: RegisteredAuthority, register: UploadRegister, settings: Settings, now: datetime
    ) -> None:
        """Nothing is known of the file yet."""
        self._authority = authority
        self._register = register
        self._settings = settings
        self._now = now
        self._today = uk_day(now)
        self._checks = settings.upload.business_checks - _CHECKED_HERE
        self._header: UploadHeader | None = None
        self._header_faults: list[str] = []
        self._warnings: tuple[str, ...] = ()
        self._pds = True
        self._stored = 0
        self._failed = 0
        self._echoed = 0

    def begin(self, header: UploadHeader) -> UploadOutcome | None:
        """Judge the header; the answer when the whole file is refused for it, else None."""
        self._header = header
        if self._settings.files.is_client_too_old():
            return self._file_level(FileCode.CLIENT_TOO_OLD, header, _TOO_OLD)
        if refusal := _header_refusal(header, self._authority, self._register, self._settings):
            return self._refused(refusal)
        self._pds = self._register.is_pds_available()
        self._header_faults = _errors(check_header(header, checks=self._checks))
        if self._pds and self._header_faults and self._settings.upload.bad_record == "file":
            return self._refused(self._header_faults[0])
        self._warnings = tuple(_sequence_warnings(header, self._authority, self._register, self._settings))
        return None

    def take(self, records: Sequence[Numbered]) -> Changes | UploadOutcome:
        """Judge some records; what they change, or the answer when the whole file is refused for one of them."""
        changes = Changes()
        if not self._pds:
            return changes  # Read on only to know whether the file is whole.
        work = self._load(records, changes)
        for number, record in records:
            failure = self._judge(record, work)
            if failure is None:
                assert isinstance(record, PlanRecord), "a faulty record never passes"
                self._store(record, work)
            elif self._settings.upload.bad_record == "file" and _is_bad_form(failure):
                return self._refused(f"record {number}: {failure.reason}")
            else:
                self._note_failure(number, record, failure, changes)
        return changes

    def finish(self, count: int) -> UploadOutcome:
        """The answer to the file, once all of its records were taken.

        Args:
            count: How many there were.
        """
        header = self._header
        assert header is not None, "a file without a header is unreadable"
        if self._settings.upload.quantity_mismatch == "CPF01" and header.quantity != count:
            return self._refused(f"it declares {header.quantity} records and holds {count} (CPIS-UPL-004)")
        if not self._pds:
            reason = "the demographic service is not available"
            return self._file_level(FileCode.UNAVAILABLE, header, reason)
        code = FileCode.PARTLY_STORED if self._failed else FileCode.ALL_STORED
        receiver = self._authority.organisation() if self._header_faults else _receiver(header.sender, self._authority)
        acknowledgement = Acknowledgement(
            creation_time=self._now,
            file_id=header.file_id,
            # As counted: where a wrong quantity is let pass, stored and failed must still add up to it (ACK-003).
            quantity=count,
            file_codes=(_file_code(code if self._stored else FileCode.NONE_STORED),),
            receiver=receiver,
            stored=self._stored,
            failed=self._failed,
        )
        return UploadOutcome(acknowledgement, Standing.PROCESSED, warnings=self._warnings)

    def refuse(self, unreadable: Unreadable) -> UploadOutcome:
        """The answer to a file that is no upload, whatever was taken of it before (ACK-001)."""
        if self._settings.files.is_client_too_old():
            return self._file_level(FileCode.CLIENT_TOO_OLD, unreadable, _TOO_OLD)
        outcome = self._file_level(FileCode.FILE_ERROR, unreadable, unreadable.reason)
        return replace(outcome, is_unreadable=True)

    def _refused(self, reason: str) -> UploadOutcome:
        assert self._header is not None, "refused for what its header or a record says"
        return self._file_level(FileCode.FILE_ERROR, self._header, reason)

    def _file_level(self, code: FileCode, file: UploadHeader | Unreadable, reason: str) -> UploadOutcome:
        """An answer about the whole file: id and quantity as declared, or both -1; no counts, no echoes (ACK-003)."""
        receiver = self._authority.organisation()
        if isinstance(file, UploadHeader) and _is_own(file, self._authority):
            receiver = _receiver(file.sender, self._authority)
        file_id, quantity = file.file_id, file.quantity
        if self._settings.upload.file_error_counters == "unknown":
            file_id, quantity = UNREADABLE, -1
        acknowledgement = Acknowledgement(self._now, file_id, quantity, (_file_code(code),), receiver, 0, 0)
        standing = Standing.UNAVAILABLE if code is FileCode.UNAVAILABLE else Standing.REJECTED
        return UploadOutcome(acknowledgement, standing, reason)

    def _load(self, records: Sequence[Numbered], changes: Changes) -> _Work:
        """Ask the store about the people of some records, all at once."""
        numbers = {s.nhs_number for _, r in records if isinstance(r, PlanRecord) for s in r.subjects}
        people = dict(self._register.people(numbers))
        held = dict(self._register.holdings_of(self._authority.ods_code, numbers))
        return _Work(people, held, changes)

    def _judge(self, record: PlanRecord | FaultyRecord, work: _Work) -> Failure | None:
        """Why a record is not stored, None when it is. May learn a person (setting `pds.unknown`)."""
        if isinstance(record, FaultyRecord):
            business = record.requirement in _BUSINESS_RULES
            detail = RecordDetail.BUSINESS_RULE if business else RecordDetail.SCHEMA
            return Failure(RecordCode.NOT_STORED, detail, reason=record.reason)
        if self._header_faults:
            return Failure(RecordCode.NOT_STORED, RecordDetail.BUSINESS_RULE, reason=self._header_faults[0])
        if not is_sound(record, self._checks) and (faults := _errors(check_record(record, checks=self._checks))):
            return Failure(RecordCode.NOT_STORED, RecordDetail.BUSINESS_RULE, reason=faults[0])
        return self._judge_subjects(record, work)

    def _judge_subjects(self, record: PlanRecord, work: _Work) -> Failure | None:
        """As `_judge`, for a record of good form."""
        settings, new = self._settings, []
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
            if code := check_person(subject, person, settings):
                return Failure(code, None, position, RECORD_CODE_TEXT[code])
            if person and self._is_too_old(record, subject.kind, person):
                reason = "the person is 18 or over (CPIS-DAT-016)"
                return Failure(RecordCode.NOT_STORED, RecordDetail.BUSINESS_RULE, position, reason)
        for person in new:
            work.people[person.nhs_number] = work.changes.learned[person.nhs_number] = person
            text = f"{masked(person.nhs_number)} is registered from what the upload says of it"
            work.changes.warnings.append(text)
        return None

    def _is_too_old(self, record: PlanRecord, kind: SubjectKind, person: Person) -> bool:
        """A plan of the record is about this person as a child, who is none any more; a mother may be any age."""
        return (
            kind is SubjectKind.CHILD
            and "age-18" in self._settings.upload.business_checks
            and is_over_age(person.birth_date, on=self._today)
            and any(plan.plan_type is not PlanType.UNBORN for plan in record.plans)
        )

    def _store(self, record: PlanRecord, work: _Work) -> None:
        header = self._header
        assert header is not None, "its header was read first"
        changed = upsert(
            record,
            authority=self._sharer(header),
            file_id=header.file_id,
            held=work.held,
            key=self._settings.upload.upsert_key,
        )
        work.held.update(changed)
        work.changes.holdings.update(changed)
        self._stored += 1
        if self._settings.ack.echo_valid_records:
            work.changes.echoes.append(Echo(True, (), record.subjects))
            self._echoed += 1

    def _sharer(self, header: UploadHeader) -> Organisation:
        """Who shares what is stored: the sender, by the code that it is registered under.

        Codes are compared without regard to case, and a notification to "z99" would reach no folder.
        """
        if _is_own(header, self._authority) and header.sender.ods_code != self._authority.ods_code:
            return replace(header.sender, ods_code=self._authority.ods_code)
        return header.sender

    def _note_failure(self, number: int, record: PlanRecord | FaultyRecord, failure: Failure, changes: Changes) -> None:
        self._failed += 1
        template = self._settings.ack.location_without_echo
        if isinstance(record, PlanRecord):
            changes.echoes.append(Echo(False, record.plans, record.subjects))
            self._echoed += 1
            template = self._settings.ack.location_template
        location = template.format(message=self._echoed, subject=failure.subject, record=number)
        detail: tuple[Coded, ...] = ()
        if failure.detail and self._settings.ack.detail_codes == "CPRD":
            detail = (Coded(failure.detail, RECORD_DETAIL_TEXT[failure.detail], OID_RECORD_DETAIL),)
        changes.results.append(RecordResult(failure.code, RECORD_CODE_TEXT[failure.code], location, detail))


@dataclass(slots=True)
class _Work:
    """Some records, what is known about their people, and what they have changed so far."""

    people: dict[str, Person]
    held: dict[str, Holding]
    changes: Changes


def ingest_pieces(
    pieces: Iterable[bytes], ingest: Ingest, keep: Callable[[Changes], object], *, content_id: bool = True
) -> UploadOutcome:
    """Take a whole file.

    Args:
        pieces: The file as it comes.
        ingest: Made for it.
        keep: Is handed what the records change, some at a time; it only counts when the file was processed.
        content_id: Whether a `contentId` that names another block makes a record faulty.
    """
    reader = UploadReader(content_id=content_id)
    coming = iter(pieces)
    # Kept because a file that turns out to be none is still answered with its id, if that can be read (ACK-002).
    head = b""
    while len(head) < HEAD and (piece := next(coming, None)) is not None:
        head += piece
    records = _records(reader, chain([head], coming))
    begun = False
    try:
        while chunk := list(islice(records, _CHUNK)):
            if not begun:
                begun = True
                assert reader.header is not None, "the header stands before the first record"
                if (refusal := ingest.begin(reader.header)) is not None:
                    return refusal
            changes = ingest.take(chunk)
            if isinstance(changes, UploadOutcome):
                return changes
            keep(changes)
    except DecodeError as error:
        file_id, quantity = peek_header(head)
        return ingest.refuse(Unreadable(str(error), file_id, quantity))
    return ingest.finish(reader.count)


def _records(reader: UploadReader, pieces: Iterable[bytes]) -> Iterator[Numbered]:
    for piece in pieces:
        for read in reader.feed(piece):
            yield read.number, read.record
    for read in reader.close():
        yield read.number, read.record


def _header_refusal(
    header: UploadHeader, authority: RegisteredAuthority, register: UploadRegister, settings: Settings
) -> str | None:
    """Why the whole file is refused for its header, None when it is not."""
    choice = settings.upload
    if choice.foreign_sender == "CPF01" and not _is_own(header, authority):
        sender = header.sender.ods_code
        return f"its header names {sender}, but it came from {authority.ods_code} (CPIS-UPL-015)"
    if choice.duplicate_file_id == "CPF01" and _is_used(header.file_id, authority, register, settings):
        return f"its id {header.file_id} is not above those already processed (CPIS-UPL-013)"
    return None


def _is_own(header: UploadHeader, authority: RegisteredAuthority) -> bool:
    return header.sender.ods_code.upper() == authority.ods_code.upper()


def _is_used(file_id: str, authority: RegisteredAuthority, register: UploadRegister, settings: Settings) -> bool:
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
    header: UploadHeader, authority: RegisteredAuthority, register: UploadRegister, settings: Settings
) -> list[str]:
    number, last = file_number(header.file_id), register.last_file_number(authority.ods_code)
    if number is None:
        return [f"file id {header.file_id!r} is no number (CPIS-UPL-003)"]
    if last is not None and number > last + settings.upload.sequence_step:
        return [f"file id {number} follows {last}: files seem to be missing (CPIS-UPL-003)"]
    return []


def _receiver(sender: Organisation, authority: RegisteredAuthority) -> Organisation:
    """The sender as it named itself, unless an acknowledgement could not hold that."""
    return sender if 1 <= len(sender.telecom) <= 2 else authority.organisation()


def _file_code(code: FileCode) -> Coded:
    return Coded(code, FILE_CODE_TEXT[code])


def _errors(findings: Sequence[Finding]) -> list[str]:
    """What makes a message invalid; a warning stops nothing."""
    return [f"{finding.message} ({finding.rule})" for finding in findings if finding.severity == ERROR]


def _is_bad_form(failure: Failure) -> bool:
    """The record broke a rule of form; the demographic service's answers are never the whole file's."""
    return failure.code is RecordCode.NOT_STORED
