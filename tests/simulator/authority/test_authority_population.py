"""A county's children: as many as there are said to be, the same for the same seed, nobody twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from cpis_simulator.authority.caseload import Configuration, age_on
from cpis_simulator.authority.population import COUNTY, Population, add_population
from cpis_simulator.authority.state import State
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.nhs_number import is_valid
from cpis_simulator.vocabulary import PlanType

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def system_with(population: Population) -> CaseSystem:
    system = CaseSystem(Configuration(), State())
    add_population(system, population, now=NOW)
    return system


def numbers(system: CaseSystem) -> set[str]:
    return {str(person.nhs_number) for person in system.state.people}


def test_a_county_has_721_plans_and_1033_looked_after_children() -> None:
    system = system_with(COUNTY)
    kinds = [plan.plan_type for plan in system.state.plans]
    assert kinds.count(PlanType.CHILD_PROTECTION) == 721
    assert kinds.count(PlanType.LOOKED_AFTER) == 1033
    assert len(numbers(system)) == 1754
    assert all(number.startswith("999") and is_valid(number) for number in numbers(system))
    assert max(age_on(person.birth_date, NOW.date()) for person in system.state.people) < 18


def test_the_same_seed_makes_the_same_children_and_another_one_others() -> None:
    small = Population(protected=20, looked_after=20)
    names = [(p.given, p.family, p.birth_date, p.nhs_number) for p in system_with(small).state.people]
    assert names == [(p.given, p.family, p.birth_date, p.nhs_number) for p in system_with(small).state.people]
    assert names != [
        (p.given, p.family, p.birth_date, p.nhs_number) for p in system_with(replace(small, seed=1)).state.people
    ]


def test_no_two_places_share_a_number() -> None:
    assert numbers(system_with(COUNTY)) & numbers(system_with(replace(COUNTY, place=1))) == set()


def test_nothing_of_them_is_due_but_in_a_full_file() -> None:
    small = Population(protected=3, looked_after=4)
    assert isinstance(system_with(small).prepare_export(now=NOW), str)
    full = CaseSystem(Configuration(full_files=True), State())
    add_population(full, small, now=NOW)
    upload = full.prepare_export(now=NOW)
    assert not isinstance(upload, str)
    assert upload.quantity == 7
