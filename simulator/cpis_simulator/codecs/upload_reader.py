"""An upload file read piece by piece, each record by itself, in memory that does not grow with the file.

Theory of operation. A push parser builds the tree; whenever it closes a `record`, that subtree is held against the
schema of a record, its values are taken, and it is dropped from the tree. The first record stays there, emptied, so
that what is left at the end is the header and whatever stands where it should not, which is held against the schema of
the header. A record that breaks the schema becomes a `FaultyRecord` in its place (UPL-022); a fault of the header or
of the document is raised.

Source: CP-IS DMS 1.0-RC5, REPC_MT000002GB01; CP-IS rules UPL-001, UPL-002, UPL-014, UPL-022.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from lxml import etree

from cpis_simulator.codecs.parts import read_count, read_organisation, read_plan, read_subject
from cpis_simulator.codecs.picking import attribute_at, pick
from cpis_simulator.codecs.schema import header_schema, record_schema, schema_of
from cpis_simulator.codecs.structure import require_structure, structure_faults
from cpis_simulator.codecs.times import read_time
from cpis_simulator.codecs.xml import PieceParser, blaming, shortened
from cpis_simulator.errors import DecodeError, Fault
from cpis_simulator.model import FaultyRecord, PlanRecord, ProtectionPlan, Subject, UploadHeader
from cpis_simulator.vocabulary import HL7, OID_NHS_NUMBER, MessageKind

MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
"""No record is larger, and no header; a real one has one or two thousand bytes."""

_RECORD: Final = f"{{{HL7}}}record"
_SUBJECT: Final = f"{{{HL7}}}subject"
_INSIDE: Final = re.compile(r"^(?:/File)?/record(?:\[\d+\])?")


class Read(NamedTuple):
    """A record as it was read.

    Attributes:
        number: Counted from 1.
        record: Its values, or what is wrong with it.
        element: The subtree; it is emptied when the next record is asked for.
    """

    number: int
    record: PlanRecord | FaultyRecord
    element: etree._Element


class UploadReader:
    """Takes an upload as it comes.

    Args:
        content_id: Whether a `contentId` that names another block makes a record faulty (setting
            `upload.business_checks`).
        go_on: Read the records also of a file whose header breaks the schema; what is wrong stands in
            `header_faults` then.

    Attributes:
        header: What stands before the records, known once the first of them was read, unless it is faulty.
        header_faults: What is wrong with it.
        count: How many records were read so far.
    """

    def __init__(self, *, content_id: bool = True, go_on: bool = False) -> None:
        """Nothing is read yet."""
        self.header: UploadHeader | None = None
        self.header_faults: tuple[Fault, ...] = ()
        self.count = 0
        self._agree = content_id
        self._go_on = go_on
        self._parser = PieceParser(_RECORD, most_between=MAX_RECORD_BYTES)
        self._schema = record_schema()
        self._placeholder: etree._Element | None = None

    def feed(self, piece: bytes) -> Iterator[Read]:
        """The records that are whole with this piece, in file order.

        Raises:
            DecodeError: When the file cannot be read as an upload, or its header breaks the schema.
        """
        with blaming("authority"):
            yield from self._read_all(self._parser.feed(piece))

    def close(self) -> Iterator[Read]:
        """The file is at its end; records that were still inside the parser.

        Raises:
            DecodeError: As `feed`; also when the file is not whole, or has no record.
        """
        with blaming("authority"):
            yield from self._read_all(self._parser.close())
            root = self._parser.root()
            if self._placeholder is None:
                require_structure(root, schema_of(MessageKind.UPLOAD))
            elif not self.header_faults:
                require_structure(root, header_schema())

    def _read_all(self, elements: Iterator[etree._Element]) -> Iterator[Read]:
        for element in elements:
            root = element.getparent()
            if root is None or root.getparent() is not None:
                continue  # A record by name only, inside something else.
            if self._placeholder is None:
                self._read_header(root)
            elif element.getprevious() is not self._placeholder:
                # Something stands between the records: the file is broken, and must not grow in memory with it.
                require_structure(root, header_schema())
            self.count += 1
            yield Read(self.count, self._read(element), element)
            element.clear()
            if self._placeholder is None:
                self._placeholder = element
            else:
                root.remove(element)

    def _read_header(self, root: etree._Element) -> None:
        try:
            require_structure(root, header_schema())
            self.header = UploadHeader(
                read_time(pick(root, "creationTime")),
                attribute_at(root, "id", "extension"),
                read_count(pick(root, "transmissionQuantity")),
                read_organisation(pick(root, "communicationFunctionSnd/organisation")),
            )
        except DecodeError as error:
            if not self._go_on:
                raise
            self.header_faults = error.faults

    def _read(self, element: etree._Element) -> PlanRecord | FaultyRecord:
        if not self._schema.is_valid(element):
            return self._faulty(element, structure_faults(element, self._schema))
        try:
            return read_record(element[0], agree=self._agree)
        except DecodeError as error:
            return self._faulty(element, error.faults)

    def _faulty(self, element: etree._Element, faults: Sequence[Fault]) -> FaultyRecord:
        return FaultyRecord(placed(faults, self.count), _nhs_number_of(element))


def placed(faults: Iterable[Fault], number: int) -> tuple[Fault, ...]:
    """Faults of a record with the number that it has in its file."""
    return tuple(replace(f, xpath=_INSIDE.sub(f"/File/record[{number}]", f.xpath, count=1)) for f in faults)


def read_record(element: etree._Element, *, agree: bool = True) -> PlanRecord:
    """One to three plans of one or two subjects, from an element that fits the schema.

    Raises:
        DecodeError: When a value of it cannot be held; with every such fault of its plans and subjects.
    """
    faults: list[Fault] = []
    plans: list[ProtectionPlan] = []
    subjects: list[Subject] = []
    for child in element:
        try:
            if child.tag == _SUBJECT:
                subjects.append(read_subject(child, agree=agree))
            else:
                plans.append(read_plan(child, agree=agree))
        except DecodeError as error:
            faults.extend(error.faults)
    if faults:
        raise DecodeError.of(faults)
    return PlanRecord(tuple(plans), tuple(subjects))


def _nhs_number_of(element: etree._Element) -> str | None:
    for identifier in element.iter(f"{{{HL7}}}id"):
        if identifier.get("root") == OID_NHS_NUMBER and (found := identifier.get("extension")):
            return shortened(found, 20)
    return None
