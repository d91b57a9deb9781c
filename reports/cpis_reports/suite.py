"""What the suite promises: which checks each catalogue test calls for, and why a test has no scenario.

Both are tables beside the features: `calls_for.csv` (test, check, requirements, scenario, times) and
`dispositions.csv` (id, disposition, reason). This module reads them and names what does not fit together.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from cpis_reports import catalogue
from cpis_reports.catalogue import Requirement
from cpis_reports.checks.registry import Check
from cpis_reports.results import CalledFor, Suite
from cpis_simulator.errors import ConfigError

CALLS_FOR: Final = "calls_for.csv"
DISPOSITIONS: Final = "dispositions.csv"
NO_SCENARIO: Final = "no scenario yet"
NO_CHECK: Final = "no check is called for"
DISPOSITION_WORDS: Final = ("not-yet", "needs-profile", "needs-role", "inspection", "own-tests")


@dataclass(frozen=True, slots=True)
class Disposition:
    """Why a test of the catalogue has no scenario."""

    test: str
    word: str
    reason: str


def load_suite(
    features: Path, *, scenarios: Iterable[tuple[str | None, str]], checks: Mapping[str, Check]
) -> tuple[Suite, list[str]]:
    """Read the tables of a folder of features.

    Args:
        features: Holds `calls_for.csv` and `dispositions.csv`; either may be missing.
        scenarios: Catalogue test and id of each scenario.
        checks: The registered checks.

    Returns:
        The suite, and what does not fit together in it.
    """
    by_test: dict[str, list[str]] = {}
    for test, scenario in scenarios:
        if test is not None:
            by_test.setdefault(test, []).append(scenario)
    dispositions = read_dispositions(features / DISPOSITIONS)
    reasons = {d.test: d.reason for d in dispositions.values() if d.reason and d.test not in by_test}
    called_for, errors = _called_for(_rows(features / CALLS_FOR, ("test", "check", "requirements")), checks)
    errors += [f"{DISPOSITIONS}: {test} is no test of the catalogue" for test in _unknown_tests(dispositions)]
    errors += [f"tag {test} is no test of the catalogue" for test in _unknown_tests(by_test)]
    return Suite(called_for=called_for, scenarios=by_test, reasons=reasons), errors


def is_for(
    test: str | None, scenario: str, role: str, called_for: Iterable[CalledFor], claims: Collection[str] = ()
) -> bool:
    """The scenario's catalogue test can put the role under test, and judges it; one without a test is for everybody.

    A test that applies only to a claim is for whoever makes it; whether a clock can be moved is found out by asking.
    """
    catalogued = catalogue.tests().get(test or "")
    if catalogued is None:
        return True
    calls = [call for call in called_for if call.test == test]
    parties = {call.party for call in calls if fnmatchcase(scenario, call.scenario or "*")}
    needed = catalogued.applies_when
    applies = not needed or needed.startswith("needs:") or needed in claims
    return applies and role in catalogued.profile and (not calls or role in parties)


def read_dispositions(file: Path) -> dict[str, Disposition]:
    """Dispositions by test.

    Raises:
        ConfigError: When a row has an unknown word.
    """
    found: dict[str, Disposition] = {}
    for number, row in enumerate(_rows(file, ("id", "disposition", "reason")), start=2):
        if row["disposition"] not in DISPOSITION_WORDS:
            raise ConfigError(
                "Unknown disposition",
                where=f"{file}, line {number}",
                expected="one of " + ", ".join(DISPOSITION_WORDS),
                found=row["disposition"],
            )
        found[row["id"]] = Disposition(row["id"], row["disposition"], row["reason"])
    return found


def _called_for(rows: Sequence[Mapping[str, str]], checks: Mapping[str, Check]) -> tuple[list[CalledFor], list[str]]:
    calls: list[CalledFor] = []
    errors: list[str] = []
    for row in rows:
        where = f"{CALLS_FOR}: {row['test']}, {row['check']}"
        check = checks.get(row["check"])
        test = catalogue.tests().get(row["test"])
        if check is None or test is None:
            errors.append(f"{where}: no such {'check' if check is None else 'test'}")
            continue
        judged = test.judges.get(check.judges, ())
        named = row["requirements"].split() or [r for r in check.requirements if r in judged]
        for requirement in named:
            if requirement not in check.requirements:
                errors.append(f"{where}: the check does not judge {requirement}")
            elif requirement not in judged:
                errors.append(f"{where}: the test does not judge {requirement} for {check.judges}")
        calls.append(
            CalledFor(
                test=test.id,
                check=check.name,
                party=check.judges,
                requirements=[r for r in named if r in check.requirements and r in judged],
                scenario=row.get("scenario") or "",
                times=int(row.get("times") or 1),
            )
        )
    return calls, errors


def coverage_of_requirements(suite: Suite, role: str | None) -> list[dict[str, Any]]:
    """Each requirement, once for each role that it binds: the tests that judge it in the suite, or why none does."""
    rows: list[dict[str, Any]] = []
    for requirement in catalogue.requirements().values():
        for bound in requirement.binds:
            if role is not None and bound != role:
                continue
            tested_by = sorted(
                {c.test for c in suite.called_for if c.party == bound and requirement.id in c.requirements}
            )
            rows.append(
                {
                    "id": requirement.id,
                    "role": bound,
                    "level": requirement.level,
                    "text": requirement.text,
                    "applies_when": requirement.applies_when,
                    "covered": bool(tested_by),
                    "tested_by": tested_by,
                    "reason": "" if tested_by else why_untested(requirement, bound, suite),
                }
            )
    return rows


def coverage_of_tests(suite: Suite, role: str | None) -> list[dict[str, Any]]:
    """Each test of the catalogue: its scenarios, or why it has none."""
    return [
        {
            "id": test.id,
            "title": test.title,
            "profile": list(test.profile),
            "covered": test.id in suite.scenarios,
            "scenarios": suite.scenarios.get(test.id, []),
            "reason": "" if test.id in suite.scenarios else suite.reasons.get(test.id, NO_SCENARIO),
        }
        for test in catalogue.tests().values()
        if role is None or role in test.profile
    ]


def why_untested(requirement: Requirement, role: str, suite: Suite) -> str:
    """Why no check of the suite judges a requirement for a role."""
    tests = catalogue.judging(requirement.id, role)
    if not tests:
        return requirement.untested_reason.get(role, "no test of the catalogue judges it")
    reasons: dict[str, list[str]] = {}
    for test in tests:
        why = NO_CHECK if test in suite.scenarios else suite.reasons.get(test, NO_SCENARIO)
        reasons.setdefault(why, []).append(test)
    return "; ".join(f"{why} ({', '.join(of)})" for why, of in reasons.items())


def _unknown_tests(tests: Iterable[str]) -> list[str]:
    return [test for test in tests if test not in catalogue.tests()]


def _rows(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a table; none when there is no such file."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError("A column is missing", where=str(file), expected=", ".join(columns), found=text[:60])
    return list(reader)
