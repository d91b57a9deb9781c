"""Message 6: NHS numbers that are no longer in use, `CP-ISInactiveNHSNumberNotification`.

Source: CP-IS DMS 1.0-RC5, REPC_MT000005GB01.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import (
    read_person_ids,
    read_recipient,
    write_id,
    write_person_ids,
    write_recipient,
)
from cpis_simulator.codecs.picking import attribute_at, pick, pick_all
from cpis_simulator.codecs.structure import read_document
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.upload import DECLARATION, NAMESPACES
from cpis_simulator.codecs.xml import blaming
from cpis_simulator.model import InactiveNumber, InactiveNumberNotification
from cpis_simulator.vocabulary import MessageKind

_ROOT: Final = "CP-ISInactiveNHSNumberNotification"


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


def decode_inactive_notification(document: bytes | etree._Element) -> InactiveNumberNotification:
    """Read an inactive-number notification; several replacements for one number are tolerated.

    Raises:
        DecodeError: When it is not one, or breaks the schema.

    Source: CP-IS DMS 1.0-RC5, REPC_MT000005GB01.
    """
    with blaming("service"):
        root = read_document(document, MessageKind.INACTIVE_NOTIFICATION)
        return InactiveNumberNotification(
            read_time(pick(root, "effectiveTime")),
            attribute_at(root, "id", "root"),
            read_recipient(pick(root, "primaryInformationRecipient")),
            tuple(_read_number(e) for e in pick_all(root, "subject/pDSInactivePatient")),
        )


def _read_number(element: etree._Element) -> InactiveNumber:
    nhs_number, local_id = read_person_ids(pick_all(element, "id"))
    return InactiveNumber(
        nhs_number,
        attribute_at(element, "subjectOf/lAUploadFile/value", "extension"),
        local_id,
        tuple(e.get("extension", "") for e in pick_all(element, "replacedBy/newVersion/id")),
    )
