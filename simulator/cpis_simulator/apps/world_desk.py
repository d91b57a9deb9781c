"""The desk of an exchange: one transaction of the store, and what the process remembers of directory and weather."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cpis_simulator.apps.reply_sender import ReplySender
from cpis_simulator.directory import Directory, Party, directory_of
from cpis_simulator.driving import PartyEntry, Turn, Weather
from cpis_simulator.model import QueryMessage, Reply
from cpis_simulator.settings import TransportSettings
from cpis_simulator.spine.answers import HttpAnswer
from cpis_simulator.spine.delivery import Event, OutgoingReply, after
from cpis_simulator.spine.parties import party_of
from cpis_simulator.spine.weather import drawn
from cpis_simulator.store.session import Session


@dataclass(frozen=True, slots=True)
class Setup:
    """Directory, scripts and weather as they were at a version of the world's set-up."""

    version: int
    directory: Directory
    scripted: bool
    weather: Weather | None


class SetupMemory:
    """What the process remembers of the set-up, read again only when its version has changed.

    Args:
        parties: Those of the configuration.
        transport: What holds for parties that are added.
    """

    def __init__(self, parties: Sequence[Party], transport: TransportSettings) -> None:
        """Nothing is read yet."""
        self.parties = tuple(parties)
        self._transport = transport
        self._known: Setup | None = None

    def forget(self) -> None:
        """The configured parties have changed."""
        self._known = None

    def read(self, session: Session) -> Setup:
        """The set-up as it is in this transaction."""
        version = session.state().setup
        known = self._known
        if known is None or known.version != version:
            entries = [PartyEntry.model_validate_json(body) for body in session.parties()]
            added = [party_of(entry, self._transport) for entry in entries]
            weather = session.document("weather")
            known = Setup(
                version,
                directory_of(*self.parties, *added),
                session.has_turns(),
                Weather.model_validate_json(weather) if weather else None,
            )
            self._known = known
        return known


class WorldDesk:
    """One transaction; a `Desk` for the exchange.

    Args:
        session: The transaction.
        setup: As it is in it.
        sender: Sends the replies.
        application: Answers a query within the transaction, and says whether an authority is to be told.
        real_now: Real time.
        exchange: Id under which the evidence of this lookup stands.
        scenario: Whose evidence that is.
    """

    def __init__(
        self,
        session: Session,
        setup: Setup,
        sender: ReplySender,
        application: Callable[[Session, QueryMessage], tuple[Reply, bool]],
        real_now: Callable[[], datetime],
        exchange: str,
        scenario: str | None,
    ) -> None:
        """Nothing is done yet."""
        self._session = session
        self._setup = setup
        self._sender = sender
        self._application = application
        self._real_now = real_now
        self._exchange = exchange
        self._scenario = scenario
        self.reserved: list[OutgoingReply] = []
        self.notified = False

    def now(self) -> datetime:
        """What the world's clock shows."""
        return self._session.now(self._real_now())

    def real_now(self) -> datetime:
        """Real time."""
        return self._real_now()

    def directory(self) -> Directory:
        """Who takes what, and where."""
        return self._setup.directory

    def turn_for(self, party: str | None) -> Turn | None:
        """A scripted turn, or one that the weather draws."""
        if self._setup.scripted and (body := self._session.next_turn(party or "")) is not None:
            return Turn.model_validate_json(body)
        weather = self._setup.weather
        if weather is None or not weather.kinds:
            return None
        return drawn(weather, self._session.count_weather())

    def earlier_answer(self, party: str, message_id: str) -> HttpAnswer | None:
        """What the message was answered while it is still remembered."""
        found = self._session.earlier_answer(party, message_id, self._real_now())
        if found is None:
            return None
        status, body, soap_action = found
        return HttpAnswer(status, body, "duplicate", soap_action=soap_action)

    def remember_answer(self, party: str, message_id: str, answer: HttpAnswer, until: datetime) -> None:
        """Remember what the message was answered."""
        self._session.remember_answer(party, message_id, until, (answer.status, answer.body, answer.soap_action))

    def add_reply(self, reply: OutgoingReply) -> int:
        """Keep a reply; one that is due soon is this process's to send."""
        reply = replace(reply, exchange=self._exchange, scenario=self._scenario)
        if not self._sender.is_soon(reply):
            return self._session.add_reply(reply)
        kept = replace(reply, course=replace(reply.course, due=reply.course.due + self._sender.lease))
        row = self._session.add_reply(kept, taken=True)
        self.reserved.append(replace(reply, row=row))
        return row

    def settle_reply(self, party: str, message_id: str, event: Event, reason: str) -> bool:
        """Note what a party told about a reply on a connection of its own."""
        replies = self._session.replies_named(party, message_id)
        for reply in replies:
            course = after(reply.course, event, self._real_now(), reason=reason)
            if course != reply.course:
                self._session.put_course(reply.row, course)
        return bool(replies)

    def answer(self, message: QueryMessage) -> Reply:
        """Have the application answer."""
        reply, notified = self._application(self._session, message)
        self.notified |= notified
        return reply
