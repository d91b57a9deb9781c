"""A message on its way to another party, as a state machine: tried, acknowledged, tried again, given up.

Both ends use it: the service for its replies, the mock care client for its queries. Where rows, clocks and sockets are
is no matter here. A message that waits has an instant at which it is due; whoever takes it then makes the next try and
moves that instant on by a lease, so that the try of one who dies is made again by somebody else.

Source: CP-IS over Spine, transport sections 5 and 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cpis_simulator.codecs.ebxml import MESSAGE_ERROR, decode_header
from cpis_simulator.directory import Terms
from cpis_simulator.errors import DecodeError

LONGEST_ANSWER: Final = 65_536
"""Bytes of an answer to a message that are looked at for an acknowledgement, which takes about two thousand."""


class Standing(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    TRYING = "trying"
    DELIVERED = "delivered"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to it."""

    DUE = "due"
    """Its instant has come, and somebody takes it for the next try."""
    ACKNOWLEDGED = "acknowledged"
    """The other party named it in an acknowledgement: at once, or later on a connection of its own."""
    ACCEPTED = "accepted"
    """It was answered with success, and no acknowledgement."""
    FAULTED = "faulted"
    """The try failed: nobody there, no answer, an error, another's acknowledgement."""
    REJECTED = "rejected"
    """It was refused for good: another try would be refused as well."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a message is sent, and how far that has come.

    Attributes:
        needs_ack: Only an acknowledgement ends it well; otherwise any success does.
        retries: Tries beyond the first.
        interval: From one try to the next.
        due: When something has to be done next.
        tries: Made so far, the present one included.
        reason: Why the last try failed, or why it was given up.
    """

    needs_ack: bool
    retries: int
    interval: timedelta
    due: datetime
    standing: Standing = Standing.WAITING
    tries: int = 0
    reason: str = ""


def course(terms: Terms, due: datetime, *, scale: float = 1.0) -> Course:
    """The course of a message under a contract (setting `transport.time_scale` divides its durations)."""
    needs_ack = terms.ack_requested == "always"
    return Course(needs_ack, terms.retries if needs_ack else 0, terms.retry_interval / scale, due)


_RETRY: Final = "retry"
_AGAIN: Final = "the next try"
_ANEW: Final = "the same try"
_IF_ENOUGH: Final = "delivered if success is enough"

# What becomes of a message in each state at each event.
_TABLE: Final[Mapping[Standing, Mapping[Event, str]]] = {
    Standing.WAITING: {
        Event.DUE: _AGAIN,
        Event.ACKNOWLEDGED: Standing.DELIVERED,
        Event.ACCEPTED: Standing.WAITING,
        Event.FAULTED: Standing.WAITING,
        Event.REJECTED: Standing.FAILED,
    },
    Standing.TRYING: {
        # The lease ran out: whoever began the try is gone, and perhaps before anything left.
        Event.DUE: _ANEW,
        Event.ACKNOWLEDGED: Standing.DELIVERED,
        Event.ACCEPTED: _IF_ENOUGH,
        Event.FAULTED: _RETRY,
        Event.REJECTED: Standing.FAILED,
    },
    Standing.DELIVERED: dict.fromkeys(Event, Standing.DELIVERED),
    Standing.FAILED: {
        **dict.fromkeys(Event, Standing.FAILED),
        # It had arrived after all.
        Event.ACKNOWLEDGED: Standing.DELIVERED,
    },
}


def after(course: Course, event: Event, now: datetime, *, reason: str = "", lease: timedelta = timedelta(0)) -> Course:
    """A message's course after an event.

    Args:
        course: Before it.
        event: What happened.
        now: When.
        reason: In words, where it went wrong.
        lease: How long the one who takes it may be at its try.
    """
    follows = _TABLE[course.standing][event]
    if follows == _AGAIN:
        if course.tries > course.retries:
            return replace(course, standing=Standing.FAILED, reason=course.reason or "no acknowledgement came")
        return replace(course, standing=Standing.TRYING, tries=course.tries + 1, due=now + lease)
    if follows == _ANEW:
        return replace(course, due=now + lease)
    if follows == _IF_ENOUGH:
        if not course.needs_ack:
            return replace(course, standing=Standing.DELIVERED, reason="")
        # After the last try as well: the acknowledgement may still come on a connection of its own.
        return replace(course, standing=Standing.WAITING, due=now + course.interval, reason="no acknowledgement came")
    if follows == _RETRY:
        if course.tries > course.retries:
            return replace(course, standing=Standing.FAILED, reason=reason)
        return replace(course, standing=Standing.WAITING, due=now + course.interval, reason=reason)
    standing = Standing(follows)
    if standing is course.standing:
        return course
    return replace(course, standing=standing, reason="" if standing is Standing.DELIVERED else reason)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer to a message means for it; `reason` is empty where nothing is wrong."""

    event: Event
    reason: str = ""


def outcome_of_reply(status: int, body: bytes, message_id: str, *, needs_ack: bool) -> Outcome:
    """What a client's answer to a reply means.

    Any success delivers an express reply; clients answer it in several ways. A reliable one is delivered by an
    acknowledgement that names it, here or later.

    Args:
        status: The HTTP status.
        body: The whole body.
        message_id: Of the reply.
        needs_ack: The reply is reliable.
    """
    if not 200 <= status < 300:
        return Outcome(Event.FAULTED, f"HTTP status {status}")
    if not body.strip():
        return Outcome(Event.ACCEPTED)
    try:
        if len(body) > LONGEST_ANSWER:
            raise DecodeError("Answer", expected=f"at most {LONGEST_ANSWER} bytes", found=len(body))
        header = decode_header(body, party="care")
    except DecodeError as error:
        return Outcome(Event.FAULTED, f"EBXML_ACK_INVALID: {error}") if needs_ack else Outcome(Event.ACCEPTED)
    if header.errors or header.action == MESSAGE_ERROR:
        said = "; ".join(f"{error.code} {error.description}" for error in header.errors)
        return Outcome(Event.FAULTED, f"EBXML_ACK_INVALID: MessageError {said}".rstrip())
    if header.acknowledges == message_id:
        return Outcome(Event.ACKNOWLEDGED)
    if not needs_ack:
        return Outcome(Event.ACCEPTED)
    found = "no eb:Acknowledgment" if header.acknowledges is None else f"an acknowledgement of {header.acknowledges}"
    return Outcome(Event.FAULTED, f"EBXML_ACK_INVALID: {found}")


@dataclass(frozen=True, slots=True)
class OutgoingReply:
    """A reply as it is kept until it is delivered: whole bytes, the same at every try.

    Attributes:
        row: Its number where it is kept; 0 before.
        server_name: What the certificate of whoever takes it must be of, where that is by TLS.
        exchange: Of the evidence of its lookup.
        scenario: Whose evidence that is.
        harm: How bad weather spoils its last tries on the wire: `cut`, `reset`, `slow`; empty where it does not.
        held: It waits for the next reply to the same party to be delivered.
    """

    message_id: str
    ref_to_message_id: str
    party: str
    interaction: str
    address: str
    content_type: str
    body: bytes
    course: Course
    row: int = 0
    server_name: str = ""
    exchange: str = ""
    scenario: str | None = None
    weather: str = ""
    harm: str = ""
    after_bytes: int = 0
    held: bool = False
