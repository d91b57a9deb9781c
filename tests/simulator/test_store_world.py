"""The world's store: what is written comes back, and many may write at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cpis_simulator.errors import ConfigError, HarnessError
from cpis_simulator.model import Access, AuthorName, DeviceAuthor, LocalId, Organisation, ResponsiblePerson
from cpis_simulator.service.lookups import look_up
from cpis_simulator.service.notifications import notice
from cpis_simulator.service.pds import TEST_PEOPLE, Person, PersonName
from cpis_simulator.service.register import Holding, StoredQuery, upsert
from cpis_simulator.settings import Settings
from cpis_simulator.store import rows
from cpis_simulator.store.world import World
from cpis_simulator.vocabulary import PlanType
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    NOW,
    Z98,
    Z99,
    MemoryRegister,
    child,
    ids,
    mother,
    nurse,
    plan,
    query,
    record,
)
from tests.simulator.stores import KINDS, change, store_url

DEVICE = DeviceAuthor(
    "999999000101",
    Organisation("ZZ9", "EXAMPLETON TEST HOSPITALS", is_site=True),
    (ResponsiblePerson("R0370", "Lead", AuthorName("Testlead", ("Romeo", "Óscar"), "Dr", "PhD", None)),),
)
HOLDING = upsert(
    record(
        plan(end="2026-04-30T09:30"),
        plan(PlanType.LOOKED_AFTER, delete="2026-01-01"),
        plan(PlanType.UNBORN, end="2026-05-20"),
        subjects=[replace(child(), given="Zoë", local_id=LocalId("L", None)), replace(mother(), nhs_number=ALPHA)],
    ),
    authority=Z99.organisation(),
    file_id="42",
    held={},
)[ALPHA]


def row(ods_code: str, holding: Holding) -> tuple[str, str, str]:
    return holding.nhs_number, ods_code, rows.write_holding(holding)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with store_url(request.param, tmp_path) as address:
        yield address


@pytest.fixture
def world(url: str) -> Iterator[World]:
    made = World(url, people=TEST_PEOPLE)
    yield made
    made.close()


def test_people_come_back_as_they_were(world):
    person = Person(
        BRAVO, PersonName("Bravo", "Testcase"), date(2012, 9, 20), (PersonName("B", "Formerly"),),
        sensitive=True, inactive=True, superseded_by=ALPHA, adopted=True, died=date(2026, 1, 5),
    )  # fmt: skip
    with world.write() as session:
        session.put_people([person])
    with world.read() as session:
        assert session.people([BRAVO])[BRAVO] == person
        everyone = session.people([p.nhs_number for p in TEST_PEOPLE] + ["9990000000"])
    assert sorted(everyone.values(), key=lambda p: p.nhs_number) == list(TEST_PEOPLE)


def test_holdings_come_back_as_they_were(world):
    other = replace(HOLDING, authority=Z98.organisation())
    with world.write() as session:
        session.put_holdings([row("Z99", HOLDING)])
        session.put_holdings([row("Z98", other)])
    with world.read() as session:
        assert session.holdings(ALPHA) == [other, HOLDING]
        assert session.holdings_of("Z99", [ALPHA, BRAVO]) == {ALPHA: HOLDING}
        assert session.holdings(BRAVO) == []


@pytest.mark.parametrize("author", [nurse(), replace(nurse(), role_profile_id=None), DEVICE])
def test_authors_and_notices_come_back_as_they_were(author):
    assert rows.read_author(rows.write_author(author)) == author
    told = notice(query(author=author).query, HOLDING, HOLDING.entries)
    assert rows.read_notice(rows.write_notice(told)) == told


def test_many_numbers_are_asked_for_at_once(world):
    with world.read() as session:
        assert len(session.people([f"9998{n:06}" for n in range(1500)] + [ALPHA])) == 1


def test_history_is_newest_first_and_keeps_the_offset_of_a_time(world):
    summer = datetime.fromisoformat("2026-07-06T11:15:00+01:00")
    with world.write() as session:
        for event, at in enumerate([summer, summer + timedelta(minutes=1), summer - timedelta(days=1)]):
            kept = StoredQuery(query(event=event, at=at).query, NOW, "user:1", found=True, listed=event != 9)
            session.add_query(kept)
        session.add_query(StoredQuery(query(event=5, at=summer).query, NOW, "user:1", found=True, listed=False))
    with world.read() as session:
        listed = session.history(ALPHA, 2)
        assert [a.event_id[-1] for a in listed] == ["1", "0"]
        assert listed[1] == Access(summer, query(event=0).query.event_id, nurse(), ALPHA)
        assert listed[1].effective_time.utcoffset() == timedelta(hours=1)
        assert session.last_listed(ALPHA, "user:1", until=summer) == summer
        assert session.last_listed(ALPHA, "user:2", until=summer) is None


def test_the_store_and_the_register_in_memory_answer_the_same(world):
    memory = MemoryRegister()
    memory.held[ALPHA, "Z99"] = HOLDING
    with world.write() as session:
        session.put_holdings([row("Z99", HOLDING)])
    steps = [
        query(event=1), query(event=1), query(event=2, author=DEVICE), query(event=3, unscheduled=False),
        query(BRAVO, event=4), query(BRAVO, event=4), query(event=5, at=NOW + timedelta(hours=25)),
    ]  # fmt: skip
    counting = ids(), ids()
    for message in steps:
        expected = look_up(message, memory, settings=Settings(), now=NOW, ids=counting[0])
        with world.write() as session:
            got = look_up(message, session, settings=Settings(), now=NOW, ids=counting[1])
            if got.query:
                session.add_query(got.query)
        if expected.query:
            memory.queries.append(expected.query)
        assert got == expected


def test_file_ids_are_counted_by_what_was_processed(world):
    with world.write() as session:
        for file_id, standing in [("9", "processed"), ("10", "processed"), ("99", "unavailable"), ("x", "processed")]:
            session.put_file("Z99", file_id, standing, f"up{file_id}.xml", NOW)
        assert session.last_file_number("Z99") == 10
        assert session.last_file_number("Z98") is None
        assert [session.standing_of_file("Z99", i) for i in ("9", "99", "8")] == ["processed", "unavailable", None]
        session.put_file("Z99", "99", "processed", "up99.xml", NOW)
        assert session.last_file_number("Z99") == 99


def test_a_failed_transaction_leaves_nothing(world):
    with pytest.raises(ZeroDivisionError), world.write(durable=True) as session:
        session.put_holdings([row("Z99", HOLDING)])
        session.add_delivery("D", "Z99", "kind", "name", b"body")
        _ = 1 / 0
    with world.read() as session:
        assert session.holdings(ALPHA) == [] and session.deliveries("pending", 0, 10) == []


def test_whatever_could_change_a_judgement_raises_the_epoch(world):
    def epoch() -> int:
        with world.read() as session:
            return session.state().epoch

    changes = [
        lambda s: s.set_clock(timedelta(1)),
        lambda s: s.set_pds(available=False),
        lambda s: s.put_people(TEST_PEOPLE[:1]),
    ]
    for changing in changes:
        before = epoch()
        with world.write() as session:
            changing(session)
        assert epoch() > before
    before = epoch()
    world.reset(timedelta(0))
    assert epoch() > before


def test_a_reset_leaves_the_test_people_and_nothing_else(world):
    with world.write() as session:
        session.put_people([Person(BRAVO, PersonName("Bravo", "Testcase"), date(2012, 9, 20))])
        session.put_holdings([row("Z99", HOLDING)])
        session.put_file("Z99", "42", "processed", "up42.xml", NOW)
        session.add_delivery("D", "Z99", "kind", "name", b"body")
        session.add_claim("C", "Z99", "name", "archive", NOW)
        session.set_silent("Z99", silent=True)
        session.put_document("script", "{}")
        session.set_held(held=True)
    world.reset(timedelta(hours=1))
    with world.read() as session:
        assert session.people([BRAVO, ALPHA]).keys() == {ALPHA}
        assert session.holdings(ALPHA) == [] and session.last_file_number("Z99") is None
        assert session.deliveries("pending", 0, 9) == [] and session.claim("C") is None
        assert session.silent() == frozenset() and session.document("script") is None
        assert session.state().held is False
        assert session.now(NOW) == NOW + timedelta(hours=1)


def test_a_delivery_goes_from_pending_to_staged_to_delivered(world):
    with world.write() as session:
        session.add_delivery("D1", "Z99", "kind", "a.xml", b"one")
        session.add_delivery("D2", "Z99", "kind", "b.xml", b"two")
    with world.read() as session:
        first, second = session.deliveries("pending", 0, 10)
        assert (first.name, second.body) == ("a.xml", b"two")
        assert [r.delivery for r in session.deliveries("pending", first.seq, 10)] == ["D2"]
    with world.write() as session:
        session.mark_staged({"D1": "a.1.xml"})
        assert session.delivered_name("D1") is None
        session.mark_delivered(["D1"])
        assert session.delivered_name("D1") == "a.1.xml"
        assert [r.delivery for r in session.deliveries("pending", 0, 10)] == ["D2"]


def test_threads_and_worlds_share_a_store_without_losing_anything(world):
    second = World(world.url)

    def count(of: World) -> None:
        for _ in range(25):
            with of.write() as session:
                session.next_counter()

    threads = [threading.Thread(target=count, args=(w,)) for w in (world, second, world, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with second.write() as session:
        assert session.next_counter() == 101
    second.close()


def test_a_store_of_another_version_is_refused(url):
    World(url).close()
    change(url, "UPDATE meta SET value = '0'")
    with pytest.raises(ConfigError, match=r"another version .*expected 3, found 0.*remove this one"):
        World(url)


@pytest.mark.parametrize(
    "address",
    ["sqlite://", "mysql://localhost/any", "sqlite:///:memory:", "sqlite:////no/such/folder/w.db", "nonsense"],
)
def test_a_store_that_cannot_be_shared_or_opened_is_refused(address):
    with pytest.raises(ConfigError):
        World(address)


def test_a_password_is_in_no_message():
    with pytest.raises(ConfigError, match=r"The store cannot be opened .*cpis:\*\*\*@127") as caught:
        World("postgresql://cpis:open-sesame@127.0.0.1:9/any")
    assert "open-sesame" not in str(caught.value)


def test_a_reader_sees_one_picture_of_the_world_all_along(world):
    with world.read() as reading:
        assert reading.holdings(ALPHA) == []
        with world.write() as writing:
            writing.put_holdings([row("Z99", HOLDING)])
            writing.put_file("Z99", "42", "processed", "up42.xml", NOW)
        assert reading.holdings(ALPHA) == [] and reading.last_file_number("Z99") is None
    with world.read() as reading:
        assert reading.holdings(ALPHA) == [HOLDING] and reading.last_file_number("Z99") == 42


def test_several_may_open_a_new_store_at_once(url):
    opened: list[World] = []
    threads = [threading.Thread(target=lambda: opened.append(World(url, people=TEST_PEOPLE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    with opened[0].read() as session:
        assert session.people([ALPHA]).keys() == {ALPHA}
    for one in opened:
        one.close()


def test_changes_of_people_wait_in_the_order_of_their_instants(world):
    first, second = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    with world.write() as session:
        session.schedule([(second, "c"), (first, "a"), (first, "b")])
        assert session.state().due == first and session.next_change() == first
        assert session.waiting_changes("a") == [(first, "a")]
        assert session.take_changes(first) == ["a", "b"]
        assert session.next_change() == second
    world.reset(timedelta(0))
    with world.read() as session:
        assert session.next_change() is None and session.state().due is None


def test_what_authorities_were_told_is_kept_with_its_file(world):
    with world.write() as session:
        session.add_delivery("D1", "Z99", "access-notification", "a.xml", b"one")
        session.add_told(ALPHA, "Z99", "access-notification", NOW, "42", "EVENT", "D1")
        (before,) = session.told(ALPHA)
        session.mark_delivered(["D1"])
        (after,) = session.told(ALPHA)
        assert (before.is_delivered, after.is_delivered, after.name, after.at) == (False, True, "a.xml", NOW)
        assert session.told(BRAVO) == []


def test_queries_come_back_as_they_were_kept(world):
    kept = [
        StoredQuery(query(event=1, unscheduled=False).query, NOW, "user:1", found=True, listed=False),
        StoredQuery(query(event=2, author=DEVICE, unscheduled=True).query, NOW, "asid:1", found=True, listed=True),
    ]
    with world.write() as session:
        for one in kept:
            session.add_query(one)
    with world.read() as session:
        assert session.stored_queries(ALPHA) == kept


def test_a_failing_database_is_told_in_words_without_values(world):
    change(world.url, "DROP TABLE queries")
    with (
        pytest.raises(HarnessError, match=r"The store does not work .*(no such table|does not exist)") as caught,
        world.write() as session,
    ):
        session.add_query(StoredQuery(query().query, NOW.astimezone(UTC), "k", found=True, listed=True))
    assert ALPHA not in str(caught.value)
