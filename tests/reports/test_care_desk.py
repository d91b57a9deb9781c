"""Checks of a care system's desk: right passes, wrong fails, and nothing passes on the product's word alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cpis_simulator.evidence import LOOKUP
from tests.reports.test_unhappy_lookups import FOUND, PLAN, SHOWN, UNKNOWN, Kept
from tests.simulator.lookup_examples import CHILD, CREW, NOW, answer, no_record

MARKER = "9990001022"
OTHER = "9990001030"
NONE = {"status": "no-record", "text": "No CP-IS record. This is no sign of safety.", "plans": [], "accesses": []}
UNVERIFIED = {"status": "unverified", "text": "The number is not verified.", "plans": []}
AT = NOW.isoformat()
OWN = {"accessed": AT, "worker": "Ms Quebec Testnurse", "role": "Nurse Access Role",
       "organisation": "EXAMPLETON TEST HOSPITALS"}  # fmt: skip


class Desk(Kept):
    """Evidence of a desk."""

    def looked_up(self, shown: dict[str, Any], nhs_number: str = CHILD, **asked: object) -> Desk:
        """A lookup that was sent, answered and shown."""
        reply = no_record("X") if shown["status"] == "no-record" else answer(nhs_number=nhs_number)
        self.exchange(self.question(nhs_number, **asked), reply)
        return self.only_shown(shown, nhs_number)

    def only_shown(self, shown: dict[str, Any], nhs_number: str = CHILD) -> Desk:
        """What the product says, without a query."""
        self.driven("look-up", {"nhs_number": nhs_number}, shown)
        return self

    def recorded(self, patient_id: str = "P1", nhs_number: str = CHILD) -> Desk:
        self.driven("record-patient", {"nhs_number": nhs_number}, {"patient_id": patient_id})
        return self


def outcome(desk: Kept, check: str, **parameters: Any) -> str:
    return desk.judged(check, **parameters)[0]


# not-asked-and-told


def marked(desk: Desk) -> Desk:
    return desk.looked_up(NONE, MARKER)


def told(desk: Desk, status: str = "unverified") -> str:
    return outcome(desk, "not-asked-and-told", nhs_number=CHILD, status=status, marker_number=MARKER)


def test_nothing_is_asked_and_the_user_is_told() -> None:
    assert told(marked(Desk().only_shown(UNVERIFIED))) == "pass"


def test_without_a_marker_nobody_knows_that_nothing_was_asked() -> None:
    assert told(Desk().only_shown(UNVERIFIED)) == "inconclusive"


def test_a_query_that_left_fails() -> None:
    assert told(marked(Desk().looked_up(UNVERIFIED))) == "fail"


def test_another_message_fails() -> None:
    assert told(marked(Desk().only_shown(UNKNOWN))) == "fail"


# flags-fit-role and flags-in-turn


@pytest.mark.parametrize(("silent", "expected"), [(True, "pass"), (None, "fail"), (False, "fail")])
def test_a_flag_must_fit_the_role(silent: bool | None, expected: str) -> None:
    desk = Desk().looked_up(FOUND, silent=silent)
    assert outcome(desk, "flags-fit-role", nhs_number=CHILD, silent=[True]) == expected
    assert outcome(desk, "flags-in-turn", nhs_number=CHILD, silent=[True]) == expected


def test_whoever_may_look_must_be_shown_what_is_held() -> None:
    desk = Desk().looked_up({**FOUND, "plans": []})
    assert outcome(desk, "flags-fit-role", nhs_number=CHILD, silent=[False]) == "fail"


# asks-with-a-name, author-as-configured


def test_with_nobody_signed_in_nobody_asks() -> None:
    desk = marked(Desk().only_shown({"status": "denied", "text": "Nobody is signed in."}))
    assert outcome(desk, "asks-with-a-name", nhs_number=CHILD, marker_number=MARKER) == "pass"


def test_with_nobody_signed_in_a_system_may_ask_and_a_person_may_not() -> None:
    for author, expected in ({"author": CREW}, "pass"), ({}, "fail"):
        desk = marked(Desk().looked_up(FOUND, **author))  # type: ignore[arg-type]
        assert outcome(desk, "asks-with-a-name", nhs_number=CHILD, marker_number=MARKER) == expected


@pytest.mark.parametrize(("role", "expected"), [("Safeguarding Lead", "pass"), ("Safeguarding Lead tel 1", "fail")])
def test_place_and_lead_must_leave_unshortened(role: str, expected: str) -> None:
    desk = Desk().looked_up(FOUND, author=CREW)
    wanted = {"organisation": "SAMPLEBURY TEST AMBULANCE SERVICE", "role": role}
    assert outcome(desk, "author-as-configured", nhs_number=CHILD, **wanted) == expected


# Times and grounds


@pytest.mark.parametrize(("at", "expected"), [(AT, "pass"), ("2026-01-06T11:15:00+00:00", "fail")])
def test_a_querys_time_must_be_the_true_instant(at: str, expected: str) -> None:
    assert outcome(Desk().looked_up(FOUND), "query-time-is-true", nhs_number=CHILD, instants=[at]) == expected


@pytest.mark.parametrize(("silent", "expected"), [(None, "pass"), (True, "fail")])
def test_registration_must_make_a_query_that_notifies(silent: bool | None, expected: str) -> None:
    desk = Desk().recorded()
    desk.driven("register-attendance", {"patient_id": "P1"}, {"attendance_id": "A1", "patient_id": "P1"})
    desk.looked_up(FOUND, silent=silent)
    assert outcome(desk, "registration-asks", nhs_numbers=[CHILD]) == expected


def test_registration_that_makes_no_query_fails() -> None:
    desk = Desk().recorded()
    desk.driven("register-attendance", {"patient_id": "P1"}, {"attendance_id": "A1", "patient_id": "P1"})
    assert outcome(desk, "registration-asks", nhs_numbers=[CHILD]) == "fail"


@pytest.mark.parametrize(("asks", "expected"), [({}, "fail"), ({"silent": True}, "pass"), (None, "pass")])
def test_a_list_must_make_no_query_that_notifies(asks: dict[str, object] | None, expected: str) -> None:
    desk = Desk().recorded().looked_up(FOUND)  # as the attendance had it
    desk.driven("open-list", {"patient_ids": ["P1"]}, {"items": []})
    if asks is not None:
        desk.exchange(desk.question(**asks), answer())
    judged = {"nhs_numbers": [CHILD], "marker_number": MARKER}
    assert outcome(desk, "list-notifies-nobody", **judged) == "inconclusive"
    assert outcome(marked(desk), "list-notifies-nobody", **judged) == expected


def attended(*, complete: bool = True, status: str = "pending") -> Desk:
    desk = Desk().recorded()
    desk.exchange(desk.question(), weather="no-reply")
    for number, shown in enumerate((status, "unknown")):
        desk.driven("register-attendance", {"patient_id": "P1"}, {"attendance_id": f"A{number}", "patient_id": "P1"})
        desk.driven("complete-attendance", {"attendance_id": f"A{number}"}, {"complete": complete})
        desk.driven("patient-screen", {"patient_id": "P1"}, {"status": shown, "text": ""})
    return desk


def test_an_attendance_must_not_wait() -> None:
    assert outcome(attended(), "attendance-goes-on", nhs_number=CHILD) == "pass"
    assert outcome(attended(complete=False), "attendance-goes-on", nhs_number=CHILD) == "fail"
    assert outcome(attended(status="unknown"), "attendance-goes-on", nhs_number=CHILD) == "fail"


@pytest.mark.parametrize(("status", "expected"), [("unknown", "inconclusive"), ("no-record", "fail")])
def test_a_connection_that_the_harness_closed_need_not_be_waited_for(status: str, expected: str) -> None:
    desk = attended(status=status)
    exchange = next(r.headers["exchange"] for r in desk.records if r.channel == LOOKUP)
    desk.add(LOOKUP, exchange=exchange, phase="response", harm="lost")
    assert outcome(desk, "attendance-goes-on", nhs_number=CHILD) == expected


# What is shown


@pytest.mark.parametrize(
    ("shown", "types", "expected"),
    [
        ({**FOUND, "alert": True}, ["child protection plan"], "pass"),
        (FOUND, ["child protection plan"], "fail"),
        ({**FOUND, "alert": True}, ["looked after child"], "fail"),
        ({**FOUND, "alert": True}, [], "fail"),
        (NONE, [], "pass"),
        (NONE, ["child protection plan"], "fail"),
    ],
)
def test_an_alert_stands_where_something_is_held(shown: dict[str, Any], types: list[str], expected: str) -> None:
    assert outcome(Desk().looked_up(shown), "alert-stands", nhs_number=CHILD, plan_types=types) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "pass"),
        ({"end": None}, "fail"),
        ({"current": True}, "fail"),
        ({"text": "Child protection plan"}, "fail"),
        ({"start": "2025-11-02"}, "fail"),
    ],
)
def test_a_past_plan_must_look_past(change: dict[str, Any], expected: str) -> None:
    shown = {**SHOWN, "end": "2025-12-01", "current": False, "text": "PAST child protection plan", **change}
    plans = [{"plan_type": PLAN["plan_type"], "start": PLAN["start"], "end": "2025-12-01"}]
    desk = Desk().looked_up({**FOUND, "plans": [shown]})
    assert outcome(desk, "past-told-from-current", nhs_number=CHILD, plans=plans) == expected


@pytest.mark.parametrize(
    ("change", "text", "expected"),
    [
        ({}, "Her unborn child is on a plan", "pass"),
        ({"about": "child"}, "Her unborn child is on a plan", "fail"),
        ({"text": "Child protection plan"}, "Her unborn child is on a plan", "fail"),
        ({}, "She is on a plan", "fail"),
    ],
)
def test_an_unborn_childs_plan_must_be_worded_so(change: dict[str, Any], text: str, expected: str) -> None:
    plan = {**SHOWN, "about": "unborn child", "text": "Her unborn child is on a plan", **change}
    desk = Desk().looked_up({**FOUND, "text": text, "plans": [plan]})
    assert outcome(desk, "unborn-child-worded", nhs_number=CHILD) == expected


@pytest.mark.parametrize(
    ("accesses", "expected"),
    [
        ([OWN], "pass"),
        ([], "fail"),
        ([OWN, OWN], "fail"),
        ([{**OWN, "organisation": ""}], "fail"),
        ([{**OWN, "role": "Clerk"}], "fail"),
        ([{**OWN, "worker": "Ms Testnurse"}], "fail"),
        ([{**OWN, "accessed": "2026-01-06T10:16:00+00:00"}], "fail"),
    ],
)
def test_accesses_must_be_shown_whole(accesses: list[dict[str, str]], expected: str) -> None:
    wanted = [{"accessed": "", "worker": "Quebec Testnurse", "role": OWN["role"], "organisation": OWN["organisation"]}]
    desk = Desk().looked_up({**FOUND, "accesses": accesses})
    assert outcome(desk, "accesses-shown", nhs_number=CHILD, accesses=wanted) == expected


def test_a_systems_access_must_name_the_system() -> None:
    wanted = [
        {"accessed": AT, "worker": "Romeo Testlead", "role": "Lead", "organisation": "X", "system": "999999000105"}
    ]
    for worker, expected in (
        ("system 999999000105, responsible: Dr Romeo Testlead", "pass"),
        ("Dr Romeo Testlead", "fail"),
        ("system 999999000105", "fail"),
    ):
        shown = {"accessed": AT, "worker": worker, "role": "Lead", "organisation": "X"}
        desk = Desk().looked_up({**FOUND, "accesses": [shown]})
        assert outcome(desk, "accesses-shown", nhs_number=CHILD, accesses=wanted) == expected


def four(words: str) -> Desk:
    desk = Desk().looked_up(NONE)
    desk.exchange(desk.question(OTHER), weather="no-reply")
    desk.only_shown({**UNKNOWN, "text": words}, OTHER)
    return desk.only_shown(UNVERIFIED, MARKER)


@pytest.mark.parametrize(("words", "expected"), [("Status unknown.", "pass"), (str(NONE["text"]), "fail")])
def test_messages_must_have_words_of_their_own(words: str, expected: str) -> None:
    numbers = {"no-record": CHILD, "unknown": OTHER, "unverified": MARKER}
    assert outcome(four(words), "messages-differ", nhs_numbers=numbers) == expected


@pytest.mark.parametrize(
    ("shown", "expected"), [({**FOUND, "complete": False}, "pass"), (UNKNOWN, "pass"), (FOUND, "fail")]
)
def test_a_gap_in_an_answer_must_be_told(shown: dict[str, Any], expected: str) -> None:
    desk = Desk()
    desk.exchange(desk.question(), answer(total_records=2), weather="scripted, payload altered")
    assert outcome(desk.only_shown(shown), "gap-is-told", nhs_number=CHILD) == expected


@pytest.mark.parametrize(
    ("shown", "expected"), [(UNKNOWN, "pass"), ({"status": "refused", "text": "Refused."}, "pass"), (NONE, "fail")]
)
def test_a_code_that_nobody_knows_must_mean_nothing(shown: dict[str, Any], expected: str) -> None:
    desk = Desk()
    desk.exchange(desk.question(), no_record("X"), weather="scripted, payload altered")
    assert outcome(desk.only_shown(shown), "meaning-not-guessed", nhs_number=CHILD) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No record. This is not a sign of safety.", "pass"),
        ("No record: the child is safe.", "fail"),
        ("No known concerns.", "fail"),
        ("No record.", "inconclusive"),
    ],
)
def test_no_record_must_not_read_as_a_sign_of_safety(text: str, expected: str) -> None:
    assert outcome(Desk().looked_up({**NONE, "text": text}), "no-record-is-no-safety", nhs_number=CHILD) == expected


ENTRY = {"at": AT, "user": "Quebec Testnurse", "role": OWN["role"], "organisation": OWN["organisation"],
         "nhs_number": CHILD, "outcome": "found"}  # fmt: skip


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([ENTRY], "pass"),
        ([], "fail"),
        ([ENTRY, ENTRY], "fail"),
        ([{**ENTRY, "outcome": ""}], "fail"),
        ([{**ENTRY, "user": "Somebody"}], "fail"),
        ([{**ENTRY, "organisation": "ANOTHER"}], "fail"),
        ([ENTRY, {**ENTRY, "organisation": "ANOTHER"}], "pass"),
        ([{**ENTRY, "at": "2026-01-06T10:30:00+00:00"}], "fail"),
        ([{**ENTRY, "nhs_number": OTHER}], "fail"),
    ],
)
def test_the_audit_trail_must_tell_of_a_lookup_once(items: list[dict[str, str]], expected: str) -> None:
    desk = Desk().looked_up(FOUND)
    desk.driven("audit", {}, {"items": items})
    wanted = {k: ENTRY[k] for k in ("role", "organisation", "nhs_number", "outcome")}
    entries = [{**wanted, "worker": "Quebec Testnurse", "silent": "no"}]
    assert outcome(desk, "audit-complete", entries=entries) == expected


@pytest.mark.parametrize(
    ("check", "parameters"),
    [
        ("alert-stands", {"plan_types": ["child protection plan"]}),
        ("past-told-from-current", {"plans": []}),
        ("unborn-child-worded", {}),
        ("accesses-shown", {"accesses": []}),
        ("plans-shown", {"plans": [{k: v for k, v in PLAN.items() if k != "authority"}]}),
        ("telephones-shown", {"plans": [{k: v for k, v in PLAN.items() if k != "authority"}]}),
        ("no-record-shown", {}),
        ("no-record-is-no-safety", {}),
    ],
)
def test_a_screen_without_a_query_is_invented(check: str, parameters: dict[str, Any]) -> None:
    shown = NONE if check.startswith("no-record") else {**FOUND, "alert": True}
    assert outcome(Desk().only_shown(shown), check, nhs_number=CHILD, **parameters) == "fail"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "pass"),
        ({"telephone_office": "tel:01632960002", "telephone_emergency": "tel:01632960001"}, "fail"),
        ({"telephone_emergency": None}, "fail"),
        ({"authority": "SAMPLEBURY TEST COUNCIL"}, "inconclusive"),
    ],
)
def test_telephones_must_be_those_of_the_authority(change: dict[str, Any], expected: str) -> None:
    plans = [{k: v for k, v in PLAN.items() if k != "authority"}]
    desk = Desk().looked_up({**FOUND, "plans": [{**SHOWN, **change}]})
    assert outcome(desk, "telephones-shown", nhs_number=CHILD, plans=plans) == expected


def test_a_screen_that_says_nothing_of_plans_shows_none() -> None:
    desk = Desk().looked_up({"status": "unknown", "text": "Status unknown."})
    assert outcome(desk, "plans-shown", nhs_number=CHILD, plans=[PLAN]) == "fail"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"", b"", "pass"),
        (b"</queryByParameter>", b'<person.name><value value="x"/></person.name></queryByParameter>', "fail"),
        (
            b"<person.NHSnumber>",
            b'<person.NHSnumber><value extension="1"/></person.NHSnumber><person.NHSnumber>',
            "fail",
        ),
    ],
)
def test_the_number_must_be_the_only_key(old: bytes, new: bytes, expected: str) -> None:
    desk = Desk()
    question = desk.question(silent=True)
    body = question.body.replace(old, new) if old else question.body
    desk.exchange(replace(question, body=body))
    assert outcome(desk, "number-is-only-key", nhs_number=CHILD) == expected
