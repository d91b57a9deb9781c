"""From what was recorded to what it means: outcomes of scenarios, verdicts on requirements, the summary.

Everything here is a function of the record alone, so that a run can be judged again by anybody who holds
it. A verdict on a requirement comes from checks, never from tags: each check that the suite calls for must
have run in every scenario of its test, on evidence, and passed. What is missing is named as missing; it
never counts as a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from cpis_reports import catalogue
from cpis_reports.catalogue import Requirement
from cpis_reports.results import (
    Attempt,
    CalledFor,
    RecordedCheck,
    RequirementVerdict,
    Results,
    Scenario,
    Suite,
    Summary,
)
from cpis_reports.suite import why_untested
from cpis_reports.words import Cause, ScenarioOutcome, Status, Verdict, Witness

WEAKENING: Final = frozenset(
    (
        "inactive.adoption_no_link",
        "pds.unknown",
        "upload.bad_record",
        "upload.business_checks",
        "upload.duplicate_file_id",
        "upload.foreign_sender",
        "upload.quantity_mismatch",
    )
)
"""Settings that, once changed, make the service look away: such a run is never conformant."""

CAPABILITY_OF: Final = {
    "UPL": "upload",
    "ACK": "acknowledgement",
    "NTF": "access-notification",
    "INA": "inactive-number",
}
"""The capability of an authority that a family of requirements belongs to."""

_CAUSES: Final[tuple[Cause, ...]] = ("config", "harness", "not-reached")
_WITNESSES: Final[tuple[Witness, ...]] = ("person", "product", "wire")


def judge(results: Results) -> Results:
    """The same record with all that follows from it: outcomes, verdicts, errors of the suite, summary."""
    known = {scenario for ids in results.suite.scenarios.values() for scenario in ids}
    scenarios = [
        # Nothing that the suite has can be called somebody's own.
        _judge_scenario(scenario, results).model_copy(update={"own": scenario.own and scenario.id not in known})
        for scenario in results.scenarios
    ]
    errors, own_errors = set(results.errors), set(results.own_errors)
    for scenario in scenarios:
        found = [*_unjudged_tags(scenario, results.run.role, results.suite), *_uncalled_checks(scenario, results.suite)]
        (own_errors if scenario.own else errors).update(found)
    ledger = _Ledger(results.run.role, [s for s in scenarios if not s.own], results.suite)
    verdicts = [_verdict(requirement, results, ledger) for requirement in catalogue.binding(results.run.role)]
    judged = results.model_copy(
        update={
            "scenarios": scenarios,
            "requirements": verdicts,
            "errors": sorted(errors),
            "own_errors": sorted(own_errors),
        }
    )
    # An error of the suite is nobody's failure, but a run that has one shows less than it seems to.
    undecided = [s for s in scenarios if s.outcome in ("fail", "inconclusive")]
    broken = undecided or errors or own_errors
    passed = not (broken or any(v.verdict in ("fail", "inconclusive") for v in verdicts))
    return judged.model_copy(
        update={"run": results.run.model_copy(update={"passed": passed}), "summary": _summary(judged)}
    )


def exit_code(results: Results, *, require_conformant: bool = False) -> int:
    """0 nothing failed, 1 something failed or stayed undecided.

    Where nothing could be judged at all: 2 for the description of the product, 3 for everything else.
    """
    if results.run.passed:
        return 1 if require_conformant and not results.summary.conformant else 0
    if any(v.verdict == "fail" for v in results.requirements):
        return 1
    outcomes = {scenario.outcome for scenario in results.scenarios}
    if outcomes & {"pass", "fail"}:
        return 1
    causes = {scenario.cause for scenario in results.scenarios if scenario.outcome == "inconclusive"}
    if causes & {"harness", "not-reached"}:
        return 3
    return 2 if causes == {"config"} else 1


def _judge_scenario(scenario: Scenario, results: Results) -> Scenario:
    attempts = [_judge_attempt(attempt, scenario.test, results.run.role) for attempt in scenario.attempts]
    if not attempts:
        return scenario.model_copy(
            update={"outcome": "inconclusive", "cause": "not-reached", "reason": "it was never begun"}
        )
    # A failed attempt stays, whatever a later one says.
    deciding = next((a for a in attempts if a.outcome == "fail"), attempts[-1])
    return scenario.model_copy(
        update={
            "attempts": attempts,
            "outcome": deciding.outcome,
            "cause": deciding.cause,
            "reason": _reason(deciding, results.run.role),
            "doctor": _doctor(deciding),
        }
    )


def _judge_attempt(attempt: Attempt, test: str | None, role: str) -> Attempt:
    checks = [
        recorded.model_copy(update={"requirements": effective_of(recorded.requirements, test, recorded.party)})
        for recorded in attempt.checks
    ]
    outcome, cause = _outcome(attempt, role)
    return attempt.model_copy(update={"checks": checks, "outcome": outcome, "cause": cause})


def effective_of(requirements: Iterable[str], test: str | None, party: str) -> list[str]:
    """The requirements on which a check gives a verdict in a test: those that it and the test both judge."""
    known = catalogue.tests().get(test or "")
    if known is None:
        return list(requirements)
    allowed = known.judges.get(party, ())
    return [requirement for requirement in requirements if requirement in allowed]


def _outcome(attempt: Attempt, role: str) -> tuple[ScenarioOutcome, Cause | None]:
    own = [recorded for recorded in attempt.checks if recorded.party == role]
    if any(recorded.outcome == "fail" for recorded in own):
        return "fail", None
    if attempt.stop is not None:
        if attempt.stop.cause == "not-tested":
            return "not-tested", None
        return "inconclusive", attempt.stop.cause
    # A party that the harness plays cannot fail the product: that it misbehaved is our fault.
    causes: set[Cause | None] = {c.cause for c in attempt.checks if c.outcome == "inconclusive"}
    if any(recorded.outcome == "fail" for recorded in attempt.checks):
        causes.add("harness")
    if not causes and (not own or any(step.outcome != "passed" for step in attempt.steps)):
        causes.add("harness")
    return ("inconclusive", _first(causes)) if causes else ("pass", None)


def _reason(attempt: Attempt, role: str) -> str:
    """Why an attempt is no pass, in a sentence."""
    if attempt.outcome == "pass":
        return ""
    if attempt.outcome != "fail" and attempt.stop is not None:
        return attempt.stop.reason
    wanted = "fail" if attempt.outcome == "fail" else "inconclusive"
    for recorded in attempt.checks:
        if recorded.outcome == wanted and (recorded.party == role or wanted == "inconclusive"):
            return "; ".join(recorded.findings) or recorded.check
    for recorded in attempt.checks:
        if recorded.outcome == "fail":
            return f"the harness's own {recorded.party} misbehaved: {'; '.join(recorded.findings)}"
    for step in attempt.steps:
        if step.outcome != "passed":
            return step.message or f"the step was {step.outcome}: {step.text}"
    return "no check of the role under test was run"


def _doctor(attempt: Attempt) -> str:
    """The check of `cpis doctor` that explains why an attempt decided nothing."""
    if attempt.outcome != "inconclusive":
        return ""
    if attempt.stop is not None:
        return attempt.stop.doctor
    return next((c.doctor for c in attempt.checks if c.outcome == "inconclusive" and c.cause == attempt.cause), "")


def _unjudged_tags(scenario: Scenario, role: str, suite: Suite) -> list[str]:
    """Requirement tags that no check of a finished scenario judged."""
    if not scenario.attempts or not _finished(scenario.attempts[-1]):
        return []
    test = catalogue.tests().get(scenario.test or "")
    expected = set(test.judges.get(role, ())) if test else {r.id for r in catalogue.binding(role)}
    # A tag may be there for another party that the test judges as well: then the suite calls for that party's check.
    calls = [call for call in suite.called_for if call.test == scenario.test]
    own = {r for call in calls if call.party == role for r in call.requirements}
    expected -= {r for call in calls if call.party != role for r in call.requirements} - own
    judged = {r for c in scenario.attempts[-1].checks if c.party == role for r in c.requirements}
    return [
        f"{scenario.id}: tagged {tag}, but no check judged it"
        for tag in scenario.requirements
        if tag in expected and tag not in judged
    ]


def _uncalled_checks(scenario: Scenario, suite: Suite) -> list[str]:
    """Checks of whatever party that the suite calls for in a finished scenario and that were not run."""
    if not scenario.attempts or not _finished(scenario.attempts[-1]):
        return []
    run = Counter(recorded.check for recorded in scenario.attempts[-1].checks)
    return [
        _too_few(call, scenario, run[call.check])
        for call in suite.called_for
        if call.test == scenario.test
        and fnmatchcase(scenario.id, call.scenario or "*")
        and run[call.check] < call.times
    ]


def _too_few(call: CalledFor, scenario: Scenario, run: int) -> str:
    if call.times == 1:
        return f"{scenario.id}: {call.check} was not run, though {call.test} calls for it"
    return f"{scenario.id}: {call.check} was run {run} times, though {call.test} calls for it {call.times} times"


def _finished(attempt: Attempt) -> bool:
    return attempt.stop is None and all(step.outcome in ("passed", "failed") for step in attempt.steps)


@dataclass(slots=True)
class _Ledger:
    """All that the verdicts of one run are read from."""

    role: str
    scenarios: Sequence[Scenario]
    suite: Suite
    by_id: dict[str, Scenario] = field(init=False)

    def __post_init__(self) -> None:
        self.by_id = {scenario.id: scenario for scenario in self.scenarios}

    def scenarios_of(self, test: str) -> list[str]:
        """Ids of all scenarios of a catalogue test, selected or not."""
        known = list(self.suite.scenarios.get(test, ()))
        return known + [s.id for s in self.scenarios if s.test == test and s.id not in known]

    def calls(self, requirement: str) -> list[CalledFor]:
        """What the suite calls for to show a requirement of the role."""
        return [
            call
            for call in self.suite.called_for
            if call.party == self.role
            and requirement in call.requirements
            and any(fnmatchcase(s, call.scenario or "*") for s in self.scenarios_of(call.test))
        ]

    def judged(self, requirement: str) -> list[tuple[Scenario, RecordedCheck]]:
        """Checks that gave a verdict on it: of the last attempt, and the failed ones of any."""
        return [
            (scenario, recorded)
            for scenario in self.scenarios
            for number, attempt in enumerate(scenario.attempts, start=1)
            for recorded in attempt.checks
            if recorded.party == self.role
            and requirement in recorded.requirements
            and (number == len(scenario.attempts) or recorded.outcome == "fail")
        ]


@dataclass(slots=True)
class _Gaps:
    """What keeps a requirement from being shown.

    A reason stands with its cause and the check of `cpis doctor` that explains it.
    """

    causes: set[Cause | None] = field(default_factory=set)
    reasons: list[tuple[Cause | None, str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unselected: set[str] = field(default_factory=set)


def _verdict(requirement: Requirement, results: Results, ledger: _Ledger) -> RequirementVerdict:
    judged = ledger.judged(requirement.id)
    calls = ledger.calls(requirement.id)
    called = {call.test for call in calls}

    def verdict(
        word: Verdict,
        *,
        cause: Cause | None = None,
        reason: str = "",
        doctor: str = "",
        of: Iterable[RecordedCheck] = (),
    ) -> RequirementVerdict:
        of = list(of)
        return RequirementVerdict(
            id=requirement.id,
            level=requirement.level,
            verdict=word,
            cause=cause,
            witness=_weakest(recorded.witness for recorded in of),
            by=sorted({name for recorded in of for name in recorded.by}),
            reason=reason,
            doctor=doctor,
            scenarios=sorted({scenario.id for scenario, _ in judged}),
            without_scenario=[test for test in catalogue.judging(requirement.id, ledger.role) if test not in called],
        )

    if failures := [recorded for _, recorded in judged if recorded.outcome == "fail"]:
        findings = [finding for recorded in failures for finding in recorded.findings]
        return verdict("fail", reason=findings[0] if findings else failures[0].check, of=failures)
    if not requirement.applies(frozenset(results.run.claims)):
        return verdict("not-applicable", reason=f"the product does not claim {requirement.applies_when}")
    if not calls:
        return verdict("not-tested", reason=_why_untested(requirement, results))
    gaps = _gaps(requirement.id, calls, judged, ledger)
    if gaps.causes:
        cause = _first(gaps.causes)
        _, reason, doctor = next((r for r in gaps.reasons if r[0] == cause), gaps.reasons[0])
        return verdict("inconclusive", cause=cause, reason=reason, doctor=doctor)
    if gaps.unselected:
        selected = len(called) - len(gaps.unselected)
        return verdict("not-tested", reason=f"only {selected} of {len(called)} tests selected")
    if gaps.skipped:
        return verdict("not-tested", reason=gaps.skipped[0])
    checks = [recorded for _, recorded in judged]
    on_word = any(c.outcome == "attested" or c.witness == "person" for c in checks)
    return verdict("attested" if on_word else "pass", of=checks)


def _gaps(
    requirement: str,
    calls: Sequence[CalledFor],
    judged: Sequence[tuple[Scenario, RecordedCheck]],
    ledger: _Ledger,
) -> _Gaps:
    gaps = _Gaps()
    for _, recorded in judged:
        if recorded.outcome == "inconclusive":
            gaps.causes.add(recorded.cause)
            gaps.reasons.append((recorded.cause, "; ".join(recorded.findings) or recorded.check, recorded.doctor))
    for call in calls:
        for scenario_id in ledger.scenarios_of(call.test):
            if not fnmatchcase(scenario_id, call.scenario or "*"):
                continue
            scenario = ledger.by_id.get(scenario_id)
            if scenario is None:
                gaps.unselected.add(call.test)
            elif scenario.outcome == "not-tested":
                gaps.skipped.append(scenario.reason)
            elif (run := sum(s.id == scenario_id and c.check == call.check for s, c in judged)) < call.times:
                _note_missing(call, scenario, run, gaps)
    return gaps


def _note_missing(call: CalledFor, scenario: Scenario, run: int, gaps: _Gaps) -> None:
    """A check that was called for did not judge: the scenario ended early, or we forgot to call it."""
    if scenario.attempts and _finished(scenario.attempts[-1]):
        gaps.causes.add("harness")
        gaps.reasons.append(("harness", _too_few(call, scenario, run), ""))
    else:
        cause: Cause = scenario.cause or "not-reached"
        gaps.causes.add(cause)
        gaps.reasons.append((cause, scenario.reason or "the scenario ended before the check", scenario.doctor))


def _why_untested(requirement: Requirement, results: Results) -> str:
    role = results.run.role
    capability = CAPABILITY_OF.get(requirement.id.split("-")[1])
    claimed = results.run.capabilities
    if role == "authority" and claimed and capability is not None and capability not in claimed:
        return f"the product does not claim the capability {capability}"
    return why_untested(requirement, role, results.suite)


def _summary(results: Results) -> Summary:
    counted = [v for v in results.requirements if v.level != "INFO"]
    must = [v for v in counted if v.level == "MUST" and v.verdict != "not-applicable"]
    words = Counter(v.verdict for v in must)
    caveats = _caveats(results)
    status = _status(words, partial=results.run.selection is not None, caveats=bool(caveats))
    return Summary(
        status=status,
        conformant=status in ("conformant", "conformant-with-attestations"),
        claim=claim(words),
        requirements=dict(sorted(Counter(v.verdict for v in counted).items())),
        scenarios=dict(sorted(Counter(s.outcome for s in results.scenarios if not s.own).items())),
        own_scenarios=dict(sorted(Counter(s.outcome for s in results.scenarios if s.own).items())),
        caveats=caveats,
    )


def _status(words: Counter[Verdict], *, partial: bool, caveats: bool) -> Status:
    if words["fail"]:
        return "not-conformant"
    if partial:
        return "partial"
    if words["inconclusive"] or words["not-tested"] or caveats or not words:
        return "incomplete"
    return "conformant-with-attestations" if words["attested"] else "conformant"


def _caveats(results: Results) -> list[str]:
    """What keeps a run from being conformant although nothing failed."""
    changed = sorted(WEAKENING.intersection(results.run.settings))
    caveats = [f"weakened by the setting {name}" for name in changed]
    if results.errors:
        caveats.append(f"{len(results.errors)} errors of the suite")
    return caveats


def claim(words: Counter[Verdict]) -> str:
    """The run in a sentence, over the mandatory requirements that apply: `words` counts their verdicts."""
    shown = words["pass"] + words["attested"]
    text = f"{shown} of {words.total()} mandatory requirements shown, {words['fail']} failed"
    if words["inconclusive"]:
        text += f", {words['inconclusive']} undecided"
    return f"{text}, {words['not-tested']} not tested"


def _first(causes: Iterable[Cause | None]) -> Cause:
    found = set(causes)
    return next((cause for cause in _CAUSES if cause in found), "harness")


def _weakest(witnesses: Iterable[Witness]) -> Witness | None:
    found = set(witnesses)
    return next((witness for witness in _WITNESSES if witness in found), None)
