"""What a clinician reads. Each outcome has words of its own, and none of them says that a child is safe.

Source: CP-IS rules UI-005 to UI-008, RSP-009, QRY-013.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from cpis_simulator.driving import ShownPlan
from cpis_simulator.vocabulary import PlanType

NO_RECORD: Final = (
    "No CP-IS record for this NHS number. This is not a sign of safety: follow safeguarding procedures as for any "
    "patient."
)
UNKNOWN: Final = (
    "CP-IS status unknown: the service gave no usable answer. Do not take this as 'no plan'. Try again, or ring the "
    "local authority."
)
PENDING: Final = "CP-IS was asked; no answer yet. This says nothing about the patient."
NOT_VERIFIED: Final = "NHS number not verified: CP-IS was not asked. Trace the patient on PDS first."
NOT_PERMITTED: Final = (
    "Access denied: your role may not look at CP-IS, so CP-IS was not asked. Ask somebody who may (B0107 or B0170)."
)
ALERT: Final = "Child Care Alert: information is held. Open it to read; the local authority will be told who did."
NOT_ASKED: Final = "CP-IS has not been asked about this patient. This says nothing about the patient."
INVALID: Final = (
    "NHS number not valid: its check digit is wrong, so CP-IS was not asked. Check it and trace the patient on PDS."
)
DENIED: Final = "Access denied: nobody is signed in and no system is named, so CP-IS was not asked."
INCOMPLETE: Final = "The answer announces another number of items than it holds: there may be more than is shown."
REFUSED: Final = "CP-IS refused the query, so the status is unknown: "

_CURRENT: Final = {
    PlanType.CHILD_PROTECTION: "Child protection plan",
    PlanType.LOOKED_AFTER: "Looked-after child",
    PlanType.UNBORN: "Her unborn child is on a child protection plan",
}
_PAST: Final = {
    PlanType.CHILD_PROTECTION: "PAST child protection plan",
    PlanType.LOOKED_AFTER: "PAST looked-after child status",
    PlanType.UNBORN: "PAST child protection plan for her unborn child",
}


def is_past(plan: ShownPlan, *, on: date) -> bool:
    """The plan has stopped. The end of an unborn child's plan is the due date, after which it stays current."""
    return plan.end is not None and plan.end <= on and plan.plan_type is not PlanType.UNBORN


def plan_words(plan: ShownPlan) -> str:
    """What a plan is, past ones worded differently (UI-005), an unborn child's not as the woman's own (UI-006)."""
    return (_CURRENT if plan.current else _PAST)[plan.plan_type]


def plan_text(plan: ShownPlan) -> str:
    """One plan as a line."""
    if plan.end is None:
        dates = f"from {_day(plan.start)}"
    elif plan.plan_type is PlanType.UNBORN:
        dates = f"from {_day(plan.start)}, due {_day(plan.end)}"
    elif not plan.current:
        dates = f"from {_day(plan.start)}, ended {_day(plan.end)}"
    else:
        dates = f"from {_day(plan.start)} to {_day(plan.end)}"
    office = f"office {_digits(plan.telephone_office)}" if plan.telephone_office else "no office number"
    emergency = (
        f"emergency duty {_digits(plan.telephone_emergency)}" if plan.telephone_emergency else "no emergency number"
    )
    return f"{plan_words(plan)}, {dates}. {plan.authority}: {office}, {emergency}."


def found_text(plans: list[ShownPlan]) -> str:
    """The alert above the plans, then a line for each (UI-004)."""
    return "\n".join(("CP-IS alert: information is held.", *(plan.text for plan in plans)))


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _digits(telephone: str) -> str:
    return telephone.removeprefix("tel:")
