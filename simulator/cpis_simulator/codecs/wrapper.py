"""The HL7 transmission wrapper and control act around a query and its replies.

Unlike the payloads, wrappers do carry classCode, moodCode and typeCode.

Source: CP-IS DMS 1.0-RC5, TMS implementation; MCCI_MT010101UK12, MCCI_MT020101UK12, QUQI_MT030101UK03,
MCAI_MT040101UK03.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import write_id
from cpis_simulator.codecs.picking import attribute_at, pick, pick_all
from cpis_simulator.codecs.upload import DECLARATION, NAMESPACES
from cpis_simulator.codecs.xml import attribute, fault, local_name
from cpis_simulator.model import Author, PersonAuthor, Transmission
from cpis_simulator.vocabulary import (
    HL7,
    OID_ASID,
    OID_INTERACTION,
    OID_SDS_JOB_ROLE,
    OID_SDS_ROLE_PROFILE,
    OID_SDS_USER,
    VERSION_CODE,
)

_RULE: Final = "CPIS-MSG-011"
_UUID: Final = re.compile(r"[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}")
_PROCESSING: Final = {"processingCode": "DPT", "processingModeCode": "AIRT"}
_AUTHOR: Final = {"typeCode": "AUT"}
_DEVICE: Final = {"classCode": "DEV", "determinerCode": "INSTANCE"}
_FIXED: Final = (
    ("communicationFunctionRcv", {"typeCode": "RCV"}),
    ("communicationFunctionRcv/device", _DEVICE),
    ("communicationFunctionSnd", {"typeCode": "SND"}),
    ("communicationFunctionSnd/device", _DEVICE),
    ("ControlActEvent", {"classCode": "CACT", "moodCode": "EVN"}),
    ("ControlActEvent/author", _AUTHOR),
    ("ControlActEvent/author/AgentPersonSDS", {"classCode": "AGNT"}),
    ("ControlActEvent/author/AgentPersonSDS/agentPersonSDS", {"classCode": "PSN", "determinerCode": "INSTANCE"}),
    ("ControlActEvent/author/AgentPersonSDS/part", {"typeCode": "PART"}),
    ("ControlActEvent/author/AgentPersonSDS/part/partSDSRole", {"classCode": "ROL"}),
    ("ControlActEvent/author1", _AUTHOR),
    ("ControlActEvent/author1/AgentSystemSDS", {"classCode": "AGNT"}),
    ("ControlActEvent/author1/AgentSystemSDS/agentSystemSDS", _DEVICE),
    ("ControlActEvent/reason", {"typeCode": "RSON"}),
    ("ControlActEvent/reason/justifyingDetectedIssueEvent", {"classCode": "ALRT", "moodCode": "EVN"}),
    ("ControlActEvent/subject", {"typeCode": "SUBJ"}),
)
"""Values that the model fixes; in a wrapper they may be sent, and then must be right."""


def write_wrapper(
    interaction: str, transmission: Transmission, control_act: str, *, acknowledgement: str = ""
) -> bytes:
    """A whole interaction around a control act and, where it answers one, an acknowledgement."""
    return (
        f"{DECLARATION}<{interaction} {NAMESPACES}>\n"
        f"{write_id('id', root=transmission.message_id)}\n"
        f'<creationTime value="{attribute(transmission.creation_time)}"/>\n'
        f'<versionCode code="{VERSION_CODE}"/>\n'
        f"{write_id('interactionId', root=OID_INTERACTION, extension=interaction)}\n"
        '<processingCode code="P"/>\n<processingModeCode code="T"/>\n<acceptAckCode code="NE"/>\n'
        f"{acknowledgement}"
        f"{_write_function('Rcv', transmission.receiver_asid)}{_write_function('Snd', transmission.sender_asid)}"
        f'<ControlActEvent classCode="CACT" moodCode="EVN">\n{control_act}</ControlActEvent>\n'
        f"</{interaction}>\n"
    ).encode()


def _write_function(side: str, asid: str) -> str:
    return (
        f'<communicationFunction{side} typeCode="{side.upper()}"><device classCode="DEV" determinerCode="INSTANCE">'
        f"{write_id('id', root=OID_ASID, extension=asid)}</device></communicationFunction{side}>\n"
    )


def write_control_authors(asid: str, author: Author | None = None) -> str:
    """`author` for a signed-in worker whose role profile is known, then `author1` for the system."""
    person = ""
    if isinstance(author, PersonAuthor) and author.role_profile_id is not None:
        person = (
            '<author typeCode="AUT"><AgentPersonSDS classCode="AGNT">'
            f"{write_id('id', root=OID_SDS_ROLE_PROFILE, extension=author.role_profile_id)}"
            '<agentPersonSDS classCode="PSN" determinerCode="INSTANCE">'
            f"{write_id('id', root=OID_SDS_USER, extension=author.user_id)}</agentPersonSDS>"
            '<part typeCode="PART"><partSDSRole classCode="ROL">'
            f"{write_id('id', root=OID_SDS_JOB_ROLE, extension=author.role_code)}</partSDSRole></part>"
            "</AgentPersonSDS></author>\n"
        )
    return (
        f'{person}<author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT">'
        '<agentSystemSDS classCode="DEV" determinerCode="INSTANCE">'
        f"{write_id('id', root=OID_ASID, extension=asid)}</agentSystemSDS></AgentSystemSDS></author1>\n"
    )


def read_wrapper(root: etree._Element) -> Transmission:
    """The transmission wrapper of an interaction.

    The schema is strict about the wrapper of a query and its answer and loose about the others'; here they are alike.

    Raises:
        DecodeError: With `CPIS-MSG-011` when `interactionId` names another message or a fixed value is another, with
            `CPIS-MSG-007` when the message or a side has no id.
    """
    interaction, named = local_name(root), pick(root, "interactionId")
    if named.get("root") != OID_INTERACTION or named.get("extension") != interaction:
        found = named.get("extension")
        raise fault(named, "interactionId names another message", _RULE, expected=interaction, found=found)
    identifier = pick(root, "id")
    if not _UUID.fullmatch(identifier.get("root", "")):
        found = identifier.get("root")
        raise fault(identifier, "Message id", "CPIS-MSG-007", expected="an upper-case UUID", found=found)
    for name, codes in _PROCESSING.items():
        code = pick(root, name)
        if (found := code.get("code") or "nothing") not in tuple(codes):
            raise fault(code, name, _RULE, expected=", ".join(codes), found=found)
    for path, values in _FIXED:
        for element in pick_all(root, path):
            _check_fixed(element, values)
    return Transmission(
        identifier.get("root", ""),
        attribute_at(root, "creationTime", "value"),
        sender_asid=_asid(pick(root, "communicationFunctionSnd/device")),
        receiver_asid=_asid(pick(root, "communicationFunctionRcv/device")),
    )


def _check_fixed(element: etree._Element, values: Mapping[str, str]) -> None:
    for name, expected in values.items():
        if (found := element.get(name, expected)) != expected:
            raise fault(element, f"{name} of {local_name(element)}", _RULE, expected=expected, found=found)


def _asid(device: etree._Element) -> str:
    ids = pick_all(device, "id")
    for found in ids:
        if found.get("root") == OID_ASID:
            return found.get("extension", "")
    raise fault(
        device, "System id of the wrapper", "CPIS-MSG-007", expected=OID_ASID, found=ids[0].get("root") if ids else ""
    )


def transmission_of(element: etree._Element) -> Transmission:
    """The wrapper of any interaction, as far as it can be read; what is missing is empty."""

    def value(path: str, name: str) -> str:
        found = element.find("/".join(f"{{{HL7}}}{step}" for step in path.split("/")))
        return (found.get(name) or "") if found is not None else ""

    return Transmission(
        message_id=value("id", "root"),
        creation_time=value("creationTime", "value"),
        sender_asid=value("communicationFunctionSnd/device/id", "extension"),
        receiver_asid=value("communicationFunctionRcv/device/id", "extension"),
    )
