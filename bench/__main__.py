"""`python -m bench`: all measurements, or those that are named; prints tables, asserts nothing."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable

from bench import codecs, drops, edge, evidence, lookups, mesh, night, replies, serving, suite, uploads

MEASUREMENTS: dict[str, Callable[[], str]] = {
    "codecs": codecs.measured,
    "drops": drops.measured,
    "edge": edge.measured,
    "evidence": evidence.measured,
    "lookups": lookups.measured,
    "mesh": mesh.measured,
    "night": night.measured,
    "replies": replies.measured,
    "serving": serving.measured,
    "suite": suite.measured,
    "uploads": uploads.measured,
}


def main(names: list[str]) -> int:
    """Run the measurements, one after another."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"bench: unknown: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}.", file=sys.stderr)
        return 2
    began = time.perf_counter()
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    for name in names or MEASUREMENTS:
        print(f"\n{MEASUREMENTS[name]()}", flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
