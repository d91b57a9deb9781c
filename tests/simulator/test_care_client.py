"""The mock care client asks completely, and takes nothing for an answer that is not one."""

from datetime import UTC, datetime

import pytest

from cpis_simulator.care.client import Question, prepare, understand, unknown
from cpis_simulator.codecs.query import decode_query
from cpis_simulator.codecs.soap import decode_soap, encode_soap_fault
from cpis_simulator.driving import LookUp, LookUpResult
from cpis_simulator.model import Coded, DeviceAuthor, PersonAuthor, ProtectionPlan, Query, Refusal
from cpis_simulator.vocabulary import OID_FAULT, OID_ISSUE, PlanType
from tests.simulator.lookup_examples import (
    CHILD,
    CREW,
    NOW,
    NURSE,
    PROTECTED,
    answer,
    enveloped,
    ids,
    looked_up,
    no_record,
    transmission,
)


def asked(look_up: LookUp | None = None) -> Question:
    question = prepare(look_up or looked_up(), now=NOW, ids=ids())
    assert isinstance(question, Question)
    return question


def query_in(question: Question) -> Query:
    return decode_query(decode_soap(question.body).body_element).query


def test_a_query_carries_number_event_time_and_worker() -> None:
    query = query_in(asked())
    assert (query.nhs_number, query.effective_time, query.unscheduled) == (CHILD, NOW, None)
    assert isinstance(query.author, PersonAuthor)
    assert (query.author.user_id, query.author.role_code) == ("999900000001", "R8001")
    assert query.author.name.shown() == "Ms Quebec Testnurse"


def test_a_system_asks_with_the_person_responsible_for_it() -> None:
    query = query_in(asked(looked_up(author=CREW)))
    assert isinstance(query.author, DeviceAuthor)
    assert query.author.asid == "999999000105"
    assert query.author.responsible[0].name.shown() == "Dr Romeo Testlead"


@pytest.mark.parametrize(("silent", "flag"), [(True, False), (False, True), (None, None)])
def test_the_flag_is_sent_as_asked_for(silent: bool | None, flag: bool | None) -> None:
    assert query_in(asked(looked_up(silent=silent))).unscheduled is flag


def test_a_given_event_id_and_time_are_used() -> None:
    event = "0B1D5C10-7A2E-4C55-9D01-0000000000AA"
    query = query_in(asked(looked_up(event_id=event, accessed=datetime(2026, 1, 5, 8, 0))))
    assert (query.event_id, query.effective_time) == (event, datetime(2026, 1, 5, 8, 0, tzinfo=UTC))


def test_a_number_with_a_wrong_check_digit_is_not_sent() -> None:
    result = prepare(looked_up(nhs_number="9990001013"), now=NOW, ids=ids())
    assert isinstance(result, LookUpResult)
    assert result.status == "invalid"
    assert result.text.startswith("NHS number not valid")


def test_nobody_signed_in_is_denied_and_not_sent() -> None:
    nobody = NURSE.model_copy(update={"user_id": None})
    result = prepare(looked_up(author=nobody), now=NOW, ids=ids())
    assert isinstance(result, LookUpResult)
    assert result.status == "denied"


def test_an_answer_is_shown_with_authority_and_both_telephones() -> None:
    question = asked()
    result = understand(question, 200, enveloped(answer(PROTECTED), question.envelope_id))
    assert result.status == "found"
    assert [plan.model_dump(mode="json") for plan in result.plans] == [
        {
            "plan_type": "child protection plan",
            "start": "2025-11-01",
            "end": None,
            "about": "child",
            "authority": "EXAMPLETON TEST COUNCIL",
            "telephone_office": "tel:01632960001",
            "telephone_emergency": "tel:01632960002",
            "current": True,
            "text": "Child protection plan, from 1 Nov 2025. EXAMPLETON TEST COUNCIL: office 01632960001, "
            "emergency duty 01632960002.",
        }
    ]
    assert [(a.worker, a.role, a.organisation) for a in result.accesses] == [
        ("Ms Quebec Testnurse", "Nurse Access Role", "EXAMPLETON TEST HOSPITALS")
    ]
    assert result.text.splitlines() == [
        "CP-IS alert: information is held.",
        "Child protection plan, from 1 Nov 2025. "
        "EXAMPLETON TEST COUNCIL: office 01632960001, emergency duty 01632960002.",
    ]


def test_an_ended_plan_comes_last_and_is_worded_as_past() -> None:
    ended = ProtectionPlan(PlanType.LOOKED_AFTER, datetime(2025, 1, 1), datetime(2025, 12, 24))
    question = asked()
    result = understand(question, 200, enveloped(answer(ended, PROTECTED), question.envelope_id))
    lines = result.text.splitlines()[1:]
    assert lines[0].startswith("Child protection plan, from 1 Nov 2025.")
    assert lines[1].startswith("PAST looked-after child status, from 1 Jan 2025, ended 24 Dec 2025.")
    assert [plan.end and plan.end.isoformat() for plan in result.plans] == [None, "2025-12-24"]


def test_an_unborn_childs_plan_is_not_worded_as_the_womans_own() -> None:
    unborn = ProtectionPlan(PlanType.UNBORN, datetime(2025, 12, 15), datetime(2026, 5, 20))
    question = asked()
    result = understand(question, 200, enveloped(answer(unborn), question.envelope_id))
    assert result.plans[0].about == "unborn child"
    assert "Her unborn child is on a child protection plan, from 15 Dec 2025, due 20 May 2026." in result.text


def test_totals_that_disagree_with_the_answer_are_told() -> None:
    question = asked()
    result = understand(question, 200, enveloped(answer(PROTECTED, total_records=2), question.envelope_id))
    assert result.status == "found"
    assert "there may be more than is shown" in result.text


def test_no_record_is_not_worded_as_a_sign_of_safety() -> None:
    question = asked()
    result = understand(question, 200, enveloped(no_record(question.message_id), question.envelope_id))
    assert (result.status, result.plans) == ("no-record", [])
    assert "This is not a sign of safety" in result.text


@pytest.mark.parametrize("issue", [Coded("X9", "NO RECORDS FOUND", OID_ISSUE), Coded("CPIS-0001", "-", OID_ISSUE)])
def test_no_record_is_known_by_its_code_or_its_text(issue: Coded) -> None:
    question = asked()
    result = understand(question, 200, enveloped(no_record(question.message_id, issue), question.envelope_id))
    assert result.status == "no-record"


def test_a_query_that_failed_for_another_reason_is_no_absence_of_a_record() -> None:
    question = asked()
    issue = Coded("0005", "Author credentials", OID_ISSUE)
    result = understand(question, 200, enveloped(no_record(question.message_id, issue), question.envelope_id))
    assert (result.status, result.text.rpartition(": ")[2]) == ("refused", "Author credentials")


def test_a_refusal_names_every_fault() -> None:
    question = asked()
    faults = (Coded("A", "First missing", OID_FAULT), Coded("B", "Second missing", OID_FAULT))
    refusal = Refusal(transmission(), question.message_id, faults)
    result = understand(question, 200, enveloped(refusal, question.envelope_id))
    assert result.status == "refused"
    assert result.text.endswith("First missing; Second missing")


def unusable(question: Question) -> dict[str, tuple[int, bytes]]:
    envelope, other = question.envelope_id, "0B1D5C10-7A2E-4C55-9D01-00000000FFFF"
    return {
        "the service reports a fault: 206 Routing": (500, encode_soap_fault(206, "Routing")),
        "the answer is about another NHS number": (200, enveloped(answer(nhs_number="9990001022"), envelope)),
        "the answer belongs to another query": (200, enveloped(answer(), other)),
        "the answer has a negative total": (200, enveloped(answer(total_records=-1), envelope)),
        "the answer cannot be read": (200, b"<html>"),
        "HTTP status 503": (503, b"Service Unavailable"),
        "HTTP status 202": (202, b""),
    }


@pytest.mark.parametrize("why", list(unusable(asked())))
def test_whatever_is_no_answer_to_this_query_leaves_the_status_unknown(why: str) -> None:
    question = asked()
    status, body = unusable(question)[why]
    result = understand(question, status, body)
    assert (result.status, result.plans, result.accesses) == ("unknown", [], [])
    assert result.text.startswith("CP-IS status unknown")
    assert why in result.text


def test_a_failure_that_names_another_message_is_no_answer() -> None:
    question = asked()
    stray = no_record("0B1D5C10-7A2E-4C55-9D01-00000000FFFF")
    assert understand(question, 200, enveloped(stray, question.envelope_id)).status == "unknown"


def test_no_answer_at_all_is_unknown_and_never_no_plan() -> None:
    result = unknown(asked(), "no answer within 30 s")
    assert result.status == "unknown"
    assert "Do not take this as 'no plan'" in result.text
