"""The synchronous profile: a query comes in as a SOAP request and is answered in the same exchange.

Bytes in, bytes out; the checks run in the order of the specification. What is wrong with the envelope is a SOAP fault,
what is wrong with the query inside is an application acknowledgement, and neither reaches the service.

Source: CP-IS over Spine, transport sections 6 to 8; CP-IS rules RSP-011, DAT-030.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from cpis_simulator.codecs.query import INTERACTION, decode_query, query_faults, transmission_of
from cpis_simulator.codecs.reply import encode_reply, interaction_of
from cpis_simulator.codecs.soap import (
    QUERY_ACTION,
    SoapMessage,
    decode_soap,
    encode_soap_fault,
    encode_soap_reply,
)
from cpis_simulator.codecs.times import write_wrapper_time
from cpis_simulator.codecs.xml import local_name
from cpis_simulator.directory import SPINE_ASID
from cpis_simulator.errors import DecodeError
from cpis_simulator.model import AnswerMessage, Coded, NoRecord, QueryMessage, Refusal, Reply, Transmission
from cpis_simulator.nhs_number import is_synthetic
from cpis_simulator.settings import DataSettings, FlagPlace, Grouping
from cpis_simulator.vocabulary import OID_FAULT

REPLY_ADDRESS: Final = "https://cpisquery.national.ncrs.nhs.uk/syncservice"
"""What Spine writes as `wsa:From` of its replies; nothing is ever sent there."""

# Spine's error codes, as far as they are public.
NOT_SUPPORTED: Final = 101
SYSTEM_FAILURE: Final = 200
NOT_WELL_FORMED: Final = 201

_UUID: Final = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_OUTCOMES: Final = {AnswerMessage: "found", NoRecord: "no-record", Refusal: "refused"}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer ready to be sent. `outcome` is for the log: `found`, `no-record`, `refused` or `fault`."""

    status: int
    body: bytes
    outcome: str
    content_type: str = "text/xml"

    def headers(self) -> list[tuple[str, str]]:
        """Content type and length; real clients read nothing without the length."""
        return [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]


def soap_fault(code: int, description: str, *, status: int = 500, client: bool = False) -> HttpAnswer:
    """A SOAP fault as an HTTP answer."""
    return HttpAnswer(status, encode_soap_fault(code, description, client=client), "fault")


def oversize_fault(max_body: int) -> HttpAnswer:
    """The answer to a body that is not even read (setting `transport.max_body`)."""
    return soap_fault(SYSTEM_FAILURE, f"The message is larger than {max_body} bytes", status=413)


class SynchronousExchange:
    """Turns one SOAP request into its answer.

    Args:
        data: Which NHS numbers may be asked for.
        flag: Where a silent-read flag is taken (setting `query.access_flag_place`).
        grouping: How records stand in an answer (setting `response.grouping`).
    """

    def __init__(self, data: DataSettings, *, flag: FlagPlace = "anywhere", grouping: Grouping = "number") -> None:
        """Keep the settings; there is no other state."""
        self._grouping = grouping
        self._data = data
        self._flag = flag

    def handle(
        self,
        body: bytes,
        *,
        content_type: str,
        soap_action: str | None,
        now: Callable[[], datetime],
        ids: Callable[[], str],
        answer: Callable[[QueryMessage], Reply],
    ) -> HttpAnswer:
        """Check one request and answer it.

        Args:
            body: The request body.
            content_type: Its content type.
            soap_action: The HTTP header, None where there is none.
            now: Gives the service's time; asked only for a refusal.
            ids: Gives upper-case UUIDs.
            answer: The service behind; called only with a query that passed all checks.
        """
        if content_type.lower().startswith("multipart/"):
            return soap_fault(NOT_SUPPORTED, "The asynchronous ebXML profiles are not offered here", client=True)
        if (soap_action or "").strip().strip('"') != QUERY_ACTION:
            description = f"SOAPAction: expected {QUERY_ACTION}, found {soap_action or 'none'}"
            return soap_fault(NOT_SUPPORTED, description, client=True)
        try:
            message = _read(body)
        except DecodeError as error:
            return soap_fault(NOT_WELL_FORMED, _by_rule(str(error)))
        reply = self._reply(message, now, ids, answer)
        envelope = encode_soap_reply(
            encode_reply(reply, grouping=self._grouping),
            message_id=ids(),
            relates_to=message.message_id,
            interaction=interaction_of(reply),
            from_asid=SPINE_ASID,
            to_asid=message.sender_asid,
            address=REPLY_ADDRESS,
        )
        return HttpAnswer(200, envelope, _OUTCOMES[type(reply)])

    def _reply(
        self,
        message: SoapMessage,
        now: Callable[[], datetime],
        ids: Callable[[], str],
        answer: Callable[[QueryMessage], Reply],
    ) -> Reply:
        """The refusal of a faulty query, or what the service says."""
        element = message.body_element
        if faults := query_faults(element):
            return _refusal(message, element, faults, now, ids)
        try:
            query = decode_query(element, flag=self._flag)
        except DecodeError as error:
            found = tuple(
                Coded("INVALID_CONTROL_ACT", f"Invalid control act: {fault.text()} ({fault.xpath})"[:250], OID_FAULT)
                for fault in error.faults
            )
            return _refusal(message, element, found, now, ids)
        if not is_synthetic(query.query.nhs_number, self._data.test_number_prefix):
            return _refusal(message, element, (_not_synthetic(self._data.test_number_prefix),), now, ids)
        return answer(query)


def _read(body: bytes) -> SoapMessage:
    """Take the envelope apart.

    Raises:
        DecodeError: When it is none, or holds something else than a query.
    """
    message = decode_soap(body, party="care")
    if message.is_fault() or (name := local_name(message.body_element)) != INTERACTION:
        found = "Fault" if message.is_fault() else name
        raise DecodeError("Body of the envelope", party="care", expected=INTERACTION, found=found)
    if message.action != QUERY_ACTION:
        raise DecodeError("SOAP_ACTION_ERROR: wsa:Action", party="care", expected=QUERY_ACTION, found=message.action)
    return message


def _by_rule(description: str) -> str:
    """The text of a fault begins with the name of the rule; all that has none is the form of the message."""
    return description if description.startswith("SOAP_") else f"MESSAGE_NOT_WELL_FORMED: {description}"


def _refusal(
    message: SoapMessage,
    element: etree._Element,
    faults: tuple[Coded, ...],
    now: Callable[[], datetime],
    ids: Callable[[], str],
) -> Refusal:
    """An application acknowledgement that names every fault (RSP-011)."""
    asked = transmission_of(element)
    transmission = Transmission(ids(), write_wrapper_time(now()), SPINE_ASID, asked.sender_asid or message.sender_asid)
    # A query without a usable id of its own is still named by that of its envelope.
    answers = asked.message_id if _UUID.fullmatch(asked.message_id) else message.message_id
    return Refusal(transmission, answers, faults)


def _not_synthetic(prefix: str) -> Coded:
    text = f"Invalid NHS number: only numbers of the test range {prefix} with a right check digit are answered here"
    return Coded("INVALID_NHS_NUMBER", text, OID_FAULT)
