"""Parties, system ids and the authorities that the service knows.

Stands in for the Spine Directory Service. Data, not behaviour: who may send from which folder, whom an answer goes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cpis_simulator.model import Organisation, Telecom

SPINE_ASID: Final = "999999000001"
SPINE_PARTY_KEY: Final = "YES-0000806"


@dataclass(frozen=True, slots=True)
class RegisteredAuthority:
    """An authority as registered with the service; its telephones stand in replies to unreadable files."""

    ods_code: str
    name: str
    telephone_office: str | None
    telephone_emergency: str

    def organisation(self) -> Organisation:
        """As the header of a file names it."""
        emergency = Telecom(self.telephone_emergency, "EC")
        office = (Telecom(self.telephone_office, "WP"),) if self.telephone_office else ()
        return Organisation(self.ods_code, self.name, (*office, emergency))


DEFAULT_AUTHORITIES: Final = (
    RegisteredAuthority("Z99", "EXAMPLETON TEST COUNCIL", "tel:01632960001", "tel:01632960002"),
    RegisteredAuthority("Z98", "SAMPLEBURY TEST COUNCIL", "tel:01632960003", "tel:01632960004"),
    RegisteredAuthority("Z97", "MOCKFORD TEST COUNCIL", "tel:01632960005", "tel:01632960006"),
)
