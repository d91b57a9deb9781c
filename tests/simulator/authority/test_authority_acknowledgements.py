"""What the bundled authority does with each kind of acknowledgement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cpis_simulator.model import Coded, Echo, Organisation, RecordResult, Telecom
from cpis_simulator.vocabulary import FileCode, PlanType, RecordCode

THEIRS = Organisation("Z98", "SAMPLEBURY TEST COUNCIL", (Telecom("tel:01632960004", "EC"),))
AT_RECORD = "/File/record[{}]"


def three_children(desk: Any) -> tuple[list[str], Any]:
    children = [desk.child_on_plan(given) for given in ("Alpha", "Bravo", "Charlie")]
    return children, desk.export()


def test_a_full_success_marks_the_file_and_raises_nothing(desk: Any) -> None:
    children, upload = three_children(desk)
    desk.answer(upload)
    shown = desk.file(upload).shown()
    assert (shown.state, shown.code, shown.stored, shown.failed) == ("stored", "CPF02", 3, 0)
    assert shown.acknowledged == datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
    assert [desk.result(child) for child in children] == ["stored"] * 3
    assert list(desk.system.state.alerts) == []


def test_a_partial_success_puts_the_failed_record_on_the_work_list(desk: Any) -> None:
    children, upload = three_children(desk)
    desk.answer(upload, FileCode.PARTLY_STORED, {1: RecordCode.NO_MATCH})
    assert [desk.result(child) for child in children] == ["stored", "failed", "stored"]
    assert desk.file(upload).state == "partly stored"
    [task] = desk.tasks()
    assert (task.child_id, task.code, task.file_id, task.raised) == (children[1], "CPR01", "1", desk.now)
    assert task.meaning == "PDS Error - No Match Found for NHS Number"
    assert task.next_action


@pytest.mark.parametrize(
    ("code", "failed", "alerts"),
    [
        (FileCode.FILE_ERROR, {}, ["file-failed"]),
        (FileCode.UNAVAILABLE, {}, ["file-failed"]),
        (FileCode.CLIENT_TOO_OLD, {}, ["file-failed"]),
        (
            FileCode.NONE_STORED,
            dict.fromkeys(range(3), RecordCode.NO_MATCH),
            ["file-failed", "record-failed", "record-failed", "record-failed"],
        ),
    ],
)
def test_a_failed_file_alerts_the_role(
    desk: Any, code: FileCode, failed: dict[int, RecordCode], alerts: list[str]
) -> None:
    children, upload = three_children(desk)
    desk.answer(upload, code, failed)
    assert desk.file(upload).state == "failed"
    assert [desk.result(child) for child in children] == ["failed"] * 3
    assert [alert.kind for alert in desk.system.state.alerts] == alerts
    assert {alert.recipient for alert in desk.system.state.alerts} == {"CP-IS data officer"}


def test_cpf06_says_that_the_client_must_be_upgraded(desk: Any) -> None:
    _, upload = three_children(desk)
    desk.answer(upload, FileCode.CLIENT_TOO_OLD)
    assert "upgraded" in desk.alerts("file-failed")[0].text


def test_the_entry_is_gone_when_the_corrected_record_is_stored(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.NOT_VERIFIED})
    assert [task.code for task in desk.tasks()] == ["CPR03"]
    desk.change(child, birth_date=date(2017, 3, 16))
    upload = desk.export()
    assert [task.code for task in desk.tasks()] == ["CPR03"]
    desk.answer(upload)
    assert desk.tasks() == []
    assert desk.result(child) == "stored"


def test_an_unknown_detail_is_shown_unchanged(desk: Any) -> None:
    _, upload = three_children(desk)
    detail = Coded("CPRD4711", "Detail that no list holds", "2.16.840.1.113883.2.1.3.2.4.17.475")
    result = RecordResult("CPR07", "Unsucessful Record Upload", AT_RECORD.format(2), (detail,))
    desk.answer(upload, FileCode.PARTLY_STORED, stored=2, failed=1, results=(result,))
    [task] = desk.tasks()
    assert (task.code, task.detail_code, task.detail_text) == ("CPR07", "CPRD4711", "Detail that no list holds")
    assert task.meaning == "Unsuccessful Record Upload"


def test_replies_are_matched_by_id_in_any_order(desk: Any) -> None:
    first_child = desk.child_on_plan("Alpha")
    first = desk.export()
    second_child = desk.child_on_plan("Bravo")
    second = desk.export()
    desk.answer(second)
    assert (desk.file(first).state, desk.file(second).state) == ("open", "stored")
    desk.answer(first, FileCode.NONE_STORED, {0: RecordCode.NO_MATCH})
    assert (desk.result(first_child), desk.result(second_child)) == ("failed", "stored")


def test_a_late_refusal_does_not_undo_what_a_later_file_stored(desk: Any) -> None:
    child = desk.child_on_plan()
    first = desk.export()
    desk.change(child, birth_date=date(2017, 3, 16))
    desk.answer(desk.export())
    desk.answer(first, FileCode.NONE_STORED, {0: RecordCode.NOT_VERIFIED})
    assert desk.result(child) == "stored"
    assert desk.tasks() == []


def test_a_late_success_does_not_settle_a_task_of_a_later_file(desk: Any) -> None:
    child = desk.child_on_plan()
    first = desk.export()
    desk.change(child, birth_date=date(2017, 3, 16))
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.NOT_VERIFIED})
    desk.answer(first)
    assert [task.code for task in desk.tasks()] == ["CPR03"]


def test_the_same_reply_twice_changes_nothing(desk: Any) -> None:
    _, upload = three_children(desk)
    reply = desk.answer(upload, FileCode.PARTLY_STORED, {1: RecordCode.NO_MATCH})
    desk.system.acknowledge(reply, now=desk.now)
    assert len(desk.tasks()) == 1
    assert desk.exceptions() == []


def test_a_second_reply_that_says_otherwise_is_an_exception(desk: Any) -> None:
    _, upload = three_children(desk)
    desk.answer(upload)
    desk.answer(upload, FileCode.FILE_ERROR)
    assert desk.file(upload).state == "stored"
    assert [item.kind for item in desk.exceptions()] == ["acknowledgement"]


@pytest.mark.parametrize(
    ("changes", "alerts"),
    [
        ({"file_id": "-1", "quantity": -1}, ["file-failed"]),
        ({"file_id": "999"}, []),
        ({"receiver": THEIRS}, []),
    ],
)
def test_a_reply_that_is_for_no_file_of_ours_leaves_all_open(
    desk: Any, changes: dict[str, Any], alerts: list[str]
) -> None:
    children, upload = three_children(desk)
    desk.answer(upload, FileCode.FILE_ERROR, **changes)
    assert desk.file(upload).state == "open"
    assert [desk.result(child) for child in children] == ["sent"] * 3
    assert [item.kind for item in desk.exceptions()] == ["acknowledgement"]
    assert [alert.kind for alert in desk.system.state.alerts] == alerts


def test_another_authoritys_reply_shows_nothing_of_its_content(desk: Any) -> None:
    children, upload = three_children(desk)
    desk.answer(upload, FileCode.PARTLY_STORED, {0: RecordCode.NO_MATCH}, receiver=THEIRS)
    [item] = desk.exceptions()
    assert (item.file_id, item.nhs_number, item.child_id) == (None, None, None)
    assert desk.number_of(children[0]) not in item.text


def record_result(place: int) -> tuple[RecordResult, ...]:
    text = "PDS Error - No Match Found for NHS Number"
    return (RecordResult("CPR01", text, AT_RECORD.format(place)),)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (FileCode.PARTLY_STORED, {"stored": 2, "failed": 2}),
        (FileCode.PARTLY_STORED, {"stored": 2, "failed": 1}),
        (FileCode.ALL_STORED, {"results": record_result(2)}),
        (FileCode.ALL_STORED, {"quantity": 2, "stored": 2}),
        (FileCode.ALL_STORED, {"stored": -1, "failed": 4}),
        (FileCode.NONE_STORED, {}),
        (FileCode.FILE_ERROR, {"stored": 3}),
        (FileCode.ALL_STORED, {"file_codes": (Coded("CPF02", "Partial File Upload"),)}),
        (FileCode.PARTLY_STORED, {"stored": 2, "failed": 1, "results": record_result(9)}),
        (
            FileCode.PARTLY_STORED,
            {"stored": 2, "failed": 1, "results": (RecordResult("CPR99", "New", AT_RECORD.format(1)),)},
        ),
        (
            FileCode.PARTLY_STORED,
            {
                "stored": 2,
                "failed": 1,
                "results": (replace(record_result(1)[0], display_name="Successful Record Upload"),),
            },
        ),
    ],
)
def test_a_contradicting_reply_is_shown_and_not_acted_on(desk: Any, code: FileCode, changes: dict[str, Any]) -> None:
    children, upload = three_children(desk)
    desk.answer(upload, code, **changes)
    assert desk.file(upload).state == "open"
    assert [desk.result(child) for child in children] == ["sent"] * 3
    [item] = desk.exceptions()
    assert (item.kind, item.file_id) == ("acknowledgement", "1")
    desk.answer(upload)
    assert desk.file(upload).state == "stored"


def test_location_and_echo_of_different_children_store_neither(desk: Any) -> None:
    children, upload = three_children(desk)
    second = upload.records[1]
    desk.answer(
        upload,
        FileCode.PARTLY_STORED,
        stored=2,
        failed=1,
        results=record_result(1),
        echoes=(Echo(False, second.plans, second.subjects),),
    )
    assert [desk.result(child) for child in children] == ["sent"] * 3
    assert [item.kind for item in desk.exceptions()] == ["acknowledgement"]


@pytest.mark.parametrize(
    "location",
    [
        "/File/record[2]/CP-ISRecord",
        "//hl7:record[2]",
        "/FileResponse/message/cP-ISLAAcknowledgementResponse",
        "/*[local-name()='FileResponse']/*[local-name()='message'][1]/*",
        "the record of the second child",
    ],
)
def test_a_location_is_understood_in_several_forms(desk: Any, location: str) -> None:
    children, upload = three_children(desk)
    second = upload.records[1]
    result = RecordResult("CPR01", "PDS Error - No Match Found for NHS Number", location)
    desk.answer(
        upload,
        FileCode.PARTLY_STORED,
        stored=2,
        failed=1,
        results=(result,),
        echoes=(Echo(False, second.plans, second.subjects),),
    )
    assert [desk.result(child) for child in children] == ["stored", "failed", "stored"]


def test_a_superseded_number_is_not_sent_again_and_the_new_one_is_asked_for(desk: Any, contents: Any) -> None:
    child = desk.child_on_plan()
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.SUPERSEDED})
    [alert] = desk.alerts("new-number-needed")
    assert alert.child_id == child
    assert "new NHS number" in desk.tasks()[0].next_action
    desk.system.force(child)
    assert desk.no_export()
    desk.change(child, nhs_number="9990001014")
    assert [line[0] for line in contents(desk.stored())] == ["9990001014"]
    assert (desk.tasks(), desk.exceptions()) == ([], [])


def test_a_sensitive_record_is_not_sent_again_by_itself(desk: Any) -> None:
    desk.child_on_plan()
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.SENSITIVE})
    assert desk.no_export()
    assert [task.code for task in desk.tasks()] == ["CPR02"]


def test_an_adult_is_closed_when_an_update_fails(desk: Any) -> None:
    person = desk.child(birth_date=date(2008, 11, 1))
    plan = desk.plan(person)
    desk.stored()
    desk.system.end_plan(plan, date(2026, 11, 20), now=desk.now)
    desk.answer(desk.export(), FileCode.NONE_STORED, {0: RecordCode.NOT_STORED})
    assert desk.tasks() == []
    desk.system.force(person)
    assert desk.no_export()


def test_an_adult_mothers_unborn_plan_is_not_closed_with_her_own(desk: Any, contents: Any) -> None:
    woman = desk.child(birth_date=date(2008, 11, 1))
    desk.plan(woman, start=date(2026, 1, 1))
    desk.plan(woman, PlanType.UNBORN)
    desk.answer(desk.export(), FileCode.PARTLY_STORED, {0: RecordCode.NOT_STORED})
    desk.system.force(woman)
    assert [line[2] for line in contents(desk.export())] == ["unborn child protection plan"]


def test_a_missing_acknowledgement_is_told_once_after_a_day(desk: Any) -> None:
    _, upload = three_children(desk)
    desk.pass_time(hours=23, minutes=59)
    desk.system.warn_of_overdue(now=desk.now)
    assert desk.alerts("overdue") == []
    desk.pass_time(minutes=1)
    desk.system.warn_of_overdue(now=desk.now)
    desk.system.warn_of_overdue(now=desk.now)
    assert [alert.file_id for alert in desk.alerts("overdue")] == ["1"]
    assert desk.file(upload).state == "open"
