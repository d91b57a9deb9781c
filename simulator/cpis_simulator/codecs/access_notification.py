"""Message 5: an authority is told who looked at its records, `CP-ISAccessToServiceNotification`.

Source: CP-IS DMS 1.0-RC5, REPC_MT000004GB01.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from cpis_simulator.codecs.authors import read_author, write_author
from cpis_simulator.codecs.parts import (
    read_count,
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
from cpis_simulator.model import AccessGroup, AccessNotification, NotifiedAccess

_ROOT: Final = "CP-ISAccessToServiceNotification"
_GROUP_RULE: Final = "CPIS-NTF-006"
_ACCESS_RULE: Final = "CPIS-NTF-007"


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


def decode_access_notification(body: bytes) -> AccessNotification:
    """Read an access notification; one without accesses is legal (NTF-008).

    Raises:
        DecodeError: When it is not one, or breaks the schema.

    Source: CP-IS DMS 1.0-RC5, REPC_MT000004GB01.
    """
    with blaming("service"):
        reader = root_reader(parse_document(body), _ROOT)
        effective_time = read_time(reader.one("effectiveTime"))
        message_id = read_uuid(reader.one("id"))
        outer = Reader(reader.one("pertinentInformation", requirement=_GROUP_RULE))
        inner = Reader(outer.one("pertinentTotalReturnedRecords", requirement=_GROUP_RULE))
        outer.done()
        total = read_count(inner.one("value", requirement=_GROUP_RULE))
        inner.done()
        groups = tuple(_read_group(e) for e in reader.many("pertinentInformation1"))
        recipient = read_recipient(
            reader.one("primaryInformationRecipient", requirement=_GROUP_RULE), requirement=_GROUP_RULE
        )
        reader.done()
        return AccessNotification(effective_time, message_id, total, groups, recipient)


def _read_group(element: etree._Element) -> AccessGroup:
    outer = Reader(element)
    reader = Reader(outer.one("pertinentCP-ISRecordAccess", requirement=_GROUP_RULE))
    outer.done()
    accesses = tuple(_read_access(e) for e in reader.many("pertinentInformation2", least=1, requirement=_GROUP_RULE))
    reference = Reader(reader.one("reference", requirement=_GROUP_RULE))
    reader.done()
    file = Reader(reference.one("referredToLAUploadFile", requirement=_GROUP_RULE))
    reference.done()
    file_id = read_extension(file.one("value", requirement=_GROUP_RULE), requirement=_GROUP_RULE)
    file.done()
    return AccessGroup(file_id, accesses)


def _read_access(element: etree._Element) -> NotifiedAccess:
    outer = Reader(element)
    reader = Reader(outer.one("pertinentCP-ISNHSQuery", requirement=_ACCESS_RULE))
    outer.done()
    effective_time = read_time(reader.one("effectiveTime", requirement=_ACCESS_RULE))
    event_id = read_uuid(reader.one("id", requirement=_ACCESS_RULE))
    author = read_author(reader.one("author", requirement=_ACCESS_RULE))
    parameter = Reader(reader.one("queryByParameter", requirement=_ACCESS_RULE))
    reader.done()
    # Here `person.id` with roots, where the query has `person.NHSnumber` without.
    person = Reader(parameter.one("person.id"))
    parameter.done()
    nhs_number, local_id = read_person_ids(person.many("value", least=1, most=2, requirement=_ACCESS_RULE))
    person.done()
    return NotifiedAccess(effective_time, event_id, author, nhs_number, local_id)
