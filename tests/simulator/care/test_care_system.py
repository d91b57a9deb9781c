"""The bundled care system: who may ask, about whom, when, and what stands on a patient's screen."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from cpis_simulator.care.client import Question
from cpis_simulator.care.state import State
from cpis_simulator.care.system import CareSystem
from cpis_simulator.driving import LookUp, LookUpResult, PatientDetails, SignIn
from cpis_simulator.errors import ProtocolError
from cpis_simulator.model import Coded
from cpis_simulator.vocabulary import OID_ISSUE
from tests.simulator.lookup_examples import CHILD, CREW, NOW, NURSE, PROTECTED, answer, ids, looked_up

FOUND = LookUpResult(status="found", text="CP-IS alert: information is held.", alert=True)
NONE = LookUpResult(status="no-record", text="No CP-IS record")


class Desk:
    """A system with one patient, and somebody signed in."""

    def __init__(self, *activities: str, scheduled: bool = False, **details: object) -> None:
        self.system = CareSystem(State())
        self.ids = ids()
        self.system.sign_in(SignIn(author=NURSE, activities=list(activities), scheduled=scheduled))
        self.patient_id = self.record(**details)

    def record(self, **details: object) -> str:
        known = {"given": "Alpha", "family": "Testcase", "birth_date": date(2017, 3, 14), "nhs_number": CHILD}
        return self.system.record_patient(PatientDetails.model_validate({**known, **details}))

    def wanted(self) -> LookUp | LookUpResult:
        return self.system.wants_to_ask(self.patient_id)

    def status(self) -> str:
        wanted = self.wanted()
        return wanted.status if isinstance(wanted, LookUpResult) else "asks"

    def begin(self, patient_id: str | None = None, *, at: datetime = NOW) -> str:
        asked = self.wanted()
        assert isinstance(asked, LookUp)
        question = self.system.prepare(asked, now=at, ids=self.ids)
        assert isinstance(question, Question)
        self.system.begin(question.envelope_id, patient_id or self.patient_id, asked, question, now=at)
        return question.envelope_id


@pytest.mark.parametrize(
    ("activities", "scheduled", "silent"),
    [
        (["B0107"], False, None),
        (["B0107"], True, True),
        (["B0170"], False, True),
        (["B0170"], True, True),
        (["B0107", "B0170"], False, None),
        (["B0107", "B0170"], True, True),
    ],
)
def test_codes_and_desk_decide_whether_a_query_is_silent(
    activities: list[str], scheduled: bool, silent: bool | None
) -> None:
    wanted = Desk(*activities, scheduled=scheduled).wanted()
    assert isinstance(wanted, LookUp)
    assert wanted.silent is silent


def test_a_user_with_neither_code_is_denied() -> None:
    assert Desk().status() == "denied"


def test_with_nobody_signed_in_nobody_asks() -> None:
    desk = Desk("B0107")
    desk.system.sign_out()
    assert desk.status() == "denied"


def test_a_system_asks_without_a_code_and_names_who_is_responsible() -> None:
    desk = Desk()
    desk.system.sign_in(SignIn(author=CREW))
    wanted = desk.wanted()
    assert isinstance(wanted, LookUp)
    assert (wanted.author, wanted.silent) == (CREW, None)


@pytest.mark.parametrize("details", [{"verified": False}, {"nhs_number": None}])
def test_a_number_that_is_not_verified_is_not_asked_about(details: dict[str, object]) -> None:
    assert Desk("B0107", **details).status() == "unverified"


def test_refused_consent_keeps_nobody_from_asking() -> None:
    assert Desk("B0107", consent_refused=True).status() == "asks"


@pytest.mark.parametrize(
    ("born", "may_be_pregnant", "asks"),
    [
        (date(2008, 1, 7), False, True),
        (date(2008, 1, 6), False, False),
        (date(1990, 1, 1), True, True),
        (date(1986, 1, 1), False, False),
    ],
)
def test_children_and_pregnant_women_are_asked_about_at_registration(
    born: date, may_be_pregnant: bool, asks: bool
) -> None:
    desk = Desk("B0107", birth_date=born, may_be_pregnant=may_be_pregnant)
    assert desk.system.asks_at_registration(desk.patient_id, on=date(2026, 1, 6)) is asks


def test_a_list_is_no_ground_to_ask() -> None:
    desk = Desk("B0107")
    assert not desk.system.asks_on_list(desk.patient_id)


def test_a_screen_is_empty_then_pending_then_shows_what_came() -> None:
    desk = Desk("B0107")
    assert desk.system.screen(desk.patient_id).status == "not-asked"
    lookup_id = desk.begin()
    assert desk.system.screen(desk.patient_id).status == "pending"
    desk.system.note(lookup_id, FOUND)
    assert desk.system.screen(desk.patient_id) == FOUND


def test_a_screen_shows_lookups_of_its_own_patient_alone() -> None:
    desk = Desk("B0107")
    other = desk.record(given="Bravo")
    desk.system.note(desk.begin(), FOUND)
    assert desk.system.screen(other).status == "not-asked"


def test_a_late_answer_takes_the_place_of_unknown() -> None:
    desk = Desk("B0107")
    lookup_id = desk.begin()
    desk.system.note(lookup_id, LookUpResult(status="unknown", text="CP-IS status unknown"))
    assert [lookup.lookup_id for lookup in desk.system.unsettled()] == [lookup_id]
    desk.system.note(lookup_id, FOUND)
    assert desk.system.screen(desk.patient_id).status == "found"
    assert desk.system.unsettled() == []


def test_every_lookup_has_one_audit_entry_with_its_outcome() -> None:
    desk = Desk("B0107")
    lookup_id = desk.begin()
    assert [entry.outcome for entry in desk.system.state.audit] == ["pending"]
    desk.system.note(lookup_id, NONE)
    (entry,) = desk.system.state.audit
    assert (entry.user, entry.role, entry.organisation) == (
        "Quebec Testnurse", "Nurse Access Role", "EXAMPLETON TEST HOSPITALS",
    )  # fmt: skip
    assert (entry.nhs_number, entry.at, entry.outcome, entry.silent) == (CHILD, NOW, "no-record", False)


def test_an_attendance_is_completed_while_a_lookup_is_pending() -> None:
    desk = Desk("B0107")
    attendance = desk.system.register(desk.patient_id)
    desk.begin()
    assert desk.system.complete(attendance.attendance_id).complete


@pytest.mark.parametrize("what", ["patient", "lookup", "complete"])
def test_an_unknown_reference_is_refused(what: str) -> None:
    with pytest.raises(ProtocolError):
        getattr(Desk("B0107").system, what)("nobody-has-this-reference")


def test_an_answer_that_announces_more_than_it_holds_is_shown_as_incomplete() -> None:
    system = CareSystem(State())
    question = system.prepare(looked_up(), now=NOW, ids=ids())
    assert isinstance(question, Question)
    reply = answer(PROTECTED, total_records=2)
    shown = system.understand_reply(question, reply)
    assert (shown.status, shown.complete, shown.alert) == ("found", False, True)


@pytest.mark.parametrize(
    ("code", "text", "says_so"),
    [
        ("CPIS-0001", "No Records Found", True),
        ("CPIS-0001", "", True),
        ("OTHER", "No records found", True),
        ("CPIS-0001", "Consumer not authorised", False),
        ("CPIS-9999", "CP-IS error", False),
    ],
)
def test_no_record_is_known_by_its_text_or_a_code_that_nothing_contradicts(code: str, text: str, says_so: bool) -> None:
    assert CareSystem(State()).says_no_record(Coded(code, text, OID_ISSUE)) is says_so


def test_a_plan_is_past_from_its_end_on() -> None:
    held = answer(PROTECTED).answer.records[0]
    ended = PROTECTED.__class__(PROTECTED.plan_type, PROTECTED.start, datetime(2026, 1, 6))
    shown = CareSystem(State()).shown_plan(held, ended, on=NOW.astimezone(UTC).date())
    assert (shown.current, shown.text.startswith("PAST child protection plan")) == (False, True)
