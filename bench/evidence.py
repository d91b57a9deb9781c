"""Appending to the journal of evidence, against appending the same bytes to a plain file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.measuring import interleaved, ratios, spread, table
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.store.journal import JOURNAL, Journal

APPENDS: Final = 1_000
BODY_BYTES: Final = 4_096


class Peer:
    """A plain log: a line with one write, a body as a file; no chain, no hash, no lock."""

    def __init__(self, folder: Path) -> None:
        """Open for appending."""
        self._folder = folder
        self._log = os.open(folder / "plain.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._written = 0

    def append(self, line: bytes, body: bytes | None) -> None:
        """One line, and its body beside it."""
        if body is not None:
            self._written += 1
            (self._folder / f"{self._written}.body").write_bytes(body)
        os.write(self._log, line)

    def close(self) -> None:
        """No more."""
        os.close(self._log)


def measured() -> str:
    """Records without and with a body; no body twice the same, so that each is written."""
    with tempfile.TemporaryDirectory(prefix="cpis-bench-") as name:
        folder = Path(name)
        journal = Journal(folder / "journal")
        (folder / "plain").mkdir()
        peer = Peer(folder / "plain")

        def keep(body: bytes | None) -> None:
            journal.append(
                FILE_DROP, sender="authority", receiver="service", headers={"name": "a.xml"}, body=body, scenario="one"
            )

        keep(None)
        line = (folder / "journal" / JOURNAL).read_bytes()
        count = iter(range(10**9))

        def body() -> bytes:
            return f"{next(count):016}".encode() * (BODY_BYTES // 16)

        def times(append: Callable[[], None]) -> Callable[[], None]:
            def round_of_appends() -> None:
                for _ in range(APPENDS):
                    append()

            return round_of_appends

        taken = interleaved(
            {
                "line": times(lambda: keep(None)),
                "plain line": times(lambda: peer.append(line, None)),
                "body": times(lambda: keep(body())),
                "plain body": times(lambda: peer.append(line, body())),
            }
        )
        journal.close()
        peer.close()
    rows = []
    for what, key in ((f"a line of {len(line)} bytes", "line"), (f"the same with a body of {BODY_BYTES:,}", "body")):
        ours, theirs = taken[key], taken[f"plain {key}"]
        each = [spread([s / APPENDS * 1e6 for s in seconds]) for seconds in (ours, theirs)]
        rows.append((what, each[0], "plain file", each[1], spread(ratios(ours, theirs))))
    return table(
        f"Evidence, {APPENDS:,} appends a round",
        ("what", "µs an append", "peer", "peer's µs", "ratio"),
        rows,
    )
