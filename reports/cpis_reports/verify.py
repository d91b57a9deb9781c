"""Judging a run again from what it left behind, without the product and without a socket.

The record (`results.json`) is compared with the evidence, link by link: the journal is the one that the run
ended with and an unbroken chain; each body is the one that its record names; every scenario that was begun
and every check that was run is in the record; each check, run again on the evidence of its scenario with its
recorded parameters, comes out as recorded; and outcomes, verdicts and summary follow from that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from cpis_reports import catalogue
from cpis_reports.bundle import Bundle, read_bundle
from cpis_reports.checks import CHECKS, run_check
from cpis_reports.results import Attempt, Part, RecordedCheck, Results, Scenario, Suite, Summary
from cpis_reports.suite import is_for
from cpis_reports.verdicts import effective_of, judge
from cpis_reports.words import Role
from cpis_simulator.evidence import MARK, check_mark


def verify(folder: Path, *, suite: Suite | None = None) -> list[str]:
    """Recompute a run and name every difference.

    Args:
        folder: The run: `results.json`, `evidence.jsonl`, `bodies/`.
        suite: The suite as this harness knows it, to find checks that the record no longer calls for.

    Returns:
        Differences, each with the check, scenario or record that it is in; none when all is as recorded.

    Raises:
        ConfigError: When there is no run to verify.
    """
    bundle = read_bundle(folder)
    differences = [*_journal(bundle), *_bodies(bundle), *_marks(bundle)]
    again = [_run_again(scenario, bundle, differences) for scenario in bundle.results.scenarios]
    differences += _conclusions(bundle.results, again)
    if suite is not None:
        differences += _suite(bundle.results.suite, suite, bundle.results.run.role, bundle.results.run.claims)
    return differences


def _journal(bundle: Bundle) -> list[str]:
    differences = [f"evidence: {problem}" for problem in bundle.problems]
    run = bundle.results.run
    last, count = bundle.seal
    if run.evidence_records is not None and run.evidence_records != count:
        differences.append(f"evidence: the run ended with {run.evidence_records} records, found {count}")
    if run.evidence_sha256 is None:
        differences.append("evidence: the record does not say with which line it ended")
    elif run.evidence_sha256 != last:
        differences.append("evidence: its last line is not the one that the run ended with")
    return differences


def _bodies(bundle: Bundle) -> list[str]:
    differences = []
    for record in bundle.evidence.records:
        where = f"record {record.seq} ({record.scenario or 'outside a scenario'})"
        try:
            size = len(bundle.evidence.body(record))
        except KeyError as error:
            differences.append(f"{where}: {error.args[0]}")
            continue
        if size != record.size:
            differences.append(f"{where}: its body has {size} bytes, recorded were {record.size}")
    return differences


def _marks(bundle: Bundle) -> list[str]:
    """Scenarios that were begun and checks that were run, compared with those in the record."""
    recorded = {
        scenario.id: Counter(check_mark(c.check, c.outcome) for a in scenario.attempts for c in a.checks)
        for scenario in bundle.results.scenarios
    }
    marked: dict[str, Counter[str]] = {}
    for scenario, records in bundle.by_scenario.items():
        marks = [r.headers for r in records if r.channel == MARK]
        marked[scenario] = Counter(m.get("text", "") for m in marks if m.get("event") == "check")
    differences = [f"scenario {name}: it was played, but is not in the record" for name in marked.keys() - recorded]
    for name, checks in recorded.items():
        run = marked.get(name, Counter())
        differences += [f"scenario {name}: '{text}' is in the evidence, not in the record" for text in run - checks]
        differences += [f"scenario {name}: '{text}' is in the record, not in the evidence" for text in checks - run]
    return sorted(differences)


def _run_again(scenario: Scenario, bundle: Bundle, differences: list[str]) -> Scenario:
    """The scenario with every check run again; what came out differently is noted."""
    attempts = []
    for attempt in scenario.attempts:
        checks = [_check_again(recorded, scenario, bundle, differences) for recorded in attempt.checks]
        attempts.append(attempt.model_copy(update={"checks": checks}))
    return scenario.model_copy(update={"attempts": attempts})


def _check_again(recorded: RecordedCheck, scenario: Scenario, bundle: Bundle, differences: list[str]) -> RecordedCheck:
    evidence = bundle.of_scenario(scenario.id, since=recorded.since, until=recorded.until)
    judgement = run_check(recorded.check, evidence, recorded.parameters)
    again = recorded.model_copy(
        update={
            "outcome": judgement.outcome,
            "findings": list(judgement.findings),
            "evidence": list(judgement.evidence),
            "witness": judgement.witness,
            "doctor": judgement.doctor,
            "cause": judgement.cause,
            "by": list(judgement.by),
        }
    )
    known = CHECKS.get(recorded.check)
    if known is not None:
        requirements = effective_of(known.requirements, scenario.test, known.judges)
        again = again.model_copy(update={"party": known.judges, "requirements": requirements})
    where = f"check {recorded.check} in {scenario.id}"
    compared = ("outcome", "cause", "findings", "evidence", "witness", "by", "doctor", "party", "requirements")
    for key in compared:
        differences += _unlike(f"{where}: {key}", getattr(recorded, key), getattr(again, key))
    return again


def _conclusions(recorded: Results, scenarios: list[Scenario]) -> list[str]:
    """What the record concludes, compared with what follows from the checks as they came out again."""
    blank = recorded.model_copy(
        update={
            "scenarios": [s.model_copy(update={"attempts": [_undecided(a) for a in s.attempts]}) for s in scenarios],
            "requirements": [],
            "own_errors": [],
            "summary": Summary(),
            "run": recorded.run.model_copy(update={"passed": False}),
        }
    )
    again = judge(blank)
    differences: list[str] = []
    for old, new in zip(recorded.scenarios, again.scenarios, strict=True):
        differences += _fields(f"scenario {old.id}", old, new, ("own", "outcome", "cause", "reason", "doctor"))
        for number, (before, after) in enumerate(zip(old.attempts, new.attempts, strict=True), start=1):
            differences += _fields(f"scenario {old.id}, attempt {number}", before, after, ("outcome", "cause"))
    differences += _requirements(recorded, again)
    differences += _fields("summary", recorded.summary, again.summary, Summary.model_fields)
    differences += _unlike("run: passed", recorded.run.passed, again.run.passed)
    differences += _unlike("errors of the suite", recorded.errors, again.errors)
    differences += _unlike("errors of own scenarios", recorded.own_errors, again.own_errors)
    return differences


def _requirements(recorded: Results, again: Results) -> list[str]:
    old = {v.id: v for v in recorded.requirements}
    differences: list[str] = []
    for verdict in again.requirements:
        before = old.pop(verdict.id, None)
        if before is None:
            differences.append(f"requirement {verdict.id}: not in the record")
        else:
            differences += _fields(f"requirement {verdict.id}", before, verdict, type(verdict).model_fields)
    return differences + [f"requirement {unknown}: does not bind the role" for unknown in old]


def _undecided(attempt: Attempt) -> Attempt:
    return attempt.model_copy(update={"outcome": "inconclusive", "cause": None})


def _suite(recorded: Suite, known: Suite, role: Role, claims: Collection[str]) -> list[str]:
    """Checks and scenarios of the role that the suite calls for and the record leaves out."""

    def calls(suite: Suite) -> set[tuple[str, str, str, str, int]]:
        return {
            (call.test, call.check, requirement, call.scenario, call.times)
            for call in suite.called_for
            if call.party == role
            for requirement in call.requirements
        }

    missing = [
        f"suite: {test} calls for {name} to show {requirement}, the record does not"
        for test, name, requirement, *_ in sorted(calls(known) - calls(recorded))
    ]
    for test, ids in known.scenarios.items():
        if test not in catalogue.tests():
            continue
        own = {scenario for scenario in ids if is_for(test, scenario, role, known.called_for, claims)}
        left_out = sorted(own - set(recorded.scenarios.get(test, ())))
        missing += [f"suite: {test} has the scenario {scenario}, the record does not" for scenario in left_out]
    return missing


def _fields(where: str, old: Part, new: Part, keys: Iterable[str]) -> list[str]:
    return [
        difference for key in keys for difference in _unlike(f"{where}: {key}", getattr(old, key), getattr(new, key))
    ]


def _unlike(where: str, recorded: Any, found: Any) -> list[str]:
    return [] if recorded == found else [f"{where}: recorded {_shown(recorded)}, found {_shown(found)}"]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return "nothing" if value is None or value == "" else str(value)
