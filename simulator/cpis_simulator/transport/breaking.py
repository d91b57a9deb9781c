"""Connections broken on purpose: the bad weather of a test."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Final

SLOW_PIECES: Final = 10
SLOW_PAUSE_S: Final = 0.05
"""What drips, drips in so many pieces with such a pause before each."""


def cut(connection: socket.socket) -> None:
    """End a connection as one does who has nothing more to say."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """Break a connection off, so that the other side sees an error instead of an end.

    The socket's number lives on with another, unconnected socket behind it, so that whoever holds it can still close
    it.
    """
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if os.name == "posix":
            with socket.socket() as spare:
                os.dup2(spare.fileno(), connection.fileno())


def dripping(body: bytes, after_bytes: int) -> Iterator[bytes]:
    """A body in pieces: so many bytes at once, the rest slowly."""
    yield body[:after_bytes]
    rest = body[after_bytes:]
    size = max(len(rest) // SLOW_PIECES, 1)
    for start in range(0, len(rest), size):
        time.sleep(SLOW_PAUSE_S)
        yield rest[start : start + size]
