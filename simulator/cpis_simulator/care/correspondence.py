"""The mock care client's message handler: queries under way, and the replies that belong to them; no sockets here.

Theory of operation. A query is sent, answered at once with an acknowledgement or a fault, tried again with the same
bytes where its contract says so, and answered later by a message that comes on a connection of its own and names it.
What names no query of ours is not taken. A lookup ends with its reply, with a refusal, or when its time is over: then
its status is unknown, and a reply that comes later still belongs to it and to nothing else. A reply that comes twice is
taken once.

Source: CP-IS over Spine, transport sections 5, 9 and 12; CP-IS rules QRY-011, QRY-013, OPS-005 to OPS-007.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cpis_simulator.care.client import CareClient, Question, Sender, fault_text
from cpis_simulator.codecs.ebxml import (
    ACKNOWLEDGEMENT_ACTION,
    MESSAGE_ERROR_ACTION,
    NOT_WELL_FORMED,
    EbxmlMessage,
    MessageError,
    decode_ebxml,
    decode_header,
    encode_acknowledgement,
    encode_message_error,
)
from cpis_simulator.codecs.soap import decode_soap, decode_soap_fault
from cpis_simulator.directory import EXPRESS, RELIABLE
from cpis_simulator.driving import LookUpResult
from cpis_simulator.errors import DecodeError
from cpis_simulator.spine.answers import RETRIABLE, UNKNOWN_TO, HttpAnswer, soap_fault
from cpis_simulator.spine.delivery import Course, Event, Outcome, Standing, after, course

REMEMBERED: Final = 10_000
"""Lookups, and ids of replies, that are remembered; the oldest are forgotten first."""


@dataclass(slots=True)
class Asking:
    """A query under way: what was asked, how far its sending has come, until when an answer is waited for."""

    question: Question
    course: Course
    until: datetime
    result: LookUpResult | None = None


@dataclass(slots=True)
class Correspondence:
    """All queries of a message handler, and what has come of them.

    Attributes:
        sender: Who we are, and in what profile we ask.
        timeout: How long an answer is waited for (setting `query.client_timeout`).
        time_scale: Divides the durations of the contract (setting `transport.time_scale`).
        client: What is made of replies.
    """

    sender: Sender
    timeout: timedelta
    time_scale: float = 1.0
    client: CareClient = field(default_factory=CareClient)
    _askings: dict[str, Asking] = field(default_factory=dict)
    _answered: dict[str, HttpAnswer] = field(default_factory=dict)

    def begin(self, question: Question, now: datetime) -> None:
        """A query is to be sent now."""
        terms = RELIABLE if self.sender.profile == "reliable" else EXPRESS
        asking = Asking(question, course(terms, now, scale=self.time_scale), now + self.timeout)
        self._askings[question.envelope_id] = asking
        _forget_oldest(self._askings)

    def resume(self, question: Question, result: LookUpResult | None) -> None:
        """A query of before a restart: nothing is sent any more, and a reply to it still belongs to it."""
        terms = RELIABLE if self.sender.profile == "reliable" else EXPRESS
        sent = replace(course(terms, question.asked), standing=Standing.FAILED)
        self._askings[question.envelope_id] = Asking(question, sent, question.asked + self.timeout, result)

    def take(self, envelope_id: str, now: datetime) -> Question | None:
        """The query to send again, where it is due; None when there is nothing more to send."""
        asking = self._askings.get(envelope_id)
        if asking is None or asking.result is not None or asking.course.standing is not Standing.WAITING:
            return None
        asking.course = after(asking.course, Event.DUE, now)
        return asking.question if asking.course.standing is Standing.TRYING else None

    def due(self, envelope_id: str) -> datetime | None:
        """When the query is to be sent again; None when it is not."""
        asking = self._askings.get(envelope_id)
        waits = asking is not None and asking.result is None and asking.course.standing is Standing.WAITING
        return asking.course.due if asking is not None and waits else None

    def answered(self, envelope_id: str, status: int, body: bytes, now: datetime) -> None:
        """What came back at once for a query."""
        self._note(envelope_id, _outcome(status, body, envelope_id, self.sender.profile == "reliable"), now)

    def unanswered(self, envelope_id: str, reason: str, now: datetime) -> None:
        """Nothing came back for a query: nobody there, or no answer in time."""
        self._note(envelope_id, Outcome(Event.FAULTED, reason), now)

    def _note(self, envelope_id: str, outcome: Outcome, now: datetime) -> None:
        asking = self._askings.get(envelope_id)
        if asking is None:
            return
        asking.course = after(asking.course, outcome.event, now, reason=outcome.reason)
        if asking.result is None and asking.course.standing is Standing.FAILED and outcome.reason:
            asking.result = self.client.unknown(asking.question, asking.course.reason)

    def knows(self, envelope_id: str) -> bool:
        """The query is one of ours."""
        return envelope_id in self._askings

    def result(self, envelope_id: str, now: datetime) -> LookUpResult | None:
        """What is shown of a lookup: its answer, or that its status is unknown; None while it is waited for."""
        asking = self._askings[envelope_id]
        if asking.result is None and now >= asking.until:
            asking.result = self.client.unknown(asking.question, f"no answer within {self.timeout.total_seconds():g} s")
        return asking.result

    def tries(self, envelope_id: str) -> int:
        """How often a query was sent."""
        return self._askings[envelope_id].course.tries

    def receive(self, body: bytes, content_type: str, *, now: datetime, ids: Callable[[], str]) -> HttpAnswer:
        """Take a reply of the service, and answer it.

        Args:
            body: As it came.
            content_type: The HTTP header.
            now: The client's time.
            ids: Gives upper-case UUIDs.
        """
        try:
            message = decode_ebxml(body, content_type, party="service")
        except DecodeError as error:
            return soap_fault(201, f"{NOT_WELL_FORMED}: {error}")
        header = message.header
        if header.to_party != self.sender.party_key:
            return self._refuse(message, UNKNOWN_TO, ids(), now)
        if header.message_id in self._answered:
            return replace(self._answered[header.message_id], outcome="duplicate")
        waiting = [reference for reference, asking in self._askings.items() if asking.result is None]
        asking = self._askings.get(self.client.asked_by(header.ref_to_message_id, waiting))
        if asking is None:
            return soap_fault(200, "The reply names no query that was made here")
        if message.payload is None:
            return self._refuse(message, MessageError("MimeProblem", "INVALID_MANIFEST_REFERENCE"), ids(), now)
        answer = _acknowledged(message, ids(), now)
        self._answered[header.message_id] = answer
        _forget_oldest(self._answered)
        result = self.client.understand_payload(asking.question, message.payload)
        if self.client.replaces(asking.result, result):
            asking.result = result
        return answer

    def _refuse(self, message: EbxmlMessage, error: MessageError, message_id: str, now: datetime) -> HttpAnswer:
        body = encode_message_error(message.header, [error], message_id=message_id, timestamp=_timestamp(now))
        return HttpAnswer(200, body, "error", soap_action=MESSAGE_ERROR_ACTION)


def _acknowledged(message: EbxmlMessage, message_id: str, now: datetime) -> HttpAnswer:
    """As a real client answers: with an acknowledgement where one was asked for, else with nothing but success."""
    if message.header.ack_requested is None:
        return HttpAnswer(200, b"", "accepted")
    body = encode_acknowledgement(message.header, message_id=message_id, acknowledged=_timestamp(now))
    return HttpAnswer(202, body, "accepted", soap_action=ACKNOWLEDGEMENT_ACTION)


def _outcome(status: int, body: bytes, envelope_id: str, reliable: bool) -> Outcome:
    """What the service's answer to a query means for its sending."""
    if status == 202:
        if not reliable:
            return Outcome(Event.ACCEPTED)
        try:
            named = decode_header(body, party="service").acknowledges
        except DecodeError:
            named = None
        return Outcome(Event.ACKNOWLEDGED if named == envelope_id else Event.ACCEPTED)
    try:
        fault = decode_soap(body, party="service")
    except DecodeError:
        fault = None
    if fault is not None and fault.is_fault():
        codes = [error[0] for error in decode_soap_fault(fault.body_element).errors]
        again = reliable and bool(codes) and all(code.isdecimal() and int(code) in RETRIABLE for code in codes)
        return Outcome(Event.FAULTED if again else Event.REJECTED, fault_text(fault))
    try:
        errors = decode_header(body, party="service").errors
    except DecodeError:
        errors = ()
    if errors:
        said = "; ".join(f"{error.code} {error.description}" for error in errors)
        return Outcome(Event.REJECTED, f"the service reports an error: {said}")
    # A bare failure of the server may pass; anything else would be answered the same again.
    return Outcome(Event.FAULTED if reliable and status >= 500 else Event.REJECTED, f"HTTP status {status}")


def _timestamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _forget_oldest(remembered: dict[str, Asking] | dict[str, HttpAnswer]) -> None:
    if len(remembered) > REMEMBERED:
        del remembered[next(iter(remembered))]
