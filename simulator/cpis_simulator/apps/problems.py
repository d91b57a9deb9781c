"""What keeps the service from working right now, for its health and its log."""

from __future__ import annotations

import logging
import threading
from typing import Final

LOG: Final = logging.getLogger(__name__)


class Problems:
    """Open problems by what they are about; each is logged when it appears and when it clears."""

    def __init__(self) -> None:
        """None so far."""
        self._open: dict[str, str] = {}
        self._lock = threading.Lock()

    def tell(self, about: str, text: str) -> None:
        """There is a problem; told again and again it stays one."""
        with self._lock:
            known = self._open.get(about) == text
            self._open[about] = text
        if not known:
            LOG.error("event=problem about=%r text=%r", about, text)

    def clear(self, about: str) -> None:
        """It is over."""
        if about not in self._open:
            return
        with self._lock:
            was_open = self._open.pop(about, None)
        if was_open:
            LOG.info("event=problem_over about=%r", about)

    def texts(self) -> list[str]:
        """The open ones."""
        with self._lock:
            return list(self._open.values())
