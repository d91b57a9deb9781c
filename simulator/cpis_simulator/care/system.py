"""The bundled care system: who may ask, about whom, when, and what stands on a patient's screen.

Each method is one event or one decision; it opens nothing and waits for nothing. Whoever hosts it sends what it wants
asked, and tells it what came of that.

Source: CP-IS rules QRY-002, QRY-005, QRY-008, QRY-010, QRY-014, IG-001 to IG-005, IG-011, OPS-007, UI-004, UI-007.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import ClassVar, Final

from cpis_simulator.care import texts
from cpis_simulator.care.client import CareClient, Question
from cpis_simulator.care.state import DESK, Patient, PatientLookUp, State
from cpis_simulator.driving import (
    Attendance,
    AuditEntry,
    CareAuthor,
    ListLine,
    LookUp,
    LookUpResult,
    PatientDetails,
    SignIn,
)
from cpis_simulator.errors import ProtocolError

VIEW_AND_NOTIFY: Final = "B0107"
VIEW_SILENTLY: Final = "B0170"
ADULT: Final = 18


class CareSystem(CareClient):
    """The product.

    Args:
        state: What is remembered.
        viewer: It is one of the viewers, where seeing that there is an alert and opening it are two things (NTF-004).
    """

    attendance_waits: ClassVar[bool] = False
    """Clinical work never waits for CP-IS (OPS-007)."""

    def __init__(self, state: State, *, viewer: bool = False) -> None:
        """It goes on where the state was left."""
        self.state = state
        self.viewer = viewer

    # Desks and users.

    @property
    def session(self) -> SignIn | None:
        """Who sits at the desk."""
        return self.state.sessions.get(DESK)

    def sign_in(self, asked: SignIn) -> None:
        """Somebody sits down; whoever was there is gone."""
        self.state.sessions[DESK] = asked

    def sign_out(self) -> None:
        """Nobody is signed in, and no person is named who would answer for the desk's system."""
        self.state.sessions.remove(DESK)

    def may_look(self, session: SignIn) -> bool:
        """A user needs one of the two national codes; a system is answered for by the person it names (IG-001)."""
        return session.author.asid is not None or bool({VIEW_AND_NOTIFY, VIEW_SILENTLY} & set(session.activities))

    def is_silent(self, session: SignIn) -> bool:
        """Scheduled care reads silently, and so does whoever may not notify (IG-002, QRY-008)."""
        may_notify = session.author.asid is not None or VIEW_AND_NOTIFY in session.activities
        return session.scheduled or not may_notify

    def author_of_session(self, session: SignIn) -> CareAuthor:
        """Who the query names."""
        return session.author

    def session_to_ask(self) -> SignIn | None:
        """Who asks now; None: nobody can be named (IG-003)."""
        return self.session

    # Patients.

    def record_patient(self, details: PatientDetails) -> str:
        """Put somebody into the index."""
        patient_id = f"P{len(self.state.patients) + 1:05d}"
        self.state.patients[patient_id] = Patient(patient_id, details)
        return patient_id

    def patient(self, patient_id: str) -> Patient:
        """Somebody of the index.

        Raises:
            ProtocolError: There is nobody with that reference.
        """
        if (found := self.state.patients.get(patient_id)) is None:
            raise ProtocolError("No such patient", found=patient_id[:60])
        return found

    def is_verified(self, details: PatientDetails) -> bool:
        """The number was traced on PDS (QRY-002)."""
        return details.verified and details.nhs_number is not None

    def is_withheld(self, details: PatientDetails) -> bool:
        """Whether CP-IS is kept from this patient; refused consent is no reason (IG-011)."""
        return False

    def is_relevant(self, details: PatientDetails, *, on: date) -> bool:
        """Children, and women who are or may be pregnant, are asked about when they come (QRY-010)."""
        born = details.birth_date
        age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
        return age < ADULT or details.may_be_pregnant

    # Asking.

    def wants_to_ask(self, patient_id: str, *, opening: bool = False) -> LookUp | LookUpResult:
        """What to ask about a patient, or why nothing is asked (UI-007).

        Args:
            opening: Somebody opens the alert, rather than having the system find out whether there is one.
        """
        details = self.patient(patient_id).details
        session = self.session_to_ask()
        if session is None:
            return LookUpResult(status="denied", text=texts.DENIED)
        if not self.may_look(session):
            return LookUpResult(status="denied", text=texts.NOT_PERMITTED)
        if not self.is_verified(details) or details.nhs_number is None:
            return LookUpResult(status="unverified", text=texts.NOT_VERIFIED)
        if self.is_withheld(details):
            return LookUpResult(status="denied", text=texts.NOT_ASKED)
        if (kept := self.kept_for(patient_id)) is not None:
            return kept
        return LookUp(
            nhs_number=details.nhs_number,
            patient_id=patient_id,
            author=self.author_of_opening(patient_id, session) if opening else self.author_of_session(session),
            # Left out where it is not silent: services that know no flag refuse it.
            silent=True if self.is_silent(session) or (not opening and self.seeing_is_silent()) else None,
        )

    def seeing_is_silent(self) -> bool:
        """In a viewer, to see that there is an alert is not to open it (NTF-004)."""
        return self.viewer

    def author_of_opening(self, patient_id: str, session: SignIn) -> CareAuthor:
        """Whoever opens the alert is whom the social worker will ring (UI-011)."""
        return self.author_of_session(session)

    def kept_for(self, patient_id: str) -> LookUpResult | None:
        """An earlier answer that is shown instead of asking: none, because what is held changes from day to day."""
        return None

    def asks_at_registration(self, patient_id: str, *, on: date) -> bool:
        """An attendance of somebody relevant is a ground to ask."""
        return self.is_relevant(self.patient(patient_id).details, on=on)

    def asks_on_list(self, patient_id: str) -> bool:
        """A list is opened for many reasons, none of which is an attendance (QRY-014)."""
        return False

    # Lookups.

    def begin(
        self,
        lookup_id: str,
        patient_id: str,
        asked: LookUp | None,
        question: Question | LookUpResult,
        *,
        now: datetime,
        opened: bool = False,
    ) -> None:
        """A lookup was tried: CP-IS is asked, or the reason why not is shown."""
        asking = isinstance(question, Question)
        lookup = PatientLookUp(
            lookup_id,
            patient_id,
            question if isinstance(question, Question) else None,
            question if isinstance(question, LookUpResult) else None,
            opened,
        )
        self.state.lookups[lookup_id] = lookup
        if asking and asked is not None:
            self.audit(lookup, asked, now=now)

    def audit(self, lookup: PatientLookUp, asked: LookUp, *, now: datetime) -> None:
        """Every access leaves an entry: who, in what role, for which organisation, about whom, when (IG-005)."""
        author = asked.author
        assert author is not None, "only a lookup with an author is begun"
        name = " ".join([*author.given, author.family])
        self.state.audit[lookup.lookup_id] = AuditEntry(
            at=now,
            user=name if author.asid is None else f"system {author.asid}, responsible: {name}",
            role=author.role_name,
            organisation=author.organisation_name,
            nhs_number=asked.nhs_number,
            silent=bool(asked.silent),
            event_id=lookup.question.event_id if lookup.question else None,
            outcome="pending",
        )

    def note(self, lookup_id: str, result: LookUpResult | None) -> None:
        """What is known of a lookup by now; a late answer takes the place of 'unknown'."""
        lookup = self.state.lookups[lookup_id]
        if result is None or result == lookup.result:
            return
        self.state.lookups[lookup_id] = replace(lookup, result=result)
        if (entry := self.state.audit.get(lookup_id)) is not None:
            self.state.audit[lookup_id] = entry.model_copy(update={"outcome": self.outcome_of(result)})

    def outcome_of(self, result: LookUpResult) -> str:
        """What the audit trail says came of a lookup."""
        return result.status

    def unsettled(self) -> list[PatientLookUp]:
        """Lookups of which an answer may still come, or come late."""
        return [
            lookup
            for lookup in self.state.lookups
            if lookup.question is not None and (lookup.result is None or lookup.result.status == "unknown")
        ]

    def after_restart(self, lookup: PatientLookUp) -> LookUpResult | None:
        """What a lookup shows that was pending when the system stopped: nothing is known yet (OPS-006)."""
        return lookup.result

    def lookup(self, lookup_id: str) -> PatientLookUp:
        """A lookup that was begun.

        Raises:
            ProtocolError: There is none with that reference.
        """
        if (found := self.state.lookups.get(lookup_id)) is None:
            raise ProtocolError("No such lookup was begun", found=lookup_id[:60])
        return found

    def shown(self, lookup: PatientLookUp) -> LookUpResult:
        """What the screen says of a lookup; a viewer shows what is held when it is opened."""
        shown = lookup.result or LookUpResult(status="pending", text=texts.PENDING)
        if self.viewer and not lookup.opened and shown.status == "found":
            return shown.model_copy(update={"text": texts.ALERT, "plans": [], "accesses": []})
        return shown

    def screen(self, patient_id: str) -> LookUpResult:
        """What stands on a patient's screen: what came of the last lookup of this very patient."""
        self.patient(patient_id)
        own = [lookup for lookup in self.state.lookups if lookup.patient_id == patient_id]
        return self.shown(own[-1]) if own else LookUpResult(status="not-asked", text=texts.NOT_ASKED)

    def lines(self, patient_ids: Iterable[str]) -> list[ListLine]:
        """A list of patients, with what is known of each."""
        lines = []
        for patient_id in patient_ids:
            screen = self.screen(patient_id)
            text = f"{self.patient(patient_id).name}: {screen.text.splitlines()[0]}"
            lines.append(ListLine(patient_id=patient_id, alert=screen.alert, text=text))
        return lines

    # Attendances.

    def register(self, patient_id: str) -> Attendance:
        """Somebody has come."""
        attendance = Attendance(attendance_id=f"A{len(self.state.attendances) + 1:05d}", patient_id=patient_id)
        self.state.attendances[attendance.attendance_id] = attendance
        return attendance

    def complete(self, attendance_id: str) -> Attendance:
        """Registration is done, whatever CP-IS has said by now (OPS-007).

        Raises:
            ProtocolError: There is none with that reference.
        """
        found = self.state.attendances.get(attendance_id)
        if found is None:
            raise ProtocolError("No such attendance", found=attendance_id[:60])
        is_held_up = self.attendance_waits and self.screen(found.patient_id).status == "pending"
        attendance = found.model_copy(update={"complete": not is_held_up})
        self.state.attendances[attendance_id] = attendance
        return attendance
