"""Which plans the bundled authority puts into a file, and how."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cpis_simulator.authority.exporting import InvalidTelephone, telephone
from cpis_simulator.driving import ChangeAuthority, ChildDetails
from cpis_simulator.errors import ProtocolError
from cpis_simulator.model import SubjectKind
from cpis_simulator.vocabulary import FileCode, PlanType, RecordCode

CPP, LAC, UCP = PlanType.CHILD_PROTECTION, PlanType.LOOKED_AFTER, PlanType.UNBORN


def test_a_new_plan_is_sent_once_with_its_start_alone(desk: Any, contents: Any) -> None:
    child = desk.child_on_plan()
    upload = desk.export()
    assert contents(upload) == [(desk.number_of(child), "Alpha", "child protection plan", "202610010000", "", "")]
    assert (upload.file_id, upload.quantity) == ("1", 1)
    assert upload.creation_time == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_a_subject_carries_local_id_with_its_authority(desk: Any) -> None:
    desk.child_on_plan()
    local_id = desk.export().records[0].subjects[0].local_id
    assert (local_id.extension, local_id.assigning_authority) == ("LOCAL-0001", "Z99:EXAMPLETON TEST COUNCIL")


@pytest.mark.parametrize(
    ("status", "goes"),
    [
        ("20", True),
        ("31", True),
        ("38", True),
        ("section 31", True),
        ("s38(1)", True),
        (None, True),
        ("47", False),
        ("Police protection s46", False),
        ("Adoption and Children Act 2002", False),
    ],
)
def test_only_sections_20_31_and_38_are_in_scope(desk: Any, status: str | None, goes: bool) -> None:
    desk.plan(desk.child(), LAC, legal_status=status)
    assert (desk.system.prepare_export(now=desk.now) != "Nothing has changed since the last file.") is goes


def test_an_unborn_plan_is_sent_under_the_mother_with_the_due_date(desk: Any, contents: Any) -> None:
    mother = desk.child("Charlie", birth_date=date(1996, 7, 7))
    desk.plan(mother, UCP)
    upload = desk.export()
    assert [line[1:] for line in contents(upload)] == [
        ("Charlie", "unborn child protection plan", "202610010000", "202702010000", "")
    ]
    assert [s.kind for s in upload.records[0].subjects] == [SubjectKind.MOTHER]


def test_an_unborn_plan_that_ends_on_its_due_date_is_news(desk: Any, contents: Any) -> None:
    plan = desk.plan(desk.child("Charlie"), UCP)
    desk.stored()
    desk.system.end_plan(plan, date(2027, 2, 1), now=desk.now)
    assert [line[4] for line in contents(desk.export())] == ["202702010000"]


def test_a_pregnant_looked_after_girl_is_child_and_mother_in_one_record(desk: Any) -> None:
    girl = desk.child("Echo", birth_date=date(2010, 1, 2))
    desk.plan(girl, LAC)
    desk.plan(girl, UCP)
    [record] = desk.export().records
    assert [s.kind for s in record.subjects] == [SubjectKind.CHILD, SubjectKind.MOTHER]
    assert [p.plan_type for p in record.plans] == [LAC, UCP]


def test_a_mother_who_was_looked_after_until_18_has_two_records(desk: Any) -> None:
    woman = desk.child("Echo", birth_date=date(2008, 11, 1))
    desk.plan(woman, LAC, start=date(2026, 1, 1))
    desk.plan(woman, UCP)
    assert [[p.plan_type for p in record.plans] for record in desk.export().records] == [[LAC], [UCP]]


def test_a_fourth_plan_takes_a_second_record(desk: Any) -> None:
    child = desk.child()
    for day in (1, 2, 3, 4):
        desk.plan(child, start=date(2026, 10, day))
    upload = desk.export()
    assert [len(record.plans) for record in upload.records] == [3, 1]
    assert upload.quantity == 2


def test_nothing_goes_twice(desk: Any) -> None:
    desk.child_on_plan()
    desk.stored()
    assert desk.no_export() == "Nothing has changed since the last file."


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"given": "Bravo"}, ("9990000204", "Bravo", "202610010000", "", "")),
        ({"family": "Newname"}, ("9990000204", "Alpha", "202610010000", "", "")),
        ({"birth_date": date(2017, 3, 15)}, ("9990000204", "Alpha", "202610010000", "", "")),
        ({"nhs_number": "9990001014"}, ("9990001014", "Alpha", "202610010000", "", "")),
    ],
)
def test_a_changed_detail_brings_the_child_into_the_next_file(
    desk: Any, contents: Any, change: dict[str, Any], expected: tuple[str, ...]
) -> None:
    child = desk.child_on_plan()
    desk.stored()
    desk.change(child, **change)
    [(nhs_number, given, _, *dates)] = contents(desk.export())
    assert (nhs_number, given, *dates) == expected


@pytest.mark.parametrize(("act", "dates"), [("end", ("202611200000", "")), ("delete", ("", "202611200000"))])
def test_ending_sends_an_end_and_withdrawing_a_delete_date(
    desk: Any, contents: Any, act: str, dates: tuple[str, str]
) -> None:
    plan = desk.plan(desk.child())
    desk.stored()
    getattr(desk.system, f"{act}_plan")(plan, date(2026, 11, 20), now=desk.now)
    assert contents(desk.export())[0][4:] == dates


def test_a_plan_begun_again_does_not_reopen_the_ended_one(desk: Any, contents: Any) -> None:
    child = desk.child()
    first = desk.plan(child)
    desk.stored()
    desk.system.end_plan(first, date(2026, 10, 20), now=desk.now)
    desk.stored()
    desk.plan(child, start=date(2026, 11, 23))
    assert [line[3:] for line in contents(desk.export())] == [("202611230000", "", "")]


def test_withdrawing_a_plan_that_was_keyed_twice_leaves_the_genuine_one(desk: Any) -> None:
    child = desk.child()
    desk.plan(child)
    copy = desk.plan(child)
    desk.stored()
    desk.system.delete_plan(copy, date(2026, 11, 20), now=desk.now)
    made = desk.system.prepare_export(now=desk.now)
    assert isinstance(made, str) or all(plan.delete is None for record in made.records for plan in record.plans)


def test_a_plan_that_was_withdrawn_before_it_was_sent_never_goes(desk: Any) -> None:
    desk.system.delete_plan(desk.plan(desk.child()), date(2026, 11, 20), now=desk.now)
    assert desk.no_export()


def test_the_emergency_number_goes_with_every_stored_child_when_it_changes(desk: Any, contents: Any) -> None:
    desk.child_on_plan()
    ended = desk.plan(desk.child("Bravo"))
    desk.system.end_plan(ended, date(2026, 11, 1), now=desk.now)
    withdrawn = desk.plan(desk.child("Charlie"))
    desk.stored()
    desk.system.delete_plan(withdrawn, date(2026, 11, 2), now=desk.now)
    desk.stored()
    desk.system.change_authority(ChangeAuthority(telephone_emergency="01632 960 005"))
    upload = desk.export()
    assert [line[1] for line in contents(upload)] == ["Alpha", "Bravo"]
    assert [(t.value, t.use) for t in upload.sender.telecom] == [("tel:01632960001", "WP"), ("tel:01632960005", "EC")]


@pytest.mark.parametrize(
    ("keyed", "written"),
    [
        ("01632 960 002", "tel:01632960002"),
        ("(01632) 960-002", "tel:01632960002"),
        ("+44 1632 960002", "tel:+441632960002"),
        ("+44 (0)1632 960002", "tel:+441632960002"),
        ("tel:01632960002", "tel:01632960002"),
    ],
)
def test_telephones_are_written_as_tel_and_digits(keyed: str, written: str) -> None:
    assert telephone(keyed) == written


@pytest.mark.parametrize("keyed", ["01632 960002 ext 7", "ask at the desk", "-"])
def test_a_telephone_that_is_no_number_is_not_guessed(keyed: str) -> None:
    with pytest.raises(InvalidTelephone):
        telephone(keyed)


@pytest.mark.parametrize("number", ["", "01632 960002 ext 7"])
def test_without_a_usable_emergency_number_nothing_is_sent(desk: Any, number: str) -> None:
    desk.child_on_plan()
    desk.system.change_authority(ChangeAuthority(telephone_emergency=number))
    assert "telephone" in desk.no_export()
    [alert] = desk.alerts("validation")
    assert alert.recipient == "CP-IS data officer"
    assert "emergency" in alert.text or "ext 7" in alert.text


def test_a_child_without_number_is_held_back_and_the_others_go(desk: Any, contents: Any) -> None:
    held = desk.child_on_plan("Held", nhs_number=None)
    desk.child_on_plan("Marker")
    assert [line[1] for line in contents(desk.export())] == ["Marker"]
    assert [(h.child_id, h.reason) for h in desk.system.held_back(now=desk.now)] == [(held, "no NHS number: trace it")]
    assert desk.alerts("validation") == []


def test_a_wrong_check_digit_raises_one_validation_alert_that_names_the_child(desk: Any, contents: Any) -> None:
    child = desk.child_on_plan("Wrong", nhs_number="9990001013")
    desk.child_on_plan("Marker")
    assert [line[1] for line in contents(desk.stored())] == ["Marker"]
    desk.no_export()
    [alert] = desk.alerts("validation")
    assert (alert.child_id, "Wrong Testcase" in alert.text) == (child, True)


def test_a_plan_that_ends_before_it_starts_is_not_sent(desk: Any) -> None:
    plan = desk.plan(desk.child())
    desk.system.end_plan(plan, date(2026, 9, 1), now=desk.now)
    assert desk.no_export()
    assert len(desk.alerts("validation")) == 1


def test_ids_rise_by_the_configured_step(at_desk: Any) -> None:
    desk = at_desk(first_file_id=40, file_id_step=5)
    ids = []
    for given in ("Alpha", "Bravo", "Charlie"):
        desk.child_on_plan(given)
        ids.append(desk.export().file_id)
    assert ids == ["40", "45", "50"]


def test_a_full_file_holds_every_live_plan(at_desk: Any, contents: Any) -> None:
    desk = at_desk(full_files=True)
    for given in ("Alpha", "Bravo"):
        desk.child_on_plan(given)
    desk.stored()
    assert [line[1] for line in contents(desk.export())] == ["Alpha", "Bravo"]


@pytest.mark.parametrize("code", [FileCode.FILE_ERROR, FileCode.UNAVAILABLE, FileCode.CLIENT_TOO_OLD])
def test_a_file_that_was_not_taken_goes_again_under_a_greater_id(desk: Any, contents: Any, code: FileCode) -> None:
    for given in ("Alpha", "Bravo"):
        desk.child_on_plan(given)
    first = desk.export()
    desk.answer(first, code)
    again = desk.export()
    assert (contents(again), again.file_id) == (contents(first), "2")


def test_a_withdrawal_goes_again_when_its_file_was_not_taken(desk: Any, contents: Any) -> None:
    plan = desk.plan(desk.child())
    desk.stored()
    desk.system.delete_plan(plan, date(2026, 11, 20), now=desk.now)
    desk.answer(desk.export(), FileCode.UNAVAILABLE)
    assert contents(desk.export())[0][5] == "202611200000"


def test_a_refused_record_waits_for_its_correction(desk: Any, contents: Any) -> None:
    for given in ("Alpha", "Bravo"):
        desk.child_on_plan(given)
    wrong = desk.child_on_plan("Charlie")
    desk.answer(desk.export(), FileCode.PARTLY_STORED, {2: RecordCode.NOT_VERIFIED})
    assert desk.no_export()
    desk.change(wrong, birth_date=date(2017, 3, 16))
    assert [line[1] for line in contents(desk.export())] == ["Charlie"]


def test_a_forced_child_goes_once_more_unchanged(desk: Any, contents: Any) -> None:
    child = desk.child_on_plan()
    first = desk.stored()
    desk.system.force(child)
    assert contents(desk.stored()) == contents(first)
    assert desk.no_export()


def test_a_file_that_could_not_be_dropped_is_as_if_never_made(desk: Any, contents: Any) -> None:
    desk.child_on_plan()
    first = desk.export()
    desk.system.withdraw(first.file_id, "Permission denied", now=desk.now)
    again = desk.export()
    assert (again.file_id, contents(again)) == (first.file_id, contents(first))
    [alert] = desk.alerts("interface")
    assert alert.recipient == "CP-IS data officer"


def test_a_plan_that_ended_before_the_retention_is_not_sent_anew(desk: Any) -> None:
    plan = desk.plan(desk.child(), start=date(2024, 1, 1))
    desk.system.end_plan(plan, date(2025, 11, 22), now=desk.now)
    assert desk.no_export()


def test_two_files_on_one_number_are_refused(desk: Any) -> None:
    first = desk.child()
    with pytest.raises(ProtocolError, match="another child's file"):
        desk.system.record_child(
            ChildDetails(given="Bravo", family="Other", birth_date=date(2015, 1, 1), nhs_number=desk.number_of(first))
        )


def test_twins_keep_their_own_number_name_and_local_id(desk: Any) -> None:
    for given in ("Alpha", "Bravo"):
        desk.child_on_plan(given)
    subjects = [record.subjects[0] for record in desk.export().records]
    assert [(s.given, s.local_id.extension) for s in subjects] == [("Alpha", "LOCAL-0001"), ("Bravo", "LOCAL-0002")]
    assert len({s.nhs_number for s in subjects}) == 2


def test_notes_stay_in_the_house(desk: Any) -> None:
    desk.plan(desk.child(), notes="MARKERWORD")
    assert "MARKERWORD" not in repr(desk.export())
