"""Messages shaped as real clients write them at a `cpis serve` of its own: acknowledged as asked, and replied to."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cpis_fixtures.processes import Process
from cpis_simulator.codecs.ebxml import EbxmlHeader, decode_ebxml, decode_header
from cpis_simulator.codecs.soap import decode_soap
from cpis_simulator.codecs.xml import local_name
from cpis_simulator.spine.intake import Incoming
from cpis_simulator.transport.http_server import HttpServer
from tests.simulator.spine_examples import soap_request
from tests.simulator.test_spine_clients import ACTION, MESSAGE_ID, RAW, SHAPES, Shape
from tests.simulator.wire import exchange_raw


class Live:
    """The mock Spine as a process, and the place where it sends its replies."""

    def __init__(self, folder: Path) -> None:
        self._replies: queue.Queue[EbxmlHeader] = queue.Queue()
        self._inbox = HttpServer(self._take, threads=2).start()
        config = folder / "cpis.toml"
        config.write_text(f'[[party]]\nkey = "RX0-0000001"\nods = "ZZ9"\nendpoint = "{self._inbox.url}/in"\n')
        arguments = ["serve", "--no-tls", "--port", "0", "--config", str(config), "--drop", str(folder / "drop")]
        self._process = Process("service", arguments, log=folder / "log")
        self._port = int(str(self._process.ready["url"]).rpartition(":")[2])

    def _take(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self._replies.put(decode_ebxml(environ["wsgi.input"].read(), environ["CONTENT_TYPE"]).header)
        start_response("202 Accepted", [("Content-Length", "0")])
        return []

    def send(self, incoming: Incoming, headers: str = "") -> tuple[str, bytes]:
        """Status and body of the answer."""
        head = RAW.format(
            headers=headers,
            content_type=incoming.content_type,
            action=incoming.soap_action,
            length=len(incoming.body),
        )
        top, _, body = exchange_raw(self._port, head.encode() + incoming.body, within=20).partition(b"\r\n\r\n")
        return top.split(b"\r\n")[0].decode(), body

    def reply(self) -> EbxmlHeader:
        return self._replies.get(timeout=20)

    def stop(self) -> None:
        self._process.stop()
        self._inbox.stop()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    made = Live(tmp_path_factory.mktemp("live"))
    yield made
    made.stop()


@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "express"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_is_acknowledged_and_replied_to(live: Live, shape: Shape, reliable: bool) -> None:
    incoming = shape.incoming(reliable=reliable)
    own_id = f"{SHAPES.index(shape):07X}{int(reliable)}{MESSAGE_ID[8:]}"
    if shape.encoding == "8bit":
        body = incoming.body.replace(MESSAGE_ID.encode(), own_id.encode())
        incoming = Incoming(incoming.path, incoming.content_type, incoming.soap_action, body)
    else:
        own_id = MESSAGE_ID
    status, answered = live.send(incoming)
    assert status == "HTTP/1.1 202 Accepted"
    assert (decode_header(answered).acknowledges if answered else None) == (own_id if reliable else None)
    reply = live.reply()
    assert (reply.ref_to_message_id, reply.action) == (own_id, "QUQI_IN010000UK14")


@pytest.mark.parametrize("action", [ACTION, f'"{ACTION}"', f"urn:{ACTION}"])
@pytest.mark.parametrize("content_type", ["text/xml", "text/xml; charset=utf-8", "application/soap+xml"])
def test_a_synchronous_query_is_answered_at_once(live: Live, content_type: str, action: str) -> None:
    asked = Incoming("/", content_type, action, soap_request().body)
    status, answered = live.send(asked, "charset: UTF-8\r\ntype: text/xml\r\n")
    assert status == "HTTP/1.1 200 OK"
    assert local_name(decode_soap(answered).body_element) == "QUQI_IN010000UK14"
