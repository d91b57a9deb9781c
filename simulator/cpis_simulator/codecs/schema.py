"""Our XML schemas, compiled once each.

Theory of operation. libxml2's compiled schema may be shared, but lxml keeps the errors of the last validation in the
same object. So a schema that is in use is lent to nobody else: one that is free is taken from a list, or another is
compiled when all are out.

Source: the schema files in `schemas/`, held to the official CP-IS schemas by tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from lxml import etree

from cpis_simulator.vocabulary import MessageKind

SCHEMAS: Final = Path(__file__).parent / "schemas"
"""Folder of the schema files."""

_NAMES: Final = {
    MessageKind.UPLOAD: "upload",
    MessageKind.ACKNOWLEDGEMENT: "acknowledgement",
    MessageKind.QUERY: "query",
    MessageKind.RESPONSE: "response",
    MessageKind.QUERY_FAILED: "query_failed",
    MessageKind.APPLICATION_ACKNOWLEDGEMENT: "application_acknowledgement",
    MessageKind.ACCESS_NOTIFICATION: "access_notification",
    MessageKind.INACTIVE_NOTIFICATION: "inactive_notification",
}


class Schema:
    """One schema; any number of threads may use it.

    Args:
        path: Of its file.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is compiled until it is needed."""
        self._path = path
        self._free: list[etree.XMLSchema] = []

    def is_valid(self, element: etree._Element) -> bool:
        """The element, taken as a root, fits."""
        with self._lent() as schema:
            return schema.validate(element)

    def errors(self, element: etree._Element) -> list[etree._LogEntry]:
        """What libxml2 says against the element, empty when it fits."""
        with self._lent() as schema:
            # The stubs have not heard that a log can be iterated over.
            return [] if schema.validate(element) else list(schema.error_log)  # type: ignore[call-overload]

    @contextmanager
    def _lent(self) -> Iterator[etree.XMLSchema]:
        try:
            schema = self._free.pop()
        except IndexError:
            schema = etree.XMLSchema(file=str(self._path))
        try:
            yield schema
        finally:
            self._free.append(schema)


@cache
def _schema(name: str) -> Schema:
    return Schema(SCHEMAS / f"{name}.xsd")


def schema_of(kind: MessageKind, *, patch_d: bool = False) -> Schema:
    """The schema of a message.

    Args:
        kind: One of the six messages or the interactions around them; not an envelope.
        patch_d: A query may have the silent-read flag, in the place where we write it.
    """
    return _schema("query_patch_d" if patch_d and kind is MessageKind.QUERY else _NAMES[kind])


def record_schema() -> Schema:
    """The schema of one `record` of an upload, for an element taken by itself."""
    return _schema("upload_record")


def header_schema() -> Schema:
    """The schema of an upload whose records may hold anything."""
    return _schema("upload_header")
