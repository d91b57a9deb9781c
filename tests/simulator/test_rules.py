"""What the rules say beyond the schema; every rule has a message that breaks it."""

from dataclasses import replace
from datetime import datetime

import pytest

from cpis_simulator.errors import Fault
from cpis_simulator.model import (
    Acknowledgement,
    Answer,
    AnswerMessage,
    AuthorName,
    Coded,
    DeviceAuthor,
    Echo,
    FaultyRecord,
    LocalId,
    PlanRecord,
    ProtectionPlan,
    Query,
    Refusal,
    Telecom,
    Upload,
)
from cpis_simulator.rules.acknowledgement import ACKNOWLEDGEMENT_RULES, check_acknowledgement
from cpis_simulator.rules.finding import Finding
from cpis_simulator.rules.lookup import (
    ANSWER_RULES,
    QUERY_RULES,
    check_answer,
    check_query,
    check_reply,
    check_transmission,
)
from cpis_simulator.rules.notification import check_access_notification, check_inactive_notification
from cpis_simulator.rules.upload import (
    ALL_CHECKS,
    FILE_RULES,
    HEADER_RULES,
    RECORD_RULES,
    check_file,
    check_header,
    check_record,
    judge_upload,
)
from cpis_simulator.vocabulary import PlanType
from tests.simulator.codec_examples import (
    ACCESS_NOTIFICATION,
    ACKNOWLEDGEMENT,
    ANSWER,
    AUTHORITY,
    CHILD,
    CPP,
    DEVICE,
    DEVICE_QUERY,
    INACTIVE_NOTIFICATION,
    MOTHER,
    QUERY,
    REFUSAL,
    TO_SPINE,
    UCP,
    UPLOAD,
)

upload: Upload = UPLOAD.message
acknowledgement: Acknowledgement = ACKNOWLEDGEMENT.message
query: Query = QUERY.message.query
answer: Answer = ANSWER.message.answer

RECORD = PlanRecord((CPP,), (CHILD,))


def rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings if finding.severity == "error"]


def test_right_messages_have_no_findings() -> None:
    assert judge_upload(upload) == []
    assert check_acknowledgement(acknowledgement) == []
    assert check_query(query) == []
    assert check_query(DEVICE_QUERY.message.query) == []
    assert check_answer(answer) == []
    assert check_access_notification(ACCESS_NOTIFICATION.message) == []
    assert check_inactive_notification(INACTIVE_NOTIFICATION.message) == []


BAD_RECORDS = {
    "CPIS-MSG-013": replace(RECORD, plans=(replace(CPP, end=datetime(2025, 6, 6, 23, 59)),)),
    "CPIS-MSG-014": replace(RECORD, plans=(UCP,)),
    "CPIS-DAT-029": replace(RECORD, subjects=(replace(CHILD, nhs_number="9990003018"),)),
    "CPIS-MSG-009": replace(RECORD, subjects=(replace(CHILD, family=" "),)),
    "CPIS-MSG-008": replace(RECORD, subjects=(replace(CHILD, local_id=LocalId("1", "Z98")),)),
    "CPIS-DAT-006": replace(RECORD, subjects=(CHILD, CHILD)),
}


@pytest.mark.parametrize("rule", BAD_RECORDS)
def test_bad_record_breaks_its_rule_and_no_other(rule: str) -> None:
    assert rules(check_record(BAD_RECORDS[rule])) == [rule]


def test_every_record_rule_has_a_bad_record() -> None:
    assert {*BAD_RECORDS, "CPIS-DAT-030"} == set(RECORD_RULES)


def test_number_outside_of_the_test_range_is_a_mere_warning() -> None:
    real = replace(RECORD, subjects=(replace(CHILD, nhs_number="0000000000"),))
    assert [(f.rule, f.severity) for f in check_record(real)] == [("CPIS-DAT-030", "warning")]


def test_plan_that_ends_when_it_starts_is_right() -> None:
    assert check_record(replace(RECORD, plans=(replace(CPP, end=CPP.start),))) == []


@pytest.mark.parametrize("plan_type", [PlanType.CHILD_PROTECTION, PlanType.LOOKED_AFTER])
def test_plan_of_a_child_needs_the_child(plan_type: PlanType) -> None:
    plan = ProtectionPlan(plan_type, CPP.start)
    assert rules(check_record(PlanRecord((plan,), (MOTHER,)))) == ["CPIS-MSG-014"]
    assert check_record(PlanRecord((plan, UCP), (CHILD, MOTHER))) == []


@pytest.mark.parametrize(
    ("check", "rule"),
    [("end-not-before-start", "CPIS-MSG-013"), ("plan-and-subject", "CPIS-MSG-014"), ("check-digit", "CPIS-DAT-029")],
)
def test_business_check_can_be_switched_off(check: str, rule: str) -> None:
    assert check_record(BAD_RECORDS[rule], checks=ALL_CHECKS - {check}) == []


def test_finding_says_which_subject_and_hides_the_number() -> None:
    record = PlanRecord((CPP, UCP), (CHILD, replace(MOTHER, nhs_number="999000302")))
    assert check_record(record, base="/File/record[4]/CP-ISRecord", number=4) == [
        Finding(
            "CPIS-DAT-029",
            "error",
            "NHS number: expected ten digits with a valid check digit, found ••••••302",
            xpath="/File/record[4]/CP-ISRecord/subject[2]/COCT_TP145100GB01.UnbornChild/parentMotherPerson"
            "/playedMother/id",
            record=4,
            expected="ten digits with a valid check digit",
            found="••••••302",
            mend="Trace the number; a digit is probably mistyped.",
            source="NHS data dictionary, NHS NUMBER; toolkit's modulus-11 check",
        )
    ]


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        (replace(AUTHORITY, telecom=(Telecom("tel:1", "WP"),)), ["CPIS-DAT-014"]),
        (replace(AUTHORITY, telecom=(Telecom("tel:1", "EC"),) * 2), ["CPIS-DAT-014"]),
        (replace(AUTHORITY, telecom=(Telecom("tel:1", "EC"), Telecom("tel:", "WP"))), ["CPIS-DAT-014"]),
        (replace(AUTHORITY, telecom=(Telecom("tel:1", "EC WP"),)), ["CPIS-DAT-014"]),
        (replace(AUTHORITY, telecom=(Telecom("tel:1 2", "EC"),)), ["CPIS-DAT-015"]),
        (replace(AUTHORITY, name=""), ["CPIS-DAT-014"]),
        (replace(AUTHORITY, ods_code="z 98"), []),
        (replace(AUTHORITY, telecom=(Telecom("tel:1", "EC"),)), []),
    ],
)
def test_header_names_the_authority_and_one_emergency_number(sender: object, expected: list[str]) -> None:
    assert rules(check_header(replace(upload, sender=sender))) == expected  # type: ignore[arg-type]  # table of senders


def test_emergency_telephone_check_can_be_switched_off() -> None:
    sender = replace(AUTHORITY, telecom=(Telecom("tel:1", "WP"),))
    assert check_header(replace(upload, sender=sender), checks=ALL_CHECKS - {"emergency-telephone"}) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"quantity": 3}, ["CPIS-UPL-004"]),
        ({"file_id": "A7"}, ["CPIS-UPL-003"]),
        ({"file_id": "-1"}, ["CPIS-MSG-012"]),
        ({"quantity": -2}, ["CPIS-UPL-004", "CPIS-MSG-012"]),
    ],
)
def test_file_as_a_whole(changes: dict[str, object], expected: list[str]) -> None:
    header = replace(upload, **changes).header()  # type: ignore[arg-type]  # table of fields
    assert rules(check_file(header, len(upload.records))) == expected


def test_faulty_records_count_and_are_findings() -> None:
    fault = FaultyRecord((Fault("CPIS-DAT-007", "component is missing", 12, "/File/record[2]"),))
    (found,) = judge_upload(replace(upload, records=(RECORD, fault)))
    assert (found.rule, found.severity, found.message) == ("CPIS-DAT-007", "error", "component is missing")
    assert (found.line, found.xpath, found.record) == (12, "/File/record[2]", 2)


def test_tables_are_keyed_by_requirement() -> None:
    keys = [*RECORD_RULES, *FILE_RULES, *QUERY_RULES, *ANSWER_RULES]
    keys += [rule.rule for rule in HEADER_RULES] + [rule for rule, _ in ACKNOWLEDGEMENT_RULES]
    assert all(key.startswith("CPIS-") and len(key) == 12 for key in keys)


ALL_STORED = Coded("CPF02", "Successful File Upload")
NONE_STORED = Coded("CPF04", "Unsuccessful File Upload")
FILE_ERROR = Coded("CPF01", "File Level Error")
RESULT = acknowledgement.results[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stored": 1}, ["CPIS-ACK-003"]),
        ({"file_codes": (ALL_STORED,)}, ["CPIS-ACK-004"]),
        ({"file_codes": (ALL_STORED,), "stored": 3, "failed": 0}, ["CPIS-ACK-004"]),
        ({"file_codes": (ALL_STORED,), "stored": 3, "failed": 0, "results": (), "echoes": ()}, []),
        ({"file_codes": (NONE_STORED,)}, ["CPIS-ACK-004"]),
        ({"file_codes": (NONE_STORED,), "stored": 0, "failed": 3}, []),
        ({"stored": 3, "failed": 0}, ["CPIS-ACK-004"]),
        ({"file_codes": (FILE_ERROR,), "stored": 0, "failed": 0}, ["CPIS-ACK-008"]),
        ({"file_codes": (FILE_ERROR,), "echoes": ()}, ["CPIS-ACK-003"]),
        ({"file_codes": (FILE_ERROR,), "stored": 0, "failed": 0, "results": (), "echoes": ()}, []),
        ({"file_codes": (Coded("CPF03", "Successful File Upload"),)}, ["CPIS-MSG-010"]),
        ({"results": (replace(RESULT, code="CPR99"),)}, ["CPIS-ACK-005"]),
        ({"results": (replace(RESULT, display_name="Unsucessful Record Upload"),)}, []),
        ({"results": (replace(RESULT, display_name="Successful Record Upload"),)}, ["CPIS-MSG-010"]),
        ({"results": (replace(RESULT, detail=(Coded("?", "unheard of"),)),)}, []),
        ({"results": (replace(RESULT, location=""),)}, ["CPIS-ACK-007"]),
        ({"failed": -1, "stored": 4}, ["CPIS-MSG-012"]),
        ({"file_id": "-1"}, ["CPIS-MSG-012"]),
    ],
)
def test_acknowledgement(changes: dict[str, object], expected: list[str]) -> None:
    found = check_acknowledgement(replace(acknowledgement, **changes))  # type: ignore[arg-type]  # table of fields
    assert rules(found) == expected


def test_unreadable_file_is_answered_with_minus_one_twice() -> None:
    unreadable = replace(
        acknowledgement, file_id="-1", quantity=-1, file_codes=(FILE_ERROR,), stored=0, failed=0, results=(), echoes=()
    )
    assert check_acknowledgement(unreadable) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (replace(query, nhs_number="9990003018"), ["CPIS-DAT-029"]),
        (replace(query, author=replace(DEVICE, responsible=())), ["CPIS-QRY-005"]),
        (
            replace(query, author=DeviceAuthor(DEVICE.asid, replace(DEVICE.organisation, name=""), DEVICE.responsible)),
            ["CPIS-QRY-005"],
        ),
        (replace(query, author=replace(QUERY.message.query.author, name=AuthorName(""))), ["CPIS-QRY-004"] * 2),
        (replace(query, author=replace(QUERY.message.query.author, name=AuthorName("A", ("B",)))), []),
    ],
)
def test_query(changed: Query, expected: list[str]) -> None:
    assert rules(check_query(changed)) == expected


def test_missing_prefix_of_a_worker_is_a_mere_warning() -> None:
    changed = replace(query, author=replace(QUERY.message.query.author, name=AuthorName("A", ("B",))))
    assert [(finding.rule, finding.severity) for finding in check_query(changed)] == [("CPIS-QRY-004", "warning")]


ACCESS = answer.accesses[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"total_accesses": 2}, ["CPIS-RSP-002"]),
        ({"total_records": 2}, ["CPIS-RSP-002"]),
        ({"accesses": (ACCESS,) * 25, "total_accesses": 25}, []),
        ({"accesses": (ACCESS,) * 26, "total_accesses": 26}, ["CPIS-DAT-024"]),
        ({"accesses": (), "total_accesses": 0}, ["CPIS-RSP-007"]),
        ({"total_accesses": -1}, ["CPIS-RSP-002", "CPIS-MSG-012"]),
        ({"records": (replace(answer.records[0], record=BAD_RECORDS["CPIS-MSG-013"]),)}, ["CPIS-MSG-013"]),
        ({"records": (replace(answer.records[0], record=BAD_RECORDS["CPIS-MSG-014"]),)}, ["CPIS-MSG-014"]),
    ],
)
def test_answer(changes: dict[str, object], expected: list[str]) -> None:
    assert rules(check_answer(replace(answer, **changes))) == expected  # type: ignore[arg-type]  # table of fields


def test_refusal_says_why() -> None:
    refusal: Refusal = REFUSAL.message
    assert check_reply(refusal) == []
    assert rules(check_reply(replace(refusal, issues=(), details=()))) == ["CPIS-RSP-011"]
    assert check_reply(replace(refusal, issues=(), details=(), acknowledgement_type="AA")) == []


def test_system_ids_have_twelve_digits() -> None:
    assert check_transmission(TO_SPINE, "QUPC_IN000006GB01") == []
    found = check_transmission(replace(TO_SPINE, sender_asid="1"), "QUPC_IN000006GB01")
    assert [(f.rule, f.xpath) for f in found] == [
        ("CPIS-MSG-007", "/QUPC_IN000006GB01/communicationFunctionSnd/device/id")
    ]


def test_total_of_a_notification_counts_its_accesses() -> None:
    notification = ACCESS_NOTIFICATION.message
    assert rules(check_access_notification(replace(notification, total=0))) == ["CPIS-NTF-006"]
    assert rules(check_access_notification(replace(notification, groups=()))) == ["CPIS-NTF-006"]
    assert check_access_notification(replace(notification, total=0, groups=())) == []
    assert rules(check_access_notification(replace(notification, total=-1))) == ["CPIS-NTF-006", "CPIS-MSG-012"]


def test_number_is_not_replaced_by_itself() -> None:
    notification = INACTIVE_NOTIFICATION.message
    number = replace(notification.numbers[1], replacements=("9990003025",))
    assert rules(check_inactive_notification(replace(notification, numbers=(number,)))) == ["CPIS-INA-002"]
    several = replace(notification.numbers[1], replacements=("9990003033", "9990003041"))
    assert rules(check_inactive_notification(replace(notification, numbers=(several,)))) == []


def test_echo_of_a_valid_record_has_no_plans() -> None:
    assert acknowledgement.echoes[1] == Echo(True, (), (MOTHER,))
    assert isinstance(ANSWER.message, AnswerMessage)
