"""Everything that the harness and the bundled systems write is what the official schemas describe."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from typing import Final

import pytest
from lxml import etree

from cpis_reports.bundle import read_bundle
from cpis_reports.checks.exchanges import opened
from cpis_simulator.codecs.detect import kind_of
from cpis_simulator.codecs.ebxml import decode_header
from cpis_simulator.codecs.mime import is_multipart
from cpis_simulator.codecs.xml import local_name
from cpis_simulator.errors import DecodeError
from cpis_simulator.evidence import FILE_DROP, LOOKUP, MARK, Evidence, Record
from cpis_simulator.vocabulary import ROOT_OF_KIND, MessageKind
from tests.acceptance.running import Played
from tests.official import VARIABLE, official_schema

pytestmark = pytest.mark.skipif(
    not os.environ.get(VARIABLE), reason=f"{VARIABLE} does not name the folder of the official CP-IS schemas"
)

BREAKS: Final = "an acknowledgement of the file arrives, "
"""The step by which the harness delivers a reply that no service would send: cut, emptied, with entities."""

KIND_OF_ROOT: Final = {root: kind for kind, root in ROOT_OF_KIND.items()}

# No scenario of the suite makes the service refuse a query, so that no application acknowledgement occurs.
AT_LEAST: Final = {
    MessageKind.UPLOAD: 100,
    MessageKind.ACKNOWLEDGEMENT: 100,
    MessageKind.ACCESS_NOTIFICATION: 40,
    MessageKind.INACTIVE_NOTIFICATION: 8,
    MessageKind.QUERY: 40,
    MessageKind.RESPONSE: 40,
    MessageKind.QUERY_FAILED: 3,
}
"""How many messages of each kind the runs bring about, roughly: fewer would mean that they went by unseen."""


@dataclass(frozen=True)
class Message:
    """A message as it crossed a border; `interaction` is what stands in the envelope, if there is one."""

    where: str
    kind: MessageKind
    interaction: etree._Element


@pytest.fixture(scope="module")
def messages(whole_run: Played, service_lookups: Played, care_run: Played) -> list[Message]:
    """All messages of the whole suite, and of the lookups that are played for the other two roles."""
    runs = (whole_run, service_lookups, care_run)
    for run in runs:
        assert run.exit_code == 0, run.output
    return [message for run in runs for message in messages_of(run)]


def messages_of(run: Played) -> list[Message]:
    """All messages of a run, but the replies that a step breaks on purpose."""
    found, step = [], ""
    bundle = read_bundle(run.folder)
    for record in bundle.evidence.records:
        if record.channel == MARK:
            step = record.headers["text"] if record.headers["event"] == "step" else step
        elif record.channel in (FILE_DROP, LOOKUP) and not (record.sender == "service" and BREAKS in step):
            name = record.headers.get("name") or record.headers["phase"]
            where = f"{run.results.run.role}: {record.scenario}, {name}"
            message = _file if record.channel == FILE_DROP else _looked_up
            found += message(where, bundle.evidence, record)
    return found


def _file(where: str, evidence: Evidence, record: Record) -> list[Message]:
    body = evidence.body(record)
    return [Message(where, kind_of(body), etree.fromstring(body))]


def _looked_up(where: str, evidence: Evidence, record: Record) -> list[Message]:
    """The interaction of a lookup's message; signals have none, and what the harness spoiled is nobody's."""
    if not evidence.body(record) or record.headers.get("weather") or _is_signal(evidence, record):
        return []
    # Namespaces that an envelope declares are no part of the interaction: read it as a document of its own.
    interaction = etree.fromstring(etree.tostring(opened(evidence, record)[1]))
    return [Message(where, KIND_OF_ROOT[local_name(interaction)], interaction)]


def _is_signal(evidence: Evidence, record: Record) -> bool:
    """An acknowledgement or error of ebXML, which says that a message came, and nothing of a child."""
    if is_multipart(record.headers.get("content-type", "")):
        return False
    try:
        header = decode_header(evidence.body(record))
    except DecodeError:
        return False
    return header.acknowledges is not None or bool(header.errors)


def without_event_type(interaction: etree._Element) -> etree._Element:
    """The message without `accessEventType`."""
    changed = copy.deepcopy(interaction)
    for element in list(changed.iter("{*}accessEventType")):
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
    return changed


@pytest.mark.parametrize("kind", AT_LEAST, ids=lambda kind: kind.value)
def test_every_message_is_valid_against_the_official_schema(kind: MessageKind, messages: list[Message]) -> None:
    # The silent read came with a later version than the published schema: `accessEventType` is not in it. A query
    # that has it is compared without that element; everything else of it stays.
    schema = official_schema(kind)
    refused = []
    validated = 0
    for message in messages:
        if message.kind is not kind:
            continue
        validated += 1
        interaction = without_event_type(message.interaction) if kind is MessageKind.QUERY else message.interaction
        if not schema.validate(interaction):
            refused.append(f"{message.where}: {schema.error_log.last_error}")
    assert refused == []
    assert validated >= AT_LEAST[kind]
    print(f"{kind.value}: {validated} messages")


def test_no_message_is_left_out(messages: list[Message]) -> None:
    assert {message.kind for message in messages} == set(AT_LEAST)


def test_silent_reads_are_among_them(messages: list[Message]) -> None:
    silent = [
        m.where
        for m in messages
        if m.kind is MessageKind.QUERY
        and m.interaction.xpath("//*[local-name() = 'accessEventType']/*/@value") == ["false"]
    ]
    assert len(silent) >= 4


@pytest.mark.parametrize("kind", AT_LEAST, ids=lambda kind: kind.value)
def test_the_schema_refuses_a_message_that_lost_an_element(kind: MessageKind, messages: list[Message]) -> None:
    interaction = without_event_type(next(m for m in messages if m.kind is kind).interaction)
    interaction.remove(interaction[0])
    assert not official_schema(kind).validate(interaction)
