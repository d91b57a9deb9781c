"""The requirements and the catalogue of tests, as data.

Requirement ids and test ids never change. What a report says of them (whom they bind, what may happen to a
child when one is broken) stands in `catalogue/requirements.csv` and `catalogue/tests.csv`, one line each.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, cast

from cpis_reports.words import Level, Party

ROLES: Final[tuple[Party, ...]] = ("authority", "service", "care", "harness")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement.

    Attributes:
        binds: The roles that are judged by it.
        applies_when: The claim that it applies to, such as `route:fhir`; empty: always.
        basis: `national`, `practice` (one product or area does it so) or `ours` (the harness's own choice).
        method: `automated`, `attested` or `inspection`.
        witness: The strongest evidence there can be, by role.
        hazard: What may happen to a child when it is broken.
        tests: Catalogue tests that name it; whether one judges it, the test says.
        untested_reason: By role, why no catalogue test judges it.
    """

    id: str
    flows: tuple[str, ...]
    level: Level
    binds: tuple[Party, ...]
    applies_when: str
    text: str
    basis: str
    method: str
    witness: Mapping[str, str]
    hazard: str
    tests: tuple[str, ...]
    untested_reason: Mapping[str, str]

    def applies(self, claims: frozenset[str]) -> bool:
        """The product claims what the requirement is about."""
        return not self.applies_when or self.applies_when in claims


@dataclass(frozen=True, slots=True)
class CatalogueTest:
    """One test of the catalogue. `judges` are the ids it gives a verdict on, by role; others are context."""

    id: str
    flow: str
    title: str
    profile: tuple[Party, ...]
    applies_when: str
    judges: Mapping[str, tuple[str, ...]]
    context: tuple[str, ...]


@cache
def requirements() -> Mapping[str, Requirement]:
    """All requirements by id, in the order of the catalogue."""
    return MappingProxyType({row["id"]: _requirement(row) for row in _rows("requirements.csv")})


@cache
def tests() -> Mapping[str, CatalogueTest]:
    """All catalogue tests by id, in the order of the catalogue."""
    return MappingProxyType({row["id"]: _test(row) for row in _rows("tests.csv")})


def binding(role: str) -> tuple[Requirement, ...]:
    """The requirements that bind a role."""
    return tuple(requirement for requirement in requirements().values() if role in requirement.binds)


def judging(requirement: str, role: str) -> tuple[str, ...]:
    """The catalogue tests that give a verdict on a requirement for a role."""
    return tuple(test.id for test in tests().values() if requirement in test.judges.get(role, ()))


def _rows(name: str) -> list[dict[str, str]]:
    text = files("cpis_reports").joinpath("catalogue", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _requirement(row: dict[str, str]) -> Requirement:
    binds = _roles(row["binds"])
    return Requirement(
        id=row["id"],
        flows=tuple(row["flow"].split()),
        level=cast(Level, row["level"]),
        binds=binds,
        applies_when=row["applies_when"],
        text=row["text"],
        basis=row["basis"],
        method=row["method"],
        witness=_by_role(row["witness"], binds),
        hazard=row["hazard"],
        tests=tuple(row["tests"].split()),
        untested_reason=_by_role(row["untested_reason"], binds),
    )


def _test(row: dict[str, str]) -> CatalogueTest:
    judges = {role: tuple(ids.split()) for role, ids in _by_role(row["judges"], ()).items()}
    judged = {requirement for ids in judges.values() for requirement in ids}
    return CatalogueTest(
        id=row["id"],
        flow=row["flow"],
        title=row["title"],
        profile=_roles(row["profile"]),
        applies_when=row["applies_when"],
        judges=MappingProxyType(judges),
        context=tuple(requirement for requirement in row["rules"].split() if requirement not in judged),
    )


def _roles(cell: str) -> tuple[Party, ...]:
    named = cell.split()
    return tuple(role for role in ROLES if role in named)


def _by_role(cell: str, binds: tuple[Party, ...]) -> Mapping[str, str]:
    """`role:value;role:value`, or one value for each role that is bound."""
    if ":" not in cell:
        return MappingProxyType(dict.fromkeys(binds, cell) if cell else {})
    parts = (part.partition(":") for part in cell.split(";"))
    return MappingProxyType({role.strip(): value.strip() for role, _, value in parts})
