"""What is held, and how long it is visible (DAT-005 to DAT-020, UPL-011)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from cpis_simulator.model import SubjectKind
from cpis_simulator.service.register import Holding, records, uk_day, upsert, visible
from cpis_simulator.settings import DataSettings
from cpis_simulator.vocabulary import PlanType
from tests.simulator.service_examples import ALPHA, CHARLIE, ECHO, Z99, child, mother, plan, record

DATA = DataSettings()
ENDED = date(2026, 4, 30)


def held(*records_, file_id="42") -> dict[str, Holding]:
    holdings: dict[str, Holding] = {}
    for one in records_:
        holdings.update(upsert(one, authority=Z99.organisation(), file_id=file_id, held=holdings))
    return holdings


def seen(holding: Holding, on: date, born: date | None = None, data: DataSettings = DATA) -> list[str]:
    return [
        f"{e.plan.plan_type} {e.plan.start:%Y-%m-%d}-{e.plan.end:%Y-%m-%d}"
        if e.plan.end
        else f"{e.plan.plan_type} {e.plan.start:%Y-%m-%d}-"
        for e in visible(holding, on=on, born=born, data=data)
    ]


@pytest.mark.parametrize("plan_type", [PlanType.CHILD_PROTECTION, PlanType.LOOKED_AFTER])
@pytest.mark.parametrize(("days", "is_seen"), [(0, True), (364, True), (365, True), (366, False)])
def test_an_ended_plan_stays_visible_for_365_days(plan_type, days, is_seen):
    holding = held(record(plan(plan_type, end="2026-04-30T23:59")))[ALPHA]
    assert bool(seen(holding, ENDED + timedelta(days=days))) is is_seen


@pytest.mark.parametrize(("days", "is_seen"), [(27, True), (28, True), (29, False)])
def test_an_unborn_childs_plan_stays_visible_for_28_days_after_the_due_date(days, is_seen):
    holding = held(record(plan(PlanType.UNBORN, end="2026-04-30"), subjects=[mother()]))[CHARLIE]
    assert bool(seen(holding, ENDED + timedelta(days=days))) is is_seen


def test_retention_is_a_setting():
    data = DataSettings(retention=1, unborn_grace=0)
    holding = held(record(plan(end="2026-04-30")))[ALPHA]
    unborn = held(record(plan(PlanType.UNBORN, end="2026-04-30"), subjects=[mother()]))[CHARLIE]
    assert seen(holding, ENDED + timedelta(days=1), data=data)
    assert not seen(holding, ENDED + timedelta(days=2), data=data)
    assert seen(unborn, ENDED, data=data) and not seen(unborn, ENDED + timedelta(days=1), data=data)


def test_an_end_on_28_february_is_visible_for_365_days_over_a_leap_day():
    holding = held(record(plan(end="2027-02-28")))[ALPHA]
    assert seen(holding, date(2028, 2, 28)) and not seen(holding, date(2028, 2, 29))


def test_a_deleted_entry_vanishes_at_once_and_can_come_back():
    wrong = held(record(plan()), record(plan(delete="2030-01-01")))
    assert seen(wrong[ALPHA], date(2026, 1, 6)) == []
    assert seen(held(record(plan(delete="2026-01-01")), record(plan()))[ALPHA], date(2026, 1, 6))


def test_the_same_start_replaces_end_and_delete_and_another_start_adds():
    holding = held(
        record(plan(end="2026-01-01")), record(plan()), record(plan(start="2026-01-02")),
        record(plan(PlanType.LOOKED_AFTER)),
    )[ALPHA]  # fmt: skip
    assert seen(holding, date(2026, 1, 6)) == [
        "child protection plan 2025-11-01-",
        "looked after child 2025-11-01-",
        "child protection plan 2026-01-02-",
    ]


def test_an_unborn_childs_plan_is_held_under_the_mother_and_the_others_under_the_child():
    both = record(plan(PlanType.UNBORN, end="2026-05-20"), plan(), subjects=[child(), mother()])
    holdings = held(both)
    assert {number: [e.plan.plan_type for e in h.entries] for number, h in holdings.items()} == {
        CHARLIE: [PlanType.UNBORN],
        ALPHA: [PlanType.CHILD_PROTECTION],
    }


def test_a_pregnant_looked_after_girl_is_one_holding_with_two_subjects():
    girl = child(ECHO, "Echo", born="2010-01-02")
    her = child(ECHO, "Echo", born="2010-01-02", kind=SubjectKind.MOTHER)
    one = record(plan(PlanType.LOOKED_AFTER), plan(PlanType.UNBORN, end="2026-05-20"), subjects=[girl, her])
    (shown,) = records(held(one)[ECHO], visible(held(one)[ECHO], on=date(2026, 1, 6), born=None, data=DATA))
    assert [s.kind for s in shown.record.subjects] == [SubjectKind.CHILD, SubjectKind.MOTHER]
    assert len(shown.record.plans) == 2


def test_a_record_without_local_id_leaves_the_one_that_was_uploaded():
    begun = record(plan(), subjects=[child(local_id="LOCAL-0001")])
    ended = record(plan(end="2026-04-30"), subjects=[child(local_id=None)])
    other = record(plan(), subjects=[child(local_id="LOCAL-0002")])
    assert [h.local_id().extension for h in (held(begun, ended)[ALPHA], held(begun, ended, other)[ALPHA])] == [
        "LOCAL-0001",
        "LOCAL-0002",
    ]


def test_more_than_three_plans_are_shown_in_several_records():
    holding = held(*(record(plan(start=f"2025-11-0{day}")) for day in range(1, 5)))[ALPHA]
    shown = list(records(holding, visible(holding, on=date(2026, 1, 6), born=None, data=DATA)))
    assert [len(r.record.plans) for r in shown] == [3, 1]


@pytest.mark.parametrize(
    ("end", "on", "shown"),
    [
        (None, date(2035, 3, 13), ["child protection plan 2025-11-01-"]),
        (None, date(2035, 3, 14), ["child protection plan 2025-11-01-2035-03-14"]),
        ("2040-01-01", date(2035, 3, 14), ["child protection plan 2025-11-01-2035-03-14"]),
        ("2035-03-01", date(2035, 3, 14), ["child protection plan 2025-11-01-2035-03-01"]),
        (None, date(2036, 3, 13), ["child protection plan 2025-11-01-2035-03-14"]),
        (None, date(2036, 3, 14), []),
    ],
)
def test_an_open_plan_ends_on_the_eighteenth_birthday(end, on, shown):
    assert seen(held(record(plan(end=end)))[ALPHA], on, born=date(2017, 3, 14)) == shown


def test_the_plan_of_an_unborn_child_does_not_end_with_the_mothers_birthday():
    holding = held(record(plan(PlanType.UNBORN, end="2026-05-20"), subjects=[mother()]))[CHARLIE]
    assert seen(holding, date(2026, 1, 6), born=date(1999, 7, 7)) == [
        "unborn child protection plan 2025-11-01-2026-05-20"
    ]


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        (datetime(2026, 1, 6, 23, 30, tzinfo=UTC), date(2026, 1, 6)),
        (datetime(2026, 7, 6, 22, 59, tzinfo=UTC), date(2026, 7, 6)),
        (datetime(2026, 7, 6, 23, 0, tzinfo=UTC), date(2026, 7, 7)),
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 29, 23, 30, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 30, tzinfo=UTC), date(2026, 10, 25)),
    ],
)
def test_days_are_those_of_the_united_kingdom(utc, day):
    assert uk_day(utc) == day
