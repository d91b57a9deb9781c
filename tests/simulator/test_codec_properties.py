"""Whatever a message holds, it is written in valid form and read back as it was; damaged bytes are refused in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from cpis_simulator.codecs.access_notification import decode_access_notification, encode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement, encode_acknowledgement
from cpis_simulator.codecs.detect import kind_of
from cpis_simulator.codecs.inactive_notification import decode_inactive_notification, encode_inactive_notification
from cpis_simulator.codecs.query import decode_query, encode_query, query_faults, transmission_of
from cpis_simulator.codecs.reply import decode_reply, encode_reply
from cpis_simulator.codecs.schema import schema_of
from cpis_simulator.codecs.soap import (
    SoapMessage,
    decode_soap,
    decode_soap_fault,
    encode_soap_fault,
    encode_soap_reply,
)
from cpis_simulator.codecs.upload import decode_upload, encode_upload, peek_header
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import QueryMessage
from cpis_simulator.rules.finding import ERROR
from cpis_simulator.rules.judge import judge
from cpis_simulator.vocabulary import ROOT_OF_KIND, MessageKind
from tests import strategies
from tests.official import VARIABLE, schema_errors
from tests.simulator.codec_examples import ANSWER, EXAMPLES, QUERY, UUID
from tests.simulator.test_rules_judge import in_envelope, mime


@dataclass(frozen=True)
class Codec:
    """A kind of message: how it is drawn, written and read."""

    kind: MessageKind
    drawn: Callable[..., st.SearchStrategy[Any]]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


CODECS = (
    Codec(MessageKind.UPLOAD, strategies.uploads, encode_upload, decode_upload),
    Codec(MessageKind.ACKNOWLEDGEMENT, strategies.acknowledgements, encode_acknowledgement, decode_acknowledgement),
    Codec(MessageKind.QUERY, strategies.queries, encode_query, decode_query),
    Codec(MessageKind.RESPONSE, strategies.answers, encode_reply, decode_reply),
    Codec(MessageKind.QUERY_FAILED, strategies.no_records, encode_reply, decode_reply),
    Codec(MessageKind.APPLICATION_ACKNOWLEDGEMENT, strategies.refusals, encode_reply, decode_reply),
    Codec(
        MessageKind.ACCESS_NOTIFICATION,
        strategies.access_notifications,
        encode_access_notification,
        decode_access_notification,
    ),
    Codec(
        MessageKind.INACTIVE_NOTIFICATION,
        strategies.inactive_notifications,
        encode_inactive_notification,
        decode_inactive_notification,
    ),
)
each = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.kind.value)


def objections(body: bytes, kind: MessageKind) -> list[str]:
    """What our schema of a kind says against a document, and the official one where it is there."""
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    ours = [e.message for e in schema_of(kind).errors(root)]
    return ours + schema_errors(kind, body) if os.environ.get(VARIABLE) else ours


@each
@given(st.data())
def test_a_message_is_read_back_as_it_was_written(codec: Codec, data: st.DataObject) -> None:
    message = data.draw(codec.drawn())
    assert codec.decode(codec.encode(message)) == strategies.as_read(message)


@each
@given(st.data())
def test_what_was_read_is_written_in_the_same_bytes(codec: Codec, data: st.DataObject) -> None:
    body = codec.encode(strategies.as_read(data.draw(codec.drawn())))
    assert codec.encode(codec.decode(body)) == body


@each
@given(st.data())
def test_everything_written_is_valid_by_the_schema(codec: Codec, data: st.DataObject) -> None:
    message = data.draw(codec.drawn())
    if isinstance(message, QueryMessage):
        # The published schemas are older than the silent-read flag (Patch D).
        message = replace(message, query=replace(message.query, unscheduled=None))
    assert objections(codec.encode(message), codec.kind) == []


@each
@given(st.data())
def test_what_keeps_the_rules_is_judged_valid(codec: Codec, data: st.DataObject) -> None:
    verdict = judge(codec.encode(data.draw(codec.drawn(conforming=True))))
    assert (verdict.kind, [f for f in verdict.findings if f.severity == ERROR]) == (codec.kind, [])


@each
@given(st.data())
def test_what_is_written_is_utf_8_without_a_mark_and_says_so(codec: Codec, data: st.DataObject) -> None:
    body = codec.encode(data.draw(codec.drawn()))
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<')
    body.decode("utf-8")
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    assert root.tag == f"{{urn:hl7-org:v3}}{ROOT_OF_KIND[codec.kind]}"


DECODERS = (
    decode_upload,
    decode_acknowledgement,
    decode_query,
    decode_reply,
    decode_access_notification,
    decode_inactive_notification,
    decode_soap,
)
WHOLE = (
    *(example.body for example in EXAMPLES),
    *(example.encode(example.message) for example in EXAMPLES),
    in_envelope(QUERY.body),
    encode_soap_reply(
        ANSWER.body,
        message_id=UUID.format(3),
        relates_to=UUID.format(4),
        interaction="REPC_IN000007GB01",
        from_asid="999999000001",
        to_asid="999999000202",
    ),
    encode_soap_fault(206, "Routing delivery failure"),
    mime(QUERY.body),
)


@given(strategies.damaged(st.sampled_from(WHOLE)))
@settings(max_examples=20 * strategies.PROFILE.max_examples)
def test_damaged_bytes_are_refused_in_words_or_read(body: bytes) -> None:
    judge(body)
    kind_of(body)
    peek_header(body)
    for decode in DECODERS:
        try:
            message = decode(body)
        except DecodeError as error:
            assert error.requirement.startswith("CPIS-")
            assert len(str(error)) < 2000
        else:
            if isinstance(message, SoapMessage):
                decode_soap_fault(message.body_element)
                query_faults(message.body_element)
                transmission_of(message.body_element)


@each
@given(st.data())
def test_damaged_messages_of_any_content_are_judged(codec: Codec, data: st.DataObject) -> None:
    judge(data.draw(strategies.damaged(codec.drawn().map(codec.encode))))


@each
@given(st.data())
def test_what_the_schema_refuses_of_damaged_messages_is_judged_invalid(codec: Codec, data: st.DataObject) -> None:
    body = data.draw(strategies.damaged(codec.drawn(conforming=True).map(codec.encode)))
    assume(b"<!DOCTYPE" not in body and b"accessEventType" not in body)
    try:
        refused = objections(body, codec.kind)
    except etree.XMLSyntaxError as error:
        refused = [str(error)]
    if refused:
        assert not judge(body, codec.kind).valid, refused
