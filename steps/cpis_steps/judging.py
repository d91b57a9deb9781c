"""Calls checks on frozen evidence and keeps what they said; only a check can make a failure."""

from __future__ import annotations

from typing import Any

from cpis_reports.checks import CHECKS, Judgement, run_check
from cpis_reports.results import RecordedCheck
from cpis_simulator.errors import ConfigError
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
            ConfigError: The product reads nothing, and the evidence that the check would see does not say so; or a
                setting keeps the service from reading the product's files.
        """
        lane = self.stage.lane
        # What a product did not do because it was dead is no breach of what it should have done.
        lane.under_test.insist_that_it_runs()
        self.stage.insist_that_files_are_read()
        never_read = lane.never_read()
        lane.service.probe(never_read=never_read)
        if until is not None and never_read:
            # The probe lies behind what the check may see, so that the check cannot know.
            raise ConfigError(
                "Nothing that was delivered was ever read or taken",
                where=never_read,
                mend="Have the product read that folder, or name the one it reads in settings.files.response.",
                doctor="responses-left",
            )
        until = lane.since_now() if until is None else until
        start = max(self.stage.since if since is None else since, lane.begun)
        evidence = lane.tail.evidence(scenario=self.stage.scenario_id, since=start, until=until)
        judgement = run_check(name, evidence, parameters)
        lane.judged(name, judgement.outcome)
        known = CHECKS[name]
        number = parameters.get("nhs_number")
        # The service may have gone on since `until`: its word helps to mend, and proves nothing.
        explains = judgement.outcome == "fail" and known.judges in ("service", "care") and number is not None
        recorded = RecordedCheck(
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
            doctor=judgement.doctor,
            by=list(judgement.by),
            explanation=lane.service.explain(str(number)) if explains else "",
        )
        self.recorded.append(recorded)
        # Should the run be broken off before the scenario ends, what was judged must not be lost.
        lane.keep_check(recorded.model_dump(mode="json"))
        return judgement
