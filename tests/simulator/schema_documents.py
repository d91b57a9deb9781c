"""Valid documents of every kind for the comparison of schemas, written by hand and invented throughout.

Each root has plain documents, as a sender would write them, and others with everything that the schemas allow as well,
however odd: together they hold every element that is declared for the root.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cpis_simulator.vocabulary import MessageKind
from tests.simulator.codec_examples import (
    ACCESS_NOTIFICATION,
    ACKNOWLEDGEMENT,
    ANSWER,
    CHILD_XML,
    CPP_XML,
    DEVICE_QUERY,
    DEVICE_XML,
    INACTIVE_NOTIFICATION,
    MESSAGE_REF_XML,
    MOTHER_XML,
    NO_RECORD,
    NUMBER_XML,
    ORGANISATION_XML,
    PERSON_XML,
    QUERY,
    REFUSAL,
    UPLOAD,
    UUID,
    WORKER_XML,
    plan_xml,
)

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
OTHER: Final = "urn:example:other"
_NAMESPACES: Final = (
    f'xmlns="urn:hl7-org:v3" xmlns:h="urn:hl7-org:v3" xmlns:l="NPFIT:HL7:Localisation" xmlns:xsi="{XSI}" '
    f'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:x="{OTHER}"'
)

_QUANTITY = 'value="1.5" unit="d"'
_PERIODS = (
    '<useablePeriod><low value="2026"/><high value="2027"/></useablePeriod>'
    f'<useablePeriod><low value="2026"/><width {_QUANTITY}><translation code="h" value="36"><originalText>hours'
    "</originalText></translation></width></useablePeriod>"
    '<useablePeriod><high value="20270101120000+0000"/></useablePeriod>'
    f'<useablePeriod><width {_QUANTITY}/><high value="2027"/></useablePeriod>'
    f'<useablePeriod><center value="2026"/><width {_QUANTITY}/></useablePeriod>'
)
_ADDRESS = 'value="http://example.test/a" use="WP"'
_TEXT = (
    f'<originalText mediaType="text/plain">as <reference {_ADDRESS}>{_PERIODS}<id extension="1"/></reference>'
    f"<thumbnail><reference {_ADDRESS}/><x:picture><x:dot/></x:picture></thumbnail><x:note>written</x:note>"
    "</originalText>"
)
_QUALIFIER = (
    f'<qualifier code="ER">{_TEXT}<qualifier code="A"/><group><qualifier code="B"/></group><translation code="C"/>'
    '<name code="D"><originalText>name</originalText></name><value code="E"/></qualifier>'
)
_TRANSLATION = (
    f'<translation code="X1" codeSystem="1.2.3" displayName="Odd">{_TEXT}{_QUALIFIER}<group>{_QUALIFIER}</group>'
    '<translation code="X2"/></translation>'
)
_ISSUE = (
    '<reason typeCode="RSON"><justifyingDetectedIssueEvent classCode="ALRT" moodCode="EVN">'
    f'<code code="A" codeSystem="1.2.3">{_TEXT}{_QUALIFIER}<group>{_QUALIFIER}</group>{_TRANSLATION}</code>'
    "</justifyingDetectedIssueEvent></reason>"
)
_NAME = (
    '<name use="L PREFERRED">to <delimiter>,</delimiter><prefix>Ms</prefix><given>Nora</given>'
    '<family>Samplenurse</family><suffix>BSc</suffix><validTime><low value="2020"/><high value="2030"/></validTime>'
    '<id extension="1"/></name>'
)
_ADDRESS_PARTS = (
    *("delimiter", "country", "state", "county", "city", "postalCode", "precinct", "houseNumber", "houseNumberNumeric"),
    *("direction", "streetName", "streetNameBase", "streetNameType", "additionalLocator", "unitID", "unitType"),
    *("carrier", "censusTract", "addressKey", "desc"),
)
_FULL_ADDRESS = (
    '<addr use="WP"><streetAddressLine>1 Test Street</streetAddressLine>'
    + "".join(f"<{part}>{part}</{part}>" for part in _ADDRESS_PARTS)
    + '<useablePeriod><low value="2026"/></useablePeriod><id extension="1"/></addr>'
)
_PERSON_FULL = PERSON_XML.replace(
    PERSON_XML[PERSON_XML.index("<name use") : PERSON_XML.index("</assignedAuthorPerson>")], _NAME
)
_DEVICE_FULL = DEVICE_XML.replace(
    DEVICE_XML[DEVICE_XML.index("<code code") : DEVICE_XML.index("</superiorAssignedEntity>")],
    f'<code code="R0001" displayName="Lead">{_TEXT}</code><assignedPerson>{_NAME}</assignedPerson>',
)
_AGENCY = (
    '<agencyFor classCode="AGNT"><representedOrganization classCode="ORG" determinerCode="INSTANCE"><id extension="1"/>'
    f'<AgentOrgSDS classCode="AGNT"><id extension="2"/><code code="3">{_TEXT}</code>'
    '<agentOrganizationSDS classCode="ORG" determinerCode="INSTANCE"><id extension="4"/>'
    f'<serviceDeliveryLocation classCode="SDLOC"><code code="5">{_TEXT}</code><location classCode="PLC" '
    f'determinerCode="INSTANCE">{_NAME}<telecom {_ADDRESS}>{_PERIODS}<id extension="6"/></telecom>{_FULL_ADDRESS}'
    "</location></serviceDeliveryLocation></agentOrganizationSDS></AgentOrgSDS>"
    '<AgentPersonSDS classCode="AGNT"><id extension="7"/><agentPersonSDS classCode="PSN" determinerCode="INSTANCE">'
    '<id extension="8"/></agentPersonSDS></AgentPersonSDS></representedOrganization></agencyFor>'
)

# All three plans of an upload, each with every date.
_DATES = ("202501020304", "202602030405", "202602030405")
_PLANS = "".join(
    plan_xml("pertinentInformation", f"COCT_TP14610{number}GB01.{kind}Information", prefix, *_DATES)
    for number, kind, prefix in ((0, "LAC", "lAC"), (1, "CPP", "cPP"), (2, "UCP", "uCP"))
)
_HEAD = '<creationTime value="20260302083005+0000"/><id extension="7"/><transmissionQuantity value="1"/>'
_MESSAGE_HEAD = f'<effectiveTime value="20260302083005+0000"/><id root="{UUID.format(20)}"/>'


def _document(root: str, body: str) -> bytes:
    return f"<{root} {_NAMESPACES}>{body}</{root}>".encode()


def _with_namespaces(body: bytes) -> bytes:
    """An example whose root declares the prefixes that the changes use."""
    start = b'xmlns="urn:hl7-org:v3" xmlns:l="NPFIT:HL7:Localisation"'
    assert start in body
    return body.replace(start, _NAMESPACES.encode(), 1)


def _payload(body: bytes, root: str) -> bytes:
    """The payload out of an interaction."""
    text = body.decode()
    inner = text[text.index(f"<{root}>") : text.index(f"</{root}>")].removeprefix(f"<{root}>")
    return _document(root, inner)


def _filled(body: bytes, *changes: tuple[str, str]) -> bytes:
    """An example with parts of it replaced."""
    text = _with_namespaces(body).decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


_FULL_UPLOAD = _document(
    "File",
    f"{_HEAD}<communicationFunctionSnd>{ORGANISATION_XML}</communicationFunctionSnd>"
    f"<record><CP-ISRecord>{_PLANS}{CHILD_XML}{MOTHER_XML}</CP-ISRecord></record>",
)
_FULL_ACKNOWLEDGEMENT = _filled(
    ACKNOWLEDGEMENT.body,
    (
        '<translation code="X1" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.475" displayName="Odd"/>',
        _TEXT + _TRANSLATION,
    ),
    (f"<invalidCP-ISRecord>{CPP_XML}{CHILD_XML}", f"<invalidCP-ISRecord>{_PLANS}{CHILD_XML}{MOTHER_XML}"),
)

# What is odd stands in documents of its own, so that those stay small.
_WITH_AGENCY = ("</device></communicationFunctionRcv>", f"{_AGENCY}</device></communicationFunctionRcv>")
_WITH_USER = ('<author1 typeCode="AUT">', f'{WORKER_XML}<author1 typeCode="AUT">')
_WITH_ISSUE = ("</author1>", f"</author1>{_ISSUE}")
_DETAIL = (
    f'<acknowledgementDetail typeCode="ER"><code code="202">{_TEXT}</code></acknowledgementDetail>{MESSAGE_REF_XML}'
)
_WITH_DETAIL = (MESSAGE_REF_XML, _DETAIL)
_WITH_PERSON = (PERSON_XML, _PERSON_FULL)
_WITH_DEVICE = (DEVICE_XML, _DEVICE_FULL)

_FULL_PERSON_QUERY = _filled(QUERY.body, _WITH_PERSON)
_FULL_DEVICE_QUERY = _filled(DEVICE_QUERY.body, _WITH_DEVICE)
_ACCESS = (
    f"<pertinentInformation13><pertinentCP-ISNHSQuery>{_MESSAGE_HEAD}<author>{_DEVICE_FULL}</author>{NUMBER_XML}"
    "</pertinentCP-ISNHSQuery></pertinentInformation13>"
)
_HELD = plan_xml("pertinentInformation15", "COCT_TP146105GB01.CPPInformation", "cPP", "202506070000")
_HELD_WITH_END = plan_xml("pertinentInformation15", "COCT_TP146105GB01.CPPInformation", "cPP", *_DATES[:2])
_FULL_ANSWER = _filled(
    ANSWER.body,
    (_HELD, _HELD_WITH_END),
    _WITH_PERSON,
    ("<pertinentInformation14>", f"{_ACCESS}<pertinentInformation14>"),
)


def _without_payload(answer: bytes) -> bytes:
    text = answer.decode()
    end = "</CP-ISNHSQueryResponse></subject>"
    return (text[: text.index('<subject typeCode="SUBJ">')] + text[text.index(end) + len(end) :]).encode()


_EMPTY_ANSWER = _without_payload(ANSWER.body)
_ODD_ANSWERS = (_filled(_EMPTY_ANSWER, _WITH_USER, _WITH_ISSUE), _filled(_EMPTY_ANSWER, _WITH_AGENCY))
_ODD_FAILURES, _ODD_REFUSALS = (
    (
        _filled(body, _WITH_USER, _WITH_DETAIL),
        _filled(body, _WITH_ISSUE),
        _filled(body, _WITH_AGENCY),
    )
    for body in (NO_RECORD.body, REFUSAL.body)
)
_FULL_NOTIFICATION = _filled(
    ACCESS_NOTIFICATION.body,
    _WITH_DEVICE,
    (
        "<reference>",
        f"<pertinentInformation2><pertinentCP-ISNHSQuery>{_MESSAGE_HEAD}<author>{_PERSON_FULL}</author>"
        '<queryByParameter><person.id><value root="2.16.840.1.113883.2.1.4.1" extension="9990003017"/></person.id>'
        "</queryByParameter></pertinentCP-ISNHSQuery></pertinentInformation2><reference>",
    ),
)


@dataclass(frozen=True)
class Documents:
    """The documents of one root.

    Args:
        root: Name of the root element.
        schema: The official schema of that root.
        kind: The kind of message whose schema of ours judges it.
        bodies: The documents, plain ones first.
    """

    root: str
    schema: str
    kind: MessageKind
    bodies: tuple[bytes, ...]


DOCUMENTS: Final = (
    Documents("File", "REPC_MT000002GB01", MessageKind.UPLOAD, (_with_namespaces(UPLOAD.body), _FULL_UPLOAD)),
    Documents(
        "FileResponse",
        "REPC_MT000003GB01",
        MessageKind.ACKNOWLEDGEMENT,
        (_with_namespaces(ACKNOWLEDGEMENT.body), _FULL_ACKNOWLEDGEMENT),
    ),
    Documents(
        "QUPC_IN000006GB01",
        "QUPC_IN000006GB01",
        MessageKind.QUERY,
        (
            *(_with_namespaces(example.body) for example in (QUERY, DEVICE_QUERY)),
            _FULL_PERSON_QUERY,
            _FULL_DEVICE_QUERY,
            _filled(QUERY.body, _WITH_AGENCY),
        ),
    ),
    Documents(
        "CP-ISQueryStub",
        "QUPC_MT000006GB01",
        MessageKind.QUERY,
        tuple(
            _payload(body, "CP-ISQueryStub")
            for body in (QUERY.body, DEVICE_QUERY.body, _FULL_PERSON_QUERY, _FULL_DEVICE_QUERY)
        ),
    ),
    Documents(
        "REPC_IN000007GB01",
        "REPC_IN000007GB01",
        MessageKind.RESPONSE,
        (_with_namespaces(ANSWER.body), _FULL_ANSWER, *_ODD_ANSWERS),
    ),
    Documents(
        "CP-ISNHSQueryResponse",
        "REPC_MT000007GB01",
        MessageKind.RESPONSE,
        tuple(_payload(body, "CP-ISNHSQueryResponse") for body in (ANSWER.body, _FULL_ANSWER)),
    ),
    Documents(
        "QUQI_IN010000UK14",
        "QUQI_IN010000UK14",
        MessageKind.QUERY_FAILED,
        (_with_namespaces(NO_RECORD.body), *_ODD_FAILURES),
    ),
    Documents(
        "MCCI_IN010000UK13",
        "MCCI_IN010000UK13",
        MessageKind.APPLICATION_ACKNOWLEDGEMENT,
        (_with_namespaces(REFUSAL.body), *_ODD_REFUSALS),
    ),
    Documents(
        "CP-ISAccessToServiceNotification",
        "REPC_MT000004GB01",
        MessageKind.ACCESS_NOTIFICATION,
        (_with_namespaces(ACCESS_NOTIFICATION.body), _FULL_NOTIFICATION),
    ),
    Documents(
        "CP-ISInactiveNHSNumberNotification",
        "REPC_MT000005GB01",
        MessageKind.INACTIVE_NOTIFICATION,
        (_with_namespaces(INACTIVE_NOTIFICATION.body),),
    ),
)
