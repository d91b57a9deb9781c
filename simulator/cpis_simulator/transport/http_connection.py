"""One connection of an HTTP server: handshake, requests and answers, never waiting for its client.

A worker calls `proceed`, which does what can be done with the bytes that have arrived and says what to wait for next.
So a client that stalls, at whatever moment, holds a socket and a buffer but no thread. Each phase (first byte,
handshake, headers, body, answer) has one deadline for the whole of it; when it passes, a worker calls `expire`.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum, auto
from typing import Any, Final

from cpis_simulator.settings import TransportSettings
from cpis_simulator.transport.http_reading import BodySink, Phase, Refusal, Request, RequestReader
from cpis_simulator.transport.tls import (
    PLAIN_HTTP,
    TIMED_OUT,
    TLS_TO_PLAIN,
    HandshakeFailure,
    TlsPeer,
    failure_at_server,
    peer_of,
    speaks_plain_http,
    speaks_tls,
)

LOG: Final = logging.getLogger(__name__)

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

BODY_SINK: Final = "cpis.body_sink"
"""Key of the WSGI environment: where the body is on the disk; not there when it was small. Whoever wants to keep it
takes it away before the application returns."""

TLS_PEER: Final = "cpis.tls_peer"
"""Key of the WSGI environment: a `TlsPeer` with the client's certificate; not there on a plain connection."""

DRAIN_S: Final = 1.0
"""After an early answer (413, an alert) the rest is read and dropped for so long: a socket that is closed with unread
bytes makes the client's system throw the answer away."""

_IN_A_ROW: Final = 32
"""Requests of one connection that are answered before others have their turn."""
_PIECE: Final = 1 << 16
_NO_BODY: Final = ("1", "204", "304")
_RESET: Final = struct.pack("ii", 1, 0)
_SERVER: Final = "cpis-harness"


class Then(Enum):
    """What a connection waits for."""

    READ = auto()
    WRITE = auto()
    AGAIN = auto()
    CLOSE = auto()


class Cut(Exception):
    """An application raises it, before or within its answer, to have the connection end there.

    Args:
        reset: End it with a reset rather than in order.
    """

    def __init__(self, *, reset: bool = False) -> None:
        """Nothing happens yet."""
        super().__init__("the application cuts the connection")
        self.reset = reset


@dataclass(frozen=True, slots=True)
class TooLarge:
    """How an application answers a body that is too large to be read: status line, content type and body."""

    status: str
    content_type: str
    body: bytes


@dataclass(slots=True)
class Service:
    """What all connections of a server share.

    Attributes:
        context: Of TLS; None for plain HTTP.
        too_large: The answer to a body that is too large.
        handshake_refused: Told of each connection that failed before its first request, with its peer's address.
        sinks: Gives places for bodies that are not small; None: all are held in memory.
        stopping: No connection is kept alive any more.
    """

    app: WsgiApp
    limits: TransportSettings
    max_body: int
    context: ssl.SSLContext | None
    too_large: TooLarge | None
    handshake_refused: Callable[[HandshakeFailure, str], None]
    port: int
    sinks: Callable[[], BodySink] | None = None
    stopping: bool = False
    base: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What is the same in the environment of every request."""
        self.base = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": _SERVER,
            "SERVER_PORT": str(self.port),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http" if self.context is None else "https",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }


class Connection:
    """See the module's theory of operation. One thread at a time, whichever holds it.

    Args:
        sock: Accepted, not blocking.
        address: Of the client.
        service: What all connections share.
    """

    def __init__(self, sock: socket.socket, address: tuple[Any, ...], service: Service) -> None:
        """Nothing was read yet."""
        self.sock = sock
        self.number = sock.fileno()
        self._address = address
        self._service = service
        self._reader = RequestReader(service.limits.max_head, service.max_body, service.sinks)
        self._phase: Phase | None = None
        self._tls_peer: TlsPeer | None = None
        self._must_shake_hands = service.context is not None
        self._is_new = True
        self._is_draining = False
        self._answer: _Answer | None = None
        self._answered = 0
        self.deadline = 0.0
        self._allow(service.limits.headers_s)

    @property
    def peer(self) -> str:
        """The client's address, for logs and evidence."""
        host = f"[{self._address[0]}]" if ":" in str(self._address[0]) else self._address[0]
        return f"{host}:{self._address[1]}"

    def is_idle(self) -> bool:
        """Nothing of a request has arrived, and nothing of an answer is left to send."""
        return self._answer is None and not self._is_draining and self._reader.phase is Phase.IDLE

    def bytes_answered(self) -> int:
        """How large the bodies were that were answered since this was last asked."""
        answered, self._answered = self._answered, 0
        return answered

    def proceed(self) -> Then:
        """Do what can be done now."""
        try:
            if self._is_draining:
                return self._drain()
            if self._must_shake_hands and (then := self._shake_hands()) is not None:
                return then
            return self._serve()
        except (OSError, ValueError) as error:
            # The client is gone, or broke TLS in the middle; ValueError is what a closed SSL object raises.
            LOG.debug("event=connection_broken peer=%s reason=%r", self.peer, str(error))
            return Then.CLOSE

    def expire(self) -> Then:
        """The deadline has passed."""
        if self._is_draining or self._answer is not None:
            return Then.CLOSE
        if self._must_shake_hands:
            if isinstance(self.sock, ssl.SSLSocket):
                self._service.handshake_refused(TIMED_OUT, self.peer)
            return Then.CLOSE
        if self._reader.phase is Phase.IDLE:
            return Then.CLOSE
        late = Refusal("408 Request Timeout", "The request was not whole in time.")
        self._log(late)
        try:
            return self._refuse(late)
        except (OSError, ValueError):
            return Then.CLOSE

    def close(self) -> None:
        """Let go of the socket."""
        if self._answer is not None:
            self._answer.abandon()
            self._answer = None
        self._reader.abandon()
        if isinstance(self.sock, ssl.SSLSocket) and not self._must_shake_hands and not self._is_draining:
            self._say_goodbye(self.sock)
        self.sock.close()

    def _log(self, refusal: Refusal) -> None:
        LOG.info("event=request_refused peer=%s status=%r reason=%r", self.peer, refusal.status, refusal.reason)

    def _allow(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds

    # The handshake.

    def _shake_hands(self) -> Then | None:
        """Get on with the handshake; None once it is done."""
        sock = self.sock
        if not isinstance(sock, ssl.SSLSocket):
            try:
                first = sock.recv(32, socket.MSG_PEEK)
            except BlockingIOError:
                return Then.READ
            if not first:
                return Then.CLOSE
            if speaks_plain_http(first):
                self._must_shake_hands = False
                return self._refuse_handshake(PLAIN_HTTP)
            assert self._service.context is not None
            self._allow(self._service.limits.handshake_s)
            self.sock = sock = self._service.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return Then.READ
        except ssl.SSLWantWriteError:
            return Then.WRITE
        except OSError as error:
            self._service.handshake_refused(failure_at_server(error), self.peer)
            return self._begin_to_drain()
        self._tls_peer = peer_of(sock)
        self._must_shake_hands = self._is_new = False
        self._allow(self._service.limits.headers_s)
        return None

    def _refuse_handshake(self, failure: HandshakeFailure) -> Then:
        """Tell of it, and answer in plain HTTP, which one of the two sides at least can read."""
        self._service.handshake_refused(failure, self.peer)
        return self._refuse(Refusal("400 Bad Request", f"{failure.text[0].upper()}{failure.text[1:]}. {failure.mend}"))

    @staticmethod
    def _say_goodbye(sock: ssl.SSLSocket) -> None:
        try:
            sock.unwrap()
        except (OSError, ValueError):
            return  # Our side of it is sent; the client's need not be waited for.

    # Requests.

    def _serve(self) -> Then:
        served = 0
        while True:
            if self._answer is not None:
                if not self._answer.send(self.sock, self._allow, self._service.limits.body_s):
                    return Then.WRITE
                answer, self._answer, self._phase = self._answer, None, None
                if answer.then is Then.CLOSE:
                    return Then.CLOSE
                if answer.then is Then.READ:
                    return self._begin_to_drain()
                if self._reader.phase is Phase.IDLE and not self._has_pending():
                    return self._wait_for_more()
                if (served := served + 1) > _IN_A_ROW:
                    return Then.AGAIN
            took = self._reader.take()
            if isinstance(took, Request):
                self._answer = self._answer_to(took)
            elif isinstance(took, Refusal):
                self._log(took)
                return self._refuse(took)
            elif self._reader.must_say_go_on():
                self._answer = _Answer(b"HTTP/1.1 100 Continue\r\n\r\n", then=Then.AGAIN)
            elif (then := self._receive()) is not None:
                return then

    def _receive(self) -> Then | None:
        """Take in what has arrived; what to wait for when nothing has."""
        try:
            data = self.sock.recv(_PIECE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return self._wait_for_more()
        if not data:
            return Then.CLOSE
        if self._is_new:
            self._is_new = False
            if speaks_tls(data):
                return self._refuse_handshake(TLS_TO_PLAIN)
        self._reader.feed(data)
        return None

    def _has_pending(self) -> bool:
        """TLS has decrypted more than was read of it; the selector cannot know."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def _wait_for_more(self) -> Then:
        if (phase := self._reader.phase) is not self._phase:
            self._phase = phase
            limits = self._service.limits
            self._allow(limits.body_s if phase is Phase.BODY else limits.headers_s)
        return Then.READ

    def _refuse(self, refusal: Refusal) -> Then:
        """Answer what is no request, then see to it that the client can read that."""
        status, content_type, body = refusal.status, "text/plain; charset=utf-8", f"{refusal.reason}\n".encode()
        if status.startswith("413") and (worded := self._service.too_large) is not None:
            status, content_type, body = worded.status, worded.content_type, worded.body
        head = _head(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))], "close")
        self._answer = _Answer(head + body, then=Then.READ)
        return self._serve()

    def _begin_to_drain(self) -> Then:
        self._is_draining = True
        self._allow(DRAIN_S)
        if isinstance(self.sock, ssl.SSLSocket) and not self._must_shake_hands:
            self._say_goodbye(self.sock)
        self.sock.shutdown(socket.SHUT_WR)
        return self._drain()

    def _drain(self) -> Then:
        try:
            # Of a TLS connection these are the bytes beneath: nobody reads what they say.
            while socket.socket.recv(self.sock, _PIECE):
                pass
        except BlockingIOError:
            return Then.READ
        return Then.CLOSE

    # Answers.

    def _answer_to(self, request: Request) -> _Answer:
        """Have the application answer."""
        try:
            return self._answer_of_application(request)
        finally:
            if request.put is not None:
                request.put.discard()

    def _answer_of_application(self, request: Request) -> _Answer:
        self._answered += len(request.body)
        keeps_alive = request.keeps_alive and not self._service.stopping
        started = _Started()
        result: Iterable[bytes] = ()
        try:
            result = self._service.app(self._environ(request), started)
            first, left = started.whole(result)
        except Cut as cut:
            return self._cut(cut, result)
        except Exception:
            LOG.exception("event=application_failed path=%s", request.path)
            return _failed(result)
        status, fields = started.status, started.fields
        option = "close"
        if keeps_alive and not any(k.lower() == "connection" and v.lower() == "close" for k, v in fields):
            option = "" if request.version else "keep-alive"
        head = _head(status, fields, option)
        if request.method == "HEAD" or status.startswith(_NO_BODY):
            first, left = b"", None
        return _Answer(
            head + first,
            pieces=left,
            promised=started.promised - len(first) if left is not None else 0,
            result=result,
            cut=self._cut,
            then=Then.CLOSE if option == "close" else Then.AGAIN,
        )

    def _cut(self, cut: Cut, result: object) -> _Answer:
        """End here, as the application wants it."""
        if cut.reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._is_draining = True  # No farewell before a reset.
        return _Answer(b"", result=result, then=Then.CLOSE)

    def _environ(self, request: Request) -> dict[str, Any]:
        environ = self._service.base.copy()
        environ |= {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "REQUEST_URI": request.target,
            "SERVER_PROTOCOL": f"HTTP/1.{request.version}",
            "REMOTE_ADDR": str(self._address[0]),
            "REMOTE_PORT": str(self._address[1]),
            "wsgi.input": io.BytesIO(request.body) if request.put is None else request.put.opened(),
        }
        if request.put is not None:
            environ[BODY_SINK] = request.put
        for name, value in request.fields.items():
            # A name with an underscore could pass for another one with a hyphen.
            if "_" not in name:
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        for name in ("HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):
            if environ.pop(name, None) is not None:
                environ["CONTENT_LENGTH"] = str(len(request.body) if request.put is None else request.put.size)
        if (content_type := environ.pop("HTTP_CONTENT_TYPE", None)) is not None:
            environ["CONTENT_TYPE"] = content_type
        if self._tls_peer is not None:
            environ[TLS_PEER] = self._tls_peer
        return environ


class _Started:
    """WSGI's `start_response`, and what an application said by it."""

    def __init__(self) -> None:
        self.status = ""
        self.fields: list[tuple[str, str]] = []
        self.promised = 0

    def __call__(self, status: str, fields: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        self.status, self.fields = status, list(fields)
        return _no_writing

    def whole(self, result: Iterable[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
        """The body at once where its length is not promised, or it is a list; else its beginning and the rest.

        Always a `Content-Length`: some clients read nothing without it (transport section 2).
        """
        pieces = iter(result)
        # A generator has called us only when its first piece is there.
        first = next(pieces, b"")
        if not self.status:
            raise RuntimeError("the application answered nothing")
        promised = next((value for name, value in self.fields if name.lower() == "content-length"), None)
        if promised is not None and not isinstance(result, list | tuple):
            self.promised = int(promised)
            return first[: self.promised], pieces
        body = first + b"".join(pieces)
        if promised is None and not self.status.startswith(_NO_BODY):
            self.fields.append(("Content-Length", str(len(body))))
        return body, None


def _no_writing(_data: bytes) -> None:
    raise NotImplementedError("WSGI's write(): return the body instead")


def _failed(result: object) -> _Answer:
    body = b"The server failed while it answered; see its log.\n"
    fields = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    return _Answer(_head("500 Internal Server Error", fields, "close") + body, result=result, then=Then.CLOSE)


class _Answer:
    """An answer on its way.

    Args:
        ready: Its first bytes.
        pieces: Those that the application still makes.
        promised: How many those are.
        result: What the application returned; closed when all is sent.
        cut: What to do when the application cuts the connection in the middle.
        then: What comes after it: the next request, draining (READ), or the end.
    """

    def __init__(
        self,
        ready: bytes,
        *,
        then: Then,
        pieces: Iterator[bytes] | None = None,
        promised: int = 0,
        result: object = None,
        cut: Callable[[Cut, object], _Answer] | None = None,
    ) -> None:
        self.then = then
        self._ready = memoryview(ready)
        self._pieces = pieces
        self._promised = promised
        self._result = result
        self._cut = cut
        self._is_allowed = False

    def send(self, sock: socket.socket, allow: Callable[[float], None], seconds: float) -> bool:
        """Send on; True when all is out and what the application left to do after it is done."""
        while True:
            while self._ready:
                try:
                    sent = sock.send(self._ready)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    # The time for an answer counts from the moment that its client does not take it.
                    if not self._is_allowed:
                        self._is_allowed = True
                        allow(seconds)
                    return False
                self._ready = self._ready[sent:]
            if self._pieces is None:
                self.abandon()
                return True
            self._ready = memoryview(self._next_piece())

    def _next_piece(self) -> bytes:
        assert self._pieces is not None
        try:
            for piece in self._pieces:
                if piece := piece[: self._promised]:
                    self._promised -= len(piece)
                    return piece
        except Cut as cut:
            assert self._cut is not None
            self._cut(cut, None)
            self.then = Then.CLOSE
        except Exception:
            LOG.exception("event=application_failed")
            self.then = Then.CLOSE
        self._pieces = None
        if self._promised:
            self.then = Then.CLOSE  # Less than was promised: only the end of the connection can tell.
        return b""

    def abandon(self) -> None:
        """Nothing more will be sent; the application may tidy up."""
        result, self._result = self._result, None
        if (close := getattr(result, "close", None)) is not None:
            try:
                close()
            except Exception:
                LOG.exception("event=application_failed_after_answer")


_date = ("", 0)


def _head(status: str, fields: list[tuple[str, str]], connection: str) -> bytes:
    global _date
    now = int(time.time())
    if _date[1] != now:
        _date = (formatdate(now, usegmt=True), now)
    lines = [f"HTTP/1.1 {status}", *[f"{name}: {value}" for name, value in fields]]
    lines += [f"Date: {_date[0]}", f"Server: {_SERVER}"]
    if connection:
        lines.append(f"Connection: {connection}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
