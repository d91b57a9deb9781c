"""Logging of a process: one event a line on standard error, no full NHS number ever.

Standard output belongs to the ready line that a starting process prints.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from cpis_simulator.nhs_number import masked

# Any run of exactly ten digits is treated as an NHS number: better a masked port than a shown child.
_TEN_DIGITS: Final = re.compile(r"(?<![0-9])[0-9]{10}(?![0-9])")


def mask_numbers(text: str) -> str:
    """The text with each NHS number cut to its last three digits (IG-009)."""
    return _TEN_DIGITS.sub(lambda found: masked(found[0]), text)


class MaskingFormatter(logging.Formatter):
    """Masks the finished line, so that tracebacks and libraries are covered as well."""

    def format(self, record: logging.LogRecord) -> str:
        """One line (more with a traceback), masked."""
        return mask_numbers(super().format(record))


def start_logging(level: int = logging.INFO) -> None:
    """Send the process's log to standard error; called once, by a host."""
    handler = logging.StreamHandler()
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
