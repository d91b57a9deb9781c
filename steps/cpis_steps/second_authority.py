"""Steps of a product that serves several authorities: nothing of one reaches another."""

from __future__ import annotations

from pytest_bdd import given, then, when

from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.cast import Person
from cpis_simulator import driving
from cpis_simulator.driving import Nothing
from cpis_simulator.vocabulary import FileCode, PlanType
from cpis_steps.crafting import access, acknowledgement, deliver_accesses, deliver_acknowledgement, open_file
from cpis_steps.file_drop import judge_plan
from cpis_steps.judging import Judge
from cpis_steps.return_message import EMERGENCY, read_events
from cpis_steps.stage import Stage

THEIR_CHILD = "second authority's child"
THEIR_MARKER = "second authority's marker child"
THEIR_FILE = "child with the second authority"


def enter_theirs(stage: Stage, who: str) -> Person:
    """Someone of the second authority, recorded there."""
    person = stage.cast.enter(who)
    person.authority = stage.second.ods_code
    return stage.record(person)


@given("a child of the second authority on a child protection plan")
def their_child(cpis_stage: Stage) -> None:
    """A child with an open plan whom the product holds for its second authority."""
    cpis_stage.open_plan(enter_theirs(cpis_stage, THEIR_CHILD), PlanType.CHILD_PROTECTION)


@given("the second authority knows the child too, and shares no plan")
def they_know_the_child(cpis_stage: Stage) -> None:
    """The product holds the same NHS number for its second authority, with a worker of its own and without a plan."""
    child = cpis_stage.cast["child"]
    copy = cpis_stage.cast.enter(THEIR_FILE)
    copy.authority = cpis_stage.second.ods_code
    copy.given, copy.family, copy.birth_date = child.given, child.family, child.birth_date
    copy.nhs_number = child.nhs_number
    cpis_stage.record(copy)
    cpis_stage.workers[THEIR_FILE] = [f"Worker for {THEIR_FILE}", f"Team for {THEIR_FILE}"]
    worker, team = cpis_stage.workers[THEIR_FILE]
    request = driving.Allocate(child_id=copy.child_id, worker=worker, team=team)
    cpis_stage.authority.ask("allocate", request, Nothing)


@when("the next file of each authority reaches the service")
def each_file_reaches_the_service(cpis_stage: Stage) -> None:
    """Both authorities of the product export, and collect what the service answers."""
    cpis_stage.exchange()
    cpis_stage.exchange(cpis_stage.second)


@when("the service answers the second authority with the id of the authority's file")
def the_other_is_answered(cpis_stage: Stage) -> None:
    """An acknowledgement for the second authority, in its folder, with the sequence id of the first one's file."""
    file, second = open_file(cpis_stage), cpis_stage.second
    reply = acknowledgement(
        cpis_stage,
        file,
        FileCode.ALL_STORED,
        stored=file.quantity,
        failed=0,
        receiver=second.organisation(),
    )
    deliver_acknowledgement(cpis_stage, reply, to=second.ods_code)
    pass_their_marker(cpis_stage)


@when("the service delivers an access to a marker child of the second authority afterwards")
def their_marker_access(cpis_stage: Stage) -> None:
    """The fence for what must not have reached the second authority."""
    pass_their_marker(cpis_stage)


def pass_their_marker(stage: Stage) -> None:
    """Send an access to a child of the second authority through its folder, and wait until it stands on that file."""
    marker = enter_theirs(stage, THEIR_MARKER)
    made = access(
        stage, str(marker.nhs_number), "marker access", author=stage.author(care_setting(EMERGENCY), "marker access")
    )
    recipient = stage.second.organisation()
    deliver_accesses(stage, [made], recipient=recipient, label="marker", to=recipient.ods_code)
    stage.marker_event = made.event_id
    read_events(stage, marker, made.event_id)
    if not stage.authority.offers("collect"):
        stage.rest()


@then("each child's plan is in a file of its own authority exactly once, and in none of the other")
def children_are_kept_apart(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """On the wire: of either authority the file that holds its child does not hold the other's."""
    first, second = cpis_stage.cast["child"], cpis_stage.cast[THEIR_CHILD]
    for own, ods, other in ((first, cpis_stage.ods, second), (second, cpis_stage.second.ods_code, first)):
        judge_plan(cpis_judge, own, own.plans[0], authority=ods)
        cpis_judge("person-in-no-file", authority=ods, marker=own.nhs_number, nhs_number=other.nhs_number)


@then("each acknowledgement is with the authority whose file it answers")
def answers_are_kept_apart(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """In the receiving folder of each, and addressed to it."""
    cpis_judge("acknowledged-where-sent", authorities=[cpis_stage.ods, cpis_stage.second.ods_code])


@then("the access is told to the authority, and not to the second one")
def the_second_is_not_told(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """No notification of it is in the second authority's folder, up to the marker's."""
    child, facts = cpis_stage.cast["child"], cpis_stage.accesses["access"]
    cpis_judge("access-notified", authority=cpis_stage.ods, nhs_number=child.nhs_number, accesses=[facts])
    cpis_judge(
        "access-not-notified",
        authority=cpis_stage.second.ods_code,
        nhs_number=child.nhs_number,
        event_ids=[facts["event_id"]],
        marker_event=cpis_stage.marker_event,
    )


@then("no event is on the child's file with the second authority")
def nothing_on_their_file(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Judged after the marker's stands on its own file."""
    copy = cpis_stage.cast[THEIR_FILE]
    read_events(cpis_stage, copy)
    cpis_judge("event-not-filed", child_id=copy.child_id, marker_event=cpis_stage.marker_event, allowed=[])


@then("nobody of the second authority is alerted")
def nobody_there_is_alerted(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Neither the worker and team of the child there, nor its triage point."""
    request = driving.OfAuthority(authority=cpis_stage.second.ods_code)
    cpis_stage.authority.ask("alerts", request, driving.AlertList)
    point = cpis_stage.triage_point
    recipients = [*cpis_stage.workers[THEIR_FILE], *([point] if point else [])]
    cpis_judge("not-alerted", since=0, recipients=recipients, marker_event=cpis_stage.marker_event)
