"""For each requirement that a single message can break: a message that keeps it, and one that does not."""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from cpis_simulator.rules import upload
from cpis_simulator.rules.finding import ERROR, WARNING
from cpis_simulator.rules.judge import judge
from cpis_simulator.rules.sources import SOURCES
from cpis_simulator.vocabulary import MessageKind
from tests.simulator.codec_examples import (
    ACCESS_NOTIFICATION,
    ACKNOWLEDGEMENT,
    ANSWER,
    DEVICE_QUERY,
    EXAMPLES,
    INACTIVE_NOTIFICATION,
    NO_RECORD,
    QUERY,
    REFUSAL,
    SILENT_QUERY,
    UPLOAD,
)
from tests.simulator.test_rules_judge import in_envelope

CONTROL: Final = b"""<?xml version="1.0" encoding="UTF-8"?>
<DTSControl><Version>1.0</Version><AddressType>DTS</AddressType><MessageType>Data</MessageType><From_DTS>Z99SIM01</From_DTS>
<To_DTS>CPISSIM01</To_DTS><LocalId>Z99-00000042</LocalId><WorkflowId>SIM_CPIS_UPLOAD</WorkflowId></DTSControl>
"""
ENVELOPE: Final = in_envelope(QUERY.body)


class Broken(NamedTuple):
    """How to break a rule: a right message, what to change in it, how bad that is, and what must change with it."""

    body: bytes
    old: str
    new: str
    severity: str = ERROR
    also: tuple[str, str] = ("", "")


RECORDS: Final = UPLOAD.body[UPLOAD.body.index(b"<record>") : UPLOAD.body.index(b"</File>")].decode()
RECORD: Final = RECORDS[: RECORDS.index("</record>") + 9]
PLANS: Final = RECORD[RECORD.index("<pert") : RECORD.index("<subject>")]
ACCESS: Final = ANSWER.body[
    ANSWER.body.index(b"<pertinentInformation13>") : ANSWER.body.index(b"<pertinentInformation14>")
].decode()
RECORD_14: Final = ANSWER.body[
    ANSWER.body.index(b"<pertinentInformation14>") : ANSWER.body.index(b"</CP-ISNHSQueryResponse>")
].decode()
AUTHOR_OF_ACCESS: Final = ACCESS[ACCESS.index("<author>") : ACCESS.index("<queryByParameter>")]
AUTHOR: Final = QUERY.body[QUERY.body.index(b"<author><l:") : QUERY.body.index(b"<queryByParameter>")].decode()
TOTAL: Final = '<pertinentTotalReturnedAccessRecords><value value="{}"/>'
PARAMETER: Final = "<queryByParameter><person.NHSnumber>"

BROKEN: Final[dict[str, Broken]] = {
    "CPIS-DAT-006": Broken(UPLOAD.body, PLANS, PLANS * 2),
    "CPIS-DAT-007": Broken(
        UPLOAD.body, '<component><cPPStartDate><value value="202506070000"/></cPPStartDate></component>', ""
    ),
    "CPIS-DAT-008": Broken(
        UPLOAD.body, '<component1><uCPEndDate><value value="202605050000"/></uCPEndDate></component1>', ""
    ),
    "CPIS-DAT-009": Broken(
        ANSWER.body,
        '</lACEndDate></component1>',
        '</lACEndDate></component1><component2><lACDeleteDate><value value="202602030405"/></lACDeleteDate>'
        "</component2>",
    ),
    "CPIS-DAT-011": Broken(UPLOAD.body, "202501020304", "20250102"),
    "CPIS-DAT-012": Broken(UPLOAD.body, "20260302083005+0000", "20260302083005"),
    "CPIS-DAT-013": Broken(UPLOAD.body, '<birthTime value="20150607"/>', ""),
    "CPIS-DAT-014": Broken(UPLOAD.body, 'use="EC"', 'use="WP"'),
    "CPIS-DAT-015": Broken(UPLOAD.body, "tel:01632960003", "tel:01632 960003"),
    "CPIS-DAT-024": Broken(ANSWER.body, ACCESS, ACCESS * 26, also=(TOTAL.format(1), TOTAL.format(26))),
    "CPIS-DAT-029": Broken(UPLOAD.body, "9990003017", "9990003018"),
    "CPIS-DAT-030": Broken(QUERY.body, '"9990003017"', '"0000000000"', WARNING),
    "CPIS-UPL-001": Broken(UPLOAD.body, RECORDS, ""),
    "CPIS-UPL-002": Broken(UPLOAD.body, '<id extension="7"/>', ""),
    "CPIS-UPL-003": Broken(UPLOAD.body, '<id extension="7"/>', '<id extension="A7"/>'),
    "CPIS-UPL-004": Broken(UPLOAD.body, 'Quantity value="2"', 'Quantity value="3"'),
    "CPIS-UPL-006": Broken(CONTROL, "<WorkflowId>SIM_CPIS_UPLOAD</WorkflowId>", ""),
    "CPIS-UPL-014": Broken(UPLOAD.body, RECORD, "<record></record>"),
    "CPIS-UPL-017": Broken(UPLOAD.body, "<record>", "<record>" + " " * 5000, WARNING),
    "CPIS-ACK-001": Broken(ACKNOWLEDGEMENT.body, "<name>SAMPLEBURY &amp; TEST</name>", ""),
    "CPIS-ACK-002": Broken(ACKNOWLEDGEMENT.body, '<id extension="7"/>', ""),
    "CPIS-ACK-003": Broken(ACKNOWLEDGEMENT.body, 'Quantity value="3"', 'Quantity value="4"'),
    "CPIS-ACK-004": Broken(ACKNOWLEDGEMENT.body, "CPF03", "CPF04"),
    "CPIS-ACK-005": Broken(ACKNOWLEDGEMENT.body, 'code="CPR07"', 'code="CPR99"'),
    "CPIS-ACK-007": Broken(ACKNOWLEDGEMENT.body, "/File/record[2]", "/File/record[9]"),
    "CPIS-ACK-008": Broken(ACKNOWLEDGEMENT.body, "<validCP-ISRecord>", "<validCP-ISRecord><pertinentInformation/>"),
    "CPIS-QRY-001": Broken(QUERY.body, f'{PARAMETER}<value extension="9990003017"/>', PARAMETER),
    "CPIS-QRY-003": Broken(QUERY.body, AUTHOR, ""),
    "CPIS-QRY-004": Broken(QUERY.body, "<name>SAMPLEBURY TEST HOSPITAL</name>", ""),
    "CPIS-QRY-005": Broken(DEVICE_QUERY.body, "<given>Lee</given>", ""),
    "CPIS-QRY-007": Broken(QUERY.body, '<id root="6F1B0E52-33C1-4E0A-9A10-000000000010"/>', ""),
    "CPIS-QRY-008": Broken(SILENT_QUERY.body, 'value="false"', 'value="perhaps"'),
    "CPIS-QRY-011": Broken(ENVELOPE, "<wsa:MessageID>uuid:", "<wsa:MessageID>"),
    "CPIS-RSP-001": Broken(
        ANSWER.body,
        '<pertinentTotalReturnedAccessRecords><value value="1"/></pertinentTotalReturnedAccessRecords>',
        "",
    ),
    "CPIS-RSP-002": Broken(
        ANSWER.body,
        '<pertinentTotalReturnedChildRecords><value value="1"/>',
        '<pertinentTotalReturnedChildRecords><value value="2"/>',
    ),
    "CPIS-RSP-003": Broken(ANSWER.body, RECORD_14, ""),
    "CPIS-RSP-006": Broken(ANSWER.body, AUTHOR_OF_ACCESS, ""),
    "CPIS-RSP-007": Broken(ANSWER.body, ACCESS, "", also=(TOTAL.format(1), TOTAL.format(0))),
    "CPIS-RSP-008": Broken(
        ANSWER.body,
        ACCESS,
        ACCESS + ACCESS.replace("20260302083005", "20260302083006"),
        WARNING,
        also=(TOTAL.format(1), TOTAL.format(2)),
    ),
    "CPIS-RSP-011": Broken(
        REFUSAL.body, REFUSAL.body[REFUSAL.body.index(b"<reason ") : REFUSAL.body.rindex(b"</ControlAct")].decode(), ""
    ),
    "CPIS-NTF-006": Broken(ACCESS_NOTIFICATION.body, 'value value="1"', 'value value="2"'),
    "CPIS-NTF-007": Broken(ACCESS_NOTIFICATION.body, '<id root="6F1B0E52-33C1-4E0A-9A10-000000000010"/>', ""),
    "CPIS-NTF-015": Broken(ACCESS_NOTIFICATION.body, "", "", WARNING),
    "CPIS-INA-001": Broken(
        INACTIVE_NOTIFICATION.body,
        INACTIVE_NOTIFICATION.body[
            INACTIVE_NOTIFICATION.body.index(b"<subject>") : INACTIVE_NOTIFICATION.body.index(b"</CP-ISInact")
        ].decode(),
        "",
    ),
    "CPIS-INA-002": Broken(
        INACTIVE_NOTIFICATION.body, '<id extension="9990003033"/>', '<id extension="9990003017"/>'
    ),
    "CPIS-IG-008": Broken(CONTROL, "Z99-00000042", "child 999 000 3017"),
    "CPIS-MSG-001": Broken(UPLOAD.body, "</File>", ""),
    "CPIS-MSG-002": Broken(UPLOAD.body, "<File", "<!DOCTYPE File><File"),
    "CPIS-MSG-003": Broken(UPLOAD.body, "l:contentId", "contentId"),
    "CPIS-MSG-004": Broken(UPLOAD.body, "<CP-ISRecord>", '<CP-ISRecord classCode="ACTN">'),
    "CPIS-MSG-005": Broken(UPLOAD.body, "<childPerson>", "<childPerson><note/>"),
    "CPIS-MSG-006": Broken(UPLOAD.body, "COCT_TP146101GB01#CPPInformation", "COCT_TP146100GB01#LACInformation"),
    "CPIS-MSG-007": Broken(QUERY.body, "6F1B0E52-33C1-4E0A-9A10-000000000010", "6f1b0e52-33c1-4e0a-9a10-000000000010"),
    "CPIS-MSG-008": Broken(UPLOAD.body, 'root="2.16.840.1.113883.2.1.3.2.4.18.24"', 'root="2.16.840.1.113883.2.1.4.1"'),
    "CPIS-MSG-009": Broken(UPLOAD.body, "<given>Zoë Ann</given>", "<given> </given>"),
    "CPIS-MSG-010": Broken(ACKNOWLEDGEMENT.body, '"Partial File Upload"', '"Successful File Upload"'),
    "CPIS-MSG-011": Broken(NO_RECORD.body, 'extension="QUQI_IN010000UK14"', 'extension="REPC_IN000007GB01"'),
    "CPIS-MSG-012": Broken(ACKNOWLEDGEMENT.body, '<value value="1"/>', '<value value="-1"/>'),
    "CPIS-MSG-013": Broken(UPLOAD.body, "202606070000", "202406070000"),
    "CPIS-MSG-014": Broken(UPLOAD.body, "202601010000", "202601010000"),
}  # fmt: skip


def broken(rule: str) -> bytes:
    """The message that breaks a rule; a few need more than one change."""
    example = BROKEN[rule]
    if rule == "CPIS-MSG-014":
        child = UPLOAD.body[UPLOAD.body.index(b"<subject>") : UPLOAD.body.index(b"</subject>") + 10]
        mother = UPLOAD.body[UPLOAD.body.rindex(b"<subject>") : UPLOAD.body.rindex(b"</subject>") + 10]
        return UPLOAD.body.replace(mother, child)
    if rule == "CPIS-NTF-015":
        body = ACCESS_NOTIFICATION.body
        access = body[body.index(b"<pertinentInformation2>") : body.index(b"<reference>")]
        return body.replace(access, access * 2).replace(b'value value="1"', b'value value="2"')
    if rule == "CPIS-RSP-011":
        body = example.body.replace(example.old.encode(), b"")
        detail = body[body.index(b"<acknowledgementDetail") : body.index(b"<messageRef>")]
        return body.replace(detail, b"")
    assert example.old.encode() in example.body
    body = example.body.replace(*map(str.encode, example.also)) if example.also[0] else example.body
    return body.replace(example.old.encode(), example.new.encode())


@pytest.fixture(autouse=True)
def small_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MOST_BYTES", 6000)


@pytest.mark.parametrize("rule", BROKEN)
def test_a_message_that_keeps_the_rule(rule: str) -> None:
    verdict = judge(BROKEN[rule].body)
    assert (verdict.valid, verdict.findings) == (True, ())


@pytest.mark.parametrize("rule", BROKEN)
def test_a_message_that_breaks_the_rule(rule: str) -> None:
    verdict = judge(broken(rule))
    found = {finding.rule: finding for finding in verdict.findings}
    assert rule in found, [f"{f.rule} {f.message}" for f in verdict.findings]
    assert found[rule].severity == BROKEN[rule].severity
    assert verdict.valid == (BROKEN[rule].severity == WARNING)
    assert found[rule].source == SOURCES[rule]
    assert verdict.findings[0].rule == rule, [f"{f.rule} {f.message}" for f in verdict.findings]


def test_every_rule_about_a_single_message_has_an_example() -> None:
    assert set(BROKEN) == set(SOURCES)


def test_every_kind_of_message_has_an_example_that_is_right() -> None:
    kinds = {example.kind for example in EXAMPLES} | {MessageKind.SOAP, MessageKind.EBXML, MessageKind.MESH_CONTROL}
    assert kinds == set(MessageKind) - {MessageKind.UNKNOWN}
    assert judge(CONTROL).kind is MessageKind.MESH_CONTROL
