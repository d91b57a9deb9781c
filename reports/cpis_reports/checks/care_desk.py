"""Checks of a care system's desk: who may ask, about whom, when, and what stands on the screen; for role care.

Nothing is taken on the product's word alone: a screen counts only beside the query that the product sent, and "nothing
was asked" only after a later query has arrived.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cpis_reports.checks.exchanges import LookedUp, lookups, queries
from cpis_reports.checks.reading import answered, same_instant
from cpis_reports.checks.registry import Judgement, check, failed, judged, passed, undecided
from cpis_simulator.codecs.xml import local_name, parse_document
from cpis_simulator.errors import DecodeError
from cpis_simulator.evidence import LOOKUP, Evidence, Record
from cpis_simulator.model import DeviceAuthor, PersonAuthor
from cpis_simulator.nhs_number import masked
from cpis_simulator.rules.lookup import MOST_ACCESSES

_PAST: Final = re.compile(r"\b(past|ended|former(ly)?|previous(ly)?|no longer|until|closed|was|were)\b", re.IGNORECASE)
_UNBORN: Final = re.compile(r"\bunborn\b", re.IGNORECASE)

Screen = tuple[Record, dict[str, Any]]


def made(evidence: Evidence, nhs_number: str) -> list[LookedUp]:
    """The lookups of a number that crossed the border."""
    return [found for found in lookups(evidence) if found.query.query.nhs_number == nhs_number]


def screens(evidence: Evidence, nhs_number: str) -> list[Screen]:
    """What `look-up` was answered with about a number, in order."""
    return [(r, a) for r, q, a in answered(evidence, "look-up", "care") if q.get("nhs_number") == nhs_number]


def last_screen(evidence: Evidence, nhs_number: str) -> tuple[LookedUp, Screen] | Judgement:
    """The last lookup of a number whose reply reached the product, and what it showed; else why nothing can be said."""
    asked, shown = made(evidence, nhs_number), screens(evidence, nhs_number)
    if not shown:
        return undecided("not-reached", f"the product was not asked about {masked(nhs_number)}", witness="product")
    if not asked:
        if shown[-1][1].get("status") in ("found", "no-record"):
            return failed("product", "an answer is shown, and no query was sent", shown[-1][0])
        return undecided("not-reached", f"no query about {masked(nhs_number)} left the product", shown[-1][0])
    if not asked[-1].reached:
        return undecided("harness", "the reply did not reach the product", asked[-1].records(), shown[-1][0])
    return asked[-1], shown[-1]


def _patient(evidence: Evidence, nhs_number: str) -> str | None:
    """The product's reference of the patient with a number."""
    known = [a["patient_id"] for _, q, a in answered(evidence, "record-patient", "care") if _has(q, nhs_number)]
    return str(known[-1]) if known else None


def _has(asked: Mapping[str, Any], nhs_number: str) -> bool:
    return asked.get("nhs_number") == nhs_number


# Who may ask, and about whom


@check(
    "not-asked-and-told",
    judges="care",
    requirements=("CPIS-QRY-002", "CPIS-DAT-029", "CPIS-IG-001", "CPIS-IG-004"),
    witness="wire",
)
def not_asked_and_told(evidence: Evidence, *, nhs_number: str, status: str, marker_number: str) -> Judgement:
    """No query about the number left the product before the marker's, and the user was told why."""
    shown = screens(evidence, nhs_number)
    if not shown:
        return undecided("not-reached", f"the product was not asked about {masked(nhs_number)}")
    leaked = [record for record, payload in queries(evidence) if payload.find(nhs_number.encode()) >= 0]
    if leaked:
        return failed("wire", f"a query about {masked(nhs_number)} left the product", leaked)
    marker = made(evidence, marker_number)
    if not marker:
        return undecided("not-reached", "the marker query did not come", shown[-1][0])
    record, answer = shown[-1]
    if answer.get("status") != status or answer.get("plans") or answer.get("alert"):
        return failed("product", f"expected the message '{status}', found {answer.get('status')}", record)
    return passed("wire", record, marker[-1].request)


@check("number-is-only-key", judges="care", requirements=("CPIS-QRY-001", "CPIS-DAT-004"), witness="wire")
def number_is_only_key(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """The one parameter of the query is the NHS number, whether or not the rest of it can be read."""
    asked = [(record, payload) for record, payload in queries(evidence) if payload.find(nhs_number.encode()) >= 0]
    if not asked:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up")
    record, payload = asked[-1]
    try:
        root = parse_document(payload)
    except DecodeError as error:
        return failed("wire", f"the query cannot be read: {error.what}", record)
    keys = [local_name(key) for by in root.iter("{*}queryByParameter") for key in by]
    keys = [key for key in keys if key != "accessEventType"]
    if keys != ["person.NHSnumber"]:
        return failed("wire", f"expected the NHS number as the only key, found {', '.join(keys) or 'none'}", record)
    return passed("wire", record)


@check("flags-fit-role", judges="care", requirements=("CPIS-IG-001", "CPIS-IG-002"), witness="wire")
def flags_fit_role(evidence: Evidence, *, nhs_number: str, silent: list[bool]) -> Judgement:
    """Each query is silent or not as the user's codes and the desk have it, and the user is shown what is held."""
    asked, shown = made(evidence, nhs_number), screens(evidence, nhs_number)
    if len(shown) < len(silent):
        return undecided("not-reached", f"the product was asked {len(shown)} of {len(silent)} times")
    if len(asked) != len(silent):
        return failed("wire", f"expected {len(silent)} queries, found {len(asked)}", [r for r, _ in shown])
    found = [lookup.query.query.is_silent() for lookup in asked]
    where = [record for lookup in asked for record in lookup.records()]
    if found != silent:
        return failed("wire", f"expected silent reads {silent}, found {found}", where)
    hidden = [record for record, answer in shown if answer.get("status") != "found" or not answer.get("plans")]
    if hidden:
        return failed("product", "somebody who may look is not shown what is held", hidden)
    return passed("wire", where, [record for record, _ in shown])


@check("flags-in-turn", judges="care", requirements=("CPIS-QRY-008",), witness="wire")
def flags_in_turn(evidence: Evidence, *, nhs_number: str, silent: list[bool]) -> Judgement:
    """The queries about a number are silent or not as their settings have it, one after the other."""
    asked = made(evidence, nhs_number)
    if len(asked) < len(silent):
        return undecided("not-reached", f"{len(asked)} of {len(silent)} queries can be read")
    found = [lookup.query.query.is_silent() for lookup in asked]
    where = [lookup.request for lookup in asked]
    return passed("wire", where) if found == silent else failed("wire", f"expected {silent}, found {found}", where)


@check("asks-with-a-name", judges="care", requirements=("CPIS-IG-003", "CPIS-QRY-005"), witness="wire")
def asks_with_a_name(evidence: Evidence, *, nhs_number: str, marker_number: str) -> Judgement:
    """With nobody signed in, a system asks that names who is responsible for it, or nobody does."""
    tried = [r for r, q, _ in answered(evidence, "look-up", "care") if _has(q, nhs_number)]
    marker = made(evidence, marker_number)
    if not tried or not marker:
        return undecided("not-reached", "the lookup was not tried, or the marker query did not come", tried)
    raw = [record for record, payload in queries(evidence) if payload.find(nhs_number.encode()) >= 0]
    asked = made(evidence, nhs_number)
    wrong = [
        found.request
        for found in asked
        if not isinstance(found.query.query.author, DeviceAuthor) or not found.query.query.author.responsible
    ]
    if wrong or len(raw) > len(asked):
        return failed("wire", "a query names a person although nobody is signed in", wrong or raw)
    return passed("wire", tried, marker[-1].request, [found.request for found in asked])


@check("author-as-configured", judges="care", requirements=("CPIS-QRY-006",), witness="wire")
def author_as_configured(evidence: Evidence, *, nhs_number: str, organisation: str, role: str) -> Judgement:
    """Where the patient is, and whom to ring there, leave as they were configured, unshortened."""
    asked = made(evidence, nhs_number)
    if not asked:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up")
    author = asked[-1].query.query.author
    if not isinstance(author, DeviceAuthor):
        return failed("wire", "a person asks where a system should", asked[-1].request)
    roles = [person.role_name for person in author.responsible]
    if author.organisation.name != organisation or roles != [role]:
        found = f"{author.organisation.name!r} and {roles}"
        return failed("wire", f"expected {organisation!r} and {role!r}, found {found}", asked[-1].request)
    return passed("wire", asked[-1].request)


@check("query-time-is-true", judges="care", requirements=("CPIS-DAT-012",), witness="wire")
def query_time_is_true(evidence: Evidence, *, nhs_number: str, instants: list[str]) -> Judgement:
    """Each query's time is the instant that the product's clock showed, within a minute."""
    asked = made(evidence, nhs_number)
    if len(asked) < len(instants):
        return undecided("not-reached", f"{len(asked)} of {len(instants)} queries can be read")
    pairs = zip([datetime.fromisoformat(i) for i in instants], asked, strict=False)
    wrong = [f.request for i, f in pairs if abs((f.query.query.effective_time - i).total_seconds()) > 60]
    where = [found.request for found in asked]
    return failed("wire", "a query's time is not the true instant", wrong) if wrong else passed("wire", where)


# When it asks


@check("registration-asks", judges="care", requirements=("CPIS-QRY-010",), witness="wire")
def registration_asks(evidence: Evidence, *, nhs_numbers: list[str]) -> Judgement:
    """The registration of everyone relevant makes a query that is not silent."""
    registered = _registered(evidence)
    missing = [n for n in nhs_numbers if _patient(evidence, n) not in registered]
    if missing:
        return undecided("not-reached", f"{len(missing)} attendance(s) were not registered")
    asked = {n: [f for f in made(evidence, n) if not f.query.query.is_silent()] for n in nhs_numbers}
    where = [*registered.values(), *(f.request for found in asked.values() for f in found)]
    silent = [masked(n) for n, found in asked.items() if not found]
    return failed("wire", f"nobody asked about {', '.join(silent)}", where) if silent else passed("wire", where)


def _registered(evidence: Evidence) -> dict[str, Record]:
    """Records of attendances that were registered, by patient."""
    return {str(q.get("patient_id")): r for r, q, _ in answered(evidence, "register-attendance", "care")}


@check("list-notifies-nobody", judges="care", requirements=("CPIS-QRY-014",), witness="wire")
def list_notifies_nobody(evidence: Evidence, *, nhs_numbers: list[str], marker_number: str) -> Judgement:
    """Opening a list makes no query that is not silent, judged when a later query has come."""
    opened = answered(evidence, "open-list", "care")
    listed = {str(p) for _, q, _ in opened for p in q.get("patient_ids", ())}
    if not opened or not {_patient(evidence, n) for n in nhs_numbers} <= listed:
        return undecided("not-reached", "no list of these patients was opened")
    since = opened[-1][0].seq
    marker = [f for f in made(evidence, marker_number) if f.request.seq > since]
    if not marker:
        return undecided("not-reached", "the marker query did not come", opened[-1][0])
    loud = [
        found.request
        for number in nhs_numbers
        for found in made(evidence, number)
        if found.request.seq > _asked_at(evidence, opened[-1][0]) and not found.query.query.is_silent()
    ]
    if loud:
        return failed("wire", f"opening a list made {len(loud)} queries that notify", loud)
    return passed("wire", opened[-1][0], marker[-1].request)


def _asked_at(evidence: Evidence, response: Record) -> int:
    """The number of the driver's request that a response answers."""
    operation = response.headers["operation"]
    asked = [r.seq for r in evidence.records if r.headers.get("operation") == operation and r.seq < response.seq]
    return max(asked, default=response.seq)


@check("attendance-goes-on", judges="care", requirements=("CPIS-OPS-007",), witness="product")
def attendance_goes_on(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """The attendance is complete while the lookup still waits for its answer, and another one when it is given up."""
    patient = _patient(evidence, nhs_number)
    asked = made(evidence, nhs_number)
    registered = [
        a.get("attendance_id")
        for _, q, a in answered(evidence, "register-attendance", "care")
        if q.get("patient_id") == patient
    ]
    done = [
        (r, a) for r, q, a in answered(evidence, "complete-attendance", "care") if q.get("attendance_id") in registered
    ]
    looks = [(r, a) for r, q, a in answered(evidence, "patient-screen", "care") if q.get("patient_id") == patient]
    if not asked or len(done) < 2 or len(looks) < 2:
        return undecided("not-reached", "two attendances and a lookup did not come about", witness="product")
    where = [*(r for r, _ in done), *(r for r, _ in looks), asked[0].request]
    if not all(answer.get("complete") for _, answer in done):
        return failed("product", "an attendance could not be completed before CP-IS had answered", where)
    if looks[0][1].get("status") == "unknown" and _ended_by_the_harness(evidence, asked[0].request):
        return undecided("harness", "the lookup was ended at once, before the attendance could go on without it", where)
    if looks[0][1].get("status") != "pending":
        return failed("product", f"the lookup was over ({looks[0][1].get('status')}) when the attendance was", where)
    return passed("product", where)


def _ended_by_the_harness(evidence: Evidence, request: Record) -> bool:
    """The connection that a query came on was closed without an answer, so that the product need not wait."""
    exchange = request.headers.get("exchange")
    return any(r.headers.get("harm") == "lost" for r in evidence.on(LOOKUP) if r.headers.get("exchange") == exchange)


@check("opening-notifies", judges="care", requirements=("CPIS-NTF-004",), witness="wire")
def opening_notifies(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """Seeing that there is an alert makes no query that notifies, opening it makes one."""
    opened, asked = _opened(evidence, nhs_number), made(evidence, nhs_number)
    if opened is None or not screens(evidence, nhs_number):
        return undecided("not-reached", "no alert was seen, and then opened")
    loud = [found.request for found in asked if not found.query.query.is_silent()]
    before = [request for request in loud if request.seq < _asked_at(evidence, opened)]
    if before or len(loud) != 1:
        return failed("wire", f"{len(before)} of {len(loud)} queries that notify came before the opening", opened, loud)
    return passed("wire", opened, loud)


@check("opener-is-named", judges="care", requirements=("CPIS-UI-011",), witness="wire")
def opener_is_named(evidence: Evidence, *, nhs_number: str, worker: str, user_id: str) -> Judgement:
    """The query that notifies names whoever opened the alert."""
    opened = _opened(evidence, nhs_number)
    loud = [found for found in made(evidence, nhs_number) if not found.query.query.is_silent()]
    if opened is None or not loud:
        return undecided("not-reached", "no alert was opened")
    author = loud[-1].query.query.author
    named = (author.user_id, {*author.name.shown().split()}) if isinstance(author, PersonAuthor) else ("", set[str]())
    if named[0] != user_id or not {*worker.split()} <= named[1]:
        return failed("wire", "the query names somebody else than whoever opened the alert", opened, loud[-1].request)
    return passed("wire", opened, loud[-1].request)


def _opened(evidence: Evidence, nhs_number: str) -> Record | None:
    """The driver's last answer to opening the alert of a patient."""
    patient = _patient(evidence, nhs_number)
    opened = [r for r, q, _ in answered(evidence, "open-alert", "care") if q.get("patient_id") == patient]
    return opened[-1] if opened and patient is not None else None


# What is shown


@check("alert-stands", judges="care", requirements=("CPIS-UI-004", "CPIS-DAT-001"), witness="product")
def alert_stands(evidence: Evidence, *, nhs_number: str, plan_types: list[str]) -> Judgement:
    """A visible alert stands on the patient, naming these plan types; none where there are none."""
    found = last_screen(evidence, nhs_number)
    if isinstance(found, Judgement):
        return found
    lookup, (record, answer) = found
    named = sorted(str(plan.get("plan_type")) for plan in answer.get("plans", ()))
    if bool(answer.get("alert")) != bool(plan_types):
        said = "no alert is shown" if plan_types else "an alert is shown and nothing is held"
        return failed("product", said, lookup.records(), record)
    if named != sorted(plan_types):
        return failed("product", f"expected {sorted(plan_types)}, found {named}", lookup.records(), record)
    return passed("product", lookup.records(), record)


@check("past-told-from-current", judges="care", requirements=("CPIS-RSP-009", "CPIS-UI-005"), witness="product")
def past_told_from_current(evidence: Evidence, *, nhs_number: str, plans: list[dict[str, Any]]) -> Judgement:
    """A plan that has ended is shown with its end date and as past, and no other is."""
    found = last_screen(evidence, nhs_number)
    if isinstance(found, Judgement):
        return found
    lookup, (record, answer) = found
    shown = {(p.get("plan_type"), p.get("start")): p for p in answer.get("plans", ())}
    findings = []
    for plan in plans:
        on_screen = shown.get((plan["plan_type"], plan["start"]))
        if on_screen is None:
            findings.append(f"the {plan['plan_type']} from {plan['start']} is not shown")
            continue
        is_past = plan["end"] is not None
        if on_screen.get("end") != plan["end"]:
            findings.append(f"expected the end {plan['end']}, found {on_screen.get('end')}")
        if bool(on_screen.get("current", True)) == is_past:
            findings.append(f"the {plan['plan_type']} is shown as {'current' if is_past else 'past'}")
        elif is_past and not _PAST.search(str(on_screen.get("text", ""))):
            findings.append("no word of the plan says that it is past")
    return judged("product", findings, lookup.records(), record)


@check("unborn-child-worded", judges="care", requirements=("CPIS-UI-006",), witness="product")
def unborn_child_worded(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """The alert on the woman says that it concerns her unborn child."""
    found = last_screen(evidence, nhs_number)
    if isinstance(found, Judgement):
        return found
    lookup, (record, answer) = found
    where = (*lookup.records(), record)
    plans = answer.get("plans", ())
    if not plans:
        return failed("product", "no plan is shown", where)
    wrong = [p for p in plans if p.get("about") != "unborn child" or not _UNBORN.search(str(p.get("text", "")))]
    if wrong or not _UNBORN.search(str(answer.get("text", ""))):
        return failed("product", "the plan is worded as the woman's own", where)
    return passed("product", where)


@check("accesses-shown", judges="care", requirements=("CPIS-UI-003", "CPIS-RSP-006"), witness="product")
def accesses_shown(evidence: Evidence, *, nhs_number: str, accesses: list[dict[str, str]]) -> Judgement:
    """The accesses are shown, this one included and 25 at most: each with time, name, role and organisation."""
    found = last_screen(evidence, nhs_number)
    if isinstance(found, Judgement):
        return found
    lookup, (record, answer) = found
    where = (*lookup.records(), record)
    shown = list(answer.get("accesses", ()))
    own = lookup.query.query.effective_time.isoformat()
    wanted = sorted(accesses, key=lambda a: a["accessed"] or own)[-MOST_ACCESSES:]
    findings = []
    if len(shown) != len(wanted):
        findings.append(f"expected {len(wanted)} accesses, found {len(shown)}")
    for access in wanted:
        at = access["accessed"] or own
        there = [s for s in shown if same_instant(s.get("accessed"), at)]
        missing = min((_missing(access, s) for s in there), key=len, default=["the access itself"])
        if missing:
            findings.append(f"of the access at {at}: {', '.join(missing)} not shown")
    return judged("product", findings[:5], where)


def _missing(access: Mapping[str, str], shown: Mapping[str, Any]) -> list[str]:
    """What of an access is not on the screen."""
    missing = []
    name = str(shown.get("worker", "")).split()
    if not {*access["worker"].split()} <= {word.strip(",:") for word in name}:
        missing.append("who")
    if access.get("system") and access["system"] not in str(shown.get("worker", "")):
        missing.append("the system")
    missing += [key for key in ("role", "organisation") if shown.get(key) != access[key]]
    return missing


@check("messages-differ", judges="care", requirements=("CPIS-UI-007",), witness="product")
def messages_differ(evidence: Evidence, *, nhs_numbers: dict[str, str]) -> Judgement:
    """No record, unavailable, not verified and denied are four messages with texts of their own.

    Args:
        nhs_numbers: By the message that each must show.
    """
    texts: dict[str, str] = {}
    where: list[Record] = []
    for status, number in nhs_numbers.items():
        shown = screens(evidence, number)
        if not shown:
            return undecided("not-reached", f"the product was not asked about {masked(number)}", witness="product")
        record, answer = shown[-1]
        where.append(record)
        asked = made(evidence, number)
        where += [found.request for found in asked]
        if status in ("no-record", "unknown") and not asked:
            return undecided("not-reached", f"no query about {masked(number)} left the product", record)
        if answer.get("status") != status:
            return failed("product", f"expected the message '{status}', found '{answer.get('status')}'", where)
        texts[status] = " ".join(str(answer.get("text", "")).split())
    same = [f"{a} and {b}" for a, b in _pairs([*texts]) if texts[a] == texts[b]]
    if same or not all(texts.values()):
        return failed("product", f"the same words for {', '.join(same)}" if same else "a message without words", where)
    return passed("product", where)


def _pairs(names: Sequence[str]) -> Iterable[tuple[str, str]]:
    return ((a, b) for n, a in enumerate(names) for b in names[n + 1 :])


@check("gap-is-told", judges="care", requirements=("CPIS-RSP-002",), witness="product")
def gap_is_told(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """An answer that announces more than it holds is shown as incomplete, or its status as unknown."""
    asked, shown = made(evidence, nhs_number), screens(evidence, nhs_number)
    if not asked or not shown:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up", witness="product")
    if not asked[-1].is_altered():
        return undecided("harness", "the answer was not altered as the scenario says", asked[-1].records())
    record, answer = shown[-1]
    where = (*asked[-1].records(), record)
    told = answer.get("status") == "unknown" or answer.get("complete") is False
    return passed("product", where) if told else failed("product", "the answer is shown as if it were whole", where)


@check("meaning-not-guessed", judges="care", requirements=("CPIS-MSG-010",), witness="product")
def meaning_not_guessed(evidence: Evidence, *, nhs_number: str) -> Judgement:
    """A reply with a code of no list, or with another's text, is shown as neither a finding nor "no record"."""
    asked, shown = made(evidence, nhs_number), screens(evidence, nhs_number)
    if not asked or not shown:
        return undecided("not-reached", f"{masked(nhs_number)} was not looked up", witness="product")
    if not asked[-1].is_altered():
        return undecided("harness", "the answer was not altered as the scenario says", asked[-1].records())
    record, answer = shown[-1]
    where = (*asked[-1].records(), record)
    if answer.get("status") in ("no-record", "found"):
        return failed("product", f"a reply with a code that nobody knows is shown as {answer['status']}", where)
    return passed("product", where)


@check("audit-complete", judges="care", requirements=("CPIS-IG-005",), witness="product")
def audit_complete(evidence: Evidence, *, entries: list[dict[str, str]]) -> Judgement:
    """The audit trail has one entry for each lookup: user, role, organisation, patient, time and outcome."""
    trails = answered(evidence, "audit", "care")
    if not trails:
        return undecided("not-reached", "the audit trail was not read", witness="product")
    record, trail = trails[-1][0], trails[-1][2].get("items", [])
    findings, where = [], [record]
    for entry in entries:
        asked = [
            f for f in made(evidence, entry["nhs_number"]) if f.query.query.is_silent() == (entry["silent"] == "yes")
        ]
        if not asked:
            return undecided("not-reached", f"{masked(entry['nhs_number'])} was not looked up", record)
        where.append(asked[-1].request)
        at = asked[-1].query.query.effective_time
        own = [
            line
            for line in trail
            if _has(line, entry["nhs_number"])
            and _near(line.get("at"), at)
            and line.get("organisation") == entry["organisation"]
            and {*entry["worker"].split()} <= {w.strip(",:") for w in str(line.get("user", "")).split()}
        ]
        if len(own) != 1:
            findings.append(f"expected one entry for the {entry['outcome']} lookup, found {len(own)}")
            continue
        findings += [
            f"the entry of the {entry['outcome']} lookup has the {key} {own[0].get(key)!r}"
            for key in ("role", "outcome")
            if own[0].get(key) != entry[key]
        ]
    return judged("product", findings, where)


def _near(text: object, at: datetime) -> bool:
    """An instant of the audit trail is that of the query, within two minutes."""
    try:
        given = datetime.fromisoformat(str(text))
    except ValueError:
        return False
    return given.tzinfo is not None and abs((given - at).total_seconds()) <= 120
