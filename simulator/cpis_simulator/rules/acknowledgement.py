"""What the schema does not say about the reply to an upload file, by requirement.

Source: CP-IS rules, sections 3 and 10a; vocabularies of the file and record response.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from cpis_simulator.model import Acknowledgement
from cpis_simulator.rules.finding import WARNING, Breach, Finding, findings
from cpis_simulator.rules.upload import check_authority
from cpis_simulator.vocabulary import (
    FILE_CODE_TEXT,
    RECORD_CODE_TEXT,
    RECORD_CODE_TEXT_AS_IN_SCHEMA,
    FileCode,
    RecordCode,
)

FILE_LEVEL: Final = frozenset({FileCode.FILE_ERROR, FileCode.UNAVAILABLE, FileCode.CLIENT_TOO_OLD})
"""Codes that speak of no record: counts are 0 and nothing is echoed."""

_FILE_CODES: Final = frozenset(FileCode)
_RECORD_CODES: Final = frozenset(RecordCode)
_FILE_CODE: Final = "/acknowledgementFile/acknowledgementFileDetail/code"
_ECHO: Final = re.compile(r"/FileResponse/message(?:\[(\d+)\])?/")
_RECORD: Final = re.compile(r"/File/record(?:\[(\d+)\])?(?:/|$)")


def is_file_level(acknowledgement: Acknowledgement) -> bool:
    """The file as a whole was refused or not processed."""
    return any(code.code in FILE_LEVEL for code in acknowledgement.file_codes)


def counts_add_up(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Stored and failed records make up the quantity; at file level both are 0."""
    stored, failed, quantity = acknowledgement.stored, acknowledgement.failed, acknowledgement.quantity
    if is_file_level(acknowledgement):
        if stored or failed:
            yield Breach(
                "counts of a file-level reply",
                "/failedReturnedCP-ISRecords/value",
                expected="0 and 0",
                found=f"{stored} stored and {failed} failed",
            )
    elif stored + failed != quantity:
        yield Breach(
            "stored and failed records",
            "/failedReturnedCP-ISRecords/value",
            expected=f"{quantity} together, as many as the file has",
            found=f"{stored} and {failed}",
        )


def code_agrees_with_counts(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """All, some or none stored, as the file code says."""
    stored, failed = acknowledgement.stored, acknowledgement.failed
    failures = [result for result in acknowledgement.results if result.code != RecordCode.STORED]
    for code in acknowledgement.file_codes:
        if code.code not in _FILE_CODES:
            yield Breach("file code", _FILE_CODE, expected="CPF01 to CPF06", found=repr(code.code))
        elif code.code == FileCode.ALL_STORED and (failed or failures):
            yield Breach("CPF02 says that all were stored", _FILE_CODE, found=f"{max(failed, len(failures))} failed")
        elif code.code == FileCode.PARTLY_STORED and not (stored and failed):
            found = f"{stored} stored and {failed} failed"
            yield Breach("CPF03 says that some were stored and some failed", _FILE_CODE, found=found)
        elif code.code == FileCode.NONE_STORED and stored:
            yield Breach("CPF04 says that none was stored", _FILE_CODE, found=f"{stored} stored")


def record_codes_are_known(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Record codes come from their list; detail codes are open (ACK-006)."""
    for path, code, _ in _record_codes(acknowledgement):
        if code not in _RECORD_CODES:
            yield Breach("record code", path, expected="CPR01 to CPR07", found=repr(code))


def texts_belong_to_their_codes(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """A display name is that of its code; CPR07 has two spellings."""
    for code in acknowledgement.file_codes:
        if code.code in _FILE_CODES and code.display_name != (text := FILE_CODE_TEXT[FileCode(code.code)]):
            yield Breach(f"text of {code.code}", _FILE_CODE, expected=repr(text), found=repr(code.display_name))
    for path, value, shown in _record_codes(acknowledgement):
        if value not in _RECORD_CODES:
            continue
        known = RecordCode(value)
        if shown not in (RECORD_CODE_TEXT[known], RECORD_CODE_TEXT_AS_IN_SCHEMA.get(known)):
            yield Breach(f"text of {value}", path, expected=repr(RECORD_CODE_TEXT[known]), found=repr(shown))


def locations_lead_to_records(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Each record result says which record it is about; a path into the reply or the upload leads somewhere.

    From which document a location counts is not public, so one of another form is left alone.
    """
    for number, result in enumerate(acknowledgement.results, start=1):
        path = f"{_detail(acknowledgement, number)}/location"
        if not result.location:
            yield Breach("location is empty", path, expected="an XPath to the record")
            continue
        for pattern, count, what in (
            (_ECHO, len(acknowledgement.echoes), "repeated records"),
            (_RECORD, acknowledgement.quantity, "records in the file"),
        ):
            led = pattern.match(result.location)
            if led and not 1 <= int(led[1] or 1) <= count:
                yield Breach("location leads to no record", path, expected=f"one of {count} {what}", found=led[0])


def no_echo_at_file_level(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """A file-level reply repeats no records."""
    if is_file_level(acknowledgement) and acknowledgement.echoes:
        found = f"{len(acknowledgement.echoes)} records"
        yield Breach("repeated records in a file-level reply", "/message", expected="none", found=found)


def failures_are_repeated(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Each failed record has a result; the published example lists them all."""
    failures = sum(result.code != RecordCode.STORED for result in acknowledgement.results)
    if not is_file_level(acknowledgement) and failures < acknowledgement.failed:
        yield Breach(
            "results of failed records",
            "/acknowledgementRecord",
            WARNING,
            expected=acknowledgement.failed,
            found=failures,
            mend="Without them nobody knows which records failed.",
        )


def counts_are_in_range(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Counts are 0 or more; -1 stands for an unreadable id and quantity together."""
    for path, count in (
        ("/failedReturnedCP-ISRecords/value", acknowledgement.failed),
        ("/successfulReturnedCP-ISRecords/value", acknowledgement.stored),
    ):
        if count < 0:
            yield Breach("negative count", path, found=count)
    if acknowledgement.quantity < -1:
        yield Breach("negative quantity", "/transmissionQuantity", found=acknowledgement.quantity)
    elif (acknowledgement.quantity == -1) != (acknowledgement.file_id == "-1"):
        yield Breach(
            "id and quantity",
            "/transmissionQuantity",
            expected="-1 for both or for none",
            found=f"{acknowledgement.file_id} and {acknowledgement.quantity}",
        )


def _record_codes(acknowledgement: Acknowledgement) -> Iterator[tuple[str, str, str]]:
    for number, result in enumerate(acknowledgement.results, start=1):
        yield f"{_detail(acknowledgement, number)}/code", result.code, result.display_name


def _detail(acknowledgement: Acknowledgement, number: int) -> str:
    many = len(acknowledgement.results) > 1
    return f"/acknowledgementRecord/acknowledgementRecordDetail{f'[{number}]' if many else ''}"


ACKNOWLEDGEMENT_RULES: Final[tuple[tuple[str, Callable[[Acknowledgement], Iterator[Breach]]], ...]] = (
    ("CPIS-MSG-012", counts_are_in_range),
    ("CPIS-ACK-003", counts_add_up),
    ("CPIS-ACK-004", code_agrees_with_counts),
    ("CPIS-ACK-005", record_codes_are_known),
    ("CPIS-ACK-007", locations_lead_to_records),
    ("CPIS-ACK-007", failures_are_repeated),
    ("CPIS-ACK-008", no_echo_at_file_level),
    ("CPIS-MSG-010", texts_belong_to_their_codes),
)


def check_acknowledgement(acknowledgement: Acknowledgement) -> list[Finding]:
    """Judge the reply to an upload file by itself; whether it answers the right file is seen beside that file."""
    found = [
        finding
        for rule, breaches in ACKNOWLEDGEMENT_RULES
        for finding in findings(rule, breaches(acknowledgement), "/FileResponse")
    ]
    return [*found, *check_authority(acknowledgement.receiver, "/FileResponse/communicationFunctionRcv/organisation")]
