"""The mock care client as a process: a driver API in front, SOAP requests to the service behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cpis_simulator.apps.identity import harness_version, new_id, utc_now
from cpis_simulator.apps.operations import offered
from cpis_simulator.care.client import prepare, understand, unknown
from cpis_simulator.driving import LookUp, LookUpResult, Nothing, Version
from cpis_simulator.errors import ConfigError, CpisError
from cpis_simulator.transport.http_client import TimedOut, Unreachable, check_url, post
from cpis_simulator.transport.tls import ClientTls, client_context

LOG: Final = logging.getLogger(__name__)

SYNC_PATH: Final = "/sync-service"


class CareHost:
    """Operations of role care, each a method.

    Args:
        service_url: Base address of the service.
        timeout_s: Seconds until a lookup is given up (setting `query.client_timeout`).
        tls: Our certificate, and the authorities that the service's comes from; for an `https` address.
        now: The client's time.
        ids: Gives upper-case UUIDs.

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
    ) -> None:
        """Nothing is connected until a lookup."""
        check_url(service_url)
        self._url = service_url.rstrip("/") + SYNC_PATH
        self._timeout_s = timeout_s
        is_secure = service_url.lower().startswith("https:")
        if tls is not None and not is_secure:
            mend = "Use https://, or leave the certificates out."
            raise ConfigError("Certificates for a plain address", where=service_url, mend=mend)
        self._tls = client_context(tls or ClientTls()) if is_secure else None
        self._now = now
        self._ids = ids

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
        """Ask the service and say what was understood."""
        return self.ask(request)[0]

    def ask(self, request: LookUp) -> tuple[LookUpResult, CpisError | None]:
        """As `look_up`, with the error beside it where no answer came at all."""
        question = prepare(request, now=self._now(), ids=self._ids)
        if isinstance(question, LookUpResult):
            return question, None
        try:
            reply = post(self._url, question.body, headers=question.headers(), within=self._timeout_s, tls=self._tls)
        except (Unreachable, TimedOut) as error:
            LOG.warning("event=lookup_unanswered event_id=%s reason=%r", question.event_id, str(error))
            return unknown(question, error.what.lower()), error
        result = understand(question, reply.status, reply.body)
        if result.status == "unknown" and reply.status != 200 and reply.content_type.startswith("text/plain"):
            # Not of the service but of what stands before it; its words say what to mend.
            said = reply.body.decode("utf-8", "replace").strip()[:200]
            result = unknown(question, f"HTTP status {reply.status}: {said}")
        LOG.info("event=lookup event_id=%s status=%s", question.event_id, result.status)
        return result, None
