"""An assessor's expected data held against an authority's upload, field by field.

Expected data has a row for each plan: whose it is, its type and its dates. Each row looks for the plan of the file that
fits it best, by NHS number first, then by type, start and subject; every field that differs, every row without a plan
and every plan without a row is told.

Source: CP-IS rules, section 15 (the assessor's data against the supplier's file); DAT-013.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cpis_simulator.codecs.upload_reader import Read
from cpis_simulator.errors import ConfigError
from cpis_simulator.model import FaultyRecord, PlanRecord, ProtectionPlan, Subject, SubjectKind
from cpis_simulator.nhs_number import masked
from cpis_simulator.spreadsheet import lines_of, text_of
from cpis_simulator.vocabulary import PlanType

FIELDS: Final = (
    "nhs_number",
    "subject",
    "plan_type",
    "start",
    "end",
    "delete",
    "birth_date",
    "given",
    "family",
    "local_id",
)
"""Columns of expected data. Dates are `YYYY-MM-DD`, with a time where it counts; what is empty must be absent."""

KEYS: Final = ("nhs_number", "plan_type", "start")
"""Columns that every row needs."""

EXAMPLE: Final = (
    ("9990001014", "child", "child protection plan", "2025-11-01", "2026-04-30", "", "2017-03-14", "Alpha", "Testcase",
     "LOCAL-0001"),
    ("9990001030", "mother", "unborn child protection plan", "2025-12-15", "2026-05-20", "", "1999-07-07", "Charlie",
     "Testcase", ""),
)  # fmt: skip
"""Two rows as the template has them."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which file and expected data differ.

    Attributes:
        kind: `mismatch`, `missing` (expected, not in the file), `extra` (in the file, not expected) or `unreadable`.
        nhs_number: Whose plan, the last three digits only.
        what: The field of a mismatch; else the plan, or why a record cannot be read.
        row: Line of the expected data, its header counted; None for something that is in the file only.
        record: Number of the record in the file; None for something that is not in it.
    """

    kind: str
    nhs_number: str
    what: str
    expected: str = ""
    found: str = ""
    row: int | None = None
    record: int | None = None


def template() -> str:
    """Expected data to start from, as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([FIELDS, *EXAMPLE])
    return out.getvalue()


def read_expected(saved: bytes, where: str) -> list[Row]:
    """Expected data from a table as spreadsheets save it, or from JSON (a list of objects with the same keys).

    Raises:
        ConfigError: It is neither, or a column is unknown or missing; names line and column.
    """
    text = text_of(saved)
    rows = _from_json(text, where) if text.lstrip()[:1] in ("[", "{") else _from_csv(text, where)
    for number, row in enumerate(rows, start=2):
        for key in KEYS:
            if not row.get(key, ""):
                raise ConfigError(f"Row without {key}", where=f"{where}, row {number}", expected=f"a value for {key}")
        if row["plan_type"] not in set(PlanType):
            raise ConfigError(
                "Unknown plan type",
                where=f"{where}, row {number}",
                expected=", ".join(PlanType),
                found=row["plan_type"],
            )
        if row.get("subject") and row["subject"] not in set(SubjectKind):
            found = row["subject"]
            raise ConfigError("Unknown subject", where=f"{where}, row {number}", expected="child, mother", found=found)
        for name in ("start", "end", "delete", "birth_date"):
            if row.get(name) and not _is_date(row[name]):
                raise ConfigError(
                    f"{name} is no date",
                    where=f"{where}, row {number}",
                    expected="YYYY-MM-DD or YYYY-MM-DD HH:MM",
                    found=row[name],
                )
    return rows


def _from_csv(text: str, where: str) -> list[Row]:
    reader = lines_of(text)
    _check_columns(reader.fieldnames or (), where)
    return [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]


def _from_json(text: str, where: str) -> list[Row]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError("The expected data are neither CSV nor JSON", where=where, found=str(error)) from error
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ConfigError(
            "The expected data are no list of objects", where=where, mend="See `cpis compare --template`."
        )
    _check_columns(dict.fromkeys(key for row in value for key in row), where)
    return [{key: "" if cell is None else str(cell).strip() for key, cell in row.items()} for row in value]


def _check_columns(columns: Sequence[str] | Mapping[str, None], where: str) -> None:
    unknown = [column for column in columns if column not in FIELDS]
    missing = [key for key in KEYS if key not in columns]
    if unknown or missing:
        raise ConfigError(
            "Columns of the expected data",
            where=where,
            expected=", ".join(FIELDS),
            found=", ".join(columns) or "none",
            mend="`cpis compare --template` writes a file to start from.",
        )


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


class Comparison:
    """Takes the records of a file one after the other, then says what differs.

    Args:
        expected: Rows as `read_expected` gives them.
    """

    def __init__(self, expected: Sequence[Row]) -> None:
        """Nothing of the file is known yet."""
        self._expected = expected
        self._wanted = {row["nhs_number"] for row in expected}
        self._found: dict[str, list[tuple[int, Row]]] = {}
        self._more: list[Difference] = []
        self.plans = 0

    def take(self, read: Read) -> None:
        """One record of the file."""
        record = read.record
        if isinstance(record, FaultyRecord):
            number = masked(record.nhs_number or "")
            self._more.append(Difference("unreadable", number, record.reason, record=read.number))
            return
        for found in rows_of(record):
            self.plans += 1
            if found["nhs_number"] in self._wanted:
                self._found.setdefault(found["nhs_number"], []).append((read.number, found))
            else:
                self._more.append(_extra(read.number, found))

    def differences(self) -> Iterator[Difference]:
        """All that differs: in the order of the expected data, then what the file has beyond it."""
        for number, row in enumerate(self._expected, start=2):
            candidates = self._found.get(row["nhs_number"], [])
            if not candidates:
                yield Difference("missing", masked(row["nhs_number"]), _plan(row), row=number)
                continue
            best = max(candidates, key=lambda candidate: _likeness(row, candidate[1]))
            candidates.remove(best)
            yield from _mismatches(number, row, *best)
        yield from self._more
        for candidates in self._found.values():
            for record, found in candidates:
                yield _extra(record, found)


def rows_of(record: PlanRecord) -> Iterator[Row]:
    """The plans of a record as rows of expected data."""
    for plan in record.plans:
        kind = SubjectKind.MOTHER if plan.plan_type is PlanType.UNBORN else SubjectKind.CHILD
        subject = next((s for s in record.subjects if s.kind is kind), record.subjects[0])
        yield _row(plan, subject)


def _row(plan: ProtectionPlan, subject: Subject) -> Row:
    return {
        "nhs_number": subject.nhs_number,
        "subject": subject.kind,
        "plan_type": plan.plan_type,
        "start": _moment(plan.start),
        "end": _moment(plan.end),
        "delete": _moment(plan.delete),
        "birth_date": subject.birth_date.isoformat(),
        "given": subject.given,
        "family": subject.family,
        "local_id": subject.local_id.extension if subject.local_id else "",
    }


def _moment(moment: datetime | None) -> str:
    """A plan date; without its time where that is midnight."""
    if moment is None:
        return ""
    return f"{moment:%Y-%m-%d}" if (moment.hour, moment.minute) == (0, 0) else f"{moment:%Y-%m-%d %H:%M}"


def _likeness(row: Row, found: Row) -> tuple[bool, bool, bool, int]:
    alike = [_agrees(name, row, found) for name in FIELDS if name in row]
    return _agrees("plan_type", row, found), _agrees("start", row, found), _agrees("subject", row, found), sum(alike)


def _agrees(name: str, row: Row, found: Row) -> bool:
    """A column that the expected data lack is not compared; dates agree however they are written."""
    if name not in row or (name == "subject" and not row[name]):
        return True
    expected, there = row[name], found[name]
    if expected == there:
        return True
    if name in ("start", "end", "delete", "birth_date") and expected and there:
        return datetime.fromisoformat(expected) == datetime.fromisoformat(there)
    return False


def _mismatches(number: int, row: Row, record: int, found: Row) -> Iterator[Difference]:
    for name in FIELDS:
        if not _agrees(name, row, found):
            yield Difference(
                "mismatch",
                masked(row["nhs_number"]),
                name,
                expected=row[name] or "nothing",
                found=found[name] or "nothing",
                row=number,
                record=record,
            )


def _extra(record: int, found: Row) -> Difference:
    return Difference("extra", masked(found["nhs_number"]), _plan(found), record=record)


def _plan(row: Row) -> str:
    return f"{row['plan_type']} from {row['start']}"
