"""Parties as people describe them."""

from datetime import timedelta

import pytest

from cpis_simulator.directory import EXPRESS, RELIABLE
from cpis_simulator.driving import PartyEntry
from cpis_simulator.errors import ConfigError
from cpis_simulator.settings import TransportSettings
from cpis_simulator.spine.parties import party_of

ENTRY = {"key": "RX7-0000001", "ods": "ZZ7", "endpoint": "http://localhost:9/in"}


def party(transport: dict[str, object] | None = None, **more: object):  # type: ignore[no-untyped-def]
    settings = TransportSettings.model_validate(transport or {})
    return party_of(PartyEntry.model_validate({**ENTRY, **more}), settings)


def test_an_entry_of_three_keys_takes_every_reply_at_its_endpoint() -> None:
    found = party()
    assert [(c.interaction, c.endpoint, c.cpa_id, c.terms) for c in found.contracts] == [
        ("REPC_IN000007GB01", "http://localhost:9/in", "CPA-RX7-0000001", EXPRESS),
        ("QUQI_IN010000UK14", "http://localhost:9/in", "CPA-RX7-0000001", EXPRESS),
        ("MCCI_IN010000UK13", "http://localhost:9/in", "CPA-RX7-0000001", EXPRESS),
    ]
    assert found.fqdn == "localhost"


@pytest.mark.parametrize(
    ("transport", "profile", "terms"),
    [
        ({}, None, EXPRESS),
        ({"reply_profile": "reliable"}, None, RELIABLE),
        ({"reply_profile": "reliable"}, "express", EXPRESS),
        ({}, "reliable", RELIABLE),
    ],
)
def test_the_profile_of_replies_is_the_entrys_or_the_settings(
    transport: dict[str, object], profile: str | None, terms: object
) -> None:
    assert party(transport, profile=profile).contracts[0].terms == terms


def test_one_interaction_may_have_terms_of_its_own() -> None:
    own = {
        "interaction": "QUQI_IN010000UK14",
        "endpoint": "http://127.0.0.1:8/other",
        "cpa_id": "C2",
        "sync_reply_mode": "None",
        "ack_requested": "always",
        "duplicate_elimination": "always",
        "retries": 5,
        "retry_interval": "PT10S",
        "persist_duration": "PT2M",
    }
    found = party(contract=[own])
    contract = found.contract("QUQI_IN010000UK14")
    assert (contract.endpoint, contract.cpa_id) == ("http://127.0.0.1:8/other", "C2")
    terms = contract.terms
    assert (terms.sync_reply_mode, terms.ack_requested, terms.duplicate_elimination) == ("None", "always", "always")
    assert (terms.retries, terms.retry_interval, terms.persist_duration) == (
        5,
        timedelta(seconds=10),
        timedelta(minutes=2),
    )
    assert found.contract("REPC_IN000007GB01").terms == EXPRESS


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"endpoint": "http://192.0.2.1/"}, "An endpoint on another machine"),
        ({"endpoint": "nowhere"}, "Not an address"),
        ({"contract": [{"interaction": "X", "endpoint": "http://192.0.2.1/"}]}, "An endpoint on another machine"),
        ({"contract": [{"interaction": "X", "retry_interval": "1 min"}]}, "A duration .*PT1M, found 1 min"),
        ({"key": "YES-0000806"}, "The service's own entry"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        party(**more)


def test_another_machine_may_be_allowed() -> None:
    found = party({"reply_hosts": ["client.example.test"]}, endpoint="https://client.example.test/inbound")
    assert found.contracts[0].endpoint == "https://client.example.test/inbound"
