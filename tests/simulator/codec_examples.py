"""One small message of every kind, as bytes and as a value of the model, written by hand and invented throughout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from cpis_simulator.codecs.access_notification import decode_access_notification, encode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement, encode_acknowledgement
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification, encode_inactive_notification
from cpis_simulator.codecs.query import decode_query, encode_query
from cpis_simulator.codecs.reply import decode_reply, encode_reply
from cpis_simulator.codecs.upload import decode_upload, encode_upload
from cpis_simulator.model import (
    Access,
    AccessGroup,
    AccessNotification,
    Acknowledgement,
    Answer,
    AnswerMessage,
    AuthorityRecord,
    AuthorName,
    Coded,
    DeviceAuthor,
    Echo,
    InactiveNumber,
    InactiveNumberNotification,
    LocalId,
    NoRecord,
    NotifiedAccess,
    Organisation,
    PersonAuthor,
    PlanRecord,
    ProtectionPlan,
    Query,
    QueryMessage,
    RecordResult,
    Refusal,
    ResponsiblePerson,
    Subject,
    SubjectKind,
    Telecom,
    Transmission,
    Upload,
)
from cpis_simulator.vocabulary import MessageKind, PlanType

UUID = "6F1B0E52-33C1-4E0A-9A10-0000000000{:02}"
AT = datetime(2026, 3, 2, 8, 30, 5, tzinfo=UTC)

AUTHORITY = Organisation(
    "Z98", "SAMPLEBURY & TEST", (Telecom("tel:01632960003", "WP"), Telecom("tel:+441632960004", "EC"))
)
RECIPIENT = Organisation("Z98", "SAMPLEBURY & TEST")
CHILD = Subject(
    SubjectKind.CHILD, "9990003017", date(2015, 6, 7), "Zoë Ann", "O'Example", LocalId("L-7", "Z98:SAMPLEBURY & TEST")
)
MOTHER = Subject(SubjectKind.MOTHER, "9990003025", date(1998, 1, 31), "Mona", "Placeholder")
PERSON = PersonAuthor(
    role_code="R8000",
    role_name="Clinical Practitioner",
    user_id="999900000011",
    name=AuthorName("Samplenurse", ("Nora", "May"), "Ms", use="PREFERRED"),
    organisation=Organisation("ZY1", "SAMPLEBURY TEST HOSPITAL"),
    role_profile_id="999900000012",
)
DEVICE = DeviceAuthor(
    asid="999999000202",
    organisation=Organisation("ZY101", "TEST AMBULANCE", is_site=True),
    responsible=(ResponsiblePerson("R0001", "Lead", AuthorName("Samplelead", ("Lee",), "Dr")),),
)
TO_SPINE = Transmission(UUID.format(1), "20260302083005", "999999000202", "999999000001")
FROM_SPINE = Transmission(UUID.format(2), "20260302083006", "999999000001", "999999000202")


def content_id(block: str) -> str:
    return f'<l:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16" extension="{block.replace(".", "#")}"/>'


def block(name: str, body: str) -> str:
    return f"{content_id(name)}<{name}>{body}</{name}>"


ORGANISATION_XML = (
    '<organisation><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="Z98"/><name>SAMPLEBURY &amp; TEST</name>'
    '<telecom value="tel:01632960003" use="WP"/><telecom value="tel:+441632960004" use="EC"/></organisation>'
)
RECIPIENT_XML = (
    "<primaryInformationRecipient>"
    + block(
        "COCT_TP145103GB01.IntendedRecipient",
        '<representedSourceOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="Z98"/>'
        "<name>SAMPLEBURY &amp; TEST</name></representedSourceOrganization>",
    )
    + "</primaryInformationRecipient>"
)
PERSON_IDS_XML = (
    '<{0} root="2.16.840.1.113883.2.1.4.1" extension="9990003017"/>'
    '<{0} root="2.16.840.1.113883.2.1.3.2.4.18.24" extension="L-7" assigningAuthorityName="Z98:SAMPLEBURY &amp; TEST"/>'
)
CHILD_XML = (
    "<subject>"
    + block(
        "COCT_TP145101GB01.Child",
        PERSON_IDS_XML.format("id") + '<childPerson><birthTime value="20150607"/><name><given>Zoë Ann</given>'
        "<family>O'Example</family></name></childPerson>",
    )
    + "</subject>"
)
MOTHER_XML = (
    "<subject>"
    + block(
        "COCT_TP145100GB01.UnbornChild",
        '<parentMotherPerson><birthTime value="19980131"/><name><given>Mona</given><family>Placeholder</family></name>'
        '<playedMother><id root="2.16.840.1.113883.2.1.4.1" extension="9990003025"/></playedMother>'
        "</parentMotherPerson>",
    )
    + "</subject>"
)


def plan_xml(element: str, name: str, prefix: str, *dates: str) -> str:
    body = ""
    places = (("component", "Start"), ("component1", "End"), ("component2", "Delete"))
    for (component, kind), value in zip(places, dates, strict=False):
        if value:
            body += f'<{component}><{prefix}{kind}Date><value value="{value}"/></{prefix}{kind}Date></{component}>'
    return f"<{element}>{block(name, body)}</{element}>"


LAC_XML = plan_xml(
    "pertinentInformation", "COCT_TP146100GB01.LACInformation", "lAC", "202501020304", "", "202602030405"
)
LAC = ProtectionPlan(PlanType.LOOKED_AFTER, datetime(2025, 1, 2, 3, 4), delete=datetime(2026, 2, 3, 4, 5))
CPP_XML = plan_xml("pertinentInformation", "COCT_TP146101GB01.CPPInformation", "cPP", "202506070000", "202606070000")
CPP = ProtectionPlan(PlanType.CHILD_PROTECTION, datetime(2025, 6, 7), datetime(2026, 6, 7))
UCP_XML = plan_xml("pertinentInformation", "COCT_TP146102GB01.UCPInformation", "uCP", "202601010000", "202605050000")
UCP = ProtectionPlan(PlanType.UNBORN, datetime(2026, 1, 1), datetime(2026, 5, 5))

PERSON_XML = block(
    "COCT_TP145102GB01.AssignedAuthor",
    '<code code="R8000" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" displayName="Clinical Practitioner"/>'
    '<id root="1.2.826.0.1285.0.2.0.65" extension="999900000011"/>'
    '<id root="1.2.826.0.1285.0.2.0.67" extension="999900000012"/>'
    '<assignedAuthorPerson><name use="PREFERRED"><prefix>Ms</prefix><given>Nora</given><given>May</given>'
    "<family>Samplenurse</family></name></assignedAuthorPerson>"
    '<representedOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="ZY1"/>'
    "<name>SAMPLEBURY TEST HOSPITAL</name></representedOrganization>",
)
DEVICE_XML = block(
    "COCT_TP145104GB01.System",
    '<id root="1.2.826.0.1285.0.2.0.107" extension="999999000202"/>'
    '<indirectAuthority><superiorAssignedEntity><code code="R0001" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.196" '
    'displayName="Lead"/><assignedPerson><name use="L"><prefix>Dr</prefix><given>Lee</given>'
    "<family>Samplelead</family></name></assignedPerson></superiorAssignedEntity></indirectAuthority>"
    '<maintainingOrganization><id root="2.16.840.1.113883.2.1.3.2.4.19.2" extension="ZY101"/>'
    "<name>TEST AMBULANCE</name></maintainingOrganization>",
)
NUMBER_XML = '<queryByParameter><person.NHSnumber><value extension="9990003017"/></person.NHSnumber></queryByParameter>'


def document(root: str, body: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="urn:hl7-org:v3" xmlns:l="NPFIT:HL7:Localisation">'
        f"{body}</{root}>"
    ).encode()


def interaction(name: str, transmission: Transmission, control_act: str, acknowledgement: str = "") -> bytes:
    def function(side: str, asid: str) -> str:
        return (
            f'<communicationFunction{side} typeCode="{side.upper()}"><device classCode="DEV" determinerCode="INSTANCE">'
            f'<id root="1.2.826.0.1285.0.2.0.107" extension="{asid}"/></device></communicationFunction{side}>'
        )

    return document(
        name,
        f'<id root="{transmission.message_id}"/><creationTime value="{transmission.creation_time}"/>'
        '<versionCode code="v3INF_DMSv5.7:FIN"/>'
        f'<interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="{name}"/>'
        '<processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/>'
        f"{acknowledgement}{function('Rcv', transmission.receiver_asid)}{function('Snd', transmission.sender_asid)}"
        f'<ControlActEvent classCode="CACT" moodCode="EVN">{control_act}</ControlActEvent>',
    )


def system_author(asid: str) -> str:
    return (
        '<author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT"><agentSystemSDS classCode="DEV" '
        f'determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.2.0.107" extension="{asid}"/></agentSystemSDS>'
        "</AgentSystemSDS></author1>"
    )


WORKER_XML = (
    '<author typeCode="AUT"><AgentPersonSDS classCode="AGNT">'
    '<id root="1.2.826.0.1285.0.2.0.67" extension="999900000012"/><agentPersonSDS classCode="PSN" '
    'determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.2.0.65" extension="999900000011"/></agentPersonSDS>'
    '<part typeCode="PART"><partSDSRole classCode="ROL"><id root="1.2.826.0.1285.0.2.1.104" extension="R8000"/>'
    "</partSDSRole></part></AgentPersonSDS></author>"
)


def query_xml(author: str, parameter: str = NUMBER_XML) -> str:
    return (
        '<subject typeCode="SUBJ"><CP-ISQueryStub><cP-ISNHSQuery><effectiveTime value="20260302083005+0000"/>'
        f'<id root="{UUID.format(10)}"/><author>{author}</author>{parameter}</cP-ISNHSQuery></CP-ISQueryStub></subject>'
    )


SILENT_PARAMETER_XML = NUMBER_XML.replace(
    "<queryByParameter>", '<queryByParameter><accessEventType><value value="false"/></accessEventType>'
)
MESSAGE_REF_XML = f'<messageRef><id root="{UUID.format(1)}"/></messageRef>'


def issue_xml(code: str, system: str, shown: str) -> str:
    return (
        '<reason typeCode="RSON"><justifyingDetectedIssueEvent classCode="ALRT" moodCode="EVN">'
        f'<code code="{code}" codeSystem="{system}" displayName="{shown}"><qualifier code="ER"/></code>'
        "</justifyingDetectedIssueEvent></reason>"
    )


@dataclass(frozen=True)
class Example:
    """A message both ways."""

    name: str
    kind: MessageKind
    body: bytes
    message: Any
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]
    patch_d: bool = False


UPLOAD = Example(
    "upload",
    MessageKind.UPLOAD,
    document(
        "File",
        '<creationTime value="20260302083005+0000"/><id extension="7"/><transmissionQuantity value="2"/>'
        f"<communicationFunctionSnd>{ORGANISATION_XML}</communicationFunctionSnd>"
        f"<record><CP-ISRecord>{LAC_XML}{CPP_XML}{CHILD_XML}</CP-ISRecord></record>"
        f"<record><CP-ISRecord>{UCP_XML}{MOTHER_XML}</CP-ISRecord></record>",
    ),
    Upload(AT, "7", 2, AUTHORITY, (PlanRecord((LAC, CPP), (CHILD,)), PlanRecord((UCP,), (MOTHER,)))),
    decode_upload,
    encode_upload,
)
ACKNOWLEDGEMENT = Example(
    "acknowledgement",
    MessageKind.ACKNOWLEDGEMENT,
    document(
        "FileResponse",
        '<creationTime value="20260302083005+0000"/><id extension="7"/><transmissionQuantity value="3"/>'
        '<acknowledgementFile><acknowledgementFileDetail><code code="CPF03" displayName="Partial File Upload"/>'
        "</acknowledgementFileDetail></acknowledgementFile><acknowledgementRecord><acknowledgementRecordDetail>"
        '<code code="CPR07" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.473" displayName="Unsuccessful Record Upload">'
        '<translation code="X1" codeSystem="2.16.840.1.113883.2.1.3.2.4.17.475" displayName="Odd"/></code>'
        "<location>/File/record[2]</location></acknowledgementRecordDetail></acknowledgementRecord>"
        f"<communicationFunctionRcv>{ORGANISATION_XML}</communicationFunctionRcv>"
        '<failedReturnedCP-ISRecords><value value="1"/></failedReturnedCP-ISRecords>'
        "<message><cP-ISLAAcknowledgementResponse><pertinentInformation1>"
        f"<invalidCP-ISRecord>{CPP_XML}{CHILD_XML}</invalidCP-ISRecord>"
        "</pertinentInformation1></cP-ISLAAcknowledgementResponse></message>"
        "<message><cP-ISLAAcknowledgementResponse><pertinentInformation1>"
        f"<validCP-ISRecord>{MOTHER_XML}</validCP-ISRecord>"
        "</pertinentInformation1></cP-ISLAAcknowledgementResponse></message>"
        '<successfulReturnedCP-ISRecords><value value="2"/></successfulReturnedCP-ISRecords>',
    ),
    Acknowledgement(
        AT,
        "7",
        3,
        (Coded("CPF03", "Partial File Upload"),),
        AUTHORITY,
        stored=2,
        failed=1,
        results=(
            RecordResult(
                "CPR07",
                "Unsuccessful Record Upload",
                "/File/record[2]",
                (Coded("X1", "Odd", "2.16.840.1.113883.2.1.3.2.4.17.475"),),
            ),
        ),
        echoes=(Echo(False, (CPP,), (CHILD,)), Echo(True, (), (MOTHER,))),
    ),
    decode_acknowledgement,
    encode_acknowledgement,
)
QUERY = Example(
    "query of a worker",
    MessageKind.QUERY,
    interaction("QUPC_IN000006GB01", TO_SPINE, WORKER_XML + system_author("999999000202") + query_xml(PERSON_XML)),
    QueryMessage(TO_SPINE, Query(AT, UUID.format(10), PERSON, "9990003017")),
    decode_query,
    encode_query,
)
DEVICE_QUERY = Example(
    "query of a system",
    MessageKind.QUERY,
    interaction("QUPC_IN000006GB01", TO_SPINE, system_author("999999000202") + query_xml(DEVICE_XML)),
    QueryMessage(TO_SPINE, Query(AT, UUID.format(10), DEVICE, "9990003017")),
    decode_query,
    encode_query,
)
SILENT_QUERY = Example(
    "silent query",
    MessageKind.QUERY,
    interaction(
        "QUPC_IN000006GB01",
        TO_SPINE,
        system_author("999999000202") + query_xml(DEVICE_XML, SILENT_PARAMETER_XML),
    ),
    QueryMessage(TO_SPINE, Query(AT, UUID.format(10), DEVICE, "9990003017", unscheduled=False)),
    decode_query,
    encode_query,
    patch_d=True,
)
ANSWER = Example(
    "answer",
    MessageKind.RESPONSE,
    interaction(
        "REPC_IN000007GB01",
        FROM_SPINE,
        system_author("999999000001") + '<subject typeCode="SUBJ"><CP-ISNHSQueryResponse>'
        f'<effectiveTime value="20260302083005+0000"/><id root="{UUID.format(11)}"/>'
        '<pertinentInformation11><pertinentTotalReturnedAccessRecords><value value="1"/>'
        "</pertinentTotalReturnedAccessRecords></pertinentInformation11>"
        '<pertinentInformation12><pertinentTotalReturnedChildRecords><value value="1"/>'
        "</pertinentTotalReturnedChildRecords></pertinentInformation12>"
        '<pertinentInformation13><pertinentCP-ISNHSQuery><effectiveTime value="20260302083005+0000"/>'
        f'<id root="{UUID.format(10)}"/><author>{PERSON_XML}</author>{NUMBER_XML}</pertinentCP-ISNHSQuery>'
        "</pertinentInformation13><pertinentInformation14><pertinentCP-ISRecordControlAct><record>"
        f"<communicationFunctionSnd>{ORGANISATION_XML}</communicationFunctionSnd><CP-ISRecord>"
        + plan_xml("pertinentInformation15", "COCT_TP146103GB01.LACInformation", "lAC", "202501020304", "202602030405")
        + plan_xml("pertinentInformation15", "COCT_TP146105GB01.CPPInformation", "cPP", "202506070000")
        + plan_xml("pertinentInformation15", "COCT_TP146104GB01.UCPInformation", "uCP", "202601010000", "202605050000")
        + f"{CHILD_XML}{MOTHER_XML}</CP-ISRecord></record></pertinentCP-ISRecordControlAct></pertinentInformation14>"
        '</CP-ISNHSQueryResponse></subject><queryAck type="QueryAck"><queryResponseCode code="OK"/></queryAck>',
    ),
    AnswerMessage(
        FROM_SPINE,
        Answer(
            AT,
            UUID.format(11),
            1,
            1,
            (Access(AT, UUID.format(10), PERSON, "9990003017"),),
            (
                AuthorityRecord(
                    AUTHORITY,
                    PlanRecord(
                        (
                            ProtectionPlan(
                                PlanType.LOOKED_AFTER, datetime(2025, 1, 2, 3, 4), datetime(2026, 2, 3, 4, 5)
                            ),
                            ProtectionPlan(PlanType.CHILD_PROTECTION, datetime(2025, 6, 7)),
                            UCP,
                        ),
                        (CHILD, MOTHER),
                    ),
                ),
            ),
        ),
    ),
    decode_reply,
    encode_reply,
)
NO_RECORD = Example(
    "no record",
    MessageKind.QUERY_FAILED,
    interaction(
        "QUQI_IN010000UK14",
        FROM_SPINE,
        system_author("999999000001")
        + issue_xml("CPIS-0001", "2.16.840.1.113883.2.1.3.2.4.17.42", "No Records Found")
        + '<queryAck type="QueryAck"><queryResponseCode code="ID"/></queryAck>',
        f'<acknowledgement typeCode="AE">{MESSAGE_REF_XML}</acknowledgement>',
    ),
    NoRecord(FROM_SPINE, UUID.format(1), Coded("CPIS-0001", "No Records Found", "2.16.840.1.113883.2.1.3.2.4.17.42")),
    decode_reply,
    encode_reply,
)
REFUSAL = Example(
    "refusal",
    MessageKind.APPLICATION_ACKNOWLEDGEMENT,
    interaction(
        "MCCI_IN010000UK13",
        FROM_SPINE,
        system_author("999999000001")
        + issue_xml("A", "2.16.840.1.113883.2.1.3.2.4.17.32", "first")
        + issue_xml("B", "2.16.840.1.113883.2.1.3.2.4.17.32", "second"),
        '<acknowledgement typeCode="AR"><acknowledgementDetail typeCode="ER"><code code="202" '
        'codeSystem="2.16.840.1.113883.2.1.3.2.4.17.32" displayName="Duplicate HL7 ID Error"/></acknowledgementDetail>'
        f"{MESSAGE_REF_XML}</acknowledgement>",
    ),
    Refusal(
        FROM_SPINE,
        UUID.format(1),
        (
            Coded("A", "first", "2.16.840.1.113883.2.1.3.2.4.17.32"),
            Coded("B", "second", "2.16.840.1.113883.2.1.3.2.4.17.32"),
        ),
        "AR",
        (Coded("202", "Duplicate HL7 ID Error", "2.16.840.1.113883.2.1.3.2.4.17.32"),),
    ),
    decode_reply,
    encode_reply,
)
ACCESS_NOTIFICATION = Example(
    "access notification",
    MessageKind.ACCESS_NOTIFICATION,
    document(
        "CP-ISAccessToServiceNotification",
        f'<effectiveTime value="20260302083005+0000"/><id root="{UUID.format(20)}"/>'
        '<pertinentInformation><pertinentTotalReturnedRecords><value value="1"/></pertinentTotalReturnedRecords>'
        "</pertinentInformation><pertinentInformation1><pertinentCP-ISRecordAccess><pertinentInformation2>"
        f'<pertinentCP-ISNHSQuery><effectiveTime value="20260302083005+0000"/><id root="{UUID.format(10)}"/>'
        f"<author>{DEVICE_XML}</author><queryByParameter><person.id>{PERSON_IDS_XML.format('value')}</person.id>"
        "</queryByParameter></pertinentCP-ISNHSQuery></pertinentInformation2>"
        '<reference><referredToLAUploadFile><value extension="7"/></referredToLAUploadFile></reference>'
        f"</pertinentCP-ISRecordAccess></pertinentInformation1>{RECIPIENT_XML}",
    ),
    AccessNotification(
        AT,
        UUID.format(20),
        1,
        (AccessGroup("7", (NotifiedAccess(AT, UUID.format(10), DEVICE, "9990003017", CHILD.local_id),)),),
        RECIPIENT,
    ),
    decode_access_notification,
    encode_access_notification,
)
EMPTY_NOTIFICATION = Example(
    "empty access notification",
    MessageKind.ACCESS_NOTIFICATION,
    document(
        "CP-ISAccessToServiceNotification",
        f'<effectiveTime value="20260302083005+0000"/><id root="{UUID.format(21)}"/>'
        '<pertinentInformation><pertinentTotalReturnedRecords><value value="0"/></pertinentTotalReturnedRecords>'
        f"</pertinentInformation>{RECIPIENT_XML}",
    ),
    AccessNotification(AT, UUID.format(21), 0, (), RECIPIENT),
    decode_access_notification,
    encode_access_notification,
)
INACTIVE_NOTIFICATION = Example(
    "inactive notification",
    MessageKind.INACTIVE_NOTIFICATION,
    document(
        "CP-ISInactiveNHSNumberNotification",
        f'<effectiveTime value="20260302083005+0000"/><id root="{UUID.format(30)}"/>{RECIPIENT_XML}'
        f"<subject><pDSInactivePatient>{PERSON_IDS_XML.format('id')}<replacedBy><newVersion>"
        '<id extension="9990003033"/></newVersion></replacedBy><subjectOf><lAUploadFile><value extension="7"/>'
        "</lAUploadFile></subjectOf></pDSInactivePatient></subject>"
        '<subject><pDSInactivePatient><id root="2.16.840.1.113883.2.1.4.1" extension="9990003025"/>'
        '<subjectOf><lAUploadFile><value extension="8"/></lAUploadFile></subjectOf></pDSInactivePatient></subject>',
    ),
    InactiveNumberNotification(
        AT,
        UUID.format(30),
        RECIPIENT,
        (
            InactiveNumber("9990003017", "7", CHILD.local_id, ("9990003033",)),
            InactiveNumber("9990003025", "8"),
        ),
    ),
    decode_inactive_notification,
    encode_inactive_notification,
)

EXAMPLES = (
    UPLOAD,
    ACKNOWLEDGEMENT,
    QUERY,
    DEVICE_QUERY,
    SILENT_QUERY,
    ANSWER,
    NO_RECORD,
    REFUSAL,
    ACCESS_NOTIFICATION,
    EMPTY_NOTIFICATION,
    INACTIVE_NOTIFICATION,
)
