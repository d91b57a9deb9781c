"""An upload file read piece by piece, each record by itself, in memory that does not grow with the file.

Theory of operation. The file is cut behind each closing tag of a record and so handed to a push parser. Whenever that
closes a `record` below the root, the subtree is held against the schema of a record, its values are taken, and it is
dropped from the tree. The first record stays there, emptied, so that what is left at the end is the header and whatever
stands where it should not, which is held against the schema of the header. A record that breaks the schema becomes a
`FaultyRecord` in its place (UPL-022); a fault of the header or of the document is raised.

Between two records, one whose bytes have a known shape (`record_shapes`) does not go through the parser at all. libxml2
knows no line beyond 65,535, so lines are counted here, and a record in which something is wrong is parsed once more by
itself.

Source: CP-IS DMS 1.0-RC5, REPC_MT000002GB01; CP-IS rules UPL-001, UPL-002, UPL-014, UPL-022.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from lxml import etree

from cpis_simulator.codecs.bounds import FILE_BOUNDS
from cpis_simulator.codecs.parts import read_count, read_organisation, read_plan, read_subject
from cpis_simulator.codecs.picking import attribute_at, pick
from cpis_simulator.codecs.record_shapes import RecordShapes
from cpis_simulator.codecs.schema import header_schema, record_schema, schema_of
from cpis_simulator.codecs.structure import require_structure, structure_faults
from cpis_simulator.codecs.times import read_time
from cpis_simulator.codecs.xml import DocumentGate, PieceParser, attribute, blaming, parse_document, shortened
from cpis_simulator.errors import DecodeError, Fault
from cpis_simulator.model import FaultyRecord, PlanRecord, ProtectionPlan, Subject, UploadHeader
from cpis_simulator.vocabulary import HL7, OID_NHS_NUMBER, MessageKind

MAX_RECORD_BYTES: Final = 4 * 1024 * 1024
"""No record is larger, and no header; a real one has one or two thousand bytes."""

_MOST_PENDING: Final = 1024 * 1024
_RECORD: Final = f"{{{HL7}}}record"
_SUBJECT: Final = f"{{{HL7}}}subject"
_INSIDE: Final = re.compile(r"^(?:/File)?/record(?:\[\d+\])?")
_CLOSING: Final = re.compile(rb"</(?:[^<>\s:/]{1,100}:)?record\s*>")
_SPACE: Final = re.compile(rb"[ \t\r\n]*")


class Read(NamedTuple):
    """A record as it was read.

    Attributes:
        number: Counted from 1.
        record: Its values, or what is wrong with it.
        lines_before: To be added to the lines of `tree`.
        tree: Gives its subtree; to be called before the next record is asked for.
    """

    number: int
    record: PlanRecord | FaultyRecord
    lines_before: int
    tree: Callable[[], etree._Element]


class UploadReader:
    """Takes an upload as it comes.

    Args:
        content_id: Whether a `contentId` that names another block makes a record faulty (setting
            `upload.business_checks`).
        go_on: Read the records also of a file whose header breaks the schema; what is wrong stands in
            `header_faults` then.
        shapes: Read records of a known shape without the parser; switched off, all go through it, with the same
            result.

    Attributes:
        header: What stands before the records, known once the first of them was read, unless it is faulty.
        header_faults: What is wrong with it.
        count: How many records were read so far.
    """

    def __init__(self, *, content_id: bool = True, go_on: bool = False, shapes: bool = True) -> None:
        """Nothing is read yet."""
        self.header: UploadHeader | None = None
        self.header_faults: tuple[Fault, ...] = ()
        self.count = 0
        self._agree = content_id
        self._go_on = go_on
        self._gate = DocumentGate(FILE_BOUNDS)
        self._parser = PieceParser(_RECORD, most_between=MAX_RECORD_BYTES)
        self._schema = record_schema()
        self._shapes = RecordShapes() if shapes else None
        self._root: etree._Element | None = None
        self._placeholder: etree._Element | None = None
        self._opening = b""
        self._pending = b""
        self._between = False
        self._lines = 0

    def feed(self, piece: bytes) -> Iterator[Read]:
        """The records that are whole with this piece, in file order.

        Raises:
            DecodeError: When the file cannot be read as an upload, or its header breaks the schema.
        """
        with blaming("authority"):
            yield from self._take(self._gate.admit(piece))

    def close(self) -> Iterator[Read]:
        """The file is at its end; records that were still waiting.

        Raises:
            DecodeError: As `feed`; also when the file is not whole, or has no record.
        """
        with blaming("authority"):
            yield from self._take(self._gate.close())
            rest, self._pending = self._pending, b""
            yield from self._parse(rest)
            root = self._parser.close()
            if self._placeholder is None:
                require_structure(root, schema_of(MessageKind.UPLOAD))
            elif not self.header_faults:
                require_structure(root, header_schema())

    def root(self) -> etree._Element:
        """The root as far as it is read: the header, and the first record."""
        assert self._root is not None, "a record was read"
        return self._root

    def _take(self, data: bytes) -> Iterator[Read]:
        data = self._pending + data
        position = 0
        while True:
            if self._between and self._shapes is not None:
                start = _SPACE.match(data, position).end()  # type: ignore[union-attr]  # it fits the empty string too
                if (known := self._shapes.read(data, start)) is not None:
                    record, end = known
                    self.count += 1
                    lines = self._lines + data.count(b"\n", position, start)
                    yield Read(self.count, record, lines, partial(self._alone, data, start, end))
                    self._skip(data.count(b"\n", position, end))
                    position = end
                    continue
            if (closing := _CLOSING.search(data, position)) is None:
                break
            yield from self._parse(data[position : closing.end()])
            position = closing.end()
        self._pending = data[position:]
        if len(self._pending) > _MOST_PENDING:
            rest, self._pending = self._pending, b""
            yield from self._parse(rest)

    def _skip(self, lines: int) -> None:
        """Some lines did not go through the parser."""
        self._lines += lines
        self._parser.lines_before += lines

    def _alone(self, data: bytes, start: int, end: int) -> etree._Element:
        """A record parsed once more by itself; its first line is 1."""
        return parse_document(self._opening + data[start:end] + b"</File>")[0]

    def _parse(self, data: bytes) -> Iterator[Read]:
        """Hand bytes to the parser, and read the records that it closes with them."""
        after_a_record, lines = self._between, self._lines
        elements = [e for e in self._parser.feed(data) if _is_of_the_file(e)]
        self._lines += data.count(b"\n")
        # The bytes end with a closing tag and hold no other: a record that is not empty was closed by that tag, and
        # nothing stands open behind it.
        self._between = bool(elements) and len(elements[-1]) > 0
        source = data.lstrip() if after_a_record and self._between and len(elements) == 1 else b""
        lines += data.count(b"\n", 0, len(data) - len(source))
        for element in elements:
            yield self._read(element, source, lines)
            self._drop(element)

    def _read(self, element: etree._Element, source: bytes, lines: int) -> Read:
        root = element.getparent()
        assert root is not None, "it stands in the file"
        if self._placeholder is None:
            self._read_header(root)
        elif element.getprevious() is not self._placeholder:
            # Something stands between the records: the file is broken, and must not grow in memory with it.
            require_structure(root, header_schema())
        self.count += 1
        tree: Callable[[], etree._Element] = partial(_itself, element)
        before = self._parser.lines_before
        if source:
            tree, before = partial(self._alone, source, 0, len(source)), lines
        record = self._record_of(element)
        if isinstance(record, FaultyRecord):
            if source:  # Said once more, of lines that libxml2 can count.
                record = self._record_of(tree())
                assert isinstance(record, FaultyRecord), "the same bytes have the same faults"
            record = FaultyRecord(placed(record.faults, self.count, before), record.nhs_number)
        elif source and self._shapes is not None:
            self._shapes.learn(source, record)
        return Read(self.count, record, before, tree)

    def _drop(self, element: etree._Element) -> None:
        element.clear()
        if self._placeholder is None:
            self._placeholder = element
        elif (root := element.getparent()) is not None:
            root.remove(element)

    def _read_header(self, root: etree._Element) -> None:
        self._root = root
        declared = "".join(
            f' xmlns{f":{prefix}" if prefix else ""}="{attribute(uri)}"' for prefix, uri in root.nsmap.items()
        )
        self._opening = f"<File{declared}>".encode()
        try:
            require_structure(root, header_schema())
            self.header = read_header(root)
        except DecodeError as error:
            if not self._go_on:
                raise
            self.header_faults = error.faults

    def _record_of(self, element: etree._Element) -> PlanRecord | FaultyRecord:
        if not self._schema.accepts(element):
            return FaultyRecord(tuple(structure_faults(element, self._schema)), _nhs_number_of(element))
        try:
            return read_record(element[0], agree=self._agree)
        except DecodeError as error:
            return FaultyRecord(error.faults, _nhs_number_of(element))


def read_header(root: etree._Element) -> UploadHeader:
    """What stands before the records, from a root that fits the schema.

    Raises:
        DecodeError: When a value of it cannot be held.
    """
    return UploadHeader(
        read_time(pick(root, "creationTime")),
        attribute_at(root, "id", "extension"),
        read_count(pick(root, "transmissionQuantity")),
        read_organisation(pick(root, "communicationFunctionSnd/organisation")),
    )


def _itself(element: etree._Element) -> etree._Element:
    return element


def _is_of_the_file(element: etree._Element) -> bool:
    """A record of the file, and not something of that name inside something else."""
    root = element.getparent()
    return root is not None and root.getparent() is None


def placed(faults: Iterable[Fault], number: int, lines_before: int) -> tuple[Fault, ...]:
    """Faults of a record with the number and the lines that it has in its file."""
    return tuple(
        replace(
            fault,
            xpath=_INSIDE.sub(f"/File/record[{number}]", fault.xpath, count=1),
            line=fault.line + lines_before if fault.line else 0,
        )
        for fault in faults
    )


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
