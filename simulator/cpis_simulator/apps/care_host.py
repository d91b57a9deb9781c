"""Lookups as a process makes them: a driver API in front, the service behind, replies coming in at a port of its own.

Nobody waits for CP-IS who does not want to: a lookup can be begun and looked at later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

from cpis_simulator.apps.identity import harness_version, new_id, utc_now
from cpis_simulator.apps.operations import OperationRefused, offered
from cpis_simulator.care.client import CareClient, Question, Sender
from cpis_simulator.care.correspondence import Correspondence
from cpis_simulator.care.texts import PENDING
from cpis_simulator.driving import LookUp, LookUpReference, LookUpResult, Nothing, Version
from cpis_simulator.errors import ConfigError, CpisError
from cpis_simulator.spine.answers import soap_fault
from cpis_simulator.transport.http_client import HttpReply, TimedOut, TlsFailed, Unreachable, check_url, post
from cpis_simulator.transport.tls import ClientTls, client_context

LOG: Final = logging.getLogger(__name__)

BROKEN_TRIES: Final = 4
BROKEN_PAUSE_S: Final = 0.1
"""A connection that is refused or breaks is made again so often, with such a pause, whatever the contract says."""

_WORKERS: Final = 32
_STATUS_LINE: Final = {
    200: "200 OK",
    202: "202 Accepted",
    405: "405 Method Not Allowed",
    500: "500 Internal Server Error",
}


class CareHost:
    """Operations of role care, each a method.

    Args:
        service_url: Base address of the service.
        timeout_s: Seconds until a lookup is given up (setting `query.client_timeout`).
        tls: Our certificate, and the authorities that the service's comes from; for an `https` address.
        now: The client's time.
        ids: Gives upper-case UUIDs.
        sender: Who sends, and in what profile.
        time_scale: Divides the durations of the contract (setting `transport.time_scale`).
        client: What is asked and what is made of answers.

    Raises:
        ConfigError: When the address is none, or a file for TLS cannot be used, or would not be.
    """

    def __init__(
        self,
        service_url: str,
        timeout_s: float,
        *,
        tls: ClientTls | None = None,
        now: Callable[[], datetime] = utc_now,
        ids: Callable[[], str] = new_id,
        sender: Sender | None = None,
        time_scale: float = 1.0,
        client: CareClient | None = None,
    ) -> None:
        """Nothing is connected until a lookup."""
        check_url(service_url)
        self._url = service_url.rstrip("/")
        self._timeout_s = timeout_s
        is_secure = service_url.lower().startswith("https:")
        if tls is not None and not is_secure:
            mend = "Use https://, or leave the certificates out."
            raise ConfigError("Certificates for a plain address", where=service_url, mend=mend)
        self._tls = client_context(tls or ClientTls()) if is_secure else None
        self._now = now
        self._ids = ids
        self._sender = sender or Sender()
        self._client = client or CareClient()
        self._letters = Correspondence(self._sender, timedelta(seconds=timeout_s), time_scale, self._client)
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lookup")
        self._begun: dict[str, LookUpResult | None] = {}
        self._errors: dict[str, CpisError] = {}
        self._stopped = False

    def stop(self) -> None:
        """Let go of what is under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # What a driver can ask.

    def version(self, _: Nothing) -> Version:
        """What this is."""
        return Version(
            product="CP-IS harness mock care client",
            version=harness_version(),
            role="care",
            operations=offered("care", self),
            now=self._now(),
        )

    def look_up(self, request: LookUp) -> LookUpResult:
        """Ask the service, wait, and say what was understood."""
        return self.ask(request)[0]

    def begin_look_up(self, request: LookUp) -> LookUpReference:
        """Ask the service; what is understood is shown later."""
        question = self.make(request)
        if isinstance(question, LookUpResult):
            reference = self._ids()
            self._begun[reference] = question
            return LookUpReference(lookup_id=reference)
        self.start(question)
        return LookUpReference(lookup_id=question.envelope_id)

    def make(self, request: LookUp) -> Question | LookUpResult:
        """The query that a lookup sends, or why none is sent."""
        return self._client.prepare(request, now=self._now(), ids=self._ids, sender=self._sender)

    def start(self, question: Question) -> None:
        """Ask the service without waiting."""
        self._begun[question.envelope_id] = None
        if self._sender.profile == "sync":
            self._pool.submit(self._keep, question)
        else:
            self._send(question)

    def result_of(self, reference: str) -> LookUpResult | None:
        """What has come of a lookup that was started, so far."""
        result = self._begun[reference]
        if result is None and self._sender.profile != "sync":
            with self._changed:
                result = self._letters.result(reference, self._now())
        return result

    def resume(self, question: Question, result: LookUpResult | None) -> None:
        """A lookup of before a restart: it is not sent again, and a reply to it may still come."""
        gone = self._client.unknown(question, "the system was restarted") if self._sender.profile == "sync" else None
        self._begun[question.envelope_id] = result or gone
        with self._changed:
            self._letters.resume(question, result)

    def forget(self) -> None:
        """Let go of every lookup, as a process that ends does."""
        with self._changed:
            self._letters = Correspondence(
                self._sender, timedelta(seconds=self._timeout_s), self._letters.time_scale, self._client
            )
            self._begun.clear()
            self._changed.notify_all()

    def _keep(self, question: Question) -> None:
        self._begun[question.envelope_id] = self._ask_at_once(question)[0]

    def shown(self, request: LookUpReference) -> LookUpResult:
        """What is shown of a lookup at this moment."""
        reference = request.lookup_id
        if reference not in self._begun:
            raise OperationRefused("No such lookup was begun", found=reference[:60])
        return self.result_of(reference) or LookUpResult(status="pending", text=PENDING)

    # Asking.

    def ask(self, request: LookUp) -> tuple[LookUpResult, CpisError | None]:
        """As `look_up`, with the error beside it where no answer came at all."""
        question = self.make(request)
        if isinstance(question, LookUpResult):
            return question, None
        if self._sender.profile == "sync":
            return self._ask_at_once(question)
        self._send(question)
        return self._wait(question)

    def _ask_at_once(self, question: Question) -> tuple[LookUpResult, CpisError | None]:
        """A synchronous lookup, from its request to its answer."""
        try:
            reply = self._post(question)
        except (Unreachable, TimedOut) as error:
            LOG.warning("event=lookup_unanswered event_id=%s reason=%r", question.event_id, str(error))
            return self._client.unknown(question, error.what.lower()), error
        result = self._client.understand(question, reply.status, reply.body)
        if result.status == "unknown" and reply.status != 200 and reply.content_type.startswith("text/plain"):
            # Not of the service but of what stands before it; its words say what to mend.
            said = reply.body.decode("utf-8", "replace").strip()[:200]
            result = self._client.unknown(question, f"HTTP status {reply.status}: {said}")
        LOG.info("event=lookup event_id=%s status=%s", question.event_id, result.status)
        return result, None

    def _post(self, question: Question, is_wanted: Callable[[], bool] = lambda: True) -> HttpReply:
        """Post a query; a connection that breaks is made again a few times, as long as an answer is wanted.

        Raises:
            Unreachable: It could not be made, or broke again and again.
            TimedOut: No answer in time.
        """
        deadline = time.monotonic() + self._timeout_s
        for left in reversed(range(BROKEN_TRIES)):
            within = max(deadline - time.monotonic(), 0.001)
            try:
                return post(
                    self._url + question.path,
                    question.body,
                    headers=question.headers(),
                    within=within,
                    tls=self._tls,
                )
            except TlsFailed:
                raise
            except Unreachable:
                if not left or time.monotonic() + BROKEN_PAUSE_S > deadline:
                    raise
                time.sleep(BROKEN_PAUSE_S)
                if not is_wanted():
                    raise
                question = self._client.again(question, self._ids)
        raise AssertionError("unreachable: the last try returns or raises")

    def _send(self, question: Question) -> None:
        """Send a query whose answer comes later, now and again as its contract has it."""
        with self._changed:
            self._letters.begin(question, self._now())
        self._errors.pop(question.envelope_id, None)
        self._pool.submit(self._send_on, question)

    def _send_on(self, question: Question) -> None:
        reference = question.envelope_id
        first = True
        try:
            while self._is_due(reference):
                with self._changed:
                    taken = self._letters.take(reference, self._now())
                if taken is None:
                    return
                sent = taken if first else self._client.again(taken, self._ids)
                first = False
                try:
                    reply = self._post(sent, lambda: self._is_open(reference))
                except (Unreachable, TimedOut) as error:
                    self._errors[reference] = error
                    with self._changed:
                        self._letters.unanswered(reference, error.what.lower(), self._now())
                        self._changed.notify_all()
                else:
                    self._errors.pop(reference, None)
                    with self._changed:
                        self._letters.answered(reference, reply.status, reply.body, self._now())
                        self._changed.notify_all()
        except Exception:
            # A fault of ours: the lookup ends when its time is over.
            LOG.exception("event=lookup_failed event_id=%s", question.event_id)

    def _is_open(self, reference: str) -> bool:
        """No answer has come yet."""
        with self._changed:
            known = not self._stopped and self._letters.knows(reference)
            return known and self._letters.result(reference, self._now()) is None

    def _is_due(self, reference: str) -> bool:
        """Wait until the query is to be sent; False when there is nothing more to send."""
        with self._changed:
            while not self._stopped and (due := self._letters.due(reference)) is not None:
                if (wait_s := (due - self._now()).total_seconds()) <= 0:
                    return True
                self._changed.wait(min(wait_s, self._timeout_s))
        return False

    def _wait(self, question: Question) -> tuple[LookUpResult, CpisError | None]:
        """Wait for the reply, or until the time is over."""
        with self._changed:
            while (result := self._letters.result(question.envelope_id, self._now())) is None:
                self._changed.wait(0.05)
            tries = self._letters.tries(question.envelope_id)
        LOG.info("event=lookup event_id=%s status=%s tries=%d", question.event_id, result.status, tries)
        return result, self._errors.pop(question.envelope_id, None) if result.status == "unknown" else None

    # Replies.

    def inbox(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """The WSGI application that takes the service's replies."""
        if environ["REQUEST_METHOD"] != "POST":
            answer = soap_fault(200, "Only POST is answered here", status=405, client=True)
        else:
            body = environ["wsgi.input"].read()
            with self._changed:
                answer = self._letters.receive(
                    body, str(environ.get("CONTENT_TYPE", "")), now=self._now(), ids=self._ids
                )
                self._changed.notify_all()
            LOG.info("event=reply_received outcome=%s status=%d", answer.outcome, answer.status)
        start_response(_STATUS_LINE[answer.status], answer.headers())
        return [answer.body]
