"""The XML schemas of the messages: what the official set says of their form, in schemas of our own.

Theory of operation: the files in `schemas/` accept what the official CP-IS schemas of release candidate 5 accept, and
nothing else; `tests/simulator/test_schemas_official.py` holds the two against each other, and
docs/decisions/0005 says why they are ours. A large upload is judged in pieces: its header with `header_schema`, each
record with `record_schema`; together they say what the schema of the whole file says, but for a file without any
record. Pieces also bound the time: for each error libxml2 counts the element's siblings, so that a whole file with
16,000 wrong records takes seconds, and one with ten times as many a hundred times as long.

A schema says nothing of a document type declaration or of entities: hand it what `codecs.xml` has parsed. Hints in
`xsi:schemaLocation` are never followed, so that judging reads no file and opens no connection.

Source: CP-IS DMS 1.0-RC5, XML schemas; Patch D for the silent-read element.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from lxml import etree

from cpis_simulator.vocabulary import MessageKind

__all__ = ["FILE_OF_KIND", "FOLDER", "Schema", "SchemaError", "header_schema", "record_schema", "schema_of"]

FOLDER: Final = Path(__file__).with_name("schemas")
FILE_OF_KIND: Final = {
    MessageKind.UPLOAD: "upload",
    MessageKind.ACKNOWLEDGEMENT: "acknowledgement",
    MessageKind.QUERY: "query",
    MessageKind.RESPONSE: "response",
    MessageKind.QUERY_FAILED: "query_failed",
    MessageKind.APPLICATION_ACKNOWLEDGEMENT: "application_acknowledgement",
    MessageKind.ACCESS_NOTIFICATION: "access_notification",
    MessageKind.INACTIVE_NOTIFICATION: "inactive_notification",
}
"""The file of a kind of message, without its ending; that of a query is older than Patch D."""


@dataclass(frozen=True, slots=True)
class SchemaError:
    """What libxml2 has against one element, in its own words.

    Args:
        kind: Its name for the error, such as `SCHEMAV_ELEMENT_CONTENT`.
        line: Line of the element; 65535 stands for all lines from there on.
        path: XPath of the element, from the element that was judged.
        message: Names elements as `{namespace}name`.
    """

    kind: str
    line: int
    path: str
    message: str


# libxml2 makes its table of built-in types with the first schema of a process, and two threads that both compile their
# first one find it half made ("the given type is not a built-in type"). Importing happens once, in one thread.
etree.XMLSchema(etree.XML('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'))


class Schema:
    """One schema, which any number of threads may use at once.

    lxml keeps what went wrong in the object that validates, so each validation borrows one; when all are lent out,
    one more is compiled, which takes a few milliseconds.

    Args:
        path: The schema's file; what it includes stands beside it.
    """

    def __init__(self, path: Path) -> None:
        """Compile it once, so that a broken file is noticed here."""
        self._path = path
        # Its two operations are atomic, which is all the locking this needs.
        self._idle = deque([self._compiled()])

    def accepts(self, element: etree._Element) -> bool:
        """The element, taken as the root of a document, is valid."""
        schema = self._borrowed()
        try:
            return schema.validate(element)
        finally:
            self._idle.append(schema)

    def errors(self, element: etree._Element) -> list[SchemaError]:
        """Everything that libxml2 has against an element, in the order of the document; empty when it is valid.

        In each element only the first child that breaks the content model is named, and neither it nor the children
        after it are looked into. Attributes are all judged, and so is all that stands elsewhere.
        """
        schema = self._borrowed()
        try:
            if schema.validate(element):
                return []
            log: Any = schema.error_log
            # libxml2 judges the element as the root of a document: its paths start with /*.
            return [
                SchemaError(entry.type_name, entry.line, f".{(entry.path or '/*')[2:]}", entry.message) for entry in log
            ]
        finally:
            self._idle.append(schema)

    def _borrowed(self) -> etree.XMLSchema:
        try:
            return self._idle.pop()
        except IndexError:
            return self._compiled()

    def _compiled(self) -> etree.XMLSchema:
        return etree.XMLSchema(file=str(self._path))


def schema_of(kind: MessageKind, *, patch_d: bool = True) -> Schema:
    """The schema of a kind of message.

    That of a query or response judges the interaction, and also the payload by itself.

    Args:
        kind: Any kind but an envelope.
        patch_d: Let a query say that it is a silent read, which the schemas of release candidate 5 do not know yet.

    Raises:
        KeyError: When the kind is that of an envelope, or unknown.
    """
    name = FILE_OF_KIND[kind]
    return _schema("query_patch_d" if patch_d and kind is MessageKind.QUERY else name)


def record_schema() -> Schema:
    """The schema of one `record` of an upload, by itself."""
    return _schema("upload_record")


def header_schema() -> Schema:
    """The schema of an upload without its records: a `record` that is still there may hold anything."""
    return _schema("upload_header")


@cache
def _schema(name: str) -> Schema:
    return Schema(FOLDER / f"{name}.xsd")
