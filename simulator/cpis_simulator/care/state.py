"""What the bundled care system remembers: patients, who is signed in, lookups, attendances and the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from cpis_simulator.care.client import Question
from cpis_simulator.driving import Attendance, AuditEntry, LookUpResult, PatientDetails, SignIn
from cpis_simulator.remembering import Collection

DESK: Final = "desk"
"""The one key of the collection `sessions`: the desk has one keyboard."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody of the index."""

    patient_id: str
    details: PatientDetails

    @property
    def name(self) -> str:
        """As a list shows it."""
        return f"{self.details.family.upper()}, {self.details.given}"


@dataclass(frozen=True, slots=True)
class PatientLookUp:
    """A lookup of a patient. `question` is None where CP-IS was not asked, `result` while an answer is waited for.

    In a viewer `opened` tells a lookup that opens the alert from one that only finds out whether there is any.
    """

    lookup_id: str
    patient_id: str
    question: Question | None = None
    result: LookUpResult | None = None
    opened: bool = False


class State:
    """Everything that is remembered."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.sessions = Collection(TypeAdapter(SignIn))
        self.patients = Collection(TypeAdapter(Patient))
        self.lookups = Collection(TypeAdapter(PatientLookUp))
        self.attendances = Collection(TypeAdapter(Attendance))
        self.audit = Collection(TypeAdapter(AuditEntry))

    def collections(self) -> dict[str, Collection[Any]]:
        """The parts by name, for a store."""
        return dict(vars(self))
