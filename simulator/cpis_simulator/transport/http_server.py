"""An HTTP server that a silent, slow or greedy client cannot stop.

Theory of operation. Cheroot hands a new connection to a worker at once, and the worker waits for bytes: as
many silent connections as there are workers stop the service. Here a new connection first waits in the
selector, which costs no thread, until its first byte. From then on each phase (headers, body, answer) has one
deadline for the whole of it, not one for each read, so that a client that sends a byte now and then is cut
off as well. Beyond the limit of connections new ones are closed. `Connection.communicate` runs in the worker
under the deadline of the headers: a TLS handshake belongs there too, never in the selector's thread.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

from cheroot.errors import MaxSizeExceeded
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.server import HTTPConnection, HTTPRequest
from cheroot.wsgi import Server as CherootServer

from cpis_simulator.errors import StartError
from cpis_simulator.settings import TransportSettings

LOG: Final = logging.getLogger(__name__)

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

IDLE_CHECK_S: Final = 0.1
"""How often idle connections are looked at; also the longest that a stop waits for the selector."""

DRAIN_S: Final = 1.0
"""After an early answer (413) the rest of the body is read and dropped for so long: a socket that is closed
with unread bytes makes the client's system throw the answer away."""


class _DeadlineSocket:
    """What `socket.SocketIO` needs of a socket, under the deadline of the connection's present phase."""

    def __init__(self, sock: socket.socket, connection: Connection) -> None:
        self._sock = sock
        self._connection = connection
        self.fileno = sock.fileno

    def recv_into(self, buffer: Any) -> int:
        self._sock.settimeout(self._connection.remaining_s())
        return self._sock.recv_into(buffer)

    def send(self, data: Any) -> int:
        self._sock.settimeout(self._connection.remaining_s())
        return self._sock.send(data)

    def _decref_socketios(self) -> None:
        """Called when the SocketIO closes; the connection closes the socket itself."""


class _Request(HTTPRequest):
    """A request whose phases have deadlines and whose 413 reaches the client."""

    def parse_request(self) -> None:
        self.conn.allow(self.server.limits.headers_s)
        super().parse_request()

    def respond(self) -> None:
        self.conn.allow(self.server.limits.body_s)
        try:
            super().respond()
        except (MaxSizeExceeded, OSError) as error:
            # Cheroot's reader of chunked bodies tells an oversize in either form.
            if error.args[:1] != ("Request Entity Too Large",) or self.sent_headers:
                raise
            self.simple_response("413 Request Entity Too Large")

    def send_headers(self) -> None:
        self.conn.allow(self.server.limits.body_s)
        super().send_headers()

    def simple_response(self, status: Any, msg: str = "") -> None:
        """Cheroot's own refusals; an oversize body is told as the application would tell it."""
        self.conn.allow(self.server.limits.body_s)
        if not str(status).startswith("413"):
            super().simple_response(status, msg)
            return
        self.close_connection = True
        self.conn.must_drain = True
        content_type, body = self.server.too_large
        head = (
            f"HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.conn.wfile.write(head.encode("ascii") + body)


class Connection(HTTPConnection):
    """A connection with a deadline; see the module's theory of operation."""

    RequestHandlerClass = _Request

    def __init__(self, server: Any, sock: socket.socket, makefile: Any = None) -> None:
        """As cheroot makes it, with reader and writer that know the deadline."""
        super().__init__(server, sock)
        self.must_drain = False
        self.allow(server.limits.headers_s)
        timed = _DeadlineSocket(sock, self)
        self.rfile = StreamReader(timed, "rb", self.rbufsize)
        self.wfile = StreamWriter(timed, "wb", self.wbufsize)

    def allow(self, seconds: float) -> None:
        """Start a phase that may take so long in all."""
        self._deadline = time.monotonic() + seconds

    def remaining_s(self) -> float:
        """Seconds left of the phase.

        Raises:
            TimeoutError: When none are; cheroot answers 408 on these words.
        """
        if (left := self._deadline - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        return left

    def close(self) -> None:
        """Close, after a bounded wait for a client that is still sending what was refused."""
        self.server.forget(self)
        if self.must_drain:
            self._drain()
        super().close()

    def _drain(self) -> None:
        end = time.monotonic() + DRAIN_S
        try:
            self.socket.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self.socket.settimeout(left)
                if not self.socket.recv(65536):
                    return
        except OSError:
            return  # The client is gone, or sends on for too long: nobody is left to be polite to.


class _Server(CherootServer):
    """Cheroot with connections that wait for their first byte outside the workers."""

    ConnectionClass = Connection
    expiration_interval = IDLE_CHECK_S

    def __init__(
        self, address: tuple[str, int], app: WsgiApp, threads: int, limits: TransportSettings, max_body: int
    ) -> None:
        super().__init__(address, app, numthreads=threads, server_name="cpis-harness", request_queue_size=128)
        self.limits = limits
        self.too_large: tuple[str, bytes] = ("text/plain", b"The request is too large.\n")
        self.max_request_body_size = max_body
        self.max_request_header_size = 64 * 1024
        self.timeout = limits.headers_s  # How long a connection may be idle, before its first byte as well.
        self.keep_alive_conn_limit = limits.max_connections
        self.shutdown_timeout = 3
        self._open: set[Connection] = set()

    def process_conn(self, conn: Any) -> None:
        """A new connection into the selector, one with bytes to a worker."""
        if conn.last_used is not None:
            super().process_conn(conn)
        elif len(self._open) >= self.limits.max_connections:
            LOG.warning("event=connection_closed reason=limit limit=%d", self.limits.max_connections)
            conn.close()
        else:
            self._open.add(conn)
            self.put_conn(conn)

    def forget(self, conn: Connection) -> None:
        """The connection is closed."""
        self._open.discard(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Cheroot's words into our log."""
        LOG.log(level, "event=http_server %s", msg, exc_info=traceback)


class HttpServer:
    """A WSGI application on a port, in threads of this process.

    Args:
        app: The application.
        host: Address to listen on.
        port: Port, or 0 for any free one.
        limits: Deadlines and the limit of connections.
        max_body: Largest request body; `limits.max_body` when left out.
        too_large: Content type and body of the answer to a larger one.
        threads: Workers.

    Raises:
        StartError: When the port cannot be had.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: TransportSettings | None = None,
        max_body: int | None = None,
        too_large: tuple[str, bytes] | None = None,
        threads: int = 16,
    ) -> None:
        """Bind at once, so that `url` is known; requests are served after `start`."""
        limits = limits or TransportSettings()
        self._server = _Server((host, port), app, threads, limits, max_body or limits.max_body)
        if too_large is not None:
            self._server.too_large = too_large
        try:
            self._server.prepare()
        except OSError as error:
            raise StartError(
                f"Cannot listen on {host}:{port}",
                found=error.strerror or str(error),
                mend="Choose another port, or 0 for any free one; another process may still hold this one.",
            ) from error
        self.host = host
        self.port: int = self._server.bind_addr[1]
        self._thread = threading.Thread(target=self._server.serve, name=f"http-{self.port}", daemon=True)

    @property
    def url(self) -> str:
        """Where clients reach it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Serve from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Finish requests in work (3 s at most), close everything; calling it again does nothing."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        """Start; for tests and short-lived hosts."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
