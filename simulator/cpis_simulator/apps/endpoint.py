"""The lookup endpoint of the mock Spine: a plain WSGI callable around the exchange.

Request and what is answered at once are kept as evidence, the request before anything is done about it. A reply that
follows leaves only when the answer has.

Source: CP-IS over Spine, transport sections 2, 4 and 8.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from http.client import responses
from typing import Any, Final, Protocol

from cpis_simulator.codecs.ebxml import clean_action
from cpis_simulator.evidence import LOOKUP, Record
from cpis_simulator.settings import Settings, TransportSettings
from cpis_simulator.spine.answers import SYSTEM_FAILURE, HttpAnswer, oversize_fault, soap_fault
from cpis_simulator.spine.exchange import Desk, Exchange, Surroundings
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.transport import breaking
from cpis_simulator.transport.http_connection import TLS_PEER, Cut, TooLarge
from cpis_simulator.transport.tls import TlsPeer, facts

LOG: Final = logging.getLogger(__name__)

ABOUT: Final = (
    b"CP-IS harness: the mock Spine's lookup endpoint.\n"
    b"POST a QUPC_IN000006GB01 query to any path: in a SOAP 1.1 envelope, or as an ebXML multipart message; see docs.\n"
    b"This is a simulator with made-up data, not an NHS service.\n"
)


class Serving(Protocol):
    """What stands behind the endpoint: the service of one world."""

    def desk(self, exchange: str, scenario: str | None) -> AbstractContextManager[Desk]:
        """A transaction for one exchange."""

    def release(self, rows: Iterable[int]) -> None:
        """The answer before these replies has left."""


class Recording(Protocol):
    """Where evidence is kept."""

    def append(
        self, channel: str, *, sender: str, receiver: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Record:
        """Keep one record."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer on its way out; the server closes it when the last byte has gone."""

    answer: HttpAnswer
    release: Callable[[Iterable[int]], None]

    def __iter__(self) -> Iterator[bytes]:
        answer = self.answer
        if not answer.harm:
            yield answer.body
        elif answer.harm == "slow":
            yield from breaking.dripping(answer.body, answer.after_bytes)
        else:
            if answer.harm != "lost":
                yield answer.body[: answer.after_bytes]
            raise Cut(reset=answer.harm == "reset")

    def close(self) -> None:
        """Let what follows begin."""
        if self.answer.replies:
            self.release(self.answer.replies)


def _status_line(answer: HttpAnswer) -> str:
    return f"{answer.status} {responses.get(answer.status, 'Unknown')}"


def unread(transport: TransportSettings) -> TooLarge:
    """How a body is answered that is too large to be read."""
    answer = oversize_fault(transport.max_body, int(transport.oversize))
    return TooLarge(_status_line(answer), answer.content_type, answer.body)


class LookUpEndpoint:
    """The WSGI application.

    Args:
        service: Answers queries.
        settings: Of the service.
        journal: Keeps evidence, None to keep none.
        now: The service's time.
        ids: Gives upper-case UUIDs.
    """

    def __init__(
        self,
        service: Serving,
        settings: Settings,
        journal: Recording | None,
        *,
        now: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        """Nothing is opened."""
        self._service = service
        self._transport = settings.transport
        self._exchange = Exchange(
            settings.transport,
            settings.data,
            flag=settings.query.access_flag_place,
            grouping=settings.response.grouping,
        )
        self._journal = journal
        self._now = now
        self._ids = ids

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        method = environ["REQUEST_METHOD"]
        if method in ("GET", "HEAD"):
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(ABOUT)))])
            return [ABOUT] if method == "GET" else []
        answer = self._refused_unread(method, environ)
        if answer is None:
            answer = self._recorded(environ, environ["wsgi.input"].read())
        else:
            LOG.info("event=lookup_refused_unread method=%s status=%d", method[:20], answer.status)
        if answer.delay_s:
            time.sleep(answer.delay_s)
        start_response(_status_line(answer), answer.headers())
        return [answer.body] if not (answer.replies or answer.harm) else _Answered(answer, self._service.release)

    def _refused_unread(self, method: str, environ: dict[str, Any]) -> HttpAnswer | None:
        """Step 2 of the order of checks: method, length, coding and size."""
        if method != "POST":
            return soap_fault(SYSTEM_FAILURE, "Only POST is answered here", status=405, client=True)
        length = environ.get("CONTENT_LENGTH") or ""
        if not length:
            return soap_fault(SYSTEM_FAILURE, "Content-Length is missing", status=411, client=True)
        if (coding := environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()) != "identity":
            said = f"Content-Encoding: expected none, found {coding[:60]}; send the message as it is"
            return soap_fault(SYSTEM_FAILURE, said, status=415, client=True)
        if int(length or 0) > self._transport.max_body:
            return oversize_fault(self._transport.max_body, int(self._transport.oversize))
        return None

    def _recorded(self, environ: dict[str, Any], body: bytes) -> HttpAnswer:
        """Answer a body, with evidence on both sides of it."""
        exchange = self._ids()
        peer: TlsPeer | None = environ.get(TLS_PEER)
        incoming = Incoming(
            path=str(environ.get("PATH_INFO", "")),
            content_type=str(environ.get("CONTENT_TYPE", "")),
            soap_action=environ.get("HTTP_SOAPACTION"),
            body=body,
            certificate_names=peer.certificate.names if peer is not None and peer.certificate is not None else None,
        )
        headers = {
            "exchange": exchange,
            "path": incoming.path,
            "content-type": incoming.content_type,
            "soap-action": incoming.soap_action or "",
            **facts(peer),
        }
        kept = self._keep("care", "service", {"phase": "request", **headers}, body)
        answer = self._answer(incoming, exchange, kept.scenario if kept else None)
        status = str(answer.status)
        response = {"phase": "response", "exchange": exchange, "status": status, "content-type": answer.content_type}
        response["outcome"] = answer.outcome
        if answer.soap_action:
            response["soap-action"] = answer.soap_action
        if answer.weather:
            response |= {"weather": answer.weather, "harm": answer.harm}
        self._keep("service", "care", response, answer.body)
        LOG.info(
            "event=lookup exchange=%s action=%s outcome=%s status=%s weather=%s",
            exchange, clean_action(incoming.soap_action)[:100], answer.outcome, status, answer.weather or "none",
        )  # fmt: skip
        return answer

    def _answer(self, incoming: Incoming, exchange: str, scenario: str | None) -> HttpAnswer:
        def warn(text: str) -> None:
            LOG.warning("event=lookup_warning exchange=%s text=%r", exchange, text)

        around = Surroundings(lambda: self._service.desk(exchange, scenario), self._now, self._ids, warn)
        try:
            return self._exchange.handle(incoming, around)
        except Exception:
            # A fault of ours must not end the service: the client is told, the log has the rest.
            LOG.exception("event=lookup_failed exchange=%s", exchange)
            return soap_fault(SYSTEM_FAILURE, "The simulator failed while it answered; see its log")

    def _keep(self, sender: str, receiver: str, headers: dict[str, str], body: bytes) -> Record | None:
        if self._journal is None:
            return None
        return self._journal.append(LOOKUP, sender=sender, receiver=receiver, headers=headers, body=body)
