"""How a process that serves looks after its memory."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Have Python look for circular garbage less often; a large upload makes next to none, but many small values."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
