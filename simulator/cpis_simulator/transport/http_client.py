"""HTTP as a client: calls of the driver and control API, and posts of messages.

Each call has one deadline for the whole of it. What went wrong keeps its kind (nobody there, no answer in
time, refused, not offered, failed), because each of them is a different verdict later on.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from cpis_simulator.driving import Shape
from cpis_simulator.errors import ConfigError, HarnessError

MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of an answer that are read; a larger one is an error."""


class Unreachable(HarnessError):
    """Nobody accepted the connection, or it broke before the answer was whole."""


class TimedOut(HarnessError):
    """The connection was accepted, and no whole answer came before the deadline."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer, whatever its status."""

    status: int
    content_type: str
    body: bytes


class CallStatus(StrEnum):
    """How a call of an operation ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    NOT_OFFERED = "not-offered"
    NOT_UNDERSTOOD = "not-understood"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    UNATTENDED = "unattended"


@dataclass(frozen=True, slots=True)
class Attested:
    """A person's word.

    Attributes:
        by: Who gave it.
        at: When, as ISO text with offset.
        via: `page`, `terminal` or `sheet`; with `, earlier` where it was given before the run was broken off.
        remark: What else was said.
        files: What was attached: name, content type, bytes.
    """

    by: str
    at: str
    via: str
    remark: str = ""
    files: tuple[tuple[str, str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class DriverReply:
    """What came of a call.

    Attributes:
        status: How it ended.
        code: The HTTP status, None where none came.
        body: The JSON object of the answer, empty where none came.
        reason: Why it did not succeed, empty when answered.
        text: The answer as it stands in evidence, always a JSON object: as received, or made from the reason.
        attested: Whose word it is, where a person gave it.
    """

    status: CallStatus
    code: int | None = None
    body: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    text: str = "{}"
    attested: Attested | None = None


_STATUS_OF: Final = {
    409: CallStatus.REFUSED,
    501: CallStatus.NOT_OFFERED,
    401: CallStatus.NOT_UNDERSTOOD,
    404: CallStatus.NOT_UNDERSTOOD,
    405: CallStatus.NOT_UNDERSTOOD,
    422: CallStatus.NOT_UNDERSTOOD,
}


class DriverClient:
    """Calls the operations of a driver or of the mock Spine's control API.

    Args:
        url: Base address; an operation is posted to `<url>/<operation>`.
        token: Sent as bearer token when given.

    Raises:
        ConfigError: When the address is none.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        """Keep both; nothing is connected until a call."""
        check_url(url)
        self.url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def call(self, operation: str, request: Shape, *, within: float) -> DriverReply:
        """Ask for one operation; never raises for what the other side does.

        Args:
            operation: Its name, such as `record-child`.
            request: Its request shape.
            within: Seconds for the whole call.
        """
        return self.send(operation, request.model_dump_json().encode(), within=within)

    def send(self, operation: str, body: bytes, *, within: float) -> DriverReply:
        """Ask with these bytes as the request, whatever they are."""
        try:
            reply = post(f"{self.url}/{operation}", body, headers=self._headers, within=within)
        except Unreachable as error:
            return without_answer(CallStatus.UNREACHABLE, None, str(error))
        except TimedOut as error:
            return without_answer(CallStatus.TIMED_OUT, None, str(error))
        return read_reply(reply, f"HTTP {reply.status}")


def without_answer(status: CallStatus, code: int | None, reason: str) -> DriverReply:
    """What came of a call to which there was no JSON answer."""
    return DriverReply(status, code, reason=reason, text=json.dumps({"reason": reason}, ensure_ascii=False))


def read_reply(reply: HttpReply, shown: str) -> DriverReply:
    """An answer as the driver API means it; `shown` is its status in words."""
    try:
        text = reply.body.decode() or "{}"
        body = json.loads(text)
    except (ValueError, RecursionError):  # the latter for brackets without end
        body = None
    status = CallStatus.ANSWERED if reply.status == 200 else _STATUS_OF.get(reply.status, CallStatus.FAILED)
    if not isinstance(body, dict):
        found = reply.body[:80].decode("utf-8", "replace")
        reason = f"{shown} with a body that is no JSON object, beginning {found!r}"
        return without_answer(CallStatus.FAILED if reply.status == 200 else status, reply.status, reason)
    reason = "" if reply.status == 200 else str(body.get("reason") or f"{shown} without a reason")
    return DriverReply(status, reply.status, body, reason, text)


def check_url(url: str) -> None:
    """An address that `post` can use.

    Raises:
        ConfigError: When it is not one.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("Not an address", expected="http://host:port", found=url, mend="Write it with its scheme.")


def post(url: str, body: bytes, *, headers: Mapping[str, str], within: float) -> HttpReply:
    """Post a body and read the whole answer.

    Args:
        url: Where to.
        body: What; its `Content-Length` is sent.
        headers: Further headers.
        within: Seconds for everything, from connecting to the last byte.

    Raises:
        ConfigError: When the address is none.
        Unreachable: Nobody there, or the connection broke.
        TimedOut: No whole answer in time.
    """
    check_url(url)
    parts = urlsplit(url)
    deadline = time.monotonic() + within
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=within)
    try:
        return _exchange(connection, parts.path or "/", body, headers, deadline)
    except TimeoutError as error:
        raise TimedOut(f"No answer within {within:g} s", where=url) from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable("No connection, or it broke", where=url, found=_words(error)) from error
    finally:
        connection.close()


def _exchange(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float,
) -> HttpReply:
    """One request and its answer. Every wait gets what is left of the deadline."""
    connection.connect()
    sock = connection.sock
    sock.settimeout(_left(deadline))
    # A server that refuses early (413) may close its side while we still send; its answer can still be read.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", path, body, dict(headers))
    sock.settimeout(_left(deadline))
    answer = connection.getresponse()
    read = bytearray()
    while True:
        if not answer.isclosed():
            sock.settimeout(_left(deadline))
        if not (part := answer.read1(65536)):
            break
        read += part
        if len(read) > MAX_ANSWER:
            raise http.client.HTTPException(f"the answer is larger than {MAX_ANSWER} bytes")
    if answer.length:
        raise http.client.IncompleteRead(bytes(read[:0]), answer.length)
    return HttpReply(answer.status, answer.headers.get("Content-Type", ""), bytes(read))


def _left(deadline: float) -> float:
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _words(error: Exception) -> str:
    """The system's own words; some HTTP errors have none."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
