"""A service node in a folder, and waiting for what it does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.directory import DEFAULT_AUTHORITIES
from cpis_simulator.model import Upload
from cpis_simulator.settings import Settings
from cpis_simulator.store.journal import Journal
from tests.simulator.service_examples import upload


def wait_for(is_true: Callable[[], object], seen: Callable[[], object], *, within: float = 10.0) -> None:
    """Wait until something holds; fail with what was seen instead."""
    deadline = time.monotonic() + within
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; seen instead: {seen()}")
        time.sleep(0.002)


def make_node(folder: Path, choices: Settings | None = None, *, store: str | None = None, **more: Any) -> ServiceNode:
    """A node on the journal and drop root of a folder, and on its store or another one."""
    return ServiceNode(
        choices or Settings(),
        DEFAULT_AUTHORITIES,
        folder / "drop",
        store or f"sqlite:///{folder / 'world.db'}",
        Journal(folder / "evidence"),
        lambda: str(uuid.uuid4()).upper(),
        lambda: datetime.now(UTC),
        **more,
    )


@contextmanager
def running(
    folder: Path,
    choices: Settings | None = None,
    *,
    started: bool = True,
    store: str | None = None,
    **more: Any,
) -> Iterator[ServiceNode]:
    """A node that is stopped afterwards."""
    node = make_node(folder, choices, store=store, **more)
    if started:
        node.start()
    try:
        yield node
    finally:
        node.stop()


def drop(folder: Path, file: Upload | bytes | None = None, name: str = "up42.xml", ods: str = "Z99") -> Path:
    """Put a file into an upload folder as a careful writer does: written elsewhere, moved in."""
    target = folder / "drop" / ods / "upload" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{name}.part"
    partial.write_bytes(file if isinstance(file, bytes) else encode_upload(file or upload()))
    partial.rename(target)
    return target


def names(folder: Path, kind: str = "response", ods: str = "Z99") -> list[str]:
    """Names in one of an authority's folders."""
    return sorted(path.name for path in (folder / "drop" / ods / kind).glob("*"))


def wait_for_responses(folder: Path, count: int, ods: str = "Z99") -> list[str]:
    """Wait for so many files in a receiving folder."""
    wait_for(lambda: len(names(folder, ods=ods)) >= count, lambda: names(folder, ods=ods))
    return names(folder, ods=ods)
