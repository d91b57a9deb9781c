"""Message 1: an authority's upload file, `File`.

Theory of operation: a fault in the header makes the file unreadable and is raised; a fault inside one `record` becomes
a `FaultyRecord` in its place, because a bad record never blocks its neighbours (UPL-022). Each record is taken out of
the tree once read, so that a large file does not stand in memory twice and a path is found without counting.

Source: CP-IS DMS 1.0-RC5, REPC_MT000002GB01.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import (
    UPLOAD_BLOCKS,
    read_count,
    read_extension,
    read_organisation,
    read_plan,
    read_subject,
    write_id,
    write_organisation,
    write_plan,
    write_subject,
)
from cpis_simulator.codecs.reader import Reader, root_reader
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.xml import (
    FILE_BOUNDS,
    blaming,
    has_document_type,
    line_of,
    local_name,
    parse_document,
    shortened,
)
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import FaultyRecord, PlanRecord, Upload
from cpis_simulator.vocabulary import HL7, LOCALISATION, OID_NHS_NUMBER

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACES: Final = f'xmlns="{HL7}" xmlns:npfitlc="{LOCALISATION}"'
UNREADABLE: Final = ("-1", -1)

_MOST_ELEMENTS: Final = 1_000
"""In a record. Three plans with all their dates and two people with all their ids have 59."""

_PEEK_BYTES: Final = 65_536
_PEEK_STEP: Final = 256


def encode_upload(upload: Upload) -> bytes:
    """Write an upload file.

    Raises:
        ValueError: When one of its records is a `FaultyRecord`, which holds no content to write.
    """
    parts = [
        f'{DECLARATION}<File {NAMESPACES}>\n<creationTime value="{write_time(upload.creation_time)}"/>\n',
        f"{write_id('id', extension=upload.file_id)}\n",
        f'<transmissionQuantity value="{upload.quantity}"/>\n',
        f"<communicationFunctionSnd>{write_organisation('organisation', upload.sender)}</communicationFunctionSnd>\n",
    ]
    for record in upload.records:
        if isinstance(record, FaultyRecord):
            raise ValueError(f"a faulty record cannot be written: {record.reason}")
        parts.append(f"<record>{write_record('CP-ISRecord', record)}</record>\n")
    parts.append("</File>\n")
    return "".join(parts).encode()


def write_record(name: str, record: PlanRecord) -> str:
    """Plans and subjects of a record as uploads and acknowledgements have them."""
    plans = "\n".join(write_plan("pertinentInformation", plan, UPLOAD_BLOCKS) for plan in record.plans)
    subjects = "\n".join(write_subject(subject) for subject in record.subjects)
    return f"<{name}>\n{plans}\n{subjects}\n</{name}>"


def decode_upload(body: bytes, *, content_id: bool = True) -> Upload:
    """Read an upload file.

    Args:
        body: The whole file as received.
        content_id: Whether a `contentId` that names another block makes a record faulty (setting
            `upload.business_checks`).

    Returns:
        The header, and the records in file order; a record that cannot be read is a `FaultyRecord`.

    Raises:
        DecodeError: When the file is not an upload, or its header or the number of its records breaks the schema.

    Source: CP-IS DMS 1.0-RC5, REPC_MT000002GB01; CP-IS rules UPL-014, UPL-022.
    """
    with blaming("authority"):
        return _decode(parse_document(body, bounds=FILE_BOUNDS), content_id)


def _decode(root: etree._Element, agree: bool) -> Upload:
    reader = root_reader(root, "File")
    creation_time = read_time(reader.one("creationTime", requirement="CPIS-UPL-002"), requirement="CPIS-UPL-002")
    file_id = read_extension(reader.one("id", requirement="CPIS-UPL-002"), requirement="CPIS-UPL-002")
    quantity = read_count(reader.one("transmissionQuantity", requirement="CPIS-UPL-002"))
    sender = Reader(reader.one("communicationFunctionSnd", requirement="CPIS-UPL-002"))
    organisation = read_organisation(
        sender.one("organisation", requirement="CPIS-DAT-014"), requirement="CPIS-DAT-014", telephones=True
    )
    sender.done()
    elements = reader.many("record", least=1, requirement="CPIS-UPL-001")
    reader.done()
    records: list[PlanRecord | FaultyRecord] = []
    for number, element in enumerate(elements, start=1):
        if next(islice(element.iter(), _MOST_ELEMENTS, None), None) is None:
            root.remove(element)
            records.append(_read_or_fault(element, number, agree))
        else:
            records.append(_overfull(element, number))
        elements[number - 1] = root
    return Upload(creation_time, file_id, quantity, organisation, tuple(records))


def _overfull(element: etree._Element, number: int) -> FaultyRecord:
    # Left in the tree: taking it out would cost libxml2 the square of its size.
    error = DecodeError("Record too large", expected=f"at most {_MOST_ELEMENTS} elements")
    return FaultyRecord(
        error.requirement, str(error), line_of(element), _nhs_number_of(element), f"/File/record[{number}]"
    )


def _read_or_fault(element: etree._Element, number: int, agree: bool) -> PlanRecord | FaultyRecord:
    try:
        outer = Reader(element)
        inner = outer.one("CP-ISRecord", requirement="CPIS-UPL-014")
        outer.done()
        return read_record(inner, agree=agree)
    except DecodeError as error:
        reason = DecodeError(error.what, expected=error.expected, found=error.found, mend=error.mend)
        return FaultyRecord(
            error.requirement,
            str(reason),
            error.line,
            _nhs_number_of(element),
            error.xpath.replace("/record", f"/File/record[{number}]", 1),
        )


def read_record(element: etree._Element, *, agree: bool = True) -> PlanRecord:
    """One to three plans of one or two subjects.

    Raises:
        DecodeError: When the record breaks the schema or cannot be held.
    """
    reader = Reader(element)
    plans = reader.many("pertinentInformation", least=1, most=3, requirement="CPIS-DAT-006")
    subjects = reader.many("subject", least=1, most=2, requirement="CPIS-DAT-006")
    reader.done()
    return PlanRecord(
        tuple(read_plan(plan, UPLOAD_BLOCKS, agree=agree) for plan in plans),
        tuple(read_subject(subject, agree=agree) for subject in subjects),
    )


def _nhs_number_of(element: etree._Element) -> str | None:
    for identifier in element.iter(f"{{{HL7}}}id"):
        if identifier.get("root") == OID_NHS_NUMBER and (found := identifier.get("extension")):
            return shortened(found, 20)
    return None


def peek_header(body: bytes) -> tuple[str, int]:
    """File id and declared quantity of an upload, as far as they can be read.

    For the reply to a file that is refused: it names the file if it can (ACK-002, ACK-003).

    Returns:
        Both, or `("-1", -1)` when either is unreadable or the file has a document type declaration, which keeps it
        unread (MSG-002).
    """
    if has_document_type(body):
        return UNREADABLE
    parser = etree.XMLPullParser(
        events=("start",), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    found: dict[str, str] = {}
    # Fed in small steps, so that a fault further on does not take away what was readable before it.
    for position in range(0, min(len(body), _PEEK_BYTES), _PEEK_STEP):
        try:
            parser.feed(body[position : position + _PEEK_STEP])
            going = _note_header(parser, found)
        except (etree.XMLSyntaxError, ValueError):
            _note_header(parser, found)
            break
        if not going:
            break
    file_id, quantity = found.get("id", ""), found.get("transmissionQuantity", "")
    if not file_id or not re.fullmatch(r"[ \t\n\r]*\+?[0-9]{1,18}[ \t\n\r]*", quantity):
        return UNREADABLE
    return file_id, int(quantity)


def _note_header(parser: etree.XMLPullParser, found: dict[str, str]) -> bool:
    """Note id and quantity from what was parsed so far; false when there is nothing more to find."""
    for _, element in parser.read_events():
        assert isinstance(element, etree._Element), "only start events were asked for"
        parent = element.getparent()
        name = local_name(element)
        if parent is None:
            if name != "File":
                return False
        elif parent.getparent() is None:
            if name == "record":
                return False
            attribute = {"id": "extension", "transmissionQuantity": "value"}.get(name)
            if attribute and (value := element.get(attribute)):
                found.setdefault(name, value)
    return True
