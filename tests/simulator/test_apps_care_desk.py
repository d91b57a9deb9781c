"""The bundled care system on its store: what it remembers, and what people read on its pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cpis_simulator import driving
from cpis_simulator.apps.care_desk import CareDesk
from cpis_simulator.apps.care_screens import care_screens
from cpis_simulator.apps.operations import operations_app
from cpis_simulator.care import texts
from cpis_simulator.driving import LookUp, LookUpResult, Nothing
from cpis_simulator.vocabulary import PlanType
from tests.simulator.lookup_examples import CHILD, NURSE

NOBODY_THERE = "http://127.0.0.1:9"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[CareDesk]:
    made = CareDesk(NOBODY_THERE, 0.2, state=tmp_path / "care.sqlite")
    made.sign_in(driving.SignIn(author=NURSE, activities=["B0107"]))
    yield made
    made.stop()


@pytest.fixture
def pages(desk: CareDesk) -> FlaskClient:
    app = operations_app("care", desk)
    app.register_blueprint(care_screens(desk))
    return app.test_client()


def patient(desk: CareDesk, **more: object) -> str:
    details = {"given": "Alpha", "family": "Testcase", "birth_date": date(2017, 3, 14), "nhs_number": CHILD, **more}
    return desk.record_patient(driving.PatientDetails.model_validate(details)).patient_id


def show(desk: CareDesk, patient_id: str, result: LookUpResult) -> None:
    """Put something on a patient's screen."""
    desk.event(lambda system: system.begin("L", patient_id, None, result, now=datetime(2026, 1, 6, tzinfo=UTC)))


def plan(**more: object) -> driving.ShownPlan:
    known = {
        "plan_type": PlanType.CHILD_PROTECTION,
        "start": date(2025, 11, 1),
        "authority": "EXAMPLETON TEST COUNCIL",
        "telephone_office": "tel:01632960001",
        "telephone_emergency": "tel:01632960002",
    }
    return driving.ShownPlan.model_validate({**known, **more})


def test_an_outage_is_status_unknown(desk: CareDesk) -> None:
    who = patient(desk)
    assert desk.look_up(LookUp(nhs_number=CHILD, patient_id=who)).status == "unknown"
    assert desk.patient_screen(driving.PatientReference(patient_id=who)).status == "unknown"


def test_patients_lookups_and_audit_survive_a_restart(desk: CareDesk) -> None:
    who = patient(desk)
    desk.look_up(LookUp(nhs_number=CHILD, patient_id=who))
    desk.restart(Nothing())
    assert desk.patient_screen(driving.PatientReference(patient_id=who)).status == "unknown"
    assert [entry.outcome for entry in desk.audit(Nothing()).items] == ["unknown"]


def test_a_reset_forgets_everybody(desk: CareDesk) -> None:
    patient(desk)
    desk.reset(Nothing())
    assert desk.audit(Nothing()).items == []
    assert patient(desk) == "P00001"


def test_a_moved_clock_is_told(desk: CareDesk) -> None:
    desk.set_clock(driving.SetClock(instant=datetime(2028, 2, 29, 12, 0)))
    assert desk.now().date() == date(2028, 2, 29)


def test_no_line_of_the_log_holds_a_whole_nhs_number(desk: CareDesk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk.look_up(LookUp(nhs_number=CHILD, patient_id=patient(desk)))
    assert caplog.records
    assert CHILD not in caplog.text


def test_a_page_shows_plan_dates_authority_and_both_telephones(desk: CareDesk, pages: FlaskClient) -> None:
    who = patient(desk)
    show(desk, who, LookUpResult(status="found", text="", alert=True, plans=[plan()]))
    text = pages.get(f"/screen/{who}").text
    for words in ("CP-IS alert", "Child protection plan", "01 Nov 2025", "EXAMPLETON TEST COUNCIL", "01632960001"):
        assert words in text
    assert text.index("Emergency duty") < text.index("01632960002")


def test_a_page_words_a_past_plan_as_past(desk: CareDesk, pages: FlaskClient) -> None:
    who = patient(desk)
    show(desk, who, LookUpResult(status="found", text="", plans=[plan(end=date(2025, 12, 1), current=False)]))
    text = pages.get(f"/screen/{who}").text
    assert 'class="plan past"' in text
    assert "PAST child protection plan" in text
    assert "<dt>Ended</dt><dd>01 Dec 2025</dd>" in text


def test_a_page_words_an_unborn_childs_plan_as_the_unborn_childs(desk: CareDesk, pages: FlaskClient) -> None:
    who = patient(desk)
    unborn = plan(plan_type=PlanType.UNBORN, about="unborn child", end=date(2026, 3, 1))
    show(desk, who, LookUpResult(status="found", text="", plans=[unborn]))
    assert "Her unborn child is on a child protection plan" in pages.get(f"/screen/{who}").text


@pytest.mark.parametrize(
    ("status", "words", "heading"),
    [
        ("no-record", texts.NO_RECORD, "No CP-IS record"),
        ("unknown", texts.UNKNOWN, "CP-IS status unknown"),
        ("unverified", texts.NOT_VERIFIED, "NHS number not verified"),
        ("denied", texts.NOT_PERMITTED, "Access denied"),
    ],
)
def test_a_page_has_words_of_its_own_for_each_message(
    desk: CareDesk, pages: FlaskClient, status: str, words: str, heading: str
) -> None:
    who = patient(desk)
    show(desk, who, LookUpResult.model_validate({"status": status, "text": words}))
    text = pages.get(f"/screen/{who}").text
    assert f"<h2>{heading}</h2>" in text
    assert words.split(":")[0] in text


def test_no_record_reads_as_no_sign_of_safety(desk: CareDesk, pages: FlaskClient) -> None:
    who = patient(desk)
    show(desk, who, LookUpResult(status="no-record", text=texts.NO_RECORD))
    assert "This is not a sign of safety" in pages.get(f"/screen/{who}").text


def test_people_sign_in_record_a_patient_and_ask(desk: CareDesk, pages: FlaskClient) -> None:
    author = {**NURSE.model_dump(include={"family", "role_code", "role_name", "user_id", "organisation_ods"}),
              "organisation_name": "EXAMPLETON TEST HOSPITALS", "given": "Quebec", "activities": ""}  # fmt: skip
    assert pages.post("/screen/sign-in", data=author).status_code == 303
    form = {"given": "<b>Alpha</b>", "family": "Testcase", "birth_date": "2017-03-14", "nhs_number": CHILD}
    page = pages.post("/screen/record", data={**form, "verified": "on"}).location
    assert pages.post(f"{page}/ask").status_code == 303
    text = pages.get(page).text
    assert "Access denied" in text
    assert "<b>Alpha" not in text


def test_a_page_of_nobody_is_not_found(pages: FlaskClient) -> None:
    assert pages.get("/screen/P09999").status_code == 404
    assert pages.post("/screen/P09999/ask").status_code == 404
    assert pages.post("/screen/record", data={"given": "x"}).status_code == 400
