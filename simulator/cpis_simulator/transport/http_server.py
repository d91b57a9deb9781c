"""An HTTP(S) server that a silent, slow or greedy client cannot stop.

Theory of operation. One thread waits in the selector for all connections that have nothing to do; one whose bytes have
arrived goes to a worker, which does what these bytes allow and gives it back (`http_connection`). No thread ever waits
for a client, so stalled handshakes, senders of a byte now and then and readers of none cost a socket each. A new
connection waits for its first byte in the selector too, and the handshake of TLS is done by workers. Deadlines are kept
by the selector's thread. Beyond the limit of connections new ones are closed. A worker makes room for another one after
some megabytes of bodies: libxml2 keeps every name that a thread has ever parsed for as long as that thread lives.
"""

from __future__ import annotations

import logging
import os
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, Self

from cpis_simulator.errors import StartError
from cpis_simulator.settings import TransportSettings
from cpis_simulator.transport.http_connection import Connection, Service, Then, TooLarge, WsgiApp
from cpis_simulator.transport.http_reading import BodySink
from cpis_simulator.transport.tls import HandshakeFailure, ServerTls, server_context

LOG: Final = logging.getLogger(__name__)

IDLE_CHECK_S: Final = 0.1
"""How often deadlines are looked at; also the longest that a stop waits for the selector."""

STOP_S: Final = 3.0
"""How long a stop waits for requests that have begun."""

_SELECT_S: Final = IDLE_CHECK_S if os.name != "nt" else 0.05
"""On Windows a connection that a worker gives back does not wake the selector."""
WORKER_BYTES: Final = 4 * 1024 * 1024
"""Bodies that a worker has answered when another one takes its place."""

_BACKLOG: Final = 512
_ACCEPTS: Final = 64
_PAUSE_S: Final = 0.5
_EVENTS: Final = {Then.READ: selectors.EVENT_READ, Then.WRITE: selectors.EVENT_WRITE}


class HttpServer:
    """A WSGI application on a port, in threads of this process.

    Args:
        app: The application. The body of a request is whole when it is called.
        host: Address to listen on.
        port: Port, or 0 for any free one.
        limits: Deadlines, and the limits of headers and connections.
        max_body: Largest request body; `limits.max_body` when left out.
        too_large: The answer to a larger one, where the application words it.
        threads: Workers.
        tls: Serve TLS; the application finds the client's certificate in its environment under `TLS_PEER`.
        shares_port: Other processes listen on the same port (not on Windows).
        bodies: Gives places on the disk for bodies that are not small, which are then never held whole.
        handshake_refused: Called with the reason and the peer's address for each connection that never became one.

    Raises:
        StartError: When the port cannot be had.
        ConfigError: When a file for TLS cannot be used.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: TransportSettings | None = None,
        max_body: int | None = None,
        too_large: TooLarge | None = None,
        threads: int = 16,
        tls: ServerTls | None = None,
        shares_port: bool = False,
        bodies: Callable[[], BodySink] | None = None,
        handshake_refused: Callable[[HandshakeFailure, str], None] | None = None,
    ) -> None:
        """Bind at once, so that `url` is known; requests are served after `start`."""
        self._limits = limits or TransportSettings()
        context = server_context(tls) if tls is not None else None
        self._told = handshake_refused
        self.host = host
        self._listener = listener(host, port, shares_port=shares_port)
        self._listener.listen(_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._scheme = "http" if context is None else "https"
        self._service = Service(
            app, self._limits, max_body or self._limits.max_body, context, too_large, self._refused, self.port, bodies
        )
        self._selector = selectors.DefaultSelector()
        self._registering = threading.Lock()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._accepts_again = 0.0
        self._open: set[Connection] = set()
        self._work: queue.SimpleQueue[tuple[Connection, bool] | None] = queue.SimpleQueue()
        self._is_stopped = False
        self._over_limit = _Seldom()
        self._loop = threading.Thread(target=self._run, name=f"http-{self.port}", daemon=True)
        self._workers = [self._worker(number) for number in range(threads)]

    @property
    def url(self) -> str:
        """Where clients reach it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self._scheme}://{host}:{self.port}"

    def start(self) -> Self:
        """Serve from now on."""
        for thread in (*self._workers, self._loop):
            thread.start()
        return self

    def stop(self) -> None:
        """Take no more connections, finish requests that have begun (3 s at most); calling it again does nothing."""
        self._service.stopping = True
        if self._loop.is_alive():
            self._loop.join(STOP_S + 2)
        if self._is_stopped:
            return
        self._is_stopped = True
        self._listener.close()
        for _ in self._workers:
            self._work.put(None)
        end = time.monotonic() + 1
        for thread in self._workers:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))
        for connection in list(self._open):
            self._close(connection)
        self._selector.close()

    def __enter__(self) -> Self:
        """Start; for tests and short-lived hosts."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    # The selector's thread.

    def _run(self) -> None:
        next_check = 0.0
        end = 0.0
        while True:
            try:
                for key, _ in self._selector.select(_SELECT_S):
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._hand_over(key.data)
                now = time.monotonic()
                if now >= next_check:
                    next_check = now + IDLE_CHECK_S
                    self._look_at_deadlines(now)
                if self._service.stopping:
                    end = end or self._begin_to_stop(now)
                    if not self._open or now >= end:
                        return
            except Exception:
                LOG.exception("event=http_server_failed")
                time.sleep(IDLE_CHECK_S)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError as error:
                # Out of file descriptors, most likely: those that are open are served on.
                LOG.warning("event=accept_failed reason=%r", error.strerror)
                self._pause_accepting()
                return
            if len(self._open) >= self._limits.max_connections:
                sock.close()
                if count := self._over_limit.count():
                    LOG.warning("event=connections_closed reason=limit limit=%d count=%d", len(self._open), count)
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, address, self._service)
            self._open.add(connection)
            self._wait(connection, selectors.EVENT_READ)

    def _pause_accepting(self) -> None:
        with self._registering:
            self._selector.unregister(self._listener)
        self._accepts_again = time.monotonic() + _PAUSE_S

    def _hand_over(self, connection: Connection, *, expired: bool = False) -> None:
        with self._registering:
            self._selector.unregister(connection.number)
        self._work.put((connection, expired))

    def _look_at_deadlines(self, now: float) -> None:
        if self._accepts_again and now >= self._accepts_again and not self._service.stopping:
            self._accepts_again = 0.0
            with self._registering:
                self._selector.register(self._listener, selectors.EVENT_READ)
        for connection in self._waiting():
            if connection.deadline <= now:
                self._hand_over(connection, expired=True)

    def _waiting(self) -> list[Connection]:
        with self._registering:
            return [key.data for key in self._selector.get_map().values() if key.data is not None]

    def _begin_to_stop(self, now: float) -> float:
        """No new connections; those without a request are closed. When to stop waiting for the others."""
        if not self._accepts_again:
            with self._registering:
                self._selector.unregister(self._listener)
        self._listener.close()
        for connection in self._waiting():
            if connection.is_idle():
                with self._registering:
                    self._selector.unregister(connection.number)
                self._close(connection)
        return now + STOP_S

    # Workers.

    def _worker(self, number: int) -> threading.Thread:
        return threading.Thread(target=self._take_work, args=(number,), name=f"http-{self.port}-{number}", daemon=True)

    def _take_work(self, number: int) -> None:
        answered = 0
        while (work := self._work.get()) is not None:
            connection, expired = work
            try:
                then = connection.expire() if expired else connection.proceed()
            except Exception:
                LOG.exception("event=connection_failed peer=%s", connection.peer)
                then = Then.CLOSE
            answered += connection.bytes_answered()
            if then is Then.CLOSE:
                self._close(connection)
            elif then is Then.AGAIN:
                self._work.put((connection, False))
            else:
                self._wait(connection, _EVENTS[then])
            if answered > WORKER_BYTES:
                self._workers[number] = successor = self._worker(number)
                successor.start()
                return

    def _wait(self, connection: Connection, events: int) -> None:
        try:
            with self._registering:
                self._selector.register(connection.number, events, connection)
        except (OSError, ValueError, KeyError):
            self._close(connection)  # The server has stopped meanwhile.

    def _close(self, connection: Connection) -> None:
        self._open.discard(connection)
        try:
            connection.close()
        except OSError as error:
            LOG.debug("event=close_failed peer=%s reason=%r", connection.peer, str(error))

    def _refused(self, failure: HandshakeFailure, peer: str) -> None:
        LOG.warning(
            "event=handshake_refused peer=%s port=%d reason=%s text=%r mend=%r",
            peer, self.port, failure.reason, failure.text, failure.mend,
        )  # fmt: skip
        if self._told is not None:
            self._told(failure, peer)


class _Seldom:
    """Counts what may happen very often, to tell of it once a second."""

    def __init__(self) -> None:
        self._count = 0
        self._told = 0.0

    def count(self) -> int:
        """One more; how many there were since it was last told, 0 when that was a moment ago."""
        self._count += 1
        now = time.monotonic()
        if now - self._told < 1:
            return 0
        count, self._count, self._told = self._count, 0, now
        return count


def listener(host: str, port: int, *, shares_port: bool = False) -> socket.socket:
    """A socket bound to an address, not yet listening.

    Raises:
        StartError: When the port cannot be had.
    """
    sock = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        if os.name != "nt":
            # A port whose last connections are still winding down is free; on Windows the option means something else.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise StartError(
            f"Cannot listen on {host}:{port}",
            found=error.strerror or str(error),
            mend="Choose another port, or 0 for any free one; another process may still hold this one.",
        ) from error
    return sock
