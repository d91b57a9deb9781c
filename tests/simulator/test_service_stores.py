"""The service on each kind of store: the three flows, and several workers on one store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.driving import ChangePeople, Explain, PdsChange, ServiceClock
from cpis_simulator.model import AnswerMessage, NoRecord
from tests.simulator.node_examples import drop, make_node, running, wait_for_responses
from tests.simulator.service_examples import (
    ALPHA,
    BRAVO,
    REPLACEMENT,
    Z98,
    child,
    nurse,
    plan,
    query,
    record,
    settings,
    upload,
)
from tests.simulator.stores import KINDS, store_url

LOOKUPS = 40


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with store_url(request.param, tmp_path) as address:
        yield address


def test_a_file_is_stored_acknowledged_found_and_notified(url, tmp_path):
    with running(tmp_path, store=url) as node:
        unknown = record(subjects=[child(BRAVO, "Bravo", born="2012-09-20")])
        drop(tmp_path, upload(record(plan(), plan(start="2025-12-01", end="2026-01-02")), unknown))
        (name,) = wait_for_responses(tmp_path, 1)
        answer = decode_acknowledgement((tmp_path / "drop/Z99/response" / name).read_bytes())
        assert (answer.file_codes[0].code, answer.stored, answer.failed) == ("CPF03", 1, 1)
        reply = node.answer(query())
        assert isinstance(reply, AnswerMessage) and len(reply.answer.records[0].record.plans) == 2
        (told,) = [n for n in wait_for_responses(tmp_path, 2) if n.startswith("CPIS_ASN_")]
        assert decode_access_notification((tmp_path / "drop/Z99/response" / told).read_bytes()).total == 1
        assert node.explain(Explain(nhs_number=ALPHA)).is_found


def test_what_falls_due_happens_on_a_leap(url, tmp_path):
    with running(tmp_path, settings(notify={"cadence": "window"}), store=url) as node:
        node.set_clock(ServiceClock(instant=datetime(2026, 1, 6, 10, tzinfo=UTC)))
        drop(tmp_path)
        wait_for_responses(tmp_path, 1)
        node.answer(query(at=node.now()))
        at = node.now() + timedelta(hours=30)
        merge = PdsChange(kind="merge", nhs_number=ALPHA, replaced_by=REPLACEMENT, at=at)
        node.change_people(ChangePeople(changes=[merge]))
        node.set_clock(ServiceClock(advance_s=31 * 3600))
        told = wait_for_responses(tmp_path, 3)
        assert [name[:9] for name in told] == ["CPIS_ASN_", "CPIS_INN_", "up42_RESP"]
        assert isinstance(node.answer(query(event=2, at=node.now())), NoRecord)


def test_workers_that_share_a_store_lose_no_access_and_no_notification(url, tmp_path):
    """Two authorities share the child; four workers answer at once, one of them serves the folders."""
    with running(tmp_path, store=url) as first:
        drop(tmp_path)
        drop(tmp_path, upload(file_id="7", sender=Z98.organisation()), ods="Z98")
        wait_for_responses(tmp_path, 1)
        wait_for_responses(tmp_path, 1, ods="Z98")
        others = [make_node(tmp_path, store=url, serves_folders=False) for _ in range(3)]

        def look(number: int) -> None:
            for event in range(number, LOOKUPS, 4):
                message = query(event=event, author=nurse(f"user{event}"), at=first.now())
                [first, *others][number].answer(message)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(look, range(4)))
        told = {}
        for ods in ("Z99", "Z98"):
            wait_for_responses(tmp_path, LOOKUPS + 1, ods=ods)
            folder = tmp_path / "drop" / ods / "response"
            batches = [decode_access_notification(p.read_bytes()) for p in folder.glob("CPIS_ASN_*")]
            told[ods] = sorted(a.event_id for b in batches for g in b.groups for a in g.accesses)
        last = first.answer(query(event=LOOKUPS, author=nurse("last"), at=first.now()))
        for other in others:
            other.stop()
    events = [query(event=event).query.event_id for event in range(LOOKUPS)]
    assert told == {"Z99": events, "Z98": events}
    assert isinstance(last, AnswerMessage) and last.answer.total_accesses == 25
