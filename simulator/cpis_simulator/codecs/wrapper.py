"""The HL7 transmission wrapper and control act around a query and its replies.

Unlike the payloads, wrappers do carry classCode, moodCode and typeCode.

Source: CP-IS DMS 1.0-RC5, TMS implementation; MCCI_MT010101UK12, MCCI_MT020101UK12, QUQI_MT030101UK03,
MCAI_MT040101UK03.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from cpis_simulator.codecs.parts import read_uuid, write_id
from cpis_simulator.codecs.reader import Reader, attributes, root_reader
from cpis_simulator.codecs.upload import DECLARATION, NAMESPACES
from cpis_simulator.codecs.xml import attribute, fault, local_name, words
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

_COMMON: Final = frozenset({"type", "typeID", "realmCode", "nullFlavor"})
_RULE: Final = "CPIS-MSG-011"
_FIXED: Final = {
    "communicationFunctionRcv": {"typeCode": "RCV"},
    "communicationFunctionSnd": {"typeCode": "SND"},
    "device": {"classCode": "DEV", "determinerCode": "INSTANCE"},
    "ControlActEvent": {"classCode": "CACT", "moodCode": "EVN"},
    "author": {"typeCode": "AUT"},
    "author1": {"typeCode": "AUT"},
    "AgentPersonSDS": {"classCode": "AGNT"},
    "agentPersonSDS": {"classCode": "PSN", "determinerCode": "INSTANCE"},
    "part": {"typeCode": "PART"},
    "partSDSRole": {"classCode": "ROL"},
    "AgentSystemSDS": {"classCode": "AGNT"},
    "agentSystemSDS": {"classCode": "DEV", "determinerCode": "INSTANCE"},
    "reason": {"typeCode": "RSON"},
    "justifyingDetectedIssueEvent": {"classCode": "ALRT", "moodCode": "EVN"},
    "subject": {"typeCode": "SUBJ"},
}
"""Values that the model fixes; in a wrapper they may be sent, and then must be right."""

_OID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*|[0-9A-F]{8}-(?:[0-9A-F]{4}-){3}[0-9A-F]{12}")
_TIME: Final = re.compile(r"[0-9]{1,8}|([0-9]{9,14}|[0-9]{14}\.[0-9]+)([+-][0-9]{1,4})?")
_PROCESSING: Final = {"processingCode": frozenset("DPT"), "processingModeCode": frozenset("AIRT")}

VERSION_CODES: Final = frozenset(
    [f"V3NPfIT{v}" for v in ("2.0", "2.1", "2.2", "2.3", "3.0", "3.1", "4.0.0", "4.1", "4.2.00", "5.0", "5.1", "5.2")]
    + [f"V3NPfIT3.1.{n:02}" for n in range(1, 11)]
    + [f"V3NPfIT4.1.{n:02}" for n in range(1, 5)]
    + ["V3NPfIT5.3", "V3NPfIT5.4.00"]
    + [f"3NPfIT5.5.{n:02}" for n in range(2)]
    + [f"3NPfIT6.1.{n:02}" for n in range(3)]
    + [f"3NPfIT6.2.{n:02}" for n in range(3)]
    + [f"3NPfIT6.3.{n:02}" for n in range(2)]
    + [f"3NPfIT7.2.{n:02}" for n in range(3)]
    + ["3NPfIT7.0.00", "3NPfIT7.1.00", "3NPfIT8.1.00"]
    + [f"3{v}" for v in ("HSCIDMS2.0", "HSCIDMS3.0", "HSCIDMS3.1", "HSCIDMS3.2", "NCDDMS1.0", "NCDDMS2.0", "OOHDMS2.0")]
    + [f"3{v}" for v in ("DISDMS4.0", "EDTDMS4.0", "OPSDMS2.0", "ABMDMS2.0", "GPSDMS1.0")]
    + [f"v3CPI_DMSv1.0:RC{n}" for n in (1, 2, 3)]
    + [f"v3{v}:RC1" for v in ("GPS_DMSv1.0", "TEL_DMSv2.0", "EPS_DMSv3.3.0", "G2G_DMSv1.0")]
    + [f"v3{v}:RC2" for v in ("ABM_DMSv2.0", "DIS_DMSv4.0", "EDT_DMSv4.0", "NCD_DMSv1.0", "HSC_DMSv3.2", "OOH_DMSv2.0")]
    + [f"v3{v}:RC2" for v in ("OPS_DMSv2.0", "EPS_DMSv3.3.0")]
    + [f"v3{v}:FIN" for v in ("INF_DMSv5.7", "EPS_DMSv2.3.1", "EPS_DMSv3.3.0")]
    + [f"v3{v}_DMSv4.{n}:FIN" for v in ("DIS", "EDT", "HSC") for n in range(2)]
    + [f"v3{v}_DMSv2.{n}:FIN" for v in ("ABM", "OOH", "OPS") for n in range(2)]
    + [f"v3NCD_DMSv1.{n}:FIN" for n in range(2)]
)
"""HL7StandardVersionCode of InfVocab 3.0; messages write `vocabulary.VERSION_CODE`."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What a wrapper holds; `acknowledgement` only in a failure or an application acknowledgement."""

    transmission: Transmission
    control_act: etree._Element
    acknowledgement: etree._Element | None = None


def wrapper_reader(element: etree._Element, *optional: str) -> Reader:
    """A reader of an element of the wrapper, whose fixed attributes are checked if they are there.

    Args:
        element: The element.
        optional: Attributes it may have beside the fixed ones.

    Raises:
        DecodeError: With `CPIS-MSG-011` when one of them has another value.
    """
    fixed = _FIXED.get(local_name(element), {})
    for name, expected in fixed.items():
        found = element.get(name, expected)
        if found != expected:
            raise fault(element, f"{name} of {local_name(element)}", _RULE, expected=expected, found=found)
    if len(words(element.get("type", ""))) > 1:
        raise fault(element, f"type of {local_name(element)}", "CPIS-MSG-005", expected="one word")
    if not all(_OID.fullmatch(word) for word in words(element.get("typeID", ""))):
        raise fault(element, f"typeID of {local_name(element)}", "CPIS-MSG-005", expected="object identifiers")
    if "updateMode" in element.attrib:
        raise fault(element, "Attribute that a wrapper does not have", "CPIS-MSG-005", found="updateMode")
    return Reader(element, optional=_COMMON.union(fixed, optional))


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


def read_wrapper(root: etree._Element, interaction: str, *, acknowledges: bool) -> Wrapper:
    """Read an interaction down to its control act.

    Raises:
        DecodeError: When it is another interaction, or the wrapper breaks the schema.
    """
    reader = root_reader(root, interaction, optional=("type",))
    message_id = read_uuid(reader.one("id", requirement="CPIS-MSG-007"))
    creation_time = _read_creation_time(reader.one("creationTime"))
    _read_code(reader.one("versionCode", requirement=_RULE), VERSION_CODES)
    named = reader.one("interactionId", requirement=_RULE)
    found = attributes(named, "root", "extension", requirement=_RULE)
    if found["root"] != OID_INTERACTION or found["extension"] != interaction:
        raise fault(named, "interactionId names another message", _RULE, expected=interaction, found=found["extension"])
    for name, codes in _PROCESSING.items():
        _read_code(reader.one(name, requirement=_RULE), codes)
    _read_code(reader.one("acceptAckCode", requirement=_RULE), None)
    acknowledgement = reader.one("acknowledgement") if acknowledges else None
    receiver_asid, *_ = [_read_device(e) for e in reader.many("communicationFunctionRcv", least=1)]
    sender_asid = _read_device(reader.one("communicationFunctionSnd"))
    control_act = reader.one("ControlActEvent")
    reader.done()
    return Wrapper(Transmission(message_id, creation_time, sender_asid, receiver_asid), control_act, acknowledgement)


def _read_creation_time(element: etree._Element) -> str:
    value = attributes(element, "value")["value"]
    if not _TIME.fullmatch(value):
        raise fault(element, "creationTime", "CPIS-MSG-005", expected="YYYYMMDDHHMMSS", found=value)
    return value


def _read_code(element: etree._Element, codes: frozenset[str] | None) -> str:
    code = attributes(element, "code", requirement=_RULE)["code"]
    if codes is not None and code not in codes:
        expected = VERSION_CODE if codes is VERSION_CODES else ", ".join(sorted(codes))
        raise fault(element, "Code of the wrapper", _RULE, expected=expected, found=code)
    return code


def _read_device(function: etree._Element) -> str:
    reader = wrapper_reader(function)
    device = wrapper_reader(reader.one("device"))
    reader.done()
    ids = [attributes(e, "root", "extension", requirement="CPIS-MSG-007") for e in device.many("id", least=1)]
    device.maybe("agencyFor")
    device.done()
    for found in ids:
        if found["root"] == OID_ASID:
            return found["extension"]
    raise fault(device.element, "System id of the wrapper", "CPIS-MSG-007", expected=OID_ASID, found=ids[0]["root"])


def read_control_act(control_act: etree._Element) -> Reader:
    """Read the authors of a control act; the reader stands behind them.

    Raises:
        DecodeError: With `CPIS-MSG-011` when no system is named.
    """
    reader = wrapper_reader(control_act)
    if (author := reader.maybe("author")) is not None:
        _read_worker(author)
    for system in reader.many("author1", least=1, most=2, requirement=_RULE):
        _only(_only(_only(system, "AgentSystemSDS"), "agentSystemSDS"), "id", leaf=True)
    return reader


def _read_worker(author: etree._Element) -> None:
    reader = wrapper_reader(_only(author, "AgentPersonSDS"))
    _check_identifier(reader.one("id", requirement=_RULE))
    _only(reader.one("agentPersonSDS"), "id", leaf=True)
    _only(_only(reader.one("part"), "partSDSRole"), "id", leaf=True)
    reader.done()


def _only(element: etree._Element, name: str, *, leaf: bool = False) -> etree._Element:
    reader = wrapper_reader(element)
    child = reader.one(name, requirement=_RULE)
    reader.done()
    if leaf:
        _check_identifier(child)
    return child


def _check_identifier(element: etree._Element) -> None:
    root = attributes(element, "root", optional=("extension",), requirement=_RULE)["root"]
    if not _UID.fullmatch(root):
        raise fault(element, "Root of an identifier", "CPIS-MSG-007", expected="an object identifier", found=root)


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
