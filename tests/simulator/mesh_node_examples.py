"""A service node with MESH, and an authority's mailbox as its owner sees it."""

from __future__ import annotations

from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.mailbox.messages import Message, Sending
from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX, UPLOAD, mailbox_of
from cpis_simulator.model import Upload
from cpis_simulator.store.mail_store import MailStore
from tests.simulator.node_examples import wait_for
from tests.simulator.service_examples import upload


def post_office(node: ServiceNode) -> MailStore:
    assert node.drop.mail is not None
    return node.drop.mail.store


def send(node: ServiceNode, body: Upload | bytes | None = None, ods: str = "Z99", **said: str) -> str:
    """Send an upload by MESH; the id of its message."""
    store = post_office(node)
    sender = store.office.mailboxes[mailbox_of(ods)]
    data = body if isinstance(body, bytes) else encode_upload(body or upload())
    sending = Sending(SERVICE_MAILBOX, said.pop("workflow_id", UPLOAD), **said)  # type: ignore[arg-type]  # all are texts
    return store.send(sender, sending, len(data), data).message_id


def received(node: ServiceNode, ods: str = "Z99") -> list[Message]:
    """What waits in an authority's mailbox."""
    store = post_office(node)
    with store.turn():
        return store.office.waiting(mailbox_of(ods))


def wait_for_messages(node: ServiceNode, count: int, ods: str = "Z99") -> list[Message]:
    """Wait for so many messages in an authority's mailbox."""
    wait_for(lambda: len(received(node, ods)) >= count, lambda: received(node, ods))
    return received(node, ods)


def body_of(node: ServiceNode, message: Message) -> bytes:
    with post_office(node).open(message, 1) as stream:
        return stream.read()


def at_service(node: ServiceNode) -> list[Message]:
    """What waits in the service's mailbox."""
    store = post_office(node)
    with store.turn():
        return store.office.waiting(SERVICE_MAILBOX)
