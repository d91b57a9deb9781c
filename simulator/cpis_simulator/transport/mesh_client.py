"""A client of MESH's REST interface: sends files in chunks, fetches and acknowledges what waits.

Source: CP-IS file drop, section 3.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from cpis_simulator.mailbox.tokens import make_token
from cpis_simulator.transport.http_client import check_url
from cpis_simulator.transport.tls import failure_at_client

CHUNK: Final = 20_000_000
"""Bytes of a chunk, as the Java client has it (CH-10)."""

_WITHIN_S: Final = 30.0
_ACCEPT: Final = "application/vnd.mesh.v2+json"


class MeshFailed(OSError):
    """A call came to nothing; the words say why. `is_refusal`: MESH said no, and asking again is no use."""

    def __init__(self, text: str, *, is_refusal: bool = False) -> None:
        """Keep both."""
        super().__init__(None, text)
        self.is_refusal = is_refusal

    def __str__(self) -> str:
        """The words."""
        return str(self.strerror)


@dataclass(frozen=True, slots=True)
class MeshAccount:
    """A mailbox as its owner knows it."""

    url: str
    mailbox: str
    password: str
    shared_key: str
    service_mailbox: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message: its headers by lower-case name, and its body."""

    message_id: str
    fields: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    fields: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {}


class MeshClient:
    """One mailbox's client. Threads may share it.

    Args:
        account: Whose.
        tls: Our side of TLS for an `https` address.

    Raises:
        ConfigError: The address is none.
    """

    def __init__(self, account: MeshAccount, *, tls: ssl.SSLContext | None = None) -> None:
        """Nothing is connected yet."""
        check_url(account.url)
        self.account = account
        self._tls = tls
        self._nonce = str(uuid.uuid4())
        self._count = 0
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def send(self, file: Path, *, recipient: str, workflow_id: str, local_id: str) -> str:
        """Send a file under its own name; the id of its message.

        Raises:
            MeshFailed: It was refused, or did not arrive.
            OSError: It cannot be read.
        """
        size = file.stat().st_size
        chunks = max(1, -(-size // CHUNK))
        first = {
            "Mex-To": recipient,
            "Mex-WorkflowID": workflow_id,
            "Mex-LocalID": local_id,
            "Mex-FileName": file.name,
            "Content-Type": "application/octet-stream",
        }
        message_id = ""
        with file.open("rb") as stream:
            for number in range(1, chunks + 1):
                headers = {"Mex-Chunk-Range": f"{number}:{chunks}"} | (first if number == 1 else {})
                path = f"outbox/{quote(message_id)}/{number}" if message_id else "outbox"
                reply = self._expect(202, "POST", path, headers, stream.read(CHUNK))
                message_id = message_id or str(reply.json().get("message_id", ""))
        return message_id

    def was_sent(self, local_id: str) -> bool:
        """A message with this local id was sent before, to its last chunk.

        Raises:
            MeshFailed: MESH does not say.
        """
        path = "outbox/rich"
        while path:
            said = self._expect(200, "GET", path).json()
            for message in said.get("messages", []):
                if message.get("local_id") == local_id and message.get("status") != "uploading":
                    return True
            path = said.get("links", {}).get("next", "").partition(f"/{self.account.mailbox}/")[2]
        return False

    def waiting(self) -> list[str]:
        """Ids of the messages that wait, oldest first.

        Raises:
            MeshFailed: MESH does not say.
        """
        return [str(found) for found in self._expect(200, "GET", "inbox").json().get("messages", [])]

    def fetch(self, message_id: str) -> Fetched:
        """Download a message.

        Raises:
            MeshFailed: It cannot be had.
        """
        bodies = list(self._chunks(message_id))
        return Fetched(message_id, bodies[0].fields, b"".join(reply.body for reply in bodies))

    def _chunks(self, message_id: str) -> Iterator[_Reply]:
        number, path = 1, f"inbox/{quote(message_id)}"
        while True:
            reply = self._call("GET", path if number == 1 else f"{path}/{number}", {})
            if reply.status not in (200, 206):
                raise _failed(reply)
            yield reply
            if reply.status == 200:
                return
            number += 1

    def acknowledge(self, message_id: str) -> None:
        """Say that a message was received.

        Raises:
            MeshFailed: MESH does not take it.
        """
        self._expect(200, "PUT", f"inbox/{quote(message_id)}/status/acknowledged")

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._drop()

    def _expect(
        self, status: int, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> _Reply:
        reply = self._call(method, path, headers or {}, body)
        if reply.status != status:
            raise _failed(reply)
        return reply

    def _call(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> _Reply:
        with self._lock:
            # A connection that has been idle may have been closed by the server; a message is never sent twice for it.
            if method == "POST":
                self._drop()
            try:
                return self._exchange(method, path, headers, body)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                if method == "POST":
                    raise _broken(error) from error
            try:
                return self._exchange(method, path, headers, body)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                raise _broken(error) from error

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> _Reply:
        connection = self._connection = self._connection or self._connect()
        own = self.account
        self._count += 1
        token = make_token(
            own.shared_key, own.mailbox, own.password, nonce=self._nonce, count=self._count, now=datetime.now(UTC)
        )
        target = f"{urlsplit(own.url).path.rstrip('/')}/messageexchange/{quote(own.mailbox)}/{path}"
        connection.request(method, target, body, {"Authorization": token, "Accept": _ACCEPT, **headers})
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return _Reply(answer.status, fields, answer.read())

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.account.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=_WITHIN_S, context=self._tls)
        return http.client.HTTPConnection(host, parts.port, timeout=_WITHIN_S)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _failed(reply: _Reply) -> MeshFailed:
    detail = reply.json().get("detail")
    said = detail[0] if isinstance(detail, list) and detail and isinstance(detail[0], dict) else {}
    words = " ".join(str(said[name]) for name in ("event", "code", "msg") if said.get(name))
    is_refusal = 400 <= reply.status < 500 and reply.status not in (408, 425, 429)
    return MeshFailed(f"MESH answered {reply.status} {words}".strip(), is_refusal=is_refusal)


def _broken(error: Exception) -> MeshFailed:
    if isinstance(error, ssl.SSLError):
        return MeshFailed(f"MESH cannot be reached by TLS: {failure_at_client(error).text}")
    return MeshFailed(f"MESH cannot be reached: {getattr(error, 'strerror', None) or error or type(error).__name__}")
