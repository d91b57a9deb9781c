"""Parties, contracts and the addresses that replies may go to."""

from datetime import timedelta

import pytest

from cpis_simulator.directory import (
    EXPRESS,
    RELIABLE,
    care_party,
    check_address,
    default_parties,
    directory_of,
    is_named,
    read_duration,
    spine_party,
    write_duration,
)
from cpis_simulator.errors import ConfigError
from cpis_simulator.settings import TransportSettings


def test_the_bundled_care_party_takes_every_reply_at_one_place() -> None:
    party = default_parties()[0]
    assert (party.key, party.ods_code, party.asids[0]) == ("RX0-0000001", "ZZ9", "999999000101")
    assert [(c.interaction, c.endpoint, c.terms) for c in party.contracts] == [
        ("REPC_IN000007GB01", "http://127.0.0.1:4434/", EXPRESS),
        ("QUQI_IN010000UK14", "http://127.0.0.1:4434/", EXPRESS),
        ("MCCI_IN010000UK13", "http://127.0.0.1:4434/", EXPRESS),
    ]


@pytest.mark.parametrize(
    ("profile", "endpoint", "retries"),
    [
        ("reliable", "http://127.0.0.1:4433/reliablemessaging/reliablerequest", 2),
        ("express", "http://127.0.0.1:4433/reliablemessaging/queryrequest", 0),
        ("sync", "http://127.0.0.1:4433/sync-service", 0),
    ],
)
def test_the_service_publishes_the_profile_that_is_set(profile: str, endpoint: str, retries: int) -> None:
    settings = TransportSettings.model_validate({"profile": profile})
    (contract,) = spine_party("http://127.0.0.1:4433", settings).contracts
    assert (contract.interaction, contract.cpa_id) == ("QUPC_IN000006GB01", "S2001A0000001")
    assert (contract.endpoint, contract.terms.retries) == (endpoint, retries)


def test_reliable_terms_are_those_of_the_real_directory() -> None:
    assert (RELIABLE.sync_reply_mode, RELIABLE.ack_requested, RELIABLE.duplicate_elimination) == (
        "MSHSignalsOnly",
        "always",
        "always",
    )
    assert (RELIABLE.retries, write_duration(RELIABLE.retry_interval), write_duration(RELIABLE.persist_duration)) == (
        2,
        "PT1M",
        "PT5M",
    )


def test_parties_are_found_by_key_and_by_system() -> None:
    directory = directory_of(*default_parties())
    assert directory.party_of("999999000105") == "RX0-0000001"
    assert directory.party_of("999999999999") is None
    contract = directory.contract("RX0-0000002", "QUQI_IN010000UK14")
    assert contract is not None
    assert contract.endpoint == "http://127.0.0.1:4435/"
    assert directory.contract("RX0-0000002", "QUPC_IN000006GB01") is None
    assert directory.contract("nobody", "REPC_IN000007GB01") is None


def test_a_later_party_of_the_same_key_replaces_the_earlier_one() -> None:
    other = care_party("RX0-0000001", "ZZ9", "ELSEWHERE", ["999999000199"], "https://localhost:9/in", "S2001A0000009")
    directory = directory_of(*default_parties(), other)
    assert directory.parties["RX0-0000001"].name == "ELSEWHERE"
    assert directory.party_of("999999000101") is None


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:4434/", "https://localhost/", "http://[::1]:80/x", "http://127.8.8.8"]
)
def test_replies_may_go_to_this_machine(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address", ["http://192.0.2.1/", "http://spine.example.test:1/x", "http://127.0.0.1.example.test/"]
)
def test_replies_to_another_machine_are_refused_unless_it_is_allowed(address: str) -> None:
    with pytest.raises(ConfigError, match="reply_hosts"):
        check_address(address)
    check_address(address, frozenset(("192.0.2.1", "spine.example.test", "127.0.0.1.example.test")))


@pytest.mark.parametrize(
    "address", ["", "ftp://127.0.0.1/", "127.0.0.1:80", "http://", "http://[x/", "http://127.0.0.1:x/"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="Not an address"):
        check_address(address, frozenset((address,)))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT1M", timedelta(minutes=1)),
        ("PT0.06S", timedelta(milliseconds=60)),
        ("PT2H30M", timedelta(hours=2, minutes=30)),
        ("PT24H", timedelta(days=1)),
        ("PT0S", timedelta(0)),
    ],
)
def test_durations_are_read_and_written(text: str, duration: timedelta) -> None:
    assert (read_duration(text), write_duration(duration)) == (duration, text)


def test_days_are_read_as_well() -> None:
    assert read_duration("P1DT1H") == timedelta(days=1, hours=1)


@pytest.mark.parametrize("text", ["", "P", "PT", "1M", "PT1", "PT-1M", "P1Y", "PTM", "PT1M "])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        read_duration(text)


@pytest.mark.parametrize(
    ("names", "fqdn", "named"),
    [
        (("care.example.test",), "CARE.example.test.", True),
        (("*.example.test",), "care.example.test", True),
        (("*.example.test",), "a.care.example.test", False),
        (("elsewhere.example.test",), "care.example.test", False),
        ((), "care.example.test", False),
    ],
)
def test_a_certificate_is_that_of_a_host_by_its_names(names: tuple[str, ...], fqdn: str, named: bool) -> None:
    assert is_named(names, fqdn) is named
