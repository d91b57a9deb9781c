"""From upload to acknowledgement (UPL, ACK)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from cpis_simulator.codecs.acknowledgement import decode_acknowledgement, encode_acknowledgement
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.errors import Fault
from cpis_simulator.model import Acknowledgement, FaultyRecord, Organisation, SubjectKind, Telecom
from cpis_simulator.service.pds import PersonName
from cpis_simulator.service.uploads import Standing, Unreadable
from cpis_simulator.settings import UploadSettings
from cpis_simulator.vocabulary import MessageKind, PlanType
from tests.official import schema_errors
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    DAY,
    NOW,
    REPLACEMENT,
    SENSITIVE,
    SUPERSEDED,
    WRONG_DIGIT,
    Z98,
    Z99,
    MemoryRegister,
    child,
    mother,
    people_with,
    plan,
    record,
    settings,
    upload,
)

GOOD = record()
UNKNOWN = record(subjects=[child(BRAVO, "Bravo", born="2012-09-20")])
FAULTY = FaultyRecord((Fault("CPIS-DAT-007", "no start date", 12),))


def told(acknowledgement: Acknowledgement) -> tuple[str, int, int, list[str]]:
    """File code, counts and record codes."""
    (code,) = acknowledgement.file_codes
    return code.code, acknowledgement.stored, acknowledgement.failed, [r.code for r in acknowledgement.results]


def test_a_good_file_is_stored_and_acknowledged():
    register = MemoryRegister()
    outcome = register.take(upload())
    answer = outcome.acknowledgement
    assert told(answer) == ("CPF02", 1, 0, [])
    assert (answer.file_id, answer.quantity, answer.creation_time) == ("42", 1, NOW)
    assert answer.receiver == Z99.organisation()
    assert answer.echoes == () and outcome.standing is Standing.PROCESSED
    assert register.holdings(ALPHA)[0].entries[0].file_id == "42"


def test_a_bad_record_never_blocks_good_ones_and_its_location_points_to_its_echo():
    twin = record(plan(start="2025-12-01"))
    answer = MemoryRegister().take(upload(GOOD, twin, UNKNOWN, GOOD, GOOD)).acknowledgement
    assert told(answer) == ("CPF03", 4, 1, ["CPR01"])
    assert answer.results[0].display_name == "PDS Error - No Match Found for NHS Number"
    assert answer.results[0].location == (
        "/FileResponse/message[1]/cP-ISLAAcknowledgementResponse/pertinentInformation1/invalidCP-ISRecord/subject[1]"
    )
    (echo,) = answer.echoes
    assert (echo.valid, echo.plans, echo.subjects) == (False, UNKNOWN.plans, UNKNOWN.subjects)


def test_valid_records_are_echoed_without_plans_where_the_setting_says_so():
    answer = (
        MemoryRegister().take(upload(GOOD, UNKNOWN), choices=settings(ack={"echo_valid_records": True})).acknowledgement
    )
    assert [(e.valid, len(e.plans)) for e in answer.echoes] == [(True, 0), (False, 1)]
    assert "/message[2]/" in answer.results[0].location


def test_a_record_too_broken_to_echo_is_pointed_at_in_the_upload():
    answer = MemoryRegister().take(upload(GOOD, FAULTY)).acknowledgement
    assert told(answer) == ("CPF03", 1, 1, ["CPR07"])
    assert answer.results[0].location == "/File/record[2]"
    assert answer.results[0].detail[0].code == "CPRD01"
    assert answer.echoes == ()


def test_none_stored_is_cpf04():
    assert told(MemoryRegister().take(upload(UNKNOWN, FAULTY)).acknowledgement) == ("CPF04", 0, 2, ["CPR01", "CPR07"])


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        (child(BRAVO, "Bravo", born="2012-09-20"), "CPR01"),
        (child(SENSITIVE, "Foxtrot", born="2015-05-05"), "CPR02"),
        (child(born="2017-03-15"), "CPR03"),
        (child(family="Otherwise"), "CPR03"),
        (child("ABC123"), "CPR04"),
        (child(WRONG_DIGIT), "CPR04"),
        (child(SUPERSEDED, "India", born="2014-04-04"), "CPR05"),
    ],
)
def test_each_reason_of_the_demographic_service_has_its_code(subject, code):
    register = MemoryRegister()
    outcome = register.take(upload(record(subjects=[subject])))
    assert told(outcome.acknowledgement) == ("CPF04", 0, 1, [code])
    assert outcome.acknowledgement.results[0].detail == ()
    assert outcome.changes.holdings == {} and register.held == {}


@pytest.mark.parametrize(
    "bad",
    [
        record(plan(end="2025-10-31")),
        record(plan(PlanType.UNBORN, end="2026-05-20")),
        record(plan(), subjects=[mother()]),
    ],
)
def test_a_broken_business_rule_is_cpr07_with_its_detail(bad):
    answer = MemoryRegister().take(upload(bad)).acknowledgement
    assert told(answer) == ("CPF04", 0, 1, ["CPR07"])
    assert (answer.results[0].detail[0].code, answer.results[0].detail[0].display_name) == (
        "CPRD02",
        "Business rule failure",
    )


def test_business_checks_can_be_switched_off():
    off = settings(upload={"business_checks": []})
    bad = record(plan(end="2025-10-31"), plan(PlanType.UNBORN, end="2026-05-20"))
    assert told(MemoryRegister().take(upload(bad), choices=off).acknowledgement) == ("CPF02", 1, 0, [])


def test_with_the_check_digit_off_such_a_number_is_simply_unknown():
    off = settings(upload={"business_checks": []}, pds={"unknown": "learn"})
    answer = MemoryRegister().take(upload(record(subjects=[child(WRONG_DIGIT)])), choices=off).acknowledgement
    assert told(answer) == ("CPF04", 0, 1, ["CPR01"])


def test_the_code_of_a_wrong_check_digit_is_a_setting():
    chosen = settings(upload={"bad_check_digit": "CPR07"})
    answer = MemoryRegister().take(upload(record(subjects=[child(WRONG_DIGIT)])), choices=chosen).acknowledgement
    assert [(r.code, r.detail[0].code) for r in answer.results] == [("CPR07", "CPRD02")]


def test_an_unknown_test_number_is_learned_where_the_setting_says_so():
    register = MemoryRegister()
    learn = settings(pds={"unknown": "learn"})
    outcome = register.take(upload(UNKNOWN), choices=learn)
    assert told(outcome.acknowledgement) == ("CPF02", 1, 0, [])
    assert outcome.warnings == ("•••••••022 is registered from what the upload says of it",)
    other = record(subjects=[child(BRAVO, "Somebody", "Else", "2012-09-20")])
    assert told(register.take(upload(other, file_id="43"), choices=learn).acknowledgement)[3] == ["CPR03"]


def test_a_number_outside_the_test_range_is_never_learned():
    file = upload(UNKNOWN)
    narrow = settings(pds={"unknown": "learn"}, data={"test_number_prefix": "99988"})
    register = MemoryRegister()
    assert told(register.take(file, choices=narrow).acknowledgement)[3] == ["CPR01"]
    assert BRAVO not in register.persons


def test_a_known_person_outside_the_test_range_is_refused():
    narrow = settings(data={"test_number_prefix": "99988"})
    assert told(MemoryRegister().take(upload(), choices=narrow).acknowledgement)[3] == ["CPR01"]


def test_two_subjects_must_both_match_and_the_location_names_the_one_that_does_not():
    bad = record(
        plan(), plan(PlanType.UNBORN, end="2026-05-20"),
        subjects=[child(), replace(mother(), given="Nobody")],
    )  # fmt: skip
    register = MemoryRegister()
    answer = register.take(upload(bad)).acknowledgement
    assert [r.code for r in answer.results] == ["CPR03"]
    assert answer.results[0].location.endswith("/subject[2]")
    assert register.held == {}


# Whole files


@pytest.mark.parametrize(
    "body", [b"", b"no xml", b"<File xmlns='urn:hl7-org:v3'/>", b"<!DOCTYPE x><File/>", "<a/>".encode("utf-16")]
)
def test_a_file_that_is_no_upload_is_answered_with_cpf01_and_minus_one(body):
    register = MemoryRegister()
    outcome = register.take(body)
    answer = outcome.acknowledgement
    assert told(answer) == ("CPF01", 0, 0, [])
    assert (answer.file_id, answer.quantity) == ("-1", -1)
    assert answer.receiver == Z99.organisation()
    assert outcome.standing is Standing.REJECTED and outcome.reason


def test_a_cut_file_keeps_the_id_and_quantity_that_were_readable():
    body = encode_upload(upload(file_id="7"))
    answer = MemoryRegister().take(body[: body.index(b"<record>") + 20]).acknowledgement
    assert (told(answer)[0], answer.file_id, answer.quantity) == ("CPF01", "7", 1)


def test_a_wrong_quantity_is_a_file_level_error():
    register = MemoryRegister()
    answer = register.take(upload(quantity=2)).acknowledgement
    assert told(answer) == ("CPF01", 0, 0, []) and (answer.file_id, answer.quantity) == ("42", 2)
    assert register.held == {} and register.files == {}


def test_a_wrong_quantity_can_be_let_pass_and_the_counts_still_add_up():
    answer = (
        MemoryRegister()
        .take(upload(quantity=7), choices=settings(upload={"quantity_mismatch": "accept"}))
        .acknowledgement
    )
    assert told(answer) == ("CPF02", 1, 0, []) and answer.quantity == 1


def test_a_used_or_smaller_id_changes_nothing():
    register = MemoryRegister()
    register.take(upload())
    before = dict(register.held)
    for used in ("42", "41", "042"):
        outcome = register.take(upload(record(plan(end="2026-01-01")), file_id=used))
        assert told(outcome.acknowledgement) == ("CPF01", 0, 0, []), used
    assert register.held == before


def test_a_used_id_can_be_accepted():
    register = MemoryRegister()
    accept = settings(upload={"duplicate_file_id": "accept"})
    register.take(upload())
    assert told(register.take(upload(record(plan(end="2026-01-01"))), choices=accept).acknowledgement)[0] == "CPF02"


def test_ids_are_counted_for_each_authority():
    register = MemoryRegister()
    register.take(upload())
    other = upload(file_id="1", sender=Z98.organisation())
    assert told(register.take(other, authority=Z98).acknowledgement)[0] == "CPF02"


def test_a_rejected_id_was_not_used():
    register = MemoryRegister()
    register.take(upload(quantity=2))
    assert told(register.take(upload()).acknowledgement)[0] == "CPF02"


@pytest.mark.parametrize(("file_id", "warns"), [("43", False), ("44", True), ("abc", True)])
def test_a_larger_step_warns(file_id, warns):
    register = MemoryRegister()
    register.take(upload())
    assert bool(register.take(upload(file_id=file_id)).warnings) is warns


def test_the_step_is_a_setting():
    register = MemoryRegister()
    register.take(upload())
    assert not register.take(upload(file_id="52"), choices=settings(upload={"sequence_step": 10})).warnings


def test_another_authoritys_code_is_refused_and_the_answer_goes_to_the_folders_owner():
    register = MemoryRegister()
    answer = register.take(upload(), authority=Z98).acknowledgement
    assert told(answer) == ("CPF01", 0, 0, []) and answer.receiver == Z98.organisation()
    assert register.held == {}


def test_what_is_shared_under_the_own_code_in_lower_case_is_still_notified_to_the_registered_one():
    register = MemoryRegister()
    register.take(upload(sender=replace(Z99.organisation(), ods_code="z99")))
    assert [n.recipient.ods_code for n in register.ask().notices] == ["Z99"]


def test_another_authoritys_code_can_be_accepted():
    chosen = settings(upload={"foreign_sender": "accept"})
    assert told(MemoryRegister().take(upload(), authority=Z98, choices=chosen).acknowledgement)[0] == "CPF02"


def test_while_the_demographic_service_is_off_nothing_is_stored_and_the_id_may_come_again():
    register = MemoryRegister()
    register.pds = False
    answer = register.take(upload(GOOD, UNKNOWN, FAULTY)).acknowledgement
    assert told(answer) == ("CPF05", 0, 0, []) and (answer.file_id, answer.quantity) == ("42", 3)
    assert register.held == {}
    register.pds = True
    register.take(upload(file_id="43"))
    assert told(register.take(upload()).acknowledgement)[0] == "CPF02"
    assert told(register.take(upload()).acknowledgement)[0] == "CPF01"


def test_the_same_id_after_cpf05_can_be_refused():
    register = MemoryRegister()
    register.pds = False
    register.take(upload())
    register.pds = True
    refused = settings(upload={"same_id_after_cpf05": "refused"})
    assert told(register.take(upload(), choices=refused).acknowledgement)[0] == "CPF01"


def test_faults_of_the_file_go_before_the_demographic_service():
    register = MemoryRegister()
    register.pds = False
    assert told(register.take(upload(quantity=5)).acknowledgement)[0] == "CPF01"


@pytest.mark.parametrize(
    "telecom",
    [
        (Telecom("tel:01632960001", "WP"),),
        (Telecom("tel:01632960001", "EC"), Telecom("tel:01632960002", "EC")),
        (Telecom("tel:", "WP"), Telecom("tel:01632960002", "EC")),
    ],
)
def test_a_telephone_fault_of_the_header_fails_every_record(telecom):
    register = MemoryRegister()
    file = upload(GOOD, GOOD, sender=Organisation("Z99", "EXAMPLETON TEST COUNCIL", telecom))
    answer = register.take(file).acknowledgement
    assert told(answer) == ("CPF04", 0, 2, ["CPR07", "CPR07"])
    assert answer.receiver == Z99.organisation()
    off = settings(upload={"business_checks": sorted(UploadSettings().business_checks - {"emergency-telephone"})})
    assert told(MemoryRegister().take(file, choices=off).acknowledgement)[0] == "CPF02"


@pytest.mark.parametrize("bad", [FAULTY, record(plan(end="2025-10-31"))])
def test_a_bad_record_can_fail_the_whole_file(bad):
    register = MemoryRegister()
    whole = settings(upload={"bad_record": "file"})
    assert told(register.take(upload(GOOD, bad), choices=whole).acknowledgement) == ("CPF01", 0, 0, [])
    assert register.held == {}
    assert told(register.take(upload(GOOD, UNKNOWN), choices=whole).acknowledgement)[0] == "CPF03"


# What is stored


def test_an_update_for_somebody_of_age_fails():
    adult = MemoryRegister(people_with(ALPHA, birth_date=date(2008, 1, 6)))
    file = upload(record(subjects=[child(born="2008-01-06")]))
    assert told(adult.take(file, now=NOW - DAY).acknowledgement)[0] == "CPF02"
    again = replace(file, file_id="43")
    answer = adult.take(again).acknowledgement
    assert [(r.code, r.detail[0].code) for r in answer.results] == [("CPR07", "CPRD02")]
    off = settings(upload={"business_checks": sorted(UploadSettings().business_checks - {"age-18"})})
    assert told(adult.take(replace(file, file_id="44"), choices=off).acknowledgement)[0] == "CPF02"


def test_a_mother_may_be_any_age():
    file = upload(record(plan(PlanType.UNBORN, end="2026-05-20"), subjects=[mother()]))
    assert told(MemoryRegister().take(file).acknowledgement)[0] == "CPF02"


def test_absence_from_a_file_means_nothing():
    register = MemoryRegister()
    register.take(upload())
    register.take(upload(record(plan(PlanType.UNBORN, end="2026-05-20"), subjects=[mother()]), file_id="43"))
    assert len(register.holdings(ALPHA)[0].entries) == 1 and len(register.holdings(CHARLIE)) == 1


def test_one_authority_never_touches_what_another_shares():
    register = MemoryRegister()
    register.take(upload())
    ended = upload(record(plan(end="2026-01-01")), file_id="1", sender=Z98.organisation())
    register.take(ended, authority=Z98)
    assert [(h.authority.ods_code, h.entries[0].plan.end) for h in register.holdings(ALPHA)] == [
        ("Z98", datetime(2026, 1, 1)),
        ("Z99", None),
    ]


def test_the_same_child_twice_in_a_file_ends_as_the_later_record_says():
    register = MemoryRegister()
    register.take(upload(record(plan()), record(plan(end="2026-01-01"))))
    assert [e.plan.end for e in register.holdings(ALPHA)[0].entries] == [datetime(2026, 1, 1)]


def test_a_file_of_many_chunks_is_stored_whole():
    records = [record(plan(start=f"20{10 + i % 15}-0{1 + i % 9}-{10 + i % 18}")) for i in range(1200)]
    outcome = MemoryRegister().take(upload(*records))
    assert told(outcome.acknowledgement) == ("CPF02", 1200, 0, []) and len(outcome.changes.holdings) == 1


def test_a_name_that_a_person_had_before_is_enough():
    register = MemoryRegister(people_with(ALPHA, previous_names=(PersonName("Alpha", "Formerly"),)))
    assert told(register.take(upload(record(subjects=[child(family="Formerly")]))).acknowledgement)[0] == "CPF02"


@pytest.mark.parametrize(
    "file",
    [
        upload(GOOD, UNKNOWN, FAULTY, record(plan(end="2025-10-31"))),
        upload(),
        Unreadable("cut"),
        upload(GOOD, record(subjects=[child(REPLACEMENT, kind=SubjectKind.CHILD)])),
    ],
)
def test_acknowledgements_fit_the_official_schema_and_read_back_the_same(file):
    answer = MemoryRegister().take(file, choices=settings(ack={"echo_valid_records": True})).acknowledgement
    body = encode_acknowledgement(answer)
    assert decode_acknowledgement(body) == replace(answer, creation_time=datetime(2026, 1, 6, 10, 15, tzinfo=UTC))
    assert schema_errors(MessageKind.ACKNOWLEDGEMENT, body) == []


def _without(part: str) -> bytes:
    """A file of two records, in the first of which (or in the header) a part is missing."""
    body = encode_upload(upload(record(plan(start="2025-11-02")), record(plan(start="2025-11-03"))))
    assert part.encode() in body, part
    return body.replace(part.encode(), b"", 1)


@pytest.mark.parametrize(
    ("part", "detail"),
    [
        # Whatever is wrong with a contentId is a breach of the rule about it.
        (
            '<npfitlc:contentId root="2.16.840.1.113883.2.1.3.2.4.18.16"'
            ' extension="COCT_TP146101GB01#CPPInformation"/>',
            "CPRD02",
        ),
        ('<id root="2.16.840.1.113883.2.1.4.1" extension="9990001014"/>', "CPRD01"),
        ('<component><cPPStartDate><value value="202511020000"/></cPPStartDate></component>', "CPRD01"),
        ('<birthTime value="20170314"/>', "CPRD01"),
    ],
    ids=["plan type", "NHS number", "start date", "birth date"],
)
def test_a_record_without_a_part_that_it_must_have_fails_and_the_other_is_stored(part, detail):
    register = MemoryRegister()
    answer = register.take(_without(part)).acknowledgement
    assert told(answer) == ("CPF03", 1, 1, ["CPR07"])
    assert [d.code for d in answer.results[0].detail] == [detail]
    assert [e.plan.start.day for e in register.holdings(ALPHA)[0].entries] == [3]


@pytest.mark.parametrize(
    ("part", "file_id"),
    [
        ('<id extension="42"/>', "-1"),
        ('<id root="2.16.840.1.113883.2.1.3.2.4.19.1" extension="Z99"/>', "42"),
        ("<name>EXAMPLETON TEST COUNCIL</name>", "42"),
    ],
    ids=["file id", "authority id", "authority name"],
)
def test_a_file_without_a_part_that_its_header_must_have_fails_as_a_whole(part, file_id):
    register = MemoryRegister()
    answer = register.take(_without(part)).acknowledgement
    assert (told(answer), answer.file_id) == (("CPF01", 0, 0, []), file_id)
    assert register.held == {}


def test_the_same_file_again_under_a_new_id_changes_nothing_that_an_answer_shows():
    register = MemoryRegister()
    for file_id in ("42", "43"):
        assert (
            told(register.take(upload(record(plan(end="2026-01-02")), file_id=file_id)).acknowledgement)[0] == "CPF02"
        )
    reply = register.ask().reply
    assert [p.end for r in reply.answer.records for p in r.record.plans] == [datetime(2026, 1, 2)]


def test_an_unborn_childs_plan_needs_an_end_and_a_childs_does_not():
    unborn = record(plan(PlanType.UNBORN, end="2026-05-20"), subjects=[mother()])
    body = encode_upload(upload(unborn, record()))
    end = b'<component1><uCPEndDate><value value="202605200000"/></uCPEndDate></component1>'
    assert body.count(end) == 1
    answer = MemoryRegister().take(body.replace(end, b"")).acknowledgement
    assert told(answer) == ("CPF03", 1, 1, ["CPR07"])
