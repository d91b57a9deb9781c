"""Interleaved rounds, and tables of what they took.

A ratio is taken within a round, where both sides met the same machine, so that it means something on a busy one too.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

ROUNDS: Final = 7


def interleaved(tasks: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each task in each round, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            gc.collect()
            began = time.perf_counter()
            task()
            if number:
                taken[name].append(time.perf_counter() - began)
    return taken


def ratios(ours: Sequence[float], peers: Sequence[float]) -> list[float]:
    """Round by round."""
    return [one / other for one, other in zip(ours, peers, strict=True)]


def spread(values: Sequence[float], unit: str = "") -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.3g}{unit} ({min(values):.3g}-{max(values):.3g})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def in_ms(values: Iterable[float]) -> list[float]:
    """Seconds as milliseconds."""
    return [value * 1000 for value in values]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown has it."""
    widths = [max(len(row[n]) for row in (columns, *rows)) for n in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([f"{title}\n", line(columns), rule, *map(line, rows)])
