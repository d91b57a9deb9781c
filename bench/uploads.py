"""Large uploads: schema and rules, and the whole way from the drop folder to the acknowledgement, against xmllint.

Each process is measured as a whole: wall clock, processor time and peak memory. The service is started anew for each
round on a store that knows the people of the file, so that every record is matched and stored for the first time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from bench.measuring import ratios, spread, table
from cpis_fixtures.processes import Process
from cpis_fixtures.uploads import made_up_records, made_up_upload_text
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.schema import FOLDER
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.service.pds import learned
from cpis_simulator.store import rows
from cpis_simulator.store.world import World

SIZES: Final = (1_000, 200_000)
ROUNDS: Final = 3
DEADLINE_S: Final = 300.0
OWN: Final = DEFAULT_AUTHORITIES[0]
DAY: Final = date(2026, 1, 5)
SEED: Final = 1
CONFIG: Final = '[settings.pds]\nunknown = "refuse"\n'


class Cost(NamedTuple):
    """What something took: seconds of wall clock and processor, and MiB at the peak."""

    wall: float
    cpu: float
    peak: float


def measured() -> str:
    """Every size, its contenders in turn."""
    if shutil.which("xmllint") is None:
        return (
            "Large uploads: not measured, because there is no xmllint (Debian, Ubuntu: apt-get install libxml2-utils)"
        )
    return "\n\n".join(_of_size(records) for records in SIZES)


def _of_size(records: int) -> str:
    with tempfile.TemporaryDirectory(prefix="cpis-bench-") as name:
        folder = Path(name)
        file, store = folder / "upload.xml", folder / "people.sqlite"
        with file.open("wb") as out:
            pieces = made_up_upload_text(records, seed=SEED, day=DAY, authority=OWN, file_id="1")
            out.writelines(map(str.encode, pieces))
        _put_people(store, records)
        xmllint: list[Cost] = []
        reading: list[Cost] = []
        ingesting: list[Cost] = []
        for number in range(ROUNDS + 1):
            costs = (
                _cost(["xmllint", "--stream", "--noout", "--schema", str(FOLDER / "upload.xsd"), str(file)]),
                _cost([sys.executable, "-m", "cpis_cli", "validate", str(file)]),
                _ingest(folder, file, store, records),
            )
            if number:  # The first round warms the machine up.
                for taken, cost in zip((xmllint, reading, ingesting), costs, strict=True):
                    taken.append(cost)
        size = file.stat().st_size
    return table(
        f"An upload of {records:,} records, {size / 1e6:.0f} MB, {ROUNDS} rounds",
        ("what", "wall s", "ratio", "processor s", "ratio", "peak MiB", "µs a record"),
        [
            _row("(a) xmllint --stream --schema, our schema", xmllint, xmllint, records),
            _row("(b) cpis validate: schema and rules", reading, xmllint, records),
            _row("(c) service: drop to acknowledgement (peak above idle)", ingesting, xmllint, records),
        ],
    )


def _row(what: str, ours: Sequence[Cost], peers: Sequence[Cost], records: int) -> tuple[str, ...]:
    return (
        what,
        spread([c.wall for c in ours]),
        spread(ratios([c.wall for c in ours], [c.wall for c in peers])),
        spread([c.cpu for c in ours]),
        spread(ratios([c.cpu for c in ours], [c.cpu for c in peers])),
        spread([c.peak for c in ours]),
        spread([c.wall / records * 1e6 for c in ours]),
    )


def _cost(command: Sequence[str]) -> Cost:
    """A process from its start to its end."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        # The system's own figure of a child begins with the memory of its parent.
        peak = max(peak, _memory(child.pid, "VmHWM"))
        time.sleep(0.002)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"bench: {' '.join(command)} exited with {child.returncode}")
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, peak)


def _put_people(store: Path, records: int) -> None:
    """Make a store whose demographic service knows everybody in the file."""
    world = World(f"sqlite:///{store}")
    made = made_up_records(records, seed=SEED, day=DAY, authority=OWN)
    while some := list(islice(made, 5_000)):
        with world.write() as session:
            session.learn_people(rows.write_person(learned(s)) for r in some for s in r.subjects)
    world.close()


def _ingest(folder: Path, file: Path, people: Path, records: int) -> Cost:
    """The service takes the file out of the drop folder and answers it."""
    with tempfile.TemporaryDirectory(dir=folder) as name, _service(Path(name), people) as process:
        drop = Path(name) / "drop" / OWN.ods_code
        shutil.copy(file, drop / "upload.part")
        idle = _memory(process.pid, "VmRSS")
        Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")  # Begins to count the peak anew.
        cpu, began = _processor_time(process.pid), time.perf_counter()
        os.replace(drop / "upload.part", drop / "upload" / "upload.xml")
        while not (answers := list((drop / "response").glob("*.xml"))):
            if time.perf_counter() - began > DEADLINE_S:
                raise SystemExit(f"bench: not answered within {DEADLINE_S:g} s")
            time.sleep(0.002)
        wall = time.perf_counter() - began
        answer = decode_acknowledgement(answers[0].read_bytes())
        if answer.stored != records:
            raise SystemExit(f"bench: {answer.stored} of {records} records were stored")
        return Cost(wall, _processor_time(process.pid) - cpu, _memory(process.pid, "VmHWM") - idle)


@contextmanager
def _service(folder: Path, people: Path) -> Iterator[Process]:
    shutil.copy(people, folder / "service.sqlite")
    (folder / "cpis.toml").write_text(CONFIG, encoding="utf-8")
    arguments = ["serve", "--no-tls", "--port", "0", "--drop", str(folder / "drop")]
    arguments += ["--store", str(folder / "service.sqlite"), "--config", str(folder / "cpis.toml")]
    process = Process("service", arguments, log=folder / "service.log")
    try:
        yield process
    finally:
        process.stop()


def _memory(pid: int, field: str) -> float:
    """MiB of a process, by a field of its status; 0 when it has ended."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(f"{field}:")), 0.0)


def _processor_time(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
