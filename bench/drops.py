"""One-record files dropped in three ways until the acknowledgement is there, profile `cpis-client`, and as pairs."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from bench.measuring import in_ms, percentile, table
from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_upload
from cpis_simulator.codecs.control_file import encode_control_file
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX, UPLOAD, mailbox_of

DROPS: Final = 300
DEADLINE_S: Final = 10.0
OWN, OTHER = DEFAULT_AUTHORITIES[:2]

Way = Callable[[Path, Path], object]


class Drops:
    """Drops files and waits for their answers.

    Args:
        folder: Of the bench; its drop root is `drop`.
        ready: The service's ready line.
    """

    def __init__(self, folder: Path, ready: dict[str, object]) -> None:
        """Nothing is dropped yet."""
        self._folder = folder
        self._plain = folder / "drop" / OWN.ods_code
        self._pairs = folder / "drop" / "mesh" / mailbox_of(OTHER.ods_code)
        self._elsewhere = folder / "elsewhere"
        self._elsewhere.mkdir()
        self._numbers = {OWN.ods_code: 0, OTHER.ods_code: 0}

    def plain(self, way: Way, beside: Path) -> float:
        """Seconds from the drop until the acknowledgement stands there; the file is made in `beside`."""
        name, body = self._made(OWN.ods_code)
        source = beside / f".{name}.part"
        source.write_bytes(body)
        began = time.perf_counter()
        way(source, self._plain / "upload" / name)
        return self._wait(self._plain / "response", began)

    def rename(self) -> float:
        """By rename within the root."""
        return self.plain(os.rename, self._plain)

    def move(self) -> float:
        """By move from another folder of the same disk."""
        return self.plain(os.rename, self._elsewhere)

    def copy(self) -> float:
        """By plain copy, which is written under its last name."""
        return self.plain(shutil.copyfile, self._elsewhere)

    def pair(self) -> float:
        """As a pair in a MESH folder, both renamed, until the answer's control file stands in IN."""
        name, body = self._made(OTHER.ods_code)
        stem = name.removesuffix(".xml")
        (self._pairs / f"{stem}.dat").write_bytes(body)
        own = mailbox_of(OTHER.ods_code)
        values = {
            "Version": "1.0", "AddressType": "DTS", "MessageType": "Data", "From_DTS": own, "To_DTS": SERVICE_MAILBOX,
            "LocalId": stem, "WorkflowId": UPLOAD,
        }  # fmt: skip
        (self._pairs / f"{stem}.ctl").write_bytes(encode_control_file(values))
        began = time.perf_counter()
        for end in (".dat", ".ctl"):
            os.rename(self._pairs / f"{stem}{end}", self._pairs / "OUT" / f"{stem}{end}")
        taken = self._wait(self._pairs / "IN", began, ".ctl")
        for left in (self._pairs / "IN").iterdir():
            left.unlink()
        return taken

    def _made(self, ods: str) -> tuple[str, bytes]:
        number = self._numbers[ods] = self._numbers[ods] + 1
        authority = OWN if ods == OWN.ods_code else OTHER
        upload = made_up_upload(1, seed=number, day=date(2026, 1, 5), authority=authority, file_id=str(number))
        return f"bench_{number}.xml", encode_upload(upload)

    def _wait(self, folder: Path, began: float, end: str = ".xml") -> float:
        while True:
            for entry in os.scandir(folder):
                if entry.name.endswith(end):
                    taken = time.perf_counter() - began
                    os.unlink(entry.path)
                    return taken
            if time.perf_counter() - began > DEADLINE_S:
                raise SystemExit(f"bench: a file was not answered within {DEADLINE_S:g} s")
            time.sleep(0.0005)


def measured() -> str:
    """Each way in turn."""
    with tempfile.TemporaryDirectory(prefix="cpis-bench-") as name:
        folder = Path(name)
        process = Process(
            "service",
            ["serve", "--no-tls", "--drop", str(folder / "drop"), "--mesh-folder", OTHER.ods_code],
            log=folder / "service.log",
        )
        try:
            drops = Drops(folder, process.ready)
            ways = {
                "by rename within the root": drops.rename,
                "by move from another folder": drops.move,
                "by plain copy": drops.copy,
                "as a pair in a MESH folder": drops.pair,
            }
            taken: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(DROPS):
                for way, drop in ways.items():
                    taken[way].append(drop())
        finally:
            process.stop()
    rows = []
    for way, seconds in taken.items():
        ms = in_ms(seconds)
        rows.append((way, f"{percentile(ms, 0.5):.1f}", f"{percentile(ms, 0.99):.1f}", f"{max(ms):.1f}"))
    title = f"One-record file dropped until its acknowledgement is there, {DROPS} of each, in turn"
    return table(title, ("dropped", "p50 ms", "p99 ms", "max ms"), rows)
