"""Pairs of data and control file: what the client of a MESH folder reads in them and writes; no file is touched here.

Source: CP-IS file drop, sections 2.3 to 2.7 and 4; PU-04 to PU-06, PU-10 to PU-12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from cpis_simulator.codecs.control_file import ControlFile, decode_control_file, encode_control_file
from cpis_simulator.errors import DecodeError
from cpis_simulator.mailbox.messages import Failure, Message, Sending
from cpis_simulator.mailbox.refusals import Reason, Refused

Zone = Literal["uk", "utc"]

MOST: Final = 75_000_000
"""Bytes after compression of a pair that may not be sent in chunks."""

CHUNK: Final = 20_000_000

DATA_MISSING: Final = Failure("COLLECT", "02", "The data file is missing.")
MALFORMED: Final = Failure("COLLECT", "06", "The control file is malformed.")
TOO_LARGE: Final = Failure("TRANSFER", "06", "The data are too large to be sent without chunks.")
GIVEN_UP: Final = Failure("TRANSFER", "06", "The transfer failed, and so did every retry.")
DELAYED: Final = Failure("TRANSFER", "05", "The transfer is delayed and tried again.")
COLLECTED: Final = Failure("COLLECT", "00", "The pair was taken.")
TRANSFERRED: Final = Failure("TRANSFER", "00", "Data transfer success confirmation")

_SUCCESSES: Final = (DELAYED, COLLECTED, TRANSFERRED)
_MUST: Final = ("Version", "AddressType", "MessageType", "From_DTS", "WorkflowId")
_UK: Final = ZoneInfo("Europe/London")


class Bad(Exception):
    """A pair cannot be sent.

    Args:
        failure: What its report says.
        control: The control file, as far as it could be read.
    """

    def __init__(self, failure: Failure, control: ControlFile | None = None) -> None:
        """Keep both."""
        super().__init__(failure.description)
        self.failure = failure
        self.control = control or ControlFile({}, {}, {})


@dataclass(frozen=True, slots=True)
class Order:
    """What a control file asks for; `sending` still lacks chunks and encoding."""

    control: ControlFile
    sending: Sending
    compress: bool
    may_chunk: bool


def read_order(body: bytes, *, mailbox: str, data_name: str) -> Order:
    """Read the control file of a pair in OUT.

    Args:
        body: The control file.
        mailbox: The mailbox that the root is of.
        data_name: Name of the data file.

    Raises:
        Bad: It asks for nothing that can be sent.
    """
    try:
        control = decode_control_file(body)
    except DecodeError as error:
        raise Bad(MALFORMED) from error
    if missing := [name for name in _MUST if not control.get(name)]:
        raise Bad(Failure("COLLECT", "06", f"The control file lacks {', '.join(missing)}."), control)
    if control.get("From_DTS").upper() != mailbox:
        raise Bad(_failure(Reason.BAD_SENDER), control)
    if not control.get("To_DTS"):
        raise Bad(_failure(Reason.NO_RECIPIENT), control)
    if control.get("MessageType").upper() != "DATA":
        raise Bad(_failure(Reason.BAD_TYPE), control)
    sending = Sending(
        recipient=control.get("To_DTS").upper(),
        workflow_id=control.get("WorkflowId"),
        local_id=_header(control.get("LocalId")),
        subject=_header(control.get("Subject")),
        file_name=_header(data_name),
        partner_id=_header(control.get("PartnerId")),
        checksum=control.get("DataChecksum") or control.get("DataCheckSum"),
        encrypted=_is_yes(control.get("Encrypted")),
    )
    return Order(control, sending, _is_yes(control.get("Compress")), _is_yes(control.get("AllowChunking")))


def refused(refusal: Refused) -> Failure:
    """What the report of a refused pair says."""
    no = refusal.reason.value
    return Failure(no.event or "TRANSFER", no.code or "06", refusal.text)


def sent_control(order: Order, message_id: str, *, is_compressed: bool, now: datetime, zone: Zone) -> bytes:
    """The control file in SENT."""
    values = {**order.control.values, "DTSId": message_id, "IsCompressed": "Y" if is_compressed else "N"}
    return encode_control_file(values, _status(TRANSFERRED, now, zone))


def failed_control(control: ControlFile, failure: Failure, *, now: datetime, zone: Zone) -> bytes:
    """The control file in FAILED."""
    return encode_control_file(control.values, _status(failure, now, zone))


def own_report(
    control: ControlFile, failure: Failure, report_id: str, *, mailbox: str, now: datetime, zone: Zone
) -> bytes:
    """A report that the client makes itself, about a pair of its own mailbox."""
    values = {
        **_server_made(control.get("From_DTS") or mailbox, control.get("To_DTS")),
        "MessageType": "Report",
        "Subject": control.get("Subject"),
        "LocalId": control.get("LocalId"),
        "DTSId": report_id,
        "WorkflowId": control.get("WorkflowId"),
    }
    return encode_control_file(values, _status(failure, now, zone))


def received_control(message: Message, *, is_compressed: bool, now: datetime, zone: Zone) -> bytes:
    """The control file in IN, of data or of a report."""
    sending = message.sending
    is_report = message.kind == "REPORT"
    values = {
        **_server_made(message.sender or message.recipient, message.recipient),
        "MessageType": "Report" if is_report else "Data",
        "Subject": _text(sending.subject),
        "LocalId": _text(sending.local_id),
        "DTSId": message.linked if is_report else message.message_id,
        "PartnerId": _text(sending.partner_id),
        "Encrypted": "Y" if sending.encrypted else "N",
        "WorkflowId": sending.workflow_id,
        "DataChecksum": sending.checksum,
        "IsCompressed": "Y" if is_compressed else "N",
    }
    arrived = Failure("TRANSFER", "00", "Transferred to recipient mailbox")
    return encode_control_file(values, _status(message.failure or arrived, now, zone, is_error=is_report))


def _server_made(sender: str, recipient: str) -> dict[str, str]:
    """How a control file begins that no sender wrote."""
    addresses = {"From_ESMTP": sender, "To_ESMTP": recipient}
    mails = {name: f"{mailbox.lower()}@dts.nhs.uk" for name, mailbox in addresses.items() if mailbox}
    return {"Version": "1.0", "AddressType": "ALL", "From_DTS": sender, "To_DTS": recipient, **mails}


def _status(failure: Failure, now: datetime, zone: Zone, *, is_error: bool | None = None) -> Mapping[str, str]:
    if is_error is None:
        is_error = failure not in _SUCCESSES
    local = now.astimezone(_UK if zone == "uk" else UTC)
    return {
        "DateTime": f"{local:%Y%m%d%H%M%S}",
        "Event": failure.event,
        "Status": "ERROR" if is_error else "SUCCESS",
        "StatusCode": failure.code,
        "Description": failure.description,
    }


def _failure(reason: Reason) -> Failure:
    no = reason.value
    return Failure(no.event or "", no.code or "", no.text)


def _is_yes(value: str) -> bool:
    return value.strip().upper() == "Y"


def _header(value: str) -> str:
    """Text as a header holds it: bytes of UTF-8, each one character."""
    return value.encode().decode("latin-1")


def _text(value: str) -> str:
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
