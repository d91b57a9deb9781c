"""Message 1: an authority's upload file, `File`.

Source: CP-IS DMS 1.0-RC5, REPC_MT000002GB01.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import UPLOAD_BLOCKS, write_id, write_organisation, write_plan, write_subject
from cpis_simulator.codecs.times import write_time
from cpis_simulator.codecs.upload_reader import UploadReader
from cpis_simulator.codecs.xml import has_document_type, local_name
from cpis_simulator.model import FaultyRecord, PlanRecord, Upload, UploadHeader
from cpis_simulator.vocabulary import HL7, LOCALISATION

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACES: Final = f'xmlns="{HL7}" xmlns:npfitlc="{LOCALISATION}"'
UNREADABLE: Final = ("-1", -1)

_PEEK_BYTES: Final = 65_536
_PEEK_STEP: Final = 256


def encode_upload(upload: Upload) -> bytes:
    """Write an upload file.

    Raises:
        ValueError: When one of its records is a `FaultyRecord`, which holds no content to write.
    """
    return "".join(write_upload(upload.header(), upload.records)).encode()


def write_upload(header: UploadHeader, records: Iterable[PlanRecord | FaultyRecord]) -> Iterator[str]:
    """Write an upload file piece by piece, however many records it has.

    Raises:
        ValueError: When one of its records is a `FaultyRecord`, which holds no content to write.
    """
    yield (
        f'{DECLARATION}<File {NAMESPACES}>\n<creationTime value="{write_time(header.creation_time)}"/>\n'
        f"{write_id('id', extension=header.file_id)}\n"
        f'<transmissionQuantity value="{header.quantity}"/>\n'
        f"<communicationFunctionSnd>{write_organisation('organisation', header.sender)}</communicationFunctionSnd>\n"
    )
    for record in records:
        if isinstance(record, FaultyRecord):
            raise ValueError(f"a faulty record cannot be written: {record.reason}")
        yield f"<record>{write_record('CP-ISRecord', record)}</record>\n"
    yield "</File>\n"


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
    reader = UploadReader(content_id=content_id)
    records = [read.record for read in (*reader.feed(body), *reader.close())]
    header = reader.header
    assert header is not None, "a file without records is refused"
    return Upload(header.creation_time, header.file_id, header.quantity, header.sender, tuple(records))


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
