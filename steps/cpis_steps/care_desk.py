"""Steps of a care system's desk: who may ask, about whom, when, and what stands on the screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pytest_bdd import given, parsers, then, when

from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.cast import CastPlan, Person
from cpis_simulator import driving
from cpis_simulator.driving import Nothing, Turn
from cpis_simulator.errors import HarnessError, NotOffered
from cpis_simulator.nhs_number import check_digit
from cpis_simulator.vocabulary import PlanType
from cpis_steps.judging import Judge
from cpis_steps.lookups import FIRST, expected_plans, upload_for
from cpis_steps.stage import SERVICE_S, AccessFacts, Stage, author_facts

EMERGENCY = "emergency department"
MARKER = "marker person"
WORDS_OF_CODES = {
    "no CP-IS code": [],
    "B0107": ["B0107"],
    "B0170 alone": ["B0170"],
    "B0107 and B0170": ["B0107", "B0170"],
}
REPLY_DELAY_S = 1.0
CLOCK_CHANGES = (
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 12, 0, tzinfo=UTC),
)
"""Before and after the clocks go back, and a leap day."""


# Who is there


@given(parsers.re(r"whoever asks has (?P<codes>no CP-IS code|B0107 and B0170|B0107|B0170 alone)"))
def the_user_has(cpis_stage: Stage, codes: str) -> None:
    """The national codes of the user's role: B0107 views and notifies, B0170 views silently."""
    cpis_stage.activities = WORDS_OF_CODES[codes]


@given(parsers.re(r"the (?P<who>child|person)'s number is not verified in the care system"))
def the_number_is_not_verified(cpis_stage: Stage, who: str) -> None:
    """The patient's number was not traced on PDS."""
    cpis_stage.patient_details[who] = {"verified": False}


@given("a patient whose number has a wrong check digit")
def a_wrong_check_digit(cpis_stage: Stage) -> None:
    """A patient of the care system with a number that was keyed wrongly: the person."""
    person = cpis_stage.cast.enter("person")
    nine = str(person.nhs_number)[:9]
    person.nhs_number = f"{nine}{((check_digit(nine) or 0) + 1) % 10}"


@given("consent is recorded as refused for the child in the care system")
def consent_is_refused(cpis_stage: Stage) -> None:
    """Which is no condition for sharing."""
    cpis_stage.patient_details["child"] = {"consent_refused": True}


@given("a pregnant woman and a man of 40 without any plan")
def a_woman_and_a_man(cpis_stage: Stage) -> None:
    """Two adults whom PDS knows and nobody holds a plan of: the woman and the man."""
    for person in (cpis_stage.cast.enter("woman", mother=True), cpis_stage.cast.enter("man", years=40)):
        cpis_stage.put_on_pds(person)


@given("twins of whom only the first is on a child protection plan")
def twins_one_on_a_plan(cpis_stage: Stage) -> None:
    """Twins with one family name and birth date, each with an own number: the first twin and the second twin."""
    first, second = cpis_stage.cast.enter("first twin"), cpis_stage.cast.enter("second twin")
    second.family, second.birth_date = first.family, first.birth_date
    if second.given == first.given:
        second.given = f"{second.given}a"
    cpis_stage.record(first)
    cpis_stage.open_plan(first, PlanType.CHILD_PROTECTION)
    cpis_stage.put_on_pds(second)


@given(parsers.re(r"a child whose child protection plan ended (?P<days>[0-9]+) days ago"))
def a_plan_that_ended(cpis_stage: Stage, days: str) -> None:
    """A child with a plan that began long before and ended then."""
    child = cpis_stage.record(cpis_stage.cast.enter("child"))
    end_plan(cpis_stage, child, PlanType.CHILD_PROTECTION, int(days))


@given(parsers.re(r"a child whose looked after status ended (?P<days>[0-9]+) days ago"))
def a_status_that_ended(cpis_stage: Stage, days: str) -> None:
    """A child who was looked after until then."""
    child = cpis_stage.record(cpis_stage.cast.enter("child"))
    end_plan(cpis_stage, child, PlanType.LOOKED_AFTER, int(days))


def end_plan(stage: Stage, child: Person, plan_type: PlanType, days: int) -> None:
    """Open a plan a good year before its end, and end it."""
    section = "20" if plan_type is PlanType.LOOKED_AFTER else None
    end = stage.today - timedelta(days=days)
    plan = stage.open_plan(child, plan_type, start=end - timedelta(days=300), section=section)
    plan.end = end
    stage.authority.ask("end-plan", driving.EndPlan(plan_id=plan.plan_id, end=end), Nothing)


@given(parsers.re(r"a child whose child protection plan, shared by another authority, ended (?P<days>[0-9]+) days ago"))
def a_plan_that_ended_elsewhere(cpis_stage: Stage, days: str) -> None:
    """An ended plan, stored for an authority that the harness plays."""
    child = cpis_stage.cast.enter("child")
    end = cpis_stage.today - timedelta(days=int(days))
    _share(cpis_stage, child, CastPlan(PlanType.CHILD_PROTECTION, end - timedelta(days=300), end=end))


@given(
    parsers.re(
        r"a woman whose unborn child with a plan, shared by another authority, was due (?P<days>[0-9]+) days ago"
    )
)
def an_unborn_child_due_elsewhere(cpis_stage: Stage, days: str) -> None:
    """An unborn child's plan under the mother, stored for an authority that the harness plays."""
    mother = cpis_stage.cast.enter("mother", mother=True)
    due = cpis_stage.today - timedelta(days=int(days))
    _share(cpis_stage, mother, CastPlan(PlanType.UNBORN, due - timedelta(days=120), end=due))


def _share(stage: Stage, person: Person, plan: CastPlan) -> None:
    """Put a person on PDS and have an authority that the harness plays share a plan."""
    stage.put_on_pds(person)
    other = next(a for a in stage.lane.plan.config.authorities() if a.ods_code != stage.ods)
    upload_for(stage, other, person, plan)


@given(parsers.re(r"a woman whose unborn child with a plan was due (?P<days>[0-9]+) days ago"))
def an_unborn_child_due(cpis_stage: Stage, days: str) -> None:
    """An unborn child's plan under the mother, with a due date that has passed: the child's place is the woman's."""
    mother = cpis_stage.record(cpis_stage.cast.enter("mother", mother=True))
    due = cpis_stage.today - timedelta(days=int(days))
    cpis_stage.open_plan(mother, PlanType.UNBORN, start=due - timedelta(days=120), due=due)


@given(parsers.re(r"(?P<count>[0-9]+|no) earlier lookups? of the child by different workers"))
def earlier_lookups(cpis_stage: Stage, count: str) -> None:
    """Others have looked the child up, each once, in other settings than the one under test."""
    child = cpis_stage.cast["child"]
    for number in range(0 if count == "no" else int(count)):
        cpis_stage.earlier.append(cpis_stage.look_up_elsewhere(child, "walk-in centre", f"earlier {number}"))


@given("an earlier lookup of the child by NHS 111")
def an_earlier_lookup_by_a_system(cpis_stage: Stage) -> None:
    """A system asked by itself, naming the person responsible for it."""
    cpis_stage.earlier.append(cpis_stage.look_up_elsewhere(cpis_stage.cast["child"], "NHS 111", "earlier by NHS 111"))


# What happens


@given("somebody has seen the alert on the child")
def the_alert_was_seen(cpis_stage: Stage) -> None:
    """In a viewer: a first user has the child on the screen, and opens nothing."""
    cpis_stage.look_up(cpis_stage.cast["child"], EMERGENCY, "seen")


@when("somebody else opens the alert")
def the_alert_is_opened(cpis_stage: Stage) -> None:
    """A second user at the same desk."""
    setting = care_setting(EMERGENCY)
    opener = cpis_stage.author(setting, "opener")
    cpis_stage.sit_down(setting, opener)
    cpis_stage.accesses[FIRST] = author_facts(opener)
    cpis_stage.care.ask("open-alert", cpis_stage.patient(cpis_stage.cast["child"]), driving.LookUpResult)


@when("an entitled user looks the marker person up afterwards")
def a_marker_lookup(cpis_stage: Stage) -> None:
    """A later query through the same product: what did not come before it will not come."""
    marker = cpis_stage.cast.enter(MARKER)
    cpis_stage.put_on_pds(marker)
    cpis_stage.activities = None
    cpis_stage.look_up(marker, EMERGENCY, "marker lookup")


@when(parsers.re(r"(?P<setting>.+) looks the second twin up, and then the first"))
def both_twins_are_looked_up(cpis_stage: Stage, setting: str) -> None:
    """Two lookups by one worker, the one without a plan first."""
    for who in ("second twin", "first twin"):
        cpis_stage.look_up(cpis_stage.cast[who], setting, f"lookup of {who}")


@when("somebody looks up four people: one without a record, one in an outage, one unverified, one without a role code")
def four_messages(cpis_stage: Stage) -> None:
    """Each of the four messages that must not be mistaken for another comes about once."""
    for who in ("person", "person in an outage", "unverified person", "person behind a closed door"):
        if who not in cpis_stage.cast.people:
            cpis_stage.put_on_pds(cpis_stage.cast.enter(who))
    cpis_stage.patient_details["unverified person"] = {"verified": False}
    cpis_stage.look_up(cpis_stage.cast["person"], EMERGENCY, FIRST)
    cpis_stage.script(Turn(weather="no-reply"))
    cpis_stage.look_up(cpis_stage.cast["person in an outage"], EMERGENCY, "lookup in an outage")
    cpis_stage.look_up(cpis_stage.cast["unverified person"], EMERGENCY, "lookup of an unverified person")
    cpis_stage.activities = []
    cpis_stage.look_up(cpis_stage.cast["person behind a closed door"], EMERGENCY, "lookup without a role code")


@when(parsers.re(r"(?P<setting>.+)'s system restarts while a lookup of the child waits for its answer"))
def a_restart(cpis_stage: Stage, setting: str) -> None:
    """The reply comes after the restart; then everybody looks at the screen."""
    child = cpis_stage.cast["child"]
    if not cpis_stage.care.offers("restart"):
        raise NotOffered("the care's driver does not offer 'restart'")
    cpis_stage.script(Turn(reply_delay_s=REPLY_DELAY_S))
    cpis_stage.begin_look_up(child, setting)
    cpis_stage.care.ask("restart", Nothing(), Nothing)
    cpis_stage.wait_for_late_reply(child)
    cpis_stage.watch_look_ups(until_over=True)


@when("the child is registered twice, while a lookup waits for its answer and after it was given up")
def registered_twice(cpis_stage: Stage) -> None:
    """An attendance is begun and completed while CP-IS has not answered, another when it has not answered in time."""
    setting = care_setting(EMERGENCY)
    child = cpis_stage.cast["child"]
    # Registering may ask by itself, so that whatever is asked meets no reply.
    cpis_stage.script(*[Turn(weather="no-reply")] * 6)
    cpis_stage.sit_down(setting, cpis_stage.author(setting, FIRST))
    patient = cpis_stage.patient(child)
    cpis_stage.begin_look_up(child, EMERGENCY)
    _attend(cpis_stage, patient)
    _look_until_over(cpis_stage, patient)
    _attend(cpis_stage, patient)
    cpis_stage.look_up(child, EMERGENCY, FIRST)


def _attend(stage: Stage, patient: driving.PatientReference) -> None:
    """Register an attendance, complete it, and look at the patient's screen."""
    begun = stage.care.ask("register-attendance", patient, driving.Attendance)
    reference = driving.AttendanceReference(attendance_id=begun.attendance_id)
    stage.care.ask("complete-attendance", reference, driving.Attendance)
    stage.care.ask("patient-screen", patient, driving.LookUpResult)


def _look_until_over(stage: Stage, patient: driving.PatientReference) -> None:
    within = stage.lane.care_timeout_s + SERVICE_S
    stage.care.read(
        "patient-screen", patient, driving.LookUpResult, until=lambda shown: shown.status != "pending", within=within
    )


@when("a receptionist registers the child, the woman and the man, and opens a list of all three")
def three_are_registered(cpis_stage: Stage) -> None:
    """Three attendances in an emergency department; the list is opened when their lookups have had their time."""
    setting = care_setting(EMERGENCY)
    cpis_stage.sit_down(setting, cpis_stage.author(setting, FIRST))
    patients = [cpis_stage.patient(cpis_stage.cast[who]) for who in ("child", "woman", "man")]
    for patient in patients:
        cpis_stage.care.ask("register-attendance", patient, driving.Attendance)
    for patient in patients:
        _look_until_over(cpis_stage, patient)
    listed = driving.OpenList(patient_ids=[patient.patient_id for patient in patients])
    cpis_stage.care.ask("open-list", listed, driving.PatientList)


@when("nobody is signed in and the care system is asked about the child")
def nobody_is_signed_in(cpis_stage: Stage) -> None:
    """As by a background process: somebody was signed in before, and is no more."""
    setting = care_setting(EMERGENCY)
    child = cpis_stage.cast["child"]
    cpis_stage.sit_down(setting, cpis_stage.author(setting, "earlier user"))
    patient = cpis_stage.patient(child)
    cpis_stage.care.ask("sign-out", Nothing(), Nothing)
    request = driving.LookUp(nhs_number=str(child.nhs_number), patient_id=patient.patient_id)
    cpis_stage.care.look_up(request)


@when("an auditor asks for the audit trail afterwards")
def the_audit_is_read(cpis_stage: Stage) -> None:
    """All of it, or as much as the product gives."""
    cpis_stage.care.ask("audit", Nothing(), driving.AuditExtract)


@when("the child is looked up before and after the clocks go back, and on a leap day")
def looked_up_at_odd_times(cpis_stage: Stage) -> None:
    """The product's clock is moved; its queries tell the time that it then shows."""
    if not cpis_stage.lane.movable:
        raise NotOffered("the care's driver does not offer 'set-clock'")
    for number, instant in enumerate(CLOCK_CHANGES):
        cpis_stage.care.ask("set-clock", driving.SetClock(instant=instant), Nothing)
        cpis_stage.look_up(cpis_stage.cast["child"], EMERGENCY, f"lookup {number}")


# What must be seen


def _number(stage: Stage, who: str) -> str:
    return str(stage.cast[who].nhs_number)


@then(parsers.re(r"the user is told that (?P<why>the number is not verified|the number is not valid|access is denied)"))
def nothing_was_asked(cpis_stage: Stage, cpis_judge: Judge, why: str) -> None:
    """And no query about the person left the product before that of the marker person."""
    status = {"the number is not verified": "unverified", "the number is not valid": "invalid"}.get(why, "denied")
    who = "child" if "child" in cpis_stage.cast.people else "person"
    marker = _number(cpis_stage, MARKER)
    cpis_judge("not-asked-and-told", nhs_number=_number(cpis_stage, who), status=status, marker_number=marker)


@then(
    parsers.re(
        r"the (?:query is|queries are) (?P<words>silent|not silent|not silent and then silent), and the plan is shown"
    )
)
def the_flags_fit(cpis_stage: Stage, cpis_judge: Judge, words: str) -> None:
    """The flag follows the user's codes and the desk."""
    silent = {"silent": [True], "not silent": [False]}.get(words, [False, True])
    cpis_judge("flags-fit-role", nhs_number=_number(cpis_stage, "child"), silent=silent)


@then(parsers.re(r"an alert stands on the (?P<who>child|mother), naming the plan type"))
def an_alert_stands(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """Visible without opening anything."""
    types = [str(plan["plan_type"]) for plan in expected_plans(cpis_stage, cpis_stage.cast[who])]
    cpis_judge("alert-stands", nhs_number=_number(cpis_stage, who), plan_types=types)


@then(parsers.re(r"no alert stands on the (?P<who>child|mother|person)"))
def no_alert_stands(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """Nothing is held any more, or never was."""
    cpis_judge("alert-stands", nhs_number=_number(cpis_stage, who), plan_types=[])


@then(parsers.re(r"the (?P<who>child)'s plan is shown as past, with its end date"))
def shown_as_past(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """In other words, or another style, than a current one."""
    person = cpis_stage.cast[who]
    plans = [{k: p[k] for k in ("plan_type", "start", "end")} for p in expected_plans(cpis_stage, person)]
    cpis_judge("past-told-from-current", nhs_number=person.nhs_number, plans=plans)


@then("the alert on the mother says that it concerns her unborn child")
def worded_as_unborn(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """And not the woman herself."""
    cpis_judge("unborn-child-worded", nhs_number=_number(cpis_stage, "mother"))


@then("the accesses are shown, each with time, name, role and organisation")
def accesses_are_shown(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The earlier ones and this one; of more than 25 the oldest are gone."""
    # The own access has the time of its query, which is in the evidence.
    own: AccessFacts = {**cpis_stage.accesses[FIRST], "accessed": ""}
    cpis_judge("accesses-shown", nhs_number=_number(cpis_stage, "child"), accesses=[*cpis_stage.earlier, own])


@then("each of them reads a message of its own")
def messages_are_told_apart(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """No record, unavailable, not verified, denied."""
    people = {
        "no-record": "person",
        "unknown": "person in an outage",
        "unverified": "unverified person",
        "denied": "person behind a closed door",
    }
    cpis_judge("messages-differ", nhs_numbers={status: _number(cpis_stage, who) for status, who in people.items()})


@then(parsers.re(r"no record is shown for the (?P<who>second twin|person)"))
def no_record_for(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """What the clinician reads of that very person."""
    cpis_judge("no-record-shown", nhs_number=_number(cpis_stage, who))


@then("the words say that no record is no evidence of safety")
def no_evidence_of_safety(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """On the screen; where it is silent, the user guide has to say it."""
    cpis_judge("no-record-is-no-safety", nhs_number=_number(cpis_stage, "person"))


@then("the plan of the first twin is shown on the first twin")
def the_first_twins_plan(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """With its dates, authority and telephones."""
    first = cpis_stage.cast["first twin"]
    plans = [{k: v for k, v in p.items() if k != "authority"} for p in expected_plans(cpis_stage, first)]
    cpis_judge("plans-shown", nhs_number=first.nhs_number, plans=plans)


@then("both attendances were completed without waiting for CP-IS")
def attendances_went_on(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The first while the lookup was pending, the second when it was given up."""
    cpis_judge("attendance-goes-on", since=0, nhs_number=_number(cpis_stage, "child"))


@then("the registrations of the child and the woman made queries that are not silent")
def registrations_asked(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Whoever is relevant is asked about when they come."""
    numbers = [_number(cpis_stage, who) for who in ("child", "woman")]
    cpis_judge("registration-asks", since=0, nhs_numbers=numbers)


@then("opening the list made none")
def the_list_asked_nobody(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """None that notifies, that is; judged after the marker person's."""
    numbers = [_number(cpis_stage, who) for who in ("child", "woman", "man")]
    marker = _number(cpis_stage, MARKER)
    cpis_judge("list-notifies-nobody", since=0, nhs_numbers=numbers, marker_number=marker)


@then("nobody is named who is not signed in")
def nobody_is_named(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """No query, or one by a system that names who is responsible for it."""
    marker = _number(cpis_stage, MARKER)
    cpis_judge("asks-with-a-name", nhs_number=_number(cpis_stage, "child"), marker_number=marker)


@then("one query notifies, and names whoever opened the alert")
def the_opening_notifies(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Nothing that came before the opening does."""
    number = _number(cpis_stage, "child")
    cpis_judge("opening-notifies", since=0, nhs_number=number)
    worker, user_id = cpis_stage.accesses[FIRST]["worker"], cpis_stage.seated.user_id
    cpis_judge("opener-is-named", since=0, nhs_number=number, worker=worker, user_id=user_id)


@then("the NHS number is its only key")
def the_number_is_the_only_key(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Neither name nor birth date stands beside it."""
    cpis_judge("number-is-only-key", nhs_number=_number(cpis_stage, "child"))


@then(parsers.re(r"the query of the (?P<setting>NHS 111|ambulance) names place and safeguarding lead as configured"))
def named_as_configured(cpis_stage: Stage, cpis_judge: Judge, setting: str) -> None:
    """The organisation's name and the role's text, unshortened."""
    chosen = care_setting(setting)
    cpis_judge(
        "author-as-configured",
        nhs_number=_number(cpis_stage, "child"),
        organisation=chosen.organisation,
        role=chosen.worker.role_name,
    )


@then("the audit trail tells of each lookup once")
def the_audit_is_complete(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """User, role, organisation, patient, time and outcome."""
    outcomes = {FIRST: ("child", "found", "no"), "second access": ("person", "no-record", "no")}
    outcomes["silent access"] = ("child", "found", "yes")
    entries = []
    for label, (who, outcome, silent) in outcomes.items():
        if label not in cpis_stage.accesses:
            raise HarnessError(f"The scenario has no {label}")
        facts = {k: cpis_stage.accesses[label][k] for k in ("worker", "role", "organisation")}
        entries.append({**facts, "nhs_number": _number(cpis_stage, who), "outcome": outcome, "silent": silent})
    cpis_judge("audit-complete", entries=entries)


@when("an emergency department looks up the child and the person, and general practice the child")
def three_kinds_of_lookups(cpis_stage: Stage) -> None:
    """A found, a not-found and a silent lookup."""
    cpis_stage.look_up(cpis_stage.cast["child"], EMERGENCY, FIRST)
    cpis_stage.look_up(cpis_stage.cast["person"], EMERGENCY, "second access")
    cpis_stage.look_up(cpis_stage.cast["child"], "general practice", "silent access")


@then("the answer is shown as incomplete, or its status as unknown")
def the_gap_is_told(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """It announces more than it holds: there may be a plan that nobody sees."""
    cpis_judge("gap-is-told", nhs_number=_number(cpis_stage, "child"))


@then("neither a plan nor the absence of one is read into the reply")
def nothing_is_guessed(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """A code that nobody knows means nothing that somebody knows."""
    cpis_judge("meaning-not-guessed", nhs_number=_number(cpis_stage, "person"))


@then("each query tells the time that the clock showed")
def times_are_true(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """With an offset, and to the minute."""
    instants = [instant.isoformat() for instant in CLOCK_CHANGES]
    cpis_judge("query-time-is-true", nhs_number=_number(cpis_stage, "child"), instants=instants)


@then("the answer is shown on the child, or its status as unknown")
def the_answer_is_in_place(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """And never as if nothing were held."""
    child = cpis_stage.cast["child"]
    plans = expected_plans(cpis_stage, child)
    cpis_judge("own-answer-shown", nhs_number=child.nhs_number, plans=plans, may_be_unknown=True)


@then("the queries were silent and then not silent")
def silent_and_then_not(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The first of a scheduled setting, the second of an unscheduled one."""
    cpis_judge("flags-in-turn", nhs_number=_number(cpis_stage, "child"), silent=[True, False])
