"""Steps of lookups: who asks, what is answered, what is shown."""

from __future__ import annotations

import os
from datetime import timedelta

from pytest_bdd import given, parsers, then, when

from cpis_fixtures.cast import CastPlan, Person
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.errors import HarnessError
from cpis_simulator.model import LocalId, PlanRecord, ProtectionPlan, Subject, SubjectKind, Upload
from cpis_simulator.vocabulary import PlanType
from cpis_steps.crafting import midnight
from cpis_steps.judging import Judge
from cpis_steps.stage import SERVICE_S, Stage

FIRST = "access"


@given("a child who is looked after by one authority and on a child protection plan of another")
def a_child_of_two_authorities(cpis_stage: Stage) -> None:
    """The authority under test has stored a looked-after child; another, played by us, a child protection plan."""
    child = cpis_stage.record(cpis_stage.cast.enter("child"))
    cpis_stage.open_plan(child, PlanType.LOOKED_AFTER, section="20")
    cpis_stage.history("CPF02")
    other = cpis_stage.stranger
    plan = CastPlan(PlanType.CHILD_PROTECTION, cpis_stage.today - timedelta(days=12))
    upload_for(cpis_stage, other, child, plan)
    cpis_stage.elsewhere.append((other, plan))


def upload_for(stage: Stage, authority: RegisteredAuthority, child: Person, plan: CastPlan) -> None:
    """Drop an upload file for an authority that the harness plays, and wait until it is stored."""
    assert child.nhs_number is not None
    local = LocalId(f"{authority.ods_code}-1", f"{authority.ods_code}:{authority.name}")
    kind = SubjectKind.MOTHER if plan.plan_type is PlanType.UNBORN else SubjectKind.CHILD
    subject = Subject(kind, child.nhs_number, child.birth_date, child.given, child.family, local)
    end = midnight(plan.end) if plan.end else None
    record = PlanRecord((ProtectionPlan(plan.plan_type, midnight(plan.start), end),), (subject,))
    # A number that no earlier file of that authority can have had, also where the world is not reset.
    file_id = str(stage.lane.since_now())
    upload = Upload(stage.instant(), file_id, 1, authority.organisation(), (record,))
    folder = stage.lane.drop / authority.ods_code
    half = stage.lane.folder / f"{authority.ods_code}_{file_id}.part"
    half.write_bytes(encode_upload(upload))
    since = stage.lane.since_now()
    os.replace(half, folder / "upload" / f"{authority.ods_code}_{file_id}.xml")
    if not stage.wait_for_response("acknowledgement", since=since, authority=authority.ods_code):
        raise HarnessError(
            "The file of the authority that the harness plays was not answered",
            expected=f"an acknowledgement for {authority.ods_code} within {SERVICE_S:g} s",
            found="; ".join(stage.service.problems()) or "none",
        )


@when(parsers.re(r"(?P<setting>.+) looks the (?P<who>child|mother|person|girl|baby) up"))
def a_setting_looks_up(cpis_stage: Stage, setting: str, who: str) -> None:
    """A care setting asks about the person, and waits for the answer."""
    cpis_stage.look_up(cpis_stage.cast[who], setting, FIRST)


@when(parsers.re(r"(?P<setting>.+) looks the (?P<who>child) up afterwards"))
def a_marker_lookup(cpis_stage: Stage, setting: str, who: str) -> None:
    """A later access that is notified: the fence for one that must not be."""
    facts = cpis_stage.look_up(cpis_stage.cast[who], setting, "marker access")
    cpis_stage.marker_event = facts["event_id"]


def expected_plans(stage: Stage, person: Person) -> list[dict[str, object]]:
    """What must be held of a person: withdrawn entries are not."""
    own = stage.lane.plan.config.authorities()[0]
    pairs = [(own, plan) for plan in person.plans] + [e for e in stage.elsewhere if person.who == "child"]
    return [
        {
            "authority": authority.ods_code,
            "name": authority.name,
            "telephone_office": authority.telephone_office,
            "telephone_emergency": authority.telephone_emergency,
            "plan_type": plan.plan_type.value,
            "start": plan.start.isoformat(),
            "end": plan.end.isoformat() if plan.end else None,
            "about": "unborn child" if plan.plan_type is PlanType.UNBORN else "child",
        }
        for authority, plan in pairs
        if plan.deleted is None
    ]


@then(parsers.re(r"a lookup of the (?P<who>.+) returns (?:the plan|both plans)"))
def a_lookup_returns(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """An emergency department asks, and gets exactly the plans of the scenario."""
    person = cpis_stage.cast[who]
    cpis_stage.look_up(person, "emergency department", f"lookup of {who}")
    judge_answer(cpis_stage, cpis_judge, person, 1)


@then(parsers.re(r"a lookup of the (?P<who>.+) finds no record"))
def a_lookup_finds_nothing(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """An emergency department asks, and the service holds nothing."""
    person = cpis_stage.cast[who]
    cpis_stage.look_up(person, "emergency department", f"lookup of {who}")
    cpis_judge("no-record-answered", nhs_number=person.nhs_number)


@then(parsers.re(r"the answers? holds? (?:the (?P<who>.+)'s plan|both plans)"))
def the_answer_holds(cpis_stage: Stage, cpis_judge: Judge, who: str | None) -> None:
    """Every answer so far holds exactly the scenario's plans of the person."""
    person = cpis_stage.cast[who or "child"]
    made = sum(1 for label in cpis_stage.accesses if not label.startswith("lookup of"))
    judge_answer(cpis_stage, cpis_judge, person, made)


def judge_answer(stage: Stage, judge: Judge, person: Person, made: int) -> None:
    """Judge the answers to the lookups of a person."""
    plans = [{k: p[k] for k in ("authority", "plan_type", "start", "end")} for p in expected_plans(stage, person)]
    judge("answer-holds", nhs_number=person.nhs_number, plans=plans, lookups_made=made)


@then("the lookup is answered with no record")
def answered_with_no_record(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """A failed query that says "No Records Found"."""
    cpis_judge("no-record-answered", nhs_number=cpis_stage.cast["person"].nhs_number)


@then("the query asks for the number with a complete author")
def the_query_is_complete(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """One number, an event id, a time, and one author with all that is asked of it."""
    cpis_judge("query-is-complete", nhs_number=cpis_stage.cast["child"].nhs_number)


@then(
    parsers.re(
        r"(?:the|the (?P<who>mother)'s|both) plans? (?:is|are) shown"
        r" with (?:its authority|their authorities) and (?:both )?telephones"
    )
)
def plans_are_shown(cpis_stage: Stage, cpis_judge: Judge, who: str | None) -> None:
    """What the clinician reads: type, dates, authority, office and emergency duty number."""
    person = cpis_stage.cast[who or "child"]
    plans = [{k: v for k, v in p.items() if k != "authority"} for p in expected_plans(cpis_stage, person)]
    cpis_judge("plans-shown", nhs_number=person.nhs_number, plans=plans)
    cpis_judge("telephones-shown", nhs_number=person.nhs_number, plans=plans)


@then(parsers.re(r"the lookup went out as (?P<kind>an unscheduled|a silent) one"))
def the_flag_fits(cpis_stage: Stage, cpis_judge: Judge, kind: str) -> None:
    """accessEventType: false for scheduled settings, true or absent for others."""
    cpis_judge(
        "flag-fits-setting",
        nhs_number=cpis_stage.cast["child"].nhs_number,
        silent=kind == "a silent",
        event_ids=[cpis_stage.accesses[FIRST]["event_id"]],
    )


@then(parsers.re(r"no notification tells of the (?P<what>silent read|person)"))
def nothing_is_notified(cpis_stage: Stage, cpis_judge: Judge, what: str) -> None:
    """Judged after the marker access was notified."""
    person = cpis_stage.cast["person" if what == "person" else "child"]
    cpis_judge(
        "access-not-notified",
        authority=cpis_stage.ods,
        nhs_number=person.nhs_number,
        event_ids=[cpis_stage.accesses[FIRST]["event_id"]],
        marker_event=cpis_stage.marker_event,
    )


@then("each authority is sent one notification of the access")
def each_authority_is_notified(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Whoever holds an entry is told, each in a file of its own."""
    number = cpis_stage.cast["child"].nhs_number
    for authority in (cpis_stage.ods, *(a.ods_code for a, _ in cpis_stage.elsewhere)):
        cpis_judge("access-notified", authority=authority, nhs_number=number, accesses=[cpis_stage.accesses[FIRST]])
