"""The mock Spine in a process of its own: a file dropped until its acknowledgement is there, and a lookup over HTTP."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from bench.measuring import in_ms, percentile, table
from cpis_fixtures.care_settings import care_setting
from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.apps.care_host import CareHost
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.driving import LookUp, Nothing
from cpis_simulator.model import PlanRecord
from cpis_simulator.transport.http_client import DriverClient

ROUNDS: Final = 5
DROPS: Final = 10
LOOKUPS: Final = 100
DEADLINE_S: Final = 5.0
OWN: Final = DEFAULT_AUTHORITIES[0]


class Bench:
    """One mock Spine, and a client of each kind."""

    def __init__(self, folder: Path, ready: dict[str, object]) -> None:
        """Nothing is dropped yet."""
        self._folder = folder
        self._drop = folder / "drop" / OWN.ods_code
        self._care = CareHost(str(ready["url"]), DEADLINE_S)
        self._control = DriverClient(str(ready["control_url"]), token=str(ready["control_token"]))
        self._files = 0
        self._number = ""

    def drop(self) -> float:
        """Seconds from the rename into the folder until one more file stands in the receiving folder."""
        self._files += 1
        upload = made_up_upload(1, seed=self._files, day=date(2026, 1, 5), authority=OWN, file_id=str(self._files))
        record = upload.records[0]
        assert isinstance(record, PlanRecord)
        self._number = record.subjects[0].nhs_number
        half = self._folder / "half.part"
        half.write_bytes(encode_upload(upload))
        before = self._responses()
        os.replace(half, self._drop / "upload" / f"bench_{self._files}.xml")
        began = time.perf_counter()
        while self._responses() == before:
            if time.perf_counter() - began > DEADLINE_S:
                raise SystemExit(f"bench: file {self._files} was not answered within {DEADLINE_S:g} s")
            time.sleep(0.0002)
        return time.perf_counter() - began

    def _responses(self) -> int:
        return sum(1 for entry in os.scandir(self._drop / "response") if entry.name.endswith(".xml"))

    def look_up(self) -> float:
        """Seconds of a whole lookup of the last child: question made, sent, answered, understood."""
        request = LookUp(nhs_number=self._number, author=care_setting("ambulance").author(), silent=True)
        began = time.perf_counter()
        result = self._care.look_up(request)
        taken = time.perf_counter() - began
        if result.status not in ("found", "no-record"):
            raise SystemExit(f"bench: the lookup was answered '{result.status}'")
        return taken

    def exchange(self) -> float:
        """Seconds of an exchange with the same process that does next to nothing."""
        began = time.perf_counter()
        self._control.call("health", Nothing(), within=DEADLINE_S)
        return time.perf_counter() - began


def measured() -> str:
    """Drops, lookups and empty exchanges, a few of each in turn."""
    drops: list[float] = []
    lookups: list[float] = []
    exchanges: list[float] = []
    with tempfile.TemporaryDirectory(prefix="cpis-bench-") as name:
        folder = Path(name)
        arguments = ["serve", "--no-tls", "--port", "0", "--drop", str(folder / "drop")]
        arguments += ["--evidence", str(folder / "evidence"), "--store", str(folder / "service.sqlite")]
        process = Process("service", arguments, log=folder / "service.log")
        try:
            bench = Bench(folder, process.ready)
            bench.drop()
            bench.look_up()
            for _ in range(ROUNDS):
                drops += [bench.drop() for _ in range(DROPS)]
                for _ in range(LOOKUPS):
                    lookups.append(bench.look_up())
                    exchanges.append(bench.exchange())
        finally:
            process.stop()
    return table(
        "The mock Spine, one client, evidence kept",
        ("what", "times", "p50 ms", "p99 ms"),
        [
            _row("one-record file dropped until its acknowledgement is there", drops),
            _row("lookup, from question to understood answer", lookups),
            _row("peer: an HTTP exchange that does nothing (health)", exchanges),
        ],
    )


def _row(what: str, seconds: Sequence[float]) -> tuple[str, str, str, str]:
    ms = in_ms(seconds)
    return what, str(len(ms)), f"{percentile(ms, 0.5):.2f}", f"{percentile(ms, 0.99):.2f}"
