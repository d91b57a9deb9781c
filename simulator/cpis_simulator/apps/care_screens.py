"""The bundled care system for people: a plain page for each patient, beside the driver API for machines."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as Redirection

from cpis_simulator import driving
from cpis_simulator.apps.care_desk import CareDesk
from cpis_simulator.care import texts
from cpis_simulator.errors import ProtocolError

HEADINGS: Final = {
    "found": "CP-IS alert: information is held",
    "no-record": "No CP-IS record",
    "unknown": "CP-IS status unknown",
    "refused": "CP-IS status unknown: the query was refused",
    "denied": "Access denied",
    "pending": "CP-IS was asked",
    "unverified": "NHS number not verified",
    "invalid": "NHS number not valid",
    "not-asked": "CP-IS not asked",
}


def care_screens(desk: CareDesk) -> Blueprint:
    """The pages of a desk, under `/screen`."""
    pages = Blueprint("screens", __name__, url_prefix="/screen", template_folder="screens")

    @pages.context_processor
    def everywhere() -> dict[str, object]:
        return {
            "headings": HEADINGS,
            "session": desk.event(lambda system: system.session),
            "words": texts.plan_words,
            "incomplete": texts.INCOMPLETE,
        }

    @pages.get("")
    def patients() -> str:
        known = desk.event(lambda system: [(p, system.screen(p.patient_id)) for p in system.state.patients])
        return render_template("patients.html", patients=known)

    @pages.get("/<patient_id>")
    def patient(patient_id: str) -> str:
        try:
            found, screen = desk.event(lambda system: (system.patient(patient_id), system.screen(patient_id)))
        except ProtocolError:
            abort(404)
        return render_template("patient.html", patient=found, screen=screen)

    @pages.post("/<patient_id>/ask")
    def ask(patient_id: str) -> Response | Redirection:
        try:
            desk.ask(patient_id)
        except ProtocolError:
            abort(404)
        return redirect(url_for("screens.patient", patient_id=patient_id), 303)

    @pages.post("/record")
    def record() -> Response | Redirection:
        given = {**request.form, "nhs_number": request.form.get("nhs_number") or None}
        boxes = {name: name in request.form for name in ("verified", "may_be_pregnant")}
        try:
            details = driving.PatientDetails.model_validate({**given, **boxes})
        except ValidationError:
            abort(400)
        reference = desk.record_patient(details)
        return redirect(url_for("screens.patient", patient_id=reference.patient_id), 303)

    @pages.post("/sign-in")
    def sit_down() -> Response | Redirection:
        form = request.form
        try:
            author = driving.CareAuthor.model_validate({**form, "given": form.get("given", "").split()})
        except ValidationError:
            abort(400)
        activities = [form["activities"]] if form.get("activities") else []
        desk.sign_in(driving.SignIn(author=author, activities=activities, scheduled="scheduled" in form))
        return redirect(url_for("screens.patients"), 303)

    return pages
