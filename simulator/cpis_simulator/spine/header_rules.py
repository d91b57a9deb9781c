"""Spine's rules for an ebXML header, by the names that its validation gives them.

What makes a header none at all (`MESSAGE_NOT_WELL_FORMED`) is the codec's; these rules look at one that was read.

Source: CP-IS over Spine, transport sections 3.3 and 7.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from cpis_simulator.codecs.ebxml import NEXT, TO_PARTY, VERSION, EbxmlMessage, MessageError, Signal

Exchanged = Literal["reliable", "express"]
"""The ebXML profiles."""

Applies = Literal["always", "reliable", "strict"]
"""To every message, to one that asks for an acknowledgement, or where a single profile is taken."""


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A rule: when it applies, the error code of its breach, and what is wrong with a message, empty if nothing is."""

    name: str
    applies: Applies
    code: str
    breach: Callable[[EbxmlMessage, Exchanged], str]


def header_error(message: EbxmlMessage, profile: Exchanged, *, strict: bool) -> MessageError | None:
    """The first rule that a message breaks, as the error that it is answered with.

    Args:
        message: As received.
        profile: How it is exchanged; when strict, how it should be.
        strict: Only that profile is taken.
    """
    for rule in RULES:
        applies = rule.applies == "always" or (rule.applies == "strict" and strict) or rule.applies == profile
        if applies and (breach := rule.breach(message, profile)):
            return MessageError(rule.code, f"{rule.name}: {breach}")
    return None


def _version(message: EbxmlMessage, _: Exchanged) -> str:
    return _unlike("eb:version", VERSION, message.header.version)


def _duplicate_elimination(message: EbxmlMessage, profile: Exchanged) -> str:
    return _presence("eb:DuplicateElimination", message.header.duplicate_elimination, profile)


def _ack_requested(message: EbxmlMessage, profile: Exchanged) -> str:
    return _presence("eb:AckRequested", message.header.ack_requested is not None, profile)


def _presence(name: str, present: bool, profile: Exchanged) -> str:
    wanted = profile == "reliable"
    if present == wanted:
        return ""
    return f"{name} {'is missing' if wanted else 'is there'}, the contract is {profile}"


def _ack(attribute: Callable[[Signal], str]) -> Callable[[EbxmlMessage, Exchanged], str]:
    # Where AckRequested is missing altogether, the rule about its presence has the word.
    return lambda message, _: attribute(message.header.ack_requested) if message.header.ack_requested else ""


def _sync(attribute: Callable[[Signal], str]) -> Callable[[EbxmlMessage, Exchanged], str]:
    return lambda message, _: attribute(message.header.sync_reply) if message.header.sync_reply else ""


def _sync_reply(message: EbxmlMessage, _: Exchanged) -> str:
    return "" if message.header.sync_reply else "eb:SyncReply is missing, the contract has MSHSignalsOnly"


def _manifest(message: EbxmlMessage, _: Exchanged) -> str:
    references = message.header.references
    if len(references) != 1:
        return f"expected one eb:Reference, found {len(references)}"
    if wrong := _unlike("eb:version of eb:Manifest", VERSION, message.header.manifest_version):
        return wrong
    scheme, _colon, target = references[0].partition(":")
    if scheme.lower() != "cid" or not target:
        return f"xlink:href: expected cid: and a content id, found {references[0][:60] or 'nothing'}"
    return "" if message.payload is not None else f"no MIME part has the content id {target[:60]}"


def _unlike(what: str, expected: str, found: str) -> str:
    return "" if found == expected else f"{what}: expected {expected}, found {found[:60] or 'nothing'}"


def _signed(signal: Signal) -> str:
    return "" if signal.signed == "0" else _unlike("eb:signed", "false", signal.signed)


_INCONSISTENT: Final = "Inconsistent"

RULES: Final = (
    HeaderRule("INVALID_MESSAGE_HEADER_VERSION", "always", _INCONSISTENT, _version),
    HeaderRule("DUPLICATE_ELIMINATION_INCONSISTENT_WITH_CONTRACT", "strict", _INCONSISTENT, _duplicate_elimination),
    HeaderRule("ACK_REQUESTED_INCONSISTENT_WITH_CONTRACT", "strict", _INCONSISTENT, _ack_requested),
    HeaderRule(
        "ACK_REQUESTED_VERSION_INVALID",
        "reliable",
        _INCONSISTENT,
        _ack(lambda signal: _unlike("eb:version", VERSION, signal.version)),
    ),
    HeaderRule("ACK_REQUESTED_SIGNED_INVALID", "reliable", _INCONSISTENT, _ack(_signed)),
    HeaderRule(
        "ACK_REQUESTED_ACTOR_INVALID",
        "reliable",
        _INCONSISTENT,
        _ack(lambda signal: _unlike("SOAP actor", TO_PARTY, signal.actor)),
    ),
    HeaderRule("SYNCREPLY_INCONSISTENT_WITH_CONTRACT", "reliable", _INCONSISTENT, _sync_reply),
    HeaderRule(
        "SYNCREPLY_VERSION_INVALID",
        "reliable",
        _INCONSISTENT,
        _sync(lambda signal: _unlike("eb:version", VERSION, signal.version)),
    ),
    HeaderRule(
        "SYNCREPLY_ACTOR_INVALID",
        "reliable",
        _INCONSISTENT,
        _sync(lambda signal: _unlike("SOAP actor", NEXT, signal.actor)),
    ),
    HeaderRule("INVALID_MANIFEST_REFERENCE", "always", "MimeProblem", _manifest),
)
"""In the order in which they are held against a message."""
