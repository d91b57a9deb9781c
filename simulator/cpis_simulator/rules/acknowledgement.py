"""What the official schema does not say about the reply to an upload file, by requirement.

Source: CP-IS rules, sections 3 and 10a; vocabularies of the file and record response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cpis_simulator.model import Acknowledgement
from cpis_simulator.rules.finding import Breach, Finding, findings
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


def is_file_level(acknowledgement: Acknowledgement) -> bool:
    """The file as a whole was refused or not processed."""
    return any(code.code in FILE_LEVEL for code in acknowledgement.file_codes)


def counts_add_up(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Stored and failed records make up the quantity; at file level both are 0."""
    stored, failed, quantity = acknowledgement.stored, acknowledgement.failed, acknowledgement.quantity
    if is_file_level(acknowledgement):
        if stored or failed:
            yield Breach(f"counts of a file-level reply: expected 0 and 0, found {stored} stored and {failed} failed")
    elif stored + failed != quantity:
        yield Breach(f"{stored} stored and {failed} failed are not the {quantity} records of the file")


def code_agrees_with_counts(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """All, some or none stored, as the file code says."""
    stored, failed = acknowledgement.stored, acknowledgement.failed
    failures = [result for result in acknowledgement.results if result.code != RecordCode.STORED]
    place = "/acknowledgementFile/acknowledgementFileDetail/code"
    for code in acknowledgement.file_codes:
        if code.code not in _FILE_CODES:
            yield Breach(f"no file code {code.code!r}", place)
        elif code.code == FileCode.ALL_STORED and (failed or failures):
            yield Breach(f"CPF02 says that all were stored, but {max(failed, len(failures))} failed", place)
        elif code.code == FileCode.PARTLY_STORED and not (stored and failed):
            yield Breach(f"CPF03 says that some were stored, found {stored} stored and {failed} failed", place)
        elif code.code == FileCode.NONE_STORED and stored:
            yield Breach(f"CPF04 says that none was stored, found {stored} stored", place)


def record_codes_are_known(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Record codes come from their list; detail codes are open (ACK-006)."""
    for path, code, _ in _record_codes(acknowledgement):
        if code not in _RECORD_CODES:
            yield Breach(f"no record code {code!r}", path)


def texts_belong_to_their_codes(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """A display name is that of its code; CPR07 has two spellings."""
    for code in acknowledgement.file_codes:
        if code.code in _FILE_CODES and code.display_name != FILE_CODE_TEXT[FileCode(code.code)]:
            yield Breach(
                f"text of {code.code}: expected {FILE_CODE_TEXT[FileCode(code.code)]!r}, found {code.display_name!r}",
                "/acknowledgementFile/acknowledgementFileDetail/code",
            )
    for path, code_text, shown in _record_codes(acknowledgement):
        if code_text not in _RECORD_CODES:
            continue
        code_ = RecordCode(code_text)
        if shown not in (RECORD_CODE_TEXT[code_], RECORD_CODE_TEXT_AS_IN_SCHEMA.get(code_)):
            yield Breach(f"text of {code_text}: expected {RECORD_CODE_TEXT[code_]!r}, found {shown!r}", path)


def locations_say_something(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Each record result says which record it is about."""
    for number, result in enumerate(acknowledgement.results, start=1):
        if not result.location:
            yield Breach(
                f"result {number} has an empty location",
                f"/acknowledgementRecord/acknowledgementRecordDetail[{number}]",
            )


def no_echo_at_file_level(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """A file-level reply repeats no records."""
    if is_file_level(acknowledgement) and acknowledgement.echoes:
        yield Breach(f"a file-level reply repeats {len(acknowledgement.echoes)} records, expected none", "/message")


def counts_are_in_range(acknowledgement: Acknowledgement) -> Iterator[Breach]:
    """Counts are 0 or more; -1 stands for an unreadable id and quantity together."""
    for path, count in (
        ("/failedReturnedCP-ISRecords/value", acknowledgement.failed),
        ("/successfulReturnedCP-ISRecords/value", acknowledgement.stored),
    ):
        if count < 0:
            yield Breach(f"count {count} is negative", path)
    if acknowledgement.quantity < -1:
        yield Breach(f"quantity {acknowledgement.quantity} is negative", "/transmissionQuantity")
    elif (acknowledgement.quantity == -1) != (acknowledgement.file_id == "-1"):
        yield Breach(
            f"-1 stands for id and quantity together, found {acknowledgement.file_id} and {acknowledgement.quantity}",
            "/transmissionQuantity",
        )


def _record_codes(acknowledgement: Acknowledgement) -> Iterator[tuple[str, str, str]]:
    many = len(acknowledgement.results) > 1
    for number, result in enumerate(acknowledgement.results, start=1):
        detail = f"acknowledgementRecordDetail[{number}]" if many else "acknowledgementRecordDetail"
        yield f"/acknowledgementRecord/{detail}/code", result.code, result.display_name


ACKNOWLEDGEMENT_RULES: Final[dict[str, Callable[[Acknowledgement], Iterator[Breach]]]] = {
    "CPIS-ACK-003": counts_add_up,
    "CPIS-ACK-004": code_agrees_with_counts,
    "CPIS-ACK-005": record_codes_are_known,
    "CPIS-ACK-007": locations_say_something,
    "CPIS-ACK-008": no_echo_at_file_level,
    "CPIS-MSG-010": texts_belong_to_their_codes,
    "CPIS-MSG-012": counts_are_in_range,
}


def check_acknowledgement(acknowledgement: Acknowledgement) -> list[Finding]:
    """Judge the reply to an upload file by itself; whether it answers the right file is seen beside that file."""
    return [
        finding
        for rule, breaches in ACKNOWLEDGEMENT_RULES.items()
        for finding in findings(rule, breaches(acknowledgement), "/FileResponse")
    ]
