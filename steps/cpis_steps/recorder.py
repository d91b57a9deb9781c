"""What happened in one scenario, step by step and check by check, as the results will have it."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_bdd.scenario import scenario_wrapper_template_registry

from cpis_reports.results import Attempt, OwnPerson, Scenario, Step, Stop
from cpis_simulator.errors import ConfigError, HarnessError, NotOffered, PeerError, Unattended
from cpis_steps.features import FeatureScenario, read_feature, scenario_id

if TYPE_CHECKING:
    from cpis_fixtures.cast import Cast
    from cpis_steps.judging import Judge


class Recording:
    """One go at a scenario.

    Args:
        scenario: As parsed from its file.
    """

    def __init__(self, scenario: FeatureScenario) -> None:
        """Nothing has run."""
        self.scenario = scenario
        self.lane = ""
        self.cast: Cast | None = None
        self.judge: Judge | None = None
        self._steps: list[Step] = []
        self._stop: Stop | None = None
        self._began = 0.0
        self._duration = 0.0

    @classmethod
    def of_item(cls, item: pytest.Item) -> Recording | None:
        """The recording of a test item that is a scenario; None for any other."""
        function = getattr(item, "obj", None)
        template = scenario_wrapper_template_registry.get(function) if function is not None else None
        if template is None:
            return None
        file = Path(template.feature.filename).resolve()
        params = getattr(getattr(item, "callspec", None), "params", {})
        wanted = scenario_id(file, template.name, params.get("_pytest_bdd_example", {}))
        return next((cls(s) for s in read_feature(file) if s.id == wanted), None)

    def begin(self) -> None:
        """The scenario's function has been entered."""
        self._began = time.monotonic()

    def step_begins(self) -> tuple[str, str]:
        """The next step runs; gives its keyword and text."""
        parsed = self.scenario.steps[len(self._steps)]
        self._steps.append(Step(keyword=parsed.keyword, text=parsed.text, outcome="passed"))
        if self.judge is not None:
            self.judge.step = parsed.text
        return parsed.keyword, parsed.text

    def step_ends(self) -> None:
        """It ran to its end; a check of its that failed makes it a failed step."""
        step = self._steps[-1]
        failed = [c for c in self._checks() if c.step == step.text and c.outcome == "fail"]
        if failed:
            self._steps[-1] = step.model_copy(
                update={"outcome": "failed", "message": "; ".join(f for c in failed for f in c.findings)}
            )

    def step_breaks(self, error: BaseException) -> None:
        """It could not be carried out."""
        self._steps[-1] = self._steps[-1].model_copy(update={"outcome": "failed", "message": str(error)})

    def step_unknown(self) -> None:
        """No step definition fits."""
        from cpis_steps.phrases import nearest

        parsed = self.scenario.steps[len(self._steps)]
        near = "; ".join(nearest(parsed.text))
        message = f"no step has these words (line {parsed.line}); nearest: {near}"
        self._steps.append(Step(keyword=parsed.keyword, text=parsed.text, outcome="undefined", message=message))
        self._stop = Stop(cause="harness", reason=f"undefined step '{parsed.text}'; nearest: {near}")

    def close(self, error: BaseException | None, duration: float) -> None:
        """The scenario has ended, by itself or by an error."""
        self._duration = duration
        if error is not None and self._stop is None:
            self._stop = _stop_for(error)
        reached = len(self._steps)
        self._steps += [Step(keyword=s.keyword, text=s.text, outcome="not-run") for s in self.scenario.steps[reached:]]

    def outcome(self) -> tuple[str, str]:
        """Pass, fail, inconclusive or not-tested, and why; for pytest's own report."""
        role = self._role()
        for word in ("fail", "inconclusive"):
            bad = [c for c in self._checks() if c.outcome == word and (c.party == role or word == "inconclusive")]
            if bad:
                return word, "; ".join(f"{f} ({c.check})" for c in bad for f in c.findings)
            if word == "fail" and self._stop is not None:
                cause = self._stop.cause
                return ("not-tested" if cause == "not-tested" else "inconclusive"), f"{cause}: {self._stop.reason}"
        foreign = [c for c in self._checks() if c.outcome == "fail"]
        if foreign:
            return "inconclusive", f"harness: {'; '.join(foreign[0].findings)} ({foreign[0].check})"
        if not any(c.party == role for c in self._checks()):
            return "inconclusive", "harness: no check of the role under test was run"
        return "pass", ""

    def as_json(self) -> dict[str, Any]:
        """For the journey to the controlling process."""
        scenario = self.scenario
        attempt = Attempt(
            duration_s=round(self._duration, 3), stop=self._stop, steps=self._steps, checks=self._checks()
        )
        recorded = Scenario(
            id=scenario.id,
            name=scenario.name,
            feature=f"{scenario.file.parent.name}/{scenario.file.name}",
            line=scenario.line,
            tags=list(scenario.tags),
            test=scenario.test,
            requirements=scenario.requirements,
            attempts=[attempt],
        )
        people = [
            OwnPerson(nhs_number=p.nhs_number, name=f"{p.given} {p.family}")
            for p in (self.cast.people.values() if self.cast else ())
            if p.nhs_number
        ]
        return {
            "lane": self.lane,
            "people": [p.model_dump(mode="json") for p in people],
            "scenario": recorded.model_dump(mode="json"),
        }

    def _checks(self) -> list[Any]:
        return self.judge.recorded if self.judge is not None else []

    def _role(self) -> str:
        return self.judge.stage.lane.plan.role if self.judge is not None else ""


def _stop_for(error: BaseException) -> Stop:
    """Whose fault an early end was."""
    if isinstance(error, NotOffered):
        return Stop(cause="not-tested", reason=str(error))
    if isinstance(error, ConfigError):
        return Stop(cause="config", reason=str(error), doctor=error.doctor)
    if isinstance(error, Unattended):
        return Stop(cause="not-reached", reason=str(error))
    if isinstance(error, HarnessError):
        return Stop(cause="harness", reason=str(error), doctor=error.doctor)
    if isinstance(error, PeerError):
        return Stop(cause="not-reached", reason=str(error), doctor=error.doctor)
    if isinstance(error, pytest.skip.Exception):
        return Stop(cause="not-tested", reason=str(error))
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}, line {frame.lineno}"
    return Stop(cause="harness", reason=f"{type(error).__name__}: {error} ({where})")
