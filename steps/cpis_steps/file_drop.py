"""Steps of the file drop: exports, and what stands in the files."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from cpis_fixtures.cast import CastPlan, Person
from cpis_reports.catalogue import tests
from cpis_simulator import driving
from cpis_simulator.driving import Nothing
from cpis_simulator.vocabulary import FileCode, PlanType
from cpis_steps.crafting import acknowledgement, deliver_acknowledgement, open_file
from cpis_steps.judging import Judge
from cpis_steps.people import child_on_plan, key_telephone
from cpis_steps.stage import Stage, read_alerts, read_work_list

SET = "set: "


@given(parsers.re(r"the service has stored the authority's file"))
def the_file_is_stored(cpis_stage: Stage) -> None:
    """The authority exported everything so far, and the service stored all of it."""
    cpis_stage.history("CPF02")


@given(parsers.re(r"the service has answered the authority's next file with (?P<code>CPF0[1345])"))
def the_file_was_answered(cpis_stage: Stage, code: str) -> None:
    """An export that the service answered with that file code; CPF01 is made up, the others follow from the Givens."""
    if code != FileCode.FILE_ERROR:
        cpis_stage.history(code)
        return
    cpis_stage.leave_open()
    file = open_file(cpis_stage, len(cpis_stage.opened))
    reply = acknowledgement(cpis_stage, file, FileCode.FILE_ERROR, stored=0, failed=0)
    deliver_acknowledgement(cpis_stage, reply)
    cpis_stage.service.do("silence", driving.Silence(authority=cpis_stage.ods, silent=False))


@given("PDS is unavailable")
def pds_is_unavailable(cpis_stage: Stage) -> None:
    """The demographic service is off: uploads are answered CPF05."""
    cpis_stage.service.do("set-pds", driving.SetPds(available=False))


@given("PDS is available again")
def pds_is_available(cpis_stage: Stage) -> None:
    """The demographic service is back."""
    cpis_stage.service.do("set-pds", driving.SetPds(available=True))


@when("the authority exports its next file")
def the_authority_exports(cpis_stage: Stage) -> None:
    """The next upload file is made now."""
    cpis_stage.moments["export"] = cpis_stage.lane.since_now()
    cpis_stage.export()


@when("the authority's next file reaches the service")
def the_file_reaches_the_service(cpis_stage: Stage) -> None:
    """The next upload file is made, answered by the service, and the answer collected."""
    cpis_stage.moments["export"] = cpis_stage.lane.since_now()
    cpis_stage.exchange()


@when("the authority exports a marker child afterwards")
def a_marker_is_exported(cpis_stage: Stage) -> None:
    """A later child through the same folder: what did not come before it will not come."""
    child_on_plan(cpis_stage, "marker child")
    cpis_stage.export()


@when("the authority exports again once the number is there")
def the_authority_exports_again(cpis_stage: Stage) -> None:
    """The alerts are read; then the emergency duty number is keyed in, and the export repeated."""
    read_alerts(cpis_stage, lambda alert: alert.kind == "validation")
    cpis_stage.moments["mended"] = cpis_stage.lane.since_now()
    key_telephone(cpis_stage, cpis_stage.own.telephone_emergency.removeprefix("tel:"))
    cpis_stage.export()


@when("the child's family name is corrected in the authority's system")
def a_name_is_corrected(cpis_stage: Stage) -> None:
    """A change that is due to be sent, were there a number to send it under."""
    child = cpis_stage.cast["child"]
    child.family = f"{child.family}-Corrected"
    cpis_stage.change(child, family=child.family)


@when(parsers.re(r"the (?P<who>.+)'s number is corrected and the next file reaches the service"))
def a_number_is_corrected(cpis_stage: Stage, who: str) -> None:
    """The right number is typed in after the failure was shown, and the next file exchanged."""
    cpis_stage.moments["work-list"] = cpis_stage.lane.since_now()
    read_work_list(cpis_stage, cpis_stage.cast[who])
    read_status(cpis_stage, [p for p in cpis_stage.cast.people.values() if p.who != who])
    person = cpis_stage.cast[who]
    cpis_stage.old_numbers[who] = str(person.nhs_number)
    person.nhs_number = cpis_stage.new_numbers[who]
    cpis_stage.change(person, nhs_number=person.nhs_number)
    cpis_stage.moments["export"] = cpis_stage.lane.since_now()
    cpis_stage.exchange()


def read_status(stage: Stage, people: list[Person]) -> None:
    """Read what the product shows of these people, if it shows that."""
    if stage.authority.offers("child-status"):
        for person in people:
            request = driving.ChildReference(child_id=person.child_id)
            stage.read("child-status", request, driving.ChildStatus, until=_is_settled)


def _is_settled(status: driving.ChildStatus) -> bool:
    return status.last_result in ("stored", "failed")


def judge_plan(
    judge: Judge, person: Person, plan: CastPlan, *, since: int | None = None, authority: str | None = None
) -> None:
    """Judge one plan of one person; which requirements that shows depends on what kind of plan it is."""
    name = "plan-in-file-once"
    if plan.plan_type is PlanType.UNBORN:
        name = f"unborn-{name}"
    elif plan.deleted is not None:
        name = f"deleted-{name}"
    judge(
        name,
        since=since,
        authority=authority or judge.stage.ods,
        nhs_number=person.nhs_number,
        plan=plan.expected(),
        known=[[p.plan_type.value, p.start.isoformat()] for p in person.plans],
    )


def judge_person(judge: Judge, person: Person, *, since: int | None = None) -> None:
    """Judge the subject of one person."""
    judge(
        "subject-in-file",
        since=since,
        authority=judge.stage.ods,
        person=person.expected(),
        mother=person.is_mother,
        local_id=person.local_id,
    )


def judge_form(judge: Judge, person: Person) -> None:
    """Judge the file that holds a person by each rule of form that the scenario's catalogue test is about."""
    for rule in tests()[str(judge.stage.test)].judges.get("authority", ()):
        if rule.startswith("CPIS-MSG"):
            name = f"file-obeys-{rule.removeprefix('CPIS-').lower()}"
            judge(name, authority=judge.stage.ods, nhs_number=person.nhs_number)


@then("a valid file with the child is dropped")
def a_valid_file_is_dropped(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """One whole file with its header and the child came through the drop folder."""
    cpis_judge("valid-file-with-child", authority=cpis_stage.ods, nhs_number=cpis_stage.cast["child"].nhs_number)


@then(parsers.re(r"a valid file with (?:the data set|all the children) is dropped"))
def a_valid_file_with_all_is_dropped(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """A whole file with its header holds each of the scenario's people."""
    for person in cpis_stage.cast.people.values():
        cpis_judge("valid-file-with-child", authority=cpis_stage.ods, nhs_number=person.nhs_number)


@then(parsers.re(r"the (?P<who>(?!both|each|every)[a-z ]+)'s (?P<which>|new )plan is in the file exactly once"))
def the_plan_is_in_the_file(cpis_stage: Stage, cpis_judge: Judge, who: str, which: str) -> None:
    """The plan stands once under the person's number, with type and dates as the social worker keyed them."""
    person = cpis_stage.cast[who]
    judge_plan(cpis_judge, person, person.plans[-1 if which else 0])


@then(parsers.re(r"the (?P<who>.+)'s plan is in the new file(?P<renewed>| under the new number) exactly once"))
def the_plan_is_in_the_new_file(cpis_stage: Stage, cpis_judge: Judge, who: str, renewed: str) -> None:
    """The same, looking only at files since the last export."""
    person = cpis_stage.cast[who]
    judge_plan(cpis_judge, person, person.plans[0], since=cpis_stage.moments["export"])


@then(parsers.re(r"(?:both|all) plans of the (?P<who>.+) are in the file"))
def all_plans_are_in_the_file(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """Each plan stands once, in one record or in several."""
    person = cpis_stage.cast[who]
    for plan in person.plans:
        judge_plan(cpis_judge, person, plan)


@then(parsers.re(r"(?:each twin's|each child's|every) plan(?: of the data set)? is in the (?:new )?file exactly once"))
def every_plan_is_in_the_file(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Each plan of each person of the scenario stands once."""
    since = cpis_stage.moments["export"]
    for person in cpis_stage.cast.people.values():
        for plan in person.plans:
            judge_plan(cpis_judge, person, plan, since=since)


@then(parsers.re(r"the (?P<who>.+) stands with (?:its|her) own name(?:, birth date and local id| and birth date)"))
def the_person_stands_in_the_file(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """The number stands with this person's details and nobody else's."""
    judge_person(cpis_judge, cpis_stage.cast[f"{SET}mother" if who == "data set's mother" else who])


@then(parsers.re(r"(?:each twin|every person of the data set) stands with (?:its own )?name, birth date and local id"))
def all_people_stand_in_the_file(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Each number stands with its own person's details."""
    for person in cpis_stage.cast.people.values():
        judge_person(cpis_judge, person)


@then(parsers.re(r"the mother's plan is in the file, ended or deleted"))
def the_mothers_plan_has_ended(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """After the birth the unborn child's plan must not go on."""
    mother = cpis_stage.cast["mother"]
    judge_plan(cpis_judge, mother, mother.plans[0])


@then("the child is in no file")
def the_child_is_in_no_file(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Neither number nor name is in any file up to the one that holds the marker child."""
    child = cpis_stage.cast["child"]
    cpis_judge(
        "person-in-no-file",
        authority=cpis_stage.ods,
        marker=cpis_stage.cast["marker child"].nhs_number,
        nhs_number=child.nhs_number,
        names=[child.given, child.family],
    )


@then("the child is on the list of those held back")
def the_child_is_held_back(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Listed with a reason, so that somebody traces the number; whoever was sent is not."""
    cpis_stage.authority.ask("held-back", Nothing(), driving.HeldBackList)
    people = cpis_stage.cast.people.values()
    cpis_judge(
        "held-back-shown",
        child_id=cpis_stage.cast["child"].child_id,
        others=[p.child_id for p in people if p.who != "child"],
    )


@then(parsers.re(r"(?:the old numbers? (?:is|are) in no new file|none of the three old numbers is in a new file)"))
def old_numbers_are_in_no_file(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """No file since the last export holds a number that was replaced or retired; another child is the marker."""
    old = cpis_stage.old_numbers
    marker = next(
        cpis_stage.cast[who]
        for who in ("marker child", "child", "mother")
        if who in cpis_stage.cast.people and cpis_stage.cast[who].nhs_number not in old.values()
    )
    for number in old.values():
        cpis_judge(
            "person-in-no-file",
            since=cpis_stage.moments["export"],
            authority=cpis_stage.ods,
            marker=marker.nhs_number,
            nhs_number=number,
        )


@then("the declared quantity is the number of records in the file")
def the_quantity_is_right(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The header's quantity equals the records that follow."""
    cpis_judge("quantity-is-right", authority=cpis_stage.ods, nhs_number=cpis_stage.cast["child"].nhs_number)


@then("the file's header holds the emergency duty number once")
def the_header_holds_the_number(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """One EC telephone, `tel:` and the digits that were keyed."""
    cpis_judge(
        "telephone-in-header",
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.cast["child"].nhs_number,
        telephone=cpis_stage.telephone,
        name=cpis_stage.own.name,
        office=cpis_stage.own.telephone_office,
    )


@then("no file is dropped before the number is there")
def nothing_is_dropped(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Validation stops the export; the file that comes after the mending is the fence."""
    marker = cpis_stage.cast["child"].nhs_number
    cpis_judge("nothing-dropped-until-mended", authority=cpis_stage.ods, marker=marker)


@then(parsers.re(r"a validation alert names the (?P<what>child|emergency duty number)"))
def a_validation_alert_stands(cpis_stage: Stage, cpis_judge: Judge, what: str) -> None:
    """Somebody is told what was not sent and why."""
    if what == "child":
        child_id = cpis_stage.cast["child"].child_id
        read_alerts(cpis_stage, lambda alert: alert.kind == "validation" and alert.child_id == child_id)
        others = [p.child_id for p in cpis_stage.cast.people.values() if p.who != "child"]
        cpis_judge("alert-shown", kinds=["validation"], child_id=child_id, others=others)
    else:
        words, mended = ["emergency", "telephone", "edt"], cpis_stage.moments["mended"]
        cpis_judge("alert-shown", since=0, until=mended, kinds=["validation"], words=words, news=True)


@then("the sequence ids of the three files rise")
def the_ids_rise(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Each id is greater than those before it, also than that of a failed file."""
    number = cpis_stage.cast["third child"].nhs_number
    cpis_judge("file-ids-rise", since=0, authority=cpis_stage.ods, nhs_number=number, at_least=3)


@then("no file without records is dropped")
def no_empty_file_is_dropped(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Nothing, or a full file, but never a file of zero records."""
    cpis_judge("no-empty-file", authority=cpis_stage.ods, marker=cpis_stage.cast["marker child"].nhs_number)


@then("none of the marker words is in the file")
def no_narrative_in_the_file(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """CP-IS carries status only."""
    words = ["QUOKKAMARK", "PLATYMARK", "WOMBAMARK"]
    number = cpis_stage.cast["child"].nhs_number
    cpis_judge("no-words-in-file", authority=cpis_stage.ods, nhs_number=number, words=words)


@then("every plan date has twelve digits")
def dates_have_form(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """yyyymmddhhmm, without seconds or offset."""
    numbers = [p.nhs_number for p in cpis_stage.cast.people.values()]
    cpis_judge("dates-have-form", authority=cpis_stage.ods, numbers=numbers)


@then("the file's creation time is the true instant")
def the_creation_time_is_true(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """With an offset, and within five minutes of the product's clock."""
    number = cpis_stage.cast["child"].nhs_number
    # From the start of the scenario, because that is where the product's clock was set.
    cpis_judge("creation-time-is-true", since=0, authority=cpis_stage.ods, nhs_number=number)


@then("the file obeys the rules of this test")
def the_file_obeys(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """No finding on the rules that the scenario's catalogue test judges for an authority."""
    judge_form(cpis_judge, cpis_stage.cast[f"{SET}open"])
