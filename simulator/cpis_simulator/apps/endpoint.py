"""The lookup endpoint of the mock Spine: a plain WSGI callable around the synchronous exchange.

Any path is taken, because clients are configured with all sorts of addresses. Request and response are kept as
evidence, the request before anything is done about it.

Source: CP-IS over Spine, transport sections 2 and 8.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from cpis_simulator.evidence import LOOKUP
from cpis_simulator.model import QueryMessage, Reply
from cpis_simulator.settings import Settings
from cpis_simulator.spine.synchronous import (
    SYSTEM_FAILURE,
    HttpAnswer,
    SynchronousExchange,
    oversize_fault,
    soap_fault,
)
from cpis_simulator.transport.http_connection import TLS_PEER
from cpis_simulator.transport.tls import facts

LOG: Final = logging.getLogger(__name__)

ABOUT: Final = (
    b"CP-IS harness: the mock Spine's lookup endpoint.\n"
    b"POST a SOAP 1.1 envelope with a QUPC_IN000006GB01 query to any path; see docs.\n"
    b"This is a simulator with made-up data, not an NHS service.\n"
)

_STATUS_LINE: Final = {
    200: "200 OK",
    403: "403 Forbidden",
    405: "405 Method Not Allowed",
    413: "413 Request Entity Too Large",
    500: "500 Internal Server Error",
}


class Answering(Protocol):
    """What stands behind the endpoint: the service of one world."""

    def answer(self, message: QueryMessage) -> Reply:
        """Answer a query that passed all checks of its form."""


class Recording(Protocol):
    """Where evidence is kept."""

    def append(
        self, channel: str, *, sender: str, receiver: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> object:
        """Keep one record."""


NameCheck = Callable[[Mapping[str, Any]], str | None]
"""Given a request's environment, says why its client's certificate is not that of the party it speaks for, if so."""


class LookUpEndpoint:
    """The WSGI application.

    Args:
        service: Answers queries.
        settings: Of the service.
        journal: Keeps evidence, None to keep none.
        now: The service's time.
        ids: Gives upper-case UUIDs.
        name_check: Refuses a client by its certificate (403), before anything of the message is read.
    """

    def __init__(
        self,
        service: Answering,
        settings: Settings,
        journal: Recording | None,
        *,
        now: Callable[[], datetime],
        ids: Callable[[], str],
        name_check: NameCheck | None = None,
    ) -> None:
        """Nothing is opened."""
        self._name_check = name_check
        self._service = service
        self._max_body = settings.transport.max_body
        self._exchange = SynchronousExchange(
            settings.data, flag=settings.query.access_flag_place, grouping=settings.response.grouping
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
        if method != "POST":
            answer = soap_fault(SYSTEM_FAILURE, "Only POST is answered here", status=405, client=True)
        elif int(environ.get("CONTENT_LENGTH") or 0) > self._max_body:
            answer = oversize_fault(self._max_body)
        else:
            answer = self._recorded(environ, environ["wsgi.input"].read())
        start_response(_STATUS_LINE[answer.status], answer.headers())
        return [answer.body]

    def _recorded(self, environ: dict[str, Any], body: bytes) -> HttpAnswer:
        """Answer a body, with evidence on both sides of it."""
        exchange = self._ids()
        headers = {
            "exchange": exchange,
            "path": str(environ.get("PATH_INFO", "")),
            "content-type": str(environ.get("CONTENT_TYPE", "")),
            "soap-action": str(environ.get("HTTP_SOAPACTION", "")),
            **facts(environ.get(TLS_PEER)),
        }
        self._keep("care", "service", {"phase": "request", **headers}, body)
        answer = self._answer(environ, body)
        status = str(answer.status)
        response = {"phase": "response", "exchange": exchange, "status": status, "content-type": answer.content_type}
        self._keep("service", "care", response, answer.body)
        LOG.info("event=lookup exchange=%s outcome=%s status=%s", exchange, answer.outcome, status)
        return answer

    def _answer(self, environ: dict[str, Any], body: bytes) -> HttpAnswer:
        if self._name_check is not None and (refusal := self._name_check(environ)) is not None:
            LOG.warning("event=client_refused peer=%s reason=%r", environ.get("REMOTE_ADDR", ""), refusal)
            return soap_fault(SYSTEM_FAILURE, refusal, status=403, client=True)
        try:
            return self._exchange.handle(
                body,
                content_type=str(environ.get("CONTENT_TYPE", "")),
                soap_action=environ.get("HTTP_SOAPACTION"),
                now=self._now,
                ids=self._ids,
                answer=self._service.answer,
            )
        except Exception:
            # A fault of ours must not end the service: the client is told, the log has the rest.
            LOG.exception("event=lookup_failed")
            return soap_fault(SYSTEM_FAILURE, "The simulator failed while it answered; see its log")

    def _keep(self, sender: str, receiver: str, headers: dict[str, str], body: bytes) -> None:
        if self._journal is not None:
            self._journal.append(LOOKUP, sender=sender, receiver=receiver, headers=headers, body=body)
