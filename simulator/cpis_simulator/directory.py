"""Parties, system ids, contracts and endpoints, and the authorities that the service knows.

Stands in for the Spine Directory Service. Data, not behaviour: who may send from which folder, on what terms messages
are exchanged with whom, and where an answer goes. A reply's address comes from here and from nowhere else.

Source: CP-IS over Spine, transport sections 9.1, 10 and 11.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

from cpis_simulator.errors import ConfigError
from cpis_simulator.model import Organisation, Telecom
from cpis_simulator.settings import Profile, TransportSettings
from cpis_simulator.vocabulary import SERVICE_NAME

SPINE_ASID: Final = "999999000001"
SPINE_PARTY_KEY: Final = "YES-0000806"
SPINE_ODS: Final = "YES"
SPINE_CPA_ID: Final = "S2001A0000001"

QUERY: Final = "QUPC_IN000006GB01"
REPLIES: Final = ("REPC_IN000007GB01", "QUQI_IN010000UK14", "MCCI_IN010000UK13")
"""Interactions that the service sends to a client."""

RELIABLE_PATH: Final = "/reliablemessaging/reliablerequest"
EXPRESS_PATH: Final = "/reliablemessaging/queryrequest"
SYNC_PATH: Final = "/sync-service"
INTERMEDIARY_PATH: Final = "/reliablemessaging/intermediary"
"""Paths of the real service; the last is not used for CP-IS."""

TO_PARTY_MSH: Final = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"


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


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms messages of a contract are exchanged; durations are as agreed, before `transport.time_scale`."""

    sync_reply_mode: Literal["MSHSignalsOnly", "None"] = "MSHSignalsOnly"
    ack_requested: Literal["always", "never"] = "never"
    duplicate_elimination: Literal["always", "never"] = "never"
    retries: int = 0
    retry_interval: timedelta = timedelta(0)
    persist_duration: timedelta = timedelta(0)
    actor: str = TO_PARTY_MSH
    is_authenticated: Literal["transient", "none"] = "transient"


RELIABLE: Final = Terms(
    ack_requested="always",
    duplicate_elimination="always",
    retries=2,
    retry_interval=timedelta(minutes=1),
    persist_duration=timedelta(minutes=5),
)
EXPRESS: Final = Terms()
SYNC: Final = Terms(sync_reply_mode="None", actor="", is_authenticated="none")
TERMS: Final[Mapping[Profile, Terms]] = {"reliable": RELIABLE, "express": EXPRESS, "sync": SYNC}
"""Contract values of each profile, as the real directory has them."""


@dataclass(frozen=True, slots=True)
class Contract:
    """An interaction that a party takes: under what contract, where, and on what terms."""

    interaction: str
    cpa_id: str
    endpoint: str
    terms: Terms
    service: str = SERVICE_NAME


@dataclass(frozen=True, slots=True)
class Party:
    """A message handler: its key, whose it is, the systems behind it, and what it takes."""

    key: str
    ods_code: str
    name: str
    asids: tuple[str, ...] = ()
    fqdn: str = ""
    contracts: tuple[Contract, ...] = ()

    def contract(self, interaction: str) -> Contract | None:
        """The contract under which it takes an interaction."""
        return next((c for c in self.contracts if c.interaction == interaction), None)


def care_party(
    key: str,
    ods_code: str,
    name: str,
    asids: Iterable[str],
    endpoint: str,
    cpa_id: str,
    terms: Terms = EXPRESS,
    *,
    fqdn: str | None = None,
) -> Party:
    """A party that takes every reply to a query at one place; without `fqdn` its name is that place's host."""
    contracts = tuple(Contract(interaction, cpa_id, endpoint, terms) for interaction in REPLIES)
    host = urlsplit(endpoint).hostname or ""
    return Party(key, ods_code, name, tuple(asids), host if fqdn is None else fqdn, contracts)


CARE_PARTY_KEY: Final = "RX0-0000001"
CARE_FQDN: Final = "care.example.test"
"""The name in the care certificate that `cpis certs` makes."""
CARE_ASID: Final = "999999000101"
"""System id of the mock care client, where the author is a person."""
CARE_ASIDS: Final = (CARE_ASID, "999999000105", "999999000102")
"""The last two ask without a person: an ambulance service and NHS 111."""


def default_parties(scheme: str = "http", terms: Terms = EXPRESS) -> tuple[Party, ...]:
    """The care parties that are there without any configuration; the mock care client listens as the first of them."""
    return (
        care_party(
            CARE_PARTY_KEY,
            "ZZ9",
            "EXAMPLETON TEST HOSPITALS",
            CARE_ASIDS,
            f"{scheme}://127.0.0.1:4434/",
            "S2001A0000002",
            terms,
            fqdn=CARE_FQDN,
        ),
        care_party(
            "RX0-0000002",
            "ZZ8",
            "SAMPLEBURY TEST WALK-IN CENTRE",
            ("999999000103",),
            f"{scheme}://127.0.0.1:4435/",
            "S2001A0000003",
            terms,
            fqdn=CARE_FQDN,
        ),
    )


def spine_party(url: str, transport: TransportSettings) -> Party:
    """The service itself, which takes queries at an address on the terms of setting `transport.profile`."""
    path = {"reliable": RELIABLE_PATH, "express": EXPRESS_PATH, "sync": transport.sync_paths[0]}[transport.profile]
    contract = Contract(QUERY, SPINE_CPA_ID, url.rstrip("/") + path, TERMS[transport.profile])
    host = urlsplit(url).hostname or ""
    return Party(SPINE_PARTY_KEY, SPINE_ODS, "MOCK SPINE", (SPINE_ASID,), host, (contract,))


@dataclass(frozen=True, slots=True)
class Directory:
    """All parties, by key and by system."""

    parties: Mapping[str, Party]
    _by_asid: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Note whose each system is."""
        by_asid = {asid: party.key for party in self.parties.values() for asid in party.asids}
        object.__setattr__(self, "_by_asid", by_asid)

    def contract(self, key: str, interaction: str) -> Contract | None:
        """The contract under which a party takes an interaction."""
        party = self.parties.get(key)
        return party.contract(interaction) if party else None

    def party_of(self, asid: str) -> str | None:
        """Key of the party that a system belongs to."""
        return self._by_asid.get(asid)


def directory_of(*parties: Party) -> Directory:
    """A directory of these parties; a later one replaces an earlier one of the same key."""
    return Directory({party.key: party for party in parties})


def is_named(names: Iterable[str], fqdn: str) -> bool:
    """A certificate with these names is that of a host; `*` stands for one label at the front."""
    wanted = fqdn.lower().rstrip(".")
    parent = wanted.partition(".")[2]
    candidates = {name.lower().rstrip(".") for name in names}
    return wanted in candidates or bool(parent and f"*.{parent}" in candidates)


def check_address(address: str, allowed: Iterable[str] = ()) -> None:
    """An address that replies may be posted to: of this machine, unless the operator allows more.

    Args:
        address: Of an endpoint.
        allowed: Further hosts (setting `transport.reply_hosts`).

    Raises:
        ConfigError: When it is none, or of another machine.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ConfigError("Not an address", expected="http://host:port/path", found=address[:200])
    if not _is_loopback(host) and host not in allowed:
        raise ConfigError(
            "An endpoint on another machine",
            expected="an address of this machine, such as http://127.0.0.1:4434/",
            found=address[:200],
            mend=f'To allow it: [settings.transport] reply_hosts = ["{host}"].',
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_DURATION: Final = re.compile(
    r"P(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,6})?)S)?)?"
)


def read_duration(text: str) -> timedelta:
    """A duration of a contract, such as `PT1M`.

    Raises:
        ValueError: When it is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"no duration such as PT1M: {text[:40]!r}")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def write_duration(duration: timedelta) -> str:
    """A duration as a contract has it: `PT1M`, `PT0.06S`."""
    microseconds = duration // timedelta(microseconds=1)
    hours, rest = divmod(microseconds, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else ""]
    parts.append(f"{rest / 1_000_000:.6f}".rstrip("0").rstrip(".") + "S" if rest or not microseconds else "")
    return "PT" + "".join(parts)
