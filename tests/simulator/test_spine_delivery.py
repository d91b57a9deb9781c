"""A message on its way: one table of states and events, and what an answer to a reply means."""

from datetime import timedelta

import pytest

from cpis_simulator.codecs.ebxml import EbxmlHeader, MessageError, encode_acknowledgement, encode_message_error
from cpis_simulator.codecs.soap import encode_soap_fault
from cpis_simulator.directory import EXPRESS, RELIABLE
from cpis_simulator.spine.delivery import Course, Event, Standing, after, course, outcome_of_reply
from tests.simulator.lookup_examples import NOW
from tests.simulator.spine_examples import HEADER

MINUTE = timedelta(minutes=1)
LEASE = timedelta(seconds=25)
W, T, D, F = Standing.WAITING, Standing.TRYING, Standing.DELIVERED, Standing.FAILED

RELIABLE_TABLE = {
    # state, tries so far: state and tries after due, acknowledged, accepted, faulted, rejected
    (W, 0): [(T, 1), (D, 0), (W, 0), (W, 0), (F, 0)],
    (W, 1): [(T, 2), (D, 1), (W, 1), (W, 1), (F, 1)],
    (W, 3): [(F, 3), (D, 3), (W, 3), (W, 3), (F, 3)],
    (T, 1): [(T, 1), (D, 1), (W, 1), (W, 1), (F, 1)],
    (T, 3): [(T, 3), (D, 3), (W, 3), (F, 3), (F, 3)],
    (D, 1): [(D, 1)] * 5,
    (F, 3): [(F, 3), (D, 3), (F, 3), (F, 3), (F, 3)],
}
EXPRESS_TABLE = {
    (W, 0): [(T, 1), (D, 0), (W, 0), (W, 0), (F, 0)],
    (T, 1): [(T, 1), (D, 1), (D, 1), (F, 1), (F, 1)],
    (D, 1): [(D, 1)] * 5,
    (F, 1): [(F, 1), (D, 1), (F, 1), (F, 1), (F, 1)],
}
EVENTS = (Event.DUE, Event.ACKNOWLEDGED, Event.ACCEPTED, Event.FAULTED, Event.REJECTED)


def in_state(state: Standing, tries: int, *, reliable: bool = True) -> Course:
    begun = course(RELIABLE if reliable else EXPRESS, NOW)
    return Course(begun.needs_ack, begun.retries, begun.interval, NOW, state, tries)


@pytest.mark.parametrize(
    ("reliable", "state", "tries", "event", "expected"),
    [
        (reliable, state, tries, event, expected)
        for reliable, table in ((True, RELIABLE_TABLE), (False, EXPRESS_TABLE))
        for (state, tries), row in table.items()
        for event, expected in zip(EVENTS, row, strict=True)
    ],
)
def test_each_event_in_each_state_leads_where_the_table_says(
    reliable: bool, state: Standing, tries: int, event: Event, expected: tuple[Standing, int]
) -> None:
    found = after(in_state(state, tries, reliable=reliable), event, NOW, reason="why", lease=LEASE)
    assert (found.standing, found.tries) == expected


def test_a_reliable_contract_gives_three_tries_a_minute_apart() -> None:
    found = course(RELIABLE, NOW)
    assert (found.needs_ack, found.retries, found.interval) == (True, 2, MINUTE)


def test_an_express_contract_gives_one_try() -> None:
    assert course(EXPRESS, NOW).retries == 0
    assert not course(EXPRESS, NOW).needs_ack


def test_the_time_scale_divides_the_interval() -> None:
    assert course(RELIABLE, NOW, scale=1000).interval == timedelta(milliseconds=60)


def test_whoever_takes_a_message_has_it_for_the_lease() -> None:
    assert after(in_state(W, 0), Event.DUE, NOW, lease=LEASE).due == NOW + LEASE


@pytest.mark.parametrize("event", [Event.ACCEPTED, Event.FAULTED])
def test_the_next_try_is_an_interval_after_this_one_ended(event: Event) -> None:
    assert after(in_state(T, 1), event, NOW, reason="why").due == NOW + MINUTE


def test_after_the_last_success_without_acknowledgement_one_is_still_waited_for() -> None:
    waiting = after(in_state(T, 3), Event.ACCEPTED, NOW)
    assert (waiting.standing, waiting.due) == (W, NOW + MINUTE)
    given_up = after(waiting, Event.DUE, NOW + MINUTE)
    assert (given_up.standing, given_up.reason) == (F, "no acknowledgement came")


def test_what_is_given_up_says_why() -> None:
    assert after(in_state(T, 3), Event.FAULTED, NOW, reason="HTTP status 500").reason == "HTTP status 500"
    assert after(in_state(T, 3), Event.ACKNOWLEDGED, NOW, reason="x").reason == ""


REPLY = EbxmlHeader("YES-0000806", "RX0-0000001", "C", "V", HEADER.service, "REPC_IN000007GB01", "REPLY", "T")
ACKNOWLEDGED = encode_acknowledgement(REPLY, message_id="A", acknowledged="2026-01-06T10:15:02Z")
ERROR = encode_message_error(REPLY, [MessageError("Unknown", "no")], message_id="A", timestamp="T")


@pytest.mark.parametrize(
    ("status", "body", "reliable", "express"),
    [
        (200, ACKNOWLEDGED, "acknowledged", "acknowledged"),
        (202, ACKNOWLEDGED, "acknowledged", "acknowledged"),
        (200, b"", "accepted", "accepted"),
        (204, b" \r\n", "accepted", "accepted"),
        (200, ACKNOWLEDGED.replace(b">REPLY<", b">OTHER<"), "faulted", "accepted"),
        (200, ACKNOWLEDGED.replace(b"eb:Acknowledgment", b"eb:Other"), "faulted", "accepted"),
        (200, ACKNOWLEDGED.replace(b"eb:MessageHeader", b"eb:Other"), "faulted", "accepted"),
        (200, b"thank you", "faulted", "accepted"),
        (200, encode_soap_fault(200, "no"), "faulted", "accepted"),
        (200, ACKNOWLEDGED + b" " * 70_000, "faulted", "accepted"),
        (200, ERROR, "faulted", "faulted"),
        (500, ACKNOWLEDGED, "faulted", "faulted"),
        (404, b"", "faulted", "faulted"),
        (302, b"", "faulted", "faulted"),
    ],
)
def test_what_a_client_answers_to_a_reply_means(status: int, body: bytes, reliable: str, express: str) -> None:
    assert outcome_of_reply(status, body, "REPLY", needs_ack=True).event.value == reliable
    assert outcome_of_reply(status, body, "REPLY", needs_ack=False).event.value == express


def test_an_error_says_what_the_client_said() -> None:
    assert outcome_of_reply(200, ERROR, "REPLY", needs_ack=True).reason == "EBXML_ACK_INVALID: MessageError Unknown no"
