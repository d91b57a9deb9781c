"""Codes, object identifiers and their texts, each once.

Source: CP-IS Domain Message Specification 1.0-RC5, vocabularies and data types usage; see `docs/sources.md`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

HL7: Final = "urn:hl7-org:v3"
LOCALISATION: Final = "NPFIT:HL7:Localisation"

# Object identifiers that appear on the wire.
OID_NHS_NUMBER: Final = "2.16.840.1.113883.2.1.4.1"
OID_LOCAL_ID: Final = "2.16.840.1.113883.2.1.3.2.4.18.24"
OID_ODS_ORGANISATION: Final = "2.16.840.1.113883.2.1.3.2.4.19.1"
OID_ODS_SITE: Final = "2.16.840.1.113883.2.1.3.2.4.19.2"
OID_CONTENT_ID: Final = "2.16.840.1.113883.2.1.3.2.4.18.16"
OID_INTERACTION: Final = "2.16.840.1.113883.2.1.3.2.4.12"
OID_RECORD_RESPONSE: Final = "2.16.840.1.113883.2.1.3.2.4.17.473"
OID_JOB_ROLE: Final = "2.16.840.1.113883.2.1.3.2.4.17.196"
OID_ASID: Final = "1.2.826.0.1285.0.2.0.107"
OID_SDS_USER: Final = "1.2.826.0.1285.0.2.0.65"
OID_SDS_ROLE_PROFILE: Final = "1.2.826.0.1285.0.2.0.67"
OID_SDS_JOB_ROLE: Final = "1.2.826.0.1285.0.2.1.104"
OID_ISSUE: Final = "2.16.840.1.113883.2.1.3.2.4.17.42"
OID_FAULT: Final = "2.16.840.1.113883.2.1.3.2.4.17.32"

SERVICE_NAME: Final = "urn:nhs:names:services:cpisquery"


class PlanType(StrEnum):
    """The three plan types, and no others (DAT-001)."""

    CHILD_PROTECTION = "child protection plan"
    LOOKED_AFTER = "looked after child"
    UNBORN = "unborn child protection plan"


class FileCode(StrEnum):
    """CP-ISUploadFileResponse v2.0: what became of a file (ACK-004)."""

    FILE_ERROR = "CPF01"
    ALL_STORED = "CPF02"
    PARTLY_STORED = "CPF03"
    NONE_STORED = "CPF04"
    UNAVAILABLE = "CPF05"
    CLIENT_TOO_OLD = "CPF06"


FILE_CODE_TEXT: Final = {
    FileCode.FILE_ERROR: "File Level Error",
    FileCode.ALL_STORED: "Successful File Upload",
    FileCode.PARTLY_STORED: "Partial File Upload",
    FileCode.NONE_STORED: "Unsuccessful File Upload",
    FileCode.UNAVAILABLE: "PDS Error - PDS Unavailable",
    FileCode.CLIENT_TOO_OLD: (
        "Spine ii rejected the request because this version of the CPIS Client is no longer supported"
    ),
}


class RecordCode(StrEnum):
    """CP-ISUploadRecordResponse v3.0: what became of a record (ACK-005)."""

    NO_MATCH = "CPR01"
    SENSITIVE = "CPR02"
    NOT_VERIFIED = "CPR03"
    BAD_FORMAT = "CPR04"
    SUPERSEDED = "CPR05"
    STORED = "CPR06"
    NOT_STORED = "CPR07"


RECORD_CODE_TEXT: Final = {
    RecordCode.NO_MATCH: "PDS Error - No Match Found for NHS Number",
    RecordCode.SENSITIVE: "PDS Error - NHS Number Matched, but Sensitive Record",
    RecordCode.NOT_VERIFIED: "PDS Error - NHS Number not Verified",
    RecordCode.BAD_FORMAT: "PDS Error - NHS Number Format Incorrect",
    RecordCode.SUPERSEDED: "PDS Error - NHS Number Verified, but Superseded",
    RecordCode.STORED: "Successful Record Upload",
    RecordCode.NOT_STORED: "Unsuccessful Record Upload",
}

RECORD_CODE_TEXT_AS_IN_SCHEMA: Final = {RecordCode.NOT_STORED: "Unsucessful Record Upload"}
"""The official schema's list misspells CPR07; readers take either form (MSG-010)."""

OID_RECORD_DETAIL: Final = "2.16.840.1.113883.2.1.3.2.4.17.475"
"""Placeholder: the real identifier of CP-ISUploadRecordResponseDetail is not public."""


class RecordDetail(StrEnum):
    """Our codes behind CPR07; the national list is not public (setting `ack.detail_codes`)."""

    SCHEMA = "CPRD01"
    BUSINESS_RULE = "CPRD02"
    OTHER = "CPRD99"


RECORD_DETAIL_TEXT: Final = {
    RecordDetail.SCHEMA: "Schema validation failure",
    RecordDetail.BUSINESS_RULE: "Business rule failure",
    RecordDetail.OTHER: "Other",
}


class MessageKind(StrEnum):
    """What a file or body is, as `cpis validate` names it."""

    UPLOAD = "upload"
    ACKNOWLEDGEMENT = "acknowledgement"
    QUERY = "query"
    RESPONSE = "response"
    QUERY_FAILED = "query-failed"
    APPLICATION_ACKNOWLEDGEMENT = "application-acknowledgement"
    ACCESS_NOTIFICATION = "access-notification"
    INACTIVE_NOTIFICATION = "inactive-notification"
    SOAP = "soap"
    EBXML = "ebxml"
    MESH_CONTROL = "mesh-control"
    UNKNOWN = "unknown"


ROOT_OF_KIND: Final = {
    MessageKind.UPLOAD: "File",
    MessageKind.ACKNOWLEDGEMENT: "FileResponse",
    MessageKind.QUERY: "QUPC_IN000006GB01",
    MessageKind.RESPONSE: "REPC_IN000007GB01",
    MessageKind.QUERY_FAILED: "QUQI_IN010000UK14",
    MessageKind.APPLICATION_ACKNOWLEDGEMENT: "MCCI_IN010000UK13",
    MessageKind.ACCESS_NOTIFICATION: "CP-ISAccessToServiceNotification",
    MessageKind.INACTIVE_NOTIFICATION: "CP-ISInactiveNHSNumberNotification",
}

VERSION_CODE: Final = "v3INF_DMSv5.7:FIN"
"""HL7StandardVersionCode that Spine itself writes."""
