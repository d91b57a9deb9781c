"""Loss, duplication and delay in any order: no reply is lost unsaid, none reaches the clinician twice.

A client and a mock Spine, both without sockets, on a network that hypothesis runs: every message on its way may arrive,
get lost, arrive twice or wait while time passes; so may every answer. Whatever happened, once the network works again
each lookup ends in one answer or in a status that is said to be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cpis_simulator.care.client import Question, Sender, prepare
from cpis_simulator.care.correspondence import Correspondence
from cpis_simulator.codecs.soap import QUERY_ACTION
from cpis_simulator.directory import EXPRESS, RELIABLE, Terms, care_party, directory_of, spine_party
from cpis_simulator.model import QueryMessage, Reply
from cpis_simulator.settings import Profile, TransportSettings
from cpis_simulator.spine.delivery import Event, OutgoingReply, Standing, after, outcome_of_reply
from cpis_simulator.spine.intake import Incoming
from tests.simulator.lookup_examples import NOW, ToldService, answer, ids, looked_up
from tests.simulator.spine_examples import Memory, Spine

PATIENCE = timedelta(minutes=30)
"""Longer than any number of tries takes, so that what ends a lookup is never the clock."""
LEASE = timedelta(seconds=25)
LONGEST_WAY = timedelta(seconds=120)
"""No connection lives longer: what is on its way for so long is lost. Ids are remembered for longer than all tries."""


class CountingService(ToldService):
    """The application, which counts how often each query reached it."""

    def __init__(self) -> None:
        super().__init__(answer())

    def answer(self, message: QueryMessage) -> Reply:
        self.asked.append(message)
        return answer()

    def times(self, event_id: str) -> int:
        return sum(m.query.event_id == event_id for m in self.asked)


@dataclass(frozen=True)
class Letter:
    """A message on its way, in either direction."""

    number: int
    sent: datetime
    query: Question | None = None
    reply: OutgoingReply | None = None


class Network(RuleBasedStateMachine):
    """A reliable client and a mock Spine with the network between them."""

    profile: Profile = "reliable"
    terms: Terms = RELIABLE

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.ids = ids()
        self.service = CountingService()
        memory = Memory(
            directory=directory_of(
                spine_party("http://127.0.0.1:1", TransportSettings()),
                care_party("RX0-0000001", "ZZ9", "X", [], "http://127.0.0.1:2/", "C", self.terms),
            )
        )
        self.spine = Spine(self.service, memory, reply_delay=0)
        self.client = Correspondence(Sender(profile=self.profile), PATIENCE)
        self.questions: list[Question] = []
        self.letters: list[Letter] = []
        self.trying: dict[int, OutgoingReply] = {}
        self.taken: dict[str, int] = {}
        self.arrived: set[str] = set()

    @property
    def now(self) -> datetime:
        return self.spine.memory.real_now

    @rule()
    @precondition(lambda self: len(self.questions) < 4)
    def ask(self) -> None:
        question = prepare(looked_up(), now=self.now, ids=self.ids, sender=self.client.sender)
        assert isinstance(question, Question)
        self.questions.append(question)
        self.client.begin(question, self.now)
        self.send_queries()

    @rule(seconds=st.sampled_from([1, 20, 61]))
    def time_passes(self, seconds: int) -> None:
        self.spine.later(seconds=seconds)
        for letter in [letter for letter in self.letters if self.now - letter.sent > LONGEST_WAY]:
            self.letters.remove(letter)
            self.unanswered(letter)
        self.send_queries()
        self.send_replies()

    @precondition(lambda self: self.letters)
    @rule(data=st.data(), duplicated=st.booleans(), answer_arrives=st.booleans())
    def a_letter_arrives(self, data: st.DataObject, duplicated: bool, answer_arrives: bool) -> None:
        letter = self.letters.pop(data.draw(st.integers(0, len(self.letters) - 1)))
        if duplicated:
            self.letters.append(letter)
        self.arrive(letter, answer_arrives)

    @precondition(lambda self: self.letters)
    @rule(data=st.data())
    def a_letter_is_lost(self, data: st.DataObject) -> None:
        letter = self.letters.pop(data.draw(st.integers(0, len(self.letters) - 1)))
        self.unanswered(letter)

    def arrive(self, letter: Letter, answer_arrives: bool) -> None:
        if letter.query is not None:
            question = letter.query
            found = self.spine.post(Incoming(question.path, question.content_type, QUERY_ACTION, question.body))
            self.send_replies()
            if answer_arrives:
                self.client.answered(question.envelope_id, found.status, found.body, self.now)
                return
        elif letter.reply is not None:
            reply = letter.reply
            before = self.client.result(reply.ref_to_message_id, NOW)
            found = self.client.receive(reply.body, reply.content_type, now=self.now, ids=self.ids)
            self.arrived.add(reply.message_id)
            if before is not self.client.result(reply.ref_to_message_id, NOW):
                self.taken[reply.ref_to_message_id] = self.taken.get(reply.ref_to_message_id, 0) + 1
            if answer_arrives:
                needs_ack = reply.course.needs_ack
                outcome = outcome_of_reply(found.status, found.body, reply.message_id, needs_ack=needs_ack)
                self.settle(reply, outcome.event)
                return
        self.unanswered(letter)

    def unanswered(self, letter: Letter) -> None:
        if letter.query is not None:
            self.client.unanswered(letter.query.envelope_id, "no answer", self.now)
        elif letter.reply is not None:
            self.settle(letter.reply, Event.FAULTED)

    def settle(self, reply: OutgoingReply, event: Event) -> None:
        """The answer to a try has come; only the try that is under way has one to wait for."""
        kept = self.spine.memory.replies[reply.row]
        course = after(kept.course, event, self.now, reason="lost")
        self.spine.memory.replies[reply.row] = OutgoingReply(
            **{name: getattr(kept, name) for name in kept.__slots__ if name != "course"}, course=course
        )

    def send_queries(self) -> None:
        for question in self.questions:
            due = self.client.due(question.envelope_id)
            if due is not None and due <= self.now and self.client.take(question.envelope_id, self.now):
                self.letters.append(Letter(next(self.numbers), self.now, query=question))

    def send_replies(self) -> None:
        for row, reply in self.spine.memory.replies.items():
            course = reply.course
            if course.standing in (Standing.WAITING, Standing.TRYING) and course.due <= self.now:
                moved = after(course, Event.DUE, self.now, lease=LEASE)
                sent = OutgoingReply(
                    **{name: getattr(reply, name) for name in reply.__slots__ if name != "course"}, course=moved
                )
                self.spine.memory.replies[row] = sent
                if moved.standing is Standing.TRYING:
                    self.letters.append(Letter(next(self.numbers), self.now, reply=sent))

    @invariant()
    def a_query_reaches_the_application_once(self) -> None:
        if self.profile == "reliable":
            assert all(self.service.times(q.event_id) <= 1 for q in self.questions)

    @invariant()
    def a_clinician_is_told_of_an_answer_once(self) -> None:
        assert all(times == 1 for times in self.taken.values())

    @invariant()
    def a_reply_is_delivered_only_if_it_arrived(self) -> None:
        for reply in self.spine.replies:
            if reply.course.standing is Standing.DELIVERED:
                assert reply.message_id in self.arrived

    def teardown(self) -> None:
        """From now on everything arrives, and time passes until nothing is left to do."""
        for _ in range(6):
            while self.letters:
                self.arrive(self.letters.pop(0), answer_arrives=True)
            self.time_passes(61)
        for reply in self.spine.replies:
            assert reply.course.standing in (Standing.DELIVERED, Standing.FAILED)
            # What was given up after all its tries was lost that often, and says so.
            assert reply.course.standing is Standing.DELIVERED or reply.course.reason
        for question in self.questions:
            result = self.client.result(question.envelope_id, self.now + PATIENCE)
            assert result is not None
            replies = [r for r in self.spine.replies if r.ref_to_message_id == question.envelope_id]
            if any(r.message_id in self.arrived for r in replies):
                assert result.status == "found"
            else:
                assert result.status == "unknown"


class ExpressReplies(Network):
    """Replies that are tried once, as the real directory has them."""

    terms = EXPRESS


class ExpressQueries(Network):
    """Queries that are tried once and not known again."""

    profile: Profile = "express"


@pytest.mark.parametrize("machine", [Network, ExpressReplies, ExpressQueries])
def test_no_reply_is_lost_unsaid_and_none_is_taken_twice(machine: type[Network]) -> None:
    case = machine.TestCase
    case.settings = settings(
        max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()


def test_the_network_would_notice_a_reply_that_is_taken_twice() -> None:
    network = Network()
    network.ask()
    network.arrive(network.letters.pop(0), answer_arrives=True)
    reply = network.letters[0]
    network.arrive(reply, answer_arrives=True)
    network.client._answered.clear()
    network.client._askings[network.questions[0].envelope_id].result = None
    network.arrive(reply, answer_arrives=True)
    with pytest.raises(AssertionError):
        network.a_clinician_is_told_of_an_answer_once()
