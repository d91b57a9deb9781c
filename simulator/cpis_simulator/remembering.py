"""What a bundled system remembers: immutable entries in collections that know what changed.

Theory of operation. An entry never changes; a changed one takes its place (`state.people[id] = replace(...)`). A
collection notes which keys were set or removed, so that a store writes those alone and cannot miss one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter

E = TypeVar("E")


class Remembered(Protocol):
    """Everything that a system remembers."""

    def collections(self) -> dict[str, Collection[Any]]:
        """The parts by name, for a store."""
        ...


class Collection(Generic[E]):
    """Entries by key, in the order in which they came; `changed` holds the keys that a store has yet to write."""

    def __init__(self, adapter: TypeAdapter[E]) -> None:
        """Empty."""
        self.adapter = adapter
        self.changed: set[str] = set()
        self._entries: dict[str, E] = {}

    def __setitem__(self, key: str, entry: E) -> None:
        self._entries[key] = entry
        self.changed.add(key)

    def __getitem__(self, key: str) -> E:
        return self._entries[key]

    def __iter__(self) -> Iterator[E]:
        return iter(list(self._entries.values()))

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> E | None:
        """The entry, or None."""
        return self._entries.get(key)

    def items(self) -> list[tuple[str, E]]:
        """Keys and entries."""
        return list(self._entries.items())

    def append(self, entry: E) -> None:
        """Add under the next number."""
        self[f"{len(self._entries) + 1:08d}"] = entry

    def remove(self, key: str) -> None:
        """Forget an entry."""
        if self._entries.pop(key, None) is not None:
            self.changed.add(key)

    def load(self, key: str, text: str) -> None:
        """Take an entry from a store; it does not count as changed."""
        self._entries[key] = self.adapter.validate_json(text)

    def saved(self) -> Iterator[tuple[str, str | None]]:
        """Keys that changed, each with its JSON or None where it was removed; afterwards nothing has changed."""
        changed, self.changed = self.changed, set()
        for key in sorted(changed):
            entry = self._entries.get(key)
            yield key, None if entry is None else self.adapter.dump_json(entry).decode()
