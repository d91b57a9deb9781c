"""Which scenarios a run plays, and why the others are left out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Final

from cpis_fixtures.plan import RunPlan, plan_of_process
from cpis_reports import suite as suites
from cpis_reports.checks import CHECKS
from cpis_reports.results import CalledFor
from cpis_steps.features import FeatureScenario, feature_files, read_feature, suite, suite_folder

SECOND_AUTHORITY: Final = "needs-second-authority"
"""Tag of what is played only where the configuration has a second authority of the product."""

MESH_FOLDER: Final = "needs-mesh-folder"
"""Tag of what is played only where the product drops pairs into a MESH folder."""


def planned_features() -> list[Path]:
    """Feature files of this process's plan; the whole suite without one."""
    plan = plan_of_process()
    return played_files(plan) if plan else feature_files([suite_folder()])


def played_files(plan: RunPlan) -> list[Path]:
    """The files that a plan chooses from: those that were named, else the suite's and the configuration's own.

    Raises:
        ConfigError: One of them is not there.
    """
    return feature_files(plan.features or [suite_folder(), *plan.config.own_scenarios.features])


def is_for(
    scenario: FeatureScenario, role: str, claims: Collection[str] = (), *, authorities: int = 1, pairs: bool = False
) -> bool:
    """The scenario's catalogue test can put the role under test, and judges what it claims.

    Args:
        claims: What the product claims.
        authorities: How many it serves.
        pairs: It drops pairs into a MESH folder.
    """
    if (SECOND_AUTHORITY in scenario.tags and authorities < 2) or (MESH_FOLDER in scenario.tags and not pairs):
        return False
    return suites.is_for(scenario.test, scenario.id, role, _calls(), claims)


def is_played(scenario: FeatureScenario, plan: RunPlan) -> bool:
    """The scenario is for the plan's product."""
    config = plan.config
    pairs = config.file_drop.profile == "mesh-folder"
    return is_for(scenario, plan.role, plan.claims, authorities=len(config.own_authorities()), pairs=pairs)


@cache
def _calls() -> tuple[CalledFor, ...]:
    """The checks that the suite calls for."""
    return tuple(suites.load_suite(suite_folder(), scenarios=(), checks=CHECKS)[0].called_for)


def is_selected(scenario: FeatureScenario, plan: RunPlan) -> bool:
    """By role, words and tags."""
    words = plan.expression.lower().split()
    text = f"{scenario.id} {scenario.name}".lower().replace("-", " ")
    return (
        is_played(scenario, plan)
        and all(w.replace("-", " ") in text for w in words)
        and (not plan.tags or bool(set(plan.tags) & set(scenario.tags)))
    )


def selected(plan: RunPlan) -> list[FeatureScenario]:
    """The plan's scenarios, in the order in which they are played."""
    chosen = [s for file in played_files(plan) for s in read_feature(file) if is_selected(s, plan)]
    if plan.shuffle:
        random.Random(plan.seed).shuffle(chosen)
    return chosen


def to_be_played(plan: RunPlan) -> list[FeatureScenario]:
    """The plan's scenarios without those that ended before the run was broken off."""
    ended = {told["scenario"]["id"] for told in plan.told()} if plan.resumed else set()
    return [s for s in selected(plan) if s.id not in ended]


BLOCKS_OF_A_TURN: Final = 4096
"""How far apart the blocks of two goes at a scenario lie; a suite has fewer scenarios."""


def number_blocks(plan: RunPlan) -> dict[str, int]:
    """A block of NHS numbers for each scenario: fixed by the suite, so that a selection does not move them."""
    ids = [s.id for s in suite()]
    known = set(ids)
    own = [s.id for file in played_files(plan) for s in read_feature(file)]
    return {scenario: n for n, scenario in enumerate([*ids, *(i for i in own if i not in known)])}


def doubled(scenarios: Iterable[FeatureScenario]) -> list[str]:
    """Ids that more than one scenario has: pytest-bdd would play only one of them."""
    return [name for name, times in Counter(s.id for s in scenarios).items() if times > 1]
