"""Message 3: a care setting asks about one NHS number, interaction QUPC_IN000006GB01.

Source: CP-IS DMS 1.0-RC5, QUPC_MT000006GB01; Patch D for the silent-read flag.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Final

from lxml import etree

from cpis_simulator.codecs.authors import DEVICE, PERSON, read_author, write_author
from cpis_simulator.codecs.parts import read_extension, read_uuid, write_id
from cpis_simulator.codecs.reader import Reader
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.wrapper import (
    read_control_act,
    read_wrapper,
    transmission_of,
    wrapper_reader,
    write_control_authors,
    write_wrapper,
)
from cpis_simulator.codecs.xml import blaming, fault, local_name, parse_document
from cpis_simulator.model import Coded, Query, QueryMessage
from cpis_simulator.vocabulary import HL7, OID_FAULT

__all__ = ["INTERACTION", "decode_query", "encode_query", "query_faults", "transmission_of"]

INTERACTION: Final = "QUPC_IN000006GB01"
_FLAG: Final = "accessEventType"
_FLAG_VALUES: Final = {"true": True, "1": True, "false": False, "0": False}


def encode_query(message: QueryMessage) -> bytes:
    """Write a query; the silent-read flag only when it is set."""
    query = message.query
    flag = ""
    if query.unscheduled is not None:
        flag = f'<{_FLAG}><value value="{str(query.unscheduled).lower()}"/></{_FLAG}>'
    stub = (
        '<subject typeCode="SUBJ"><CP-ISQueryStub><cP-ISNHSQuery>\n'
        f'<effectiveTime value="{write_time(query.effective_time)}"/>{write_id("id", root=query.event_id)}\n'
        f"{write_author(query.author)}\n"
        f"<queryByParameter>{flag}<person.NHSnumber>{write_id('value', extension=query.nhs_number)}</person.NHSnumber>"
        "</queryByParameter>\n</cP-ISNHSQuery></CP-ISQueryStub></subject>\n"
    )
    authors = write_control_authors(message.transmission.sender_asid, query.author)
    return write_wrapper(INTERACTION, message.transmission, authors + stub)


def decode_query(message: bytes | etree._Element) -> QueryMessage:
    """Read a query, from its bytes or from the element inside an envelope.

    Raises:
        DecodeError: When it is not one, breaks the schema, or cannot be held.

    Source: CP-IS DMS 1.0-RC5, QUPC_IN000006GB01; CP-IS rules QRY-003 to QRY-009.
    """
    with blaming("care"):
        root = parse_document(message) if isinstance(message, bytes) else message
        wrapper = read_wrapper(root, INTERACTION, acknowledges=False)
        control_act = read_control_act(wrapper.control_act)
        subject = wrapper_reader(control_act.one("subject"), "contextConductionInd")
        control_act.done({"query": "CPIS-MSG-005"})
        stub = Reader(subject.one("CP-ISQueryStub"))
        subject.done()
        inner = stub.one("cP-ISNHSQuery")
        stub.done()
        return QueryMessage(wrapper.transmission, _read_query(inner))


def _read_query(element: etree._Element) -> Query:
    unscheduled, element = _take_flag(element)
    reader = Reader(element)
    effective_time = read_time(reader.one("effectiveTime", requirement="CPIS-QRY-007"))
    event_id = read_uuid(reader.one("id", requirement="CPIS-QRY-007"), requirement="CPIS-QRY-007")
    author = read_author(reader.one("author", requirement="CPIS-QRY-003"))
    parameter = Reader(reader.one("queryByParameter", requirement="CPIS-QRY-001"))
    reader.done()
    return Query(effective_time, event_id, author, read_number_parameter(parameter), unscheduled)


def read_number_parameter(parameter: Reader) -> str:
    """The NHS number of a query, from inside `queryByParameter`."""
    number = Reader(parameter.one("person.NHSnumber", requirement="CPIS-QRY-001"))
    parameter.done()
    value = read_extension(number.one("value", requirement="CPIS-QRY-001"), requirement="CPIS-QRY-001")
    number.done()
    return value


def write_number_parameter(nhs_number: str) -> str:
    """A `queryByParameter` as answers repeat it: the number, never the flag."""
    value = write_id("value", extension=nhs_number)
    return f"<queryByParameter><person.NHSnumber>{value}</person.NHSnumber></queryByParameter>"


def _take_flag(element: etree._Element) -> tuple[bool | None, etree._Element]:
    # Only name and value of the Patch D flag are public, so it is taken wherever it stands below the query, and the
    # rest is read from a copy without it.
    flags = [e for e in element.iterdescendants() if local_name(e) == _FLAG]
    if not flags:
        return None, element
    values = {_flag_value(flag) for flag in flags}
    if len(values) > 1:
        raise fault(flags[1], f"{_FLAG} says two things", "CPIS-QRY-008", expected="one value")
    element = copy.deepcopy(element)
    for flag in [e for e in element.iterdescendants() if local_name(e) == _FLAG]:
        parent = flag.getparent()
        if parent is not None:
            parent.remove(flag)
    return values.pop(), element


def _flag_value(flag: etree._Element) -> bool:
    child = next((e for e in flag if local_name(e) == "value"), None)
    found = flag.get("value") or (child.get("value") if child is not None else None) or flag.text or ""
    value = _FLAG_VALUES.get(found.strip().lower())
    if value is None:
        raise fault(flag, _FLAG, "CPIS-QRY-008", expected="true or false", found=found.strip())
    return value


# What the service itself checks (Spine validation stylesheet): every fault, not only the first.


def query_faults(element: etree._Element) -> tuple[Coded, ...]:
    """Every fault that the service reports about a query, in the order of its own checks.

    Args:
        element: The interaction, QUPC_IN000006GB01 or what calls itself so.

    Returns:
        The codes for an application acknowledgement (RSP-011), empty when there is nothing to report.
    """
    return (*_wrapper_faults(element), *_payload_faults(element))


def _wrapper_faults(element: etree._Element) -> Iterator[Coded]:
    for name, attribute, code in (
        ("id", "root", "INVALID_ID"),
        ("creationTime", "value", "INVALID_CREATION_TIME"),
        ("versionCode", "code", "INVALID_VERSION_CODE"),
    ):
        found = element.findall(f"{{{HL7}}}{name}")
        if len(found) != 1 or not found[0].get(attribute):
            yield _fault(code)
    named = element.find(f"{{{HL7}}}interactionId")
    if named is None or named.get("extension") != local_name(element):
        yield _fault("INCONSISTENT_HL7_INTERACTION_ID")
    for side, code in (("Rcv", "INVALID_COMM_FUNC_RCV"), ("Snd", "INVALID_COMM_FUNC_SND")):
        if len(_values(element, f"communicationFunction{side}/device/id", "extension")) != 1:
            yield _fault(code)
    if len(element.findall(f"{{{HL7}}}ControlActEvent")) != 1:
        yield _fault("INVALID_CONTROL_ACT")
    systems = _values(element, "ControlActEvent/author1/AgentSystemSDS/agentSystemSDS/id", "extension")
    if len(systems) != 1:
        yield _missing("author1")


def _payload_faults(element: etree._Element) -> Iterator[Coded]:
    query = f"{{{HL7}}}cP-ISNHSQuery"
    found = next(element.iter(query), None)
    payload = found if found is not None else etree.Element(query)
    if not _values(payload, "id", "root"):
        yield _missing("Event ID")
    if not _values(payload, "effectiveTime", "value"):
        yield _missing("Event Time")
    if not _values(payload, "queryByParameter/person.NHSnumber/value", "extension"):
        yield _missing("NHS Number")
    persons = payload.findall(_path(f"author/{PERSON}"))
    devices = payload.findall(_path(f"author/{DEVICE}"))
    if len(persons) + len(devices) != 1:
        yield _missing("[authorPerson or authorDevice]")
    elif persons:
        yield from _absent(persons[0], _PERSON_ITEMS)
    else:
        yield from _absent(devices[0], _DEVICE_ITEMS)


_PERSON_ITEMS: Final = (
    ("Job Role Code", "code", "code"),
    ("Job Role Name", "code", "displayName"),
    ("Organisation Code", "representedOrganization/id", "extension"),
    ("Organisation Name", "representedOrganization/name", None),
    ("authorID", "id", "extension"),
)
_DEVICE_ITEMS: Final = (
    ("authorDevice.systemID", "id", "extension"),
    ("authorDevice.orgCode", "maintainingOrganization/id", "extension"),
    ("authorDevice.orgName", "maintainingOrganization/name", None),
    ("authorDevice.jobRoleCode", "indirectAuthority/superiorAssignedEntity/code", "code"),
    ("authorDevice.jobRoleName", "indirectAuthority/superiorAssignedEntity/code", "displayName"),
    ("authorDevice.assignedPersonName", "indirectAuthority/superiorAssignedEntity/assignedPerson/name", None),
)


def _absent(block: etree._Element, items: tuple[tuple[str, str, str | None], ...]) -> Iterator[Coded]:
    for item, path, attribute in items:
        if not _values(block, path, attribute):
            yield _missing(item)


def _path(path: str) -> str:
    return "/".join(f"{{{HL7}}}{step}" for step in path.split("/"))


def _values(element: etree._Element, path: str, attribute: str | None) -> list[str]:
    """Non-empty values at a path: of an attribute, or of the text inside."""
    found = element.findall(_path(path))
    values = [e.get(attribute) or "" for e in found] if attribute else ["".join(map(str, e.itertext())) for e in found]
    return [value for value in values if value.strip()]


def _missing(item: str) -> Coded:
    return _fault("MANDATORY_DATA_MISSING", item)


def _fault(code: str, item: str = "") -> Coded:
    label = code.replace("_", " ").capitalize().replace("hl7", "HL7")
    return Coded(code, f"{label}: {item}" if item else label, OID_FAULT)
