"""The mock care client's message handler: it asks again with the same bytes, and takes only what belongs to a query."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cpis_simulator.care.client import Question, Sender, prepare
from cpis_simulator.care.correspondence import Correspondence
from cpis_simulator.codecs.ebxml import (
    ACK_REQUESTED,
    EbxmlHeader,
    MessageError,
    decode_ebxml,
    decode_header,
    encode_acknowledgement,
    encode_ebxml,
    encode_message_error,
)
from cpis_simulator.codecs.query import decode_query
from cpis_simulator.codecs.reply import encode_reply, interaction_of
from cpis_simulator.codecs.soap import encode_soap_fault, encode_soap_faults
from cpis_simulator.model import DeviceAuthor, PersonAuthor, Reply
from cpis_simulator.settings import Profile
from cpis_simulator.spine.answers import HttpAnswer
from tests.simulator.lookup_examples import CREW, NOW, NURSE, answer, ids, looked_up, no_record
from tests.simulator.spine_examples import error_of, fault_of


class Client:
    """A client that has asked, at an instant that can be moved."""

    def __init__(self, profile: Profile = "reliable", **asked: object) -> None:
        self.ids = ids()
        self.sender = Sender(profile=profile)
        question = prepare(looked_up(**asked), now=NOW, ids=self.ids, sender=self.sender)
        assert isinstance(question, Question)
        self.question = question
        self.letters = Correspondence(self.sender, timedelta(seconds=30), time_scale=60)
        self.now = NOW
        self.letters.begin(question, NOW)

    @property
    def reference(self) -> str:
        return self.question.envelope_id

    def header(self) -> EbxmlHeader:
        return decode_ebxml(self.question.body, self.question.content_type).header

    def take(self) -> Question | None:
        return self.letters.take(self.reference, self.now)

    def answered(self, status: int, body: bytes = b"") -> None:
        self.letters.answered(self.reference, status, body, self.now)

    def acknowledged(self) -> None:
        self.answered(202, encode_acknowledgement(self.header(), message_id="A", acknowledged="T"))

    def status(self) -> str:
        result = self.letters.result(self.reference, self.now)
        return result.status if result else "pending"

    def text(self) -> str:
        result = self.letters.result(self.reference, self.now)
        return result.text if result else ""

    def reply(self, reply: Reply | bytes | None = None, **changed: object) -> tuple[str, bytes]:
        """A reply as it travels."""
        told = reply if isinstance(reply, bytes) else encode_reply(reply or answer())
        header = EbxmlHeader(
            from_party="YES-0000806",
            to_party="RX0-0000001",
            cpa_id="S2001A0000002",
            conversation_id=self.header().conversation_id,
            service="urn:nhs:names:services:cpisquery",
            action=interaction_of(reply) if reply and not isinstance(reply, bytes) else "REPC_IN000007GB01",
            message_id="0B1D5C10-7A2E-4C55-9D01-000000000901",
            timestamp="2026-01-06T10:15:02Z",
            ref_to_message_id=self.reference,
        )
        return encode_ebxml(replace(header, **changed), told, description="d")  # type: ignore[arg-type]

    def receive(self, reply: tuple[str, bytes]) -> HttpAnswer:
        content_type, body = reply
        return self.letters.receive(body, content_type, now=self.now, ids=self.ids)


# What it sends.


def test_a_reliable_query_asks_for_acknowledgement_and_duplicate_elimination() -> None:
    client = Client("reliable")
    header = client.header()
    assert (header.from_party, header.to_party, header.cpa_id) == ("RX0-0000001", "YES-0000806", "S2001A0000001")
    assert (header.ack_requested, header.duplicate_elimination, header.sync_reply is None) == (
        ACK_REQUESTED,
        True,
        False,
    )
    assert client.question.path == "/reliablemessaging/reliablerequest"


def test_an_express_query_asks_for_neither() -> None:
    client = Client("express")
    assert (client.header().ack_requested, client.header().duplicate_elimination) == (None, False)
    assert client.question.path == "/reliablemessaging/queryrequest"


@pytest.mark.parametrize("profile", ["reliable", "express"])
@pytest.mark.parametrize(("author", "kind"), [(NURSE, PersonAuthor), (CREW, DeviceAuthor)])
@pytest.mark.parametrize("silent", [True, None])
def test_people_and_systems_ask_and_read_silently_in_every_profile(
    profile: Profile, author: object, kind: type, silent: bool | None
) -> None:
    client = Client(profile, author=author, silent=silent)
    payload = decode_ebxml(client.question.body, client.question.content_type).payload
    query = decode_query(payload or b"").query
    assert (isinstance(query.author, kind), query.is_silent()) == (True, silent is True)


def test_a_retry_is_the_same_bytes_after_the_interval_and_no_more_often_than_agreed() -> None:
    client = Client("reliable")
    bodies = []
    for _ in range(3):
        taken = client.take()
        assert taken is not None
        bodies.append(taken.body)
        client.answered(500, encode_soap_fault(206, "Routing delivery failure"))
        if client.letters.due(client.reference):
            assert client.letters.due(client.reference) == client.now + timedelta(seconds=1)
            client.now += timedelta(seconds=1)
    assert len(set(bodies)) == 1
    assert client.take() is None
    assert (client.status(), client.letters.tries(client.reference)) == ("unknown", 3)
    assert "206 Routing delivery failure" in client.text()


@pytest.mark.parametrize(
    ("status", "body", "again"),
    [
        (500, encode_soap_fault(200, "x"), True),
        (500, encode_soap_fault(208, "x"), True),
        (500, encode_soap_faults([(200, "x"), (206, "y")]), True),
        (500, encode_soap_faults([(200, "x"), (201, "y")]), False),
        (500, encode_soap_fault(201, "x"), False),
        (500, encode_soap_fault(101, "x"), False),
        (503, b"", True),
        (413, b"", False),
        (202, b"", True),
        (202, b"<broken", True),
    ],
)
def test_a_reliable_client_tries_again_where_that_can_help(status: int, body: bytes, again: bool) -> None:
    client = Client("reliable")
    client.take()
    client.answered(status, body)
    assert (client.letters.due(client.reference) is not None) is again
    assert client.status() == ("pending" if again else "unknown")


def test_an_ebxml_error_ends_a_query() -> None:
    client = Client("reliable")
    client.take()
    error = MessageError("ValueNotRecognized", "501319:Unknown eb:CPAId")
    client.answered(200, encode_message_error(client.header(), [error], message_id="A", timestamp="T"))
    assert client.letters.due(client.reference) is None
    assert "501319:Unknown eb:CPAId" in client.text()


def test_an_express_query_is_sent_once() -> None:
    client = Client("express")
    client.take()
    client.answered(500, encode_soap_fault(206, "x"))
    assert (client.letters.due(client.reference), client.status()) == (None, "unknown")


@pytest.mark.parametrize("profile", ["reliable", "express"])
def test_an_accepted_query_waits_for_its_reply(profile: Profile) -> None:
    client = Client(profile)
    client.take()
    client.acknowledged()
    assert (client.letters.due(client.reference), client.status()) == (None, "pending")


def test_nobody_there_is_a_failed_try() -> None:
    client = Client("express")
    client.take()
    client.letters.unanswered(client.reference, "nobody there", client.now)
    assert (client.status(), "nobody there" in client.text()) == ("unknown", True)


# What it takes.


@pytest.mark.parametrize("profile", ["reliable", "express"])
def test_the_reply_that_names_the_query_is_its_answer(profile: Profile) -> None:
    client = Client(profile)
    found = client.receive(client.reply())
    assert (found.status, found.body, client.status()) == (200, b"", "found")


def test_no_record_must_name_the_query_in_its_payload_too() -> None:
    client = Client()
    client.receive(client.reply(no_record(client.question.message_id)))
    assert client.status() == "no-record"
    other = Client()
    other.receive(other.reply(no_record("0B1D5C10-7A2E-4C55-9D01-00000000FFFF")))
    assert other.status() == "unknown"


def test_a_reply_that_asks_for_it_is_acknowledged_and_its_copy_the_same() -> None:
    client = Client()
    reply = client.reply(ack_requested=ACK_REQUESTED, duplicate_elimination=True)
    first, again = client.receive(reply), client.receive(reply)
    assert (first.status, decode_header(first.body).acknowledges) == (202, "0B1D5C10-7A2E-4C55-9D01-000000000901")
    assert (again.body, again.outcome) == (first.body, "duplicate")


def test_a_reply_to_nobodys_query_is_not_taken() -> None:
    client = Client()
    found = client.receive(client.reply(ref_to_message_id="0B1D5C10-7A2E-4C55-9D01-00000000FFFF"))
    assert (found.status, fault_of(found)[0], client.status()) == (500, "200", "pending")


def test_a_reply_to_another_party_is_refused() -> None:
    client = Client()
    found = client.receive(client.reply(to_party="RX0-0000002"))
    assert error_of(found) == ("ValueNotRecognized", "501314:Invalid To Party Type attribute")
    assert client.status() == "pending"


@pytest.mark.parametrize("spoil", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b.replace(b"eb:To", b"eb:No")])
def test_a_broken_reply_is_not_taken_and_a_whole_one_after_it_is(spoil: Callable[[bytes], bytes]) -> None:
    client = Client()
    content_type, body = client.reply()
    found = client.receive((content_type, spoil(body)))
    assert (found.status, fault_of(found)[0], client.status()) == (500, "201", "pending")
    client.receive((content_type, body))
    assert client.status() == "found"


def test_a_reply_that_cannot_be_read_leaves_the_status_unknown() -> None:
    client = Client()
    assert client.receive(client.reply(b"<html/>")).status == 200
    assert (client.status(), "cannot be read" in client.text()) == ("unknown", True)


def test_an_answer_that_was_understood_is_not_replaced() -> None:
    client = Client()
    client.receive(client.reply())
    client.receive(client.reply(b"<html/>", message_id="0B1D5C10-7A2E-4C55-9D01-000000000902"))
    assert client.status() == "found"


# Time.


def test_without_a_reply_in_time_the_status_is_unknown() -> None:
    client = Client()
    client.take()
    client.acknowledged()
    client.now += timedelta(seconds=29)
    assert client.status() == "pending"
    client.now += timedelta(seconds=1)
    assert (client.status(), "no answer within 30 s" in client.text()) == ("unknown", True)


def test_a_late_reply_still_belongs_to_its_own_lookup() -> None:
    client = Client()
    client.now += timedelta(seconds=31)
    assert client.status() == "unknown"
    assert client.receive(client.reply()).status == 200
    assert client.status() == "found"


def test_after_its_time_a_query_is_not_sent_again() -> None:
    client = Client()
    client.take()
    client.answered(503)
    client.now += timedelta(seconds=31)
    assert (client.status(), client.take()) == ("unknown", None)


def test_crossed_replies_reach_their_own_lookups() -> None:
    client = Client()
    second = prepare(looked_up(nhs_number="9990001022"), now=NOW, ids=client.ids, sender=client.sender)
    assert isinstance(second, Question)
    client.letters.begin(second, NOW)
    content_type, body = client.reply(
        answer(nhs_number="9990001022"), ref_to_message_id=second.envelope_id, message_id="SECOND"
    )
    client.receive((content_type, body))
    assert client.status() == "pending"
    client.receive(client.reply())
    other = client.letters.result(second.envelope_id, NOW)
    assert (client.status(), other and other.status) == ("found", "found")
