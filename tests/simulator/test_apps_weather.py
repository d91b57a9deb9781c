"""Bad weather on real connections: what a client sees, and what the service remembers of it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.apps.service_host import Places, ServiceHost
from cpis_simulator.care.client import Sender
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import Explain, LookUpReference, Nothing, PartyEntry, PutParties, Script, Turn
from cpis_simulator.evidence import LOOKUP
from cpis_simulator.settings import Profile, Settings
from cpis_simulator.spine.weather import KINDS
from cpis_simulator.store.journal import Journal
from cpis_simulator.transport.http_server import HttpServer
from tests.simulator.lookup_examples import CHILD, looked_up
from tests.simulator.node_examples import wait_for
from tests.simulator.service_examples import upload
from tests.simulator.spine_examples import request

PARTY = "RX0-0000009"


@dataclass
class Live:
    """A service and its clients, on ports of this machine."""

    host: ServiceHost
    ready: dict[str, Any]
    clients: dict[str, CareHost]
    journal: Journal

    def script(self, *turns: Turn) -> None:
        self.host.node.script(Script(turns=list(turns)))

    def facts(self, since: int) -> list[dict[str, str]]:
        """Headers of the records of lookups that began after a moment; earlier ones may still have tries to make."""
        records = [r.headers for r in self.journal.records() if r.channel == LOOKUP and r.seq > since]
        begun = {r["exchange"] for r in records if r["phase"] == "request"}
        return [dict(r) for r in records if r["exchange"] in begun]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("weather")
    # A minute between tries is a tenth of a second here.
    settings = Settings.model_validate(
        {"transport": {"time_scale": 600, "reply_delay": 0, "reply_timeout": 5}, "pds": {"unknown": "learn"}}
    )
    host = ServiceHost(
        settings, DEFAULT_AUTHORITIES, Places(folder / "drop", f"sqlite:///{folder}/w.db", folder / "evidence")
    )
    file = folder / "upload.xml"
    file.write_bytes(encode_upload(upload()))
    host.load_upload(file)
    ready = host.serve()
    parts: list[HttpServer] = []
    clients: dict[str, CareHost] = {}
    entries = []
    profiles: tuple[Profile, ...] = ("sync", "express", "reliable")
    for number, profile in enumerate(profiles):
        key = f"{PARTY}{number}"
        client = CareHost(str(ready["url"]), 2.0, sender=Sender(key, profile=profile), time_scale=600)
        inbox = HttpServer(client.inbox, threads=4).start()
        parts.append(inbox)
        clients[profile] = client
        reply = "reliable" if profile == "reliable" else "express"
        entries.append(PartyEntry(key=key, ods="ZZ9", endpoint=f"{inbox.url}/in", profile=reply))
    host.node.put_parties(PutParties(parties=entries))
    yield Live(host, ready, clients, Journal(folder / "evidence"))
    for client in clients.values():
        client.stop()
    for part in parts:
        part.stop()
    host.stop()


RELIABLE_ENDS = {
    **dict.fromkeys(KINDS, "found"),
    # Not worth another try, or nothing to try again for.
    **dict.fromkeys(
        ("fault-101", "fault-201", "fault-300", "message-error", "delivery-failure", "status-413", "no-reply"),
        "unknown",
    ),
    # The reply's own bytes are wrong, at every try.
    **dict.fromkeys(("wrong-reference", "broken-reply"), "unknown"),
}
SWAPPED = "swapped-replies"


@pytest.mark.parametrize("kind", [k for k in KINDS if k != SWAPPED])
def test_a_reliable_client_gets_over_what_can_be_got_over(live: Live, kind: str) -> None:
    since = live.journal.last_seq()
    live.script(Turn(weather=kind))
    result = live.clients["reliable"].look_up(looked_up())
    assert result.status == RELIABLE_ENDS[kind], result.text
    marked = [f.get("weather") for f in live.facts(since)]
    assert kind in marked


@pytest.mark.parametrize("profile", ["sync", "express"])
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("fault-200", "unknown"),
        ("status-503", "unknown"),
        ("late-acknowledgement", "found"),
        ("slow-acknowledgement", "found"),
        ("slow-reply", "found"),
        ("late-reply", "found"),
        ("duplicate-reply", "found"),
        ("lost-request", "found"),
        ("lost-acknowledgement", "found"),
        ("wrong-reference", "unknown"),
        ("broken-reply", "unknown"),
    ],
)
def test_other_clients_show_an_answer_or_that_there_is_none(live: Live, profile: str, kind: str, status: str) -> None:
    live.script(Turn(weather=kind))
    result = live.clients[profile].look_up(looked_up())
    assert result.status == status, result.text


@pytest.mark.parametrize("profile", ["sync", "express", "reliable"])
def test_a_lookup_whose_answer_was_lost_is_recorded_once(live: Live, profile: str) -> None:
    live.script(Turn(weather="lost-acknowledgement"))
    result = live.clients[profile].look_up(looked_up())
    held = live.host.node.explain(Explain(nhs_number=CHILD))
    assert sum(access.event_id == result.event_id for access in held.accesses) == 1


def test_the_second_reply_overtakes_the_first(live: Live) -> None:
    client = live.clients["reliable"]
    live.script(Turn(weather=SWAPPED), Turn())
    since = live.journal.last_seq()
    first, second = (client.begin_look_up(looked_up()).lookup_id for _ in range(2))
    shown = {r: LookUpReference(lookup_id=r) for r in (first, second)}
    wait_for(
        lambda: all(client.shown(r).status == "found" for r in shown.values()),
        lambda: [client.shown(r).status for r in shown.values()],
    )
    replies = [f["ref-to"] for f in live.facts(since) if f["phase"] == "reply"]
    # Which of the two came in first is for the network to say; one of them had to wait for the other.
    assert sorted(replies) == sorted((first, second))
    held = next(f for f in live.facts(since) if f["phase"] == "reply" and f.get("weather") == SWAPPED)
    assert replies.index(held["ref-to"]) == 1


def test_a_lookup_does_not_keep_its_user_waiting(live: Live) -> None:
    client = live.clients["reliable"]
    live.script(Turn(reply_delay_s=1.2))
    begun = time.monotonic()
    reference = client.begin_look_up(looked_up())
    assert client.shown(reference).status == "pending"
    assert time.monotonic() - begun < 1.0
    wait_for(lambda: client.shown(reference).status == "found", lambda: client.shown(reference))


def test_a_client_that_stops_does_not_wait_for_its_next_try(live: Live) -> None:
    before = set(threading.enumerate())
    live.script(Turn(weather="fault-206"))
    client = CareHost(live.ready["url"], 60.0, sender=Sender(PARTY, profile="reliable"))
    reference = client.begin_look_up(looked_up())
    assert client.shown(reference).status == "pending"
    client.stop()
    senders = [t for t in set(threading.enumerate()) - before if t.name.startswith("lookup")]
    for sender in senders:
        sender.join(5)
    assert [t.name for t in senders if t.is_alive()] == []


def test_both_legs_of_a_lookup_are_evidence_of_one_exchange(live: Live) -> None:
    since = live.journal.last_seq()
    live.clients["reliable"].look_up(looked_up())
    wait_for(lambda: len(live.facts(since)) == 4, lambda: live.facts(since))
    facts = live.facts(since)
    assert [f["phase"] for f in facts] == ["request", "response", "reply", "reply-answer"]
    assert len({f["exchange"] for f in facts}) == 1
    assert (facts[1]["status"], facts[3]["status"], facts[3]["outcome"]) == ("202", "202", "acknowledged")
    assert not any("weather" in f for f in facts)


def test_a_reply_that_nobody_takes_is_given_up_and_says_so(live: Live) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    entry = PartyEntry(key="RX0-NOBODY", ods="ZZ9", endpoint=f"http://127.0.0.1:{port}/", profile="reliable")
    live.host.node.put_parties(PutParties(parties=[entry]))
    since = live.journal.last_seq()
    asked = request("reliable")
    body = asked.body.replace(b">RX0-0000001<", b">RX0-NOBODY<")
    status, _ = post(live, body, asked.content_type, str(asked.soap_action))
    assert status == 202
    wait_for(lambda: [f for f in live.facts(since) if f["phase"] == "given-up"], lambda: live.facts(since))
    phases = [f["phase"] for f in live.facts(since)]
    assert phases == ["request", "response", *["reply", "reply-answer"] * 3, "given-up"]
    (left,) = [r for r in live.host.node.replies(Nothing()).replies if r.party == "RX0-NOBODY"]
    assert (left.standing, left.tries) == ("failed", 3)
    assert "No connection" in left.reason


def post(live: Live, body: bytes, content_type: str, soap_action: str) -> tuple[int, bytes]:
    parts = urlsplit(live.ready["url"])
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    try:
        connection.request("POST", "/x", body, {"Content-Type": content_type, "SOAPAction": soap_action})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("lost-request", http.client.RemoteDisconnected),
        ("lost-acknowledgement", http.client.RemoteDisconnected),
        ("cut-acknowledgement", http.client.IncompleteRead),
        ("reset-acknowledgement", ConnectionResetError),
    ],
)
def test_a_broken_connection_looks_broken_to_the_client(live: Live, kind: str, error: type[Exception]) -> None:
    asked = request("sync")
    live.script(Turn(weather=kind))
    with pytest.raises(error):
        post(live, asked.body, asked.content_type, str(asked.soap_action))
    assert post(live, asked.body, asked.content_type, str(asked.soap_action))[0] == 200


class Reading:
    """A client's port that reads one request and tells how it ended."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        self.read = b""
        self.end = ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            try:
                while piece := connection.recv(65536):
                    self.read += piece
                self.end = "ended"
            except ConnectionResetError:
                self.end = "reset"

    def wait(self) -> str:
        self._thread.join(timeout=10)
        self._server.close()
        return self.end


@pytest.mark.parametrize(("kind", "end"), [("cut-reply", "ended"), ("reset-reply", "reset")])
def test_a_reply_breaks_off_after_as_many_bytes_as_the_turn_says(live: Live, kind: str, end: str) -> None:
    reading = Reading()
    live.host.node.put_parties(PutParties(parties=[PartyEntry(key="RX0-READER", ods="ZZ9", endpoint=reading.url)]))
    live.script(Turn(weather=kind, after_bytes=33))
    asked = request("express")
    body = asked.body.replace(b">RX0-0000001<", b">RX0-READER<")
    post(live, body, asked.content_type, str(asked.soap_action))
    assert reading.wait() == end
    if end == "ended":
        head, _, rest = reading.read.partition(b"\r\n\r\n")
        assert len(rest) == 33
        assert b"Content-Length: " in head


def test_an_unknown_kind_of_weather_is_refused_by_name(live: Live) -> None:
    with pytest.raises(Exception, match="No such kind of weather"):
        live.script(Turn(weather="hail"))


def test_a_party_on_another_machine_is_refused(live: Live, tmp_path: Path) -> None:
    entry = PartyEntry(key="RX0-ELSEWHERE", ods="ZZ9", endpoint="http://192.0.2.1/")
    with pytest.raises(Exception, match="another machine"):
        live.host.node.put_parties(PutParties(parties=[entry]))
    assert "RX0-ELSEWHERE" not in [p.key for p in live.host.node.parties(Nothing()).parties]
