"""What falls due by the clock, windows of notifications and changes of people: each at its instant, in order."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.apps.operations import OperationRefused
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import (
    ChangePeople,
    Explain,
    HoldNotifications,
    Nothing,
    PdsChange,
    PdsPerson,
    Population,
    Reset,
    RetiredNumber,
    RetireNumbers,
    ServiceClock,
)
from cpis_simulator.errors import ConfigError
from cpis_simulator.model import AnswerMessage, NoRecord
from cpis_simulator.service.register import upsert
from cpis_simulator.settings import Settings
from cpis_simulator.store import rows
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    CHARLIE,
    Z98,
    Z99,
    child,
    nurse,
    plan,
    query,
    record,
    settings,
)

START = datetime(2026, 1, 6, 10, 0, tzinfo=UTC)
REPLACED = "9990001049"


class Clocked:
    """A node that no thread works for, at an instant that only moves when it is told to."""

    def __init__(self, folder: Path, choices: Settings, population: Population | None = None) -> None:
        self.real = START
        self.node = ServiceNode(
            choices,
            DEFAULT_AUTHORITIES,
            folder / "drop",
            f"sqlite:///{folder / 'world.db'}",
            None,
            lambda: str(uuid.uuid4()).upper(),
            lambda: self.real,
            population=population,
            serves_folders=False,
        )
        self.events = 0

    def share(self, number: str = ALPHA, of: Any = Z99, file_id: str = "42") -> None:
        held = upsert(record(subjects=[child(number)]), authority=of.organisation(), file_id=file_id, held={})
        with self.node.world.write() as session:
            session.put_holdings([(number, of.ods_code, rows.write_holding(held[number]))])

    def look(self, number: str = ALPHA) -> bool:
        self.events += 1
        author = nurse(f"user{self.events}")
        reply = self.node.answer(query(number, event=self.events, at=self.node.now(), author=author))
        return isinstance(reply, AnswerMessage)

    def go(self, to: datetime) -> None:
        self.node.set_clock(ServiceClock(instant=to))

    def sent(self) -> list[tuple[str, str, str, int]]:
        """Authority, kind, time and size of each notification, in the order they were made."""
        with self.node.world.read() as session:
            waiting = session.deliveries("pending", 0, 1000)
        found = []
        for row in waiting:
            assert row.body is not None
            if row.kind == "access-notification":
                batch = decode_access_notification(row.body)
                found.append((row.authority, "access", f"{batch.effective_time:%d %H:%M:%S}", batch.total))
            else:
                inactive = decode_inactive_notification(row.body)
                found.append(
                    (row.authority, "inactive", f"{inactive.effective_time:%d %H:%M:%S}", len(inactive.numbers))
                )
        return found


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Clocked] = []

    def maker(population: Population | None = None, **groups: Any) -> Clocked:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Clocked(folder, settings(**groups), population))
        return made[-1]

    yield maker
    for one in made:
        one.node.world.close()


def windowed(make: Any, **notify: Any) -> Clocked:
    world = make(notify={"cadence": "window", **notify})
    world.share()
    return world


def test_at_once_each_access_is_a_file(make):
    world = make()
    world.share()
    world.look()
    world.look()
    assert world.sent() == [("Z99", "access", "06 10:00:00", 1), ("Z99", "access", "06 10:00:00", 1)]


def test_a_window_ends_24_hours_after_its_first_access_to_the_second(make):
    world = windowed(make)
    world.look()
    world.go(START + timedelta(hours=10))
    world.look()
    world.go(START + timedelta(hours=24, seconds=-1))
    assert world.sent() == []
    world.go(START + timedelta(hours=24))
    assert world.sent() == [("Z99", "access", "07 10:00:00", 2)]


def test_a_leap_sends_a_window_as_of_its_end_not_as_of_the_landing(make):
    world = windowed(make)
    world.look()
    world.go(START + timedelta(days=400))
    assert world.sent() == [("Z99", "access", "07 10:00:00", 1)]
    world.look()
    assert len(world.sent()) == 1


@pytest.mark.parametrize(
    "begins", ["2026-03-28T12:00:00+00:00", "2026-10-24T12:00:00+00:00", "2028-02-28T12:00:00+00:00"]
)
def test_a_window_is_24_hours_over_clock_changes_and_leap_days(make, begins):
    world = windowed(make)
    first = datetime.fromisoformat(begins)
    world.go(first)
    world.look()
    world.go(first + timedelta(hours=24, seconds=-1))
    assert world.sent() == []
    world.go(first + timedelta(hours=24))
    assert len(world.sent()) == 1


def test_both_cadences_tell_of_the_same_accesses_each_once(make):
    def told(world: Clocked) -> list[str]:
        for number in (ALPHA, CHARLIE, ALPHA, CHARLIE, ALPHA):
            world.look(number)
        world.go(START + timedelta(days=2))
        with world.node.world.read() as session:
            bodies = [row.body for row in session.deliveries("pending", 0, 100)]
        batches = [decode_access_notification(body) for body in bodies if body]
        return sorted(a.event_id for batch in batches for group in batch.groups for a in group.accesses)

    immediate, window = make(), make(notify={"cadence": "window"})
    for world in (immediate, window):
        world.share(ALPHA)
        world.share(CHARLIE, file_id="43")
    expected = [query(event=n).query.event_id for n in range(1, 6)]
    assert told(immediate) == told(window) == expected


def test_an_empty_batch_tells_each_authority_that_nobody_looked(make):
    world = windowed(make, empty_batches=True)
    world.node.reset(Reset(base=START))
    world.share()
    world.look()
    world.go(START + timedelta(hours=48))
    assert world.sent() == [
        ("Z99", "access", "07 10:00:00", 1),
        ("Z98", "access", "07 10:00:00", 0),
        ("Z97", "access", "07 10:00:00", 0),
        ("Z99", "access", "08 10:00:00", 0),
        ("Z98", "access", "08 10:00:00", 0),
        ("Z97", "access", "08 10:00:00", 0),
    ]


def test_without_empty_batches_nobody_is_told_of_nothing(make):
    world = windowed(make)
    world.go(START + timedelta(days=10))
    assert world.sent() == []


def merge(at: datetime | None, number: str = ALPHA, into: str = REPLACED) -> PdsChange:
    return PdsChange(kind="merge", nhs_number=number, replaced_by=into, at=at)


def hours(count: float) -> datetime:
    return START + timedelta(hours=count)


def eventful(world: Clocked) -> None:
    """Two authorities share; an access waits; two people change before and after the window ends."""
    world.share(ALPHA)
    world.share(ALPHA, Z98, "7")
    world.share(CHARLIE)
    world.node.change_people(ChangePeople(changes=[merge(hours(30), CHARLIE), merge(hours(5))]))
    assert world.look()


STEPS: list[Sequence[float]] = [(100,), (5, 24, 30, 100), (4, 6, 23, 25, 29, 31, 99, 100), range(1, 101)]


@pytest.mark.parametrize("steps", STEPS, ids=["leap", "exactly", "around", "hourly"])
def test_what_falls_due_happens_in_order_whether_the_clock_leaps_or_walks(make, steps):
    world = make(notify={"cadence": "window"})
    eventful(world)
    for step in steps:
        world.go(hours(step))
    assert world.sent() == [
        ("Z98", "inactive", "06 15:00:00", 1),
        ("Z99", "inactive", "06 15:00:00", 1),
        ("Z98", "access", "07 10:00:00", 1),
        ("Z99", "access", "07 10:00:00", 1),
        ("Z99", "inactive", "07 16:00:00", 1),
    ]
    assert not world.look()


def test_what_falls_due_happens_though_nobody_moves_the_clock(make):
    world = make()
    world.share()
    world.node.change_people(ChangePeople(changes=[merge(hours(5))]))
    world.real = hours(5) - timedelta(seconds=1)
    assert world.look()
    world.real = hours(5)
    assert not world.look()
    assert [kind for _, kind, _, _ in world.sent()] == ["access", "inactive"]


def test_going_back_and_forward_again_repeats_nothing(make):
    world = make(notify={"cadence": "window"})
    eventful(world)
    world.go(hours(26))
    before = world.sent()
    world.go(hours(1))
    world.go(hours(26))
    assert world.sent() == before


def test_numbers_retired_at_one_instant_are_one_message(make):
    world = make()
    world.share(ALPHA)
    world.share(CHARLIE)
    world.node.change_people(ChangePeople(changes=[merge(hours(1)), merge(hours(1), CHARLIE)]))
    world.go(hours(2))
    assert world.sent() == [("Z99", "inactive", "06 11:00:00", 2)]


def test_a_change_without_an_instant_happens_at_once_and_may_be_kept_quiet(make):
    world = make()
    world.share()
    done = world.node.change_people(ChangePeople(changes=[merge(None)], notify=False))
    assert (done.happened, done.waiting) == (1, 0)
    assert not world.look() and world.sent() == []


def test_a_change_that_cannot_happen_is_refused_with_all_that_came_with_it(make):
    world = make()
    world.share()
    with pytest.raises(OperationRefused, match="does not know •••••••022"):
        world.node.change_people(ChangePeople(changes=[merge(None), merge(None, BRAVO)]))
    assert world.look()


def test_a_change_that_turns_out_impossible_stops_nothing_else(make):
    world = make()
    world.share()
    nobody = PdsChange(kind="flag", nhs_number=BRAVO, at=hours(1))
    world.node.change_people(ChangePeople(changes=[nobody, merge(hours(1))]))
    world.go(hours(2))
    assert not world.look()


BRAVO_ON_PDS = PdsPerson(nhs_number=BRAVO, given="Bravo", family="Testcase", birth_date="2012-09-20")


def test_a_population_is_there_from_the_start_and_again_after_a_reset(make):
    change = PdsChange(kind="flag", nhs_number=BRAVO, at=hours(1))
    world = make(Population(people=[BRAVO_ON_PDS], changes=[change]))
    for _ in range(2):
        world.share(BRAVO)
        assert world.look(BRAVO)
        world.go(hours(1))
        assert not world.look(BRAVO)
        world.node.reset(Reset(base=START))


def test_a_population_whose_change_is_past_has_happened_after_a_reset(make):
    change = PdsChange(kind="flag", nhs_number=BRAVO, at=hours(-1))
    world = make(Population(people=[BRAVO_ON_PDS], changes=[change]))
    world.node.reset(Reset(base=START))
    person = world.node.explain(Explain(nhs_number=BRAVO)).person
    assert person is not None and person.sensitive


def test_a_population_says_when_its_changes_happen(make):
    with pytest.raises(ConfigError, match="no instant"):
        make(Population(people=[BRAVO_ON_PDS], changes=[PdsChange(kind="flag", nhs_number=BRAVO)]))


def test_what_waited_in_a_window_goes_out_when_it_is_held_no_more(make):
    world = windowed(make)
    world.look()
    world.node.hold_notifications(HoldNotifications(held=False))
    assert [total for *_, total in world.sent()] == [1]
    world.look()
    assert [total for *_, total in world.sent()] == [1, 1]
    world.go(START + timedelta(days=3))
    assert len(world.sent()) == 2 and world.node.flush_notifications(Nothing()).files == 0


def test_a_plan_expires_on_the_way_of_a_leap_and_the_lookup_after_it_says_so(make):
    world = make()
    ended = record(plan(end="2026-01-05"))
    held = upsert(ended, authority=Z99.organisation(), file_id="42", held={})[ALPHA]
    with world.node.world.write() as session:
        session.put_holdings([(ALPHA, "Z99", rows.write_holding(held))])
    world.go(datetime(2027, 1, 5, 23, 59, 59, tzinfo=UTC))
    assert world.look()
    world.go(datetime(2027, 1, 6, tzinfo=UTC))
    message = query(ALPHA, event=99, at=world.node.now())
    assert isinstance(world.node.answer(message), NoRecord)


ADOPTION = PdsChange(kind="adopt", nhs_number=ALPHA, replaced_by=BRAVO, given="Otherwise", family="Renamed")


@pytest.mark.parametrize(("no_link", "told"), [("enforced", ()), ("off", (BRAVO,))])
def test_after_an_adoption_no_other_number_is_told_unless_the_setting_is_off(make, no_link, told):
    world = make(inactive={"adoption_no_link": no_link})
    world.share()
    world.node.change_people(ChangePeople(changes=[ADOPTION]))
    with world.node.world.read() as session:
        (row,) = session.deliveries("pending", 0, 9)
    assert row.body is not None
    assert [n.replacements for n in decode_inactive_notification(row.body).numbers] == [told]
    assert not world.look(ALPHA) and not world.look(BRAVO)


def test_a_number_can_be_retired_by_an_adoption_without_a_new_one_being_told(make):
    world = make()
    world.share()
    retired = RetiredNumber(nhs_number=ALPHA, replaced_by=REPLACED, adopted=True)
    world.node.retire_numbers(RetireNumbers(numbers=[retired]))
    with world.node.world.read() as session:
        (row,) = session.deliveries("pending", 0, 9)
    assert row.body is not None and REPLACED.encode() not in row.body
