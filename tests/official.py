"""The official CP-IS schemas, loaded for tests.

They are not part of this project. Tests that need them read their folder from the environment and skip without it.
"""

import os
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from cpis_simulator.vocabulary import MessageKind

VARIABLE: Final = "CPIS_OFFICIAL_SCHEMAS"

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_SCHEMA_OF_KIND: Final = {
    MessageKind.UPLOAD: "REPC_MT000002GB01",
    MessageKind.ACKNOWLEDGEMENT: "REPC_MT000003GB01",
    MessageKind.QUERY: "QUPC_IN000006GB01",
    MessageKind.RESPONSE: "REPC_IN000007GB01",
    MessageKind.QUERY_FAILED: "QUQI_IN010000UK14",
    MessageKind.APPLICATION_ACKNOWLEDGEMENT: "MCCI_IN010000UK13",
    MessageKind.ACCESS_NOTIFICATION: "REPC_MT000004GB01",
    MessageKind.INACTIVE_NOTIFICATION: "REPC_MT000005GB01",
}


def official_schema(kind: MessageKind) -> etree.XMLSchema:
    """The schema of a message; skips the test when there is no folder to load it from."""
    return load_official(_SCHEMA_OF_KIND[kind])


def official_folder() -> Path:
    """The folder of the official schemas; skips the test when there is none."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} does not name the folder of the official CP-IS schemas")
    return Path(folder)


def load_official(name: str) -> etree.XMLSchema:
    """An official schema by its name."""
    return _load(official_folder(), name)


def schema_errors(kind: MessageKind, body: bytes) -> list[str]:
    """What the official schema says against a document; empty when it is valid."""
    schema = official_schema(kind)
    if schema.validate(etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))):
        return []
    return str(schema.error_log).splitlines()


@cache
def _load(folder: Path, name: str) -> etree.XMLSchema:
    path = folder / "Schemas" / f"{name}.xsd"
    parser = etree.XMLParser()
    parser.resolvers.add(_AsMeant())
    return etree.XMLSchema(etree.fromstring(_as_meant(path), parser, base_url=str(path)))


class _AsMeant(etree.Resolver):
    """Edits what libxml2 would read otherwise than XML Schema has it."""

    # The stubs leave out the context that lxml hands over and wants back.
    def resolve(self, url: str, public_id: str, context: object) -> object:  # type: ignore[override]  # as above
        return self.resolve_string(_as_meant(Path(url.removeprefix("file://"))), context, base_url=url)


def _as_meant(path: Path) -> bytes:
    tree = etree.parse(str(path))
    # A prohibited attribute that has a type of its own is refused; without that type nothing else changes.
    for attribute in tree.iter(f"{_XS}attribute"):
        if attribute.get("use") == "prohibited":
            for inner in attribute.findall(f"{_XS}simpleType"):
                attribute.remove(inner)
    # An element that may occur zero times at most is let through once. By XML Schema it is not part of the model.
    for element in list(tree.iter(f"{_XS}element")):
        if element.get("maxOccurs") == "0":
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
    return etree.tostring(tree)
