"""Which requirement a fault of structure breaks, by the place where it is, and what a value there should look like.

A place is written as the last names of a path; the longest entry that fits counts. Attributes have an `@` before their
name.

Source: CP-IS rules, sections 1 to 7 and 10a; CP-IS DMS 1.0-RC5, tabular views.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple, TypeVar

from cpis_simulator.codecs.schema import FOLDER

V = TypeVar("V")

STRUCTURE: Final = "CPIS-MSG-005"
"""Order, number, form of mandatory attributes: wherever no requirement says more."""

_UPLOAD: Final = {
    "File/creationTime": "CPIS-UPL-002",
    "File/id": "CPIS-UPL-002",
    "File/transmissionQuantity": "CPIS-UPL-002",
    "File/communicationFunctionSnd": "CPIS-UPL-002",
    "File/record": "CPIS-UPL-001",
    "record/CP-ISRecord": "CPIS-UPL-014",
    "CP-ISRecord/pertinentInformation": "CPIS-DAT-006",
    "invalidCP-ISRecord/pertinentInformation": "CPIS-DAT-006",
    "CP-ISRecord/pertinentInformation15": "CPIS-DAT-006",
    "CP-ISRecord/subject": "CPIS-DAT-006",
    "invalidCP-ISRecord/subject": "CPIS-DAT-006",
    "organisation": "CPIS-DAT-014",
    "organisation/id": "CPIS-DAT-014",
    "organisation/name": "CPIS-DAT-014",
    "organisation/telecom": "CPIS-DAT-014",
    "organisation/id/@root": "CPIS-DAT-014",
    "organisation/id/@extension": "CPIS-DAT-014",
    "telecom/@value": "CPIS-DAT-014",
    "telecom/@use": "CPIS-DAT-014",
}
_PLANS: Final = {
    place: rule
    for prefix, blocks in (
        ("lAC", ("COCT_TP146100GB01.LACInformation", "COCT_TP146103GB01.LACInformation")),
        ("cPP", ("COCT_TP146101GB01.CPPInformation", "COCT_TP146105GB01.CPPInformation")),
        ("uCP", ("COCT_TP146102GB01.UCPInformation", "COCT_TP146104GB01.UCPInformation")),
    )
    for component, kind, rule_of_date in (
        ("component", "Start", "CPIS-DAT-007"),
        ("component1", "End", "CPIS-DAT-008"),
        ("component2", "Delete", "CPIS-DAT-009"),
    )
    for place, rule in (
        *((f"{block}/{component}", rule_of_date) for block in blocks),
        (f"{component}/{prefix}{kind}Date", rule_of_date),
        (f"{prefix}{kind}Date/value", rule_of_date),
        (f"{prefix}{kind}Date/value/@value", "CPIS-DAT-011"),
    )
}
_PEOPLE: Final = {
    "contentId": "CPIS-MSG-006",
    "contentId/@root": "CPIS-MSG-006",
    "contentId/@extension": "CPIS-MSG-006",
    "COCT_TP145101GB01.Child/id": "CPIS-DAT-013",
    "COCT_TP145101GB01.Child/id/@root": "CPIS-DAT-013",
    "COCT_TP145101GB01.Child/id/@extension": "CPIS-DAT-013",
    "COCT_TP145101GB01.Child/childPerson": "CPIS-DAT-013",
    "COCT_TP145100GB01.UnbornChild/parentMotherPerson": "CPIS-DAT-013",
    "birthTime": "CPIS-DAT-013",
    "birthTime/@value": "CPIS-DAT-013",
    "childPerson/name": "CPIS-DAT-013",
    "parentMotherPerson/name": "CPIS-DAT-013",
    "parentMotherPerson/playedMother": "CPIS-DAT-013",
    "playedMother/id": "CPIS-DAT-013",
    "playedMother/id/@root": "CPIS-DAT-013",
    "playedMother/id/@extension": "CPIS-DAT-013",
    **{
        f"{person}/name/{part}": "CPIS-MSG-009"
        for person in ("childPerson", "parentMotherPerson")
        for part in ("given", "family", "prefix", "suffix", "validTime", "delimiter", "@use")
    },
}
_ACKNOWLEDGEMENT: Final = {
    "FileResponse/id": "CPIS-ACK-002",
    "FileResponse/id/@extension": "CPIS-ACK-002",
    "FileResponse/transmissionQuantity": "CPIS-ACK-003",
    "FileResponse/transmissionQuantity/@value": "CPIS-ACK-003",
    "FileResponse/acknowledgementFile": "CPIS-ACK-004",
    "acknowledgementFile/acknowledgementFileDetail": "CPIS-ACK-004",
    "acknowledgementFileDetail/code": "CPIS-ACK-004",
    "acknowledgementFileDetail/code/@code": "CPIS-ACK-004",
    "acknowledgementFileDetail/code/@displayName": "CPIS-ACK-004",
    "acknowledgementRecord/acknowledgementRecordDetail": "CPIS-ACK-005",
    "acknowledgementRecordDetail/code": "CPIS-ACK-005",
    "acknowledgementRecordDetail/location": "CPIS-ACK-007",
    "FileResponse/communicationFunctionRcv": "CPIS-ACK-001",
    "communicationFunctionRcv/organisation": "CPIS-ACK-001",
    "communicationFunctionRcv/organisation/id": "CPIS-ACK-001",
    "communicationFunctionRcv/organisation/name": "CPIS-ACK-001",
    "FileResponse/failedReturnedCP-ISRecords": "CPIS-ACK-003",
    "FileResponse/successfulReturnedCP-ISRecords": "CPIS-ACK-003",
    "failedReturnedCP-ISRecords/value": "CPIS-ACK-003",
    "successfulReturnedCP-ISRecords/value": "CPIS-ACK-003",
    "pertinentInformation1/validCP-ISRecord": "CPIS-ACK-008",
    "pertinentInformation1/invalidCP-ISRecord": "CPIS-ACK-008",
    "validCP-ISRecord/subject": "CPIS-ACK-008",
    "validCP-ISRecord/pertinentInformation": "CPIS-ACK-008",
}
_PERSON: Final = "COCT_TP145102GB01.AssignedAuthor"
_DEVICE: Final = "COCT_TP145104GB01.System"
_QUERY: Final = {
    "cP-ISNHSQuery/effectiveTime": "CPIS-QRY-007",
    "cP-ISNHSQuery/effectiveTime/@value": "CPIS-DAT-012",
    "cP-ISNHSQuery/id": "CPIS-QRY-007",
    "cP-ISNHSQuery/id/@root": "CPIS-QRY-007",
    "cP-ISNHSQuery/author": "CPIS-QRY-003",
    "cP-ISNHSQuery/queryByParameter": "CPIS-QRY-001",
    "queryByParameter/person.NHSnumber": "CPIS-QRY-001",
    "person.NHSnumber/value": "CPIS-QRY-001",
    "person.NHSnumber/value/@extension": "CPIS-QRY-001",
    "queryByParameter/accessEventType": "CPIS-QRY-008",
    f"author/{_PERSON}": "CPIS-QRY-003",
    f"author/{_DEVICE}": "CPIS-QRY-003",
    "author/contentId": "CPIS-QRY-003",
}
# Everything of an author's that is missing is named by one requirement for a person and one for a system.
_AUTHORS: Final = {_PERSON: "CPIS-QRY-004", _DEVICE: "CPIS-QRY-005"}
_WRAPPER: Final = {
    f"{interaction}/{place}": rule
    for interaction in ("QUPC_IN000006GB01", "REPC_IN000007GB01", "QUQI_IN010000UK14", "MCCI_IN010000UK13")
    for place, rule in (
        ("id", "CPIS-MSG-007"),
        ("id/@root", "CPIS-MSG-007"),
        ("versionCode", "CPIS-MSG-011"),
        ("versionCode/@code", "CPIS-MSG-011"),
        ("interactionId", "CPIS-MSG-011"),
        ("interactionId/@root", "CPIS-MSG-011"),
        ("interactionId/@extension", "CPIS-MSG-011"),
        ("processingCode", "CPIS-MSG-011"),
        ("processingCode/@code", "CPIS-MSG-011"),
        ("processingModeCode", "CPIS-MSG-011"),
        ("processingModeCode/@code", "CPIS-MSG-011"),
        ("acceptAckCode", "CPIS-MSG-011"),
        ("acceptAckCode/@code", "CPIS-MSG-011"),
    )
} | {
    "device/id/@root": "CPIS-MSG-007",
    "device/id/@extension": "CPIS-MSG-007",
    "ControlActEvent/author1": "CPIS-MSG-011",
    "author1/AgentSystemSDS": "CPIS-MSG-011",
    "AgentSystemSDS/agentSystemSDS": "CPIS-MSG-011",
    "agentSystemSDS/id": "CPIS-MSG-011",
    "author/AgentPersonSDS": "CPIS-MSG-011",
    "AgentPersonSDS/id": "CPIS-MSG-011",
    "AgentPersonSDS/agentPersonSDS": "CPIS-MSG-011",
    "AgentPersonSDS/part": "CPIS-MSG-011",
    "QUQI_IN010000UK14/ControlActEvent/reason": "CPIS-RSP-003",
    "QUQI_IN010000UK14/ControlActEvent/subject": "CPIS-RSP-003",
}
_RESPONSE: Final = {
    "REPC_IN000007GB01/ControlActEvent/subject": "CPIS-RSP-001",
    "subject/CP-ISNHSQueryResponse": "CPIS-RSP-001",
    "CP-ISNHSQueryResponse/effectiveTime": "CPIS-RSP-001",
    "CP-ISNHSQueryResponse/id": "CPIS-RSP-001",
    "CP-ISNHSQueryResponse/pertinentInformation11": "CPIS-RSP-001",
    "CP-ISNHSQueryResponse/pertinentInformation12": "CPIS-RSP-001",
    "CP-ISNHSQueryResponse/pertinentInformation14": "CPIS-RSP-003",
    "pertinentInformation11/pertinentTotalReturnedAccessRecords": "CPIS-RSP-001",
    "pertinentInformation12/pertinentTotalReturnedChildRecords": "CPIS-RSP-001",
    "pertinentTotalReturnedAccessRecords/value": "CPIS-RSP-001",
    "pertinentTotalReturnedChildRecords/value": "CPIS-RSP-001",
    "pertinentInformation13/pertinentCP-ISNHSQuery": "CPIS-RSP-006",
    "pertinentInformation13/pertinentCP-ISNHSQuery/effectiveTime": "CPIS-RSP-006",
    "pertinentInformation13/pertinentCP-ISNHSQuery/id": "CPIS-RSP-006",
    "pertinentInformation13/pertinentCP-ISNHSQuery/author": "CPIS-RSP-006",
    "pertinentInformation14/pertinentCP-ISRecordControlAct": "CPIS-RSP-001",
    "pertinentCP-ISRecordControlAct/record": "CPIS-RSP-001",
    "pertinentCP-ISRecordControlAct/record/communicationFunctionSnd": "CPIS-RSP-001",
    "pertinentCP-ISRecordControlAct/record/CP-ISRecord": "CPIS-RSP-001",
    "pertinentCP-ISRecordControlAct/record/communicationFunctionSnd/organisation": "CPIS-RSP-001",
    "pertinentCP-ISRecordControlAct/record/communicationFunctionSnd/organisation/id": "CPIS-RSP-001",
    "pertinentCP-ISRecordControlAct/record/communicationFunctionSnd/organisation/name": "CPIS-RSP-001",
}
_NOTIFICATIONS: Final = {
    "CP-ISAccessToServiceNotification/pertinentInformation": "CPIS-NTF-006",
    "CP-ISAccessToServiceNotification/primaryInformationRecipient": "CPIS-NTF-006",
    "pertinentInformation/pertinentTotalReturnedRecords": "CPIS-NTF-006",
    "pertinentTotalReturnedRecords/value": "CPIS-NTF-006",
    "pertinentInformation1/pertinentCP-ISRecordAccess": "CPIS-NTF-006",
    "pertinentCP-ISRecordAccess/pertinentInformation2": "CPIS-NTF-006",
    "pertinentCP-ISRecordAccess/reference": "CPIS-NTF-006",
    "reference/referredToLAUploadFile": "CPIS-NTF-006",
    "referredToLAUploadFile/value": "CPIS-NTF-006",
    "referredToLAUploadFile/value/@extension": "CPIS-NTF-006",
    "pertinentInformation2/pertinentCP-ISNHSQuery": "CPIS-NTF-007",
    "pertinentInformation2/pertinentCP-ISNHSQuery/effectiveTime": "CPIS-NTF-007",
    "pertinentInformation2/pertinentCP-ISNHSQuery/id": "CPIS-NTF-007",
    "pertinentInformation2/pertinentCP-ISNHSQuery/author": "CPIS-NTF-007",
    "pertinentInformation2/pertinentCP-ISNHSQuery/queryByParameter": "CPIS-NTF-007",
    "person.id/value": "CPIS-NTF-007",
    "IntendedRecipient/representedSourceOrganization": "CPIS-NTF-006",
    "CP-ISInactiveNHSNumberNotification/primaryInformationRecipient": "CPIS-INA-001",
    "CP-ISInactiveNHSNumberNotification/subject": "CPIS-INA-001",
    "subject/pDSInactivePatient": "CPIS-INA-002",
    "pDSInactivePatient/id": "CPIS-INA-002",
    "pDSInactivePatient/replacedBy": "CPIS-INA-002",
    "replacedBy/newVersion": "CPIS-INA-002",
    "newVersion/id": "CPIS-INA-002",
    "newVersion/id/@extension": "CPIS-INA-002",
    "pDSInactivePatient/subjectOf": "CPIS-INA-002",
    "subjectOf/lAUploadFile": "CPIS-INA-002",
    "lAUploadFile/value": "CPIS-INA-002",
    "lAUploadFile/value/@extension": "CPIS-INA-002",
}
_REQUIREMENTS: Final[Mapping[str, str]] = {
    **_UPLOAD,
    **_PLANS,
    **_PEOPLE,
    **_ACKNOWLEDGEMENT,
    **_QUERY,
    **_WRAPPER,
    **_RESPONSE,
    **_NOTIFICATIONS,
}


class ValueForm(NamedTuple):
    """What a value at a place is, which requirement gives its form, and what it should look like.

    `mend` gives what was probably meant, from what was found; nothing where that cannot be told.
    """

    what: str
    requirement: str
    expected: str
    mend: Callable[[str], str] = lambda _: ""


def _write_time(found: str) -> str:
    return f"Write {found[:-1]}+0000." if re.fullmatch(r"\d{14}Z", found) else ""


def _write_plan_date(found: str) -> str:
    meant = re.sub(r"\D", "", found.partition("+")[0])[:12].ljust(12, "0")
    is_date = re.fullmatch(r"(?:19|20)\d\d(?:0[1-9]|1[012])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d", meant)
    return f"Write {meant}." if is_date else ""


def _write_day(found: str) -> str:
    meant = re.fullmatch(r"(\d{4})\D(\d\d)\D(\d\d)(?:\D.*)?", found)
    return f"Write {meant[1]}{meant[2]}{meant[3]}." if meant else ""


def _write_telephone(found: str) -> str:
    digits = re.sub(r"[^\d+]", "", found)
    return f"Write tel:{digits}." if re.fullmatch(r"\+?\d+", digits) else ""


def _write_uuid(found: str) -> str:
    return "Write it in capital letters." if re.fullmatch(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-\w{12}", found) else ""


_TIME: Final = ValueForm(
    "Time", "CPIS-DAT-012", "YYYYMMDD[HH[MM[SS]]] with an offset such as +0000 once hours are given", _write_time
)
_UUID: Final = ValueForm("Message id", "CPIS-MSG-007", "an upper-case UUID", _write_uuid)
_PLAN_DATE: Final = ValueForm(
    "Plan date", "CPIS-DAT-011", "12 digits YYYYMMDDHHMM, years 1900 to 2099, no offset", _write_plan_date
)
_PERSON_ID: Final = ValueForm(
    "Root of a person's id", "CPIS-MSG-008", "2.16.840.1.113883.2.1.4.1 (NHS number) or …3.2.4.18.24 (local id)"
)
_WORKER_ID: Final = ValueForm("Root of a worker's id", "CPIS-MSG-007", "an object identifier")
_COUNT: Final = "a whole number"
_VALUE_FORMS: Final[Mapping[str, ValueForm]] = {
    "File/creationTime/@value": _TIME,
    "FileResponse/creationTime/@value": _TIME,
    "creationTime/@value": ValueForm("creationTime", STRUCTURE, "YYYYMMDDHHMMSS"),
    "effectiveTime/@value": _TIME,
    "birthTime/@value": ValueForm("Birth date", "CPIS-DAT-011", "YYYYMMDD", _write_day),
    **{
        f"{prefix}{kind}Date/value/@value": _PLAN_DATE
        for prefix in ("lAC", "cPP", "uCP")
        for kind in ("Start", "End", "Delete")
    },
    "telecom/@value": ValueForm(
        "Telephone number", "CPIS-DAT-015", "tel:, perhaps +, then digits only", _write_telephone
    ),
    "telecom/@use": ValueForm("Use of a telephone", "CPIS-DAT-014", "WP or EC"),
    "id/@root": _UUID,
    "Child/id/@root": _PERSON_ID,
    "COCT_TP145101GB01.Child/id/@root": _PERSON_ID,
    "playedMother/id/@root": _PERSON_ID,
    "pDSInactivePatient/id/@root": _PERSON_ID,
    "person.id/value/@root": _PERSON_ID,
    **{
        f"{organisation}/id/@root": ValueForm(
            "Root of an organisation's id",
            "CPIS-MSG-007",
            "2.16.840.1.113883.2.1.3.2.4.19.1 (organisation) or …19.2 (site)",
        )
        for organisation in (
            "organisation",
            "representedOrganization",
            "maintainingOrganization",
            "representedSourceOrganization",
        )
    },
    f"{_PERSON}/id/@root": _WORKER_ID,
    "AgentPersonSDS/id/@root": _WORKER_ID,
    "agentPersonSDS/id/@root": _WORKER_ID,
    "partSDSRole/id/@root": _WORKER_ID,
    "agentSystemSDS/id/@root": ValueForm("Root of a system's id", "CPIS-MSG-007", "an object identifier"),
    "device/id/@root": ValueForm("Root of a system's id", "CPIS-MSG-007", "1.2.826.0.1285.0.2.0.107"),
    f"{_DEVICE}/id/@root": ValueForm("Root of a system's id", "CPIS-MSG-007", "1.2.826.0.1285.0.2.0.107"),
    f"{_DEVICE}/id/@extension": ValueForm("ASID of the asking system", "CPIS-MSG-007", "twelve digits"),
    "contentId/@root": ValueForm("contentId root", "CPIS-MSG-006", "2.16.840.1.113883.2.1.3.2.4.18.16"),
    "interactionId/@root": ValueForm("Root of interactionId", "CPIS-MSG-011", "2.16.840.1.113883.2.1.3.2.4.12"),
    "versionCode/@code": ValueForm("Version code", "CPIS-MSG-011", "v3INF_DMSv5.7:FIN"),
    "processingCode/@code": ValueForm("Processing code", "CPIS-MSG-011", "D, P or T"),
    "processingModeCode/@code": ValueForm("Processing mode code", "CPIS-MSG-011", "A, I, R or T"),
    "acknowledgementFileDetail/code/@code": ValueForm("File code", "CPIS-ACK-004", "CPF01 to CPF06"),
    "acknowledgementFileDetail/code/@displayName": ValueForm(
        "Text of a file code", "CPIS-MSG-010", "one of the texts of CPF01 to CPF06"
    ),
    "acknowledgement/@typeCode": ValueForm("Type of the acknowledgement", "CPIS-MSG-010", "AA, AE or AR"),
    "acknowledgementDetail/@typeCode": ValueForm("Type of a detail", "CPIS-MSG-010", "ER, WG or IF"),
    "transmissionQuantity/@value": ValueForm("transmissionQuantity", STRUCTURE, _COUNT),
    "value/@value": ValueForm("Count", STRUCTURE, _COUNT),
    "accessEventType/value/@value": ValueForm("accessEventType", "CPIS-QRY-008", "true or false"),
}

FIXED_ATTRIBUTES: Final = frozenset({"classCode", "moodCode", "typeCode", "determinerCode", "codeSystem", "root"})
"""Attributes whose value the model fixes wherever the schema does not know them (MSG-004)."""

_FIXED_ELEMENTS: Final = frozenset({"templateId", "semanticsText", "keyWordText"})
_CODED: Final = frozenset(
    {
        "acknowledgementFileDetail",
        "acknowledgementRecordDetail",
        "acknowledgementDetail",
        "justifyingDetectedIssueEvent",
        _PERSON,
        "superiorAssignedEntity",
    }
)
"""Classes that do carry a `code`; in every other one of a payload it is fixed."""

_FOREIGN: Final = frozenset(
    (
        "COCT_TP146103GB01.LACInformation/component2",
        "COCT_TP146104GB01.UCPInformation/component2",
        "COCT_TP146105GB01.CPPInformation/component2",
        "name/prefix",
        "name/suffix",
        "name/validTime",
        "name/delimiter",
        "validCP-ISRecord/pertinentInformation",
        "QUQI_IN010000UK14/ControlActEvent/subject",
        "QUPC_IN000006GB01/ControlActEvent/query",
    )
)
"""Places of elements that are known from elsewhere and allowed nowhere in this parent."""

_FIXED_IN_WRAPPER: Final = frozenset({"classCode", "moodCode", "typeCode", "determinerCode"})


@lru_cache(maxsize=1024)
def requirement_at(path: tuple[str, ...]) -> str:
    """What is broken when the thing at a path is missing, too many, or must not stand there."""
    if (rule := _longest(_REQUIREMENTS, path)) is not None:
        return rule
    # The block's own requirement covers all that is inside it.
    return next((_AUTHORS[name] for name in reversed(path[:-1]) if name in _AUTHORS), STRUCTURE)


def value_form(path: tuple[str, ...]) -> ValueForm:
    """What the value of the attribute at a path is and should look like; the path ends in `@name`."""
    if path[-1][1:] in _FIXED_IN_WRAPPER and path[-2] not in ("acknowledgement", "acknowledgementDetail"):
        return ValueForm(f"{path[-1][1:]} of {path[-2]}", "CPIS-MSG-011", "")
    if (form := _longest(_VALUE_FORMS, path)) is not None:
        return form
    return ValueForm(f"{path[-1][1:]} of {path[-2]}", requirement_at(path), "")


def is_fixed_element(name: str, parent: str) -> bool:
    """An element that the model fixes, and that therefore must not be sent."""
    return name in _FIXED_ELEMENTS or (name == "code" and parent not in _CODED)


_CALLED: Final = {
    "component": "component (start date)",
    "component1": "component1 (end date)",
    "component2": "component2 (delete date)",
    "pertinentInformation": "pertinentInformation (plan)",
    "pertinentInformation15": "pertinentInformation15 (plan)",
    "pertinentInformation13": "pertinentInformation13 (access)",
    "pertinentInformation14": "pertinentInformation14 (records)",
    "author1": "author1 (the system)",
}


def called(name: str) -> str:
    """An element's name, and what it is where the name does not tell."""
    return _CALLED.get(name, name)


@cache
def _known() -> frozenset[str]:
    declared = re.compile(r'<xs:element name="([^"]+)"')
    return frozenset(n for file in FOLDER.glob("*.xsd") for n in declared.findall(file.read_text(encoding="utf-8")))


def is_known(name: str) -> bool:
    """Some CP-IS message has an element of this name."""
    return name in _known()


def is_foreign(path: Sequence[str]) -> bool:
    """The element at a path belongs to another kind of message, wherever it stands in its parent."""
    return "/".join(path[-2:]) in _FOREIGN or "/".join(path[-3:]) in _FOREIGN


def _longest(table: Mapping[str, V], path: Sequence[str]) -> V | None:
    """The entry for the longest ending of a path."""
    for first in range(max(len(path) - 5, 0), len(path)):
        if (found := table.get("/".join(path[first:]))) is not None:
            return found
    return None
