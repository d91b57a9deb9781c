"""Mailboxes that are there from the beginning: the authorities', the service's, those of interoperability tests.

Source: CP-IS file drop, sections 5 and 6 (1).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.mailbox.messages import Mailbox
from cpis_simulator.vocabulary import MessageKind

SERVICE_MAILBOX: Final = "CPISSIM01"
SERVICE_ODS: Final = "X26"

UPLOAD: Final = "SIM_CPIS_UPLOAD"
WORKFLOW_OF: Final = {
    MessageKind.UPLOAD: UPLOAD,
    MessageKind.ACKNOWLEDGEMENT: "SIM_CPIS_UPLOAD_ACK",
    MessageKind.ACCESS_NOTIFICATION: "SIM_CPIS_ASN",
    MessageKind.INACTIVE_NOTIFICATION: "SIM_CPIS_INN",
}
"""The real workflow ids and the real mailbox of CP-IS are not public."""


def mailbox_of(ods_code: str) -> str:
    """The id of an authority's mailbox."""
    return f"{ods_code.upper()}HC001"


def cpis_mailboxes(authorities: Iterable[RegisteredAuthority], password: str) -> list[Mailbox]:
    """The service's mailbox, and one for each authority."""
    replies = frozenset(WORKFLOW_OF.values()) - {UPLOAD}
    service = Mailbox(
        SERVICE_MAILBOX,
        "CP-IS, mock Spine",
        SERVICE_ODS,
        password,
        "CP-IS harness",
        workflows=frozenset((UPLOAD,)),
        only_registered=True,
    )
    return [
        service,
        *(
            Mailbox(
                mailbox_of(authority.ods_code),
                f"{authority.name} CP-IS",
                authority.ods_code,
                password,
                authority.name,
                workflows=replies,
                only_registered=True,
                may_send=frozenset((UPLOAD,)),
            )
            for authority in authorities
        ),
    ]


def interop_mailboxes() -> list[Mailbox]:
    """The mailboxes that the sandbox's own tests expect; they take any workflow."""
    both = frozenset(("TEST_WORKFLOW2",))
    acknowledged, sent = both | {"TEST_WORKFLOW_ACK"}, both | {"TEST_WORKFLOW"}
    return [
        Mailbox("X26ABC1", "TESTMB1", "X26", "password", "NHS England", acknowledged),
        Mailbox("X26ABC2", "TESTMB2", "X26", "password", "NHS England", sent),
        Mailbox("X26ABC3", "TESTMB3", "X27", "password", "NHS England", acknowledged),
    ]
