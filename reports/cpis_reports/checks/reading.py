"""Evidence read as messages: what several checks need to find before they can judge."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cpis_reports.checks.registry import Judgement, failed, undecided
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.codecs.upload import decode_upload
from cpis_simulator.errors import DecodeError
from cpis_simulator.evidence import DRIVER, FILE_DROP, MARK, PROBE, Evidence, Record
from cpis_simulator.model import (
    AccessNotification,
    Acknowledgement,
    FaultyRecord,
    NotifiedAccess,
    PlanRecord,
    ProtectionPlan,
    Subject,
    Upload,
)
from cpis_simulator.rules.acknowledgement import is_file_level
from cpis_simulator.vocabulary import FileCode, RecordCode

_ECHO: Final = re.compile(r"\bmessage\[(\d+)\]")
_RECORD: Final = re.compile(r"/record\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class UploadFile:
    """An upload file that was picked up; `upload` is None when it cannot be read, `problem` says why."""

    record: Record
    upload: Upload | None
    problem: DecodeError | None

    def entries(self, nhs_number: str) -> list[tuple[Subject, tuple[ProtectionPlan, ...]]]:
        """Each place where the number stands, with the plans of its record."""
        if self.upload is None:
            return []
        return [
            (subject, record.plans)
            for record in self.upload.records
            if isinstance(record, PlanRecord)
            for subject in record.subjects
            if subject.nhs_number == nhs_number
        ]

    def faulty(self, nhs_number: str) -> FaultyRecord | None:
        """A record of the number that cannot be read."""
        records: Iterable[PlanRecord | FaultyRecord] = self.upload.records if self.upload else ()
        return next((r for r in records if isinstance(r, FaultyRecord) and r.nhs_number == nhs_number), None)


@lru_cache(maxsize=32)  # A product's full files may be large.
def _decoded(body: bytes) -> Upload | DecodeError:
    try:
        return decode_upload(body)
    except DecodeError as error:
        return error


def uploads(evidence: Evidence, authority: str) -> list[UploadFile]:
    """The authority's upload files, in the order of pick-up."""
    files = []
    for record in evidence.on(FILE_DROP, authority=authority, direction="upload"):
        result = _decoded(evidence.body(record))
        broken = isinstance(result, DecodeError)
        files.append(
            UploadFile(record, None if broken else result, result if broken else None)  # type: ignore[arg-type]  # told apart by `broken`
        )
    return files


def file_with(files: Iterable[UploadFile], nhs_number: str) -> UploadFile | None:
    """The first file that holds the number, readable or not in its record."""
    return next((f for f in files if f.entries(nhs_number) or f.faulty(nhs_number)), None)


def last_file_with(files: Iterable[UploadFile], nhs_number: str) -> UploadFile | None:
    """The last file that holds the number."""
    return file_with(reversed(list(files)), nhs_number)


def service_trouble(evidence: Evidence) -> tuple[str, tuple[int, ...]] | None:
    """Why nothing can be said for lack of a working service; None when it was seen to work.

    The last probe counts: it was taken at the moment when the evidence was frozen.
    """
    probes = evidence.on(PROBE)
    if not probes:
        return "nobody looked whether the service was alive", ()
    health = evidence.json(probes[-1])
    if not health.get("alive"):
        return "the harness's own service was not alive", (probes[-1].seq,)
    if problems := health.get("problems"):
        return f"the harness's own service had a problem: {problems[0]}", (probes[-1].seq,)
    return None


def no_file(evidence: Evidence, authority: str, what: str) -> Judgement:
    """Judge that a file which should have come did not: the product's fault only if it was asked and we were ready."""
    if trouble := service_trouble(evidence):
        return undecided("harness", f"{what}; {trouble[0]}", *trouble[1])
    last = evidence.on(PROBE)[-1]
    probe = last.seq
    folder = evidence.json(last).get("folders", {}).get(authority, {})
    if waiting := folder.get("waiting"):
        return undecided("harness", f"{what}; the harness's own service has not picked up {waiting[0]} yet", probe)
    asked = evidence.on(DRIVER, operation="export", phase="response", party="authority")
    files = [f.record.seq for f in uploads(evidence, authority)]
    if not asked:
        return undecided("not-reached", f"{what}; it was never asked to export", probe)
    if asked[-1].headers.get("status") == "unreachable":
        return undecided("not-reached", f"{what}; its driver could not be reached", asked[-1].seq)
    if asked[-1].headers.get("status") == "failed":
        # Whether the product or what stands between it and us broke down, nobody can tell from here.
        why = (evidence.json(asked[-1]) or {}).get("reason") or "no reason given"
        return undecided("not-reached", f"{what}; its driver failed to export: {why}", asked[-1].seq)
    if folder.get("taken") == 0 and _said_to_be_made(evidence, asked[-1]):
        # It may write its files elsewhere, and then all of them; one that came would have shown that it does not.
        why = f"{what}; the product says that it made a file, and none has ever come to {folder.get('upload')}"
        return undecided("config", why, asked[-1].seq, probe, doctor="files-elsewhere")
    unreadable = [f for f in uploads(evidence, authority) if f.problem]
    if unreadable:
        return failed("wire", f"{what}; a file that came cannot be read: {unreadable[0].problem}", *files)
    return failed("wire", what, asked[-1].seq, probe, *files)


def _said_to_be_made(evidence: Evidence, answer: Record) -> bool:
    """The answer to an export says that there is a file."""
    return answer.headers.get("status") == "answered" and evidence.json(answer).get("exported") is True


def acknowledgements(evidence: Evidence, authority: str) -> list[tuple[Record, Acknowledgement]]:
    """Acknowledgements that were delivered to the authority, in order; unreadable ones are left out."""
    found = []
    for record in evidence.on(FILE_DROP, authority=authority, direction="response", kind="acknowledgement"):
        try:
            found.append((record, decode_acknowledgement(evidence.body(record))))
        except DecodeError:
            continue
    return found


def acknowledgement_of(evidence: Evidence, authority: str, file_id: str) -> tuple[Record, Acknowledgement] | None:
    """The last acknowledgement that names the file."""
    found = [pair for pair in acknowledgements(evidence, authority) if pair[1].file_id == file_id]
    return found[-1] if found else None


def numbers_of(record: PlanRecord | FaultyRecord) -> frozenset[str]:
    """The NHS numbers that stand in a record of an upload."""
    if isinstance(record, PlanRecord):
        return frozenset(subject.nhs_number for subject in record.subjects)
    return frozenset((record.nhs_number,)) if record.nhs_number else frozenset()


def failed_numbers(upload: Upload, acknowledgement: Acknowledgement) -> dict[str, str]:
    """NHS numbers whose record failed, each with its code; found by the location of each result."""
    failures: dict[str, str] = {}
    for result in acknowledgement.results:
        if result.code == RecordCode.STORED:
            continue
        numbers: Iterable[str] = ()
        if (found := _ECHO.search(result.location)) and 0 < int(found[1]) <= len(acknowledgement.echoes):
            numbers = [subject.nhs_number for subject in acknowledgement.echoes[int(found[1]) - 1].subjects]
        elif (found := _RECORD.search(result.location)) and 0 < int(found[1]) <= len(upload.records):
            numbers = numbers_of(upload.records[int(found[1]) - 1])
        failures.update(dict.fromkeys(numbers, result.code))
    return failures


def others_in(upload: Upload, own: Collection[str]) -> int:
    """How many records are about nobody of these: a product's other children, which no check speaks of."""
    return sum(1 for record in upload.records if not numbers_of(record) & frozenset(own))


def code_for(upload: Upload, acknowledgement: Acknowledgement, own: Collection[str]) -> str:
    """The file code as it would be if the file held nobody but these.

    A product may send other children in the same file, whose records fail or are stored whatever the scenario is about.
    """
    code = acknowledgement.file_codes[0].code
    if is_file_level(acknowledgement) or not others_in(upload, own):
        return code
    failures = failed_numbers(upload, acknowledgement).keys()
    fates = {bool(numbers & failures) for r in upload.records if (numbers := numbers_of(r)) & frozenset(own)}
    if code == FileCode.NONE_STORED or fates == {True}:
        return FileCode.NONE_STORED
    return FileCode.PARTLY_STORED if fates == {True, False} else FileCode.ALL_STORED


def notifications(evidence: Evidence, authority: str) -> list[tuple[Record, AccessNotification]]:
    """Access notifications that were delivered to the authority's folder, in order."""
    found = []
    for record in evidence.on(FILE_DROP, authority=authority, direction="response", kind="access-notification"):
        try:
            found.append((record, decode_access_notification(evidence.body(record))))
        except DecodeError:
            continue
    return found


def delivered_access(
    evidence: Evidence, authority: str, event_id: str
) -> tuple[Record, AccessNotification, NotifiedAccess] | None:
    """The delivered notification that tells of an event."""
    for record, notification in notifications(evidence, authority):
        for group in notification.groups:
            for access in group.accesses:
                if access.event_id == event_id:
                    return record, notification, access
    return None


def inactive_delivered(evidence: Evidence, nhs_number: str) -> Record | None:
    """The last notification that told an authority that the number is inactive."""
    for record in reversed(evidence.on(FILE_DROP, direction="response", kind="inactive-notification")):
        try:
            notification = decode_inactive_notification(evidence.body(record))
        except DecodeError:
            continue
        if any(number.nhs_number == nhs_number for number in notification.numbers):
            return record
    return None


Exchange = tuple[Record, dict[str, Any], dict[str, Any]]
"""Record of the answer, request and answer as JSON."""


def answered(evidence: Evidence, operation: str, party: str = "authority") -> list[Exchange]:
    """Driver exchanges of an operation that were answered."""
    exchanges: list[Exchange] = []
    request: dict[str, Any] = {}
    for record in evidence.on(DRIVER, operation=operation, party=party):
        if record.headers["phase"] == "request":
            request = evidence.json(record)
        elif record.headers.get("status") == "answered":
            exchanges.append((record, request, evidence.json(record)))
    return exchanges


def last_answer(
    evidence: Evidence, operation: str, party: str = "authority", **asked: object
) -> tuple[Record, list[dict[str, Any]]] | None:
    """The items of the last answer to an operation asked with these values."""
    fitting = [
        (record, answer.get("items", [answer]))
        for record, request, answer in answered(evidence, operation, party)
        if all(request.get(k) == v for k, v in asked.items())
    ]
    return fitting[-1] if fitting else None


def new_items(evidence: Evidence, operation: str) -> tuple[Record, list[dict[str, Any]]] | None:
    """The items of the last answer to an operation, without those that stood there before the scenario's first step.

    A product that cannot be emptied still shows what earlier scenarios, or other people, left there; of several
    authorities each has a list of its own.
    """
    exchanges = answered(evidence, operation)
    if not exchanges:
        return None
    last, asked, answer = exchanges[-1]
    begun = next((r.seq for r in evidence.on(MARK, event="step")), 0)
    before = [
        earlier.get("items", [])
        for record, request, earlier in exchanges
        if record.seq < begun and request.get("authority") == asked.get("authority")
    ]
    items = list(answer.get("items", [answer]))
    for old in before[-1] if before else ():
        if old in items:
            items.remove(old)
    return last, items


def same_instant(text: object, expected: datetime | str) -> bool:
    """An ISO instant of a driver is the expected one, to the second."""
    if not isinstance(text, str):
        return False
    wanted = datetime.fromisoformat(expected) if isinstance(expected, str) else expected
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return False
    return given.tzinfo is not None and abs((given - wanted).total_seconds()) < 1
