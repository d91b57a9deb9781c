"""Seeded faults in what is made of answers, and of their absence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from cpis_simulator.care.client import Question
from cpis_simulator.care.seeding import seeded
from cpis_simulator.care.state import PatientLookUp
from cpis_simulator.care.system import CareSystem
from cpis_simulator.driving import LookUpResult, ShownAccess, ShownPlan
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import Access, Answer, AuthorityRecord, Coded, DeviceAuthor, ProtectionPlan
from cpis_simulator.vocabulary import PlanType

# "Could not ask" shown as "nothing known".


@seeded("error-shown-as-no-record", "QRY-013", tests="EE-08", origin="rules")
class ErrorShownAsNoRecord(CareSystem):
    """A fault that the service reports reads as no record."""

    def unknown(self, question: Question, why: str) -> LookUpResult:
        """No plan came, so there is none."""
        reported = why.startswith(("the service reports", "HTTP status"))
        return self.no_record(question) if reported else super().unknown(question, why)


@seeded("time-out-shown-as-no-record", "QRY-013 UI-007", tests="RL-01", origin="rules")
class TimeOutShownAsNoRecord(CareSystem):
    """A lookup that got no answer in time reads as no record."""

    def unknown(self, question: Question, why: str) -> LookUpResult:
        """Whoever is on CP-IS would have been found by now."""
        return self.no_record(question) if why.startswith("no answer within") else super().unknown(question, why)


@seeded("unreadable-answer-shown-as-no-record", "MSG-001", tests="MF-03", origin="rules")
class UnreadableAnswerShownAsNoRecord(CareSystem):
    """An answer that cannot be read reads as no record."""

    def unreadable(self, question: Question, error: DecodeError) -> LookUpResult:
        """No plan could be read, so there is none."""
        return self.no_record(question)


@seeded("other-numbers-answer-read-as-no-record", "RSP-012", tests="LK-34", origin="rules")
class OtherNumbersAnswerReadAsNoRecord(CareSystem):
    """An answer for another number is dropped and reads as no record."""

    def about_another(self, question: Question) -> LookUpResult:
        """Nothing was found of this patient."""
        return self.no_record(question)


@seeded("pending-lookup-lost-at-restart", "OPS-006", tests="RL-08", origin="rules")
class PendingLookUpLostAtRestart(CareSystem):
    """A lookup that was pending when the product stopped reads as no record."""

    def after_restart(self, lookup: PatientLookUp) -> LookUpResult | None:
        """The screen is empty, and so is the record."""
        if lookup.result is None and lookup.question is not None:
            return self.no_record(lookup.question)
        return super().after_restart(lookup)


@seeded("no-record-worded-as-safe", "UI-008", tests="LK-04", origin="rules")
class NoRecordWordedAsSafe(CareSystem):
    """No record reads as nothing to worry about."""

    def no_record(self, question: Question) -> LookUpResult:
        """In words that reassure."""
        return self.result(question, "no-record", "No CP-IS record: there are no known concerns about this patient.")


@seeded("same-words-for-every-failure", "UI-007", tests="LK-04", origin="rules")
class SameWordsForEveryFailure(CareSystem):
    """No record and unverified and denied and unavailable read alike."""

    def shown(self, lookup: PatientLookUp) -> LookUpResult:
        """One sentence for everything but a finding."""
        shown = super().shown(lookup)
        return shown if shown.status == "found" else shown.model_copy(update={"text": "No CP-IS information to show."})


@seeded("any-failed-query-is-no-record", "MSG-010", tests="MF-08", origin="checks")
class AnyFailedQueryIsNoRecord(CareSystem):
    """A failed query reads as no record whatever its code and text say."""

    def says_no_record(self, issue: Coded) -> bool:
        """The kind of the message is enough."""
        return True


# Somebody else's answer.


@seeded("other-numbers-answer-shown", "RSP-012", tests="LK-34", origin="rules")
class OtherNumbersAnswerShown(CareSystem):
    """An answer for another number is shown on the patient who was asked about."""

    def is_about(self, nhs_number: str, answer: Answer) -> bool:
        """Nobody compares."""
        return True


@seeded("late-answer-shown-on-open-patient", "QRY-011", also="OPS-006", tests="RL-02", origin="rules")
class LateAnswerShownOnOpenPatient(CareSystem):
    """An answer after the time-out goes to whichever patient is open."""

    def asked_by(self, reference: str, waiting: Sequence[str]) -> str:
        """Nobody waits for it any more, so it must be the last one's."""
        asked = [lookup.lookup_id for lookup in self.state.lookups if lookup.question is not None]
        return reference if reference in waiting or not asked else asked[-1]

    def replaces(self, shown: LookUpResult | None, result: LookUpResult) -> bool:
        """The newest answer is the best."""
        return True

    def unsettled(self) -> list[PatientLookUp]:
        """No lookup is ever over."""
        return [lookup for lookup in self.state.lookups if lookup.question is not None]

    def is_about(self, nhs_number: str, answer: Answer) -> bool:
        """Nobody compares."""
        return True


@seeded("answers-matched-in-turn", "QRY-011", tests="RL-03", origin="rules")
class AnswersMatchedInTurn(CareSystem):
    """Answers go to lookups in the order in which these were made."""

    def asked_by(self, reference: str, waiting: Sequence[str]) -> str:
        """First come, first served."""
        return waiting[0] if waiting else reference

    def is_about(self, nhs_number: str, answer: Answer) -> bool:
        """Nobody compares."""
        return True


@seeded("answer-kept-by-name", "RSP-012", also="RSP-003", tests="LK-35", origin="rules")
class AnswerKeptByName(CareSystem):
    """An answer is kept and shown again for a patient of the same family name and birth date."""

    def kept_for(self, patient_id: str) -> LookUpResult | None:
        """Whoever has name and birth date is taken for the same patient."""
        own = self.patient(patient_id).details
        for lookup in self.state.lookups:
            details = self.patient(lookup.patient_id).details
            same = (details.family, details.birth_date) == (own.family, own.birth_date)
            if same and lookup.result is not None and lookup.result.status in ("found", "no-record"):
                return lookup.result
        return None


# Plans.


@seeded("past-plan-shown-as-current", "RSP-009", also="UI-005", tests="LK-05 EE-04", origin="rules")
class PastPlanShownAsCurrent(CareSystem):
    """The end date of a plan is not shown and the plan reads as current."""

    def shown_plan(self, held: AuthorityRecord, plan: ProtectionPlan, *, on: date) -> ShownPlan:
        """A plan has a start."""
        ends = plan.end if plan.plan_type is PlanType.UNBORN else None
        return super().shown_plan(held, replace(plan, end=ends), on=on)


@seeded("plan-type-guessed", "DAT-001", also="UI-001 UI-004", tests="LK-02 LK-27", origin="rules")
class PlanTypeGuessed(CareSystem):
    """Every plan that is not an unborn child's is shown as a child protection plan."""

    def shown_plan(self, held: AuthorityRecord, plan: ProtectionPlan, *, on: date) -> ShownPlan:
        """CP-IS is about child protection."""
        kind = plan.plan_type if plan.plan_type is PlanType.UNBORN else PlanType.CHILD_PROTECTION
        return super().shown_plan(held, replace(plan, plan_type=kind), on=on)


@seeded("unborn-plan-shown-as-the-womans", "UI-006", tests="LK-03 EE-03", origin="rules")
class UnbornPlanShownAsTheWomans(CareSystem):
    """An unborn child's plan is worded as the woman's own."""

    def shown_plan(self, held: AuthorityRecord, plan: ProtectionPlan, *, on: date) -> ShownPlan:
        """A plan is its patient's."""
        shown = super().shown_plan(held, plan, on=on)
        words = shown.text.replace("Her unborn child is on a child protection plan", "Child protection plan")
        return shown.model_copy(update={"about": "child", "text": words})


@seeded("telephones-swapped", "UI-002", tests="LK-01 LK-02", origin="rules")
class TelephonesSwapped(CareSystem):
    """Office and emergency duty number change places."""

    def telephones_of(self, held: AuthorityRecord) -> tuple[str | None, str | None]:
        """The other way round."""
        office, emergency = super().telephones_of(held)
        return emergency, office


@seeded("emergency-telephone-left-out", "UI-002", tests="LK-01 LK-02", origin="rules")
class EmergencyTelephoneLeftOut(CareSystem):
    """Only the office number is shown."""

    def telephones_of(self, held: AuthorityRecord) -> tuple[str | None, str | None]:
        """One number is enough."""
        return super().telephones_of(held)[0], None


@seeded("telephones-of-first-authority-on-every-plan", "DAT-022", tests="LK-08 EE-06", origin="rules")
class TelephonesOfFirstAuthorityOnEveryPlan(CareSystem):
    """Every plan is shown with the telephones of the first authority."""

    def records_of(self, answer: Answer) -> Sequence[AuthorityRecord]:
        """The first record has the telephones."""
        first = answer.records[0].authority.telecom
        return [replace(held, authority=replace(held.authority, telecom=first)) for held in answer.records]


@seeded("only-first-authority-shown", "DAT-022", also="RSP-002", tests="LK-08 EE-06", origin="rules")
class OnlyFirstAuthorityShown(CareSystem):
    """The second authority's record of an answer is not shown."""

    def records_of(self, answer: Answer) -> Sequence[AuthorityRecord]:
        """A child has one authority."""
        return answer.records[:1]


@seeded("total-not-compared", "RSP-002", tests="LK-08", origin="rules")
class TotalNotCompared(CareSystem):
    """An answer that announces more records than it holds is shown as if it were whole."""

    def is_whole(self, answer: Answer) -> bool:
        """Nobody counts."""
        return True


# Alerts.


@seeded("no-alert-for-ended-plan", "UI-004", also="DAT-001", tests="LK-27", origin="rules")
class NoAlertForEndedPlan(CareSystem):
    """A child whose plans have all ended gives no alert."""

    def has_alert(self, plans: Sequence[ShownPlan]) -> bool:
        """What is past is past."""
        return any(plan.current for plan in plans)


@seeded("no-alert-for-unborn-child", "UI-004", also="DAT-001", tests="LK-27", origin="rules")
class NoAlertForUnbornChild(CareSystem):
    """A woman with an unborn child's plan gives no alert."""

    def has_alert(self, plans: Sequence[ShownPlan]) -> bool:
        """The patient herself is on no plan."""
        return any(plan.about == "child" for plan in plans)


# Accesses.


@seeded("own-access-added-to-list", "UI-003", also="RSP-006", tests="LK-09", origin="rules")
class OwnAccessAddedToList(CareSystem):
    """The user's own access is put on top of the answer's list and makes 26."""

    def accesses_of(self, question: Question, answer: Answer) -> list[ShownAccess]:
        """The service is thought to list earlier accesses only."""
        listed = super().accesses_of(question, answer)
        return [*listed[:1], *listed]


@seeded("access-without-organisation", "RSP-006", also="UI-003", tests="LK-09 LK-10", origin="rules")
class AccessWithoutOrganisation(CareSystem):
    """Earlier accesses are shown without their organisation."""

    def shown_access(self, access: Access) -> ShownAccess:
        """The line has no room."""
        return super().shown_access(access).model_copy(update={"organisation": ""})


@seeded("nominated-person-left-out", "RSP-006", tests="LK-10", origin="rules")
class NominatedPersonLeftOut(CareSystem):
    """An access by a system is shown without the nominated person."""

    def shown_access(self, access: Access) -> ShownAccess:
        """It was the system that asked."""
        shown = super().shown_access(access)
        if isinstance(access.author, DeviceAuthor):
            return shown.model_copy(update={"worker": f"system {access.author.asid}"})
        return shown


# Bytes.


@seeded("document-type-read", "MSG-002", tests="SA-12 MF-04", origin="rules")
class DocumentTypeRead(CareSystem):
    """An answer with a document type is read."""

    def understand_payload(self, question: Question, payload: bytes) -> LookUpResult:
        """The document type is passed over."""
        plain = re.sub(rb"<!DOCTYPE[^\[>]*(\[.*?\])?\s*>", b"", payload, flags=re.DOTALL)
        return super().understand_payload(question, re.sub(rb"&(?!amp;|lt;|gt;|quot;|apos;|#)\w+;", b"", plain))


@seeded("negative-total-taken", "MSG-012", tests="MF-10", origin="rules")
class NegativeTotalTaken(CareSystem):
    """An answer with a negative total is shown."""

    def understand_payload(self, question: Question, payload: bytes) -> LookUpResult:
        """The sign is passed over."""
        return super().understand_payload(question, payload.replace(b'value value="-', b'value value="'))


@seeded("foreign-block-taken", "MSG-006", tests="MF-05", origin="rules")
class ForeignBlockTaken(CareSystem):
    """An answer whose contentId names another block is shown."""

    def understand_payload(self, question: Question, payload: bytes) -> LookUpResult:
        """The block that follows is read, whatever its contentId says."""
        told = payload.replace(b"COCT_TP146103GB01#LACInformation", b"COCT_TP146105GB01#CPPInformation")
        return super().understand_payload(question, told)
