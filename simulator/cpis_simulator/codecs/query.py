"""Message 3: a care setting asks about one NHS number, interaction QUPC_IN000006GB01.

Source: CP-IS DMS 1.0-RC5, QUPC_MT000006GB01; Patch D for the silent-read flag.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Final

from lxml import etree

from cpis_simulator.codecs.authors import DEVICE, PERSON, read_author, write_author
from cpis_simulator.codecs.parts import write_id
from cpis_simulator.codecs.picking import attribute_at, pick
from cpis_simulator.codecs.schema import schema_of
from cpis_simulator.codecs.structure import require_structure
from cpis_simulator.codecs.times import read_time, write_time
from cpis_simulator.codecs.wrapper import read_wrapper, transmission_of, write_control_authors, write_wrapper
from cpis_simulator.codecs.xml import WHITE_SPACE, blaming, fault, local_name, parse_document
from cpis_simulator.model import Coded, Query, QueryMessage
from cpis_simulator.settings import FlagPlace
from cpis_simulator.vocabulary import HL7, OID_FAULT, OID_SDS_USER, MessageKind

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


def decode_query(message: bytes | etree._Element, *, flag: FlagPlace = "anywhere") -> QueryMessage:
    """Read a query, from its bytes or from the element inside an envelope.

    Args:
        message: The interaction.
        flag: Where the silent-read flag of Patch D may stand (setting `query.access_flag_place`).

    Raises:
        DecodeError: When it is not one, breaks the schema, or cannot be held.

    Source: CP-IS DMS 1.0-RC5, QUPC_IN000006GB01; CP-IS rules QRY-003 to QRY-009.
    """
    with blaming("care"):
        root = parse_document(message) if isinstance(message, bytes) else message
        unscheduled, root = _take_flag(root, flag)
        require_structure(root, schema_of(MessageKind.QUERY, patch_d=False))
        transmission = read_wrapper(root)
        query = pick(root, "ControlActEvent/subject/CP-ISQueryStub/cP-ISNHSQuery")
        return QueryMessage(
            transmission,
            Query(
                read_time(pick(query, "effectiveTime")),
                attribute_at(query, "id", "root"),
                read_author(pick(query, "author")),
                read_number_parameter(query),
                unscheduled,
            ),
        )


def read_number_parameter(element: etree._Element) -> str:
    """The NHS number of a query, from the element that holds `queryByParameter`."""
    return attribute_at(element, "queryByParameter/person.NHSnumber/value", "extension")


def write_number_parameter(nhs_number: str) -> str:
    """A `queryByParameter` as answers repeat it: the number, never the flag."""
    value = write_id("value", extension=nhs_number)
    return f"<queryByParameter><person.NHSnumber>{value}</person.NHSnumber></queryByParameter>"


def _take_flag(root: etree._Element, place: FlagPlace) -> tuple[bool | None, etree._Element]:
    """What the silent-read flag says, and the query without it.

    Only its name and value are public, so it is taken wherever it stands below the query unless a setting says
    otherwise; the rest is read from a copy without it.
    """
    flags = [e for e in root.iter(f"{{*}}{_FLAG}") if _is_below_query(e)]
    if not flags or place == "refused":
        return None, root
    if place == "first-child":
        require_structure(root, schema_of(MessageKind.QUERY))
    values = {_flag_value(flag) for flag in flags}
    if len(values) > 1:
        raise fault(flags[1], f"{_FLAG} says two things", "CPIS-QRY-008", expected="one value")
    root = copy.deepcopy(root)
    for flag in [e for e in root.iter(f"{{*}}{_FLAG}") if _is_below_query(e)]:
        parent = flag.getparent()
        assert parent is not None, "it is below the query"
        parent.remove(flag)
    return values.pop(), root


def _is_below_query(element: etree._Element) -> bool:
    return any(local_name(e) == "cP-ISNHSQuery" for e in element.iterancestors())


def _flag_value(flag: etree._Element) -> bool:
    child = next((e for e in flag if local_name(e) == "value"), None)
    found = flag.get("value") or (child.get("value") if child is not None else None) or flag.text or ""
    value = _FLAG_VALUES.get(found.strip(WHITE_SPACE).lower())
    if value is None:
        raise fault(flag, _FLAG, "CPIS-QRY-008", expected="true or false", found=found.strip(WHITE_SPACE))
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
        # The role profile's id, which is optional, must not pass for the user's (QRY-004).
        users = [e for e in persons[0].findall(_path("id")) if e.get("root") == OID_SDS_USER]
        if not any((e.get("extension") or "").strip(WHITE_SPACE) for e in users):
            yield _missing("authorID")
    else:
        yield from _absent(devices[0], _DEVICE_ITEMS)


_PERSON_ITEMS: Final = (
    ("Job Role Code", "code", "code"),
    ("Job Role Name", "code", "displayName"),
    ("Organisation Code", "representedOrganization/id", "extension"),
    ("Organisation Name", "representedOrganization/name", None),
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
    return [value for value in values if value.strip(WHITE_SPACE)]


def _missing(item: str) -> Coded:
    return _fault("MANDATORY_DATA_MISSING", item)


def _fault(code: str, item: str = "") -> Coded:
    label = code.replace("_", " ").capitalize().replace("hl7", "HL7")
    return Coded(code, f"{label}: {item}" if item else label, OID_FAULT)
