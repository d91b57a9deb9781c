"""The bundled care system on its store, its clock and its lookups; each operation of the driver API is one event.

Theory of operation. One lock lets one event happen at a time, and what it changed is saved before it is told. A lookup
is sent outside the lock, because nobody at the desk waits for CP-IS; whoever looks at a screen finds what has come of
it by then. A restart drops everything that is in memory: a reply to a query of before still finds its patient, because
the query itself is remembered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final, TypeVar

from cpis_simulator import driving
from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.apps.identity import new_id, utc_now
from cpis_simulator.apps.operations import offered
from cpis_simulator.care.client import Question, Sender
from cpis_simulator.care.state import State
from cpis_simulator.care.system import CareSystem
from cpis_simulator.driving import LookUp, LookUpReference, LookUpResult, Nothing
from cpis_simulator.errors import ProtocolError
from cpis_simulator.store.entry_store import EntryStore
from cpis_simulator.transport.tls import ClientTls

PRODUCT: Final = "Bundled care system"
R = TypeVar("R")

_LOOK_S: Final = 0.02
"""Seconds between two looks whether a lookup has ended."""


class CareDesk:
    """Operations of `driving.CARE_OPERATIONS`, for `operations_app`.

    A lookup that names an author and no patient is asked as a client without desks asks it.

    Args:
        service_url: Base address of the service.
        timeout_s: Seconds until a lookup is given up (setting `query.client_timeout`).
        state: File of the store.
        kind: `CareSystem`, or a kind with seeded faults.
        faults: Names of these faults, told in the version.
        tls: Our certificate, and the authorities that the service's comes from; for an `https` address.
        sender: Who sends, and in what profile.
        time_scale: Divides the durations of the contract (setting `transport.time_scale`).
        viewer: Seeing that there is an alert and opening it are two things.

    Raises:
        ConfigError: When the address is none, or a file for TLS cannot be used.
        StartError: The store cannot be used.
    """

    def __init__(
        self,
        service_url: str,
        timeout_s: float,
        *,
        state: Path,
        kind: type[CareSystem] = CareSystem,
        faults: tuple[str, ...] = (),
        tls: ClientTls | None = None,
        sender: Sender | None = None,
        time_scale: float = 1.0,
        viewer: bool = False,
    ) -> None:
        """Load what is remembered."""
        self._kind = kind
        self._faults = faults
        self._lock = threading.RLock()
        self._offset = timedelta()
        self._state_file = state
        self._store = EntryStore(state, State, "care system")
        self._system = kind(self._store.load(), viewer=viewer)
        self._client = CareHost(
            service_url, timeout_s, tls=tls, now=self.now, sender=sender, time_scale=time_scale, client=self._system
        )
        self.inbox = self._client.inbox
        self._resume()

    def stop(self) -> None:
        """End; nothing is lost."""
        self._client.stop()
        with self._lock:
            self._settle()
            self._store.close()

    def now(self) -> datetime:
        """What the system's clock shows."""
        return utc_now() + self._offset

    def event(self, happen: Callable[[CareSystem], R]) -> R:
        """Let something happen to the system and remember it."""
        with self._lock:
            self._settle()
            result = happen(self._system)
            self._store.save(self._system.state)
            return result

    def _settle(self) -> None:
        """Let the system know what has come of its lookups by now."""
        for lookup in self._system.unsettled():
            assert lookup.question is not None, "only what was asked is unsettled"
            self._system.note(lookup.lookup_id, self._client.result_of(lookup.question.envelope_id))
        self._store.save(self._system.state)

    def _resume(self) -> None:
        """Go on with what was pending: replies may still come."""
        for lookup in self._system.unsettled():
            assert lookup.question is not None, "only what was asked is unsettled"
            self._client.resume(lookup.question, self._system.after_restart(lookup))

    # The product itself.

    def version(self, _: Nothing) -> driving.Version:
        """What the product is."""
        number = installed_version("cpis-harness")
        return driving.Version(
            product=PRODUCT,
            version=f"{number} with faults {', '.join(self._faults)}" if self._faults else number,
            role="care",
            operations=offered("care", self),
            now=self.now(),
        )

    def reset(self, _: Nothing) -> Nothing:
        """Forget every patient, lookup and message."""
        with self._lock:
            self._store.clear()
            self._begin_again()
        return Nothing()

    def restart(self, _: Nothing) -> Nothing:
        """Drop all that is in memory and begin again from the store, as a new process would."""
        with self._lock:
            self._settle()
            self._store.close()
            self._store = EntryStore(self._state_file, State, "care system")
            self._begin_again()
        return Nothing()

    def _begin_again(self) -> None:
        self._system.state = self._store.load()
        self._client.forget()
        self._resume()

    def set_clock(self, asked: driving.SetClock) -> Nothing:
        """Show that instant and run on from it; None: real time."""
        instant = asked.instant
        if instant is not None and instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        self._offset = timedelta() if instant is None else instant - utc_now()
        return Nothing()

    # Desks, users and patients.

    def sign_in(self, asked: driving.SignIn) -> Nothing:
        """Let somebody sit down at a desk."""
        self.event(lambda system: system.sign_in(asked))
        return Nothing()

    def sign_out(self, _: Nothing) -> Nothing:
        """Let nobody be signed in."""
        self.event(lambda system: system.sign_out())
        return Nothing()

    def record_patient(self, asked: driving.PatientDetails) -> driving.PatientReference:
        """Put a patient into the index."""
        return driving.PatientReference(patient_id=self.event(lambda system: system.record_patient(asked)))

    def register_attendance(self, asked: driving.PatientReference) -> driving.Attendance:
        """Begin to register an attendance; CP-IS is asked beside it where the patient is relevant."""
        attendance = self.event(lambda system: system.register(asked.patient_id))
        if self.event(lambda system: system.asks_at_registration(asked.patient_id, on=self.now().date())):
            self.ask(asked.patient_id)
        return attendance

    def complete_attendance(self, asked: driving.AttendanceReference) -> driving.Attendance:
        """Complete the registration of an attendance."""
        return self.event(lambda system: system.complete(asked.attendance_id))

    # Lookups.

    def look_up(self, request: LookUp) -> LookUpResult:
        """Ask CP-IS about a patient, wait, and say what is shown."""
        if request.patient_id is None:
            return self._client.look_up(request)
        return self._wait(self.ask(request.patient_id))

    def _wait(self, lookup_id: str) -> LookUpResult:
        while (shown := self._shown(lookup_id)).status == "pending":
            time.sleep(_LOOK_S)
        return shown

    def open_alert(self, asked: driving.PatientReference) -> LookUpResult:
        """Open the alert on a patient; in a viewer that is what asks, elsewhere everything is shown already."""
        if not self._system.viewer:
            return self.patient_screen(asked)
        return self._wait(self.ask(asked.patient_id, opening=True))

    def begin_look_up(self, request: LookUp) -> LookUpReference:
        """Ask CP-IS without waiting."""
        if request.patient_id is None:
            return self._client.begin_look_up(request)
        return LookUpReference(lookup_id=self.ask(request.patient_id))

    def ask(self, patient_id: str, *, opening: bool = False) -> str:
        """Try a lookup by whoever is signed in; gives its reference."""

        def begin(system: CareSystem) -> tuple[str, Question | None]:
            wanted = system.wants_to_ask(patient_id, opening=opening)
            asked = wanted if isinstance(wanted, LookUp) else None
            question = self._client.make(wanted) if isinstance(wanted, LookUp) else wanted
            lookup_id = question.envelope_id if isinstance(question, Question) else new_id()
            system.begin(lookup_id, patient_id, asked, question, now=self.now(), opened=opening)
            if not isinstance(question, Question):
                return lookup_id, None
            # Before the lock is let go, so that nobody looks for a lookup that is not under way.
            self._client.start(question)
            return lookup_id, question

        return self.event(begin)[0]

    def shown(self, request: LookUpReference) -> LookUpResult:
        """What is shown of a lookup at this moment."""
        try:
            return self._shown(request.lookup_id)
        except ProtocolError:
            return self._client.shown(request)

    def _shown(self, lookup_id: str) -> LookUpResult:
        return self.event(lambda system: system.shown(system.lookup(lookup_id)))

    def patient_screen(self, asked: driving.PatientReference) -> LookUpResult:
        """What is shown on a patient at this moment."""
        return self.event(lambda system: system.screen(asked.patient_id))

    def open_list(self, asked: driving.OpenList) -> driving.PatientList:
        """Open a list of patients."""
        for patient_id in asked.patient_ids:
            if self.event(lambda system, who=patient_id: system.asks_on_list(who)):  # type: ignore[misc]
                self.ask(patient_id)
        return driving.PatientList(items=self.event(lambda system: system.lines(asked.patient_ids)))

    def audit(self, _: Nothing) -> driving.AuditExtract:
        """The audit trail."""
        return driving.AuditExtract(items=self.event(lambda system: list(system.state.audit)))
