"""The directory's API, as message handlers of suppliers read it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from cpis_simulator.apps.directory_api import directory_app
from cpis_simulator.directory import RELIABLE, default_parties, directory_of, spine_party
from cpis_simulator.settings import TransportSettings

ORGANISATION = "https://fhir.nhs.uk/Id/ods-organization-code"
INTERACTION = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
PARTY_KEY = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
QUERY = "urn:nhs:names:services:cpisquery:QUPC_IN000006GB01"
REPLY = "urn:nhs:names:services:cpisquery:REPC_IN000007GB01"

Given = list[tuple[str, str]]
YES: Given = [("organization", f"{ORGANISATION}|YES")]
ASKED: Given = [("identifier", f"{INTERACTION}|{QUERY}")]
SPINE: Given = [("identifier", f"{PARTY_KEY}|YES-0000806")]


def get(
    path: str, given: Given, *, apikey: str | None = "any", scale: float = 1.0, profile: str = "reliable"
) -> tuple[int, Any]:
    settings = TransportSettings.model_validate({"profile": profile})
    directory = directory_of(spine_party("http://127.0.0.1:4433", settings), *default_parties(terms=RELIABLE))
    client = directory_app(lambda: directory, scale).test_client()
    headers = {"apikey": apikey} if apikey else {}
    answer = client.get(f"/spine-directory/FHIR/R4/{path}?{urlencode(given)}", headers=headers)
    return answer.status_code, answer.get_json()


def resources(path: str, given: Given, **how: Any) -> list[Any]:
    status, bundle = get(path, given, **how)
    assert (status, bundle["resourceType"], bundle["type"]) == (200, "Bundle", "searchset")
    found = [entry["resource"] for entry in bundle.get("entry", [])]
    assert bundle["total"] == len(found)
    return found


def identifiers(resource: Any) -> dict[str, str]:
    return {i["system"].rpartition("/")[2]: i["value"] for i in resource["identifier"]}


def test_the_services_system_is_found_with_its_party() -> None:
    (device,) = resources("Device", YES + ASKED)
    assert device["resourceType"] == "Device"
    assert identifiers(device) == {"nhsSpineASID": "999999000001", "nhsMhsPartyKey": "YES-0000806"}


@pytest.mark.parametrize("given", [YES + ASKED, ASKED + SPINE, YES + SPINE, YES + ASKED + SPINE])
def test_the_services_endpoint_is_found_by_two_of_three(given: Given) -> None:
    (endpoint,) = resources("Endpoint", given)
    assert endpoint["resourceType"] == "Endpoint"
    assert endpoint["address"] == "http://127.0.0.1:4433/reliablemessaging/reliablerequest"
    found = identifiers(endpoint)
    assert {n: found[n] for n in ("nhsMhsFQDN", "nhsMhsPartyKey", "nhsMhsCPAId", "nhsMHSId")} == {
        "nhsMhsFQDN": "127.0.0.1",
        "nhsMhsPartyKey": "YES-0000806",
        "nhsMhsCPAId": "S2001A0000001",
        "nhsMHSId": "S2001A0000001",
    }


def reliability(**how: Any) -> dict[str, object]:
    (endpoint,) = resources("Endpoint", ASKED + SPINE, **how)
    (extension,) = endpoint["extension"]
    assert extension["url"] == "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ReliabilityConfiguration"
    return {e["url"]: e.get("valueString", e.get("valueInteger")) for e in extension["extension"]}


def test_the_terms_of_the_contract_are_told() -> None:
    assert reliability() == {
        "nhsMHSSyncReplyMode": "MSHSignalsOnly",
        "nhsMHSRetryInterval": "PT1M",
        "nhsMHSRetries": 2,
        "nhsMHSPersistDuration": "PT5M",
        "nhsMHSDuplicateElimination": "always",
        "nhsMHSAckRequested": "always",
        "nhsMHSActor": "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH",
        "nhsMHSIsAuthenticated": "transient",
    }


@pytest.mark.parametrize(
    ("profile", "mode", "asks", "retries"),
    [
        ("reliable", "MSHSignalsOnly", "always", 2),
        ("express", "MSHSignalsOnly", "never", 0),
        ("sync", "None", "never", 0),
    ],
)
def test_the_profile_that_is_set_is_published(profile: str, mode: str, asks: str, retries: int) -> None:
    told = reliability(profile=profile)
    assert (told["nhsMHSSyncReplyMode"], told["nhsMHSAckRequested"]) == (mode, asks)
    assert (told["nhsMHSDuplicateElimination"], told["nhsMHSRetries"]) == (asks, retries)


def test_durations_are_told_as_they_are_played() -> None:
    told = reliability(scale=1000)
    assert (told["nhsMHSRetryInterval"], told["nhsMHSPersistDuration"]) == ("PT0.06S", "PT0.3S")


def test_a_care_systems_reply_endpoint_is_found() -> None:
    given = [("organization", f"{ORGANISATION}|zz9"), ("identifier", f"{INTERACTION}|{REPLY}")]
    (endpoint,) = resources("Endpoint", given)
    assert endpoint["address"] == "http://127.0.0.1:4434/"


@pytest.mark.parametrize("path", ["Device", "Endpoint"])
def test_what_nobody_has_is_an_empty_bundle(path: str) -> None:
    assert resources(path, [("organization", f"{ORGANISATION}|X00"), *ASKED]) == []


@pytest.mark.parametrize("path", ["Device", "Endpoint"])
def test_without_a_key_nothing_is_told(path: str) -> None:
    status, outcome = get(path, YES + ASKED, apikey=None)
    assert (status, outcome["resourceType"]) == (401, "OperationOutcome")


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("Device", YES, "Device needs organization="),
        ("Device", ASKED + SPINE, "Device needs organization="),
        ("Endpoint", SPINE, "Endpoint needs two of"),
        ("Endpoint", [], "Endpoint needs two of"),
        ("Endpoint", [*YES, ("identifier", "YES-0000806")], "Not understood: identifier=YES-0000806."),
        ("Endpoint", [*ASKED, ("organization", f"{PARTY_KEY}|YES")], "Not understood: organization="),
    ],
)
def test_a_search_that_asks_too_little_or_wrongly_is_told_what_is_needed(path: str, given: Given, said: str) -> None:
    status, outcome = get(path, given)
    assert status == 400
    assert outcome["issue"][0]["diagnostics"].startswith(said)


def test_the_callers_id_of_the_exchange_comes_back() -> None:
    directory = directory_of(*default_parties())
    client = directory_app(lambda: directory).test_client()
    answer = client.get("/spine-directory/FHIR/R4/Device", headers={"X-Correlation-Id": "A1", "apikey": "x"})
    assert answer.headers["X-Correlation-Id"] == "A1"
