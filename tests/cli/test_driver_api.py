"""The description of the driver API is what the code says, and the example beside it works."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpis_cli.driver_api import LOST_WITHOUT, document, rendered
from cpis_fixtures.config import Config
from cpis_reports.catalogue import tests as catalogue_tests
from cpis_simulator.driving import AUTHORITY_OPERATIONS, CARE_OPERATIONS, Version

ROOT = Path(__file__).parents[2]


def test_the_committed_description_is_the_one_that_the_code_makes() -> None:
    committed = (ROOT / "docs" / "driver-api.yaml").read_text(encoding="utf-8")
    assert committed == rendered(), "run `python -m cpis_cli.driver_api` and commit what it writes"


def test_every_operation_of_authority_and_care_is_described() -> None:
    paths = document()["paths"]
    assert len(paths) == 34
    assert paths["/version"]["post"]["tags"] == ["authority", "care"]
    assert paths["/look-up"]["post"]["x-required"] is True
    assert paths["/held-back"]["post"]["x-tests-lost-without-it"] == ["FD-19"]


def test_tests_that_are_lost_are_those_of_optional_operations_and_of_the_catalogue() -> None:
    operations = (*AUTHORITY_OPERATIONS, *CARE_OPERATIONS)
    optional = {operation.name for operation in operations if not operation.required}
    assert set(LOST_WITHOUT) <= optional
    assert {name for names in LOST_WITHOUT.values() for name in names.split()} <= set(catalogue_tests())


def test_every_reference_of_the_description_leads_to_a_schema() -> None:
    described = document()

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    components = described["components"]
    there = {f"#/components/{kind}/{name}" for kind, named in components.items() for name in named}
    assert set(references(described)) <= there


@pytest.fixture
def adapter() -> Iterator[str]:
    """The example's address while it runs."""
    example = ROOT / "examples" / "driver_adapter.py"
    child = subprocess.Popen([sys.executable, str(example), "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())["url"]
    finally:
        child.terminate()
        child.communicate(timeout=10)


def ask(url: str, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    asked = urllib.request.Request(f"{url}/{operation}", json.dumps(request).encode(), method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_example_adapter_keeps_the_contract(adapter: str) -> None:
    status, version = ask(adapter, "version", {})
    assert status == 200
    assert Version.model_validate(version).operations == ["version", "record-child", "record-plan"]
    child = {"given": "Alpha", "family": "Testcase", "birth_date": "2017-03-14"}
    assert ask(adapter, "record-child", child) == (200, {"child_id": "C1"})
    plan = {"plan_type": "child protection plan", "start": "2026-10-01"}
    assert ask(adapter, "record-plan", {"child_id": "C1", **plan}) == (200, {"plan_id": "P1"})
    assert ask(adapter, "record-plan", {"child_id": "C9", **plan}) == (409, {"reason": "No such child"})
    assert ask(adapter, "export", {})[0] == 501


def test_the_configuration_in_the_guide_is_a_valid_one() -> None:
    guide = (ROOT / "docs" / "driver.md").read_text(encoding="utf-8")
    toml = guide.split("```toml\n")[1].split("```")[0]
    assert Config.model_validate(tomllib.loads(toml)).system_under_test.driver.url == "http://127.0.0.1:8099"
