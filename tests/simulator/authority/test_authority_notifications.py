"""What the bundled authority does with access notifications and inactive numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cpis_simulator.authority.office_hours import in_office_hours, uk_time
from cpis_simulator.model import AuthorName, DeviceAuthor, Organisation, PersonAuthor, ResponsiblePerson
from cpis_simulator.vocabulary import PlanType

THEIRS = Organisation("Z98", "SAMPLEBURY TEST COUNCIL")
HOSPITAL = Organisation("ZZ9", "EXAMPLETON TEST HOSPITALS")


def test_an_access_is_filed_with_who_where_and_when(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child), local_id="LOCAL-0001", event_id="EVENT-1"))
    [event] = desk.system.events_of(child)
    assert (event.event_id, event.accessed, event.nhs_number) == ("EVENT-1", desk.now, desk.number_of(child))
    assert (event.worker, event.role) == ("Ms Quebec Testnurse", "Nurse Access Role")
    assert event.organisation == "EXAMPLETON TEST HOSPITALS (ZZ9)"


def test_the_wording_claims_no_more_than_that_the_record_was_viewed(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child)))
    text = desk.system.events_of(child)[0].text
    assert "was viewed on 23 November 2026 at 10:00 by Ms Quebec Testnurse" in text
    assert not any(word in text.lower() for word in ("seen", "attend", "harm", "injur"))


def test_each_access_of_a_batch_goes_to_its_own_child(desk: Any) -> None:
    first, second = desk.child_on_plan("Alpha"), desk.child_on_plan("Bravo")
    early, late = datetime(2026, 11, 23, 8, 1, tzinfo=UTC), datetime(2026, 11, 23, 8, 2, tzinfo=UTC)
    other = PersonAuthor("R1", "Doctor", "1", AuthorName("Second"), HOSPITAL)
    desk.notify(
        desk.access(desk.number_of(first), event_id="A", at=early),
        desk.access(desk.number_of(second), event_id="B", at=early),
        desk.access(desk.number_of(first), event_id="C", at=late, author=other),
    )
    assert [(e.event_id, e.accessed, e.worker) for e in desk.system.events_of(first)] == [
        ("A", early, "Ms Quebec Testnurse"),
        ("C", late, "Second"),
    ]
    assert desk.events(second) == ["B"]


def test_an_access_by_a_system_shows_the_lead_and_the_telephone_unshortened(desk: Any) -> None:
    child = desk.child_on_plan()
    lead = ResponsiblePerson("R0370", "Safeguarding lead Dr Romeo Testlead tel 01632960123", AuthorName("Testlead"))
    desk.notify(desk.access(desk.number_of(child), author=DeviceAuthor("999999000101", HOSPITAL, (lead,))))
    [event] = desk.system.events_of(child)
    assert event.role == "Safeguarding lead Dr Romeo Testlead tel 01632960123"
    assert event.worker == "Testlead"
    assert event.organisation == "EXAMPLETON TEST HOSPITALS (ZZ9), system 999999000101"


def test_names_stand_letter_for_letter(desk: Any) -> None:
    child = desk.child_on_plan()
    name = AuthorName("Ó Súilleabháin-Wójciechowska-Äppelgren", ("Zoë", "Jean-Noël"), "Dr")
    desk.notify(desk.access(desk.number_of(child), author=PersonAuthor("R1", "Doctor", "1", name, HOSPITAL)))
    assert desk.system.events_of(child)[0].worker == "Dr Zoë Jean-Noël Ó Súilleabháin-Wójciechowska-Äppelgren"


def test_an_empty_notification_leaves_nothing(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.notify()
    desk.notify(desk.access(desk.number_of(child), event_id="A"))
    assert desk.events(child) == ["A"]
    assert desk.exceptions() == []


def test_a_wrong_total_is_shown_and_the_accesses_are_filed(desk: Any) -> None:
    first, second = desk.child_on_plan("Alpha"), desk.child_on_plan("Bravo")
    desk.notify(desk.access(desk.number_of(first)), desk.access(desk.number_of(second)), total=3)
    assert (len(desk.events(first)), len(desk.events(second))) == (1, 1)
    [item] = desk.exceptions()
    assert (item.kind, "declares 3" in item.text) == ("access-notification", True)


def test_a_negative_total_is_refused(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child)), total=-1)
    assert desk.events(child) == []
    assert len(desk.exceptions()) == 1


def test_an_unknown_child_is_kept_with_all_that_was_told(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.notify(desk.access("9990001014", event_id="A"))
    [item] = desk.exceptions()
    assert (item.kind, item.nhs_number, item.event_id, item.accessed) == (
        "access-notification",
        "9990001014",
        "A",
        desk.now,
    )
    assert (item.worker, item.organisation) == ("Ms Quebec Testnurse", "EXAMPLETON TEST HOSPITALS (ZZ9)")
    assert "Nurse Access Role" in item.text
    assert desk.events(child) == []


def test_one_event_id_makes_one_event_and_one_alert(desk: Any) -> None:
    child = desk.child_on_plan()
    for _ in range(2):
        desk.notify(desk.access(desk.number_of(child), event_id="A"))
    desk.notify(desk.access(desk.number_of(child), event_id="B"))
    assert desk.events(child) == ["A", "B"]
    assert len(desk.alerts("access")) == 2


def test_another_authoritys_notification_is_refused_and_tells_nothing(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.notify(desk.access(desk.number_of(child), event_id="A"), recipient=THEIRS)
    assert desk.events(child) == []
    [item] = desk.exceptions()
    assert (item.kind, item.event_id, item.nhs_number, item.worker) == ("access-notification", "A", None, None)
    assert desk.alerts("access") == []


def test_number_and_local_id_of_two_children_are_filed_on_neither(desk: Any) -> None:
    first, second = desk.child_on_plan("Alpha"), desk.child_on_plan("Bravo")
    desk.notify(desk.access(desk.number_of(first), local_id="LOCAL-0002", event_id="A"))
    assert (desk.events(first), desk.events(second)) == ([], [])
    assert [item.event_id for item in desk.exceptions()] == ["A"]


def test_a_twin_s_access_stands_on_that_twin_s_file_alone(desk: Any) -> None:
    first, second = desk.child_on_plan("Alpha"), desk.child_on_plan("Bravo")
    desk.notify(desk.access(desk.number_of(first), event_id="A"))
    assert (desk.events(first), desk.events(second)) == (["A"], [])


def test_an_access_to_a_mother_stands_on_her_file(desk: Any) -> None:
    mother = desk.child("Charlie", birth_date=date(1996, 7, 7))
    desk.plan(mother, PlanType.UNBORN)
    desk.notify(desk.access(desk.number_of(mother), event_id="A"))
    assert desk.events(mother) == ["A"]


def test_an_access_under_a_number_that_was_replaced_finds_its_file(desk: Any) -> None:
    child = desk.child_on_plan()
    old = desk.number_of(child)
    desk.change(child, nhs_number="9990001014")
    desk.notify(desk.access(old, event_id="A"))
    assert desk.events(child) == ["A"]


@pytest.mark.parametrize(
    ("allocations", "closed", "recipient"),
    [
        ([("Ann", "North")], None, ("Ann", "North")),
        ([("Ann", "North"), ("Ben", "South")], None, ("Ben", "South")),
        ([(None, "North")], None, (None, "North")),
        ([], None, ("MASH triage", None)),
        ([("Ann", "North"), (None, None)], None, ("MASH triage", None)),
        ([("Ann", "North")], date(2026, 10, 24), ("MASH triage", None)),
    ],
)
def test_the_alert_reaches_whoever_is_responsible_now(
    desk: Any, allocations: list[tuple[str | None, str | None]], closed: date | None, recipient: tuple[str | None, ...]
) -> None:
    child = desk.child_on_plan()
    for worker, team in allocations:
        desk.system.allocate(child, worker, team)
    if closed:
        desk.system.close_case(child, closed)
    desk.notify(desk.access(desk.number_of(child)))
    assert [(alert.recipient, alert.team) for alert in desk.alerts("access")] == [recipient]


@pytest.mark.parametrize(
    ("now", "accessed"),
    [
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), datetime(2026, 11, 23, 2, 0, tzinfo=UTC)),
        (datetime(2026, 11, 22, 12, 0, tzinfo=UTC), datetime(2026, 11, 22, 12, 0, tzinfo=UTC)),
        (datetime(2026, 11, 23, 12, 0, tzinfo=UTC), datetime(2026, 11, 23, 2, 0, tzinfo=UTC)),
    ],
)
def test_out_of_hours_both_the_duty_team_and_the_worker_are_alerted(
    desk: Any, now: datetime, accessed: datetime
) -> None:
    child = desk.child_on_plan()
    desk.system.allocate(child, "Ann", "North")
    desk.now = now
    desk.notify(desk.access(desk.number_of(child), at=accessed))
    assert [(a.recipient, a.team, a.child_id) for a in desk.alerts("access")] == [
        ("Ann", "North", child),
        ("Emergency duty team", None, child),
    ]


@pytest.mark.parametrize(
    ("instant", "open_"),
    [
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 7, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 18, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 21, 12, 0, tzinfo=UTC), False),
        (datetime(2026, 7, 6, 7, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 6, 17, 0, tzinfo=UTC), False),
    ],
)
def test_office_hours_are_those_of_english_clocks(instant: datetime, open_: bool) -> None:
    assert in_office_hours(instant) is open_


@pytest.mark.parametrize(
    ("utc", "shown"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "00:59"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "02:00"),
        (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), "01:59"),
        (datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "01:00"),
    ],
)
def test_summer_time_changes_at_one_o_clock_utc(utc: datetime, shown: str) -> None:
    assert f"{uk_time(utc):%H:%M}" == shown


def test_a_replacement_number_is_adopted_and_sent(desk: Any, contents: Any) -> None:
    child = desk.child_on_plan()
    desk.stored()
    desk.retire((desk.number_of(child), "9990001014"))
    assert [alert.child_id for alert in desk.alerts("inactive-number")] == [child]
    assert desk.exceptions() == []
    assert [line[0] for line in contents(desk.stored())] == ["9990001014"]


def test_without_replacement_an_open_plan_keeps_its_exception_until_a_number_is_typed(desk: Any, contents: Any) -> None:
    child = desk.child_on_plan()
    desk.stored()
    desk.retire((desk.number_of(child), None))
    desk.system.force(child)
    assert desk.no_export()
    assert [(item.kind, item.child_id) for item in desk.exceptions()] == [("inactive-number", child)]
    desk.change(child, nhs_number="9990001014")
    assert desk.exceptions() == []
    assert [line[0] for line in contents(desk.export())] == ["9990001014"]


def test_without_replacement_an_ended_plan_leaves_no_exception(desk: Any) -> None:
    child = desk.child()
    plan = desk.plan(child)
    desk.system.end_plan(plan, date(2026, 11, 1), now=desk.now)
    desk.stored()
    desk.retire((desk.number_of(child), None))
    assert desk.exceptions() == []
    assert desk.no_export()


def test_ending_the_plan_closes_the_exception(desk: Any) -> None:
    child = desk.child()
    plan = desk.plan(child)
    desk.retire((desk.number_of(child), None))
    assert len(desk.exceptions()) == 1
    desk.system.end_plan(plan, date(2026, 11, 20), now=desk.now)
    assert desk.exceptions() == []


def test_a_mothers_number_is_replaced_for_her_unborn_childs_plan(desk: Any) -> None:
    mother = desk.child("Charlie", birth_date=date(1996, 7, 7))
    desk.plan(mother, PlanType.UNBORN)
    desk.stored()
    desk.retire((desk.number_of(mother), "9990001014"))
    [subject] = desk.export().records[0].subjects
    assert (subject.kind, subject.nhs_number) == ("mother", "9990001014")


def test_three_numbers_of_one_message_have_an_alert_each(desk: Any) -> None:
    children = [desk.child_on_plan(given) for given in ("Alpha", "Bravo", "Charlie")]
    desk.stored()
    desk.retire(*((desk.number_of(child), None) for child in children))
    assert [alert.child_id for alert in desk.alerts("inactive-number")] == children
    assert [item.child_id for item in desk.exceptions()] == children
    assert desk.no_export()


def test_an_unknown_retired_number_is_an_exception_and_changes_nobody(desk: Any) -> None:
    child = desk.child_on_plan()
    desk.retire(("9990001081", "9990001049"))
    assert [(item.kind, item.nhs_number) for item in desk.exceptions()] == [("inactive-number", "9990001081")]
    assert desk.number_of(child) != "9990001049"


def test_an_adopted_child_is_not_linked_to_the_new_file(desk: Any) -> None:
    old = desk.child_on_plan("Alpha")
    new = desk.child_on_plan("Alpha", family="Newfamily", nhs_number="9990001014")
    desk.stored()
    desk.retire((desk.number_of(old), None))
    shown = repr([*desk.system.state.alerts, *desk.exceptions()])
    assert "9990001014" not in shown
    assert "Newfamily" not in shown
    assert desk.system.person(new).former_numbers == ()


@pytest.mark.parametrize("replacement", ["9990001013", "taken"])
def test_a_replacement_that_cannot_be_right_is_left_to_a_person(desk: Any, replacement: str) -> None:
    child, other = desk.child_on_plan("Alpha"), desk.child_on_plan("Bravo")
    desk.stored()
    desk.retire((desk.number_of(child), desk.number_of(other) if replacement == "taken" else replacement))
    assert [item.child_id for item in desk.exceptions()] == [child]
    assert desk.no_export()
