"""The directory as Spine's own API offers it: `Device` (systems) and `Endpoint` (message handlers) in FHIR R4.

Message handlers of suppliers look up here where to send a query and on what terms. What does not match is an empty
Bundle, as from the real one.

Source: CP-IS over Spine, transport section 11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Flask, Response, request

from cpis_simulator.directory import Contract, Directory, Party, write_duration

BASE_PATH: Final = "/spine-directory/FHIR/R4"

_ID: Final = "https://fhir.nhs.uk/Id"
ORGANISATION: Final = f"{_ID}/ods-organization-code"
INTERACTION: Final = f"{_ID}/nhsServiceInteractionId"
PARTY_KEY: Final = f"{_ID}/nhsMhsPartyKey"
ASID: Final = f"{_ID}/nhsSpineASID"
RELIABILITY: Final = "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ReliabilityConfiguration"

_Resource = dict[str, Any]


def directory_app(directory: Callable[[], Directory], time_scale: float = 1.0) -> Flask:
    """The API over a directory.

    Args:
        directory: Gives it as it is at the moment.
        time_scale: Divides the durations that are told (setting `transport.time_scale`).
    """
    app = Flask("cpis-directory")

    @app.get("/")
    def about() -> Response:
        text = f"CP-IS harness: the mock Spine's directory. GET {BASE_PATH}/Device or {BASE_PATH}/Endpoint.\n"
        return Response(text, mimetype="text/plain")

    @app.get(f"{BASE_PATH}/Device")
    def devices() -> Response:
        return _answer("Device", lambda asked: _devices(directory(), asked))

    @app.get(f"{BASE_PATH}/Endpoint")
    def endpoints() -> Response:
        return _answer("Endpoint", lambda asked: _endpoints(directory(), asked, time_scale))

    return app


class _Asked:
    """The parameters of a search: values by the system that they belong to."""

    def __init__(self) -> None:
        self.organisation = self.interaction = self.party_key = ""
        self.wrong: list[str] = []
        pairs = [("organization", v) for v in request.args.getlist("organization")]
        pairs += [("identifier", v) for v in request.args.getlist("identifier")]
        for name, given in pairs:
            system, _, value = given.partition("|")
            if name == "organization" and system == ORGANISATION and value:
                self.organisation = value
            elif name == "identifier" and system == INTERACTION and value:
                self.interaction = value
            elif name == "identifier" and system == PARTY_KEY and value:
                self.party_key = value
            else:
                self.wrong.append(f"{name}={given[:200]}")

    def fits(self, party: Party, contract: Contract) -> bool:
        return (
            self.organisation.upper() in ("", party.ods_code.upper())
            and self.party_key in ("", party.key)
            and self.interaction in ("", f"{contract.service}:{contract.interaction}")
        )


def _answer(kind: str, find: Callable[[_Asked], Iterator[_Resource]]) -> Response:
    if not request.headers.get("apikey"):
        return _outcome(401, "security", "The header apikey is missing; any value will do here.")
    asked = _Asked()
    given = sum(map(bool, (asked.organisation, asked.interaction, asked.party_key)))
    if asked.wrong:
        return _outcome(400, "invalid", f"Not understood: {', '.join(asked.wrong)}.")
    if kind == "Device" and not (asked.organisation and asked.interaction):
        return _outcome(400, "required", f"Device needs organization={ORGANISATION}|… and identifier={INTERACTION}|…")
    if given < 2:
        needed = f"organization={ORGANISATION}|…, identifier={INTERACTION}|…, identifier={PARTY_KEY}|…"
        return _outcome(400, "required", f"Endpoint needs two of {needed}")
    found = list(find(asked))
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": request.url}],
        "entry": [
            {
                "fullUrl": f"{request.host_url.rstrip('/')}{BASE_PATH}/{kind}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for resource in found
        ],
    }
    return _json(200, bundle)


def _devices(directory: Directory, asked: _Asked) -> Iterator[_Resource]:
    for party in directory.parties.values():
        if not any(asked.fits(party, contract) for contract in party.contracts):
            continue
        for asid in party.asids:
            yield {
                "resourceType": "Device",
                "id": f"{party.key}-{asid}",
                "identifier": [_identifier(ASID, asid), _identifier(PARTY_KEY, party.key)],
                "owner": {"identifier": _identifier(ORGANISATION, party.ods_code), "display": party.name},
            }


def _endpoints(directory: Directory, asked: _Asked, time_scale: float) -> Iterator[_Resource]:
    for party in directory.parties.values():
        for contract in party.contracts:
            if asked.fits(party, contract):
                yield _endpoint(party, contract, time_scale)


def _endpoint(party: Party, contract: Contract, time_scale: float) -> _Resource:
    return {
        "resourceType": "Endpoint",
        "id": f"{party.key}-{contract.interaction}".replace("_", "-"),
        "extension": [{"url": RELIABILITY, "extension": _reliability(contract, time_scale)}],
        "identifier": [
            _identifier(f"{_ID}/nhsMhsFQDN", party.fqdn),
            _identifier(PARTY_KEY, party.key),
            _identifier(f"{_ID}/nhsMhsCPAId", contract.cpa_id),
            _identifier(f"{_ID}/nhsMHSId", contract.cpa_id),
            _identifier(INTERACTION, f"{contract.service}:{contract.interaction}"),
        ],
        "status": "active",
        "connectionType": {
            "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
            "code": "hl7-v3-messaging" if contract.terms.sync_reply_mode != "None" else "hl7-v3-webservices",
        },
        "managingOrganization": {"identifier": _identifier(ORGANISATION, party.ods_code)},
        "payloadType": [{"coding": [{"code": "any"}]}],
        "address": contract.endpoint,
    }


def _reliability(contract: Contract, time_scale: float) -> list[_Resource]:
    terms = contract.terms
    texts = {
        "nhsMHSSyncReplyMode": terms.sync_reply_mode,
        "nhsMHSDuplicateElimination": terms.duplicate_elimination,
        "nhsMHSAckRequested": terms.ack_requested,
        "nhsMHSActor": terms.actor,
        "nhsMHSIsAuthenticated": terms.is_authenticated,
    }
    if terms.ack_requested == "always":
        texts["nhsMHSRetryInterval"] = write_duration(terms.retry_interval / time_scale)
        texts["nhsMHSPersistDuration"] = write_duration(terms.persist_duration / time_scale)
    listed: list[_Resource] = [{"url": url, "valueString": text} for url, text in texts.items() if text]
    # A message handler in reliable mode wants a whole number even where it never tries again.
    return [*listed, {"url": "nhsMHSRetries", "valueInteger": terms.retries}]


def _identifier(system: str, value: str) -> _Resource:
    return {"system": system, "value": value}


def _outcome(status: int, code: str, text: str) -> Response:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return _json(status, {"resourceType": "OperationOutcome", "issue": [issue]})


def _json(status: int, body: _Resource) -> Response:
    answer = Response(json.dumps(body, ensure_ascii=False) + "\n", status, mimetype="application/fhir+json")
    if correlation := request.headers.get("X-Correlation-Id"):
        answer.headers["X-Correlation-Id"] = correlation
    return answer
