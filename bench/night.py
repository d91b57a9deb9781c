"""A night of all authorities: 152 of them upload while eight clients look children up, and every total is checked.

The clock of the service goes from ten in the evening to six in the morning, an hour for each eighth of the authorities.
One child in five is shared by two of them. What each answer names is what its authorities must be told, each once and
nobody else; it is looked for in the files that were delivered. On SQLite, and on the PostgreSQL server that
`CPIS_POSTGRES_URL` names.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from bench.measuring import percentile, table
from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_records
from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.codecs.access_notification import decode_access_notification
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.driving import LookUp, LookUpResult, ServiceClock
from cpis_simulator.model import PlanRecord, Upload
from cpis_simulator.transport.http_client import DriverClient

AUTHORITIES: Final = 152
RECORDS: Final = 40
SHARED: Final = 5
"""One child in so many is in the file of the next authority, too."""

CLIENTS: Final = 8
PAUSE_S: Final = 0.05
HOURS: Final = 8
DAY: Final = date(2026, 1, 5)
EVENING: Final = datetime(2026, 1, 5, 22, tzinfo=UTC)
ANSWER_S: Final = 300.0


@dataclass(slots=True)
class Country:
    """Authorities, what each shares, and who shares each child."""

    authorities: list[RegisteredAuthority]
    uploads: dict[str, Upload]
    owners: dict[str, set[str]]


@dataclass(slots=True)
class Seen:
    """What the clients saw: milliseconds of each lookup, and for each that found something whom it must be told to."""

    ms: list[float] = field(default_factory=list)
    told_to: dict[str, set[str]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)


def measured() -> str:
    """Each store in turn."""
    country = _country()
    rows = [_night(country, "SQLite, 1 process", None, 1), _night(country, "SQLite, 2 processes", None, 2)]
    server = os.environ.get("CPIS_POSTGRES_URL")
    if server:
        with _schema(server) as url:
            rows.append(_night(country, "PostgreSQL, 2 processes", url, 2))
    title = (
        f"{AUTHORITIES} authorities upload {RECORDS} to {RECORDS + RECORDS // SHARED} records each, {CLIENTS} clients"
    )
    head = (
        "store",
        "night s",
        "records stored",
        "lookups",
        "found",
        "p50 ms",
        "p99 ms",
        "told",
        "lost",
        "twice",
        "strange",
    )
    note = "" if server else "\n\nPostgreSQL: not measured, because CPIS_POSTGRES_URL names no server (.ci/postgres)"
    return table(title, head, rows) + note


def _country() -> Country:
    codes = [f"{'BCDE'[n // 50]}{n % 50:02}" for n in range(AUTHORITIES)]
    authorities = [
        RegisteredAuthority(code, f"BENCH {code} TEST COUNCIL", "tel:01632960001", "tel:01632960002") for code in codes
    ]
    open_records = (
        record
        for record in made_up_records(4 * AUTHORITIES * RECORDS, seed=1, day=DAY, authority=authorities[0])
        if all(plan.end is None and plan.delete is None for plan in record.plans)
    )
    files: dict[str, list[PlanRecord]] = {code: list(islice(open_records, RECORDS)) for code in codes}
    for place, code in enumerate(codes):
        files[codes[(place + 1) % AUTHORITIES]] += files[code][:RECORDS:SHARED]
    owners: dict[str, set[str]] = {}
    for code, records in files.items():
        for record in records:
            owners.setdefault(record.subjects[0].nhs_number, set()).add(code)
    uploads = {
        a.ods_code: Upload(EVENING, "1", len(files[a.ods_code]), a.organisation(), tuple(files[a.ods_code]))
        for a in authorities
    }
    return Country(authorities, uploads, owners)


def _night(country: Country, name: str, store: str | None, workers: int) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="cpis-bench-") as temporary:
        folder = Path(temporary)
        (folder / "cpis.toml").write_text(_config(country), encoding="utf-8")
        arguments = ["serve", "--no-tls", "--config", str(folder / "cpis.toml"), "--drop", str(folder / "drop")]
        arguments += ["--store", store or str(folder / "service.sqlite"), "--workers", str(workers)]
        process = Process("service", arguments, log=folder / "service.log")
        try:
            return _measure(country, name, folder, process.ready)
        finally:
            process.stop()


def _measure(country: Country, name: str, folder: Path, ready: dict[str, object]) -> tuple[str, ...]:
    control = DriverClient(str(ready["control_url"]), token=str(ready["control_token"]))
    _move(control, ServiceClock(instant=EVENING))
    seen, over = Seen(), threading.Event()
    lock = threading.Lock()
    clients = [
        threading.Thread(target=_look, args=(country, str(ready["url"]), number, seen, lock, over))
        for number in range(CLIENTS)
    ]
    began = time.perf_counter()
    for client in clients:
        client.start()
    stored = 0
    codes = list(country.uploads)
    try:
        for hour in range(HOURS):
            stored += sum(_upload(country, folder, codes[hour::HOURS]))
            _move(control, ServiceClock(advance_s=3600))
        taken = time.perf_counter() - began
    finally:
        over.set()
        for client in clients:
            client.join()
    told = _told(folder, seen)
    lost, twice, strange = _compare(seen, told)
    return (
        name, f"{taken:.1f}", str(stored), str(len(seen.ms)), str(len(seen.told_to)),
        f"{percentile(seen.ms, 0.5):.1f}", f"{percentile(seen.ms, 0.99):.1f}",
        str(told.total()), str(lost), str(twice), str(strange),
    )  # fmt: skip


def _config(country: Country) -> str:
    tables = [
        f'[[authority]]\nods = "{a.ods_code}"\nname = "{a.name}"\ntelephone_office = "{a.telephone_office}"\n'
        f'telephone_emergency = "{a.telephone_emergency}"\n'
        for a in country.authorities
    ]
    return "".join(tables) + '[settings.pds]\nunknown = "learn"\n'


def _move(control: DriverClient, to: ServiceClock) -> None:
    if (answer := control.call("set-clock", to, within=ANSWER_S)).status != "answered":
        raise SystemExit(f"bench: the clock does not move: {answer.reason}")


def _upload(country: Country, folder: Path, codes: Sequence[str]) -> list[int]:
    """Drop the files of some authorities and wait for their acknowledgements; how many records each had stored."""
    for code in codes:
        half = folder / f"{code}.part"
        half.write_bytes(encode_upload(country.uploads[code]))
        os.replace(half, folder / "drop" / code / "upload" / "night.xml")
    return [_stored(folder / "drop" / code / "response", len(country.uploads[code].records)) for code in codes]


def _stored(folder: Path, records: int) -> int:
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        for file in folder.glob("night_RESP_*.xml"):
            answer = decode_acknowledgement(file.read_bytes())
            if (answer.file_codes[0].code, answer.stored) != ("CPF02", records):
                raise SystemExit(f"bench: {folder}: {answer.file_codes[0].code}, {answer.stored} of {records} stored")
            return answer.stored
        time.sleep(0.02)
    raise SystemExit(f"bench: no acknowledgement in {folder} within {ANSWER_S:g} s")


def _look(country: Country, url: str, number: int, seen: Seen, lock: threading.Lock, over: threading.Event) -> None:
    """One client: a child at random, again and again."""
    rng, care = random.Random(number), CareHost(url, ANSWER_S)
    children = sorted(country.owners)
    author = care_setting("emergency department").author()
    names = {a.name: a.ods_code for a in country.authorities}
    while not over.is_set():
        child = rng.choice(children)
        began = time.perf_counter()
        result = care.look_up(LookUp(nhs_number=child, author=author))
        taken = (time.perf_counter() - began) * 1000
        with lock:
            seen.ms.append(taken)
            _note(result, {names.get(plan.authority, "?") for plan in result.plans}, country.owners[child], seen)
        over.wait(PAUSE_S)


def _note(result: LookUpResult, shown: set[str], owners: set[str], seen: Seen) -> None:
    if result.status == "found" and result.event_id and shown <= owners:
        seen.told_to[result.event_id] = shown
    elif result.status != "no-record":
        seen.strange.append(f"{result.status}: {sorted(shown)} of {sorted(owners)}, {result.text[:80]}")


def _told(folder: Path, seen: Seen) -> Counter[tuple[str, str]]:
    """Authority and event of each access that was told, once as many have come as are expected, or time is up."""
    expected = sum(len(authorities) for authorities in seen.told_to.values())
    deadline = time.monotonic() + ANSWER_S
    while sum(1 for _ in _notifications(folder)) < expected and time.monotonic() < deadline:
        time.sleep(0.1)
    told: Counter[tuple[str, str]] = Counter()
    for code, file in _notifications(folder):
        notification = decode_access_notification(file.read_bytes())
        recipient = notification.recipient.ods_code
        told.update((code if code == recipient else "?", a.event_id) for g in notification.groups for a in g.accesses)
    return told


def _notifications(folder: Path) -> Iterator[tuple[str, Path]]:
    for authority in (folder / "drop").glob("[A-Z]*"):
        for file in (authority / "response").glob("CPIS_ASN_*.xml"):
            yield authority.name, file


def _compare(seen: Seen, told: Counter[tuple[str, str]]) -> tuple[int, int, int]:
    """Notices that are lost, that came twice, and that nobody should have had, lookups that went wrong among these."""
    expected = {(code, event) for event, codes in seen.told_to.items() for code in codes}
    for text in seen.strange[:3]:
        print(f"bench: {text}")
    return len(expected - set(told)), sum(n - 1 for n in told.values()), len(set(told) - expected) + len(seen.strange)


@contextmanager
def _schema(server: str) -> Iterator[str]:
    """A place of our own on a PostgreSQL server, removed afterwards."""
    from sqlalchemy import create_engine, make_url, text

    name = f"cpis_bench_{uuid.uuid4().hex}"
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    try:
        own = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()
