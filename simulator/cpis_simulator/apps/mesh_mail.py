"""CP-IS at its mailbox: uploads come out of it, answers and notifications go into the authorities'.

Theory of operation. An upload's claim has the id of its message, so that a message is processed once however often it
is looked at: it is acknowledged when its claim is finished, and one whose claim is known needs only that. What leaves
is sent under the id of its delivery, which the post office takes once; the private file goes only after that.

Source: CP-IS file drop, sections 1 and 4; CP-IS rules UPL-015, UPL-016.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from random import Random
from typing import BinaryIO, Final

from cpis_simulator.apps.crash import crash_point
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.mailbox.messages import Failure, Mailbox, Message, Sending, Status
from cpis_simulator.mailbox.refusals import BAD_CPIS_FILE, UNDELIVERED, Reason
from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX, UPLOAD, WORKFLOW_OF, cpis_mailboxes, mailbox_of
from cpis_simulator.settings import Settings
from cpis_simulator.store.mail_store import MailStore
from cpis_simulator.store.session import OutboxRow
from cpis_simulator.vocabulary import MessageKind

LOG: Final = logging.getLogger(__name__)

REPORT: Final = "mesh-report"
"""Kind of what leaves to say that an upload is no CP-IS file; its name is the id of the upload's message."""

_PIECE: Final = 1 << 16
_PAIR_S: Final = 5.0
_LONGEST: Final = 200
_MESSAGE_ID: Final = re.compile(r"\d{20}_[0-9A-F]{6}")


class MeshMail:
    """The service's side of MESH.

    Args:
        folder: Where the post office is kept.
        authorities: Who has a mailbox.
        settings: Every choice about MESH.
        more: Further mailboxes.
        now: The service's time.
        real_now: Real time.
        arrived: Called when something came into the service's mailbox.

    Attributes:
        listeners: Called when something came into a mailbox, by its id.
    """

    def __init__(
        self,
        folder: Path,
        authorities: Sequence[RegisteredAuthority],
        settings: Settings,
        *,
        more: Iterable[Mailbox] = (),
        now: Callable[[], datetime],
        real_now: Callable[[], datetime],
        arrived: Callable[[], None],
    ) -> None:
        """Nothing is opened yet."""
        self._folder = folder
        self._settings = settings
        self._mailboxes = (*cpis_mailboxes(authorities, settings.mesh.password.get_secret_value()), *more)
        self._ods = {mailbox_of(a.ods_code): a.ods_code for a in authorities}
        self._own = self._mailboxes[0]
        self._now = now
        self._real_now = real_now
        self._arrived = arrived
        self._store: MailStore | None = None
        self.listeners: dict[str, Callable[[], None]] = {}

    @property
    def store(self) -> MailStore:
        """The post office, once it is open."""
        assert self._store is not None, "the post office is not open"
        return self._store

    def open(self) -> None:
        """Open the post office.

        Raises:
            StartError: It cannot be opened.
        """
        self._store = MailStore(
            self._folder,
            self._mailboxes,
            self._settings.mesh,
            chance=Random(self._real_now().isoformat()),
            now=self._now,
            real_now=self._real_now,
            arrived=self._hear,
        )

    def _hear(self, recipient: str) -> None:
        if recipient == SERVICE_MAILBOX:
            self._arrived()
        elif (listener := self.listeners.get(recipient)) is not None:
            listener()

    def close(self) -> None:
        """Let go of it."""
        if self._store is not None:
            self._store.close()

    # What comes.

    def uploads(self) -> Iterator[tuple[str, Message]]:
        """Messages that wait at the service, oldest first, each with the ODS code of its authority.

        What is no authority's upload is sent back, or acknowledged and forgotten.
        """
        with self.store.turn():
            waiting = self.store.office.waiting(SERVICE_MAILBOX)
        for message in waiting:
            ods = self._ods.get(message.sender)
            if ods is not None and message.kind == "DATA" and message.sending.workflow_id == UPLOAD:
                yield ods, message
                continue
            LOG.warning("event=message_not_taken message=%s from=%s", message.message_id, message.sender)
            if message.kind == "DATA":
                no = Reason.NOT_ALLOWED.value
                failure = Failure(str(no.event), str(no.code), no.text)
                self.store.report(message, failure, key=f"refusal of {message.message_id}")
            self.done(message.message_id)

    def facts(self, claim_id: str) -> dict[str, str]:
        """What evidence says of the message that a claim is of; empty when it came by another door."""
        if not is_message(claim_id):
            return {}
        found = {"door": "mesh"}
        if (message := self.store.office.messages.get(claim_id)) is not None:
            sending = message.sending
            said = {
                "mesh-from": message.sender, "mesh-to": message.recipient, "mesh-workflow": sending.workflow_id,
                "mesh-local-id": sending.local_id, "mesh-subject": sending.subject,
                "mesh-partner-id": sending.partner_id, "mesh-file-name": sending.file_name,
            }  # fmt: skip
            found |= {name: _as_text(value) for name, value in said.items() if value}
        return found

    def sent_facts(self, delivery: str) -> dict[str, str]:
        """What evidence says of what was sent by MESH; empty of what left by another door."""
        message = self.store.office.with_key(delivery)
        return {"door": "mesh", "mesh-id": message.message_id} if message is not None else {}

    def write(self, message: Message, target: Path) -> None:
        """Write what a message holds into a file, decompressed, as far as a file is read at all.

        Raises:
            OSError: It cannot be written.
        """
        left = self._settings.files.max_bytes + 1
        with target.open("wb") as file:
            for number in sorted(message.sizes):
                for piece in self._pieces(message, number):
                    file.write(piece[:left])
                    if (left := left - len(piece)) <= 0:
                        break
            file.flush()
            os.fsync(file.fileno())

    def _pieces(self, message: Message, number: int) -> Iterator[bytes]:
        stream: BinaryIO
        with self.store.open(message, number) as stream:
            if message.sending.encoding:
                try:
                    with gzip.open(stream) as plain:
                        yield from iter(lambda: plain.read(_PIECE), b"")
                except (gzip.BadGzipFile, zlib.error, EOFError) as error:
                    LOG.warning("event=message_not_decompressed message=%s reason=%r", message.message_id, str(error))
                return
            yield from iter(lambda: stream.read(_PIECE), b"")

    def done(self, message_id: str) -> None:
        """The service has a message."""
        crash_point("before-mail-acknowledgement")
        self.store.acknowledge(self._own, message_id)
        crash_point("after-mail-acknowledgement")

    # What leaves.

    def put(self, private: Path, row: OutboxRow) -> None:
        """Send what stands in a private file, once, and remove the file.

        Raises:
            FileNotFoundError: The file is not there: it was sent before.
            OSError: It cannot be sent.
        """
        size = private.stat().st_size
        if row.kind == REPORT:
            message = self.store.office.messages.get(row.name)
            if message is not None:
                self.store.report(message, BAD_CPIS_FILE, key=row.delivery)
        else:
            sending = Sending(
                mailbox_of(row.authority),
                WORKFLOW_OF[MessageKind(row.kind)],
                local_id=row.delivery,
                file_name=row.name,
                content_type="application/xml",
            )
            message = self.store.send(self._own, sending, size, _Linked(private), key=row.delivery, may_be_empty=True)
            self._wait_for_pair(message)
        crash_point("after-mail")
        private.unlink()

    def tell_undelivered(self, message_id: str, code: str, key: str) -> Message | None:
        """Report an authority's message as not delivered, and wait until the report is where it goes.

        Args:
            code: One of `UNDELIVERED`.
            key: Once for each key.

        Returns:
            The report; None when no authority has sent such a message.
        """
        message = self.store.office.messages.get(message_id)
        if message is None or message.sender not in self._ods:
            return None
        report = self.store.report(message, UNDELIVERED[code], key=key)
        self._wait_for_pair(report)
        return report

    def report_facts(self, report: Message) -> dict[str, str]:
        """What evidence says of a report to an authority."""
        failure = report.failure
        assert failure is not None
        return {
            "authority": self._ods[report.recipient],
            "direction": "report",
            "name": report.sending.file_name,
            "kind": REPORT,
            "door": "mesh",
            "mesh-id": report.message_id,
            "mesh-linked": report.linked,
            "mesh-local-id": report.sending.local_id,
            "mesh-event": failure.event,
            "mesh-code": failure.code,
        }

    def _wait_for_pair(self, message: Message) -> None:
        """Where a mailbox has a folder, a file counts as delivered when it stands there."""
        if message.recipient not in self.listeners:
            return
        end = time.monotonic() + _PAIR_S
        while message.status is Status.ACCEPTED and time.monotonic() < end:
            time.sleep(0.001)


class _Linked:
    """A file that is sent and yet stays, until it is known to be sent."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, target: Path) -> None:
        """Give it a second name."""
        target.unlink(missing_ok=True)
        os.link(self._path, target)


def is_message(claim_id: str) -> bool:
    """A claim came by MESH: its id is that of its message."""
    return _MESSAGE_ID.fullmatch(claim_id) is not None


def file_name_of(message: Message) -> str:
    """The name under which an upload is processed: its sender's, as far as that is a name."""
    # A sender may have written a path of either kind.
    name = PurePosixPath(_as_text(message.name_of_file()).replace("\\", "/")).name.replace("\0", "")
    short = name.encode()[:_LONGEST].decode(errors="ignore").strip()
    return short if short.strip(".") else f"{message.message_id}.dat"


def _as_text(value: str) -> str:
    """A header's value as its sender meant it: on the wire it is bytes, most likely of UTF-8."""
    return value.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
