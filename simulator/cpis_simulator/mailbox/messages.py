"""Mailboxes, the messages in them, and what happens to a message.

All instants are timezone-aware UTC.

Source: CP-IS file drop, sections 2.7, 3.4, 3.7 and 3.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

Kind = Literal["DATA", "REPORT"]


class Status(StrEnum):
    """What has become of a message."""

    UPLOADING = "uploading"
    ACCEPTED = "accepted"
    ACKNOWLEDGED = "acknowledged"
    UNDELIVERABLE = "undeliverable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox and its owner.

    Attributes:
        mailbox_id: In upper case.
        password: Its half of the secret; the other is the environment's shared key.
        workflows: Workflow ids that it is registered to receive; look-ups find it by them.
        only_registered: Other workflows are refused.
        may_send: Workflow ids that it may send; None: any.
        barred: Workflow ids that it may not send for a special reason, with that reason's code (16, 18 or 19).
        active: Switched off, it is as good as unknown.
    """

    mailbox_id: str
    name: str
    ods_code: str
    password: str
    organisation: str = ""
    workflows: frozenset[str] = frozenset()
    only_registered: bool = False
    may_send: frozenset[str] | None = None
    barred: tuple[tuple[str, str], ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message was not delivered, in the words of a status record."""

    event: str
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Sending:
    """What a sender says of a message.

    Attributes:
        chunks: How many requests bring it.
        content_type: Of the whole message.
        encoding: `gzip` where each chunk is compressed for transport, else empty.
        encrypted, compressed: Said of the payload, and only passed on.
    """

    recipient: str
    workflow_id: str
    chunks: int = 1
    local_id: str = ""
    subject: str = ""
    file_name: str = ""
    partner_id: str = ""
    checksum: str = ""
    content_type: str = ""
    encoding: str = ""
    encrypted: bool = False
    compressed: bool = False


@dataclass(slots=True)
class Message:
    """A message on its way.

    Attributes:
        sender: Mailbox id; empty for a report, which comes from the server.
        key: Given by a sender inside the service, so that it sends a thing once.
        uploaded: When its first chunk was taken.
        changed: When it came to its status.
        sizes: Bytes of the chunks that have come, by number from 1.
        failure: What a report reports, or why a message was not delivered.
        linked: The message that a report is about.
    """

    message_id: str
    sender: str
    sending: Sending
    uploaded: datetime
    status: Status
    changed: datetime
    kind: Kind = "DATA"
    key: str = ""
    sizes: dict[int, int] = field(default_factory=dict)
    failure: Failure | None = None
    linked: str = ""

    @property
    def recipient(self) -> str:
        """The mailbox that it is for."""
        return self.sending.recipient

    @property
    def size(self) -> int:
        """Bytes of all chunks, as they were sent."""
        return sum(self.sizes.values())

    def missing(self) -> list[int]:
        """Numbers of the chunks that have not come."""
        return [number for number in range(1, self.sending.chunks + 1) if number not in self.sizes]

    def name_of_file(self) -> str:
        """The name that the recipient is told."""
        return self.sending.file_name or ("" if self.kind == "REPORT" else f"{self.message_id}.dat")
