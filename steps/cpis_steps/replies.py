"""Steps of acknowledgements: what the service answers, and what the authority makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from pytest_bdd import given, parsers, then, when

from cpis_simulator import driving
from cpis_simulator.driving import Nothing
from cpis_simulator.errors import NotOffered
from cpis_simulator.vocabulary import FileCode, RecordCode
from cpis_steps.crafting import (
    LOCATION,
    acknowledgement,
    deliver_acknowledgement,
    detail,
    open_file,
    other_authority,
    record_of,
    refusal,
)
from cpis_steps.file_drop import read_status
from cpis_steps.judging import Judge
from cpis_steps.return_message import pass_marker
from cpis_steps.stage import Stage, read_alerts, read_work_list

UNSENT: Final = 7_000_000
"""Added to the id of a file it gives one far beyond those that were sent."""


@given(parsers.re(r"the authority's (?P<which>|second )file is open"))
def a_file_is_open(cpis_stage: Stage, which: str) -> None:
    """The authority exported a file, and the service has not answered it."""
    cpis_stage.leave_open()


@when(parsers.re(r"the service answers the file with CPF01"))
def the_service_answers_cpf01(cpis_stage: Stage) -> None:
    """A file-level error that names the file; afterwards the service answers as usual."""
    reply = acknowledgement(cpis_stage, open_file(cpis_stage), FileCode.FILE_ERROR, stored=0, failed=0)
    deliver_acknowledgement(cpis_stage, reply)
    read_files(cpis_stage)
    cpis_stage.service.do("silence", driving.Silence(authority=cpis_stage.ods, silent=False))


@when("the service answers CPF01 with id -1")
def the_service_answers_without_id(cpis_stage: Stage) -> None:
    """A file-level error of a file whose id could not be read."""
    file = open_file(cpis_stage)
    reply = acknowledgement(cpis_stage, file, FileCode.FILE_ERROR, stored=0, failed=0, file_id="-1", quantity=-1)
    deliver_acknowledgement(cpis_stage, reply)
    pass_marker(cpis_stage)


@when("the service answers the second file, then the first")
def the_service_answers_out_of_order(cpis_stage: Stage) -> None:
    """The second file is stored whole; of the first, the child is not."""
    first, second = open_file(cpis_stage, 1), open_file(cpis_stage, 2)
    stored = acknowledgement(cpis_stage, second, FileCode.ALL_STORED, stored=second.quantity, failed=0)
    deliver_acknowledgement(cpis_stage, stored)
    refused = refusal(cpis_stage, first, record_of(first, cpis_stage.cast["child"]), RecordCode.NO_MATCH)
    deliver_acknowledgement(cpis_stage, refused)
    cpis_stage.first_code = refused.file_codes[0].code
    read_files(cpis_stage)


@when("the service answers CPF03 with two stored and two failed")
def the_service_miscounts(cpis_stage: Stage) -> None:
    """Two and two are not the three records of the file; other children that it holds count as stored."""
    file, cast = open_file(cpis_stage), cpis_stage.cast
    failures = [(record_of(file, cast[who]), RecordCode.NO_MATCH, ()) for who in ("child", "second child")]
    stored = file.quantity - 1
    reply = acknowledgement(cpis_stage, file, FileCode.PARTLY_STORED, stored=stored, failed=2, failures=failures)
    deliver_acknowledgement(cpis_stage, reply)
    pass_marker(cpis_stage)


@when("the service delivers an acknowledgement for another authority, then one for an id that was never sent")
def the_service_misdirects(cpis_stage: Stage) -> None:
    """Neither is about the open file of this authority."""
    file = open_file(cpis_stage)
    count = file.quantity
    foreign = acknowledgement(
        cpis_stage, file, FileCode.ALL_STORED, stored=count, failed=0, receiver=other_authority(cpis_stage)
    )
    deliver_acknowledgement(cpis_stage, foreign)
    never_sent = acknowledgement(
        cpis_stage, file, FileCode.ALL_STORED, stored=count, failed=0, file_id=unsent_id(file.file_id)
    )
    deliver_acknowledgement(cpis_stage, never_sent)
    pass_marker(cpis_stage)


def unsent_id(file_id: str) -> str:
    """An id far beyond those that were sent."""
    return str(int(file_id) + UNSENT)


@when("the service answers CPF03 with a failure located on the first record that echoes the second child")
def the_service_contradicts_itself(cpis_stage: Stage) -> None:
    """Location and echo point to two different children."""
    file, cast = open_file(cpis_stage), cpis_stage.cast
    first = next(n for n, r in enumerate(file.records, 1) if r == record_of(file, cast["child"]))
    failures = [(record_of(file, cast["second child"]), RecordCode.NO_MATCH, ())]
    reply = acknowledgement(
        cpis_stage,
        file,
        FileCode.PARTLY_STORED,
        stored=file.quantity - 1,
        failed=1,
        failures=failures,
        locations=[f"/File/record[{first}]"],
    )
    deliver_acknowledgement(cpis_stage, reply)
    pass_marker(cpis_stage)


@when("the service answers CPF02 with three stored and lists the second child as failed with CPR01")
def the_service_reassures_falsely(cpis_stage: Stage) -> None:
    """The file code says success, the list says otherwise."""
    file = open_file(cpis_stage)
    failures = [(record_of(file, cpis_stage.cast["second child"]), RecordCode.NO_MATCH, ())]
    reply = acknowledgement(
        cpis_stage,
        file,
        FileCode.ALL_STORED,
        stored=file.quantity,
        failed=0,
        failures=failures,
        locations=[LOCATION.format(n=1)],
    )
    deliver_acknowledgement(cpis_stage, reply)
    pass_marker(cpis_stage)


@when(parsers.re(r"the service answers CPR07 with the detail (?P<code>[A-Z0-9]+) '(?P<text>[^']+)'"))
def the_service_sends_an_unknown_detail(cpis_stage: Stage, code: str, text: str) -> None:
    """A detail code that no list holds."""
    file = open_file(cpis_stage)
    record = record_of(file, cpis_stage.cast["child"])
    cpis_stage.detail = [code, text]
    reply = refusal(cpis_stage, file, record, RecordCode.NOT_STORED, detail(code, text))
    deliver_acknowledgement(cpis_stage, reply)


def read_files(stage: Stage) -> None:
    """Read the product's list of files, until none of the scenario's is open or its time is up."""
    ids = stage.file_ids()
    stage.read(
        "files",
        Nothing(),
        driving.FileList,
        until=lambda files: all(i.state != "open" for i in files.items if i.file_id in ids),
    )


@then(parsers.re(r"the service has answered (?P<code>CPF02) with (?P<stored>[0-9]+) stored"))
def the_service_has_stored(cpis_stage: Stage, cpis_judge: Judge, code: str, stored: str) -> None:
    """Exactly one acknowledgement, with these counts."""
    cpis_judge(
        "acknowledged-once",
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.cast["child"].nhs_number,
        code=code,
        stored=int(stored),
        failures={},
        own=cpis_stage.numbers(),
    )


@then(
    parsers.re(
        r"the service has answered (?P<code>CPF0[34]) with (?:(?P<stored>[0-9]+) stored and )?(?:the )?"
        r"(?P<who>none stored|wrong number|.*child)(?: failed with (?P<result>CPR0[1-7]))?"
    )
)
def the_service_has_refused(
    cpis_stage: Stage, cpis_judge: Judge, code: str, stored: str | None, who: str, result: str | None
) -> None:
    """Exactly one acknowledgement; the failed records have this code, the others were stored."""
    cast = cpis_stage.cast
    if who == "none stored":
        cpis_stage.needs_file_of_its_own()
        failures = {str(p.nhs_number): "CPR01" for p in cast.people.values()}
    elif who == "wrong number":
        failures = {cpis_stage.old_numbers["third child"]: str(result)}
    else:
        failures = {str(cast[who].nhs_number): str(result)}
    cpis_judge(
        "acknowledged-once",
        authority=cpis_stage.ods,
        nhs_number=cast["child"].nhs_number,
        code=code,
        stored=int(stored or 0),
        failures=failures,
        own=cpis_stage.numbers(),
    )


@then(parsers.re(r"the authority shows the (?P<which>|first )file as (?P<state>stored|failed)"))
def the_file_is_shown(cpis_stage: Stage, cpis_judge: Judge, which: str, state: str) -> None:
    """The product's list has the file with the result of its own acknowledgement."""
    read_files(cpis_stage)
    code = {"stored": "CPF02", "failed": "CPF01" if which else "CPF04"}[state]
    cpis_judge(
        "file-shown",
        since=0,
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.cast["child"].nhs_number,
        code=code,
        state=state,
    )


@then("the first file is shown as partly failed and the second as stored")
def both_files_are_shown(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Each shows the result of its own reply: the first failed, the second stored."""
    read_files(cpis_stage)
    first = cpis_stage.first_code
    first_state = "failed" if first == FileCode.NONE_STORED else "partly stored"
    for who, code, state in (("child", first, first_state), ("second child", "CPF02", "stored")):
        number = cpis_stage.cast[who].nhs_number
        cpis_judge(
            "file-shown",
            since=0,
            authority=cpis_stage.ods,
            nhs_number=number,
            code=code,
            state=state,
            last=who != "child",
        )


@then("the file is not shown as stored")
def the_file_is_not_stored(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Judged after a later message came through the same folder."""
    cpis_stage.authority.ask("files", Nothing(), driving.FileList)
    cpis_judge(
        "file-not-closed-as-stored",
        since=0,
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.cast["child"].nhs_number,
        marker_event=cpis_stage.marker_event,
    )


@then(parsers.re(r"(?:the (?P<one>.*child) is not|neither the first nor the second child is) shown as stored"))
def records_are_not_stored(cpis_stage: Stage, cpis_judge: Judge, one: str | None) -> None:
    """What was not stored, or of which nobody can say, must not be shown as stored."""
    people = [cpis_stage.cast[who] for who in ([one] if one else ["child", "second child"])]
    for person in people:
        request = driving.ChildReference(child_id=person.child_id)
        cpis_stage.authority.ask("child-status", request, driving.ChildStatus)
    ids = [p.child_id for p in people]
    cpis_judge(
        "records-not-shown-stored",
        since=0,
        authority=cpis_stage.ods,
        child_ids=ids,
        marker_event=cpis_stage.marker_event,
    )


@then(
    parsers.re(
        r"the (?P<who>.*child) (?P<alone>|alone )(?:is|was) on the work-list"
        r" with (?P<code>CPR0[1-7])(?P<more>| and that detail)"
    )
)
def the_child_is_on_the_work_list(
    cpis_stage: Stage, cpis_judge: Judge, who: str, alone: str, code: str, more: str
) -> None:
    """A data-quality task on that child with the code and its meaning."""
    cast = cpis_stage.cast
    person = cast[who]
    read_before = "work-list" in cpis_stage.moments  # by a When that goes on to correct the record
    if not read_before:
        read_work_list(cpis_stage, person)
    others = {p.child_id: str(p.nhs_number) for p in cast.people.values() if p.who != who and alone}
    cpis_judge(
        "failed-record-shown",
        since=None if read_before else 0,
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.old_numbers.get(who, person.nhs_number),
        child_id=person.child_id,
        code=code,
        others=others,
        detail=cpis_stage.detail if more else None,
    )


@given(parsers.re(r"the (?P<who>.*child) was on the work-list with (?P<code>CPR0[1-7])"))
def the_child_was_on_the_work_list(cpis_stage: Stage, cpis_judge: Judge, who: str, code: str) -> None:
    """Judged here, because the entry must be gone later."""
    the_child_is_on_the_work_list(cpis_stage, cpis_judge, who, "", code, "")


@then(parsers.re(r"the (?P<who>.*child)'s new number is asked for"))
def a_new_number_is_asked_for(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """By an alert, or as the next action of the work-list's entry; for nobody else's."""
    person = cpis_stage.cast[who]
    read_alerts(cpis_stage, lambda alert: alert.kind == "new-number-needed" and alert.child_id == person.child_id)
    read_work_list(cpis_stage, person)
    cpis_judge(
        "new-number-asked-for",
        since=0,
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.old_numbers[who],
        child_id=person.child_id,
        others=[p.child_id for p in cpis_stage.cast.people.values() if p.who != who],
    )


@then("the other children are shown as stored")
def the_others_are_stored(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Each child whose record did not fail shows its upload as stored."""
    others = [p for p in cpis_stage.cast.people.values() if p.who != "third child"]
    if cpis_stage.old_numbers:
        until = cpis_stage.moments["export"]  # read before the correction, see the When
    else:
        read_status(cpis_stage, others)
        until = None
    cpis_judge(
        "records-shown-stored",
        until=until,
        authority=cpis_stage.ods,
        nhs_number=others[0].nhs_number,
        code="CPF03",
        children={p.child_id: str(p.nhs_number) for p in others},
        own=cpis_stage.numbers(),
    )


@then(parsers.re(r"the work-list entry of the (?P<who>.*child) is gone and its upload is shown as stored"))
def the_work_list_is_cleared(cpis_stage: Stage, cpis_judge: Judge, who: str) -> None:
    """Once the corrected record was stored."""
    person = cpis_stage.cast[who]
    cpis_stage.read(
        "work-list",
        Nothing(),
        driving.WorkList,
        until=lambda w: not any(i.child_id == person.child_id and i.open for i in w.items),
    )
    read_status(cpis_stage, [person])
    cpis_judge(
        "work-list-cleared",
        authority=cpis_stage.ods,
        nhs_number=person.nhs_number,
        child_id=person.child_id,
        own=cpis_stage.numbers(),
    )


@given("the authority's system was restarted")
def the_system_was_restarted(cpis_stage: Stage) -> None:
    """Stopped and started; what it had sent it must still know."""
    cpis_stage.authority.ask("restart", Nothing(), Nothing)


@when("three days go by in the authority's system")
def three_days_go_by(cpis_stage: Stage) -> None:
    """Its clock is moved, once the alerts were read: one that stands already is not about the time that went by."""
    if cpis_stage.lane.base is None:
        raise NotOffered("the authority's driver does not offer 'set-clock'")
    cpis_stage.authority.ask("alerts", Nothing(), driving.AlertList)
    later = cpis_stage.lane.base + timedelta(days=3)
    cpis_stage.authority.ask("set-clock", driving.SetClock(instant=later), Nothing)


@then("an alert that the file is overdue stands with somebody")
def an_overdue_alert_stands(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Somebody is warned that no reply has come."""
    ids = cpis_stage.file_ids()
    read_alerts(cpis_stage, lambda alert: alert.kind == "overdue" and alert.file_id in ids)
    number = cpis_stage.cast["child"].nhs_number
    cpis_judge("alert-shown", since=0, kinds=["overdue"], authority=cpis_stage.ods, nhs_number=number, news=True)


@then("an alert of its own kind stands with somebody about each of the three")
def three_kinds_of_alert_stand(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """File failure, validation failure and interface failure; none stood before the scenario's events."""
    read_alerts(cpis_stage, lambda alert: alert.kind == "interface")
    number = cpis_stage.cast["child"].nhs_number
    cpis_judge("alert-shown", since=0, kinds=["file-failed"], authority=cpis_stage.ods, nhs_number=number, news=True)
    for kind in ("validation", "interface"):
        cpis_judge("alert-shown", since=0, kinds=[kind], news=True)


@then(parsers.re(r"an alert about the (?:first )?file stands with somebody"))
def a_file_alert_stands(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Somebody is told that the file failed."""
    ids = cpis_stage.file_ids()
    read_alerts(cpis_stage, lambda alert: alert.kind == "file-failed" and alert.file_id in ids)
    cpis_judge(
        "alert-shown",
        since=0,
        kinds=["file-failed"],
        authority=cpis_stage.ods,
        nhs_number=cpis_stage.cast["child"].nhs_number,
    )


@then(parsers.re(r"(?:the (?P<one>reply|contradiction) is|both replies are) on the exception list"))
def replies_are_exceptions(cpis_stage: Stage, cpis_judge: Judge, one: str | None) -> None:
    """What cannot be acted on is kept for a person."""
    cpis_stage.authority.ask("exceptions", Nothing(), driving.ExceptionList)
    number = cpis_stage.cast["child"].nhs_number
    wanted: dict[str | None, list[dict[str, Any]]] = {
        "reply": [{"facts": {"file_id": "-1"}}],
        "contradiction": [{"facts": {}, "file_of": number}],
        None: [
            {"facts": {"text": other_authority(cpis_stage).ods_code}},
            {"facts": {}, "file_of": number, "ahead": UNSENT},
        ],
    }
    for about in wanted[one]:
        cpis_judge(
            "exception-shown",
            since=0,
            authority=cpis_stage.ods,
            kind="acknowledgement",
            delivered="acknowledgement",
            **about,
        )
