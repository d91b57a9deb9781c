"""Steps of replies that cannot be trusted, and of identities that change."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from pytest_bdd import given, parsers, then, when

from cpis_simulator import driving
from cpis_simulator.codecs.acknowledgement import encode_acknowledgement
from cpis_simulator.driving import Nothing
from cpis_simulator.vocabulary import FILE_CODE_TEXT, FileCode, PlanType
from cpis_steps.crafting import acknowledgement, deliver_bytes, open_file
from cpis_steps.file_drop import judge_form, read_status
from cpis_steps.judging import Judge
from cpis_steps.replies import read_files
from cpis_steps.return_message import read_events
from cpis_steps.stage import Stage, read_work_list

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
STORED = FILE_CODE_TEXT[FileCode.ALL_STORED]


def _declaring(document_type: str, *, content: str = "") -> Callable[[str], bytes]:
    """The reply with a document type, and something of it in the authority's name."""
    return lambda text: (
        text.replace(DECLARATION, f"{DECLARATION}\n{document_type}").replace("</name>", f"{content}</name>").encode()
    )


BREAKS: dict[str, Callable[[str], bytes]] = {
    "turned into UTF-16": lambda text: text.replace("UTF-8", "UTF-16").encode("utf-16"),
    "cut in the middle": lambda text: text.encode()[: len(text.encode()) // 2],
    "emptied": lambda text: b"",
    "with an internal entity": _declaring('<!DOCTYPE FileResponse [<!ENTITY a "x">]>', content="&a;"),
    "with an external entity": _declaring(
        '<!DOCTYPE FileResponse [<!ENTITY a SYSTEM "file:///etc/hostname">]>', content="&a;"
    ),
    "with an empty document type": _declaring("<!DOCTYPE FileResponse>"),
    "with entities that multiply": _declaring(
        "<!DOCTYPE FileResponse [<!ENTITY a0 'lol'>"
        + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
        + "]>",
        content="&a9;",
    ),
    "nested 100,000 deep": lambda text: text.replace(
        "</FileResponse>", "<a>" * 100_000 + "</a>" * 100_000 + "</FileResponse>"
    ).encode(),
    "with a file code that no list has": lambda text: text.replace('"CPF02"', '"CPF77"').encode(),
    "with the text of another file code": lambda text: text.replace(
        f'"{STORED}"', f'"{FILE_CODE_TEXT[FileCode.FILE_ERROR]}"'
    ).encode(),
    "with a negative count": lambda text: re.sub(
        r"(<failedReturnedCP-ISRecords>\s*<value value=\")[0-9]+", r"\g<1>-3", text
    ).encode(),
}
"""What can be wrong with a reply, by its words in a scenario."""


def stored_reply(stage: Stage) -> bytes:
    """An acknowledgement that says that the whole open file was stored."""
    file = open_file(stage)
    return encode_acknowledgement(acknowledgement(stage, file, FileCode.ALL_STORED, stored=file.quantity, failed=0))


@when(parsers.re(r"an acknowledgement of the file arrives, (?P<broken>.+)"))
def a_broken_reply_arrives(cpis_stage: Stage, broken: str) -> None:
    """A full success, but broken in that way."""
    good = stored_reply(cpis_stage)
    bad = BREAKS[broken](good.decode())
    assert bad != good, f"the break '{broken}' changed nothing"
    deliver_bytes(cpis_stage, "acknowledgement", bad)


@when("the whole acknowledgement arrives")
def the_whole_reply_arrives(cpis_stage: Stage) -> None:
    """The same success, as it should have been."""
    deliver_bytes(cpis_stage, "acknowledgement", stored_reply(cpis_stage))
    read_files(cpis_stage)


@then("the broken reply is shown as failed")
def the_broken_reply_is_shown(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """An exception names the file that could not be read."""
    cpis_stage.authority.ask("exceptions", Nothing(), driving.ExceptionList)
    cpis_judge("unreadable-reply-shown", authority=cpis_stage.ods)


@given("the child has turned 18")
def the_child_has_turned_18(cpis_stage: Stage) -> None:
    """PDS and the authority both know that the person is an adult by now."""
    person = cpis_stage.cast["child"]
    person.birth_date = cpis_stage.today - timedelta(days=18 * 366)
    cpis_stage.put_on_pds(person)
    cpis_stage.change(person, birth_date=person.birth_date)


@then("the adult is in no new file")
def the_adult_is_in_no_file(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """The item was closed when the service refused the update; the marker child is the fence."""
    cpis_judge(
        "person-in-no-file",
        authority=cpis_stage.ods,
        marker=cpis_stage.cast["marker child"].nhs_number,
        nhs_number=cpis_stage.cast["child"].nhs_number,
    )


@given("the child's new identity is on a child protection plan too")
def a_new_identity(cpis_stage: Stage) -> None:
    """The same child after adoption: another number and another name; the birth date stays, and must link nothing."""
    person = cpis_stage.cast.enter("new identity")
    person.birth_date = cpis_stage.cast["child"].birth_date
    cpis_stage.record(person)
    cpis_stage.open_plan(person, PlanType.CHILD_PROTECTION)


@then("neither file shows or links the other's number or name")
def identities_are_not_linked(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Nothing that the product shows of one names the other."""
    old, new = cpis_stage.cast["child"], cpis_stage.cast["new identity"]
    read_status(cpis_stage, [new])
    for person in (old, new):
        read_events(cpis_stage, person)
    for operation, reply in (
        ("exceptions", driving.ExceptionList),
        ("alerts", driving.AlertList),
        ("work-list", driving.WorkList),
    ):
        cpis_stage.authority.ask(operation, Nothing(), reply)
    sides = [
        {"child_id": p.child_id, "nhs_number": str(p.nhs_number), "words": [p.given, p.family]} for p in (old, new)
    ]
    cpis_judge("identities-not-linked", authority=cpis_stage.ods, sides=sides)


@given(parsers.re(r"the (?P<who>.+)'s birth date was corrected before PDS has followed"))
def a_birth_date_runs_ahead(cpis_stage: Stage, who: str) -> None:
    """The authority has the right date, PDS still the wrong one."""
    person = cpis_stage.cast[who]
    person.birth_date += timedelta(days=13)
    cpis_stage.change(person, birth_date=person.birth_date)


@when(parsers.re(r"PDS follows and the (?P<who>.+), forced, reaches the service"))
def pds_follows(cpis_stage: Stage, who: str) -> None:
    """Read what failed first; then PDS takes over the date and the child is sent again by hand."""
    cpis_stage.moments["work-list"] = cpis_stage.lane.since_now()
    person = cpis_stage.cast[who]
    read_work_list(cpis_stage, person)
    read_status(cpis_stage, [cpis_stage.cast["child"]])
    cpis_stage.put_on_pds(person)
    cpis_stage.authority.ask("force", driving.ChildReference(child_id=person.child_id), Nothing)
    cpis_stage.moments["export"] = cpis_stage.lane.since_now()
    cpis_stage.exchange()


@then("the child is shown as stored by the first file")
def the_first_child_is_stored(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """PDS changed first, so nothing was wrong."""
    child = cpis_stage.cast["child"]
    cpis_judge(
        "records-shown-stored",
        until=cpis_stage.moments["export"],
        authority=cpis_stage.ods,
        nhs_number=child.nhs_number,
        code="CPF03",
        children={child.child_id: str(child.nhs_number)},
        own=cpis_stage.numbers(),
    )


@given("a social worker has tried to end the child's plan before its start")
def an_end_before_the_start(cpis_stage: Stage) -> None:
    """Whether the product refuses or keeps it: such dates must not leave."""
    plan = cpis_stage.cast["child"].plans[0]
    cpis_stage.authority.call("end-plan", driving.EndPlan(plan_id=plan.plan_id, end=plan.start - timedelta(days=3)))


@then("the marker child's file obeys the rules of this test")
def the_marker_file_obeys(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """No finding on the rules of the catalogue test in the file that holds the marker."""
    judge_form(cpis_judge, cpis_stage.cast["marker child"])
