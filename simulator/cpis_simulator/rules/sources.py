"""Which document says what a rule about a single message holds it to.

`docs/sources.md` names the documents in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_UPLOAD: Final = "DMS, upload (REPC_MT000002GB01)"
_ACKNOWLEDGEMENT: Final = "DMS, acknowledgement response (REPC_MT000003GB01)"
_QUERY: Final = "DMS, NHS query (QUPC_MT000006GB01)"
_RESPONSE: Final = "DMS, NHS query response (REPC_MT000007GB01)"
_ACCESS: Final = "DMS, access to service notification (REPC_MT000004GB01)"
_INACTIVE: Final = "DMS, inactive NHS number notification (REPC_MT000005GB01)"
_SCHEMAS: Final = "DMS, XML schemas"
_TYPES: Final = "DMS, data types usage"
_VOCABULARIES: Final = "DMS, vocabularies"
_SPINE: Final = "Spine transport, query validation"
_OURS: Final = "the harness's own choice"

SOURCES: Final[Mapping[str, str]] = {
    "CPIS-DAT-006": _UPLOAD,
    "CPIS-DAT-007": "DMS, plan templates (COCT_TP146100GB01 to 146105)",
    "CPIS-DAT-008": "DMS, plan templates (COCT_TP146100GB01 to 146105)",
    "CPIS-DAT-009": "DMS, plan templates of the response (COCT_TP146103GB01 to 146105); change history, RC4",
    "CPIS-DAT-011": f"{_TYPES} (TS.NHS.DateType1)",
    "CPIS-DAT-012": f"{_TYPES} (TS)",
    "CPIS-DAT-013": "DMS, subject templates (COCT_TP145100GB01, 145101)",
    "CPIS-DAT-014": f"{_UPLOAD}, organisation; Spine transport, upload validation",
    "CPIS-DAT-015": f"{_TYPES} (TEL)",
    "CPIS-DAT-024": "NHS API catalogue, CP-IS; DMS, query response",
    "CPIS-DAT-029": "NHS data dictionary, NHS NUMBER; toolkit's modulus-11 check",
    "CPIS-DAT-030": _OURS,
    "CPIS-UPL-001": _UPLOAD,
    "CPIS-UPL-002": f"{_UPLOAD}, File",
    "CPIS-UPL-003": f"{_UPLOAD}, File/id",
    "CPIS-UPL-004": f"{_UPLOAD}, File/transmissionQuantity",
    "CPIS-UPL-006": "MESH client and DTS, control file",
    "CPIS-UPL-014": "Spine transport, upload validation",
    "CPIS-UPL-017": "MESH API specification, message size",
    "CPIS-ACK-001": _ACKNOWLEDGEMENT,
    "CPIS-ACK-002": f"{_ACKNOWLEDGEMENT}, FileResponse/id",
    "CPIS-ACK-003": f"{_ACKNOWLEDGEMENT}, counters",
    "CPIS-ACK-004": f"{_VOCABULARIES} (CP-ISUploadFileResponse v2.0)",
    "CPIS-ACK-005": f"{_VOCABULARIES} (CP-ISUploadRecordResponse v3.0)",
    "CPIS-ACK-007": f"{_ACKNOWLEDGEMENT}, acknowledgementRecordDetail/location",
    "CPIS-ACK-008": f"{_ACKNOWLEDGEMENT}, message; DMS, examples",
    "CPIS-QRY-001": _QUERY,
    "CPIS-QRY-003": f"{_QUERY}; {_SPINE}",
    "CPIS-QRY-004": f"DMS, author person (COCT_TP145102GB01); {_SPINE}",
    "CPIS-QRY-005": f"DMS, author device (COCT_TP145104GB01); {_SPINE}",
    "CPIS-QRY-007": f"{_QUERY}; {_SPINE}",
    "CPIS-QRY-008": "DMS Patch D, examples",
    "CPIS-QRY-011": "Spine transport, synchronous and asynchronous envelopes",
    "CPIS-RSP-001": _RESPONSE,
    "CPIS-RSP-002": f"{_RESPONSE}, totals",
    "CPIS-RSP-003": "DMS, examples (QUQI_IN010000UK14)",
    "CPIS-RSP-006": f"{_RESPONSE}, pertinentInformation13",
    "CPIS-RSP-007": f"{_RESPONSE}, text",
    "CPIS-RSP-008": _OURS,
    "CPIS-RSP-011": "DMS Patch D (MCCI_IN010000UK13)",
    "CPIS-NTF-006": _ACCESS,
    "CPIS-NTF-007": f"{_ACCESS}, pertinentCP-ISNHSQuery",
    "CPIS-NTF-015": _OURS,
    "CPIS-INA-001": _INACTIVE,
    "CPIS-INA-002": f"{_INACTIVE}, pDSInactivePatient",
    "CPIS-IG-008": "MESH API specification, message headers",
    "CPIS-MSG-001": "DMS, XML schemas; XML 1.0",
    "CPIS-MSG-002": f"{_OURS}, for safety",
    "CPIS-MSG-003": _SCHEMAS,
    "CPIS-MSG-004": f"{_SCHEMAS}: fixed values are prohibited",
    "CPIS-MSG-005": _SCHEMAS,
    "CPIS-MSG-006": f"{_SCHEMAS}, contentId",
    "CPIS-MSG-007": f"{_TYPES} (II)",
    "CPIS-MSG-008": "DMS, subject templates (COCT_TP145100GB01, 145101)",
    "CPIS-MSG-009": f"{_TYPES} (PN.NHS.PersonNameType6)",
    "CPIS-MSG-010": _VOCABULARIES,
    "CPIS-MSG-011": "HL7 V3 wrappers; Spine transport, query validation",
    "CPIS-MSG-012": f"{_TYPES} (INT); DMS, acknowledgement response",
    "CPIS-MSG-013": _OURS,
    "CPIS-MSG-014": f"{_UPLOAD}, subject; {_OURS}",
}


def source_of(rule: str) -> str:
    """Document and section behind a requirement, empty where none of this table is judged."""
    return SOURCES.get(rule, "")
