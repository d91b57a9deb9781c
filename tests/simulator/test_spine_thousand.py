"""A thousand lookups in bad weather, in time that is moved by hand: each ends, none leaves anything twice.

Service, store and client are the real ones; only sockets and clocks are not. The weather is drawn from a seed, and the
seed brings the whole run back.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.care.client import Question, Sender, prepare
from cpis_simulator.care.correspondence import Correspondence
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.soap import QUERY_ACTION
from cpis_simulator.directory import DEFAULT_AUTHORITIES, RELIABLE, default_parties
from cpis_simulator.driving import Weather
from cpis_simulator.service.register import upsert
from cpis_simulator.settings import Settings
from cpis_simulator.spine.exchange import Exchange, Surroundings
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.store import schema
from cpis_simulator.store.rows import write_holding
from cpis_simulator.transport.http_client import HttpReply, Unreachable
from tests.simulator.lookup_examples import CHILD, NOW, ids, looked_up
from tests.simulator.service_examples import record

Z99 = DEFAULT_AUTHORITIES[0]
TIMEOUT = timedelta(minutes=10)
"""Longer than all tries take, so that a lookup that could be answered is."""


class Weathered:
    """One run: a service in bad weather, and a client that asks one lookup after the other."""

    def __init__(self, folder: Path, seed: int, share: float) -> None:
        self.now = NOW
        self.ids = ids()
        settings = Settings()
        self.node = ServiceNode(
            settings,
            DEFAULT_AUTHORITIES,
            folder / "drop",
            f"sqlite:///{folder / 'world.db'}",
            None,
            self.ids,
            lambda: self.now,
            serves_folders=False,
            parties=default_parties(terms=RELIABLE),
        )
        self.node.listens_at("http://127.0.0.1:1")
        self.node.sender._post = self.deliver
        self.exchange = Exchange(settings.transport, settings.data)
        self.client = Correspondence(Sender(profile="reliable"), TIMEOUT)
        self.questions: list[Question] = []
        self.tries: list[tuple[datetime, int]] = []
        with self.node.world.write() as session:
            held = upsert(record(), authority=Z99.organisation(), file_id="1", held={})
            session.put_holdings([(CHILD, "Z99", write_holding(held[CHILD]))])
        self.node.weather(Weather(seed=seed, kinds=["storm"], share=share))

    def deliver(self, address: str, body: bytes, *, headers: dict[str, str], harm: Any, **_: object) -> HttpReply:
        """A reply on its way to the client."""
        if harm is not None and harm.kind != "slow":
            raise Unreachable("broken off")
        found = self.client.receive(body, headers["Content-Type"], now=self.now, ids=self.ids)
        return HttpReply(found.status, found.content_type, found.body)

    def ask(self) -> None:
        question = prepare(looked_up(), now=self.now, ids=self.ids, sender=self.client.sender)
        assert isinstance(question, Question)
        self.questions.append(question)
        self.client.begin(question, self.now)
        heapq.heappush(self.tries, (self.now, len(self.questions) - 1))

    def send(self, question: Question) -> None:
        """One try of a query, and what comes back at once."""
        if self.client.take(question.envelope_id, self.now) is None:
            return
        around = Surroundings(self.node.desk, self.node.now, self.ids, lambda _: None)
        incoming = Incoming(question.path, question.content_type, QUERY_ACTION, question.body)
        found = self.exchange.handle(incoming, around)
        self.node.release(found.replies)
        if found.harm in ("lost", "cut", "reset"):
            self.client.unanswered(question.envelope_id, "the connection broke", self.now)
        else:
            self.client.answered(question.envelope_id, found.status, found.body, self.now)

    def pass_time(self, until: datetime) -> None:
        """Do whatever falls due, each thing at its instant."""
        while True:
            with self.node.world.read() as session:
                due = [session.first_due() or until, self.node.sender._soon[0][0] if self.node.sender._soon else until]
            due += [self.tries[0][0]] if self.tries else []
            if (first := min(due)) >= until:
                break
            self.now = max(self.now, first)
            while self.tries and self.tries[0][0] <= self.now:
                _, number = heapq.heappop(self.tries)
                question = self.questions[number]
                self.send(question)
                if again := self.client.due(question.envelope_id):
                    heapq.heappush(self.tries, (again, number))
            self.node.sender.wake()
            for reply in self.node.sender.ready():
                self.node.sender.send(reply)
        self.now = until

    def play(self, lookups: int) -> None:
        for _ in range(lookups):
            self.ask()
            self.pass_time(self.now + timedelta(seconds=2))
        self.pass_time(self.now + TIMEOUT + timedelta(minutes=1))

    def ends(self) -> list[tuple[str, int]]:
        """How each lookup ended, and after how many tries."""
        found = []
        for question in self.questions:
            result = self.client.result(question.envelope_id, self.now)
            assert result is not None
            found.append((result.status, self.client.tries(question.envelope_id)))
        return found

    def kept(self) -> tuple[Counter[str], Counter[str]]:
        """By event: entries of the history, and notifications that tell of it."""
        with self.node.world.read() as session:
            history = Counter(str(query["event_id"]) for query in session.queries(CHILD))
            bodies = session._connection.execute(select(schema.outbox.c.body)).scalars().all()
        told = Counter(
            access.event_id
            for body in bodies
            for group in decode_access_notification(bytes(body)).groups
            for access in group.accesses
        )
        return history, told


@contextmanager
def weathered(folder: Path, seed: int, lookups: int, share: float = 0.6) -> Iterator[Weathered]:
    folder.mkdir(parents=True, exist_ok=True)
    run = Weathered(folder, seed, share)
    try:
        run.play(lookups)
        yield run
    finally:
        run.node.world.close()


def test_a_thousand_lookups_in_a_storm_each_end_and_leave_nothing_twice(tmp_path: Path) -> None:
    with weathered(tmp_path, seed=20260106, lookups=1000) as run:
        ends = Counter(status for status, _ in run.ends())
        history, told = run.kept()
        with run.node.world.read() as session:
            left = [reply.course.standing.value for reply in session.replies()]
    assert set(ends) == {"found", "unknown"}
    assert ends.total() == 1000
    # Most get through; what does not says so.
    assert ends["found"] > 600
    assert set(history.values()) == {1}
    assert set(told.values()) == {1}
    assert history.keys() == told.keys()
    # Whoever was shown a record is in the history.
    events = {q.event_id for q, (status, _) in zip(run.questions, run.ends(), strict=True) if status == "found"}
    assert events <= history.keys()
    assert "waiting" not in left and "trying" not in left


def test_in_fair_weather_every_lookup_is_found_at_the_first_try(tmp_path: Path) -> None:
    with weathered(tmp_path, seed=1, lookups=25, share=0) as run:
        assert run.ends() == [("found", 1)] * 25
        history, told = run.kept()
    assert (history.total(), told.total()) == (25, 25)


@pytest.mark.parametrize("seed", [3, 4])
def test_the_seed_brings_the_run_back(tmp_path: Path, seed: int) -> None:
    with weathered(tmp_path / "a", seed, 60) as first, weathered(tmp_path / "b", seed, 60) as again:
        assert first.ends() == again.ends()
        assert first.kept() == again.kept()


def test_another_seed_brings_other_weather(tmp_path: Path) -> None:
    with weathered(tmp_path / "a", 3, 60) as first, weathered(tmp_path / "b", 4, 60) as other:
        assert first.ends() != other.ends()
