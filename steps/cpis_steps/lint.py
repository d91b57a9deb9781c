"""Feature files against the house rules: what would only surface at run time, or pass unseen, is named here."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from cpis_reports.catalogue import requirements, tests
from cpis_reports.checks import CHECKS
from cpis_reports.results import CalledFor
from cpis_reports.suite import load_suite
from cpis_steps.features import (
    REQUIREMENT_TAG,
    TEST_TAG,
    FeatureScenario,
    is_own,
    read_feature,
    suite,
    suite_folder,
)
from cpis_steps.phrases import nearest, phrases
from cpis_steps.selection import MESH_FOLDER, SECOND_AUTHORITY, doubled
from cpis_steps.weather import TAGS

OWN_TAG = "own-"
"""How the tags of somebody's own scenarios begin."""

OTHER_TAGS = frozenset(("needs-reset", "needs-clock", "needs-empty", SECOND_AUTHORITY, MESH_FOLDER))


def lint_files(files: Sequence[Path]) -> list[str]:
    """All problems of some feature files, as `file:line: problem`.

    Raises:
        ConfigError: For a file that is no Gherkin.
    """
    scenarios = [s for file in files for s in read_feature(file)]
    problems = [f"{name}: two scenarios of one name; only one of them would be played" for name in doubled(scenarios)]
    for scenario in scenarios:
        problems += [f"{_short(scenario.file)}:{line}: {text}" for line, text in _problems(scenario)]
    if any(suite_folder() in file.parents for file in files):
        _, errors = load_suite(suite_folder(), scenarios=[(s.test, s.id) for s in scenarios], checks=CHECKS)
        problems += errors
    return list(dict.fromkeys(problems))


def unplayable(files: Sequence[Path]) -> list[str]:
    """What would keep pytest from playing some files, or from playing all of them: wrong tags and doubled names."""
    scenarios = [s for file in files for s in read_feature(file)]
    problems = [f"{name}: two scenarios of one name; only one of them would be played" for name in doubled(scenarios)]
    taken = {s.id for s in suite()}
    problems += [
        f"{_short(s.file)}:{s.line}: the suite has a scenario {s.id}; name the file or the scenario otherwise"
        for s in scenarios
        if is_own(s.file) and s.id in taken
    ]
    return problems + [f"{_short(s.file)}:{s.line}: {text}" for s in scenarios for text in _unknown_tags(s)]


def _problems(scenario: FeatureScenario) -> list[tuple[int, str]]:
    found = [(scenario.line, text) for text in _tag_problems(scenario)]
    kinds = _kinds(scenario)
    if kinds.count("when") == 0:
        found.append((scenario.line, "no When: what is the event?"))
    if "then" not in kinds:
        found.append((scenario.line, "no Then: nothing would be judged"))
    order = [kind for n, kind in enumerate(kinds) if n == 0 or kinds[n - 1] != kind]
    if order.count("when") > 1:
        found.append((scenario.line, "a When after a Then: a second act is a second scenario"))
    for step, kind in zip(scenario.steps, kinds, strict=True):
        fitting = [p for p in phrases() if p.fits(step.text) and p.keyword.lower() in (kind, "none")]
        if not fitting:
            near = "; ".join(nearest(step.text, keyword=kind.title()))
            found.append((step.line, f"no {kind.title()} has the words '{step.text}'; nearest: {near}"))
        elif len(fitting) > 1:
            both = "; ".join(p.text for p in fitting)
            found.append((step.line, f"more than one step fits '{step.text}': {both}"))
    return found


def _kinds(scenario: FeatureScenario) -> list[str]:
    kinds: list[str] = []
    for step in scenario.steps:
        word = step.keyword.lower()
        kinds.append(word if word in ("given", "when", "then") else (kinds[-1] if kinds else "given"))
    return kinds


def _unknown_tags(scenario: FeatureScenario) -> list[str]:
    named = [t for t in scenario.tags if TEST_TAG.fullmatch(t)]
    found = [f"@{t} is no catalogue test" for t in named if t not in tests()]
    ids = [t for t in scenario.tags if REQUIREMENT_TAG.fullmatch(t)]
    found += [f"@{t} is no requirement" for t in ids if t not in requirements()]
    known = {*named, *ids, *OTHER_TAGS, *TAGS, scenario.flow}
    own = is_own(scenario.file)
    hint = f"; tags of your own begin with @{OWN_TAG}" if own else ""
    unknown = [t for t in scenario.tags if t not in known and not (own and t.startswith(OWN_TAG))]
    return found + [f"unknown tag @{t}{hint}" for t in unknown]


def _tag_problems(scenario: FeatureScenario) -> list[str]:
    named = [t for t in scenario.tags if TEST_TAG.fullmatch(t)]
    ids = [t for t in scenario.tags if REQUIREMENT_TAG.fullmatch(t)]
    found = _unknown_tags(scenario)
    if len(named) > 1:
        found.append(f"more than one catalogue test: {', '.join(named)}")
    if named and suite_folder() in scenario.file.parents:
        calls = [c for c in _calls() if c.test == named[0] and fnmatchcase(scenario.id, c.scenario or "*")]
        called = {r for call in calls for r in call.requirements}
        found += [f"{named[0]} calls for a check of {r}, which is not tagged" for r in sorted(called - set(ids))]
        found += [f"@{r}: {named[0]} calls for no check of it" for r in ids if r not in called and r in requirements()]
    return found


@cache
def _calls() -> tuple[CalledFor, ...]:
    """What the suite calls for, whichever party it judges."""
    return tuple(load_suite(suite_folder(), scenarios=[], checks=CHECKS)[0].called_for)


def _short(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
