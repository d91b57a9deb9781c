"""Checks of what an authority's system makes of access notifications: right child, right facts, right team."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from cpis_reports.checks.reading import delivered_access, last_answer, new_items, same_instant
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_reports.checks.replies import marker_seen
from cpis_simulator.evidence import Evidence

Access = dict[str, str]
"""An access as the scenario gave it: `event_id`, `accessed` (ISO), `worker`, `role`, `organisation`."""


@check(
    "event-filed-once",
    judges="authority",
    requirements=(
        *("CPIS-NTF-006", "CPIS-NTF-007", "CPIS-NTF-008", "CPIS-NTF-010", "CPIS-NTF-011", "CPIS-NTF-015"),
        "CPIS-UI-009",
    ),
    witness="product",
)
def event_filed_once(evidence: Evidence, *, authority: str, child_id: str, access: Access) -> Judgement:
    """The access stands exactly once on the child's file, with who, where and when as in the lookup."""
    delivered = delivered_access(evidence, authority, access["event_id"])
    if delivered is None:
        return undecided("harness", "no notification of the access was delivered to the authority")
    found = last_answer(evidence, "case-events", child_id=child_id)
    if found is None or found[0].seq < delivered[0].seq:
        return undecided("not-reached", "the product was not asked for the child's file", witness="product")
    where = (delivered[0], found[0])
    own = [i for i in found[1] if _is_about(i, access)]
    if not own and any(i.get("event_id") is None and not _has_offset(i.get("accessed")) for i in found[1]):
        why = "the product keeps neither the event id nor the instant of the access, so its events cannot be told apart"
        return undecided("not-reached", why, *where, witness="product")
    if len(own) != 1:
        return failed("product", f"expected one event on the child's file, found {len(own)}", *where)
    event, findings = own[0], []
    if not _has_offset(event.get("accessed")):
        why = "the product gives no instant of the access (a time with its offset)"
        return undecided("not-reached", why, *where, witness="product")
    if not same_instant(event["accessed"], access["accessed"]):
        findings.append(f"time of access: expected {access['accessed']}, found {event.get('accessed')}")
    for name in ("worker", "role", "organisation"):
        if access[name] not in str(event.get(name) or ""):
            findings.append(f"{name}: expected '{access[name]}', found '{event.get(name)}'")
    if findings:
        return failed("product", "; ".join(findings), *where)
    return passed("product", *where)


def _is_about(event: dict[str, Any], access: Access) -> bool:
    """By event id where the product keeps it, else by time and worker."""
    if event.get("event_id") is not None:
        return bool(event["event_id"] == access["event_id"])
    return same_instant(event.get("accessed"), access["accessed"]) and access["worker"] in str(event.get("worker"))


def _has_offset(text: object) -> bool:
    """An instant of a driver, and no local time that could mean two."""
    try:
        return isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@check(
    "event-not-filed",
    judges="authority",
    requirements=(
        *("CPIS-NTF-006", "CPIS-NTF-008", "CPIS-NTF-010", "CPIS-NTF-014", "CPIS-NTF-018", "CPIS-NTF-019"),
        "CPIS-IG-010",
    ),
    witness="product",
)
def event_not_filed(
    evidence: Evidence, *, child_id: str, marker_event: str, allowed: list[str] | None = None
) -> Judgement:
    """No event is on the child's file but those allowed, after a later one came through the same folder."""
    fence = marker_seen(evidence, marker_event)
    if isinstance(fence, Judgement):
        return fence
    found = last_answer(evidence, "case-events", child_id=child_id)
    if found is None or found[0].seq < fence.seq:
        return undecided("not-reached", "the product was not asked for the child's file after the marker", fence)
    expected = {*(allowed or ()), marker_event}
    wrong = [i for i in found[1] if i.get("event_id") not in expected]
    if wrong:
        return failed("product", f"{len(wrong)} event(s) on the file of a child that they are not about", found[0])
    return passed("product", found[0], fence)


@check(
    "alerted",
    judges="authority",
    requirements=("CPIS-NTF-012", "CPIS-NTF-013", "CPIS-NTF-017"),
    witness="product",
)
def alerted(evidence: Evidence, *, authority: str, child_id: str, access: Access, recipients: list[str]) -> Judgement:
    """Exactly one alert about this access stands with one of these workers or teams."""
    delivered = delivered_access(evidence, authority, access["event_id"])
    if delivered is None:
        return undecided("harness", "no notification of the access was delivered to the authority")
    found = last_answer(evidence, "alerts")
    if found is None or found[0].seq < delivered[0].seq:
        return undecided("not-reached", "the product was not asked for its alerts", witness="product")
    where = (delivered[0], found[0])
    about = [i for i in found[1] if i.get("kind") == "access" and _alerts_of(i, access)]
    unnamed = [i for i in found[1] if i.get("kind") == "access" and i.get("event_id") is None]
    if not about and any(i.get("child_id") == child_id for i in unnamed):
        why = "the product's alerts repeat neither the event id nor the worker of the access"
        return undecided("not-reached", why, *where, witness="product")
    own = [i for i in about if i.get("child_id") == child_id and {i.get("recipient"), i.get("team")} & {*recipients}]
    if len(own) != 1:
        shown = ", ".join(f"{i.get('recipient') or 'nobody'} / {i.get('team') or 'no team'}" for i in about)
        return failed(
            "product",
            f"expected one alert to {' or '.join(recipients)}, found {len(own)}; of the access: {shown or 'none'}",
            *where,
        )
    return passed("product", *where)


def _alerts_of(alert: dict[str, Any], access: Access) -> bool:
    """By event id where the product keeps it, else by the worker in its text."""
    if alert.get("event_id") is not None:
        return bool(alert["event_id"] == access["event_id"])
    return access["worker"] in str(alert.get("text") or "")


@check("not-alerted", judges="authority", requirements=("CPIS-NTF-017", "CPIS-IG-010"), witness="product")
def not_alerted(evidence: Evidence, *, recipients: list[str], marker_event: str) -> Judgement:
    """None of these workers or teams has a new alert of an access, after a later access came through."""
    fence = marker_seen(evidence, marker_event)
    if isinstance(fence, Judgement):
        return fence
    found = new_items(evidence, "alerts")
    if found is None or found[0].seq < fence.seq:
        return undecided("not-reached", "the product was not asked for its alerts after the marker", fence)
    wrong = [
        i
        for i in found[1]
        if i.get("kind") == "access"
        and i.get("event_id") != marker_event
        and {i.get("recipient"), i.get("team")} & {*recipients}
    ]
    if wrong:
        return failed("product", f"an alert of the access stands with {' or '.join(recipients)}", found[0], fence)
    return passed("product", found[0], fence)


@check("contradiction-shown", judges="authority", requirements=("CPIS-NTF-006",), witness="product")
def contradiction_shown(evidence: Evidence, *, authority: str, event_ids: list[str]) -> Judgement:
    """A total that differs from the accesses listed is shown, by an exception or alert that names either."""
    delivered = delivered_access(evidence, authority, event_ids[0])
    if delivered is None:
        return undecided("harness", "no notification of the access was delivered to the authority")
    exceptions, alerts = new_items(evidence, "exceptions"), new_items(evidence, "alerts")
    if exceptions is None or alerts is None or exceptions[0].seq < delivered[0].seq:
        return undecided("not-reached", "the product was not asked for exceptions and alerts", witness="product")
    shown = [i for i in exceptions[1] if i.get("kind") == "access-notification"]
    shown += [i for i in alerts[1] if i.get("kind") in ("interface", "other")]
    where = (delivered[0], exceptions[0], alerts[0])
    if not shown:
        return failed("product", "the contradiction is shown nowhere", *where)
    total = re.compile(rf"\b{delivered[1].total}\b")
    if not any(i.get("event_id") in event_ids or total.search(str(i.get("text") or "")) for i in shown):
        why = "what the product shows names neither the total nor an access of the notification"
        return undecided("not-reached", why, *where, witness="product")
    return passed("product", *where)
