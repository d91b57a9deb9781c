"""What a check is, the table of all checks, and how one is run.

A check is a pure function: evidence and parameters in, a judgement out. It never waits and never looks
anywhere but at the evidence it is handed, so it can be run again later and elsewhere, with the same
outcome. Two rules keep that true: parameters are JSON values (a date is its ISO text), and findings name no
record numbers, because those change when the evidence of several lanes is joined.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from cpis_reports.words import Cause, Outcome, Party, Witness
from cpis_simulator.errors import PeerError
from cpis_simulator.evidence import DRIVER, MARK, PROBE, Evidence, Record

Seen = Record | int | Iterable[Record]
"""What a judgement rests on: records, or numbers of records."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check found.

    Attributes:
        outcome: `attested` is a pass on a person's word.
        findings: What is wrong, one sentence each; empty when nothing is.
        evidence: Numbers of the records that it rests on.
        witness: The strongest witness: the bytes, the product's driver, or a person.
        cause: Why nothing could be decided; only with `inconclusive`.
        doctor: Id of the check of `cpis doctor` that explains that, empty where none does.
        by: People on whose word it rests.
    """

    outcome: Outcome
    findings: tuple[str, ...]
    evidence: tuple[int, ...]
    witness: Witness
    cause: Cause | None = None
    doctor: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check: whom it judges, for which requirements, on whose word."""

    name: str
    judges: Party
    requirements: tuple[str, ...]
    witness: Witness
    function: Callable[..., Judgement]

    @property
    def summary(self) -> str:
        """First line of the check's documentation."""
        return (inspect.getdoc(self.function) or self.name).splitlines()[0]


CHECKS: Final[dict[str, Check]] = {}
"""Every check by name."""

CheckFunction = TypeVar("CheckFunction", bound=Callable[..., Judgement])


def check(
    name: str, *, judges: Party, requirements: Sequence[str], witness: Witness
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as a check; the function itself stays as it is.

    Args:
        name: How steps and reports call it; never changed once runs were recorded with it.
        judges: The party whose conduct it looks at.
        requirements: Ids of the requirements it can judge.
        witness: The witness that it normally rests on.

    Raises:
        ValueError: When the name is taken.
    """

    def register(function: CheckFunction) -> CheckFunction:
        if name in CHECKS:
            raise ValueError(f"two checks are called {name!r}; rename one")
        CHECKS[name] = Check(name, judges, tuple(requirements), witness, function)
        return function

    return register


def passed(witness: Witness, *evidence: Seen) -> Judgement:
    """All is as required; a pass without evidence is none (see `run_check`)."""
    return Judgement("attested" if witness == "person" else "pass", (), _numbers(evidence), witness)


def failed(witness: Witness, findings: str | Iterable[str], *evidence: Seen) -> Judgement:
    """The party broke the requirement."""
    texts = (findings,) if isinstance(findings, str) else tuple(findings)
    return Judgement("fail", texts, _numbers(evidence), witness)


def judged(witness: Witness, findings: Iterable[str], *evidence: Seen) -> Judgement:
    """Passed when there are no findings, else failed."""
    texts = tuple(findings)
    return failed(witness, texts, *evidence) if texts else passed(witness, *evidence)


def undecided(cause: Cause, why: str, *evidence: Seen, witness: Witness = "wire", doctor: str = "") -> Judgement:
    """Nothing can be said about the party, and why not."""
    return Judgement("inconclusive", (why,), _numbers(evidence), witness, cause, doctor)


def run_check(name: str, evidence: Evidence, parameters: Mapping[str, Any]) -> Judgement:
    """Run a check and keep blame where it belongs.

    A check that gets no evidence, or passes without naming any, has decided nothing; one that breaks is our
    fault; only a broken message of the very party it judges is that party's.
    """
    known = CHECKS.get(name)
    if known is None:
        return undecided("harness", f"there is no check called {name}")
    if all(record.channel == MARK for record in evidence.records):
        return undecided("not-reached", "nothing crossed a border", witness=known.witness)
    try:
        plain = json.loads(json.dumps(dict(parameters)))
        if plain != dict(parameters):
            return undecided("harness", f"the parameters of {name} are not plain JSON", witness=known.witness)
        judgement = known.function(evidence, **plain)
    except PeerError as error:
        if error.party == known.judges:
            return Judgement("fail", (str(error),), (), known.witness)
        return undecided("harness", f"{type(error).__name__}: {error}", witness=known.witness)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a check is ours, and must not end the run
        return undecided("harness", f"{type(error).__name__}: {error}", witness=known.witness)
    if judgement.outcome in ("pass", "attested") and not judgement.evidence:
        return replace(
            judgement,
            outcome="inconclusive",
            cause="not-reached",
            findings=("it passed, but on no evidence",),
        )
    if judgement.outcome == "fail" and known.judges == "authority" and (seen := _never_read(evidence)):
        # It may read another folder, and then nothing that it was told can have had an effect.
        return replace(
            judgement,
            outcome="inconclusive",
            cause="config",
            findings=(*judgement.findings, f"nothing that was delivered to {seen[0]} was ever read or taken"),
            evidence=_numbers((*judgement.evidence, seen[1])),
            doctor="responses-left",
        )
    return _on_whose_word(judgement, evidence)


def _on_whose_word(judgement: Judgement, evidence: Evidence) -> Judgement:
    """What a product said is a person's word where a person said it for the product; a pass is then attested.

    Bytes that were seen stay what they are, whoever keyed in what they hold.
    """
    people = {
        record.headers["attested_by"]
        for record in evidence.on(DRIVER)
        if record.seq in judgement.evidence and "attested_by" in record.headers
    }
    if not people:
        return judgement
    if judgement.witness == "wire":
        # A file that did not come is a breach only because a person says that it was made.
        return replace(judgement, by=tuple(sorted(people))) if judgement.outcome == "fail" else judgement
    outcome: Outcome = "attested" if judgement.outcome == "pass" else judgement.outcome
    return replace(judgement, outcome=outcome, witness="person", by=tuple(sorted(people)))


def _never_read(evidence: Evidence) -> tuple[str, Record] | None:
    """The receiving folder of the authority, if it has read nothing there in all its time; and what says so."""
    probes = evidence.on(PROBE)
    folder = evidence.json(probes[-1]).get("never_read") if probes else ""
    return (str(folder), probes[-1]) if folder else None


def _numbers(evidence: Iterable[Seen]) -> tuple[int, ...]:
    numbers: set[int] = set()
    for seen in evidence:
        if isinstance(seen, int):
            numbers.add(seen)
        elif isinstance(seen, Record):
            numbers.add(seen.seq)
        else:
            numbers.update(record.seq for record in seen)
    return tuple(sorted(numbers))
