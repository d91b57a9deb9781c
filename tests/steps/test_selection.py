"""A run plays what was asked for: by role, words and tags, in an order that the seed repeats."""

from pathlib import Path
from typing import Any

import pytest

from cpis_fixtures.config import Config
from cpis_fixtures.plan import RunPlan, new_plan
from cpis_steps.features import FeatureScenario, read_feature, suite
from cpis_steps.selection import doubled, is_for, number_blocks, selected
from tests.steps.writing import GOOD, write_feature


def plan(tmp_path: Path, **chosen: Any) -> RunPlan:
    return new_plan(Config(), out=tmp_path, seed=7).model_copy(update=chosen)


def of_test(test: str) -> FeatureScenario:
    return next(s for s in suite() if s.test == test)


def test_a_scenario_is_for_the_roles_that_its_test_judges() -> None:
    # FD-01 judges the upload that an authority sends.
    assert is_for(of_test("FD-01"), "authority")
    assert not is_for(of_test("FD-01"), "care")


def test_a_test_that_judges_several_roles_gives_each_its_own_scenarios() -> None:
    # MF-01 judges the form of uploads and of queries, each in a scenario of its own.
    roles = {s.id.split("/")[1]: s for s in suite() if s.test == "MF-01"}
    assert {name: [r for r in ("authority", "care") if is_for(s, r)] for name, s in roles.items()} == {
        "authority": ["authority"],
        "care": ["care"],
    }


def test_a_scenario_without_a_catalogue_test_is_for_everybody(tmp_path: Path) -> None:
    [own] = read_feature(write_feature(tmp_path, GOOD))
    assert [is_for(own, role) for role in ("authority", "care", "service")] == [True, True, True]


def test_without_a_choice_everything_for_the_role_is_played(tmp_path: Path) -> None:
    assert [s.id for s in selected(plan(tmp_path))] == [s.id for s in suite() if is_for(s, "authority")]


def test_a_tag_selects_the_scenarios_that_carry_it(tmp_path: Path) -> None:
    assert {s.test for s in selected(plan(tmp_path, tags=["FD-01", "FD-02"]))} == {"FD-01", "FD-02"}


@pytest.mark.parametrize("words", ["looked after", "Looked-After", "after looked"])
def test_words_are_looked_for_in_id_and_name_whatever_case_order_and_hyphens(tmp_path: Path, words: str) -> None:
    found = [f"{s.id} {s.name}".lower() for s in selected(plan(tmp_path, expression=words))]
    assert len(found) > 2
    assert all("looked" in text and "after" in text for text in found)


def test_words_and_tags_must_both_fit(tmp_path: Path) -> None:
    assert selected(plan(tmp_path, expression="looked after", tags=["RL-09"])) == []


def test_named_features_are_played_instead_of_the_suite(tmp_path: Path) -> None:
    own = write_feature(tmp_path, GOOD)
    assert [s.id for s in selected(plan(tmp_path, features=[own]))] == ["lookup/own/a-child-on-a-plan-is-found"]


def test_the_seed_repeats_a_shuffled_order(tmp_path: Path) -> None:
    straight = [s.id for s in selected(plan(tmp_path))]
    first = [s.id for s in selected(plan(tmp_path, shuffle=True))]
    assert first == [s.id for s in selected(plan(tmp_path, shuffle=True))]
    assert first != straight and sorted(first) == sorted(straight)
    assert first != [s.id for s in selected(plan(tmp_path, shuffle=True, seed=8))]


def test_every_scenario_has_a_block_of_numbers_of_its_own_that_a_selection_does_not_move(tmp_path: Path) -> None:
    blocks = number_blocks(plan(tmp_path))
    assert len(set(blocks.values())) == len(blocks)
    assert number_blocks(plan(tmp_path, tags=["FD-01"])) == blocks
    own = write_feature(tmp_path, GOOD)
    with_own = number_blocks(plan(tmp_path, features=[own]))
    assert with_own == {**blocks, "lookup/own/a-child-on-a-plan-is-found": len(blocks)}


def test_two_scenarios_of_one_id_are_found(tmp_path: Path) -> None:
    file = write_feature(tmp_path, GOOD + "\n" + GOOD[GOOD.index("  @lookup") :])
    assert doubled(read_feature(file)) == ["lookup/own/a-child-on-a-plan-is-found"]
