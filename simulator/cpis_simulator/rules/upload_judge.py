"""An upload file judged as it comes, in memory that does not grow with it.

Each record is judged by itself, so that a bad one never spoils its neighbours. For a bad one a second, slower look
finds what its first fault hides, and asks the rules about those of its parts that can be read.

Source: CP-IS rules UPL-014, UPL-022.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from lxml import etree

from cpis_simulator.codecs.parts import read_count, read_organisation, read_plan, read_subject
from cpis_simulator.codecs.picking import find
from cpis_simulator.codecs.schema import header_schema, record_schema
from cpis_simulator.codecs.structure import look_behind
from cpis_simulator.codecs.times import read_time
from cpis_simulator.codecs.upload_reader import Read, UploadReader, placed
from cpis_simulator.codecs.xml import line_at, line_of, local_name, path_of
from cpis_simulator.errors import DecodeError, Fault
from cpis_simulator.model import FaultyRecord, Organisation, PlanRecord, ProtectionPlan, Subject, UploadHeader
from cpis_simulator.rules.finding import Finding, finding_of
from cpis_simulator.rules.upload import ALL_CHECKS, SENDER, check_authority, check_file, check_record, is_sound
from cpis_simulator.settings import BusinessCheck

T = TypeVar("T")


class UploadJudge:
    """Takes an upload piece by piece and says what is wrong with it.

    Args:
        checks: Business checks that are switched on.
        thorough: Asked before a faulty record is looked at a second time.
    """

    def __init__(
        self, *, checks: Collection[BusinessCheck] = ALL_CHECKS, thorough: Callable[[], bool] = lambda: True
    ) -> None:
        """Nothing is read yet."""
        self._checks = checks
        self._thorough = thorough
        self._reader = UploadReader(content_id="content-id" in checks, go_on=True)
        self._header: UploadHeader | None = None
        self._lines: dict[str, int] = {}
        self._size = 0

    @property
    def records(self) -> int:
        """How many records were judged so far."""
        return self._reader.count

    def feed(self, piece: bytes) -> Iterator[Finding]:
        """Findings about the records that are whole with this piece, and about the header before the first.

        Raises:
            DecodeError: When the file cannot be read as an upload.
        """
        self._size += len(piece)
        yield from self._judge(self._reader.feed(piece))

    def close(self) -> Iterator[Finding]:
        """Findings about records that were still inside the parser at the end of the file.

        Raises:
            DecodeError: As `feed`.
        """
        yield from self._judge(self._reader.close())

    def whole(self) -> Iterator[Finding]:
        """Findings about the file as a whole, once it is closed."""
        if self._header is not None:
            for finding in check_file(self._header, self._reader.count, self._size):
                yield replace(finding, line=self._lines.get(finding.xpath, 0))

    def _judge(self, records: Iterator[Read]) -> Iterator[Finding]:
        for read in records:
            if read.number == 1:
                yield from self._judge_header()
            if isinstance(read.record, FaultyRecord):
                if self._thorough():
                    yield from _look_again(read, self._checks)
                else:
                    yield from (finding_of(fault, read.number) for fault in read.record.faults)
            elif not is_sound(read.record, self._checks):
                yield from _judge_sound_form(read, read.record, read.tree()[0], self._checks)

    def _judge_header(self) -> Iterator[Finding]:
        root = self._reader.root()
        self._lines = {f"/File/{local_name(e)}": line_of(e) for e in root}
        header = self._reader.header
        if header is None:
            parts = _HeaderParts(root)
            for fault in parts.faults or self._reader.header_faults:
                yield finding_of(fault)
            self._header, sender = parts.header(), parts.sender
        else:
            self._header, sender = header, header.sender
        if sender is not None:
            for finding in check_authority(sender, SENDER, checks=self._checks):
                yield replace(finding, line=line_at(root, finding.xpath.removeprefix("/File")))


def _judge_sound_form(
    read: Read,
    record: PlanRecord,
    inner: etree._Element,
    checks: Collection[BusinessCheck],
    *,
    parts_only: bool = False,
) -> Iterator[Finding]:
    """What the rules say of a record, or of the parts of it that could be read; `inner` has their lines."""
    base = f"/File/record[{read.number}]/CP-ISRecord"
    for finding in check_record(record, checks=checks, base=base, number=read.number, parts_only=parts_only):
        yield replace(finding, line=line_at(inner, finding.xpath.removeprefix(base)) + read.lines_before)


def _look_again(read: Read, checks: Collection[BusinessCheck]) -> Iterator[Finding]:
    """Everything that is wrong with a faulty record, its first fault first."""
    assert isinstance(read.record, FaultyRecord), "only a faulty record is looked at again"
    faults, mended, unsound = look_behind(read.tree(), record_schema())
    parts = _Parts(mended, unsound, agree="content-id" in checks)
    for fault in placed((*faults, *parts.faults), read.number, read.lines_before):
        yield finding_of(fault, read.number)
    if parts.plans or parts.subjects:
        record = PlanRecord(tuple(parts.plans), tuple(parts.subjects))
        yield from _judge_sound_form(read, record, mended[0], checks, parts_only=not parts.whole)


class _HeaderParts:
    """What can be read of a faulty header, and all that is wrong with it."""

    def __init__(self, root: etree._Element) -> None:
        found, self._mended, self._unsound = look_behind(root, header_schema())
        self.faults: list[Fault] = list(found)
        self._created = self._read("creationTime", read_time)
        self._file_id = self._read("id", lambda element: element.get("extension", ""))
        self._quantity = self._read("transmissionQuantity", read_count)
        self.sender: Organisation | None = self._read("communicationFunctionSnd/organisation", read_organisation)

    def header(self) -> UploadHeader | None:
        """The header, for the rules that need id and quantity; what they do not ask for may be made up."""
        if self._file_id is None or self._quantity is None:
            return None
        created, sender = self._created or datetime(1970, 1, 1, tzinfo=UTC), self.sender or Organisation("", "")
        return UploadHeader(created, self._file_id, self._quantity, sender)

    def _read(self, place: str, read: Callable[[etree._Element], T]) -> T | None:
        element = find(self._mended, place)
        if element is None or _is_unsound(element, self._unsound):
            return None
        try:
            return read(element)
        except DecodeError as error:
            self.faults.extend(error.faults)
            return None


def _is_unsound(element: etree._Element, unsound: Collection[str]) -> bool:
    """The element, or something in it, is still faulty or was put in to mend it."""
    path = path_of(element)
    return any(bad == path or bad.startswith(f"{path}/") for bad in unsound)


class _Parts:
    """The plans and subjects of a mended record that can be read; `whole` when those are all of them."""

    def __init__(self, record: etree._Element, unsound: frozenset[str], *, agree: bool) -> None:
        self.plans: list[ProtectionPlan] = []
        self.subjects: list[Subject] = []
        self.faults: list[Fault] = []
        self.whole = True
        inner = find(record, "CP-ISRecord")
        for part in inner if inner is not None else ():
            if _is_unsound(part, unsound):
                self.whole = False
                continue
            try:
                self._read(part, agree)
            except DecodeError as error:
                self.whole = False
                self.faults.extend(error.faults)

    def _read(self, part: etree._Element, agree: bool) -> None:
        if local_name(part) == "subject":
            self.subjects.append(read_subject(part, agree=agree))
        else:
            self.plans.append(read_plan(part, agree=agree))
