"""Checks of lookups in bad weather: right passes, wrong fails, and nobody is blamed for our weather."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from cpis_reports.checks import run_check
from cpis_simulator.care.client import Question, Sender, prepare
from cpis_simulator.codecs.access_notification import encode_access_notification
from cpis_simulator.codecs.ebxml import EbxmlHeader, encode_ebxml
from cpis_simulator.codecs.reply import encode_reply, interaction_of
from cpis_simulator.evidence import DRIVER, FILE_DROP, LOOKUP, Evidence, Record
from cpis_simulator.model import AccessGroup, AccessNotification, AnswerMessage, NotifiedAccess, Organisation, Reply
from tests.simulator.lookup_examples import CHILD, NOW, answer, ids, looked_up, no_record

OTHER = "9990001022"
PLAN = {
    "name": "EXAMPLETON TEST COUNCIL",
    "authority": "Z99",
    "telephone_office": "tel:01632960001",
    "telephone_emergency": "tel:01632960002",
    "plan_type": "child protection plan",
    "start": "2025-11-01",
    "end": None,
    "about": "child",
}
SHOWN = {k: v for k, v in PLAN.items() if k not in ("name", "authority")} | {"authority": PLAN["name"]}
FOUND = {"status": "found", "text": "CP-IS alert: information is held.", "plans": [SHOWN], "accesses": []}
UNKNOWN = {"status": "unknown", "text": "CP-IS status unknown.", "plans": [], "accesses": []}


class Kept:
    """Evidence as it grows."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.bodies: dict[str, bytes] = {}
        self.ids = ids()
        self._exchanges = count(1)

    def add(self, channel: str, body: bytes = b"", **headers: str) -> None:
        sha256 = hashlib.sha256(body).hexdigest()
        self.bodies[sha256] = body
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        seq = len(self.records) + 1
        self.records.append(Record(seq, "", 0.0, "s", channel, "a", "b", shown, len(body), sha256))

    def driven(self, operation: str, asked: dict[str, Any], answered: dict[str, Any]) -> None:
        facts = {"operation": operation, "party": "care"}
        self.add(DRIVER, json.dumps(asked).encode(), phase="request", **facts)
        self.add(DRIVER, json.dumps(answered).encode(), phase="response", status="answered", **facts)

    def question(self, nhs_number: str = CHILD, **asked: object) -> Question:
        made = prepare(
            looked_up(nhs_number=nhs_number, **asked), now=NOW, ids=self.ids, sender=Sender(profile="reliable")
        )
        assert isinstance(made, Question)
        return made

    def exchange(self, question: Question, reply: Reply | bytes | None = None, weather: str = "", **facts: str) -> None:
        """A request, and where there is one its reply."""
        number = str(next(self._exchanges))
        marked = {"weather": weather} if weather else {}
        self.add(LOOKUP, question.body, exchange=number, phase="request", content_type=question.content_type)
        self.add(LOOKUP, exchange=number, phase="response", status="202", content_type="text/xml", **marked)
        if reply is None:
            return
        header = EbxmlHeader(
            "YES-0000806", "RX0-0000001", "C", "V", "S", "A", self.ids(), "T", ref_to_message_id=question.envelope_id
        )
        if not isinstance(reply, bytes):
            header = replace(header, action=interaction_of(reply))
            reply = encode_reply(reply)
        content_type, body = encode_ebxml(header, reply, description="d")
        self.add(LOOKUP, body, exchange=number, phase="reply", content_type=content_type, **marked)
        outcome = {"outcome": "accepted", **facts}
        self.add(LOOKUP, exchange=number, phase="reply-answer", status="200", content_type="", **outcome, **marked)

    def judged(self, check: str, **parameters: Any) -> tuple[str, str | None]:
        found = run_check(check, Evidence(self.records, lambda sha256: self.bodies[sha256]), parameters)
        return found.outcome, found.cause


def unanswered(answered: dict[str, Any], weather: str = "no-reply") -> Kept:
    """A lookup without a reply, and what the product said of it."""
    kept = Kept()
    kept.exchange(kept.question(), weather=weather)
    kept.driven("look-up", {"nhs_number": CHILD}, answered)
    return kept


# status-unknown-shown


def test_a_lookup_without_an_answer_is_shown_as_unknown() -> None:
    assert unanswered(UNKNOWN).judged("status-unknown-shown", nhs_number=CHILD) == ("pass", None)


@pytest.mark.parametrize(
    "shown",
    [
        {**UNKNOWN, "status": "no-record", "text": "No CP-IS record for this NHS number."},
        {**UNKNOWN, "text": "Status unknown: no record was found."},
        {**UNKNOWN, "plans": [SHOWN]},
        {**UNKNOWN, "accesses": [{"worker": "x"}]},
        FOUND,
    ],
)
def test_anything_else_that_is_shown_of_it_fails(shown: dict[str, Any]) -> None:
    assert unanswered(shown).judged("status-unknown-shown", nhs_number=CHILD)[0] == "fail"


def test_an_altered_answer_that_is_shown_fails() -> None:
    for shown, outcome in ((FOUND, "fail"), (UNKNOWN, "pass")):
        kept = Kept()
        kept.exchange(kept.question(), answer(nhs_number=OTHER), weather="scripted, payload altered")
        kept.driven("look-up", {"nhs_number": CHILD}, shown)
        assert kept.judged("status-unknown-shown", nhs_number=CHILD)[0] == outcome


def test_without_the_weather_nobody_is_blamed() -> None:
    kept = Kept()
    kept.exchange(kept.question(), answer())
    kept.driven("look-up", {"nhs_number": CHILD}, FOUND)
    assert kept.judged("status-unknown-shown", nhs_number=CHILD) == ("inconclusive", "harness")
    assert kept.judged("status-unknown-shown", nhs_number=OTHER) == ("inconclusive", "not-reached")


# own-answer-shown


def two_under_way(first: dict[str, Any], second: dict[str, Any]) -> Kept:
    kept = Kept()
    for number, reference, shown in ((CHILD, "A", first), (OTHER, "B", second)):
        kept.exchange(kept.question(number), answer(nhs_number=number))
        kept.driven("begin-look-up", {"nhs_number": number}, {"lookup_id": reference})
        kept.driven("shown", {"lookup_id": reference}, shown)
    return kept


def test_each_lookup_shows_its_own_answer() -> None:
    kept = two_under_way(FOUND, {**FOUND, "plans": []})
    assert kept.judged("own-answer-shown", nhs_number=CHILD, plans=[PLAN]) == ("pass", None)
    assert kept.judged("own-answer-shown", nhs_number=OTHER, plans=[]) == ("pass", None)


def test_crossed_answers_fail() -> None:
    kept = two_under_way({**FOUND, "plans": []}, FOUND)
    assert kept.judged("own-answer-shown", nhs_number=CHILD, plans=[PLAN])[0] == "fail"
    assert kept.judged("own-answer-shown", nhs_number=OTHER, plans=[])[0] == "fail"


def test_a_late_answer_may_be_shown_nowhere_but_not_elsewhere() -> None:
    kept = two_under_way(UNKNOWN, FOUND)
    late: dict[str, Any] = {"nhs_number": CHILD, "plans": [PLAN], "may_be_unknown": True}
    assert kept.judged("own-answer-shown", **late) == ("pass", None)
    assert kept.judged("own-answer-shown", **{**late, "may_be_unknown": False})[0] == "fail"
    assert kept.judged("own-answer-shown", nhs_number=OTHER, plans=[])[0] == "fail"


def test_an_answer_that_was_never_delivered_blames_nobody() -> None:
    kept = Kept()
    kept.exchange(kept.question(), answer(), outcome="faulted")
    kept.driven("begin-look-up", {"nhs_number": CHILD}, {"lookup_id": "A"})
    kept.driven("shown", {"lookup_id": "A"}, UNKNOWN)
    assert kept.judged("own-answer-shown", nhs_number=CHILD, plans=[PLAN]) == ("inconclusive", "not-reached")


# retry-keeps-id


def test_a_copy_under_the_same_id_passes_and_under_another_fails() -> None:
    kept = Kept()
    question = kept.question()
    kept.exchange(question, weather="lost-acknowledgement")
    assert kept.judged("retry-keeps-id", nhs_number=CHILD) == ("inconclusive", "not-reached")
    kept.exchange(question)
    assert kept.judged("retry-keeps-id", nhs_number=CHILD) == ("pass", None)
    kept.exchange(kept.question())
    assert kept.judged("retry-keeps-id", nhs_number=CHILD)[0] == "fail"


# copy-recorded-once

EVENT, LATER = "0B1D5C10-7A2E-4C55-9D01-00000000AAAA", "0B1D5C10-7A2E-4C55-9D01-00000000BBBB"


def copied(times_listed: int, times_told: int, copies: int = 2) -> Kept:
    kept = Kept()
    question = kept.question(event_id=EVENT)
    for _ in range(copies):
        kept.exchange(question, answer())
    said = answer()
    assert isinstance(said, AnswerMessage)
    own = replace(said.answer.accesses[0], event_id=LATER)
    accesses = (own, *(replace(own, event_id=EVENT),) * times_listed)
    later = replace(said, answer=replace(said.answer, accesses=accesses, total_accesses=len(accesses)))
    kept.exchange(kept.question(event_id=LATER), later)
    for event_id in (EVENT,) * times_told + (LATER,):
        access = NotifiedAccess(NOW, event_id, own.author, CHILD, None)
        told = AccessNotification(NOW, kept.ids(), 1, (AccessGroup("1", (access,)),), Organisation("Z99", "X"))
        facts = {"authority": "Z99", "direction": "response", "kind": "access-notification"}
        kept.add(FILE_DROP, encode_access_notification(told), **facts)
    return kept


@pytest.mark.parametrize(
    ("listed", "told", "outcome"), [(1, 1, "pass"), (2, 1, "fail"), (1, 2, "fail"), (0, 1, "fail")]
)
def test_a_query_that_came_twice_is_one_access(listed: int, told: int, outcome: str) -> None:
    kept = copied(listed, told)
    assert kept.judged("copy-recorded-once", authority="Z99", nhs_number=CHILD, event_id=EVENT)[0] == outcome


def test_a_query_that_came_once_shows_nothing_about_copies() -> None:
    kept = copied(1, 1, copies=1)
    found = kept.judged("copy-recorded-once", authority="Z99", nhs_number=CHILD, event_id=EVENT)
    assert found == ("inconclusive", "not-reached")


# Weather by chance, and the service's own word


def test_weather_by_chance_is_no_fault_of_the_product_and_wrong_plans_are() -> None:
    shown = {"nhs_number": CHILD, "plans": [{k: v for k, v in PLAN.items() if k != "authority"}]}
    assert unanswered(UNKNOWN, "no-reply by chance").judged("plans-shown", **shown) == ("inconclusive", "harness")
    assert unanswered(UNKNOWN, "no-reply").judged("plans-shown", **shown)[0] == "fail"
    assert unanswered({**FOUND, "plans": []}, "no-reply by chance").judged("plans-shown", **shown)[0] == "fail"
    assert unanswered(FOUND, "late-reply by chance").judged("plans-shown", **shown)[0] == "pass"
    assert unanswered(UNKNOWN, "no-reply by chance").judged("no-record-shown", nhs_number=CHILD) == (
        "inconclusive",
        "harness",
    )


def test_what_the_harness_made_of_an_answer_is_not_taken_for_the_services_word() -> None:
    plans = [{k: PLAN[k] for k in ("authority", "plan_type", "start", "end")}]
    kept = Kept()
    kept.exchange(kept.question(), answer())
    kept.exchange(kept.question(), no_record("X"), weather="scripted, payload altered")
    kept.exchange(kept.question(), weather="no-reply")
    assert kept.judged("answer-holds", nhs_number=CHILD, plans=plans, lookups_made=1) == ("pass", None)
    kept.exchange(kept.question(), no_record("X"))
    assert kept.judged("answer-holds", nhs_number=CHILD, plans=plans, lookups_made=1)[0] == "fail"


def test_copies_of_a_request_are_one_lookup() -> None:
    plans = [{k: PLAN[k] for k in ("authority", "plan_type", "start", "end")}]
    kept = Kept()
    question = kept.question()
    kept.exchange(question, weather="fault-206")
    kept.exchange(question, answer())
    assert kept.judged("answer-holds", nhs_number=CHILD, plans=plans, lookups_made=1) == ("pass", None)
    assert kept.judged("answer-holds", nhs_number=CHILD, plans=plans, lookups_made=2)[0] == "inconclusive"


# The form of queries


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("msg-003", b"urn:hl7-org:v3", b"urn:hl7-org:v9"),
        ("msg-004", b"<person.NHSnumber><value ", b'<person.NHSnumber><value root="2.16.840.1.113883.2.1.4.1" '),
        ("msg-005", b"<queryByParameter>", b"<surprise/><queryByParameter>"),
        ("msg-006", b"COCT_TP145102GB01#AssignedAuthor", b"COCT_TP145102GB01#Another"),
        ("msg-007", b"0B1D5C10-7A2E-4C55-9D01-000000000001", b"0b1d5c10-7a2e-4c55-9d01-000000000001"),
        ("msg-011", b'extension="QUPC_IN000006GB01"', b'extension="REPC_IN000007GB01"'),
    ],
)
def test_a_query_that_breaks_a_rule_of_form_fails_that_rule(rule: str, old: bytes, new: bytes) -> None:
    kept = Kept()
    question = kept.question()
    kept.exchange(question)
    assert kept.judged(f"query-obeys-{rule}", nhs_number=CHILD) == ("pass", None)
    assert old in question.body
    kept.exchange(replace(question, body=question.body.replace(old, new)))
    assert kept.judged(f"query-obeys-{rule}", nhs_number=CHILD)[0] == "fail"
