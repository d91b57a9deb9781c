"""A client whose certificate has another name than the party it speaks for gets no further, where that is wanted."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.apps.service_host import Places, ServiceHost
from cpis_simulator.care.client import Sender
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import PartyEntry, PutParties
from cpis_simulator.evidence import LOOKUP
from cpis_simulator.settings import Profile, Settings
from cpis_simulator.store.journal import Journal
from cpis_simulator.transport.certificates import make_certificates
from cpis_simulator.transport.http_client import HttpReply, post
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.transport.tls import ClientTls, ServerTls, client_context
from tests.simulator.lookup_examples import looked_up
from tests.simulator.node_examples import wait_for
from tests.simulator.spine_examples import request


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return make_certificates(tmp_path_factory.mktemp("certs"), now=datetime.now(UTC))


def server_tls(certs: Mapping[str, Path], name: str) -> ServerTls:
    return ServerTls(certs[name], certs[name].with_suffix(".key"), certs["ca"])


def client_tls(certs: Mapping[str, Path], name: str) -> ClientTls:
    return ClientTls(certs[name], certs[name].with_suffix(".key"), certs["ca"])


@pytest.fixture
def host(certs: Mapping[str, Path], tmp_path: Path) -> Iterator[ServiceHost]:
    places = Places(
        tmp_path / "drop", f"sqlite:///{tmp_path}/w.db", tmp_path / "evidence", tls=server_tls(certs, "server")
    )
    settings = Settings.model_validate({"transport": {"certificate_name": "party", "reply_delay": 0}})
    host = ServiceHost(settings, DEFAULT_AUTHORITIES, places)
    host.serve()
    yield host
    host.stop()


def ask(host: ServiceHost, certs: Mapping[str, Path], client: str, profile: str) -> HttpReply:
    asked = request(profile)
    headers = {"Content-Type": asked.content_type, "SOAPAction": str(asked.soap_action)}
    tls = client_context(client_tls(certs, client))
    return post(f"{host.url}/x", asked.body, headers=headers, within=5, tls=tls)


@pytest.mark.parametrize("profile", ["reliable", "express", "sync"])
def test_a_certificate_of_another_name_is_refused_403_with_the_log_line(
    host: ServiceHost, certs: Mapping[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, profile: str
) -> None:
    reply = ask(host, certs, "care-wrong-name", profile)
    assert reply.status == 403
    said = "The certificate is of elsewhere.example.test, the name of party RX0-0000001 is care.example.test"
    assert said.encode() in reply.body
    assert f"client refused: {said}" in caplog.text
    kept, response = [r for r in Journal(tmp_path / "evidence").records() if r.channel == LOOKUP]
    assert kept.headers["client-names"] == "elsewhere.example.test"
    assert response.headers["status"] == "403"


@pytest.mark.parametrize(("profile", "status"), [("reliable", 202), ("express", 202), ("sync", 200)])
def test_a_certificate_of_the_right_name_gets_further(
    host: ServiceHost, certs: Mapping[str, Path], profile: str, status: int
) -> None:
    assert ask(host, certs, "care", profile).status == status


def test_the_name_is_not_looked_at_unless_that_is_wanted(certs: Mapping[str, Path], tmp_path: Path) -> None:
    places = Places(tmp_path / "drop", f"sqlite:///{tmp_path}/w.db", tls=server_tls(certs, "server"))
    host = ServiceHost(Settings(), DEFAULT_AUTHORITIES, places)
    try:
        host.serve()
        assert ask(host, certs, "care-wrong-name", "sync").status == 200
    finally:
        host.stop()


def reply_of(
    host: ServiceHost, certs: Mapping[str, Path], inbox: str, profile: Profile = "reliable", timeout_s: float = 5.0
) -> str:
    """How a lookup ends whose client takes replies with that certificate."""
    client = CareHost(host.url, timeout_s, tls=client_tls(certs, "care"), sender=Sender(profile=profile))
    with HttpServer(client.inbox, tls=server_tls(certs, inbox), threads=2) as server:
        entry = PartyEntry(key="RX0-0000001", ods="ZZ9", endpoint=server.url + "/in", fqdn="care.example.test")
        host.node.put_parties(PutParties(parties=[entry]))
        try:
            return client.look_up(looked_up()).status
        finally:
            client.stop()


@pytest.mark.parametrize("profile", ["reliable", "express"])
def test_a_reply_goes_over_mutual_tls_to_whoever_has_the_partys_name(
    host: ServiceHost, certs: Mapping[str, Path], profile: Profile
) -> None:
    assert reply_of(host, certs, "care", profile) == "no-record"


@pytest.mark.parametrize("inbox", ["care-wrong-name", "care-expired", "care-wrong-ca"])
def test_a_reply_does_not_go_to_a_client_that_is_not_the_party(
    host: ServiceHost, certs: Mapping[str, Path], tmp_path: Path, inbox: str
) -> None:
    assert reply_of(host, certs, inbox, timeout_s=0.5) == "unknown"

    def facts() -> list[Mapping[str, str]]:
        records = Journal(tmp_path / "evidence").records()
        return [r.headers for r in records if r.channel == LOOKUP and r.headers["phase"] == "reply-answer"]

    wait_for(facts, facts)
    assert (facts()[-1]["status"], "TLS" in facts()[-1]["reason"]) == ("none", True)
