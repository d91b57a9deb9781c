"""Killed at whatever moment, the service stores each upload once and answers it once.

The named moments are in `tests/simulator/test_crash.py`; here the process is killed at random ones, most of them
between the pick-up of an upload and the delivery of its answer.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import Explain
from cpis_simulator.evidence import FILE_DROP, Record, read_journal
from cpis_simulator.model import PlanRecord, Upload
from cpis_simulator.transport.http_client import DriverClient

KILLS: Final = 20
RECORDS: Final = 600
MEASURED: Final = 4
"""Uploads that nobody disturbs, to learn how long one takes."""

pytestmark = pytest.mark.skipif(not hasattr(os, "kill"), reason="a process is killed as POSIX does it")


def wait_until(is_true: Callable[[], object], seen: Callable[[], object], within: float = 20.0) -> float:
    """Wait with a deadline; when it came true, or a failure that says what was seen instead."""
    deadline = time.monotonic() + within
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s; seen instead: {seen()}")
        time.sleep(0.0005)
    return time.monotonic()


@dataclass
class Service:
    """The mock Spine on one store, one drop root and one evidence folder, however often it is started."""

    folder: Path
    process: Process | None = None
    dropped: dict[str, Upload] = field(default_factory=dict)

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"

    def start(self) -> None:
        arguments = ["serve", "--no-tls", "--drop", str(self.folder / "drop"), "--evidence", str(self.evidence)]
        arguments += ["--store", str(self.folder / "service.sqlite")]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CPIS_"))}
        self.process = Process("service", arguments, log=self.folder / "service.log", environment=environment)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def drop(self, upload: Upload) -> str:
        """Put a file into the upload folder as a careful writer does; its name without suffix."""
        stem = f"CPIS_Z99_{upload.file_id}"
        half = self.folder / f"{stem}.part"
        half.write_bytes(encode_upload(upload))
        half.rename(self.folder / "drop/Z99/upload" / f"{stem}.xml")
        self.dropped[stem] = upload
        return stem

    def claimed(self, stem: str) -> bool:
        """The file was picked up, and is not finished."""
        return any((self.folder / "drop/.service/claims/Z99").glob(f"*/{stem}.xml"))

    def answers(self, stem: str) -> list[Path]:
        return list((self.folder / "drop/Z99/response").glob(f"{stem}_RESP_*.xml"))

    def is_between(self, stem: str) -> bool:
        """It was picked up and not answered."""
        waiting = (self.folder / "drop/Z99/upload" / f"{stem}.xml").exists()
        return not waiting and not self.answers(stem)


@dataclass(frozen=True)
class Story:
    """What came of it."""

    service: Service
    between: int
    records: list[Record]
    problems: list[str]


def _uploads() -> Iterator[Upload]:
    """Uploads of people of their own each."""
    count = KILLS + MEASURED
    whole = made_up_upload(
        count * RECORDS, seed=17, day=datetime.now(UTC).date(), authority=DEFAULT_AUTHORITIES[0], file_id="0"
    )
    for number in range(count):
        records = whole.records[number * RECORDS : (number + 1) * RECORDS]
        yield replace(whole, file_id=str(1000 + number), quantity=RECORDS, records=records)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Twenty uploads, during each of which the service is killed, and started again."""
    rng = random.Random(20260105)
    service = Service(tmp_path_factory.mktemp("killed"))
    uploads = _uploads()
    service.start()
    try:
        times = [_undisturbed(service, next(uploads)) for _ in range(MEASURED)]
        lead, window = (statistics.median(column) for column in zip(*times, strict=True))
        between = 0
        for number, upload in enumerate(uploads):
            stem = service.drop(upload)
            if number % 4:
                wait_until(lambda s=stem: service.claimed(s) or service.answers(s), lambda: "it was not picked up")
                time.sleep(rng.uniform(0, window))  # The moment of the kill, not a wait for something.
            else:
                time.sleep(rng.uniform(0, 1.5 * (lead + window)))
            service.kill()
            if service.is_between(stem):
                between += 1
            elif number % 4:
                window *= 0.7  # The machine is faster now than when it was measured.
            service.start()
        for stem in service.dropped:
            wait_until(lambda s=stem: service.answers(s), lambda s=stem: f"no answer to {s}")
            wait_until(lambda s=stem: not service.claimed(s), lambda s=stem: f"{s} is still claimed")
        lines = (service.evidence / "evidence.jsonl").read_bytes().splitlines(keepends=True)
        yield Story(service, between, *read_journal(lines))
    finally:
        service.stop()


def _undisturbed(service: Service, upload: Upload) -> tuple[float, float]:
    """Seconds from the drop to the pick-up, and from there to the answer."""
    began = time.monotonic()
    stem = service.drop(upload)
    picked_up = wait_until(lambda: service.claimed(stem) or service.answers(stem), lambda: "it was not picked up")
    answered = wait_until(lambda: service.answers(stem), lambda: "it was not answered")
    return picked_up - began, answered - picked_up


def test_at_least_half_of_the_kills_fell_between_pick_up_and_delivery(story: Story) -> None:
    assert len(story.service.dropped) == KILLS + MEASURED
    assert story.between >= KILLS / 2
    print(f"{story.between} of {KILLS} kills between pick-up and delivery")


def test_each_upload_has_one_response_file_that_says_that_all_was_stored(story: Story) -> None:
    for stem, upload in story.service.dropped.items():
        (answer,) = story.service.answers(stem)
        told = decode_acknowledgement(answer.read_bytes())
        assert (told.file_id, told.stored, told.failed) == (upload.file_id, RECORDS, 0)
        assert [code.code for code in told.file_codes] == ["CPF02"]
    names = os.listdir(story.service.folder / "drop/Z99/response")
    assert len(names) == KILLS + MEASURED


@pytest.mark.parametrize("direction", ["upload", "response"])
def test_each_upload_and_each_answer_is_once_in_the_evidence(direction: str, story: Story) -> None:
    crossed = [r for r in story.records if r.channel == FILE_DROP and r.headers["direction"] == direction]
    times = Counter(r.headers["name"].removesuffix(".xml").partition("_RESP_")[0] for r in crossed)
    assert times == dict.fromkeys(story.service.dropped, 1)
    assert len({r.headers["delivery"] for r in crossed}) == len(crossed)


def test_the_evidence_of_an_answer_has_the_bytes_that_were_delivered(story: Story) -> None:
    bodies = story.service.evidence / "bodies"
    for record in story.records:
        if record.channel == FILE_DROP and record.headers["direction"] == "response":
            delivered = story.service.folder / "drop/Z99/response" / record.headers["name"]
            assert (bodies / str(record.sha256)).read_bytes() == delivered.read_bytes()


def test_the_chain_of_the_evidence_is_whole(story: Story) -> None:
    assert story.problems == []
    assert [record.seq for record in story.records] == list(range(1, len(story.records) + 1))


def test_what_was_uploaded_is_held_once(story: Story) -> None:
    process = story.service.process
    assert process is not None
    client = DriverClient(str(process.ready["control_url"]), token=str(process.ready["control_token"]))
    rng = random.Random(3)
    for upload in story.service.dropped.values():
        for record in rng.sample(upload.records, 4):
            assert isinstance(record, PlanRecord)
            number = record.subjects[0].nhs_number
            held = client.call("explain", Explain(nhs_number=number), within=10).body
            assert held is not None
            (entry,) = held["records"]
            assert sorted(p["start"] for p in entry["plans"]) == sorted(p.start.isoformat() for p in record.plans)


def test_nothing_is_left_lying_about(story: Story) -> None:
    drop = story.service.folder / "drop"
    assert os.listdir(drop / "Z99/upload") == []
    assert os.listdir(drop / ".service/outbox") == []
    wait_until(lambda: not os.listdir(drop / ".service/claims/Z99"), lambda: os.listdir(drop / ".service/claims/Z99"))
    assert sorted(os.listdir(drop / "Z99/archive")) == sorted(f"{stem}.xml" for stem in story.service.dropped)
