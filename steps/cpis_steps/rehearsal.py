"""Finds out beforehand what a run will have keyed in: it is played once, against the bundled system.

What a run makes up follows from its seed alone, but what it asks for stands in its steps. So the sheet is read from the
record of a run with the same seed, scenarios and day, against a system that has neither a reset nor a clock, as most
products. Where the product refuses a record, or a scenario ends early, the real run asks for more or for less.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cpis_fixtures.config import Config, Wait
from cpis_fixtures.drivers.manual import KEYING
from cpis_fixtures.drivers.tables import DriverTable
from cpis_fixtures.manual.questions import as_shown
from cpis_fixtures.plan import RunPlan
from cpis_fixtures.prepared import Row, Sheet, label_rows
from cpis_fixtures.starting.tables import BundledStart
from cpis_reports.bundle import body_reader, journal_lines
from cpis_simulator.errors import HarnessError
from cpis_simulator.evidence import DRIVER, MARK, Evidence, Record, read_journal
from cpis_simulator.nhs_number import is_valid
from cpis_simulator.store.journal import JOURNAL
from cpis_steps.runner import play
from cpis_steps.selection import selected


def rehearse(plan: RunPlan, *, say: Callable[[str], object]) -> Sheet:
    """Play a plan against the bundled system; gives what the real run will have keyed in.

    Raises:
        HarnessError: It could not be played to its end.
    """
    now = datetime.now(UTC)
    config = plan.config
    with tempfile.TemporaryDirectory(prefix="cpis-prepare-") as folder:
        rehearsed = plan.model_copy(
            update={
                "folder": Path(folder) / "run",
                "config": _bundled(config),
                "day": now.date(),
                "jobs": 1,
                "rehearsal": True,
            }
        )
        rehearsed.write()
        play(rehearsed, say)
        told = {t["scenario"]["id"] for t in rehearsed.told()}
        if missing := [s for s in selected(plan) if s.id not in told]:
            raise HarnessError(
                "The rehearsal was not played to its end",
                expected=f"{len(told) + len(missing)} scenarios",
                found=len(told),
            )
        lane = rehearsed.folder / "lanes" / "main"
        records, problems = read_journal(journal_lines(lane)) if (lane / JOURNAL).exists() else ([], ["no record"])
        if problems:
            raise HarnessError("The record of the rehearsal is broken", found=problems[0])
        evidence = Evidence(records, body_reader(lane))
        keyed = [pair for scenario in selected(plan) for pair in _keyed(evidence, scenario.id, scenario.name)]
    own = config.authorities()[0]
    telephones = {"Code": own.ods_code, "Name": own.name, "Emergency duty telephone": own.telephone_emergency}
    if own.telephone_office:
        telephones["Office telephone"] = own.telephone_office
    return Sheet(
        id=plan.run_id,
        made=now.replace(microsecond=0),
        day=now.date(),
        seed=plan.seed,
        challenge=plan.challenge,
        product=f"{config.product.name} {config.product.version}".strip(),
        ods=own.ods_code,
        telephones=telephones,
        scenarios=[s.id for s in selected(plan)],
        rows=_labelled(keyed),
    )


def _bundled(config: Config) -> Config:
    """The same authorities and settings, played by the bundled system, which needs no time."""
    start, driver = BundledStart(), DriverTable()
    under_test = config.system_under_test.model_copy(update={"start": start, "driver": driver})
    # The folder must be one of the rehearsal's own.
    drop = config.file_drop.model_copy(update={"root": None})
    ports = config.service.model_copy(update={"port": 0, "control_port": 0, "directory_port": 0})
    wait = Wait(export_s=30, process_reply_s=30, quiet_s=0)
    return config.model_copy(
        update={"system_under_test": under_test, "file_drop": drop, "service": ports, "wait": wait}
    )


@dataclass(slots=True)
class _Keyed:
    """What was keyed in so far in one scenario; references are the bundled system's."""

    scenario: str
    title: str
    rows: list[tuple[Row, str]] = field(default_factory=list)
    plans: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    early: set[str] = field(default_factory=set)
    allocated: set[str] = field(default_factory=set)
    keying_only: bool = True

    def take(self, operation: str, asked: dict[str, Any], answer: dict[str, Any]) -> None:
        """Make a row of an exchange."""
        child, plan = str(asked.get("child_id") or answer.get("child_id") or ""), str(asked.get("plan_id") or "")
        details = as_shown(operation, asked)
        if plan in self.plans:
            child, known = self.plans[plan]
            details = {**known, **details}
        if operation == "record-plan":
            known = {key: details[key] for key in ("plan_type", "start")}
            self.plans[str(answer.get("plan_id"))] = child, known
        row = Row(
            label="",
            operation=operation,
            scenario=self.scenario,
            title=self.title,
            before=self._is_early(operation, child, asked),
            request={k: v for k, v in details.items() if k not in ("child_id", "plan_id")},
        )
        self.rows.append((row, child))

    def _is_early(self, operation: str, child: str, asked: dict[str, Any]) -> bool:
        """It can be keyed in before the run, because nobody can notice it then."""
        if operation == "record-child":
            # Without a number, or with a wrong one, keying alone may make a product raise an alert.
            if is_valid(str(asked.get("nhs_number") or "")):
                self.early.add(child)
            return child in self.early
        if operation == "allocate":
            first = child not in self.allocated
            self.allocated.add(child)
            return first and self.keying_only and child in self.early
        return False


def _keyed(evidence: Evidence, scenario: str, title: str) -> list[tuple[Row, str]]:
    """What was keyed in for a scenario, in order, each with whom it is about."""
    keyed = _Keyed(scenario, title)
    begun = False
    for record, asked, answer in _exchanges(evidence, scenario):
        if record.channel == MARK:
            begun = begun or record.headers.get("event") == "step"
        elif record.headers["operation"] in KEYING:
            keyed.take(record.headers["operation"], asked, answer)
        elif begun:
            keyed.keying_only = False
    return keyed.rows


def _labelled(keyed: Sequence[tuple[Row, str]]) -> list[Row]:
    """Rows with their numbers, and whom they are about by the number of that row."""
    rows = label_rows(row for row, _ in keyed)
    people = {child: row.label for row, (_, child) in zip(rows, keyed, strict=True) if row.operation == "record-child"}
    return [
        row if row.operation == "record-child" else row.model_copy(update={"about": people.get(child, "")})
        for row, (_, child) in zip(rows, keyed, strict=True)
    ]


def _exchanges(evidence: Evidence, scenario: str) -> Iterator[tuple[Record, dict[str, Any], dict[str, Any]]]:
    """A scenario's marks, and what was asked of the authority with its answer; what it did not do was not keyed in."""
    pending: tuple[Record, dict[str, Any]] | None = None
    for record in evidence.records:
        if record.scenario != scenario:
            continue
        if record.channel == MARK:
            yield record, {}, {}
        elif record.channel == DRIVER and record.headers["party"] == "authority":
            if record.headers["phase"] == "request":
                pending = record, evidence.json(record)
            elif pending is not None and record.headers.get("status") == "answered":
                yield *pending, evidence.json(record)
