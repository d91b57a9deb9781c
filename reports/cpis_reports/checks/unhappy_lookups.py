"""Checks of lookups in bad weather: what a care system shows and sends again, and what the service makes of copies.

The weather is the harness's own. A check that speaks of it first makes sure that it came about as the scenario says; if
it did not, nobody is blamed.
"""

from __future__ import annotations

import re
from typing import Any, Final

from cpis_reports.checks.care import shown_plans, wanted_plans
from cpis_reports.checks.exchanges import LookedUp, lookups
from cpis_reports.checks.reading import answered, delivered_access, notifications
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_simulator.evidence import Evidence
from cpis_simulator.model import AnswerMessage
from cpis_simulator.nhs_number import masked

_NO_RECORD: Final = re.compile(r"\bno (cp-?is )?records?\b", re.IGNORECASE)


def _of(evidence: Evidence, nhs_number: str) -> list[LookedUp]:
    return [found for found in lookups(evidence) if found.query.query.nhs_number == nhs_number]


@check(
    "status-unknown-shown",
    judges="care",
    requirements=(
        *("CPIS-QRY-013", "CPIS-UI-007", "CPIS-RSP-012", "CPIS-MSG-001", "CPIS-MSG-002", "CPIS-MSG-006"),
        "CPIS-MSG-012",
    ),
    witness="product",
)
def status_unknown_shown(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """A lookup that could not be answered is shown as unknown: with nothing of anybody, and not as "no record"."""
    made = _of(evidence, nhs_number)
    shown = [(r, a) for r, q, a in answered(evidence, "look-up", "care") if q.get("nhs_number") == nhs_number]
    if not made or not shown:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up", witness="product")
    last, (record, answer) = made[-1], shown[-1]
    if not last.is_spoiled() and last.reached:
        return undecided("harness", "the lookup met no weather that keeps an answer away", last.records(), record)
    where = (*last.records(), record)
    if answer.get("plans") or answer.get("accesses"):
        return failed("product", "a plan or an access is shown although no answer can be relied on", where)
    if answer.get("status") != "unknown":
        return failed("product", f"expected the status unknown, found {answer.get('status')}", where)
    if _NO_RECORD.search(str(answer.get("text", ""))):
        return failed("product", "the text of an unknown status reads as that of no record", where)
    return passed("product", where)


@check("own-answer-shown", judges="care", requirements=("CPIS-QRY-011", "CPIS-OPS-006"), witness="product")
def own_answer_shown(
    evidence: Evidence, *, nhs_number: str, plans: list[dict[str, Any]], may_be_unknown: bool = False
) -> Judgement:
    """A lookup that was begun shows the answer to itself, whatever came before or between.

    Args:
        may_be_unknown: The answer came too late: nothing need be shown any more, but nothing else may.
    """
    begun = [(r, a) for r, q, a in answered(evidence, "begin-look-up", "care") if q.get("nhs_number") == nhs_number]
    if not begun:
        return undecided("not-reached", f"no lookup of {masked(nhs_number)} was begun", witness="product")
    reference = begun[-1][1].get("lookup_id")
    shown = [(r, a) for r, q, a in answered(evidence, "shown", "care") if q.get("lookup_id") == reference]
    made = _of(evidence, nhs_number)
    if not shown or not made or not made[-1].reached:
        return undecided(
            "not-reached", f"the answer about {masked(nhs_number)} did not reach the product", begun[-1][0]
        )
    record, answer = shown[-1]
    where = (*made[-1].records(), record)
    if may_be_unknown and answer.get("status") in ("unknown", "pending") and not answer.get("plans"):
        return passed("product", where)
    found, wanted = shown_plans(answer), wanted_plans(plans)
    if found != wanted:
        return failed("product", f"expected {wanted}, found {found} ({answer.get('status')})", where)
    return passed("product", where)


@check("retry-keeps-id", judges="care", requirements=("CPIS-OPS-005",), witness="wire")
def retry_keeps_id(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """A query that is sent again has the message id of the first."""
    made = _of(evidence, nhs_number)
    if not made:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up")
    requests = [request for found in made for request in found.requests]
    if len(made) > 1:
        return failed("wire", f"the query came under {len(made)} message ids", requests)
    if len(requests) < 2:
        return undecided("not-reached", "the query was not sent again", requests)
    return passed("wire", requests)


@check("copy-recorded-once", judges="service", requirements=("CPIS-QRY-012",), witness="wire")
def copy_recorded_once(evidence: Evidence, *, authority: str, nhs_number: str, event_id: str) -> Judgement:
    """A query that came more than once is one access, in a later answer and in what the authority is told."""
    made = [found for found in _of(evidence, nhs_number) if found.query.query.event_id == event_id]
    copies = [request for found in made for request in found.requests]
    if len(copies) < 2:
        return undecided("not-reached", f"the query came {len(copies)} times", copies)
    told = [
        record
        for record, notification in notifications(evidence, authority)
        for group in notification.groups
        for access in group.accesses
        if access.event_id == event_id
    ]
    later = [
        found
        for found in _of(evidence, nhs_number)
        if found.query.query.event_id != event_id and isinstance(found.reply, AnswerMessage)
    ]
    if not later or delivered_access(evidence, authority, later[-1].query.query.event_id) is None:
        return undecided("not-reached", "no later access was answered and notified", copies)
    reply = later[-1].reply
    assert isinstance(reply, AnswerMessage)
    listed = sum(access.event_id == event_id for access in reply.answer.accesses)
    where = (*copies, *told, *later[-1].records())
    if (listed, len(told)) != (1, 1):
        found = f"{listed} in the history and {len(told)} notified"
        return failed("wire", f"expected the access once in the history and once notified, found {found}", where)
    return passed("wire", where)
