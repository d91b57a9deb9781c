"""What happens to people of the demographic service: merges, new numbers, adoptions, corrections, deaths.

Source: CP-IS rules INA-001, INA-002, INA-007 to INA-009, UPL-020, UPL-021.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cpis_simulator.driving import ChangeKind, PdsChange, PdsPerson, PreviousName
from cpis_simulator.nhs_number import is_synthetic, masked
from cpis_simulator.service.pds import Person, PersonName

RETIRING: Final[frozenset[ChangeKind]] = frozenset(("merge", "supersede", "retire", "adopt"))
"""Kinds of change after which a number is no longer used."""

_MAY_MAKE: Final[frozenset[ChangeKind]] = frozenset(("supersede", "adopt"))
"""Kinds of change whose new number may be one that nobody has yet."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The people that a change leads to, and the number that it retired, if any."""

    people: tuple[Person, ...]
    retired: str | None = None


def person_of(shape: PdsPerson) -> Person:
    """The person that a shape describes."""
    return Person(
        nhs_number=shape.nhs_number,
        name=PersonName(shape.given, shape.family),
        birth_date=shape.birth_date,
        previous_names=tuple(PersonName(n.given, n.family) for n in shape.previous_names),
        sensitive=shape.sensitive,
        inactive=shape.inactive,
        superseded_by=shape.superseded_by,
        adopted=shape.adopted,
        died=shape.died,
    )


def shape_of(person: Person) -> PdsPerson:
    """The shape that describes a person."""
    return PdsPerson(
        nhs_number=person.nhs_number,
        given=person.name.given,
        family=person.name.family,
        birth_date=person.birth_date,
        previous_names=[PreviousName(given=n.given, family=n.family) for n in person.previous_names],
        sensitive=person.sensitive,
        inactive=person.inactive,
        superseded_by=person.superseded_by,
        adopted=person.adopted,
        died=person.died,
    )


def obstacle(change: PdsChange, known: Collection[str], prefix: str) -> str | None:
    """Why a change cannot happen, None when it can.

    Args:
        change: What is to happen.
        known: The numbers of those of its people whom the demographic service knows.
        prefix: Of the test range.
    """
    if change.nhs_number not in known:
        return f"{change.kind}: the demographic service does not know {masked(change.nhs_number)}"
    new = change.replaced_by
    if new is None or new in known:
        return None
    if change.kind not in _MAY_MAKE:
        return f"{change.kind}: the demographic service does not know {masked(new)}"
    return None if is_synthetic(new, prefix) else f"{change.kind}: {masked(new)} is no number of the test range"


def happen(change: PdsChange, people: Mapping[str, Person]) -> Changed:
    """Have a change happen for which there is no obstacle.

    Args:
        change: What happens.
        people: Those of its people whom the demographic service knows.
    """
    return _HAPPENINGS[change.kind](change, people[change.nhs_number], people)


def _merge(change: PdsChange, person: Person, _people: Mapping[str, Person]) -> Changed:
    return Changed((replace(person, inactive=True, superseded_by=change.replaced_by),), person.nhs_number)


def _supersede(change: PdsChange, person: Person, people: Mapping[str, Person]) -> Changed:
    new = change.replaced_by
    assert new is not None, "the shape demands it"
    other = () if new in people else (replace(person, nhs_number=new),)
    return Changed((replace(person, inactive=True, superseded_by=new), *other), person.nhs_number)


def _retire(_change: PdsChange, person: Person, _people: Mapping[str, Person]) -> Changed:
    return Changed((replace(person, inactive=True),), person.nhs_number)


def _adopt(change: PdsChange, person: Person, people: Mapping[str, Person]) -> Changed:
    new, given, family = change.replaced_by, change.given, change.family
    assert new is not None and given is not None and family is not None, "the shape demands it"
    # Nothing of the old identity goes over to the new one but the day of birth.
    other = () if new in people else (Person(new, PersonName(given, family), person.birth_date),)
    return Changed((replace(person, inactive=True, adopted=True, superseded_by=new), *other), person.nhs_number)


def _correct_birth_date(change: PdsChange, person: Person, _people: Mapping[str, Person]) -> Changed:
    assert change.birth_date is not None, "the shape demands it"
    return Changed((replace(person, birth_date=change.birth_date),))


def _rename(change: PdsChange, person: Person, _people: Mapping[str, Person]) -> Changed:
    name = PersonName(change.given or person.name.given, change.family or person.name.family)
    return Changed((replace(person, name=name, previous_names=(*person.previous_names, person.name)),))


def _flag(change: PdsChange, person: Person, _people: Mapping[str, Person]) -> Changed:
    return Changed((replace(person, sensitive=change.kind == "flag"),))


def _die(change: PdsChange, person: Person, _people: Mapping[str, Person]) -> Changed:
    return Changed((replace(person, died=change.died),))


_HAPPENINGS: Final[dict[ChangeKind, Callable[[PdsChange, Person, Mapping[str, Person]], Changed]]] = {
    "merge": _merge,
    "supersede": _supersede,
    "retire": _retire,
    "adopt": _adopt,
    "correct-birth-date": _correct_birth_date,
    "rename": _rename,
    "flag": _flag,
    "unflag": _flag,
    "die": _die,
}
