"""Every way in which MESH says no, each once: HTTP status, event, code, and words of ours.

Source: CP-IS file drop, sections 2.7 and 3.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from cpis_simulator.mailbox.messages import Failure


@dataclass(frozen=True, slots=True)
class No:
    """A refusal: `event` and `code` are None where MESH gives none, and empty where it gives empty ones."""

    status: int
    event: str | None
    code: str | None
    text: str


class Reason(Enum):
    """Why."""

    NOT_AUTHENTICATED = No(403, "", "", "The request is not authenticated.")
    NOT_YOURS = No(403, "", "", "The message is another mailbox's.")
    BAD_REQUEST = No(400, None, None, "A header or the query breaks its rule.")
    BAD_ACCEPT = No(400, None, None, "Accept names no version of the API that is spoken here.")
    MALFORMED = No(400, "TRANSFER", "06", "The control data are malformed.")
    NO_RECIPIENT = No(400, "SEND", "08", "The recipient is missing.")
    UNKNOWN_MESSAGE = No(404, "RECEIVE", "20", "There is no such message.")
    UNKNOWN_PATH = No(404, None, None, "There is nothing at this address.")
    BAD_METHOD = No(405, None, None, "This address is not asked in that way.")
    TOO_MANY_CHUNKS = No(406, None, None, "The message has fewer chunks.")
    SEVERAL = No(300, None, None, "Several messages have this local id.")
    GONE = No(410, "SEND", "Message already accepted", "The message is not there to be fetched.")
    NO_DATA = No(417, "COLLECT", "02", "There are no data.")
    BAD_SENDER = No(417, "SEND", "07", "The sender is not the mailbox that sends.")
    BAD_TYPE = No(417, "SEND", "11", "Only data can be sent.")
    UNKNOWN_RECIPIENT = No(417, "SEND", "12", "The recipient mailbox is not registered.")
    NOT_ALLOWED = No(417, "SEND", "16", "The sender may not send this workflow.")
    BAD_WORKFLOW = No(417, "SEND", "17", "The recipient mailbox is not registered for the workflow.")
    WORKFLOW_OFF = No(417, "SEND", "18", "The workflow is not switched on for the sender.")
    BAD_EXPIRY = No(417, "SEND", "19", "The expiry period is none.")
    BAD_CHUNK_RANGE = No(417, "SEND", "InvalidHeaderChunks", "The chunk range is none, or another than the address's.")
    CHUNK_MISSING = No(417, "SEND", "InvalidHeaderChunks", "The last chunk came before another one.")
    ENCODING_CHANGED = No(417, None, None, "All chunks of a message have the same content encoding.")
    BAD_ENCODING = No(422, "SEND", "UnsupportedContentEncoding", "A body is plain, or gzip.")
    FINISHED = No(423, None, None, "The message is complete.")
    TOO_FAST = No(429, None, None, "The inbox was listed a moment ago.")


BARRED: Final = {"16": Reason.NOT_ALLOWED, "18": Reason.WORKFLOW_OFF, "19": Reason.BAD_EXPIRY}
"""Reasons for which a mailbox may be kept from sending a workflow."""

NOT_COLLECTED: Final = Failure("SEND", "14", "Message not collected by recipient after 5 days")
BAD_CPIS_FILE: Final = Failure("SEND", "15", "The file is no CP-IS file.")
UNDELIVERED: Final = {
    **{
        str(reason.value.code): Failure(str(reason.value.event), str(reason.value.code), reason.value.text)
        for reason in (Reason.UNKNOWN_RECIPIENT, Reason.NOT_ALLOWED, Reason.BAD_WORKFLOW)
    },
    NOT_COLLECTED.code: NOT_COLLECTED,
    BAD_CPIS_FILE.code: BAD_CPIS_FILE,
}
"""What a report may say of an upload that did not come to CP-IS, by its code (OPS-004, UPL-016)."""
NO_PATIENT_ROUTE: Final = Failure("SEND", "EPL-151", "No mailbox was found for the patient.")


class Refused(Exception):
    """A request is refused.

    Args:
        reason: Why.
        text: Said instead of the reason's own words.
        message_id: The message that it is about.
        fields: Further facts: the headers that are malformed, or the places that break a rule.
    """

    def __init__(
        self, reason: Reason, text: str = "", *, message_id: str = "", fields: Sequence[dict[str, Any] | str] = ()
    ) -> None:
        """Keep the parts."""
        super().__init__(text or reason.value.text)
        self.reason = reason
        self.text = text or reason.value.text
        self.message_id = message_id
        self.fields = fields
