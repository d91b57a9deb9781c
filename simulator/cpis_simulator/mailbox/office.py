"""The post office: which messages are where, who may send what, what is due.

Theory of operation. Every question is answered from memory, and every change is an `Event`: a method decides it and
returns it, whoever keeps the office writes it down and then has it take place (`happen`). So what was written down can
be done again after a crash, and a change that was not written down never took place. An inbox is a rising list of
message ids, with those taken out marked and swept later, so that a full one is as quick as an empty one.

Source: CP-IS file drop, sections 3.6 to 3.8; CP-IS rules OPS-004.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from cpis_simulator.mailbox.events import ChunkCame, Dropped, Event, Sent, Settled
from cpis_simulator.mailbox.messages import Failure, Mailbox, Message, Sending, Status
from cpis_simulator.mailbox.refusals import BARRED, NO_PATIENT_ROUTE, NOT_COLLECTED, Reason, Refused
from cpis_simulator.settings import MeshSettings

COLLECT_WITHIN: Final = timedelta(days=5)
KEPT: Final = timedelta(days=30)
"""How long a message is remembered after it was sent, collected or not."""

_PATIENT: Final = re.compile(r"GPPROVIDER_\d+_\d+_.+", re.IGNORECASE)
_SWEEP: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

WorkflowTest = Callable[[str], bool]


class MessageIds:
    """Gives message ids: time to the microsecond and six digits, each greater than the one before.

    Args:
        chance: For the digits.
        last: An id that was given before.
    """

    def __init__(self, chance: Random, last: str = "") -> None:
        """None was given yet but `last`."""
        self._chance = chance
        self._last = _EPOCH
        self.follow(last)

    def follow(self, message_id: str) -> None:
        """Give only greater ids than this one."""
        if message_id[:20].isdigit():
            given = datetime.strptime(message_id[:20], "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
            self._last = max(self._last, given)

    def next(self, now: datetime) -> str:
        """A new one."""
        self._last = max(now.astimezone(UTC), self._last + timedelta(microseconds=1))
        return f"{self._last:%Y%m%d%H%M%S%f}_{self._chance.getrandbits(24):06X}"


class Inbox:
    """The messages that wait in a mailbox, oldest first."""

    def __init__(self) -> None:
        """Empty."""
        self._ids: list[str] = []
        self._first = 0
        self._gone: set[str] = set()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._ids) - self._first - len(self._gone)

    def add(self, message_id: str) -> None:
        """One more."""
        if not self._ids or message_id > self._ids[-1]:
            self._ids.append(message_id)
        else:
            insort(self._ids, message_id, lo=self._first)

    def remove(self, message_id: str) -> None:
        """One is not there any more."""
        place = bisect_left(self._ids, message_id, lo=self._first)
        if place == len(self._ids) or self._ids[place] != message_id or message_id in self._gone:
            return
        self._gone.add(message_id)
        while self._first < len(self._ids) and self._ids[self._first] in self._gone:
            self._gone.discard(self._ids[self._first])
            self._first += 1
        if self._first > _SWEEP and self._first > len(self._ids) // 2:
            del self._ids[: self._first]
            self._first = 0
        if len(self._gone) > _SWEEP and len(self._gone) > len(self._ids) // 2:
            self._ids = list(self)
            self._first = 0
            self._gone.clear()

    def __iter__(self) -> Iterator[str]:
        """Those that wait."""
        return self.behind("")

    def behind(self, message_id: str) -> Iterator[str]:
        """Those that wait and came after a message, whether that is still there or not."""
        first = max(self._first, bisect_right(self._ids, message_id))
        for place in range(first, len(self._ids)):
            if (found := self._ids[place]) not in self._gone:
                yield found


@dataclass(frozen=True, slots=True)
class Page:
    """Part of an inbox; `more` is the message to go on behind, empty when that was all."""

    ids: list[str]
    more: str


class PostOffice:
    """All mailboxes and messages.

    Args:
        mailboxes: All that there are.
        settings: Every choice about MESH.
        ids: Gives message ids.
    """

    def __init__(self, mailboxes: Iterable[Mailbox], settings: MeshSettings, ids: MessageIds) -> None:
        """No message was sent yet."""
        self.mailboxes = {mailbox.mailbox_id: mailbox for mailbox in mailboxes}
        self._settings = settings
        self._ids = ids
        self.messages: dict[str, Message] = {}
        self._inboxes: defaultdict[str, Inbox] = defaultdict(Inbox)
        self._sent: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._local: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._keys: dict[str, str] = {}
        self._due: list[tuple[datetime, str]] = []

    # Looking.

    def mailbox(self, mailbox_id: str) -> Mailbox | None:
        """By its id, in upper case."""
        return self.mailboxes.get(mailbox_id)

    def registered(self, workflow_id: str, ods_code: str | None = None) -> list[Mailbox]:
        """The mailboxes that take a workflow, of an organisation or of all."""
        return [
            mailbox
            for mailbox in self.mailboxes.values()
            if mailbox.active and workflow_id in mailbox.workflows and ods_code in (None, mailbox.ods_code)
        ]

    def count(self, mailbox: Mailbox) -> int:
        """How many messages wait in its inbox."""
        return len(self._inboxes[mailbox.mailbox_id])

    def waiting(self, mailbox_id: str) -> list[Message]:
        """All that wait in an inbox, oldest first."""
        return [self.messages[found] for found in self._inboxes[mailbox_id]]

    def page(self, mailbox: Mailbox, limit: int, behind: str = "", wanted: WorkflowTest | None = None) -> Page:
        """At most so many waiting messages, oldest first, of the workflows that are wanted."""
        found: list[str] = []
        for message_id in self._inboxes[mailbox.mailbox_id].behind(behind):
            if wanted is not None and not wanted(self.messages[message_id].sending.workflow_id):
                continue
            if len(found) == limit:
                return Page(found, found[-1])
            found.append(message_id)
        return Page(found, "")

    def received(self, mailbox: Mailbox) -> list[Message]:
        """All that the mailbox ever got and that are still remembered, newest first."""
        mine = (m for m in self.messages.values() if m.recipient == mailbox.mailbox_id)
        return sorted(mine, key=lambda m: m.message_id, reverse=True)

    def sent(self, mailbox: Mailbox) -> list[Message]:
        """All that the mailbox sent and that are still remembered, newest first."""
        return [self.messages[message_id] for message_id in reversed(self._sent[mailbox.mailbox_id])]

    def with_key(self, key: str) -> Message | None:
        """The message that was sent under a key."""
        return self.messages.get(self._keys.get(key, ""))

    def to_fetch(self, mailbox: Mailbox, message_id: str, *, head: bool = False) -> Message:
        """A message that the mailbox may fetch now; its sender may see its `head`, too.

        Raises:
            Refused: There is none, it is another's, or it is not there to be fetched.
        """
        message = self._known(message_id)
        if head and message.sender == mailbox.mailbox_id:
            return message
        if message.recipient != mailbox.mailbox_id:
            raise Refused(Reason.UNKNOWN_MESSAGE if head else Reason.NOT_YOURS, message_id=message_id)
        is_open = message.status is Status.ACCEPTED
        if not is_open and not (message.status is Status.ACKNOWLEDGED and not self._settings.strict_inbox):
            raise Refused(Reason.GONE, message_id=message_id)
        return message

    def tracked(self, mailbox: Mailbox, message_id: str) -> Message:
        """A message of the mailbox's own.

        Raises:
            Refused: There is none; nobody learns of another's.
        """
        message = self._known(message_id)
        if message.sender != mailbox.mailbox_id:
            raise Refused(Reason.UNKNOWN_MESSAGE, message_id=message_id)
        return message

    def tracked_by_local_id(self, mailbox: Mailbox, local_id: str) -> Message:
        """The mailbox's own message with a local id.

        Raises:
            Refused: There is none, or more than one.
        """
        found = self._local.get((mailbox.mailbox_id, local_id), {})
        if len(found) > 1:
            raise Refused(Reason.SEVERAL)
        if not found:
            raise Refused(Reason.UNKNOWN_MESSAGE)
        return self.messages[next(iter(found))]

    def _known(self, message_id: str) -> Message:
        message = self.messages.get(message_id)
        if message is None:
            raise Refused(Reason.UNKNOWN_MESSAGE)
        return message

    def new_id(self, at: datetime) -> str:
        """An id that no message has or will have; `at` is real time."""
        return self._ids.next(at)

    # Deciding.

    def admit(self, sender: Mailbox, sending: Sending) -> None:
        """Whether a mailbox may send this.

        Raises:
            Refused: The recipient or the workflow is not as it must be.
        """
        if not sending.recipient:
            raise Refused(Reason.NO_RECIPIENT)
        workflow = sending.workflow_id
        if (code := dict(sender.barred).get(workflow)) is not None:
            raise Refused(BARRED[code])
        if sender.may_send is not None and workflow not in sender.may_send:
            raise Refused(Reason.NOT_ALLOWED)
        if self._is_for_a_patient(sending.recipient):
            return
        recipient = self.mailboxes.get(sending.recipient)
        if recipient is None or not recipient.active:
            raise Refused(Reason.UNKNOWN_RECIPIENT)
        if recipient.only_registered and workflow not in recipient.workflows:
            raise Refused(Reason.BAD_WORKFLOW)

    def _is_for_a_patient(self, recipient: str) -> bool:
        """Routing by a patient's practice is for general practice only (IN-11)."""
        return self._settings.strict and _PATIENT.fullmatch(recipient) is not None

    def send(
        self,
        sender: Mailbox,
        sending: Sending,
        size: int,
        *,
        now: datetime,
        ids_at: datetime,
        may_be_empty: bool = False,
    ) -> list[Event]:
        """A message comes, or its first chunk; the first event is that of the message.

        Args:
            size: Bytes of the body.
            now: The service's time.
            ids_at: Real time, which message ids are made of.
            may_be_empty: The service itself may send an empty file, to see what its recipient makes of it.

        Raises:
            Refused: As `admit`, or it is empty.
        """
        self.admit(sender, sending)
        if size == 0 and not may_be_empty:
            raise Refused(Reason.NO_DATA)
        message = Message(
            self._ids.next(ids_at),
            sender.mailbox_id,
            sending,
            now,
            Status.ACCEPTED if sending.chunks == 1 else Status.UPLOADING,
            now,
            sizes={1: size},
        )
        if self._is_for_a_patient(sending.recipient):
            failed = replace(message, status=Status.ERROR, failure=NO_PATIENT_ROUTE)
            return [Sent(failed), self.report(failed, NO_PATIENT_ROUTE, now=now, ids_at=ids_at)]
        return [Sent(message)]

    def chunk(self, sender: Mailbox, message_id: str, number: int, total: int, encoding: str) -> Message:
        """The message that a further chunk is of.

        Raises:
            Refused: The chunk cannot be taken.
        """
        message = self._known(message_id)
        if message.sender != sender.mailbox_id:
            raise Refused(Reason.NOT_YOURS, message_id=message_id)
        if message.status is not Status.UPLOADING:
            raise Refused(Reason.FINISHED, message_id=message_id)
        chunks = message.sending.chunks
        if number > chunks:
            raise Refused(Reason.TOO_MANY_CHUNKS, message_id=message_id)
        if total != chunks:
            raise Refused(Reason.BAD_CHUNK_RANGE, message_id=message_id)
        if encoding != message.sending.encoding:
            raise Refused(Reason.ENCODING_CHANGED, message_id=message_id)
        missing = [one for one in message.missing() if one != number]
        if number == chunks and missing and self._settings.last_chunk_early == "refuse":
            listed = ", ".join(map(str, missing[:10]))
            raise Refused(Reason.CHUNK_MISSING, f"Chunks have not come yet: {listed}.", message_id=message_id)
        return message

    def add_chunk(self, message: Message, number: int, size: int, *, now: datetime) -> Event:
        """A further chunk comes.

        Raises:
            Refused: It is empty.
        """
        if size == 0:
            raise Refused(Reason.NO_DATA, message_id=message.message_id)
        return ChunkCame(message.message_id, number, size, now, number == message.sending.chunks)

    def acknowledge(self, mailbox: Mailbox, message_id: str, *, now: datetime) -> list[Event]:
        """The recipient has a message; nothing happens when it said so before.

        Raises:
            Refused: There is none, or it is another's.
        """
        message = self._known(message_id)
        if message.recipient != mailbox.mailbox_id:
            raise Refused(Reason.NOT_YOURS, message_id=message_id)
        return [Settled(message_id, Status.ACKNOWLEDGED, now)] if message.status is Status.ACCEPTED else []

    def report(self, about: Message, failure: Failure, *, now: datetime, ids_at: datetime) -> Event:
        """Tell the sender of a message what became of it."""
        sending = about.sending
        subject = f"NDR: {sending.subject}" if sending.subject else "NDR"
        return Sent(
            Message(
                self._ids.next(ids_at),
                "",
                Sending(
                    about.sender,
                    sending.workflow_id,
                    chunks=0,
                    local_id=sending.local_id,
                    subject=subject,
                    file_name=sending.file_name,
                ),
                now,
                Status.ACCEPTED,
                now,
                kind="REPORT",
                failure=failure,
                linked=about.message_id,
            )
        )

    def due(self, now: datetime, ids_at: datetime) -> list[Event]:
        """What happens because its time has come; empty most of the time."""
        events: list[Event] = []
        while self._due and self._due[0][0] <= now:
            _, message_id = heapq.heappop(self._due)
            if (message := self.messages.get(message_id)) is not None:
                events += self._overdue(message, now, ids_at)
        return events

    def _overdue(self, message: Message, now: datetime, ids_at: datetime) -> list[Event]:
        dropped: list[Event] = []
        if now - message.uploaded >= KEPT or message.status is Status.UPLOADING:
            dropped.append(Dropped(message.message_id))
        else:
            heapq.heappush(self._due, (message.uploaded + KEPT, message.message_id))
        if message.status is not Status.ACCEPTED:
            return dropped
        failed = Settled(message.message_id, Status.UNDELIVERABLE, now, NOT_COLLECTED)
        # Nobody is told that a report was not collected.
        told = [self.report(message, NOT_COLLECTED, now=now, ids_at=ids_at)] if message.sender else []
        return [failed, *told, *dropped]

    def clear(self, mailbox_id: str | None = None) -> list[Event]:
        """Forget all messages, or those in one inbox."""
        return [Dropped(m.message_id) for m in self.messages.values() if mailbox_id in (None, m.recipient)]

    # Taking place.

    def happen(self, event: Event) -> None:
        """Have a change take place."""
        if isinstance(event, Sent):
            self._add(event.message)
        elif isinstance(event, ChunkCame):
            message = self.messages[event.message_id]
            message.sizes[event.number] = event.size
            if event.is_last:
                message.status, message.changed = Status.ACCEPTED, event.at
                self._to_inbox(message)
        elif isinstance(event, Settled):
            message = self.messages[event.message_id]
            if message.status is Status.ACCEPTED:
                self._inboxes[message.recipient].remove(message.message_id)
            message.status, message.changed = event.status, event.at
            message.failure = event.failure or message.failure
            if event.status is Status.ACCEPTED:
                self._to_inbox(message)
        else:
            self._forget(event.message_id)

    def _add(self, message: Message) -> None:
        self._ids.follow(message.message_id)
        self.messages[message.message_id] = message
        if message.sender:
            self._sent[message.sender][message.message_id] = None
            if message.sending.local_id:
                self._local[message.sender, message.sending.local_id][message.message_id] = None
        if message.key:
            self._keys[message.key] = message.message_id
        if message.status is Status.ACCEPTED:
            self._to_inbox(message)
        else:
            life = timedelta(hours=self._settings.unfinished_h) if message.status is Status.UPLOADING else KEPT
            heapq.heappush(self._due, (message.uploaded + life, message.message_id))

    def _to_inbox(self, message: Message) -> None:
        self._inboxes[message.recipient].add(message.message_id)
        heapq.heappush(self._due, (message.changed + COLLECT_WITHIN, message.message_id))

    def _forget(self, message_id: str) -> None:
        message = self.messages.pop(message_id, None)
        if message is None:
            return
        if message.status is Status.ACCEPTED:
            self._inboxes[message.recipient].remove(message_id)
        self._sent[message.sender].pop(message_id, None)
        if message.sending.local_id:
            local = (message.sender, message.sending.local_id)
            self._local[local].pop(message_id, None)
            if not self._local[local]:
                del self._local[local]
        self._keys.pop(message.key, None)
