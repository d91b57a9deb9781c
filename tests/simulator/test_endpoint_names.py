"""A client whose certificate has another name than the party it speaks for gets no further."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cpis_simulator.apps.endpoint import LookUpEndpoint
from cpis_simulator.apps.identity import new_id, utc_now
from cpis_simulator.model import QueryMessage, Reply
from cpis_simulator.settings import Settings
from cpis_simulator.store.journal import Journal
from cpis_simulator.transport.certificates import make_certificates
from cpis_simulator.transport.http_client import HttpReply, post
from cpis_simulator.transport.http_connection import TLS_PEER
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.transport.tls import ClientTls, ServerTls, client_context, is_named


class Untouched:
    """The service behind, which a refused client must not reach."""

    def answer(self, message: QueryMessage) -> Reply:
        raise AssertionError("the service was asked")


def of_care(environ: Mapping[str, Any]) -> str | None:
    """A check as the directory will give one: the only party is care.example.test."""
    certificate = environ[TLS_PEER].certificate
    if is_named(certificate, "care.example.test"):
        return None
    return f"The certificate is of {', '.join(certificate.names)}, the party's name is care.example.test"


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return make_certificates(tmp_path_factory.mktemp("certs"), now=datetime.now(UTC))


def ask(certs: Mapping[str, Path], client: str, journal: Journal | None = None) -> HttpReply:
    endpoint = LookUpEndpoint(Untouched(), Settings(), journal, now=utc_now, ids=new_id, name_check=of_care)
    tls = ServerTls(certs["server"], certs["server"].with_suffix(".key"), certs["ca"])
    context = client_context(ClientTls(certs[client], certs[client].with_suffix(".key"), certs["ca"]))
    with HttpServer(endpoint, tls=tls) as server:
        return post(server.url, b"<any/>", headers={}, within=5, tls=context)


def test_a_certificate_of_another_name_is_refused_403_with_the_log_line(
    certs: Mapping[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path)
    reply = ask(certs, "care-wrong-name", journal)
    assert reply.status == 403
    assert b"The certificate is of elsewhere.example.test, the party's name is care.example.test" in reply.body
    assert "event=client_refused peer=127.0.0.1" in caplog.text
    request, response = journal.records()
    assert request.headers["client-names"] == "elsewhere.example.test"
    assert response.headers["status"] == "403"


def test_a_certificate_of_the_right_name_gets_further(certs: Mapping[str, Path]) -> None:
    assert b"SOAPAction" in ask(certs, "care").body
