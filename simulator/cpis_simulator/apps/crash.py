"""A seam for tests of crashes: the process kills itself at a named point.

`CPIS_CRASH_AT=<point>` in the environment makes the first thread that gets there end the process at once, with no
chance to tidy up, as a power cut or `kill -9` would.
"""

from __future__ import annotations

import os
import signal
from typing import Final, Literal

Point = Literal[
    "after-claim",
    "after-upload-evidence",
    "after-parse",
    "inside-commit",
    "after-commit",
    "after-stage",
    "before-rename",
    "after-rename",
    "before-evidence",
    "after-evidence",
    "before-archive",
    "after-archive",
    "after-mail-claim",
    "before-mail-acknowledgement",
    "after-mail-acknowledgement",
    "after-mail",
    "after-data-claim",
    "after-pair-claim",
    "after-pair-sent",
    "after-report",
    "after-data-settled",
    "after-pair-settled",
    "after-received",
    "after-data-delivered",
    "after-pair-delivered",
    "before-pair-acknowledgement",
    "after-pair-acknowledgement",
]

CRASH_AT: Final = "CPIS_CRASH_AT"


def crash_point(point: Point) -> None:
    """Die here when this point was asked for."""
    if os.environ.get(CRASH_AT) == point:
        if hasattr(signal, "SIGKILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(137)
