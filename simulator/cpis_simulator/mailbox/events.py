"""What happens in a post office, as values that can be written down and done again.

Source: CP-IS file drop, sections 3.6 and 3.7.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from cpis_simulator.mailbox.messages import Failure, Message, Sending, Status


@dataclass(frozen=True, slots=True)
class Sent:
    """A message was taken, or its first chunk."""

    message: Message


@dataclass(frozen=True, slots=True)
class ChunkCame:
    """A further chunk was taken; with the last one the message is accepted."""

    message_id: str
    number: int
    size: int
    at: datetime
    is_last: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """A message came to another status: acknowledged, undeliverable or failed."""

    message_id: str
    status: Status
    at: datetime
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message is forgotten, with its data."""

    message_id: str


Event: TypeAlias = Sent | ChunkCame | Settled | Dropped

# Made once: `json.dumps` makes one for each line.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def write_events(events: Iterable[Event]) -> str:
    """What happens at once, as one line of JSON."""
    return _ENCODER.encode([_values(event) for event in events])


def read_events(line: str) -> list[Event]:
    """The events of a line.

    Raises:
        ValueError: When it holds none.
    """
    try:
        return [_event(values) for values in json.loads(line)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no events of a post office: {line[:80]!r}") from error


def _values(event: Event) -> dict[str, Any]:
    if isinstance(event, Sent):
        message = event.message
        sending = message.sending
        return {
            "event": "sent",
            "id": message.message_id,
            "from": message.sender,
            # Of the many things that a sender may say most are left out.
            "sending": {n: v for n in Sending.__slots__ if (v := getattr(sending, n)) or n == "recipient"},
            "uploaded": message.uploaded.isoformat(),
            "status": message.status.value,
            "changed": message.changed.isoformat(),
            "kind": message.kind,
            "key": message.key,
            "sizes": list(message.sizes.items()),
            "failure": asdict(message.failure) if message.failure else None,
            "linked": message.linked,
        }
    if isinstance(event, ChunkCame):
        return {
            "event": "chunk", "id": event.message_id, "number": event.number, "size": event.size,
            "at": event.at.isoformat(), "last": event.is_last,
        }  # fmt: skip
    if isinstance(event, Settled):
        return {
            "event": "settled", "id": event.message_id, "status": event.status.value, "at": event.at.isoformat(),
            "failure": asdict(event.failure) if event.failure else None,
        }  # fmt: skip
    return {"event": "dropped", "id": event.message_id}


def _event(values: dict[str, Any]) -> Event:
    kind, message_id = values["event"], values["id"]
    failure = Failure(**values["failure"]) if values.get("failure") else None
    if kind == "sent":
        return Sent(
            Message(
                message_id,
                values["from"],
                Sending(**{"workflow_id": "", **values["sending"]}),
                datetime.fromisoformat(values["uploaded"]),
                Status(values["status"]),
                datetime.fromisoformat(values["changed"]),
                values["kind"],
                values["key"],
                dict(values["sizes"]),
                failure,
                values["linked"],
            )
        )
    if kind == "chunk":
        at = datetime.fromisoformat(values["at"])
        return ChunkCame(message_id, values["number"], values["size"], at, values["last"])
    if kind == "settled":
        return Settled(message_id, Status(values["status"]), datetime.fromisoformat(values["at"]), failure)
    if kind == "dropped":
        return Dropped(message_id)
    raise ValueError(f"no event of a post office: {kind!r}")
