"""HTTP as a client: calls of the driver and control API, and posts of messages.

Each call has one deadline for the whole of it. What went wrong keeps its kind (nobody there, no answer in
time, refused, not offered, failed), because each of them is a different verdict later on.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from cpis_simulator.codecs.xml import shortened
from cpis_simulator.driving import Shape
from cpis_simulator.errors import ConfigError, HarnessError
from cpis_simulator.transport import breaking
from cpis_simulator.transport.tls import failure_at_client

MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of an answer that are read; a larger one is an error."""


class Unreachable(HarnessError):
    """Nobody accepted the connection, or it broke before the answer was whole."""


class TlsFailed(Unreachable):
    """The two sides did not come to terms: a certificate was refused, by us or by the server, or there is no TLS."""


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


@dataclass(frozen=True, slots=True)
class Harm:
    """How a request is spoiled on purpose after so many bytes of its body.

    `cut` and `reset`: the rest is never sent; `slow`: it is, in drips.
    """

    kind: Literal["cut", "reset", "slow"]
    after_bytes: int = 0


class _Deadlined(io.RawIOBase):
    """What a server sends, as far as it comes before the deadline of the whole call.

    The timeout of a socket is one of each read: a server that sends a byte now and then would never be over it.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock = sock
        # Holds the socket open, which a connection closes as soon as it knows that no second answer follows.
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


@dataclass(frozen=True, slots=True)
class _Source:
    """Stands for a socket where an answer is made of one."""

    sock: socket.socket
    deadline: float

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What the answer is read from."""
        return io.BufferedReader(_Deadlined(self.sock, self.deadline))


class _NamedConnection(http.client.HTTPSConnection):
    """A connection whose server must have a certificate of a name that is not that of its address."""

    def __init__(self, host: str, port: int | None, *, timeout: float, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._named = (context, name)

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        context, name = self._named
        self.sock = context.wrap_socket(self.sock, server_hostname=name)


def post(
    url: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    within: float,
    tls: ssl.SSLContext | None = None,
    server_name: str = "",
    harm: Harm | None = None,
    max_answer: int = MAX_ANSWER,
) -> HttpReply:
    """Post a body and read the whole answer.

    Args:
        url: Where to.
        body: What; its `Content-Length` is sent.
        headers: Further headers.
        within: Seconds for everything, from connecting to the last byte.
        tls: Our side of TLS for an `https` address; left out: no certificate of ours, and the system's authorities.
        server_name: The name that the server's certificate must have, where that is not the host of its address.
        harm: Bad weather that the request meets.
        max_answer: Bytes of an answer that are read; a larger one counts as a broken connection.

    Raises:
        ConfigError: When the address is none.
        TlsFailed: Client and server did not come to terms.
        Unreachable: Nobody there, or the connection broke.
        TimedOut: No whole answer in time.
    """
    check_url(url)
    parts = urlsplit(url)
    deadline = time.monotonic() + within
    connection = _connection(parts, within, tls, server_name)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        return _exchange(connection, path, body, headers, deadline, harm, max_answer)
    except TimeoutError as error:
        raise TimedOut(f"No answer within {within:g} s", where=url) from error
    except ssl.SSLError as error:
        failure = failure_at_client(error)
        raise TlsFailed("No connection by TLS", where=url, found=failure.text, mend=failure.mend) from error
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable("No connection, or it broke", where=url, found=_words(error)) from error
    finally:
        connection.close()


def _connection(
    parts: SplitResult, within: float, tls: ssl.SSLContext | None, server_name: str
) -> http.client.HTTPConnection:
    """A connection to an address, not yet made."""
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=within)
    if not server_name or server_name == host:
        return http.client.HTTPSConnection(host, parts.port, timeout=within, context=tls)
    context = tls or ssl.create_default_context()
    return _NamedConnection(host, parts.port, timeout=within, context=context, name=server_name)


def _exchange(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float,
    harm: Harm | None,
    max_answer: int,
) -> HttpReply:
    """One request and its answer. Every wait gets what is left of the deadline."""
    connection.connect()
    sock = connection.sock
    sock.settimeout(_left(deadline))
    # A server that refuses early (413) may close its side while we still send; its answer can still be read.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if harm is None:
            connection.request("POST", path, body, dict(headers))
        else:
            _request_spoiled(connection, path, body, headers, harm)
    answer = http.client.HTTPResponse(_Source(sock, deadline), method="POST")  # type: ignore[arg-type]
    with contextlib.closing(answer):
        answer.begin()
        read = bytearray()
        while part := answer.read1(65536):
            read += part
            if len(read) > max_answer:
                raise http.client.HTTPException(f"the answer is larger than {max_answer} bytes")
        if answer.length:
            raise http.client.IncompleteRead(bytes(read[:0]), answer.length)
        return HttpReply(answer.status, answer.headers.get("Content-Type", ""), bytes(read))


def _request_spoiled(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str], harm: Harm
) -> None:
    """Send a request as bad weather has it: its head says how long the whole of it would have been.

    Raises:
        HTTPException: It did not go out whole, as was meant.
    """
    connection.putrequest("POST", path)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders()
    if harm.kind == "slow":
        for piece in breaking.dripping(body, harm.after_bytes):
            connection.send(piece)
        return
    connection.send(body[: harm.after_bytes])
    (breaking.reset if harm.kind == "reset" else breaking.cut)(connection.sock)
    raise http.client.HTTPException(f"{harm.kind} after {harm.after_bytes} bytes, as the harness's own weather has it")


def _left(deadline: float) -> float:
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _words(error: Exception) -> str:
    """The system's own words; some HTTP errors have none, others repeat what the server wrote."""
    return shortened(getattr(error, "strerror", None) or str(error).strip() or type(error).__name__, 200)
