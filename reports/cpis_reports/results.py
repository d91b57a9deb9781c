"""`results.json`: the one record of a run, from which every report is made.

The recorder writes what happened (steps, checks, why an attempt stopped); `verdicts.judge` adds what
follows from it (outcomes, requirements, summary). Keys may be added; those that exist keep their meaning,
because scripts read them.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from cpis_reports.words import Cause, Level, Outcome, Party, Role, ScenarioOutcome, Status, Verdict, Witness
from cpis_simulator.errors import ConfigError

SCHEMA_VERSION: Final = 1


class Part(BaseModel):
    """A JSON object of the record. Readers ignore what they do not know."""

    model_config = ConfigDict(extra="ignore")


class Step(Part):
    """One step of an attempt: `passed`, `failed`, `undefined` or `not-run`."""

    keyword: str
    text: str
    outcome: Literal["passed", "failed", "undefined", "not-run"]
    message: str = ""
    since: int | None = None
    until: int | None = None


class RecordedCheck(Part):
    """A check that was run: on what, and with what outcome.

    `since` and `until` bound the evidence that it saw: records of its scenario after the one and up to the other.
    `requirements` are those that it judged here, `by` the people on whose word it rests; `doctor` is the check of
    `cpis doctor` that explains why it could not. `explanation` is what the mock Spine said of its answer when the check
    failed: help for whoever mends it, no evidence.
    """

    check: str
    party: Party
    requirements: list[str]
    step: str
    parameters: dict[str, JsonValue] = {}
    since: int = 0
    until: int
    evidence: list[int]
    outcome: Outcome
    cause: Cause | None = None
    witness: Witness
    findings: list[str] = []
    doctor: str = ""
    by: list[str] = []
    explanation: str = ""


class Stop(Part):
    """What ended an attempt before its last step, other than a check.

    `doctor` is the check of `cpis doctor` that explains it, empty where none does.
    """

    cause: Literal["config", "harness", "not-reached", "not-tested"]
    reason: str
    doctor: str = ""


class Attempt(Part):
    """One go at a scenario. `outcome` follows from the rest."""

    outcome: ScenarioOutcome = "inconclusive"
    cause: Cause | None = None
    duration_s: float = 0.0
    stop: Stop | None = None
    steps: list[Step] = []
    checks: list[RecordedCheck] = []


class Scenario(Part):
    """A scenario, or one row of an outline. `outcome`, `cause`, `reason` and `doctor` follow from its attempts.

    `own` says that it is none of the suite: somebody's own, which is reported apart and shows no requirement.
    """

    id: str
    name: str
    feature: str
    line: int
    tags: list[str] = []
    test: str | None = None
    requirements: list[str] = []
    own: bool = False
    outcome: ScenarioOutcome = "inconclusive"
    cause: Cause | None = None
    reason: str = ""
    doctor: str = ""
    attempts: list[Attempt] = []


class RequirementVerdict(Part):
    """What the run shows of one requirement that binds the role.

    `by` are the people on whose word it rests, `without_scenario` catalogue tests that judge it for the role and that
    the suite has no scenario of.
    """

    id: str
    level: Level
    verdict: Verdict
    cause: Cause | None = None
    witness: Witness | None = None
    by: list[str] = []
    reason: str = ""
    doctor: str = ""
    scenarios: list[str] = []
    without_scenario: list[str] = []


class Product(Part):
    """The system under test, as its supplier names it."""

    name: str
    version: str = ""
    supplier: str = ""


class OwnPerson(Part):
    """A person whom the run made up; reports may show them."""

    nhs_number: str
    name: str = ""


class Run(Part):
    """Which run it was; `passed` says that nothing selected failed or stayed inconclusive.

    `authorities` are the codes of those that the product serves, the one under test first.
    """

    id: str
    role: Role
    seed: int
    challenge: str = ""
    started: str
    ended: str
    harness_version: str
    product: Product
    passed: bool = False
    base: str | None = None
    settings: dict[str, JsonValue] = {}
    authorities: list[str] = []
    claims: list[str] = []
    capabilities: list[str] | None = None
    selection: str | None = None
    evidence_sha256: str | None = None
    evidence_records: int | None = None
    people: list[OwnPerson] = []


class CalledFor(Part):
    """A check that the suite calls for in a catalogue test, and the requirements that it must show there.

    `scenario` narrows it to scenarios whose id matches the pattern; empty means each of the test. `times` is
    how often a scenario calls it at least, as one that looks at two children does.
    """

    test: str
    check: str
    party: Party
    requirements: list[str]
    scenario: str = ""
    times: int = 1


class Suite(Part):
    """What the suite holds, whether selected or not: the measure that a run is held against."""

    called_for: list[CalledFor] = []
    scenarios: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}


class Summary(Part):
    """The run in a few numbers; `claim` says it in a sentence. `own_scenarios` count in nothing else."""

    status: Status = "incomplete"
    conformant: bool = False
    claim: str = ""
    requirements: dict[str, int] = {}
    scenarios: dict[str, int] = {}
    own_scenarios: dict[str, int] = {}
    caveats: list[str] = []


class Results(Part):
    """The whole record. `own_errors` are faults of somebody's own scenarios, as `errors` are of the suite."""

    schema_version: int = SCHEMA_VERSION
    run: Run
    summary: Summary = Summary()
    requirements: list[RequirementVerdict] = []
    scenarios: list[Scenario] = []
    errors: list[str] = []
    own_errors: list[str] = []
    suite: Suite = Suite()


def read_results(path: Path) -> Results:
    """Read `results.json`; `path` is the file or the folder of its run.

    Raises:
        ConfigError: When there is none, or it is no record of a run.
    """
    file = path / "results.json" if path.is_dir() else path
    try:
        value = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError("No results to read", where=str(file), mend="Name the folder of a run.") from error
    except ValueError as error:
        raise ConfigError("The results are not JSON", where=str(file), found=str(error)) from error
    version = value.get("schema_version") if isinstance(value, dict) else None
    if version != SCHEMA_VERSION:
        raise ConfigError(
            "The results are of another version",
            where=str(file),
            expected=f"schema_version {SCHEMA_VERSION}",
            found=version,
            mend="Use the harness that wrote them.",
        )
    try:
        return Results.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            "The results are not whole",
            where=f"{file}, {'.'.join(str(part) for part in first['loc'])}",
            found=first["msg"],
        ) from error


def write_results(path: Path, results: Results) -> None:
    """Write `results.json`, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(results.model_dump_json(indent=1) + "\n", encoding="utf-8", newline="\n")
    os.replace(temporary, path)


_PORT: Final = re.compile(r"(?<=\b127\.0\.0\.1:)\d+|(?<=\blocalhost:)\d+")
# An XPath of a message begins with a capital letter and must stay; so must what follows a host and port.
_PATH: Final = re.compile(r"(?<![\w.:/<])/(?:[a-z.][\w.+-]*|Users|Volumes)(?:/[\w.+-]+)+|\b[A-Za-z]:\\[^\s\"']+")
_OWN_TO_A_RUN: Final = {
    "run": ("id", "started", "ended", "evidence_sha256", "evidence_records"),
    "attempts": ("duration_s",),
    "steps": ("since", "until"),
    "checks": ("since", "until"),
}


def normalised(results: Results) -> dict[str, Any]:
    """The record without what differs from run to run.

    Times, durations, run id, ports, paths and numbers of records are dropped (of the evidence of a check
    its count stays); scenarios, requirements, people and errors are sorted.
    """
    value = results.model_dump(mode="json")
    _drop(value, "")
    for key in ("requirements", "scenarios"):
        value[key].sort(key=lambda item: item["id"])
    value["run"]["people"].sort(key=lambda person: person["nhs_number"])
    value["errors"].sort()
    value["own_errors"].sort()
    plain = _neutral(value)
    assert isinstance(plain, dict)
    return plain


def _drop(value: Any, key: str) -> None:
    """Remove, at any depth, the keys that belong to one run; `key` is where `value` stood."""
    if isinstance(value, list):
        for item in value:
            _drop(item, key)
    elif isinstance(value, dict):
        for own in _OWN_TO_A_RUN.get(key, ()):
            value.pop(own, None)
        if key == "checks":
            value["evidence"] = len(value["evidence"])
        for name, item in value.items():
            if name != "parameters":
                _drop(item, name)


def _neutral(value: Any) -> Any:
    """The same with ports and paths replaced by words."""
    if isinstance(value, str):
        return _PATH.sub("PATH", _PORT.sub("PORT", value))
    if isinstance(value, list):
        return [_neutral(item) for item in value]
    if isinstance(value, dict):
        return {name: _neutral(item) for name, item in value.items()}
    return value
