"""What the endpoint answers over HTTP, and the refusals that stop a message.

Source: CP-IS over Spine, transport sections 4 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cpis_simulator.codecs.ebxml import EbxmlHeader, MessageError
from cpis_simulator.codecs.soap import encode_soap_fault, encode_soap_faults
from cpis_simulator.codecs.xml import shortened
from cpis_simulator.errors import PeerError

LONGEST_TEXT: Final = 1000
"""Characters of a description."""

# Spine's error codes, as far as they are public.
NOT_SUPPORTED: Final = 101
SYSTEM_FAILURE: Final = 200
NOT_WELL_FORMED: Final = 201

FAULT_TEXT: Final = {
    NOT_SUPPORTED: "Service or interaction not supported at this address",
    SYSTEM_FAILURE: "System failure to process message - default",
    NOT_WELL_FORMED: "Message not well formed",
    206: "Routing delivery failure",
    208: "Failure storing state",
}
"""Usual text of a fault."""

RETRIABLE: Final = frozenset((200, 206, 208))
"""Faults that a reliable client answers with another try, if all of a fault's errors are among them."""

ERROR_TEXT: Final = {"200": "System failure to process message - default"}
UNKNOWN_CPA: Final = MessageError("ValueNotRecognized", "501319:Unknown eb:CPAId")
UNKNOWN_TO: Final = MessageError("ValueNotRecognized", "501314:Invalid To Party Type attribute")
UNKNOWN_FROM: Final = MessageError("ValueNotRecognized", "Unknown eb:From party")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer ready to be sent.

    Attributes:
        outcome: For the log: `found`, `no-record`, `refused`, `fault`, `error`, `duplicate`, `acknowledged` …
        replies: Rows of the replies that may leave once this answer has.
        harm: How bad weather spoils it on the wire: `lost`, `cut`, `reset` or `slow`; empty where it does not.
        weather: The bad weather that this exchange met, for the evidence.
    """

    status: int
    body: bytes
    outcome: str
    content_type: str = "text/xml"
    soap_action: str = ""
    replies: tuple[int, ...] = ()
    harm: str = ""
    after_bytes: int = 0
    delay_s: float = 0.0
    weather: str = ""

    def headers(self) -> list[tuple[str, str]]:
        """Content type and length; real clients read nothing without the length."""
        headers = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        if self.soap_action:
            headers.append(("SOAPAction", self.soap_action))
        return headers


class Refused(PeerError):
    """A message that goes no further: the application never sees it."""


class Faulted(Refused):
    """Refused with a SOAP fault."""

    def __init__(self, code: int, description: str, *, client: bool = False, status: int = 500) -> None:
        """As `encode_soap_fault`; `status` is the HTTP status."""
        super().__init__(description, party="care")
        self.code = code
        self.client = client
        self.status = status

    def answer(self) -> HttpAnswer:
        """As an HTTP answer."""
        return soap_fault(self.code, self.what, status=self.status, client=self.client)


class Erred(Refused):
    """Refused with an ebXML `MessageError`, which repeats ids of the message."""

    def __init__(self, header: EbxmlHeader, *errors: MessageError) -> None:
        """Keep both; the answer is made where ids and time are."""
        super().__init__(errors[0].description, party="care")
        self.header = header
        self.errors = errors


def soap_fault(code: int, description: str, *, status: int = 500, client: bool = False) -> HttpAnswer:
    """A SOAP fault as an HTTP answer; what a stranger wrote and the description repeats is made printable."""
    return HttpAnswer(status, encode_soap_fault(code, shortened(description, LONGEST_TEXT), client=client), "fault")


def soap_faults(codes: Sequence[int], description: str = "", *, client: bool = False) -> HttpAnswer:
    """A SOAP fault with several errors; without a description each has its usual text."""
    errors = [(code, description or FAULT_TEXT.get(code, "Unknown error")) for code in codes]
    return HttpAnswer(500, encode_soap_faults(errors, client=client), "fault")


def oversize_fault(max_body: int, status: int = 413) -> HttpAnswer:
    """The answer to a body that is not even read (settings `transport.max_body` and `transport.oversize`)."""
    return soap_fault(SYSTEM_FAILURE, f"The message is larger than {max_body} bytes", status=status)
