"""Care systems that are none: each answers its driver as a good product would, and never asks CP-IS anything."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

from cpis_simulator import driving
from cpis_simulator.apps.operations import offered
from cpis_simulator.driving import LookUp, LookUpReference, LookUpResult, Nothing
from cpis_simulator.vocabulary import PlanType

NOBODY_KNOWN = "No CP-IS record. This is no evidence of safety."
COUNCIL = "EXAMPLETON TEST COUNCIL"


class NoRecordForAnybody:
    """Whoever is looked up, there is no record; what it is told it forgets."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self.patients: dict[str, driving.PatientDetails] = {}
        self.begun: dict[str, LookUp] = {}
        self.seated: driving.SignIn | None = None
        self.trail: list[driving.AuditEntry] = []

    def version(self, _: Nothing) -> driving.Version:
        return driving.Version(
            product=type(self).__name__, version="1", role="care", operations=offered("care", self), now=self.now()
        )

    def now(self) -> datetime:
        return datetime.now(UTC)

    def done(self, _: driving.Shape) -> Nothing:
        return Nothing()

    reset = restart = sign_out = done

    def sign_in(self, asked: driving.SignIn) -> Nothing:
        self.seated = asked
        return Nothing()

    def record_patient(self, asked: driving.PatientDetails) -> driving.PatientReference:
        patient_id = f"P{next(self._ids)}"
        self.patients[patient_id] = asked
        return driving.PatientReference(patient_id=patient_id)

    def shows(self, patient: driving.PatientDetails) -> LookUpResult:
        """What it says of anybody."""
        return LookUpResult(status="no-record", text=NOBODY_KNOWN)

    def look_up(self, asked: LookUp) -> LookUpResult:
        return self.shows(self.patients[str(asked.patient_id)])

    def begin_look_up(self, asked: LookUp) -> LookUpReference:
        lookup_id = f"L{next(self._ids)}"
        self.begun[lookup_id] = asked
        return LookUpReference(lookup_id=lookup_id)

    def shown(self, asked: LookUpReference) -> LookUpResult:
        return self.look_up(self.begun[asked.lookup_id])

    def patient_screen(self, asked: driving.PatientReference) -> LookUpResult:
        return self.shows(self.patients[asked.patient_id])

    def open_list(self, asked: driving.OpenList) -> driving.PatientList:
        return driving.PatientList(items=[driving.ListLine(patient_id=who) for who in asked.patient_ids])

    def register_attendance(self, asked: driving.PatientReference) -> driving.Attendance:
        return driving.Attendance(attendance_id=f"A{next(self._ids)}", patient_id=asked.patient_id)

    def complete_attendance(self, asked: driving.AttendanceReference) -> driving.Attendance:
        return driving.Attendance(attendance_id=asked.attendance_id, patient_id="P1", complete=True)

    def audit(self, _: Nothing) -> driving.AuditExtract:
        return driving.AuditExtract(items=self.trail)


class SameChildForEverybody(NoRecordForAnybody):
    """Whoever is looked up, the same child's plan is shown."""

    def shows(self, patient: driving.PatientDetails) -> LookUpResult:
        plan = driving.ShownPlan(
            plan_type=PlanType.CHILD_PROTECTION,
            start=date(2025, 11, 1),
            authority=COUNCIL,
            telephone_office="tel:01632960001",
            telephone_emergency="tel:01632960002",
            text="Child protection plan",
        )
        return LookUpResult(status="found", text="CP-IS alert", alert=True, plans=[plan])


class Echo(NoRecordForAnybody):
    """What it was told of a patient comes back as if CP-IS had said it."""

    def shows(self, patient: driving.PatientDetails) -> LookUpResult:
        words = f"CP-IS: {patient.given} {patient.family}, {patient.nhs_number}, {patient.birth_date}: found."
        return LookUpResult(status="found", text=words, alert=True)


class SaysWhatIsExpected(NoRecordForAnybody):
    """It guesses what ought to be shown from how the patient was recorded, and writes a perfect audit trail."""

    def look_up(self, asked: LookUp) -> LookUpResult:
        result = super().look_up(asked)
        if self.seated is not None:
            author = self.seated.author
            self.trail.append(
                driving.AuditEntry(
                    at=self.now(),
                    user=" ".join([*author.given, author.family]),
                    role=author.role_name,
                    organisation=author.organisation_name,
                    nhs_number=asked.nhs_number,
                    silent=self.seated.scheduled,
                    outcome=result.status,
                )
            )
        return result

    def shows(self, patient: driving.PatientDetails) -> LookUpResult:
        if not patient.verified:
            return LookUpResult(status="unverified", text="The number is not verified.")
        if self.seated is not None and not self.seated.activities and self.seated.author.asid is None:
            return LookUpResult(status="denied", text="You may not look at CP-IS.")
        return LookUpResult(status="unknown", text="CP-IS status unknown.")
