"""A run from the outside: plan it, play it in a process of its own, put its record together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cpis_fixtures.config import CAPABILITIES, Config, load_config
from cpis_fixtures.lane import JUDGED
from cpis_fixtures.loopback import bring_up
from cpis_fixtures.plan import PLAN, RunPlan, new_plan
from cpis_fixtures.prepared import Sheet, read_sheet
from cpis_fixtures.starting.product import check_product
from cpis_reports.bundle import seal
from cpis_reports.checks import CHECKS
from cpis_reports.render import write_reports
from cpis_reports.results import Attempt, OwnPerson, Product, RecordedCheck, Results, Run, Scenario, Stop, write_results
from cpis_reports.suite import load_suite
from cpis_reports.verdicts import exit_code, judge
from cpis_simulator.errors import ConfigError, HarnessError
from cpis_simulator.store.journal import JOURNAL, join
from cpis_steps.features import feature_files, is_own, suite, suite_folder
from cpis_steps.lint import lint_files, unplayable
from cpis_steps.selection import is_played, selected, to_be_played

COMMAND = [
    *(sys.executable, "-m", "pytest", "--pyargs", "cpis_features"),
    *("-p", "cpis_steps.plugin", "-p", "pytest_bdd.plugin", "-p", "no:terminal", "-p", "no:cacheprovider"),
    *("--import-mode=importlib", "--strict-markers", "--strict-config"),
]


STOPPING_S = 120.0
"""How long the parts of a run may take to end: a product's time of grace, and that of its containers."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    features: tuple[Path, ...] = ()
    config: Path | None = None
    role: str | None = None
    expression: str = ""
    tags: tuple[str, ...] = ()
    seed: int | None = None
    challenge: str = ""
    jobs: int = 1
    shuffle: bool = False
    out: Path = Path("reports/out")
    require_conformant: bool = False
    prepared: Path | None = None
    resume: str = ""


def plan_of(request: Request) -> RunPlan:
    """Turn a request into a plan.

    Raises:
        ConfigError: The request does not make sense; nothing was started.
    """
    config = load_config(request.config)
    role = request.role or config.system_under_test.role
    if role not in CAPABILITIES:
        raise ConfigError("Unknown role", expected=", ".join(CAPABILITIES), found=role)
    under_test = config.system_under_test
    if under_test.start.kind != "bundled" and role == "service":
        raise ConfigError(
            "Role service can so far be played by the bundled system only",
            mend="Leave out system_under_test.start, or test an authority or a care system.",
        )
    if under_test.start.kind != "bundled" and role != under_test.role:
        raise ConfigError(
            f"The product that cpis.toml describes cannot be tested as {role}",
            where="system_under_test.role",
            expected=role,
            found=under_test.role,
        )
    check_product(under_test.start, under_test.driver)
    offered = config.lanes()
    if offered is not None and request.jobs > offered:
        raise ConfigError(
            "More jobs than the product has lanes",
            where="--jobs",
            expected=f"at most {offered} (system_under_test.lanes)",
            found=request.jobs,
            mend="Each job needs an instance or tenant of its own: run fewer, or say how many there are.",
        )
    if request.jobs > 1 and "manual" in under_test.driver.kinds() and under_test.driver.page_port:
        raise ConfigError(
            "More than one job cannot share one page",
            where="system_under_test.driver.page_port",
            found=under_test.driver.page_port,
            mend="Set it to 0: each lane then takes a free one.",
        )
    if request.jobs > 1 and (config.service.port or config.service.control_port):
        raise ConfigError("More than one job cannot share the fixed ports of [service]", mend="Leave them at 0.")
    sheet = _sheet_for(request, config)
    seed, challenge = (sheet.seed, sheet.challenge) if sheet else (request.seed, request.challenge)
    plan = new_plan(config, out=request.out, role=role, seed=seed)  # type: ignore[arg-type]  # checked above
    plan = plan.model_copy(
        update={
            "challenge": challenge,
            "day": sheet.day if sheet else None,
            "prepared": request.prepared.resolve() if request.prepared else None,
            "jobs": request.jobs,
            "shuffle": request.shuffle,
            "features": feature_files(request.features) if request.features else [],
            "expression": request.expression,
            "tags": list(request.tags),
        }
    )
    if problems := unplayable(feature_files([*plan.features, *config.own_scenarios.features])):
        mend = "Mend it; `cpis run --check` and the files' names list all that is wrong with them."
        raise ConfigError("The features cannot be played", found=problems[0], mend=mend)
    if not selected(plan):
        raise ConfigError(
            "No scenario is selected",
            expected="at least one",
            mend="Look at `cpis requirements --tests`, or at -k, --tag.",
        )
    return plan


def _sheet_for(request: Request, config: Config) -> Sheet | None:
    """The sheet of a request, which decides seed, challenge and day.

    Raises:
        ConfigError: There is none, or it is another run's.
    """
    if request.prepared is None:
        return None
    sheet = read_sheet(request.prepared)
    driver = config.system_under_test.driver
    if driver.operations.get("record-child", driver.kind) != "manual":
        raise ConfigError(
            "A sheet is of no use here: nobody records children by hand",
            where="system_under_test.driver",
            expected='kind = "manual", or operations with record-child = "manual"',
        )
    for name, asked, found in (
        ("--seed", request.seed, sheet.seed),
        ("--challenge", request.challenge, sheet.challenge),
    ):
        if asked not in (None, "", found):
            raise ConfigError(
                "The sheet is another run's", where=name, expected=found, found=asked, mend=f"Leave {name} out."
            )
    if (own := config.authorities()[0].ods_code) != sheet.ods:
        raise ConfigError("The sheet is another authority's", expected=own, found=sheet.ods, mend="Make a new one.")
    return sheet


def resumed_plan(request: Request) -> RunPlan:
    """The plan of a run that was broken off, to go on with; nothing else of the request counts.

    Raises:
        ConfigError: There is no such run, or it has ended.
    """
    given = (request.features, request.seed, request.challenge, request.expression, request.tags)
    if any(given) or request.prepared or request.shuffle or request.jobs > 1:
        raise ConfigError(
            "A run goes on as it was begun", where="--resume", mend="Leave everything else out but --config and --out."
        )
    named = Path(request.resume)
    folder = next((f for f in (named, request.out / named) if (f / PLAN).is_file()), None)
    if folder is None:
        known = sorted(f.parent.name for f in request.out.glob(f"*/{PLAN}") if not f.parent.is_symlink())
        mend = f"The last ones there: {', '.join(known[-3:])}." if known else "Name the folder of a run."
        raise ConfigError("There is no such run", where="--resume", found=request.resume, mend=mend)
    folder = folder.resolve()
    written = RunPlan.model_validate_json((folder / PLAN).read_text(encoding="utf-8"))
    plan = written.model_copy(update={"folder": folder, "resumed": True, "config": _again(request, written)})
    if not to_be_played(plan):
        raise ConfigError("The run has ended; there is nothing left to play", where=str(folder))
    if any((lane / "parts.json").exists() and _lives(lane / "parts.json") for lane in (folder / "lanes").glob("*")):
        raise ConfigError("The run is still going on", where=str(folder), mend="End it first.")
    # What was joined of it is joined anew; the lanes have everything.
    (folder / JOURNAL).unlink(missing_ok=True)
    return plan


def _again(request: Request, written: RunPlan) -> Config:
    """The configuration of a run that goes on: as its plan has it, with what the plan does not show.

    Raises:
        ConfigError: What the plan does not show is wanted, or another configuration was named.
    """
    if request.config is None:
        if written.hides_something():
            mend = "Name the configuration that the run was begun with: --config."
            raise ConfigError("The plan of the run does not show what stood under `environment`", mend=mend)
        return written.config
    named = load_config(request.config)
    if written.model_copy(update={"config": named}).seen()["config"] != written.seen()["config"]:
        raise ConfigError(
            "The configuration is not the one that the run was begun with",
            where=str(request.config),
            mend="Name that one; after a change, begin a new run.",
        )
    return named


def _lives(parts: Path) -> bool:
    """The process that plays a lane is there."""
    try:
        os.kill(int(json.loads(parts.read_text(encoding="utf-8"))["lane"]["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return False
    return True


def check_features(request: Request) -> list[str]:
    """What is wrong with the features of a request; nothing is started."""
    config = load_config(request.config)
    return lint_files(feature_files(request.features or [suite_folder(), *config.own_scenarios.features]))


def run_suite(request: Request, *, say: Callable[[str], object] = print) -> int:
    """Play a run and write its bundle; says how it goes.

    Returns:
        The exit code.

    Raises:
        ConfigError: The request does not make sense; nothing was started.
    """
    plan = resumed_plan(request) if request.resume else plan_of(request)
    bring_up()
    plan.write()
    scenarios = len(to_be_played(plan))
    left = " left" if plan.resumed else ""
    say(f"run {plan.run_id}: role {plan.role}, {scenarios} scenarios{left}, seed {plan.seed}, {plan.jobs} lane(s)")
    code = play(plan, say)
    try:
        results = put_together(plan, code)
        reports = write_reports(plan.folder)
    except OSError as broken:
        raise HarnessError(
            "The record of the run cannot be written",
            where=str(plan.folder),
            found=broken.strerror or str(broken),
            mend="Make room there, or name another folder with --out. What was recorded so far stays in its `lanes`.",
        ) from broken
    _point_latest(plan)
    say(results.summary.claim)
    say(f"status: {results.summary.status}")
    if own := results.summary.own_scenarios:
        say(f"own scenarios, which do not count in that: {', '.join(f'{n} {outcome}' for outcome, n in own.items())}")
    if to_be_played(plan.model_copy(update={"resumed": True})):
        named = f" --config {request.config}" if request.config else ""
        say(f"broken off; to go on: cpis run --resume {_shown(plan.folder)}{named}")
    for report in reports:
        say(f"report: {_shown(report)}")
    for error in results.errors[:10]:
        say(f"suite error: {error}")
    for error in results.own_errors[:10]:
        say(f"error of an own scenario: {error}")
    return exit_code(results, require_conformant=request.require_conformant)


def play(plan: RunPlan, say: Callable[[str], object]) -> int:
    """Play a plan that was written; gives the exit code of the process that did."""
    environment = {**os.environ, **plan.handed_over(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    command = [*COMMAND, "--rootdir", str(plan.folder), "-c", str(_ini(plan))]
    if plan.jobs > 1:
        command += ["-p", "xdist.plugin", "-n", str(plan.jobs), "--dist", "load"]
    return _played(command, environment, say)


def _played(command: list[str], environment: dict[str, str], say: Callable[[str], object]) -> int:
    """Play the scenarios in a process of their own; told to stop, it tidies up, and what it had played is judged.

    Told a second time, it is killed; what it had started is then ended by the guards of its parts.
    """
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as child, told_to_end():
        try:
            return child.wait()
        except KeyboardInterrupt:
            say("stopping: whatever was started is ended first")
            # A terminal has told it too; to be told twice does it no harm.
            child.send_signal(signal.SIGINT)
        try:
            return child.wait(timeout=STOPPING_S)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            child.kill()
            return child.wait()


@contextmanager
def told_to_end() -> Iterator[None]:
    """Let a request to end (SIGTERM) come as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def put_together(plan: RunPlan, code: int = 0) -> Results:
    """Join the lanes, judge what was recorded, write `results.json`."""
    told = plan.told()
    lanes = sorted((plan.folder / "lanes").glob("*")) if (plan.folder / "lanes").exists() else []
    lanes = [lane for lane in lanes if (lane / JOURNAL).exists()]
    numbers = {lane.name: mapping for lane, mapping in join(lanes, plan.folder).items()} if lanes else {}
    recorded = {t["scenario"]["id"]: _renumbered(t, numbers.get(t["lane"], {})) for t in told}
    broken_off = _broken_off(lanes, told, numbers)
    missing = Stop(cause="harness", reason=f"the process that plays the scenarios ended early (exit {code})")
    scenarios = []
    for planned in selected(plan):
        scenario = recorded.get(planned.id) or Scenario(
            id=planned.id,
            name=planned.name,
            feature=f"{planned.file.parent.name}/{planned.file.name}",
            line=planned.line,
            tags=list(planned.tags),
            test=planned.test,
            requirements=planned.requirements,
            attempts=[Attempt(stop=missing)],
        )
        if earlier := broken_off.get(planned.id):
            scenario = scenario.model_copy(update={"attempts": [earlier, *scenario.attempts]})
        scenarios.append(scenario.model_copy(update={"own": is_own(planned.file)}))
    served = plan.config.own_authorities()
    pairs = [(s.test, s.id) for s in suite() if is_played(s, plan)]
    called, errors = load_suite(suite_folder(), scenarios=pairs, checks=CHECKS)
    if not lanes:
        (plan.folder / JOURNAL).touch()  # Nothing crossed a border; the bundle says so by an empty journal.
    sha256, count = seal(plan.folder)
    config = plan.config
    people = {p["nhs_number"]: OwnPerson(**p) for t in told for p in t["people"]}
    run = Run(
        id=plan.run_id,
        role=plan.role,
        seed=plan.seed,
        challenge=plan.challenge,
        started=plan.started.isoformat(timespec="seconds"),
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        harness_version=version("cpis-harness"),
        product=Product(**config.product.model_dump()),
        base=plan.base.isoformat(),
        settings=_json(config.settings.changed()),
        authorities=[authority.ods_code for authority in served],
        claims=plan.claims,
        capabilities=config.system_under_test.capabilities or None,
        selection=plan.selection,
        evidence_sha256=sha256,
        evidence_records=count,
        people=list(people.values()),
    )
    results = judge(Results(run=run, scenarios=scenarios, suite=called, errors=errors))
    write_results(plan.folder / "results.json", results)
    return results


def _renumbered(told: dict[str, Any], numbers: dict[int, int]) -> Scenario:
    """A lane's scenario with the numbers that its evidence has in the joined journal."""
    scenario = Scenario.model_validate(told["scenario"])

    attempts = []
    for attempt in scenario.attempts:
        checks = [_renumbered_check(check, numbers) for check in attempt.checks]
        attempts.append(attempt.model_copy(update={"checks": checks}))
    return scenario.model_copy(update={"attempts": attempts})


def _broken_off(
    lanes: Sequence[Path], told: Sequence[dict[str, Any]], numbers: Mapping[str, Mapping[int, int]]
) -> dict[str, Attempt]:
    """Goes at scenarios that never ended, by scenario: what was judged in them stays judged."""
    whole = {
        (t["scenario"]["id"], check["until"], check["check"])
        for t in told
        for attempt in t["scenario"]["attempts"]
        for check in attempt["checks"]
    }
    stop = Stop(cause="harness", reason="the run was broken off in the middle of it")
    attempts: dict[str, Attempt] = {}
    for lane in lanes:
        file = lane / JUDGED
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        for kept in (json.loads(line) for line in lines if line.endswith(b"\n")):
            check = RecordedCheck.model_validate(kept["check"])
            if (kept["scenario"], check.until, check.check) in whole:
                continue
            attempt = attempts.setdefault(kept["scenario"], Attempt(stop=stop))
            attempt.checks.append(_renumbered_check(check, numbers.get(lane.name, {})))
    return attempts


def _renumbered_check(check: RecordedCheck, numbers: Mapping[int, int]) -> RecordedCheck:
    def new(seq: int) -> int:
        return numbers.get(seq, seq)

    seen = sorted(map(new, check.evidence))
    return check.model_copy(update={"since": new(check.since), "until": new(check.until), "evidence": seen})


def _json(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))


def _ini(plan: RunPlan) -> Path:
    """An ini of the run's own, so that nobody else's settings reach it."""
    path = plan.folder / "pytest.ini"
    path.write_text("[pytest]\n", encoding="utf-8")
    return path


def _point_latest(plan: RunPlan) -> None:
    """`latest` leads to the newest run; a copy of its name where links are not allowed."""
    latest = plan.folder.parent / "latest"
    try:
        if latest.is_symlink() or latest.is_file():
            latest.unlink()
        latest.symlink_to(plan.folder.name, target_is_directory=True)
    except OSError:
        latest.with_suffix(".txt").write_text(plan.folder.name, encoding="utf-8")


def _shown(path: Path) -> str:
    """Relative to here where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
