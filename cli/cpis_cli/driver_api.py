"""`docs/driver-api.yaml`, made from `driving`: what a supplier's driver must or may offer, as OpenAPI.

`python -m cpis_cli.driver_api` writes it; a test compares the committed file with what this module makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic.json_schema import models_json_schema

from cpis_fixtures.driver_check import LOST_WITHOUT
from cpis_simulator.driving import AUTHORITY_OPERATIONS, CARE_OPERATIONS, Operation, Shape

OUTPUT: Final = Path("docs/driver-api.yaml")

ABOUT: Final = """\
What the harness asks of a product under test. Each operation is a POST with a JSON object as body and answer. A product
that does not offer an operation answers 501; `version` lists those that it offers. What is no operation at all is
answered 404. Readers ignore keys that they do not know. Where the driver is a command, the operation is its last
argument, the request stands on standard input and the reply on standard output, and its exit code says what a status
says here: 0 for 200, 2 for 422, 3 for 409, 4 for 501, 5 for 404. `docs/driver.md` shows how to write an adapter, and
`cpis driver check` tries one.
"""

_REASON: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"reason": {"type": "string", "description": "Why, in words that help whoever reads the report"}},
    "required": ["reason"],
}


_REFUSALS: Final = {
    "409": "The product refuses this at this moment",
    "422": "The request is not understood",
    "501": "The product does not offer the operation",
}


class _LiteralText(str):
    """Text that is written as a block."""


class _Writer(yaml.SafeDumper):
    """YAML in the order given, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Repeat what is used twice."""
        return True


_Writer.add_representer(
    _LiteralText, lambda writer, text: writer.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
)


def document() -> dict[str, Any]:
    """The API of both roles; `version` is the one operation that they share."""
    roles: dict[str, list[str]] = {}
    operations: dict[str, Operation] = {}
    for role, offered in (("authority", AUTHORITY_OPERATIONS), ("care", CARE_OPERATIONS)):
        for operation in offered:
            roles.setdefault(operation.name, []).append(role)
            operations.setdefault(operation.name, operation)
    references, schemas = _schemas(operations.values())
    return {
        "openapi": "3.1.0",
        "info": {"title": "CP-IS harness: driver API", "version": "1", "description": _LiteralText(ABOUT)},
        "servers": [{"url": "http://127.0.0.1:8099", "description": "system_under_test.driver.url of cpis.toml"}],
        "paths": {
            f"/{operation.name}": {"post": _operation(operation, roles[operation.name], references)}
            for operation in operations.values()
        },
        "components": {
            "responses": {
                status: {"description": meaning, "content": {"application/json": {"schema": _REASON}}}
                for status, meaning in _REFUSALS.items()
            },
            "schemas": schemas,
        },
    }


def rendered() -> str:
    """The document as YAML."""
    head = "# Made from cpis_simulator.driving by `python -m cpis_cli.driver_api`; change it there.\n"
    text: str = yaml.dump(document(), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=118)
    return head + text


_References = dict[type[Shape], dict[str, Any]]


def _schemas(operations: Iterable[Operation]) -> tuple[_References, dict[str, Any]]:
    """Where each shape's schema stands, and all schemas by name."""
    # A reply is judged by what may be left out of it, as a request is: hence "validation" for both.
    shapes = dict.fromkeys(shape for operation in operations for shape in (operation.request, operation.reply))
    found, document = models_json_schema(
        [(shape, "validation") for shape in shapes], ref_template="#/components/schemas/{model}"
    )
    references = {shape: found[(shape, "validation")] for shape in shapes}
    return references, dict(sorted(document["$defs"].items()))


def _operation(operation: Operation, roles: list[str], references: _References) -> dict[str, Any]:
    """One operation as OpenAPI has it; `x-` keys hold what OpenAPI has no word for."""

    def body(shape: type[Shape]) -> dict[str, Any]:
        return {"application/json": {"schema": references[shape]}}

    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": roles,
        "x-required": operation.required,
    }
    if not operation.required:
        described["x-tests-lost-without-it"] = LOST_WITHOUT.get(operation.name, "").split()
    return described | {
        "requestBody": {"required": True, "content": body(operation.request)},
        "responses": {
            "200": {"description": "Done", "content": body(operation.reply)},
            **{status: {"$ref": f"#/components/responses/{status}"} for status in _REFUSALS},
        },
    }


def main() -> None:
    """Write the file into the project that is the current folder."""
    OUTPUT.write_text(rendered(), encoding="utf-8")
    sys.stdout.write(f"{OUTPUT}\n")


if __name__ == "__main__":
    main()
