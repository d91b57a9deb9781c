"""Watches a folder while a product writes into it: which sizes a file had, at every poll."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

POLL_S: Final = 0.01
"""As RL-10 has it."""


@dataclass(slots=True)
class Sighting:
    """The sizes of a file, each once in its order, and at how many polls it was there."""

    sizes: list[int] = field(default_factory=list)
    polls: int = 0


class Watched:
    """Polls a folder of pairs as long as it is entered.

    Args:
        folder: OUT of a mailbox.

    Attributes:
        seen: By the name of a data file, what was seen once its control file was there.
        polls: How often the folder was looked at.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing is looked at yet."""
        self.seen: dict[str, Sighting] = {}
        self.polls = 0
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="watched", daemon=True)

    def __enter__(self) -> Watched:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; `seen` changes no more."""
        self._ended.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            note(self.seen, sizes_in(self._folder))
            self.polls += 1
            self._ended.wait(max(0.0, POLL_S - (time.monotonic() - began)))


def sizes_in(folder: Path) -> dict[str, int]:
    """The files of a folder with their sizes; what goes away meanwhile is not there."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found[entry.name] = entry.stat().st_size
                except FileNotFoundError:
                    continue
    except FileNotFoundError:
        return {}
    return found


def note(seen: dict[str, Sighting], sizes: Mapping[str, int]) -> None:
    """Add a poll. Data count once their control file is there, which says that they are whole (WR-01)."""
    names = {name.lower(): name for name in sizes}
    for lower in names:
        if not lower.endswith(".ctl"):
            continue
        data = names.get(f"{lower[:-4]}.dat")
        stem = names[lower][:-4]
        size = sizes[data] if data else None
        if size is None and stem not in seen:
            continue  # Its data were taken in this moment, or never came: the service will tell.
        sighting = seen.setdefault(stem, Sighting())
        sighting.polls += 1
        if size is not None and (not sighting.sizes or sighting.sizes[-1] != size):
            sighting.sizes.append(size)
