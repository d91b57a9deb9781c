"""A mock Spine in memory for tests: requests of every profile, and a desk that keeps what an exchange leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cpis_simulator.care.client import Question, prepare
from cpis_simulator.codecs.ebxml import (
    ACK_REQUESTED,
    SYNC_REPLY,
    EbxmlHeader,
    EbxmlMessage,
    decode_ebxml,
    decode_header,
    encode_ebxml,
)
from cpis_simulator.codecs.soap import QUERY_ACTION, decode_soap, decode_soap_fault
from cpis_simulator.directory import Directory, default_parties, directory_of, spine_party
from cpis_simulator.driving import Turn
from cpis_simulator.model import QueryMessage, Reply
from cpis_simulator.settings import DataSettings, TransportSettings
from cpis_simulator.spine.answers import HttpAnswer
from cpis_simulator.spine.delivery import Event, OutgoingReply, Standing, after
from cpis_simulator.spine.exchange import Exchange, Surroundings
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.spine.weather import resolved
from tests.simulator.lookup_examples import CHILD, NOW, ToldService, ids, looked_up

REQUEST_ID = "0B1D5C10-7A2E-4C55-9D01-000000000101"
CONVERSATION_ID = "0B1D5C10-7A2E-4C55-9D01-000000000100"

HEADER = EbxmlHeader(
    from_party="RX0-0000001",
    to_party="YES-0000806",
    cpa_id="S2001A0000001",
    conversation_id=CONVERSATION_ID,
    service="urn:nhs:names:services:cpisquery",
    action="QUPC_IN000006GB01",
    message_id=REQUEST_ID,
    timestamp="2026-01-06T10:15:00Z",
)
RELIABLE_HEADER = replace(HEADER, duplicate_elimination=True, ack_requested=ACK_REQUESTED, sync_reply=SYNC_REPLY)
EXPRESS_HEADER = replace(HEADER, sync_reply=SYNC_REPLY)


def query_xml(nhs_number: str = CHILD) -> bytes:
    """The interaction QUPC_IN000006GB01, as the mock care client writes it."""
    body = soap_request(nhs_number).body
    return body[body.index(b"<QUPC_IN") : body.index(b"</soap:Body>")]


def soap_request(nhs_number: str = CHILD) -> Incoming:
    """A synchronous lookup."""
    question = prepare(looked_up(nhs_number=nhs_number), now=NOW, ids=ids())
    assert isinstance(question, Question)
    return Incoming("/sync-service", "text/xml", QUERY_ACTION, question.body)


def ebxml_request(header: EbxmlHeader = RELIABLE_HEADER, payload: bytes | None = None) -> Incoming:
    """An asynchronous lookup."""
    content_type, body = encode_ebxml(header, payload or query_xml(), description="CP-IS query")
    path = "/reliablemessaging/" + ("reliablerequest" if header.ack_requested else "queryrequest")
    return Incoming(path, content_type, f'"{QUERY_ACTION}"', body)


def request(profile: str, nhs_number: str = CHILD) -> Incoming:
    """A lookup in a profile."""
    if profile == "sync":
        return soap_request(nhs_number)
    return ebxml_request(RELIABLE_HEADER if profile == "reliable" else EXPRESS_HEADER, query_xml(nhs_number))


def edited(incoming: Incoming, old: str, new: str) -> Incoming:
    """A request with a text of its body changed, which must be there."""
    assert old.encode() in incoming.body, old
    return replace(incoming, body=incoming.body.replace(old.encode(), new.encode()))


@dataclass
class Memory:
    """A world in memory."""

    directory: Directory = field(
        default_factory=lambda: directory_of(
            spine_party("http://127.0.0.1:4433", TransportSettings()), *default_parties()
        )
    )
    real_now: datetime = NOW
    answers: dict[tuple[str, str], tuple[HttpAnswer, datetime]] = field(default_factory=dict)
    replies: dict[int, OutgoingReply] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class MemoryDesk:
    """One transaction of it."""

    def __init__(self, memory: Memory, application: Callable[[QueryMessage], Reply]) -> None:
        self._memory = memory
        self._application = application

    def now(self) -> datetime:
        return self._memory.real_now

    def real_now(self) -> datetime:
        return self._memory.real_now

    def directory(self) -> Directory:
        return self._memory.directory

    def turn_for(self, party: str | None) -> Turn | None:
        return self._memory.turns.pop(0) if self._memory.turns else None

    def earlier_answer(self, party: str, message_id: str) -> HttpAnswer | None:
        answer, until = self._memory.answers.get((party, message_id), (None, self._memory.real_now))
        return replace(answer, outcome="duplicate") if answer and until > self._memory.real_now else None

    def remember_answer(self, party: str, message_id: str, answer: HttpAnswer, until: datetime) -> None:
        self._memory.answers[party, message_id] = (answer, until)

    def add_reply(self, reply: OutgoingReply) -> int:
        row = len(self._memory.replies) + 1
        self._memory.replies[row] = replace(reply, row=row)
        return row

    def settle_reply(self, party: str, message_id: str, event: Event, reason: str) -> bool:
        found = [r for r in self._memory.replies.values() if (r.party, r.message_id) == (party, message_id)]
        for reply in found:
            course = after(reply.course, event, self._memory.real_now, reason=reason)
            self._memory.replies[reply.row] = replace(reply, course=course)
        return bool(found)

    def answer(self, message: QueryMessage) -> Reply:
        return self._application(message)


class Spine:
    """The exchange of a mock Spine on such a world.

    Args:
        service: The application.
        choices: Settings of the transport.
    """

    def __init__(
        self, service: ToldService, memory: Memory | None = None, *, data: DataSettings | None = None, **choices: Any
    ) -> None:
        self.service = service
        self.memory = memory or Memory()
        self._ids = ids()
        self._exchange = Exchange(TransportSettings.model_validate(choices), data or DataSettings())

    def script(self, *turns: Turn) -> Spine:
        """The turns of the next lookups."""
        self.memory.turns += [resolved(turn) for turn in turns]
        return self

    def post(self, incoming: Incoming) -> HttpAnswer:
        """What a request is answered at once."""

        @contextmanager
        def desk() -> Iterator[MemoryDesk]:
            yield MemoryDesk(self.memory, self.service.answer)

        def now() -> datetime:
            return self.memory.real_now

        return self._exchange.handle(incoming, Surroundings(desk, now, self._ids, self.memory.warnings.append))

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.memory.real_now += timedelta(**by)

    @property
    def replies(self) -> list[OutgoingReply]:
        """Replies that were made, in their order."""
        return list(self.memory.replies.values())

    def waiting(self) -> list[OutgoingReply]:
        """Those that are not delivered."""
        return [r for r in self.replies if r.course.standing is not Standing.DELIVERED]


def read_reply(reply: OutgoingReply) -> EbxmlMessage:
    """A reply taken apart."""
    return decode_ebxml(reply.body, reply.content_type)


def fault_of(answer: HttpAnswer) -> tuple[str, str]:
    """Code and description of the one error of a SOAP fault."""
    ((code, severity, _, description),) = decode_soap_fault(decode_soap(answer.body).body_element).errors
    assert (severity, answer.content_type) == ("Error", "text/xml")
    return code, description


def error_of(answer: HttpAnswer) -> tuple[str, str]:
    """Code and description of the one error of an ebXML MessageError."""
    header = decode_header(answer.body)
    (error,) = header.errors
    assert (header.action, answer.content_type) == ("MessageError", "text/xml")
    assert answer.soap_action == "urn:oasis:names:tc:ebxml-msg:service/MessageError"
    return error.code, error.description
