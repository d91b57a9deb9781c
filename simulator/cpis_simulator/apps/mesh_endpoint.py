"""The REST interface of MESH as a WSGI application: bodies from and to the disk, everything else from the core.

Source: CP-IS file drop, sections 3.1, 3.3 (AU-08) and 3.6.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, BinaryIO, Final, cast

from cpis_simulator.mailbox.refusals import Reason, Refused
from cpis_simulator.mailbox.rest import JSON_1, RestAnswer, RestInterface, RestRequest
from cpis_simulator.settings import MeshSettings
from cpis_simulator.store.mail_store import MailStore
from cpis_simulator.transport.http_connection import BODY_SINK, TooLarge

LOG: Final = logging.getLogger(__name__)

TOO_LARGE: Final = TooLarge(
    "413 Content Too Large",
    JSON_1,
    b'{"errorDescription":"The request is too large; send the message in chunks."}',
)

_PIECE: Final = 1 << 16
_STATUS_LINE: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class MeshEndpoint:
    """The WSGI application.

    Args:
        post: Keeps messages.
        settings: Every choice about MESH.
        real_now: Real time.
        ids: Gives ids of look-ups.
    """

    def __init__(
        self, post: MailStore, settings: MeshSettings, *, real_now: Callable[[], datetime], ids: Callable[[], str]
    ) -> None:
        """Nothing is opened."""
        self._post = post
        self._rest = RestInterface(post, settings, real_now=real_now, ids=ids)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = _request(environ)
        try:
            answer = self._rest.answer(request)
            try:
                body = self._body(answer)
            except FileNotFoundError:  # Dropped since the answer was made.
                answer = self._rest.refuse(Refused(Reason.GONE), request)
                body = [answer.body]
        except OSError as error:
            LOG.error("event=mesh_failed path=%s reason=%r", request.path, error.strerror or str(error))
            answer = RestAnswer(503, [("Content-Type", "text/plain")], b"The post office cannot keep anything now.\n")
            body = [answer.body]
        # Routing data of MESH name no person (IG-008), but nobody can be sure of what a product puts there.
        LOG.info("event=mesh method=%s path=%s status=%d", request.method, request.path, answer.status)
        start_response(_STATUS_LINE[answer.status], answer.fields)
        return body

    def _body(self, answer: RestAnswer) -> Iterable[bytes]:
        """The body of an answer; of a download, its length is added to the headers."""
        if answer.download is None:
            return [answer.body]
        stream, size = _opened(self._post, answer)
        answer.fields.append(("Content-Length", str(size)))
        if size <= _PIECE:
            with stream:
                return [stream.read()]
        return _pieces(stream)


def _request(environ: dict[str, Any]) -> RestRequest:
    fields = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if (content_type := environ.get("CONTENT_TYPE")) is not None:
        fields["content-type"] = content_type
    stream, size = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
    sink = environ.get(BODY_SINK)
    # What was small enough to be held whole is.
    body = sink if sink is not None else stream.read()
    return RestRequest(
        environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], fields, size, body,
        text=stream.read if sink is not None else lambda: body,
    )  # fmt: skip


def _opened(post: MailStore, answer: RestAnswer) -> tuple[BinaryIO, int]:
    """The bytes of a download, and how many they are."""
    download = answer.download
    assert download is not None
    message, number = download.message, download.number
    stream = post.open(message, number)
    if not download.plain:
        return stream, message.sizes[number]
    try:
        # The length of what was compressed is only known at its end, and a client wants it at the beginning.
        with gzip.open(stream) as plain:
            size = sum(map(len, iter(lambda: plain.read(_PIECE), b"")))
    except (gzip.BadGzipFile, zlib.error, EOFError):
        # The sender said that it was compressed; whoever fetches it may see for himself.
        stream.seek(0)
        answer.fields.append(("Content-Encoding", "gzip"))
        return stream, message.sizes[number]
    stream.seek(0)
    return cast("BinaryIO", _Plain(stream)), size


class _Plain(gzip.GzipFile):
    """What is read of it is decompressed; closing it closes the file beneath."""

    def __init__(self, beneath: BinaryIO) -> None:
        super().__init__(fileobj=beneath, mode="rb")
        self._beneath = beneath

    def close(self) -> None:
        super().close()
        self._beneath.close()


def _pieces(stream: Any) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(_PIECE):
            yield piece
