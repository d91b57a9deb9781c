"""Headers of MESH: those of a request read and checked, those of an answer made.

Source: CP-IS file drop, sections 3.4 and 3.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from cpis_simulator.mailbox.messages import Message, Sending
from cpis_simulator.mailbox.refusals import Reason, Refused

HANDSHAKE: Final = ("Mex-ClientVersion", "Mex-OSName", "Mex-OSVersion")

_MOST: Final = {
    "Mex-To": 100,
    "Mex-WorkflowID": 300,
    "Mex-Chunk-Range": 20,
    "Mex-Subject": 500,
    "Mex-LocalID": 300,
    "Mex-FileName": 300,
    "Mex-PartnerID": 500,
    "Mex-Content-Checksum": 100,
    "Mex-Content-Type": 100,
}
_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_NO_URL: Final = ("Mex-To", "Mex-WorkflowID", "Mex-Content-Checksum")
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_CHECKSUM: Final = re.compile(r"[A-Za-z0-9\s:/-]*")
_YES: Final = frozenset(("y", "yes", "t", "true", "on", "1"))
_RANGE: Final = re.compile(r"\s*(\d{1,9})\s*:\s*(\d{1,9})\s*")

Fields = Mapping[str, str]
"""Header fields of a request, by lower-case name."""


def broken(place: str, name: str, kind: str, text: str) -> dict[str, Any]:
    """One place of a request that breaks a rule, in the form of a refusal's details."""
    return {"loc": [place, name], "msg": text, "type": kind}


def check_handshake(fields: Fields) -> None:
    """A client says what it is.

    Raises:
        Refused: It does not.
    """
    missing = [name for name in HANDSHAKE if name.lower() not in fields]
    if missing:
        raise Refused(Reason.BAD_REQUEST, fields=[_missing(name) for name in missing])


def read_sending(fields: Fields, *, sender: str, strict: bool) -> Sending:
    """What the headers of a first chunk say.

    Args:
        sender: The mailbox in the path.
        strict: A header that names another sender is refused.

    Raises:
        Refused: A header is missing or breaks its rule.
    """
    details = [_missing(name) for name in ("Mex-To", "Mex-WorkflowID") if name.lower() not in fields]
    for name, most in _MOST.items():
        if len(fields.get(name.lower(), "")) > most:
            details.append(broken("header", name, "string_too_long", f"at most {most} characters"))
    if details:
        raise Refused(Reason.BAD_REQUEST, fields=details)
    _check_characters(fields)
    if not _CHECKSUM.fullmatch(fields.get("mex-content-checksum", "")):
        rule = "letters, digits, blanks and : - / only"
        raise Refused(Reason.BAD_REQUEST, fields=[broken("header", "Mex-Content-Checksum", "value_error", rule)])
    if not fields["mex-to"].strip():
        raise Refused(Reason.NO_RECIPIENT)
    if strict and fields.get("mex-from", sender).strip().upper() != sender:
        raise Refused(Reason.BAD_SENDER)
    if fields.get("mex-messagetype", "DATA").strip().upper() != "DATA":
        raise Refused(Reason.BAD_TYPE)
    encoding = read_encoding(fields)
    number, chunks = read_range(fields, "") if fields.get("mex-chunk-range", "").strip() else (1, 1)
    if number != 1:
        raise Refused(Reason.BAD_CHUNK_RANGE)
    return Sending(
        recipient=fields["mex-to"].strip().upper(),
        workflow_id=fields["mex-workflowid"].strip(),
        chunks=chunks,
        local_id=fields.get("mex-localid", ""),
        subject=fields.get("mex-subject", ""),
        file_name=fields.get("mex-filename", ""),
        partner_id=fields.get("mex-partnerid", ""),
        checksum=fields.get("mex-content-checksum", ""),
        content_type=fields.get("mex-content-type", "") or fields.get("content-type", ""),
        encoding=encoding,
        encrypted=_says_yes(fields.get("mex-content-encrypted", "")),
        compressed=_says_yes(fields.get("mex-content-compressed", "")),
    )


def read_range(fields: Fields, message_id: str) -> tuple[int, int]:
    """Number and total of `Mex-Chunk-Range`.

    Raises:
        Refused: It is none.
    """
    found = _RANGE.fullmatch(fields.get("mex-chunk-range", ""))
    number, total = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < number <= total:
        raise Refused(Reason.BAD_CHUNK_RANGE, message_id=message_id)
    return number, total


def read_encoding(fields: Fields) -> str:
    """How the body is compressed for transport: `gzip` or not at all.

    Raises:
        Refused: Another way.
    """
    encoding = fields.get("content-encoding", "").strip().lower()
    if encoding not in ("", "gzip"):
        raise Refused(Reason.BAD_ENCODING)
    return encoding


def _missing(name: str) -> dict[str, Any]:
    return broken("header", name, "missing", "Field required")


def _check_characters(fields: Fields) -> None:
    bad = [name for name, value in fields.items() if name.startswith("mex-") and _CONTROL.search(value)]
    bad += [name.lower() for name in _NO_URL if _URL.match(fields.get(name.lower(), "").strip())]
    if bad:
        raise Refused(Reason.MALFORMED, fields=bad)


def _says_yes(value: str) -> bool:
    return value.strip().lower() in _YES


def answer_fields(message: Message, number: int) -> list[tuple[str, str]]:
    """Headers of a message or one of its chunks; empty ones are left out."""
    sending = message.sending
    fields = [
        ("Mex-From", message.sender),
        ("Mex-To", message.recipient),
        ("Mex-WorkflowID", sending.workflow_id),
        ("Mex-Chunk-Range", f"{number}:{sending.chunks}" if sending.chunks else ""),
        ("Mex-Total-Chunks", str(sending.chunks)),
        ("Mex-AddressType", "ALL"),
        ("Mex-LocalID", sending.local_id),
        ("Mex-PartnerID", sending.partner_id),
        ("Mex-FileName", message.name_of_file()),
        ("Mex-Subject", sending.subject),
        ("Mex-Version", "1.0"),
        ("Mex-MessageType", message.kind),
        ("Mex-MessageID", message.message_id),
        *_status_fields(message),
        ("Mex-Content-Compressed", "Y" if sending.compressed else ""),
        ("Mex-Content-Encrypted", "Y" if sending.encrypted else ""),
        ("Mex-Content-Checksum", sending.checksum),
        ("Mex-Content-Type", sending.content_type),
        ("ETag", f'"{message.message_id}-{number}"'),
        ("Last-Modified", format_datetime(message.changed.astimezone(UTC), usegmt=True)),
    ]
    # HTTP's headers are bytes; what came in as UTF-8 goes out as the same bytes.
    return [(name, value) for name, value in fields if value]


def _status_fields(message: Message) -> list[tuple[str, str]]:
    stamp = ("Mex-StatusTimestamp", stamp_of(message.uploaded))
    if message.kind == "DATA":
        return [
            ("Mex-StatusCode", "00"),
            ("Mex-StatusEvent", "TRANSFER"),
            ("Mex-StatusDescription", "Transferred to recipient mailbox"),
            ("Mex-StatusSuccess", "SUCCESS"),
            stamp,
        ]
    failure = message.failure
    said = [] if failure is None else [
        ("Mex-StatusCode", failure.code),
        ("Mex-StatusEvent", failure.event),
        ("Mex-StatusDescription", failure.description),
    ]  # fmt: skip
    return [("Mex-LinkedMsgID", message.linked), *said, ("Mex-StatusSuccess", "ERROR"), stamp]


def stamp_of(at: datetime | None) -> str:
    """An instant as `yyyymmddhhmmss`, in UTC."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S") if at else ""
