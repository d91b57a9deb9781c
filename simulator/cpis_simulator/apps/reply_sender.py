"""Replies on their way to clients: sent when their time has come, tried again, given up.

Theory of operation. A reply is a row of the store with an instant at which it is due. The process that made it keeps it
for itself for a while and sends it as soon as its acknowledgement has left. Any other reply, one that has to be tried
again or one whose process is gone, is taken by whoever comes by when it is due, which moves that instant on. So every
process of a service may run one of these on the same store, and a restart loses nothing. A party that keeps its
replies waiting has a share of the threads and no more; what waits behind them stays this process's until somebody else
takes it.

Source: CP-IS over Spine, transport sections 5 and 9.2.
"""

from __future__ import annotations

import heapq
import logging
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from cpis_simulator.errors import HarnessError
from cpis_simulator.evidence import LOOKUP
from cpis_simulator.settings import TransportSettings
from cpis_simulator.spine.delivery import Course, Event, Outcome, OutgoingReply, Standing, after, outcome_of_reply
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.world import World
from cpis_simulator.transport.http_client import Harm, HttpReply, TimedOut, Unreachable, post
from cpis_simulator.vocabulary import SERVICE_NAME

LOG: Final = logging.getLogger(__name__)

POLL_S: Final = 0.25
"""How often the store is asked for replies that others have left."""
TIDY_S: Final = 60.0
SENDERS: Final = 32
PER_PARTY: Final = 8
"""Tries at once, of all and to one party: one that answers nobody keeps no other waiting."""
_BATCH: Final = 64
_MARGIN: Final = timedelta(seconds=5)
SOON: Final = timedelta(seconds=1)
"""A reply that is due no later than this is sent by the process that made it."""


class ReplySender:
    """Sends the replies of a world.

    Args:
        world: Where they are kept.
        journal: Where evidence goes, if anywhere.
        transport: How long a client may take.
        real_now: Real time, by which replies are due.
        tls: Our side of TLS for addresses with `https`.
        post: Does the posting.
    """

    def __init__(
        self,
        world: World,
        journal: Journal | None,
        transport: TransportSettings,
        real_now: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
        post: Callable[..., HttpReply] = post,
    ) -> None:
        """Nothing is sent before `start`."""
        self._world = world
        self._journal = journal
        self._timeout_s = transport.reply_timeout
        self._max_answer = transport.max_body
        self.lease = timedelta(seconds=transport.reply_timeout + transport.reply_delay) + _MARGIN
        self._real_now = real_now
        self._tls = tls
        self._post = post
        self._reserved: dict[int, OutgoingReply] = {}
        self._soon: list[tuple[datetime, int, OutgoingReply]] = []
        # Rows that this process is to send or is sending, with the instant when others may take them.
        self._hands: dict[int, datetime] = {}
        self._busy: Counter[str] = Counter()
        self._behind: dict[str, deque[OutgoingReply]] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._adopts = False
        self._look_at = real_now()
        self._tidy_at = real_now()
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="reply")
        self._thread = threading.Thread(target=self._run, name="replies", daemon=True)

    def start(self, *, adopts: bool) -> None:
        """Send from now on.

        Args:
            adopts: Nobody else sends yet, so that whoever had taken a reply before is gone and it is due.
        """
        self._adopts = adopts
        self._thread.start()

    def stop(self) -> None:
        """Finish the tries that are being made; what waits is sent after the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def is_soon(self, reply: OutgoingReply) -> bool:
        """The reply is worth keeping for this process, rather than leaving it to whoever comes by."""
        return not reply.held and reply.course.due - self._real_now() <= SOON

    def reserve(self, replies: Iterable[OutgoingReply]) -> None:
        """These are this process's to send, once they are released."""
        with self._changed:
            self._reserved.update((reply.row, reply) for reply in replies)

    def release(self, rows: Iterable[int]) -> None:
        """The acknowledgement before these replies has left."""
        with self._changed:
            for row in rows:
                if (reply := self._reserved.pop(row, None)) is not None:
                    heapq.heappush(self._soon, (reply.course.due, row, reply))
            self._changed.notify()

    def wake(self) -> None:
        """Look for due replies now."""
        self._look_by(self._real_now())

    def _look_by(self, moment: datetime) -> None:
        with self._changed:
            if moment < self._look_at:
                self._look_at = moment
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
            for reply in self.ready():
                self._hand_out(reply)
            with self._changed:
                next_at = min([self._look_at, *(due for due, _, _ in self._soon[:1])])
                wait_s = (next_at - self._real_now()).total_seconds()
                if wait_s > 0 and not self._stopping:
                    self._changed.wait(min(wait_s, POLL_S))

    def ready(self) -> list[OutgoingReply]:
        """The replies that are to be sent now, which are this process's from here on."""
        with self._changed:
            now = self._real_now()
            ready = []
            while self._soon and self._soon[0][0] <= now:
                reply = heapq.heappop(self._soon)[2]
                self._hands[reply.row] = reply.course.due + self.lease
                ready.append(reply)
            looking = self._look_at <= now
            if looking:
                self._look_at = now + timedelta(seconds=POLL_S)
        return ready + self._take_due(now) if looking else ready

    def _take_due(self, now: datetime) -> list[OutgoingReply]:
        """Take the replies whose instant has come, and forget what need not be remembered."""
        taken: list[OutgoingReply] = []
        try:
            if self._adopts:
                with self._world.write() as session:
                    session.wake_replies(now)
                self._adopts = False
            if self._tidy_at <= now:
                self._tidy_at = now + timedelta(seconds=TIDY_S)
                with self._world.write() as session:
                    session.forget_answers(now)
            with self._world.read() as session:
                first = session.first_due()
            if first is None or first > now:
                return []
            with self._world.write() as session:
                for reply in session.due_replies(now, _BATCH):
                    if reply.row in self._hands:
                        self._hands[reply.row] = now + self.lease
                        session.put_course(reply.row, replace(reply.course, due=now + self.lease), taken=True)
                        continue
                    course = after(reply.course, Event.DUE, now, lease=self.lease)
                    session.put_course(reply.row, course, taken=course.standing is Standing.TRYING)
                    taken.append(replace(reply, course=course))
        except (HarnessError, OSError) as error:
            LOG.error("event=replies_not_taken reason=%r", str(error))
            return []
        for reply in taken:
            if reply.course.standing is Standing.FAILED:
                self._give_up(reply)
            else:
                self._hands[reply.row] = reply.course.due
        return [reply for reply in taken if reply.course.standing is not Standing.FAILED]

    def _hand_out(self, reply: OutgoingReply) -> None:
        """Have a thread send a reply now, or behind others to its party."""
        with self._changed:
            if self._busy[reply.party] >= PER_PARTY:
                self._behind.setdefault(reply.party, deque()).append(reply)
                return
            self._busy[reply.party] += 1
        self._pool.submit(self._send_in_turn, reply)

    def _send_in_turn(self, reply: OutgoingReply) -> None:
        """Send a reply, and then what waits behind it."""
        following: OutgoingReply | None = reply
        while following is not None:
            self._send_safely(following)
            with self._changed:
                behind = self._behind.get(reply.party)
                following = behind.popleft() if behind and not self._stopping else None
                if not behind:
                    self._behind.pop(reply.party, None)
                if following is None:
                    self._busy[reply.party] -= 1
                    if not self._busy[reply.party]:
                        del self._busy[reply.party]

    def _is_ours(self, row: int) -> bool:
        """Nobody else has taken the reply, or will before this try is over."""
        while (until := self._hands.get(row)) is not None:
            now = self._real_now()
            if until - now > timedelta(seconds=self._timeout_s):
                return True
            with self._world.write() as session:
                if session.prolong(row, until, now + self.lease):
                    self._hands[row] = now + self.lease
                    return True
            if self._hands.get(row) == until:
                return False
        return True

    def _send_safely(self, reply: OutgoingReply) -> None:
        try:
            if self._is_ours(reply.row):
                self.send(reply)
        except Exception:
            # A fault of ours ends this try only: the row is due again when its lease runs out.
            LOG.exception("event=reply_failed message_id=%s", reply.message_id)
        finally:
            self._hands.pop(reply.row, None)

    def send(self, reply: OutgoingReply) -> None:
        """Make one try, and keep what came of it."""
        course = reply.course
        if course.standing is Standing.WAITING:
            course = after(course, Event.DUE, self._real_now(), lease=self.lease)
        facts = {
            "content-type": reply.content_type,
            "soap-action": f'"{SERVICE_NAME}/{reply.interaction}"',
            "address": reply.address,
            "message-id": reply.message_id,
            "ref-to": reply.ref_to_message_id,
            "try": str(course.tries),
        }
        self._keep(reply, "reply", facts, reply.body)
        outcome, answer = self._try(reply, course)
        now = self._real_now()
        course = after(course, outcome.event, now, reason=outcome.reason)
        told = {"status": str(answer.status), "content-type": answer.content_type} if answer else {"status": "none"}
        told |= {"try": facts["try"], "outcome": outcome.event.value}
        if outcome.reason:
            told["reason"] = outcome.reason[:500]
        self._keep(reply, "reply-answer", told, answer.body if answer else None)
        # From here on it is anybody's who finds it due.
        self._hands.pop(reply.row, None)
        with self._world.write() as session:
            session.put_course(reply.row, course)
            session.release_held(reply.party, reply.row, now)
        LOG.info(
            "event=reply message_id=%s ref_to=%s party=%s try=%d outcome=%s standing=%s reason=%r",
            reply.message_id, reply.ref_to_message_id, reply.party, course.tries, outcome.event, course.standing,
            outcome.reason,
        )  # fmt: skip
        if course.standing is Standing.FAILED:
            self._give_up(replace(reply, course=course))
        elif course.standing is Standing.WAITING:
            self._look_by(course.due)

    def _try(self, reply: OutgoingReply, course: Course) -> tuple[Outcome, HttpReply | None]:
        headers = {
            "Content-Type": reply.content_type,
            "SOAPAction": f'"{SERVICE_NAME}/{reply.interaction}"',
            "Connection": "close",
        }
        # Bad weather on the wire passes: a second try goes through.
        harm = None
        if reply.harm and course.tries == 1:
            harm = Harm(cast(Literal["cut", "reset", "slow"], reply.harm), reply.after_bytes)
        try:
            answer = self._post(
                reply.address,
                reply.body,
                headers=headers,
                within=self._timeout_s,
                tls=self._tls,
                server_name=reply.server_name,
                harm=harm,
                max_answer=self._max_answer,
            )
        except (Unreachable, TimedOut) as error:
            return Outcome(Event.FAULTED, str(error)), None
        needs_ack = reply.course.needs_ack
        return outcome_of_reply(answer.status, answer.body, reply.message_id, needs_ack=needs_ack), answer

    def _give_up(self, reply: OutgoingReply) -> None:
        LOG.warning(
            "event=reply_given_up error=DeliveryFailure message_id=%s ref_to=%s party=%s address=%s tries=%d reason=%r",
            reply.message_id, reply.ref_to_message_id, reply.party, reply.address, reply.course.tries,
            reply.course.reason,
        )  # fmt: skip
        self._keep(reply, "given-up", {"error": "DeliveryFailure", "reason": reply.course.reason[:500]}, None)

    def _keep(self, reply: OutgoingReply, phase: str, facts: dict[str, str], body: bytes | None) -> None:
        if self._journal is None:
            return
        sender, receiver = ("care", "service") if phase == "reply-answer" else ("service", "care")
        headers = {"phase": phase, "exchange": reply.exchange, "party": reply.party, **facts}
        if reply.weather:
            headers["weather"] = reply.weather
        self._journal.append(
            LOOKUP, sender=sender, receiver=receiver, headers=headers, body=body, scenario=reply.scenario, aside=True
        )
