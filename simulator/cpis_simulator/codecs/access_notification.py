"""Message 5: an authority is told who looked at its records, `CP-ISAccessToServiceNotification`.

Source: CP-IS DMS 1.0-RC5, REPC_MT000004GB01.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from cpis_simulator.codecs.authors import read_author, write_author
from cpis_simulator.codecs.parts import (
    read_count,
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
from cpis_simulator.model import AccessGroup, AccessNotification, NotifiedAccess
from cpis_simulator.vocabulary import MessageKind

_ROOT: Final = "CP-ISAccessToServiceNotification"


def encode_access_notification(notification: AccessNotification) -> bytes:
    """Write an access notification."""
    groups = "".join(_write_group(group) for group in notification.groups)
    return (
        f"{DECLARATION}<{_ROOT} {NAMESPACES}>\n"
        f'<effectiveTime value="{write_time(notification.effective_time)}"/>\n'
        f"{write_id('id', root=notification.message_id)}\n"
        "<pertinentInformation><pertinentTotalReturnedRecords>"
        f'<value value="{notification.total}"/></pertinentTotalReturnedRecords></pertinentInformation>\n'
        f"{groups}{write_recipient(notification.recipient)}\n</{_ROOT}>\n"
    ).encode()


def _write_group(group: AccessGroup) -> str:
    accesses = "".join(_write_access(access) for access in group.accesses)
    return (
        f"<pertinentInformation1><pertinentCP-ISRecordAccess>\n{accesses}<reference><referredToLAUploadFile>"
        f"{write_id('value', extension=group.upload_file_id)}</referredToLAUploadFile></reference>\n"
        "</pertinentCP-ISRecordAccess></pertinentInformation1>\n"
    )


def _write_access(access: NotifiedAccess) -> str:
    return (
        "<pertinentInformation2><pertinentCP-ISNHSQuery>"
        f'<effectiveTime value="{write_time(access.effective_time)}"/>{write_id("id", root=access.event_id)}\n'
        f"{write_author(access.author)}\n<queryByParameter><person.id>"
        f"{write_person_ids('value', access.nhs_number, access.local_id)}</person.id></queryByParameter>"
        "</pertinentCP-ISNHSQuery></pertinentInformation2>\n"
    )


def decode_access_notification(document: bytes | etree._Element) -> AccessNotification:
    """Read an access notification; one without accesses is legal (NTF-008).

    Raises:
        DecodeError: When it is not one, or breaks the schema.

    Source: CP-IS DMS 1.0-RC5, REPC_MT000004GB01.
    """
    with blaming("service"):
        root = read_document(document, MessageKind.ACCESS_NOTIFICATION)
        return AccessNotification(
            read_time(pick(root, "effectiveTime")),
            attribute_at(root, "id", "root"),
            read_count(pick(root, "pertinentInformation/pertinentTotalReturnedRecords/value")),
            tuple(_read_group(e) for e in pick_all(root, "pertinentInformation1/pertinentCP-ISRecordAccess")),
            read_recipient(pick(root, "primaryInformationRecipient")),
        )


def _read_group(element: etree._Element) -> AccessGroup:
    return AccessGroup(
        attribute_at(element, "reference/referredToLAUploadFile/value", "extension"),
        tuple(_read_access(e) for e in pick_all(element, "pertinentInformation2/pertinentCP-ISNHSQuery")),
    )


def _read_access(element: etree._Element) -> NotifiedAccess:
    # Here `person.id` with roots, where the query has `person.NHSnumber` without.
    nhs_number, local_id = read_person_ids(pick_all(element, "queryByParameter/person.id/value"))
    return NotifiedAccess(
        read_time(pick(element, "effectiveTime")),
        attribute_at(element, "id", "root"),
        read_author(pick(element, "author")),
        nhs_number,
        local_id,
    )
