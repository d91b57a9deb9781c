"""The service's limits in time, to the second: retention, due dates, eighteenth birthdays and the 24 hours (DAT, RSP).

Days are those of the United Kingdom. In 2026 its clocks go forward on 29 March and back on 25 October, at 01:00 UTC;
in between, a day begins at 23:00 UTC.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from cpis_simulator.model import AnswerMessage
from cpis_simulator.vocabulary import PlanType
from tests.simulator.service_examples import (
    ALPHA,
    CHARLIE,
    MemoryRegister,
    child,
    mother,
    nurse,
    people_with,
    plan,
    query,
    record,
    upload,
)


def at(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


def is_found(register: MemoryRegister, number: str, instant: str) -> bool:
    now = at(instant)
    return isinstance(register.ask(query(number, at=now), now=now).reply, AnswerMessage)


RETENTION = [
    ("2025-01-10", "2026-01-10T23:59:59Z", "2026-01-11T00:00:00Z"),
    ("2025-07-06", "2026-07-06T22:59:59Z", "2026-07-06T23:00:00Z"),
    # Day 365 is the last before the clocks go forward, the short day, and the first of summer time.
    ("2025-03-28", "2026-03-28T23:59:59Z", "2026-03-29T00:00:00Z"),
    ("2025-03-29", "2026-03-29T22:59:59Z", "2026-03-29T23:00:00Z"),
    # Day 365 is the last whole day of summer time, and the long day.
    ("2025-10-24", "2026-10-24T22:59:59Z", "2026-10-24T23:00:00Z"),
    ("2025-10-25", "2026-10-25T23:59:59Z", "2026-10-26T00:00:00Z"),
    # A leap day within the 365, as the last of them, and as the end itself.
    ("2027-02-28", "2028-02-28T23:59:59Z", "2028-02-29T00:00:00Z"),
    ("2027-03-01", "2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
    ("2028-02-29", "2029-02-28T23:59:59Z", "2029-03-01T00:00:00Z"),
]


@pytest.mark.parametrize("plan_type", [PlanType.CHILD_PROTECTION, PlanType.LOOKED_AFTER])
@pytest.mark.parametrize(("end", "last", "after"), RETENTION)
def test_an_ended_plan_is_found_to_the_last_second_of_day_365(plan_type, end, last, after):
    register = MemoryRegister()
    register.take(upload(record(plan(plan_type, start="2024-01-01", end=end))))
    assert is_found(register, ALPHA, last)
    assert not is_found(register, ALPHA, after)


@pytest.mark.parametrize(
    ("due", "last", "after"),
    [
        ("2026-01-01", "2026-01-29T23:59:59Z", "2026-01-30T00:00:00Z"),
        ("2026-02-28", "2026-03-28T23:59:59Z", "2026-03-29T00:00:00Z"),
        ("2026-03-01", "2026-03-29T22:59:59Z", "2026-03-29T23:00:00Z"),
        ("2026-09-26", "2026-10-24T22:59:59Z", "2026-10-24T23:00:00Z"),
        ("2026-09-27", "2026-10-25T23:59:59Z", "2026-10-26T00:00:00Z"),
        ("2028-02-01", "2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
        ("2028-02-29", "2028-03-28T22:59:59Z", "2028-03-28T23:00:00Z"),
    ],
)
def test_an_unborn_childs_plan_is_found_to_the_last_second_of_day_28(due, last, after):
    register = MemoryRegister()
    register.take(upload(record(plan(PlanType.UNBORN, start="2025-11-01", end=due), subjects=[mother()])))
    assert is_found(register, CHARLIE, last)
    assert not is_found(register, CHARLIE, after)


BIRTHDAYS = [
    ("2008-01-06", "2026-01-05T23:59:59Z", "2026-01-06T00:00:00Z"),
    # On the day of the change itself the day begins as the days before did.
    ("2008-03-29", "2026-03-28T23:59:59Z", "2026-03-29T00:00:00Z"),
    ("2008-03-30", "2026-03-29T22:59:59Z", "2026-03-29T23:00:00Z"),
    ("2008-10-25", "2026-10-24T22:59:59Z", "2026-10-24T23:00:00Z"),
    ("2008-10-26", "2026-10-25T23:59:59Z", "2026-10-26T00:00:00Z"),
    ("2008-02-29", "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"),
    ("2010-02-28", "2028-02-27T23:59:59Z", "2028-02-28T00:00:00Z"),
]


def of_age(born: str) -> MemoryRegister:
    """Alpha born on that day, on an open plan."""
    register = MemoryRegister(people_with(ALPHA, birth_date=date.fromisoformat(born)))
    register.take(upload(record(subjects=[child(born=born)])), now=at("2025-12-01T00:00:00Z"))
    return register


@pytest.mark.parametrize(("born", "before", "birthday"), BIRTHDAYS)
def test_an_open_plan_ends_with_the_first_second_of_the_eighteenth_birthday(born, before, birthday):
    register = of_age(born)
    ends = []
    for event, instant in enumerate([before, birthday]):
        reply = register.ask(query(event=event, at=at(instant)), now=at(instant)).reply
        assert isinstance(reply, AnswerMessage)
        ends.append(reply.answer.records[0].record.plans[0].end)
    day = date.fromisoformat(born)
    turns = (
        datetime(day.year + 18, 3, 1)
        if (day.month, day.day) == (2, 29)
        else datetime(day.year + 18, day.month, day.day)
    )
    assert ends == [None, turns]


@pytest.mark.parametrize(("born", "before", "birthday"), BIRTHDAYS)
def test_an_update_fails_from_the_first_second_of_the_eighteenth_birthday(born, before, birthday):
    register = of_age(born)
    again = record(plan(end="2025-12-24"), subjects=[child(born=born)])
    codes = [
        register.take(upload(again, file_id=file_id), now=at(instant)).acknowledgement.file_codes[0].code
        for file_id, instant in [("43", before), ("44", birthday)]
    ]
    assert codes == ["CPF02", "CPF04"]


def test_a_plan_that_ended_with_the_eighteenth_birthday_stays_for_365_days():
    register = of_age("2008-01-06")
    assert is_found(register, ALPHA, "2027-01-06T23:59:59Z")
    assert not is_found(register, ALPHA, "2027-01-07T00:00:00Z")


@pytest.mark.parametrize(
    ("first", "repeat", "other"),
    [
        ("2026-01-06T10:15:00+00:00", "2026-01-07T10:15:00+00:00", "2026-01-07T10:15:01+00:00"),
        # Hours are counted, not what clocks show: 24 hours are a quarter past eleven, and a quarter past nine.
        ("2026-03-28T10:15:00+00:00", "2026-03-29T11:15:00+01:00", "2026-03-29T11:15:01+01:00"),
        ("2026-10-24T10:15:00+01:00", "2026-10-25T09:15:00+00:00", "2026-10-25T09:15:01+00:00"),
        # In the hour that comes twice.
        ("2026-10-25T01:30:00+01:00", "2026-10-26T00:30:00+00:00", "2026-10-26T00:30:01+00:00"),
        ("2028-02-28T10:15:00+00:00", "2028-02-29T10:15:00+00:00", "2028-02-29T10:15:01+00:00"),
        ("2028-02-29T10:15:00+00:00", "2028-03-01T10:15:00+00:00", "2028-03-01T10:15:01+00:00"),
    ],
)
def test_the_same_author_is_listed_once_in_24_hours_to_the_second(first, repeat, other):
    register = MemoryRegister()
    register.take(upload())
    totals = []
    for event, instant in enumerate([first, repeat, other]):
        reply = register.ask(query(event=event, at=at(instant)), now=at(instant)).reply
        assert isinstance(reply, AnswerMessage)
        totals.append(reply.answer.total_accesses)
    assert totals == [1, 1, 2]


@pytest.mark.parametrize(("asked", "listed", "oldest"), [(24, 24, 1), (25, 25, 1), (26, 25, 2), (27, 25, 3)])
def test_the_26th_access_pushes_out_the_oldest(asked, listed, oldest):
    register = MemoryRegister()
    register.take(upload())
    for number in range(1, asked + 1):
        instant = at(f"2026-01-06T10:15:{number:02}Z")
        outcome = register.ask(query(event=number, at=instant, author=nurse(f"user{number}")), now=instant)
    assert isinstance(outcome.reply, AnswerMessage)
    events = [int(access.event_id[-12:]) for access in outcome.reply.answer.accesses]
    assert (len(events), events[0], events[-1]) == (listed, asked, oldest)
