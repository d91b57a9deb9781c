"""Message 6: NHS numbers that are no longer in use, `CP-ISInactiveNHSNumberNotification`.

Source: CP-IS DMS 1.0-RC5, REPC_MT000005GB01.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import (
    read_extension,
    read_person_ids,
    read_recipient,
    read_uuid,
    write_id,
    write_person_ids,
    write_recipient,
)
from cpis_simulator.codecs.reader import Reader, root_reader
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.upload import DECLARATION, NAMESPACES
from cpis_simulator.codecs.xml import blaming, parse_document
from cpis_simulator.model import InactiveNumber, InactiveNumberNotification

_ROOT: Final = "CP-ISInactiveNHSNumberNotification"
_RULE: Final = "CPIS-INA-002"


def encode_inactive_notification(notification: InactiveNumberNotification) -> bytes:
    """Write an inactive-number notification."""
    numbers = "".join(_write_number(number) for number in notification.numbers)
    return (
        f"{DECLARATION}<{_ROOT} {NAMESPACES}>\n"
        f'<effectiveTime value="{write_time(notification.effective_time)}"/>\n'
        f"{write_id('id', root=notification.message_id)}\n"
        f"{write_recipient(notification.recipient)}\n{numbers}</{_ROOT}>\n"
    ).encode()


def _write_number(number: InactiveNumber) -> str:
    new = "".join(write_id("id", extension=replacement) for replacement in number.replacements)
    replaced = f"<replacedBy><newVersion>{new}</newVersion></replacedBy>" if new else ""
    return (
        f"<subject><pDSInactivePatient>{write_person_ids('id', number.nhs_number, number.local_id)}{replaced}"
        f"<subjectOf><lAUploadFile>{write_id('value', extension=number.upload_file_id)}</lAUploadFile></subjectOf>"
        "</pDSInactivePatient></subject>\n"
    )


def decode_inactive_notification(body: bytes) -> InactiveNumberNotification:
    """Read an inactive-number notification; several replacements for one number are tolerated.

    Raises:
        DecodeError: When it is not one, or breaks the schema.

    Source: CP-IS DMS 1.0-RC5, REPC_MT000005GB01.
    """
    with blaming("service"):
        reader = root_reader(parse_document(body), _ROOT)
        effective_time = read_time(reader.one("effectiveTime"))
        message_id = read_uuid(reader.one("id"))
        recipient = read_recipient(reader.one("primaryInformationRecipient"), requirement="CPIS-INA-001")
        subjects = reader.many("subject", least=1, requirement="CPIS-INA-001")
        reader.done()
        numbers = tuple(_read_number(subject) for subject in subjects)
        return InactiveNumberNotification(effective_time, message_id, recipient, numbers)


def _read_number(element: etree._Element) -> InactiveNumber:
    outer = Reader(element)
    reader = Reader(outer.one("pDSInactivePatient", requirement=_RULE))
    outer.done()
    nhs_number, local_id = read_person_ids(reader.many("id", least=1, most=2, requirement=_RULE))
    replaced = reader.maybe("replacedBy", requirement=_RULE)
    subject_of = Reader(reader.one("subjectOf", requirement=_RULE))
    reader.done()
    file = Reader(subject_of.one("lAUploadFile", requirement=_RULE))
    subject_of.done()
    file_id = read_extension(file.one("value", requirement=_RULE), requirement=_RULE)
    file.done()
    return InactiveNumber(nhs_number, file_id, local_id, _read_replacements(replaced))


def _read_replacements(element: etree._Element | None) -> tuple[str, ...]:
    if element is None:
        return ()
    outer = Reader(element)
    inner = Reader(outer.one("newVersion", requirement=_RULE))
    outer.done()
    found = tuple(read_extension(e, requirement=_RULE) for e in inner.many("id", least=1, requirement=_RULE))
    inner.done()
    return found
