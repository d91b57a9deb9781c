"""Calls checks on frozen evidence and keeps what they said; only a check can make a failure."""

from __future__ import annotations

from typing import Any

from cpis_reports.checks import CHECKS, Judgement, run_check
from cpis_reports.results import RecordedCheck
from cpis_steps.stage import Stage


class Judge:
    """Judges one scenario.

    Args:
        stage: Whose evidence is judged.
    """

    def __init__(self, stage: Stage) -> None:
        """Nothing has been judged."""
        self.stage = stage
        self.recorded: list[RecordedCheck] = []
        self.step = ""

    def __call__(
        self, name: str, /, *, since: int | None = None, until: int | None = None, **parameters: Any
    ) -> Judgement:
        """Look at the service's health, freeze the evidence, and run a check on it.

        Args:
            name: Of the check.
            since: Evidence up to this record is not shown; left out, what came before the scenario's When.
            until: Evidence after this record is not shown; left out, all so far is.
            parameters: Expected values, from the scenario's Givens.

        Raises:
            PeerError: The harness has started the product, and it runs no more.
        """
        lane = self.stage.lane
        # What a product did not do because it was dead is no breach of what it should have done.
        lane.under_test.insist_that_it_runs()
        lane.service.probe()
        until = lane.since_now() if until is None else until
        start = self.stage.since if since is None else since
        evidence = lane.tail.evidence(scenario=self.stage.scenario_id, since=start, until=until)
        judgement = run_check(name, evidence, parameters)
        lane.judged(name, judgement.outcome)
        known = CHECKS[name]
        self.recorded.append(
            RecordedCheck(
                check=name,
                party=known.judges,
                requirements=list(known.requirements),
                step=self.step,
                parameters=parameters,
                since=start,
                until=until,
                evidence=list(judgement.evidence),
                outcome=judgement.outcome,
                cause=judgement.cause,
                witness=judgement.witness,
                findings=list(judgement.findings),
            )
        )
        return judgement
