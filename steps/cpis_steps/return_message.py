"""Steps of the return messages: accesses and inactive numbers, and what the authority makes of them."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.cast import Person
from cpis_simulator import driving
from cpis_simulator.driving import Nothing
from cpis_simulator.errors import NotOffered
from cpis_steps.crafting import access, deliver_accesses, deliver_inactive, noted, other_authority
from cpis_steps.judging import Judge
from cpis_steps.people import child_on_plan
from cpis_steps.stage import AccessFacts, Stage, read_alerts

EMERGENCY = "emergency department"
ORDER = ("child", "second child", "third child")


def pass_marker(stage: Stage) -> None:
    """Send an access to a marker child through the same folder, and wait until it stands on that child's file.

    What the authority had to do with earlier messages it has done by then; only so can an absence be judged.
    """
    marker = stage.cast.people.get("marker child") or child_on_plan(stage, "marker child")
    author = stage.author(care_setting(EMERGENCY), "marker access")
    made = access(stage, str(marker.nhs_number), "marker access", author=author)
    deliver_accesses(stage, [made], label="marker")
    stage.marker_event = made.event_id
    read_events(stage, marker, made.event_id)
    if not stage.authority.offers("collect"):
        stage.rest()


def read_events(stage: Stage, person: Person, event_id: str | None = None) -> None:
    """Read a child's file, until the event is on it where one is named."""
    request = driving.ChildReference(child_id=person.child_id)
    stage.read(
        "case-events",
        request,
        driving.CaseEvents,
        until=lambda e: event_id is None or any(i.event_id == event_id for i in e.items),
    )


def deliver_access(
    stage: Stage, person: Person, label: str = "access", *, author: driving.CareAuthor | None = None
) -> None:
    """Deliver one access to someone of the scenario, as the service would."""
    who = author or stage.author(care_setting(EMERGENCY), label)
    made = access(stage, str(person.nhs_number), label, author=who, local_id=person.local_id)
    deliver_accesses(stage, [made], label=label)


@when("the service delivers an access to a marker child afterwards")
def a_marker_access(cpis_stage: Stage) -> None:
    """The fence for what must not have happened."""
    pass_marker(cpis_stage)


@given("the service holds its notifications back")
def notifications_are_held(cpis_stage: Stage) -> None:
    """Accesses wait, so that they go out as one file."""
    cpis_stage.service.do("hold-notifications", driving.HoldNotifications(held=True))
    cpis_stage.held = True


@given("each of the three children was looked up by an emergency department")
def three_children_were_looked_up(cpis_stage: Stage) -> None:
    """One access to each."""
    for who in ORDER:
        cpis_stage.look_up(cpis_stage.cast[who], EMERGENCY, f"access to {who}")


@given("the child was looked up by an emergency department, an ambulance and a maternity unit")
def one_child_was_looked_up_thrice(cpis_stage: Stage) -> None:
    """Three accesses by three authors at three times."""
    for setting in (EMERGENCY, "ambulance", "maternity unit"):
        cpis_stage.look_up(cpis_stage.cast["child"], setting, f"access by {setting}")


@when("the service delivers the notifications that wait")
def notifications_are_flushed(cpis_stage: Stage) -> None:
    """All accesses that wait go out, one file for the authority."""
    since = cpis_stage.lane.since_now()
    cpis_stage.service.ask("flush-notifications", Nothing(), driving.Flushed)
    cpis_stage.wait_for_response("access-notification", since=since)
    cpis_stage.authority.collect()


@given("an access to the child has been filed")
def an_access_was_filed(cpis_stage: Stage) -> None:
    """History: the event stands on the child's file."""
    child = cpis_stage.cast["child"]
    deliver_access(cpis_stage, child)
    read_events(cpis_stage, child, cpis_stage.accesses["access"]["event_id"])


@when(parsers.re(r"the service delivers an access to the (?P<who>mother|child|first twin|second twin)"))
def an_access_is_delivered(cpis_stage: Stage, who: str) -> None:
    """One access by an emergency department, as the service would send it."""
    # Where nobody is named, an access is to whoever was brought in first.
    label = "access" if who == next(iter(cpis_stage.cast.people)) else f"access to {who}"
    deliver_access(cpis_stage, cpis_stage.cast[who], label)


@when("the service delivers an access to the child and one to the second child")
def two_accesses_are_delivered(cpis_stage: Stage) -> None:
    """Two files, one for each child."""
    deliver_access(cpis_stage, cpis_stage.cast["child"])
    deliver_access(cpis_stage, cpis_stage.cast["second child"], "access to second child")


@when("the service delivers the same event again")
def the_event_is_repeated(cpis_stage: Stage) -> None:
    """A second notification with the same event id."""
    facts, child = cpis_stage.accesses["access"], cpis_stage.cast["child"]
    author = cpis_stage.author(care_setting(EMERGENCY), "access")
    at = cpis_stage.instant().fromisoformat(facts["accessed"])
    again = noted(facts, at, str(child.nhs_number), author, cpis_stage, child.local_id)
    deliver_accesses(cpis_stage, [again], label="again")


@when("the service delivers a notification with total 0")
def an_empty_notification(cpis_stage: Stage) -> None:
    """Legal, and about nobody."""
    deliver_accesses(cpis_stage, [], label="empty")


@when("the service delivers an access to the child by a worker with a long accented name")
def an_accented_author(cpis_stage: Stage) -> None:
    """Names are kept letter for letter."""
    author = cpis_stage.author(care_setting(EMERGENCY), "access").model_copy(
        update={"given": ["Zoë", "Siân-Éloïse", "Máire"], "family": "O'Brádaigh-Featherstonehaugh-Żółkiewska"}
    )
    deliver_access(cpis_stage, cpis_stage.cast["child"], author=author)


@when("the service delivers an access to the child by a system whose role text holds a lead's name and phone")
def a_device_author(cpis_stage: Stage) -> None:
    """A 111-style author: the system, and the lead to call."""
    role = "Safeguarding Lead: Dr Romeo Testlead, call 01632 960123 or the hub at 01632 960124, day and night"
    author = cpis_stage.author(care_setting("NHS 111"), "access").model_copy(update={"role_name": role})
    deliver_access(cpis_stage, cpis_stage.cast["child"], author=author)


@when("the service delivers a notification with too high a total and an access to each of the two children")
def a_wrong_total(cpis_stage: Stage) -> None:
    """Many are announced, two are there; the total is drawn, so that whoever names it has read the message."""
    made = [
        access(
            cpis_stage,
            str(cpis_stage.cast[who].nhs_number),
            f"access to {who}",
            author=cpis_stage.author(care_setting(EMERGENCY), who),
        )
        for who in ORDER[:2]
    ]
    deliver_accesses(cpis_stage, made, total=cpis_stage.rng("total").randrange(11, 98))


@when("the service delivers an access to a number that the authority does not hold")
def an_unknown_number(cpis_stage: Stage) -> None:
    """Somebody of whom the authority knows nothing."""
    stranger = cpis_stage.cast.enter("stranger")
    author = cpis_stage.author(care_setting(EMERGENCY), "access")
    deliver_accesses(cpis_stage, [access(cpis_stage, str(stranger.nhs_number), "access", author=author)])


@when("the service delivers an access to the child with number and local id, and one with the number alone")
def with_and_without_local_id(cpis_stage: Stage) -> None:
    """The local id is optional; both are the same child."""
    child = cpis_stage.cast["child"]
    deliver_access(cpis_stage, child, "access with local id")
    author = cpis_stage.author(care_setting("walk-in centre"), "access without local id")
    made = access(cpis_stage, str(child.nhs_number), "access without local id", author=author)
    deliver_accesses(cpis_stage, [made], label="without local id")


@when("the service delivers an access to the child that is addressed to another authority")
def a_misdirected_notification(cpis_stage: Stage) -> None:
    """The child is ours, the recipient is not."""
    author = cpis_stage.author(care_setting(EMERGENCY), "access")
    made = access(cpis_stage, str(cpis_stage.cast["child"].nhs_number), "access", author=author)
    deliver_accesses(cpis_stage, [made], recipient=other_authority(cpis_stage))


@when("the service delivers an access with the child's number and the second child's local id")
def identifiers_disagree(cpis_stage: Stage) -> None:
    """Two identifiers of two children."""
    author = cpis_stage.author(care_setting(EMERGENCY), "access")
    child, second = cpis_stage.cast["child"], cpis_stage.cast["second child"]
    made = access(cpis_stage, str(child.nhs_number), "access", author=author, local_id=second.local_id)
    deliver_accesses(cpis_stage, [made])


@when("the social worker opens the child's file")
def the_file_is_opened(cpis_stage: Stage) -> None:
    """As a person would, to see who looked."""
    read_events(cpis_stage, cpis_stage.cast["child"])


@given(parsers.re(r"PDS has (?P<act>retired) the (?P<who>.+)'s number and the service has told the authority"))
def a_number_was_retired(cpis_stage: Stage, act: str, who: str) -> None:
    """History: the number is inactive, without a successor, and the exception list was read."""
    retire(cpis_stage, [who], [])
    number = cpis_stage.old_numbers[who]
    cpis_stage.read(
        "exceptions", Nothing(), driving.ExceptionList, until=lambda e: any(i.nhs_number == number for i in e.items)
    )


@when(parsers.re(r"PDS replaces the (?P<who>[a-z ]+)'s number and the service tells the authority"))
def a_number_is_replaced(cpis_stage: Stage, who: str) -> None:
    """The number has a successor, which the service names."""
    retire(cpis_stage, [], [who])


@when(parsers.re(r"PDS retires the (?P<who>[a-z ]+)'s number and the service tells the authority"))
def a_number_is_retired(cpis_stage: Stage, who: str) -> None:
    """The number has no successor that may be told."""
    retire(cpis_stage, [who], [])


@when("PDS retires the numbers of the child and the second child and the service tells the authority")
def two_numbers_are_retired(cpis_stage: Stage) -> None:
    """Two persons in one message."""
    retire(cpis_stage, list(ORDER[:2]), [])


@when("PDS retires the numbers of the three children and the service tells the authority")
def three_numbers_are_retired(cpis_stage: Stage) -> None:
    """Three persons in one message."""
    retire(cpis_stage, list(ORDER), [])


@when("PDS replaces the child's number, retires the second child's and the service tells the authority")
def numbers_are_replaced_and_retired(cpis_stage: Stage) -> None:
    """One with a successor, one without."""
    retire(cpis_stage, ["second child"], ["child"])


def retire(stage: Stage, retired: list[str], replaced: list[str]) -> None:
    """Have PDS retire numbers; the people of replaced ones have their new number from here on."""
    numbers = []
    for who in [*replaced, *retired]:
        person = stage.cast[who]
        old = str(person.nhs_number)
        stage.old_numbers[who] = old
        new = None
        if who in replaced:
            new = stage.cast.number()
            person.nhs_number = new
            stage.put_on_pds(person)
            stage.new_numbers[who] = new
        numbers.append(driving.RetiredNumber(nhs_number=old, replaced_by=new))
    since = stage.lane.since_now()
    stage.service.do("retire-numbers", driving.RetireNumbers(numbers=numbers))
    stage.wait_for_response("inactive-notification", since=since)
    stage.collect()


@when("the service delivers an inactive number that the authority does not hold")
def an_unknown_inactive_number(cpis_stage: Stage) -> None:
    """Nobody of this authority has it."""
    stranger = cpis_stage.cast.enter("stranger")
    deliver_inactive(cpis_stage, str(stranger.nhs_number))
    cpis_stage.collect()


@then(parsers.re(r"the authority is sent one notification of the (?:access|three accesses)"))
def the_authority_is_notified(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """One notification tells of each access, to this authority."""
    accesses = _own(cpis_stage)
    for who, facts in accesses:
        cpis_judge(
            "access-notified",
            authority=cpis_stage.ods,
            nhs_number=who.nhs_number,
            accesses=[facts],
            since=0,
        )


def _own(stage: Stage) -> list[tuple[Person, AccessFacts]]:
    """The scenario's accesses with the person each was to, markers left out."""
    found = []
    for label, facts in stage.accesses.items():
        if label == "marker access" or label.startswith("lookup of"):
            continue
        who = label.removeprefix("access to ")
        person = stage.cast.people.get(who) or next(
            p for p in stage.cast.people.values() if p.who not in ("marker child", "stranger")
        )
        found.append((person, facts))
    return found


@then(
    parsers.re(
        r"(?:the access is|each access is|both accesses are|the three accesses are) on (?:the |its own )[a-z ]+'s file"
        r" once(?: each)?, with who, where and when"
    )
)
def accesses_are_filed(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """One event for each access, on the file of the person it was to, with the facts of the lookup."""
    for person, facts in _own(cpis_stage):
        read_events(cpis_stage, person, facts["event_id"])
        cpis_judge("event-filed-once", since=0, authority=cpis_stage.ods, child_id=person.child_id, access=facts)


@then(parsers.re(r"no (?:other )?event is on the (?P<who>[a-z ]+)'s file"))
def no_event_is_filed(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """None but the marker's; judged after that stands on its own file."""
    person = cpis_stage.cast[who]
    read_events(cpis_stage, person)
    cpis_judge("event-not-filed", child_id=person.child_id, marker_event=cpis_stage.marker_event, allowed=[])


@then(parsers.re(r"the access is on the exception list(?P<full>| with all its content)"))
def the_access_is_an_exception(cpis_stage: Stage, cpis_judge: Judge, full: str) -> None:
    """Kept and flagged, with the event's id; with all its content also who, where and when."""
    cpis_stage.authority.ask("exceptions", Nothing(), driving.ExceptionList)
    facts = cpis_stage.accesses["access"]
    wanted = ("event_id", "worker", "organisation", "accessed") if full else ("event_id",)
    cpis_judge(
        "exception-shown",
        authority=cpis_stage.ods,
        kind="access-notification",
        facts={k: facts[k] for k in wanted},
        delivered="access-notification",
    )


@then("the contradiction is shown")
def the_contradiction_is_shown(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """As an exception or an alert."""
    cpis_stage.authority.ask("exceptions", Nothing(), driving.ExceptionList)
    cpis_stage.authority.ask("alerts", Nothing(), driving.AlertList)
    events = [facts["event_id"] for _, facts in _own(cpis_stage)]
    cpis_judge("contradiction-shown", since=0, authority=cpis_stage.ods, event_ids=events)


@then(parsers.re(r"the (?P<who>.+)'s worker or team has one alert of the access"))
def the_team_is_alerted(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """Whoever is responsible at that moment."""
    judge_alert(cpis_stage, cpis_judge, who, "access", cpis_stage.workers[who])


@then(parsers.re(r"the triage point has one alert of the access to the (?P<who>.+)"))
def the_triage_point_is_alerted(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """Where nobody is responsible, or the case is closed."""
    label = "access" if who == "child" else f"access to {who}"
    if (point := cpis_stage.triage_point) is None:
        raise NotOffered("neither `version` nor [[authority]] names the triage point, which gets alerts of such cases")
    judge_alert(cpis_stage, cpis_judge, who, label, [point])


def judge_alert(stage: Stage, judge: Judge, who: str, label: str, recipients: list[str]) -> None:
    """Judge that one alert of the access stands with one of these."""
    facts = stage.accesses[label]
    read_alerts(stage, lambda alert: alert.event_id == facts["event_id"])
    judge(
        "alerted",
        authority=stage.ods,
        child_id=stage.cast[who].child_id,
        access=facts,
        recipients=recipients,
    )


@then(parsers.re(r"the (?P<who>.+)'s (?P<which>worker and team|previous worker) ha(?:ve|s) none"))
def others_are_not_alerted(cpis_stage: Stage, cpis_judge: Judge, who: str, which: str) -> None:
    """Nobody is alerted who is not responsible."""
    recipients = cpis_stage.workers[who]
    if which == "previous worker":
        recipients = [f"Worker for {who}", f"Team for {who}"]
    cpis_stage.authority.ask("alerts", Nothing(), driving.AlertList)
    cpis_judge("not-alerted", since=0, recipients=recipients, marker_event=cpis_stage.marker_event)


@then(parsers.re(r"the service has told the authority of (?:the inactive numbers?|both numbers)"))
def the_service_has_told(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """One notification with each old number, its replacement if any, and the upload file."""
    old = cpis_stage.old_numbers
    cpis_judge(
        "inactive-number-notified",
        since=0,
        authority=cpis_stage.ods,
        numbers={number: cpis_stage.new_numbers.get(who) for who, number in old.items()},
        file_with_number=next(iter(old.values())),
    )


@then("an alert about the inactive number stands with somebody")
def an_inactive_alert_stands(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Receipt raises an alert to a configured recipient."""
    child_id = cpis_stage.cast["child"].child_id
    read_alerts(cpis_stage, lambda alert: alert.kind == "inactive-number" and alert.child_id == child_id)
    number = cpis_stage.old_numbers["child"]
    others = [p.child_id for p in cpis_stage.cast.people.values() if p.who not in cpis_stage.old_numbers]
    cpis_judge(
        "alert-shown",
        since=0,
        kinds=["inactive-number"],
        child_id=child_id,
        inactive_number=number,
        others=others,
    )


@then(parsers.re(r"an exception about the (?P<who>.+)'s number is open"))
def an_exception_is_open(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """The problem stays visible until a new number is entered."""
    judge_inactive_exception(cpis_stage, cpis_judge, cpis_stage.old_numbers[who])


@then("the inactive number is on the exception list")
def the_number_is_an_exception(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Kept and flagged, because it is nobody's."""
    judge_inactive_exception(cpis_stage, cpis_judge, str(cpis_stage.cast["stranger"].nhs_number))


def judge_inactive_exception(stage: Stage, judge: Judge, number: str) -> None:
    """Judge that an open exception names the number."""
    stage.authority.ask("exceptions", Nothing(), driving.ExceptionList)
    inactive = {number, *stage.old_numbers.values()}
    in_use = [p.nhs_number for p in stage.cast.people.values() if p.nhs_number and p.nhs_number not in inactive]
    judge(
        "exception-shown",
        since=0,
        authority=stage.ods,
        kind="inactive-number",
        facts={"nhs_number": number},
        delivered="inactive-notification",
        not_about=in_use,
    )


@then(parsers.re(r"no exception about the (?P<who>.+)'s number is open"))
def no_exception_is_open(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """Nothing is left to do."""
    cpis_stage.authority.ask("exceptions", Nothing(), driving.ExceptionList)
    cpis_judge(
        "exception-closed",
        since=0,
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.old_numbers[who],
        child_id=cpis_stage.cast[who].child_id,
        fence=next((number for other, number in cpis_stage.old_numbers.items() if other != who), None),
    )
