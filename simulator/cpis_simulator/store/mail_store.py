"""Messages of MESH on the disk, so that a killed process loses none.

Theory of operation. The office answers from memory. Each of its events is one line appended to `log.jsonl`, and takes
place when the line is written; at the start the lines are read again. A body stands whole under its name before the
line that speaks of it is written, so a body without a line is left over from a crash and removed. What is written
outlives the process; whether it outlives a power cut is the system's affair. A line that a crash tore off is dropped:
nobody was told of what it says. At each start the log is written anew without what was forgotten.

Source: CP-IS file drop, CH-04 to CH-07, CH-11, CH-14, IN-07.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import BinaryIO, Final, Protocol

from cpis_simulator.errors import StartError
from cpis_simulator.mailbox.events import Dropped, Event, Sent, Settled, read_events, write_events
from cpis_simulator.mailbox.messages import Failure, Mailbox, Message, Sending, Status
from cpis_simulator.mailbox.office import MessageIds, PostOffice
from cpis_simulator.mailbox.tokens import UsedToken
from cpis_simulator.settings import MeshSettings

_LOG: Final = "log.jsonl"
_TOKENS: Final = "tokens.jsonl"


class Takeable(Protocol):
    """A body on the disk that can be had by renaming it."""

    def take(self, target: Path) -> None:
        """Keep it under another name."""


class MailStore:
    """A post office that is kept in a folder; one process at a time. Threads may share it.

    Args:
        folder: Made when it is not there.
        mailboxes: All that there are.
        settings: Every choice about MESH.
        chance: For message ids.
        now: The service's time.
        real_now: Real time, which message ids are made of.
        arrived: Called after a message came into an inbox.

    Raises:
        StartError: The folder cannot be used, or its log cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        mailboxes: Iterable[Mailbox],
        settings: MeshSettings,
        *,
        chance: Random,
        now: Callable[[], datetime],
        real_now: Callable[[], datetime],
        arrived: Callable[[str], None] | None = None,
    ) -> None:
        """Read what is there."""
        self._bodies = folder / "bodies"
        self.coming = folder / "coming"
        self._log = folder / _LOG
        self._tokens = folder / _TOKENS
        self._now = now
        self._real_now = real_now
        self._arrived = arrived
        self._lock = threading.RLock()
        self.office = PostOffice(mailboxes, settings, MessageIds(chance))
        try:
            for place in (self._bodies, self.coming):
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._read()
            self._tidy()
            self._file = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            self._size = os.fstat(self._file).st_size
            self._token_file = os.open(self._tokens, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            mend = "Give this user the right to write there, or name another drop root."
            raise StartError(
                "The post office cannot be opened", where=str(folder), found=error.strerror, mend=mend
            ) from error

    def close(self) -> None:
        """Let go of the log."""
        os.close(self._file)
        os.close(self._token_file)

    # Tokens.

    def used_tokens(self, *, since: datetime) -> list[UsedToken]:
        """Tokens that were used since then, oldest first; what is older is forgotten."""
        found: list[UsedToken] = []
        with self._tokens.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                # A line that a crash tore off is of a request that was not answered.
                with suppress(ValueError):
                    mailbox, nonce, count, at = json.loads(line)
                    if (used := datetime.fromisoformat(at)) >= since:
                        found.append(((mailbox, nonce, count), used))
        os.ftruncate(self._token_file, 0)
        for token in found:
            self.note_token(token)
        return found

    def note_token(self, used: UsedToken) -> None:
        """Remember a token, also for after a crash."""
        pair, at = used
        os.write(self._token_file, f"{json.dumps([*pair, at.isoformat()])}\n".encode())

    # Asking and changing.

    @contextmanager
    def turn(self) -> Iterator[datetime]:
        """Nobody else changes anything meanwhile; gives the service's time, and what was due has happened."""
        with self._lock:
            now = self._now()
            self._do(self.office.due(now, self._real_now()))
            yield now

    def send(
        self, sender: Mailbox, sending: Sending, size: int, body: object, *, key: str = "", may_be_empty: bool = False
    ) -> Message:
        """Take a message or its first chunk.

        Args:
            body: Bytes, or a `Takeable`.
            key: A message that was sent under this key before is not sent again.
            may_be_empty: The service itself may send an empty file.

        Raises:
            Refused: It may not be sent.
            OSError: It cannot be kept.
        """
        with self.turn() as now:
            if key and (known := self.office.with_key(key)) is not None:
                return known
            events = self.office.send(
                sender, sending, size, now=now, ids_at=self._real_now(), may_be_empty=may_be_empty
            )
            first = events[0]
            assert isinstance(first, Sent)
            message = replace(first.message, key=key)
            self._keep(message.message_id, 1, body)
            self._do([Sent(message), *events[1:]])
        self._tell(message)
        return message

    def add_chunk(self, message: Message, number: int, size: int, body: object) -> None:
        """Take a further chunk.

        Raises:
            Refused: It is empty.
            OSError: It cannot be kept.
        """
        with self.turn() as now:
            event = self.office.add_chunk(message, number, size, now=now)
            self._keep(message.message_id, number, body)
            self._do([event])
        self._tell(message)

    def acknowledge(self, mailbox: Mailbox, message_id: str) -> None:
        """A message was received.

        Raises:
            Refused: There is none, or it is another's.
        """
        with self.turn() as now:
            self._do(self.office.acknowledge(mailbox, message_id, now=now))

    def report(self, about: Message, failure: Failure, *, key: str = "") -> Message:
        """Put a report into the inbox of a message's sender, once for each key."""
        with self.turn() as now:
            if key and (known := self.office.with_key(key)) is not None:
                return known
            event = self.office.report(about, failure, now=now, ids_at=self._real_now())
            assert isinstance(event, Sent)
            message = replace(event.message, key=key)
            self._do([Sent(message)])
        self._tell(message)
        return message

    def new_id(self) -> str:
        """An id that no message has or will have."""
        with self._lock:
            return self.office.new_id(self._real_now())

    def settle(self, message_id: str, status: Status, failure: Failure | None) -> None:
        """Give a message another status."""
        with self.turn() as now:
            self._do([Settled(message_id, status, now, failure)])

    def clear(self, mailbox_id: str | None = None) -> None:
        """Forget all messages, or those in one inbox."""
        with self._lock:
            self._do(self.office.clear(mailbox_id))

    def open(self, message: Message, number: int) -> BinaryIO:
        """A chunk as it was sent.

        Raises:
            OSError: It is not there any more.
        """
        return self._body(message.message_id, number).open("rb")

    # The disk.

    def _body(self, message_id: str, number: int) -> Path:
        return self._bodies / f"{message_id}.{number}"

    def _keep(self, message_id: str, number: int, body: object) -> None:
        target = self._body(message_id, number)
        if isinstance(body, bytes):
            # Under another name first: of a chunk that is sent again, the old one stays until the new one is whole.
            part = self.coming / target.name
            part.write_bytes(body)
            os.replace(part, target)
        else:
            taken: Takeable = body  # type: ignore[assignment]
            taken.take(target)

    def _do(self, events: Sequence[Event]) -> None:
        """Write down what happens at once, then have it take place."""
        if not events:
            return
        line = f"{write_events(events)}\n".encode()
        try:
            if os.write(self._file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file, self._size)  # Half a line would make one line of it and the next.
            raise
        self._size += len(line)
        for event in events:
            gone = self.office.messages.get(event.message_id) if isinstance(event, Dropped) else None
            self.office.happen(event)
            if gone is not None:
                for number in gone.sizes:
                    self._body(gone.message_id, number).unlink(missing_ok=True)

    def _tell(self, message: Message) -> None:
        if self._arrived is not None and message.status is Status.ACCEPTED:
            self._arrived(message.recipient)

    def _read(self) -> None:
        if not self._log.exists():
            return
        with self._log.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith("\n"):
                    break  # Torn off by a crash.
                try:
                    for event in read_events(line):
                        self.office.happen(event)
                except (ValueError, KeyError) as error:
                    raise StartError(
                        "The log of the post office cannot be read",
                        where=f"{self._log}, line {number}",
                        found=error,
                        mend="Remove its folder: it holds nothing but test data.",
                    ) from error

    def _tidy(self) -> None:
        """Write the log anew, without what was forgotten, and remove what a crash left."""
        for left in self.coming.iterdir():
            left.unlink()
        known = {f"{m.message_id}.{number}" for m in self.office.messages.values() for number in m.sizes}
        for body in self._bodies.iterdir():
            if body.name not in known:
                body.unlink()
        if not self._log.exists():
            return
        fresh = self._log.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as stream:
            stream.writelines(f"{write_events([Sent(message)])}\n" for message in self.office.messages.values())
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, self._log)
