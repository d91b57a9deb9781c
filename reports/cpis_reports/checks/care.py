"""Checks of what an unscheduled-care system asks and shows; verdicts only where it is under test."""

from __future__ import annotations

import re
from typing import Any, Final

from cpis_reports.checks.exchanges import lookups, queries
from cpis_reports.checks.reading import answered
from cpis_reports.checks.registry import Judgement, check, failed, passed, undecided
from cpis_simulator.evidence import BY_CHANCE, Evidence, Record
from cpis_simulator.model import PersonAuthor
from cpis_simulator.nhs_number import is_valid, masked
from cpis_simulator.rules.judge import judge
from cpis_simulator.vocabulary import MessageKind


@check(
    "query-is-complete",
    judges="care",
    requirements=(
        *("CPIS-QRY-001", "CPIS-QRY-003", "CPIS-QRY-004", "CPIS-QRY-005", "CPIS-QRY-007", "CPIS-DAT-004"),
        "CPIS-DAT-029",
    ),
    witness="wire",
)
def query_is_complete(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """The query asks for the one number, with an event id, a time and one complete author."""
    made = [found for found in lookups(evidence) if found.query.query.nhs_number == nhs_number]
    if not made:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up")
    request, query, findings = made[-1].request, made[-1].query.query, []
    if not is_valid(query.nhs_number):
        findings.append("the number's check digit is wrong")
    author = query.author
    if isinstance(author, PersonAuthor):
        needed = {"user id": author.user_id, "role": author.role_code, "name": author.name.family}
    else:
        needed = {"system id": author.asid, "responsible person": "".join(p.role_code for p in author.responsible)}
    needed["organisation"] = author.organisation.ods_code and author.organisation.name
    findings += [f"the author has no {name}" for name, value in needed.items() if not value]
    return failed("wire", "; ".join(findings), request) if findings else passed("wire", request)


@check("flag-fits-setting", judges="care", requirements=("CPIS-QRY-008",), witness="wire")
def flag_fits_setting(evidence: Evidence, *, nhs_number: str, silent: bool, event_ids: list[str]) -> Judgement:
    """Scheduled settings send accessEventType false, unscheduled ones true or nothing."""
    made = {
        found.query.query.event_id: (found.request, found.query)
        for found in lookups(evidence)
        if found.query.query.nhs_number == nhs_number
    }
    if missing := [e for e in event_ids if e not in made]:
        return undecided("not-reached", f"{len(missing)} lookup(s) never left")
    wrong = [made[e][0] for e in event_ids if made[e][1].query.is_silent() != silent]
    if wrong:
        return failed("wire", f"{len(wrong)} lookup(s) with the flag of the other kind of setting", *wrong)
    return passed("wire", *(made[e][0] for e in event_ids))


_REASSURES: Final = re.compile(
    r"\bsafe\b|\bno (known )?(concern|risk|worr|cause)|nothing to worry|all clear", re.IGNORECASE
)
_DENIES_SAFETY: Final = re.compile(r"\b(not|no|never)\b[^.]*\b(sign|evidence|proof|mean\w*)\b", re.IGNORECASE)


def shown_plans(answer: dict[str, Any]) -> list[tuple[str, ...]]:
    """The plans that are shown, in a form that can be compared."""
    return sorted(
        (p["authority"], p["plan_type"], p["start"], str(p.get("end")), str(p.get("about")))
        for p in answer.get("plans", [])
    )


def wanted_plans(plans: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The plans that should be shown, in the same form."""
    return sorted((p["name"], p["plan_type"], p["start"], str(p["end"]), p["about"]) for p in plans)


def _invented(evidence: Evidence, nhs_number: str, answer: dict[str, Any], *seen: Record) -> Judgement | None:
    """A screen is worth nothing without the query that it comes from."""
    if any(found.query.query.nhs_number == nhs_number for found in lookups(evidence)):
        return None
    if answer.get("status") in ("unknown", "pending"):
        why = f"no query about {masked(nhs_number)} has come"
        return undecided("not-reached", why, *seen, witness="product")
    return failed("product", f"'{answer.get('status')}' is shown, and no query was sent", *seen)


def _by_chance(evidence: Evidence, nhs_number: str, answer: dict[str, Any], *seen: Record) -> Judgement | None:
    """Nothing can be said where weather that was drawn at random kept the answer away, and the product says so."""
    made = [found for found in lookups(evidence) if found.query.query.nhs_number == nhs_number]
    met = [w for w in (made[-1].weather if made else ()) if w.endswith(BY_CHANCE)]
    if met and answer.get("status") == "unknown":
        return undecided("harness", f"the lookup met the harness's own weather ({met[0]})", *seen, witness="product")
    return None


@check(
    "plans-shown",
    judges="care",
    requirements=(
        *("CPIS-UI-001", "CPIS-UI-006", "CPIS-DAT-001", "CPIS-DAT-022", "CPIS-RSP-009"),
        *("CPIS-MSG-002", "CPIS-MSG-003", "CPIS-IG-011", "CPIS-RSP-002", "CPIS-RSP-012"),
    ),
    witness="product",
)
def plans_shown(evidence: Evidence, *, nhs_number: str, plans: list[dict[str, Any]]) -> Judgement:
    """Exactly these plans are shown, each with its dates and its authority."""
    shown = [(r, a) for r, q, a in answered(evidence, "look-up", "care") if q.get("nhs_number") == nhs_number]
    if not shown:
        return undecided("not-reached", f"the product was not asked about {masked(nhs_number)}", witness="product")
    record, answer = shown[-1]
    if said := _by_chance(evidence, nhs_number, answer, record) or _invented(evidence, nhs_number, answer, record):
        return said
    found, wanted = shown_plans(answer), wanted_plans(plans)
    if found != wanted:
        return failed("product", f"expected {wanted}, found {found}", record)
    return passed("product", record)


@check("telephones-shown", judges="care", requirements=("CPIS-UI-002", "CPIS-DAT-022"), witness="product")
def telephones_shown(evidence: Evidence, *, nhs_number: str, plans: list[dict[str, Any]]) -> Judgement:
    """With each plan stand its authority's office and emergency duty number."""
    shown = [(r, a) for r, q, a in answered(evidence, "look-up", "care") if q.get("nhs_number") == nhs_number]
    if not shown:
        return undecided("not-reached", f"the product was not asked about {masked(nhs_number)}", witness="product")
    record, answer = shown[-1]
    if said := _by_chance(evidence, nhs_number, answer, record) or _invented(evidence, nhs_number, answer, record):
        return said
    wanted = {(p["name"], p["telephone_office"], p["telephone_emergency"]) for p in plans}
    found = {(p["authority"], p.get("telephone_office"), p.get("telephone_emergency")) for p in answer.get("plans", [])}
    missing = {name for name, *_ in wanted} - {name for name, *_ in found}
    if missing == {name for name, *_ in wanted}:
        return undecided("not-reached", "no plan of these authorities is shown", record, witness="product")
    wrong = {t for t in found - wanted if t[0] not in missing}
    if wrong:
        return failed("product", f"expected {sorted(map(str, wanted))}, found {sorted(map(str, found))}", record)
    return passed("product", record)


@check(
    "no-record-shown",
    judges="care",
    requirements=("CPIS-RSP-003", "CPIS-UI-007", "CPIS-RSP-012"),
    witness="product",
)
def no_record_shown(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """'No CP-IS record' is said as such."""
    shown = [(r, a) for r, q, a in answered(evidence, "look-up", "care") if q.get("nhs_number") == nhs_number]
    if not shown:
        return undecided("not-reached", f"the product was not asked about {masked(nhs_number)}", witness="product")
    record, answer = shown[-1]
    if said := _by_chance(evidence, nhs_number, answer, record) or _invented(evidence, nhs_number, answer, record):
        return said
    if answer.get("status") != "no-record" or answer.get("plans"):
        return failed("product", f"expected no-record, found {answer.get('status')}", record)
    return passed("product", record)


@check("no-record-is-no-safety", judges="care", requirements=("CPIS-UI-008",), witness="product")
def no_record_is_no_safety(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """The words of "no record" say that it is no evidence of safety; where they are silent, the user guide decides."""
    shown = [(r, a) for r, q, a in answered(evidence, "look-up", "care") if q.get("nhs_number") == nhs_number]
    if not shown:
        return undecided("not-reached", f"the product was not asked about {masked(nhs_number)}", witness="product")
    record, answer = shown[-1]
    if said := _by_chance(evidence, nhs_number, answer, record) or _invented(evidence, nhs_number, answer, record):
        return said
    text = str(answer.get("text", ""))
    if answer.get("status") == "no-record" and _DENIES_SAFETY.search(text):
        return passed("product", record)
    if _REASSURES.search(text):
        return failed("product", "the text reads as a sign of safety", record)
    return undecided("not-reached", "the screen says nothing of it; does the user guide?", record, witness="product")


def _register_form_check(rule: str) -> None:
    """One check a rule, so that a query that breaks one is not said to break its neighbours."""

    @check(f"query-obeys-{rule.removeprefix('CPIS-').lower()}", judges="care", requirements=(rule,), witness="wire")
    def query_obeys(evidence: Evidence, *, nhs_number: str) -> Judgement:
        """The query about the number does not break this rule of message form."""
        asked = [found for found in queries(evidence) if found[1].find(nhs_number.encode()) >= 0]
        if not asked:
            return undecided("not-reached", f"{masked(nhs_number)} was not looked up")
        record, payload = asked[-1]
        broken = [f for f in judge(payload, MessageKind.QUERY).findings if f.rule == rule and f.severity == "error"]
        if broken:
            return failed("wire", "; ".join(f"{f.rule}: {f.message}" for f in broken[:3]), record)
        return passed("wire", record)


FORM_RULES: Final = (
    *(f"CPIS-MSG-{number:03}" for number in (3, 4, 5, 6, 7, 8, 11)),
    *("CPIS-QRY-003", "CPIS-QRY-004", "CPIS-QRY-005", "CPIS-QRY-007", "CPIS-DAT-012"),
)
"""Rules of a query's form; each has a check of its own."""

for _rule in FORM_RULES:
    _register_form_check(_rule)
