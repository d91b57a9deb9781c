"""Parties from the entries in which people describe them.

Source: CP-IS over Spine, transport sections 9.1 and 11.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from cpis_simulator.directory import (
    REPLIES,
    SPINE_PARTY_KEY,
    TERMS,
    Contract,
    Party,
    Terms,
    check_address,
    read_duration,
)
from cpis_simulator.driving import ContractEntry, PartyEntry
from cpis_simulator.errors import ConfigError
from cpis_simulator.settings import TransportSettings


def party_of(entry: PartyEntry, transport: TransportSettings) -> Party:
    """A party as the directory has it.

    Raises:
        ConfigError: An address is none or of another machine, a duration is none, or the entry stands in for the
            service itself.
    """
    if entry.key == SPINE_PARTY_KEY:
        raise ConfigError(
            "The service's own entry in the directory cannot be changed",
            found=entry.key,
            mend="Its terms follow transport.profile.",
        )
    cpa_id = entry.cpa_id or f"CPA-{entry.key}"
    terms = TERMS[entry.profile or transport.reply_profile]
    contracts = {i: Contract(i, cpa_id, entry.endpoint, terms) for i in REPLIES}
    for own in entry.contract:
        base = contracts.get(own.interaction) or Contract(own.interaction, cpa_id, entry.endpoint, terms)
        contracts[own.interaction] = replace(
            base,
            cpa_id=own.cpa_id or base.cpa_id,
            endpoint=own.endpoint or base.endpoint,
            terms=_terms(own, base.terms, entry.key),
        )
    for contract in contracts.values():
        check_address(contract.endpoint, transport.reply_hosts)
    fqdn = entry.fqdn if entry.fqdn is not None else urlsplit(entry.endpoint).hostname or ""
    return Party(entry.key, entry.ods, entry.name, tuple(entry.asids), fqdn, tuple(contracts.values()))


def _terms(own: ContractEntry, base: Terms, key: str) -> Terms:
    """The terms of a contract, with what its entry says otherwise."""
    given = own.model_dump(exclude_none=True, exclude={"interaction", "endpoint", "cpa_id"})
    for name in ("retry_interval", "persist_duration"):
        if name in given:
            try:
                given[name] = read_duration(given[name])
            except ValueError as error:
                where = f"{key}, {own.interaction}, {name}"
                raise ConfigError("A duration", where=where, expected="one such as PT1M", found=given[name]) from error
    return replace(base, **given)
