"""Replies survive their process, and processes that share a store agree on who sends what."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.apps.reply_sender import PER_PARTY, SENDERS
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.ebxml import encode_acknowledgement
from cpis_simulator.directory import DEFAULT_AUTHORITIES, RELIABLE, default_parties
from cpis_simulator.driving import Nothing, PartyEntry, PutParties, Reset, Script, Turn
from cpis_simulator.evidence import LOOKUP, PRESENT
from cpis_simulator.settings import Settings
from cpis_simulator.spine.answers import HttpAnswer
from cpis_simulator.spine.exchange import Exchange, Surroundings
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.store.journal import Journal
from cpis_simulator.transport.http_client import HttpReply, Unreachable
from tests.simulator.lookup_examples import NOW
from tests.simulator.spine_examples import RELIABLE_HEADER, ebxml_request, read_reply, request


class Process:
    """One process of a service: a node whose posts go nowhere, at a time that is moved by hand."""

    def __init__(self, folder: Path, *, reliable: bool = False, journal: Journal | None = None) -> None:
        self.now = NOW
        self.posted: list[str] = []
        self.answers: list[HttpReply | Exception] = []
        settings = Settings()
        self.node = ServiceNode(
            settings,
            DEFAULT_AUTHORITIES,
            folder / "drop",
            f"sqlite:///{folder / 'world.db'}",
            journal,
            lambda: str(uuid.uuid4()).upper(),
            lambda: self.now,
            serves_folders=False,
            parties=default_parties(**({"terms": RELIABLE} if reliable else {})),
        )
        self.node.listens_at("http://127.0.0.1:1")
        self.node.sender._post = self._post
        self._exchange = Exchange(settings.transport, settings.data)

    def _post(self, address: str, body: bytes, **how: Any) -> HttpReply:
        self.posted.append(address)
        answer = self.answers.pop(0) if self.answers else HttpReply(200, "", b"")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def accept(self, incoming: Incoming, *, scenario: str | None = None) -> HttpAnswer:
        """Take a request; its acknowledgement has not left yet."""
        desk = lambda: self.node.desk("E", scenario)  # noqa: E731 - handed on as it is
        around = Surroundings(desk, self.node.now, lambda: str(uuid.uuid4()).upper(), lambda _: None)
        return self._exchange.handle(incoming, around)

    def send(self, *, after_s: float = 0.0) -> int:
        """Let time pass and send what is due; how many tries were made."""
        self.now += timedelta(seconds=after_s)
        self.node.sender.wake()
        ready = self.node.sender.ready()
        for reply in ready:
            self.node.sender.send(reply)
        return len(ready)

    def left(self) -> list[tuple[str, int]]:
        return [(r.standing, r.tries) for r in self.node.replies(Nothing()).replies]


@contextmanager
def processes(folder: Path, count: int = 1, **how: Any) -> Iterator[list[Process]]:
    made = [Process(folder, **how) for _ in range(count)]
    try:
        yield made
    finally:
        for process in made:
            process.node.world.close()


def another() -> Incoming:
    return ebxml_request(replace(RELIABLE_HEADER, message_id=str(uuid.uuid4()).upper()))


def test_a_reply_waits_for_its_acknowledgement_to_leave(tmp_path: Path) -> None:
    with processes(tmp_path) as (service,):
        accepted = service.accept(request("reliable"))
        assert service.send(after_s=1) == 0
        service.node.release(accepted.replies)
        assert service.send() == 1
        assert service.posted == ["http://127.0.0.1:4434/"]
        assert service.left() == []


def test_a_reply_of_a_process_that_is_gone_is_sent_by_the_next(tmp_path: Path) -> None:
    with processes(tmp_path) as (first,):
        first.accept(request("reliable"))
    with processes(tmp_path) as (next_one,):
        next_one.node.sender._adopts = True
        assert next_one.send() == 1
        assert next_one.left() == []


def test_a_reply_of_a_process_that_is_gone_is_sent_by_its_neighbour_when_its_lease_is_over(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (gone, neighbour):
        gone.accept(request("reliable"))
        assert neighbour.send(after_s=24) == 0
        assert neighbour.send(after_s=2) == 1


def test_of_two_processes_one_takes_a_reply_that_is_due(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (one, other):
        one.node.script(Script(turns=[Turn(weather="late-reply", reply_delay_s=5)]))
        one.accept(request("reliable"))
        one.now += timedelta(seconds=6)
        other.now = one.now
        assert (other.send(), one.send()) == (1, 0)


def test_a_duplicate_at_another_process_gets_the_same_acknowledgement(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (one, other):
        first = one.accept(request("reliable"))
        again = other.accept(request("reliable"))
        assert (again.body, again.outcome, again.replies) == (first.body, "duplicate", ())


def test_copies_that_come_at_one_instant_to_two_processes_are_dealt_with_once(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as both, ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda n: both[n % 2].accept(request("reliable")), range(16)))
        assert len({answer.body for answer in given}) == 1
        assert sorted(answer.outcome for answer in given) == ["duplicate"] * 15 + ["no-record"]
        assert sum(len(answer.replies) for answer in given) == 1
        assert both[0].left() == [("waiting", 0)]


def test_a_duplicate_after_a_restart_gets_the_same_acknowledgement(tmp_path: Path) -> None:
    with processes(tmp_path) as (first,):
        acknowledged = first.accept(request("reliable")).body
    with processes(tmp_path) as (next_one,):
        assert next_one.accept(request("reliable")).body == acknowledged


def test_what_is_remembered_is_forgotten_in_time(tmp_path: Path) -> None:
    with processes(tmp_path) as (service,):
        service.accept(request("reliable"))
        service.send(after_s=301)
        with service.node.world.read() as session:
            assert session.earlier_answer("RX0-0000001", RELIABLE_HEADER.message_id, NOW) is None


def test_a_reliable_reply_is_tried_three_times_a_minute_apart(tmp_path: Path) -> None:
    with processes(tmp_path, reliable=True) as (service,):
        service.answers = [HttpReply(500, "", b""), Unreachable("nobody"), HttpReply(200, "", b"")]
        service.node.release(service.accept(request("reliable")).replies)
        assert service.send(after_s=1) == 1
        assert (service.send(after_s=59), service.send(after_s=1)) == (0, 1)
        assert service.send(after_s=60) == 1
        assert service.left() == [("waiting", 3)]
        assert service.send(after_s=60) == 0
        assert service.left() == [("failed", 3)]


def test_a_late_acknowledgement_at_another_process_ends_the_tries(tmp_path: Path) -> None:
    with processes(tmp_path, 2, reliable=True) as (one, other):
        one.node.release(one.accept(request("reliable")).replies)
        assert one.send(after_s=1) == 1
        with one.node.world.read() as session:
            (reply,) = session.replies()
        body = encode_acknowledgement(read_reply(reply).header, message_id="A", acknowledged="T")
        other.accept(Incoming("/", "text/xml", "urn:oasis:names:tc:ebxml-msg:service/Acknowledgment", body))
        assert (one.left(), one.send(after_s=60)) == ([], 0)


def test_scripts_are_one_for_all_processes_and_each_turn_is_used_once(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (one, other):
        one.node.script(Script(turns=[Turn(weather="fault-206"), Turn(weather="fault-208")], party="RX0-0000001"))
        found = [other.accept(another()), one.accept(another()), other.accept(another())]
        assert [answer.weather for answer in found] == ["fault-206", "fault-208", ""]


def test_a_script_of_another_party_is_left_alone(tmp_path: Path) -> None:
    with processes(tmp_path) as (service,):
        service.node.script(Script(turns=[Turn(weather="fault-206")], party="RX0-0000002"))
        assert service.accept(another()).status == 202
        assert service.accept(ebxml_request(replace(RELIABLE_HEADER, from_party="RX0-0000002"))).weather == "fault-206"


def test_a_party_that_is_added_at_one_process_is_known_to_all(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (one, other):
        other.accept(another())
        entry = PartyEntry(key="RX0-0000001", ods="ZZ9", endpoint="http://127.0.0.1:9/new")
        one.node.put_parties(PutParties(parties=[entry]))
        other.node.release(other.accept(another()).replies)
        other.send(after_s=1)
        assert other.posted == ["http://127.0.0.1:9/new"]


def test_a_reset_forgets_parties_scripts_weather_and_replies(tmp_path: Path) -> None:
    with processes(tmp_path) as (service,):
        entry = PartyEntry(key="RX9-0000001", ods="ZZ9", endpoint="http://127.0.0.1:9/new")
        service.node.put_parties(PutParties(parties=[entry]))
        service.node.script(Script(turns=[Turn(weather="late-reply"), Turn(weather="fault-206")]))
        service.accept(another())
        service.node.world.reset(timedelta(0))
        assert "RX9-0000001" not in service.node.directory().parties
        assert (service.left(), service.accept(another()).weather) == ([], "")
        assert Reset().base is None


def test_a_late_reply_belongs_to_the_scenario_that_asked(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "evidence")
    with processes(tmp_path, journal=journal) as (service,):
        journal.append("mark", sender="harness", receiver="harness", headers={}, scenario="first")
        accepted = service.accept(request("express"), scenario="first")
        journal.append("mark", sender="harness", receiver="harness", headers={}, scenario="second")
        service.node.release(accepted.replies)
        service.send(after_s=1)
        journal.append("probe", sender="service", receiver="harness", headers={})
    records = journal.records()
    assert [r.scenario for r in records] == ["first", "second", "first", "first", "second"]
    assert [r.headers.get(PRESENT) for r in records if r.channel == LOOKUP] == ["second", "second"]
    # A writer that has to learn the end of the file from the file goes on in the same scenario.
    later = Journal(tmp_path / "evidence").append("probe", sender="service", receiver="harness", headers={})
    assert later.scenario == "second"


@pytest.mark.parametrize("instant", [datetime(2026, 1, 1, tzinfo=UTC)])
def test_replies_go_by_real_time_whatever_the_worlds_clock_shows(tmp_path: Path, instant: datetime) -> None:
    with processes(tmp_path) as (service,):
        with service.node.world.write() as session:
            session.set_clock(instant - NOW)
        service.node.release(service.accept(request("reliable")).replies)
        assert service.send(after_s=1) == 1


def test_a_reply_that_waits_behind_others_beyond_its_lease_is_sent_once(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (service, neighbour):
        service.node.release(service.accept(request("reliable")).replies)
        service.now += timedelta(seconds=1)
        (waiting,) = service.node.sender.ready()
        for _ in range(3):
            assert service.send(after_s=20) == 0
            neighbour.now = service.now
            assert neighbour.send() == 0
        service.node.sender._send_safely(waiting)
        assert (service.posted, neighbour.posted) == (["http://127.0.0.1:4434/"], [])
        assert (service.left(), service.send(after_s=60)) == ([], 0)


def test_a_reply_whose_lease_is_over_is_left_to_whoever_took_it(tmp_path: Path) -> None:
    with processes(tmp_path, 2) as (service, neighbour):
        service.node.release(service.accept(request("reliable")).replies)
        service.now += timedelta(seconds=1)
        (waiting,) = service.node.sender.ready()
        assert neighbour.send(after_s=26) == 1
        service.now = neighbour.now
        service.node.sender._send_safely(waiting)
        assert (service.posted, neighbour.posted) == ([], ["http://127.0.0.1:4434/"])


def test_a_party_that_answers_nobody_keeps_no_other_waiting(tmp_path: Path) -> None:
    over, told = threading.Event(), threading.Event()
    stuck: list[str] = []

    def post(address: str, body: bytes, **how: Any) -> HttpReply:
        if address.endswith(":4434/"):
            stuck.append(address)
            over.wait(10)
        else:
            told.set()
        return HttpReply(200, "", b"")

    with processes(tmp_path) as (service,):
        sender = service.node.sender
        sender._post = post
        for _ in range(3 * SENDERS):
            service.node.release(service.accept(another()).replies)
        other = replace(RELIABLE_HEADER, from_party="RX0-0000002")
        service.node.release(service.accept(ebxml_request(other)).replies)
        service.now += timedelta(seconds=1)
        sender.start(adopts=False)
        assert told.wait(10), "the reply to the other party did not leave within 10 s"
        assert len(stuck) == PER_PARTY
        over.set()
        sender.stop()
