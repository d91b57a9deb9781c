"""Each outcome that a mini-service tells apart (QRY-015), with a test person: what leads to it, and what is seen.

`docs/outcomes.md` is the table that these lookups make.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.apps.service_host import Places, ServiceHost
from cpis_simulator.codecs.soap import QUERY_ACTION, decode_soap
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.codecs.xml import local_name
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import Script, Turn
from cpis_simulator.errors import CpisError
from cpis_simulator.nhs_number import is_valid
from cpis_simulator.settings import Settings
from cpis_simulator.transport.http_client import post
from tests.simulator.lookup_examples import looked_up
from tests.simulator.service_examples import upload
from tests.simulator.spine_examples import edited, soap_request

PAGE = Path(__file__).parents[2] / "docs" / "outcomes.md"

HEAD = """\
# Outcomes of a lookup, and a child for each

A mini-service in front of Spine tells nine outcomes apart (CPIS-QRY-015). The mock Spine is none, but each of them has
its cause in what Spine answers or does not; this is how to meet it with one of the test people, who are always there.
"Before" is what to do first: load a file, or ask for weather of the next lookup (control operation `script`, see
[weather.md](weather.md)). The mock care client sends no number with a wrong check digit. A test makes this page.

| outcome | means | child | before | the service answers | the mock care client shows |
| --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Outcome:
    """An outcome, and how to come to it."""

    code: str
    means: str
    child: str
    before: str
    weather: str = ""
    without: str = ""


OUTCOMES = [
    Outcome("SMSP-0000", "success", "9990001014", "a file with the child's plan"),
    Outcome("SMSP-0001", "input invalid", "9990001013", "nothing: its check digit is wrong"),
    Outcome("SMSP-0002", "response invalid", "9990001073", "weather `broken-reply`", weather="broken-reply"),
    Outcome("SMSP-0003", "no match on PDS", "9990001022", "nothing: PDS does not know it"),
    Outcome("SMSP-0004", "cannot reach Spine", "9990001065", "weather `status-503`", weather="status-503"),
    Outcome(
        "SMSP-0005",
        "author credentials",
        "9990001030",
        "a query without the user id",
        without='extension="999900000001"',
    ),
    Outcome("SMSP-9999", "provider failure", "9990001081", "weather `status-500`", weather="status-500"),
    Outcome("CPIS-0001", "no match on CP-IS", "9990001049", "nothing: PDS knows it, nobody shares anything"),
    Outcome("CPIS-9999", "CP-IS error", "9990001057", "weather `fault-200`", weather="fault-200"),
]

SEEN = {
    "SMSP-0000": ("200, REPC_IN000007GB01", "found"),
    "SMSP-0001": ("200, MCCI_IN010000UK13", "invalid"),
    "SMSP-0002": ("200, not to be read", "unknown"),
    "SMSP-0003": ("200, QUQI_IN010000UK14", "no-record"),
    "SMSP-0004": ("503", "unknown"),
    "SMSP-0005": ("200, MCCI_IN010000UK13", "-"),
    "SMSP-9999": ("500", "unknown"),
    "CPIS-0001": ("200, QUQI_IN010000UK14", "no-record"),
    "CPIS-9999": ("500, Fault", "unknown"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceHost, str]]:
    folder = tmp_path_factory.mktemp("outcomes")
    host = ServiceHost(Settings(), DEFAULT_AUTHORITIES, Places(folder / "drop", f"sqlite:///{folder}/w.db"))
    file = folder / "upload.xml"
    file.write_bytes(encode_upload(upload()))
    host.load_upload(file)
    yield host, str(host.serve()["url"])
    host.stop()


def answered(host: ServiceHost, url: str, outcome: Outcome) -> str:
    """HTTP status, and the message or fault in the answer."""
    prepare(host, outcome)
    # The mock client sends no number with a wrong check digit, so it is put in afterwards.
    sound = outcome.child if is_valid(outcome.child) else "9990001014"
    request = edited(soap_request(sound), sound, outcome.child)
    if outcome.without:
        request = edited(request, outcome.without, "")
    headers = {"Content-Type": "text/xml", "SOAPAction": f'"{QUERY_ACTION}"'}
    reply = post(f"{url}/sync-service", request.body, headers=headers, within=10)
    if not reply.content_type.startswith("text/xml") or b"Envelope" not in reply.body:
        return str(reply.status)
    try:
        message = decode_soap(reply.body)
    except CpisError:
        return f"{reply.status}, not to be read"
    return f"{reply.status}, {'Fault' if message.is_fault() else local_name(message.body_element)}"


def shown(host: ServiceHost, url: str, outcome: Outcome) -> str:
    """What the mock care client makes of it."""
    if outcome.without:
        return "-"  # It always says who asks.
    prepare(host, outcome)
    client = CareHost(url, 5.0)
    try:
        result = client.look_up(looked_up(nhs_number=outcome.child))
    finally:
        client.stop()
    return result.status


def prepare(host: ServiceHost, outcome: Outcome) -> None:
    turns: list[Any] = [Turn(weather=outcome.weather)] if outcome.weather else []
    host.node.script(Script(turns=turns))


@pytest.mark.parametrize("outcome", OUTCOMES, ids=[outcome.code for outcome in OUTCOMES])
def test_each_outcome_is_met_with_its_child(service: tuple[ServiceHost, str], outcome: Outcome) -> None:
    assert (answered(*service, outcome), shown(*service, outcome)) == SEEN[outcome.code]


def test_the_page_is_the_table_of_these_outcomes() -> None:
    rows = [f"| {o.code} | {o.means} | {o.child} | {o.before} | {' | '.join(SEEN[o.code])} |\n" for o in OUTCOMES]
    assert PAGE.read_text(encoding="utf-8") == HEAD + "".join(rows)


def test_the_id_of_a_role_profile_does_not_pass_for_that_of_the_user(service: tuple[ServiceHost, str]) -> None:
    request = edited(soap_request(), 'extension="999900000001"', "")
    assert b'extension="999900000002"' in request.body
    headers = {"Content-Type": "text/xml", "SOAPAction": f'"{QUERY_ACTION}"'}
    reply = post(f"{service[1]}/sync-service", request.body, headers=headers, within=10)
    assert reply.body.count(b"Mandatory data missing: authorID") == 1
