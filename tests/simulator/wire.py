"""Bytes over a socket, for tests that leave nothing to a library."""

import socket


def exchange_raw(port: int, sent: bytes, *, within: float = 10.0) -> bytes:
    """Send bytes to a port of this machine, and read until the other side ends the connection."""
    read = b""
    with socket.create_connection(("127.0.0.1", port), timeout=within) as connection:
        connection.sendall(sent)
        while piece := connection.recv(65536):
            read += piece
    return read
