"""HTTP/1.x requests out of bytes as they come in, however they are cut; no socket, no clock.

A reader takes what arrived and gives whole requests, body included: whoever sends slowly occupies a buffer and nothing
else. Where the reader is given a place to put them, bodies that are not small go there piece by piece as they come in,
and are never held whole. It is strict where leniency would let two readers see two messages (lengths, names, hosts),
and lenient where real clients are sloppy (a bare line feed as a line's end, folded values, an absolute address).

Source: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import BinaryIO, Final, Protocol
from urllib.parse import unquote_to_bytes

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_LINE_END: Final = re.compile(rb"\r?\n")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION: Final = re.compile(r"HTTP/([0-9])\.([0-9])")
_TARGET: Final = re.compile(r"[\x21-\x7e\x80-\xff]+")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?")
_LONGEST_CHUNK_LINE: Final = 1024
_SINGLE: Final = frozenset(("content-type", "soapaction"))
"""Said twice alike they are said once; joined by a comma two readers could each take another one."""

SMALL: Final = 1 << 16
"""Bytes of a body that is held in memory even where there is a place to put it."""


class BodySink(Protocol):
    """Where a body is put while it comes in.

    Attributes:
        size: Bytes that were written so far.
    """

    size: int

    def write(self, data: bytes) -> object:
        """Some more of it."""

    def opened(self) -> BinaryIO:
        """The whole of it, to be read from its beginning."""

    def discard(self) -> None:
        """It is not needed any more; calling it again does nothing."""


class Phase(Enum):
    """What a reader waits for; each has a deadline of its own."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request.

    Attributes:
        target: As it was sent.
        path: Decoded, each character one byte (as WSGI has it).
        fields: Header fields by lower-case name; repeated ones joined by commas.
        version: The minor number of HTTP/1.
        keeps_alive: The client means to send more on this connection.
        put: Where the body is, if not in `body`.
    """

    method: str
    target: str
    path: str
    query: str
    version: int
    fields: dict[str, str]
    body: bytes
    keeps_alive: bool
    put: BodySink | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was sent is no request, or one that is not taken; the connection ends with this answer."""

    status: str
    reason: str


class _Refused(Exception):
    """Carries a refusal out of the depths of a reader."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(status, reason)


@dataclass(frozen=True, slots=True)
class _Head:
    method: str
    target: str
    path: str
    query: str
    version: int
    fields: dict[str, str]
    length: int
    chunked: bool
    keeps_alive: bool


class RequestReader:
    """Takes bytes, gives requests.

    Args:
        max_head: Most bytes of request line and headers.
        max_body: Most bytes of a body.
        sinks: Gives a place for a body that is not small; left out, all are held in memory.
    """

    def __init__(self, max_head: int, max_body: int, sinks: Callable[[], BodySink] | None = None) -> None:
        """Nothing has arrived yet."""
        self._sinks = sinks
        self._sink: BodySink | None = None
        self._left = 0
        self._put_away = 0
        self._max_head = max_head
        self._max_body = max_body
        self._buffer = bytearray()
        self._searched = 0
        self._head: _Head | None = None
        self._decoded = bytearray()
        self._chunk_left = 0
        self._trailers = False
        self._told_to_go_on = False

    @property
    def phase(self) -> Phase:
        """What is waited for."""
        if self._head is not None:
            return Phase.BODY
        return Phase.HEAD if self._buffer else Phase.IDLE

    def feed(self, data: bytes) -> None:
        """Some bytes have arrived."""
        self._buffer += data

    def take(self) -> Request | Refusal | None:
        """The next request or refusal; None while it is not whole."""
        try:
            if self._head is None:
                self._head = self._read_head()
                if self._head is None:
                    return None
                self._left = self._head.length
                if self._sinks is not None and self._left > SMALL:
                    self._sink = self._sinks()
            body = self._read_chunked() if self._head.chunked else self._read_known(self._head.length)
        except _Refused as refused:
            return refused.refusal
        if body is None:
            return None
        head, self._head = self._head, None
        put, self._sink = self._sink, None
        self._told_to_go_on = False
        return Request(
            head.method, head.target, head.path, head.query, head.version, head.fields, body, head.keeps_alive, put
        )

    def abandon(self) -> None:
        """No more comes: let go of what was put away of a body that is not whole."""
        if self._sink is not None:
            self._sink.discard()
            self._sink = None

    def must_say_go_on(self) -> bool:
        """The client waits for `100 Continue` before it sends its body; true once for a request."""
        head = self._head
        if head is None or self._told_to_go_on or self._buffer or self._decoded or self._left != head.length:
            return False
        self._told_to_go_on = head.version > 0 and "expect" in head.fields
        return self._told_to_go_on

    def _read_head(self) -> _Head | None:
        buffer = self._buffer
        # Empty lines before a request are the remains of a body that was counted wrongly (RFC 9112, 2.2).
        if buffer.startswith((b"\r", b"\n")):
            stripped = buffer.lstrip(b"\r\n")
            if len(buffer) - len(stripped) > 16:
                raise _Refused("400 Bad Request", "Empty lines without end before the request.")
            del buffer[: len(buffer) - len(stripped)]
        end = _HEAD_END.search(buffer, self._searched)
        if end is None:
            self._check_head_size(len(buffer))
            self._searched = max(0, len(buffer) - 3)
            return None
        self._check_head_size(end.start())
        lines = bytes(buffer[: end.start()])
        del buffer[: end.end()]
        self._searched = 0
        return self._parse(lines)

    def _check_head_size(self, size: int) -> None:
        if size <= self._max_head:
            return
        if b"\n" not in self._buffer[: self._max_head]:
            raise _Refused("414 URI Too Long", f"The request line is longer than {self._max_head} bytes.")
        raise _Refused("431 Request Header Fields Too Large", f"The headers are larger than {self._max_head} bytes.")

    def _parse(self, raw: bytes) -> _Head:
        first, _, rest = raw.decode("latin-1").partition("\n")
        method, target, version = _request_line(first.removesuffix("\r"))
        fields, lengths = _fields(rest)
        if "host" not in fields and version > 0:
            raise _Refused("400 Bad Request", "A request of HTTP/1.1 needs a Host header.")
        length, chunked = self._framing(fields, lengths, version)
        if (expected := fields.get("expect")) and expected.lower() != "100-continue":
            raise _Refused("417 Expectation Failed", f"Expect: only 100-continue is known here, found {expected[:80]}.")
        options = {option.strip().lower() for option in fields.get("connection", "").split(",")}
        keeps_alive = "close" not in options and (version > 0 or "keep-alive" in options)
        absolute = _ABSOLUTE.match(target)
        path, _, query = (target[absolute.end() :] if absolute else target).partition("?")
        if "%" in path:
            path = unquote_to_bytes(path).decode("latin-1")
        return _Head(method, target, path or "/", query, version, fields, length, chunked, keeps_alive)

    def _framing(self, fields: dict[str, str], lengths: list[str], version: int) -> tuple[int, bool]:
        """How long the body is; two answers to that are none (request smuggling, RFC 9112, 6.3)."""
        if (coding := fields.get("transfer-encoding")) is not None:
            if lengths or version == 0:
                raise _Refused("400 Bad Request", "Transfer-Encoding together with Content-Length, or in HTTP/1.0.")
            if coding.strip().lower() != "chunked":
                raise _Refused("501 Not Implemented", f"Transfer-Encoding: expected chunked, found {coding[:80]}.")
            return 0, True
        if not lengths:
            return 0, False
        if len({*lengths}) != 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            raise _Refused("400 Bad Request", f"Content-Length: expected one number, found {', '.join(lengths)[:80]}.")
        length = int(lengths[0]) if len(lengths[0]) < 19 else self._max_body + 1
        if length > self._max_body:
            raise self._too_large()
        return length, False

    def _too_large(self) -> _Refused:
        return _Refused("413 Content Too Large", f"The body is larger than {self._max_body} bytes.")

    def _read_known(self, length: int) -> bytes | None:
        if self._sink is not None:
            return self._put_known(self._sink)
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _put_known(self, sink: BodySink) -> bytes | None:
        """Put away what has arrived; nothing is left in `body` then."""
        sink.write(bytes(self._buffer[: self._left]))
        taken = min(self._left, len(self._buffer))
        del self._buffer[:taken]
        self._left -= taken
        return None if self._left else b""

    def _put_decoded(self) -> None:
        if self._sink is None:
            if self._sinks is None or len(self._decoded) <= SMALL:
                return
            self._sink = self._sinks()
        self._sink.write(bytes(self._decoded))
        self._put_away += len(self._decoded)
        self._decoded.clear()

    def _read_chunked(self) -> bytes | None:
        """Take the chunks that have arrived; the whole body once the last one and the trailers have."""
        buffer = self._buffer
        while not self._trailers:
            if self._chunk_left:
                # With each chunk comes its line end, which is no part of the body.
                if len(buffer) < self._chunk_left + 2:
                    return None
                self._decoded += buffer[: self._chunk_left]
                end = _LINE_END.match(buffer, self._chunk_left)
                if end is None:
                    raise _Refused("400 Bad Request", "A chunk is longer than it says.")
                del buffer[: end.end()]
                self._chunk_left = 0
                self._put_decoded()
            if (line := self._line(_LONGEST_CHUNK_LINE)) is None:
                return None
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise _Refused("400 Bad Request", "The size of a chunk is none.")
            self._chunk_left = int(size[1], 16)
            if self._put_away + len(self._decoded) + self._chunk_left > self._max_body:
                raise self._too_large()
            self._trailers = self._chunk_left == 0
        # Trailers say nothing here; they end with an empty line.
        while (line := self._line(self._max_head)) is not None:
            if not line:
                if self._sink is not None:
                    self._sink.write(bytes(self._decoded))
                    self._decoded.clear()
                self._put_away = 0
                body, self._decoded, self._trailers = bytes(self._decoded), bytearray(), False
                return body
        return None

    def _line(self, longest: int) -> bytes | None:
        end = self._buffer.find(b"\n", 0, longest + 2)
        if end < 0:
            if len(self._buffer) > longest:
                raise _Refused("400 Bad Request", "A line of a chunked body without end.")
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line


def _request_line(line: str) -> tuple[str, str, int]:
    parts = line.split(" ")
    if len(parts) != 3:
        raise _Refused("400 Bad Request", "The request line is not `METHOD target HTTP/1.1`.")
    method, target, protocol = parts
    version = _VERSION.fullmatch(protocol)
    if version is None or not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise _Refused("400 Bad Request", "The request line is not `METHOD target HTTP/1.1`.")
    if version[1] != "1":
        raise _Refused("505 HTTP Version Not Supported", f"Only HTTP/1.1 and HTTP/1.0 are spoken here, not {protocol}.")
    if not target.startswith("/") and not _ABSOLUTE.match(target) and not (method == "OPTIONS" and target == "*"):
        raise _Refused("400 Bad Request", "The target of a request begins with / or is an absolute address.")
    return method, target, min(int(version[2]), 1)


def _fields(text: str) -> tuple[dict[str, str], list[str]]:
    """Header fields by lower-case name, and every length that is stated."""
    fields: dict[str, str] = {}
    lengths: list[str] = []
    if not text:
        return fields, lengths
    if text[0] in " \t":
        raise _Refused("400 Bad Request", "A space before the first header.")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(b" ", text.encode("latin-1")).decode("latin-1")
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise _Refused("400 Bad Request", "A header line is not `Name: value`.")
        if "\r" in value or "\0" in value:
            raise _Refused("400 Bad Request", f"The header {name[:80]} holds a character that none may hold.")
        name, value = name.lower(), value.strip(" \t")
        if name == "content-length":
            lengths += [length.strip(" \t") for length in value.split(",")]
        if name not in fields:
            fields[name] = value
        elif name == "host" or (name in _SINGLE and value != fields[name]):
            raise _Refused("400 Bad Request", f"A request has one {name} header, found two.")
        elif name in _SINGLE:
            continue
        else:
            fields[name] += f", {value}"
    return fields, lengths
