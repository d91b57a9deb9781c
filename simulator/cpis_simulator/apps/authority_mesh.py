"""The bundled authority at its mailbox of MESH: files go out by it, and what comes in stands in a folder then.

Theory of operation. A file is sent under its name as local id, so that after a crash MESH tells whether it was sent. A
message is acknowledged only after its file stands in the receiving folder; one that is fetched again after a crash has
the same name and the same bytes, by which the system knows it.

Source: CP-IS file drop, sections 2.7 and 3.7; CP-IS rules OPS-004.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from cpis_simulator.mailbox.names import is_upload_name
from cpis_simulator.mailbox.seeds import UPLOAD
from cpis_simulator.transport.folders import write_whole
from cpis_simulator.transport.mesh_client import Fetched, MeshClient, MeshFailed

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What a report says: the local id of the message, and why it was not delivered."""

    local_id: str
    text: str


class AuthorityDoor(Protocol):
    """Another way than a plain folder by which an authority's files cross."""

    def send(self, prepared: Path) -> None:
        """Let a file go; it is not there afterwards, or waits to be sent as a leftover."""

    def send_leftover(self, prepared: Path) -> None:
        """As `send`, for a file that may have gone before a crash."""

    def fetch(self, staging: Path, receiving: Path, told: Callable[[Undelivered], object]) -> None:
        """Put all that waits into the receiving folder; reports are told instead."""

    def forget(self) -> None:
        """Have nothing waiting any more."""

    def close(self) -> None:
        """Let go of it."""


class AuthorityMesh:
    """One authority's use of MESH.

    Args:
        client: Of its mailbox.
    """

    def __init__(self, client: MeshClient) -> None:
        """Nothing is connected yet."""
        self._client = client

    def send(self, prepared: Path) -> None:
        """Send a file and remove it; where MESH does not say what became of it, it stays, for `send_leftover`.

        Raises:
            OSError: It was refused.
        """
        service = self._client.account.service_mailbox
        try:
            message_id = self._client.send(prepared, recipient=service, workflow_id=UPLOAD, local_id=prepared.stem)
        except MeshFailed as error:
            if error.is_refusal:
                raise
            LOG.warning("event=not_sent_yet name=%r reason=%r", prepared.name, str(error))
            return
        LOG.info("event=sent message=%s name=%r", message_id, prepared.name)
        prepared.unlink()

    def send_leftover(self, prepared: Path) -> None:
        """Send a file unless that happened before a crash, and remove it.

        Raises:
            OSError: MESH does not say, or does not take it.
        """
        if self._client.was_sent(prepared.stem):
            prepared.unlink()
        else:
            self.send(prepared)

    def fetch(self, staging: Path, receiving: Path, told: Callable[[Undelivered], object]) -> None:
        """Put all that waits into the receiving folder; reports are told instead.

        Raises:
            OSError: MESH or the folder is in the way; what was not fetched waits.
        """
        for message_id in self._client.waiting():
            message = self._client.fetch(message_id)
            if message.fields.get("mex-messagetype") == "REPORT":
                told(_undelivered(message))
            else:
                part = staging / f".{message_id}.part"
                write_whole(part, message.body)
                part.rename(receiving / _name(message))
            self._client.acknowledge(message_id)

    def forget(self) -> None:
        """Acknowledge all that waits, unread.

        Raises:
            OSError: MESH is in the way.
        """
        for message_id in self._client.waiting():
            self._client.acknowledge(message_id)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def _name(message: Fetched) -> str:
    """The name of a received file: its sender's where that is one, else its message's."""
    said = PurePosixPath(message.fields.get("mex-filename", "")).name
    return said if is_upload_name(said) else f"{message.message_id}.xml"


def _undelivered(message: Fetched) -> Undelivered:
    words = [message.fields.get(f"mex-status{part}", "") for part in ("event", "code", "description")]
    return Undelivered(message.fields.get("mex-localid", ""), " ".join(word for word in words if word))
