"""What a process takes from the outside once, to hand it to a core that makes none of it: ids, time, its version."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version


def new_id() -> str:
    """An upper-case UUID."""
    return str(uuid.uuid4()).upper()


def utc_now() -> datetime:
    """Real time."""
    return datetime.now(UTC)


def harness_version() -> str:
    """The version of the installed distribution."""
    try:
        return version("cpis-harness")
    except PackageNotFoundError:
        return "unknown"
