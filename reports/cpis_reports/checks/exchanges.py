"""Lookups as they crossed the border, whichever way they were exchanged: what checks of them start from.

A lookup is all that belongs to one envelope: its request and the copies of it that a client sends again, what was
answered at once, and the reply that came on a connection of its own. What the harness did to it is marked, and nobody
is blamed for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from cpis_simulator.codecs.ebxml import decode_ebxml
from cpis_simulator.codecs.mime import is_multipart
from cpis_simulator.codecs.query import decode_query
from cpis_simulator.codecs.reply import decode_reply
from cpis_simulator.codecs.soap import decode_soap
from cpis_simulator.codecs.xml import parse_document
from cpis_simulator.errors import DecodeError
from cpis_simulator.evidence import LOOKUP, PAYLOAD_ALTERED, Evidence, Record
from cpis_simulator.model import QueryMessage, Reply


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A lookup as it crossed the border, with every copy of its request.

    Attributes:
        requests: Of the same envelope, in their order; the first is the query.
        query: What it asks.
        reply: What the service said, None where nothing that can be read was sent.
        replied: The record that holds it.
        weather: What the harness itself did to it.
        reached: The reply went out whole, as far as the harness knows.
    """

    requests: tuple[Record, ...]
    query: QueryMessage
    reply: Reply | None
    replied: Record | None
    weather: tuple[str, ...]
    reached: bool

    @property
    def request(self) -> Record:
        """The first copy."""
        return self.requests[0]

    def records(self) -> tuple[Record, ...]:
        """What a judgement of it rests on."""
        return (self.request,) if self.replied is None else (self.request, self.replied)

    def is_altered(self) -> bool:
        """The message of the reply is not what the service said."""
        return any(PAYLOAD_ALTERED in w for w in self.weather)

    def is_spoiled(self) -> bool:
        """What was sent is not the service's word, or the harness kept it from saying one."""
        return bool(self.weather) and (self.reply is None or self.is_altered())


def lookups(evidence: Evidence) -> list[LookedUp]:
    """Every lookup that can be read, in the order of its first request."""
    by_exchange: dict[str, list[Record]] = {}
    for record in evidence.on(LOOKUP):
        by_exchange.setdefault(record.headers.get("exchange", ""), []).append(record)
    by_envelope: dict[str, list[Record]] = {}
    queries: dict[str, QueryMessage] = {}
    for records in by_exchange.values():
        request = records[0]
        if request.headers.get("phase") != "request":
            continue
        try:
            envelope_id, element = opened(evidence, request)
            queries.setdefault(envelope_id, decode_query(element))
        except DecodeError:
            continue
        by_envelope.setdefault(envelope_id, []).extend(records)
    return [_looked_up(evidence, queries[i], records) for i, records in by_envelope.items()]


def lookups_of(evidence: Evidence, nhs_number: str) -> list[LookedUp]:
    """The lookups of a number that show what the service says, not what the harness made of it."""
    return [
        found for found in lookups(evidence) if found.query.query.nhs_number == nhs_number and not found.is_spoiled()
    ]


def _looked_up(evidence: Evidence, query: QueryMessage, records: Sequence[Record]) -> LookedUp:
    requests = tuple(r for r in records if r.headers.get("phase") == "request")
    found: tuple[Reply | None, Record | None, bool] = (None, None, False)
    for record in records:
        phase, headers = record.headers.get("phase"), record.headers
        if phase not in ("reply", "response") or (found[2] and found[0] is not None):
            continue
        whole = headers.get("harm", "") in ("", "slow")
        if phase == "reply":
            whole = any(
                r.headers.get("phase") == "reply-answer" and r.headers.get("outcome") in ("acknowledged", "accepted")
                for r in records
            )
        try:
            found = (decode_reply(opened(evidence, record)[1]), record, whole)
        except DecodeError:
            continue
    weather = tuple(dict.fromkeys(r.headers["weather"] for r in records if r.headers.get("weather")))
    return LookedUp(requests, query, found[0], found[1], weather, found[2])


def queries(evidence: Evidence) -> list[tuple[Record, bytes]]:
    """The HL7 message of each request, as bytes, whether or not it can be read."""
    found = []
    for record in evidence.on(LOOKUP, phase="request"):
        try:
            body, content_type = evidence.body(record), record.headers.get("content-type", "")
            if is_multipart(content_type):
                payload = decode_ebxml(body, content_type).payload
            else:
                payload = etree.tostring(decode_soap(body).body_element)
        except DecodeError:
            continue
        if payload is not None:
            found.append((record, payload))
    return found


def opened(evidence: Evidence, record: Record) -> tuple[str, etree._Element]:
    """The id of an envelope, and the HL7 message in it.

    Raises:
        DecodeError: When there is none.
    """
    body, content_type = evidence.body(record), record.headers.get("content-type", "")
    if not is_multipart(content_type):
        soap = decode_soap(body)
        return soap.message_id, soap.body_element
    message = decode_ebxml(body, content_type)
    return message.header.message_id, parse_document(message.payload or b"")
