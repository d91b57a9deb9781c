"""Runs that people carry: which sheet fits, and with which configuration a run that was broken off goes on."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from cpis_fixtures.plan import PLAN, RunPlan
from cpis_fixtures.prepared import Sheet, write_sheet
from cpis_fixtures.starting.tables import ProcessStart
from cpis_simulator.errors import ConfigError
from cpis_steps.runner import Request, plan_of, resumed_plan

BY_HAND = """\
[system_under_test.start]
kind = "none"
[system_under_test.driver]
kind = "manual"
[file_drop]
root = "drop"
"""

WITH_SECRET = """\
[system_under_test.start]
kind = "process"
command = ["sleep", "30"]
[system_under_test.start.environment]
CASEBOOK_PASSWORD = "not-to-be-seen"
[system_under_test.driver]
kind = "manual"
"""


def configuration(folder: Path, text: str, name: str = "cpis.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def begun(folder: Path, text: str) -> RunPlan:
    """A run that was broken off before anything was played."""
    plan = plan_of(Request(config=configuration(folder, text), out=folder / "out", tags=("FD-01",)))
    plan.write()
    return plan


def password(plan: RunPlan) -> str:
    """What the product would be given."""
    start = plan.config.system_under_test.start
    assert isinstance(start, ProcessStart)
    value = start.environment["CASEBOOK_PASSWORD"]
    assert isinstance(value, SecretStr)
    return value.get_secret_value()


def sheet_in(folder: Path, *, seed: int = 7, challenge: str = "", ods: str = "Z99") -> Path:
    now = datetime.now(UTC)
    sheet = Sheet(
        id="a-run", made=now, day=now.date(), seed=seed, challenge=challenge, product="", ods=ods, telephones={},
        scenarios=[], rows=[],
    )  # fmt: skip
    write_sheet(sheet, folder / "prepared")
    return folder / "prepared"


# Which configuration a run goes on with.


def test_a_run_goes_on_as_it_was_begun_without_its_configuration_where_the_plan_shows_all(tmp_path: Path) -> None:
    plan = begun(tmp_path, BY_HAND)
    (tmp_path / "cpis.toml").unlink()
    resumed = resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out"))
    assert (resumed.config, resumed.seed, resumed.tags, resumed.resumed) == (plan.config, plan.seed, ["FD-01"], True)


def test_a_run_is_named_by_its_folder_too(tmp_path: Path) -> None:
    plan = begun(tmp_path, BY_HAND)
    assert resumed_plan(Request(resume=str(plan.folder), out=tmp_path / "elsewhere")).run_id == plan.run_id


def test_what_the_plan_does_not_show_needs_the_configuration(tmp_path: Path) -> None:
    plan = begun(tmp_path, WITH_SECRET)
    assert "not-to-be-seen" not in (plan.folder / PLAN).read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"does not show what stood under `environment`\. Name .*: --config"):
        resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out"))


def test_with_its_configuration_a_run_goes_on_with_what_the_plan_does_not_show(tmp_path: Path) -> None:
    plan = begun(tmp_path, WITH_SECRET)
    resumed = resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out", config=tmp_path / "cpis.toml"))
    assert password(resumed) == "not-to-be-seen"
    assert "not-to-be-seen" not in (resumed.write()).read_text(encoding="utf-8")


def test_another_value_under_environment_is_no_other_configuration(tmp_path: Path) -> None:
    """A password may have been changed since; the plan never had it."""
    plan = begun(tmp_path, WITH_SECRET)
    changed = configuration(tmp_path, WITH_SECRET.replace("not-to-be-seen", "a-new-one"))
    resumed = resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out", config=changed))
    assert password(resumed) == "a-new-one"


@pytest.mark.parametrize(
    ("old", "new"),
    [('command = ["sleep", "30"]', 'command = ["sleep", "31"]'), ("CASEBOOK_PASSWORD", "CASEBOOK_WORD")],
    ids=["a command", "the name of a variable"],
)
def test_another_configuration_is_refused(tmp_path: Path, old: str, new: str) -> None:
    plan = begun(tmp_path, WITH_SECRET)
    other = configuration(tmp_path, WITH_SECRET.replace(old, new))
    with pytest.raises(ConfigError, match="is not the one that the run was begun with"):
        resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out", config=other))


@pytest.mark.parametrize(
    "also",
    [{"tags": ("FD-01",)}, {"seed": 7}, {"challenge": "oak"}, {"expression": "child"}, {"jobs": 2}, {"shuffle": True}],
    ids=str,
)
def test_a_run_that_goes_on_is_not_chosen_anew(tmp_path: Path, also: dict[str, object]) -> None:
    plan = begun(tmp_path, BY_HAND)
    with pytest.raises(ConfigError, match="A run goes on as it was begun"):
        resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out", **also))  # type: ignore[arg-type]


def test_a_run_that_there_is_not_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    plan = begun(tmp_path, BY_HAND)
    with pytest.raises(ConfigError, match=f"There is no such run .*found nowhere. The last ones there: {plan.run_id}"):
        resumed_plan(Request(resume="nowhere", out=tmp_path / "out"))


def test_a_run_that_still_goes_on_is_left_alone(tmp_path: Path) -> None:
    plan = begun(tmp_path, BY_HAND)
    lane = plan.folder / "lanes" / "main"
    lane.mkdir(parents=True)
    (lane / "parts.json").write_text(json.dumps({"lane": {"pid": os.getpid()}}), encoding="utf-8")
    with pytest.raises(ConfigError, match="The run is still going on"):
        resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out"))
    (lane / "parts.json").write_text("{", encoding="utf-8")  # of a process that was killed while it wrote
    assert resumed_plan(Request(resume=plan.run_id, out=tmp_path / "out")).run_id == plan.run_id


# Which sheet fits.


def test_a_run_has_seed_challenge_and_day_of_its_sheet(tmp_path: Path) -> None:
    sheet = sheet_in(tmp_path, seed=42, challenge="oak")
    plan = plan_of(Request(config=configuration(tmp_path, BY_HAND), out=tmp_path / "out", prepared=sheet))
    assert (plan.seed, plan.challenge, plan.day) == (42, "oak", datetime.now(UTC).date())


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ({"seed": 8}, r"another run's \(--seed\): expected 7, found 8\. Leave --seed out"),
        ({"challenge": "elm"}, r"another run's \(--challenge\): expected oak, found elm"),
    ],
)
def test_a_sheet_of_another_run_is_refused(tmp_path: Path, also: dict[str, object], message: str) -> None:
    sheet = sheet_in(tmp_path, challenge="oak")
    with pytest.raises(ConfigError, match=message):
        plan_of(Request(config=configuration(tmp_path, BY_HAND), out=tmp_path, prepared=sheet, **also))  # type: ignore[arg-type]


def test_a_sheet_of_another_authority_is_refused(tmp_path: Path) -> None:
    sheet = sheet_in(tmp_path, ods="Z98")
    with pytest.raises(ConfigError, match="another authority's: expected Z99, found Z98"):
        plan_of(Request(config=configuration(tmp_path, BY_HAND), out=tmp_path, prepared=sheet))


@pytest.mark.parametrize(
    "operations", ["", 'command = "true"\noperations = { export = "manual", files = "command" }\n']
)
def test_a_sheet_is_of_no_use_where_nobody_records_children_by_hand(tmp_path: Path, operations: str) -> None:
    http = BY_HAND.replace('kind = "manual"', f'kind = "http"\nurl = "http://127.0.0.1:9"\n{operations}')
    with pytest.raises(ConfigError, match="A sheet is of no use here: nobody records children by hand"):
        plan_of(Request(config=configuration(tmp_path, http), out=tmp_path, prepared=sheet_in(tmp_path)))


def test_lanes_cannot_share_one_page(tmp_path: Path) -> None:
    several = BY_HAND.replace("[system_under_test.start]", "[system_under_test]\nlanes = 2\n[system_under_test.start]")
    several = several.replace('"drop"', '"drop/{lane}"')
    with pytest.raises(ConfigError, match=r"More than one job cannot share one page .*Set it to 0"):
        plan_of(Request(config=configuration(tmp_path, several), out=tmp_path, jobs=2))
    apart = several.replace('kind = "manual"', 'kind = "manual"\npage_port = 0')
    assert plan_of(Request(config=configuration(tmp_path, apart), out=tmp_path, jobs=2)).jobs == 2
