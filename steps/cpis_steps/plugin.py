"""The pytest plugin: registers the steps, plays each scenario on its stage, and hands on what was recorded.

Theory of operation. A worker process is a lane. Before a scenario its stage is set; every step is noted as pytest-bdd
runs it; Then steps call checks, which record and never raise. When the scenario's function has ended, the recording is
closed: what was not reached is filled in from the feature file, and it travels on the test report, so that it reaches
the controlling process also under xdist. Importing this module starts nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cpis_fixtures.plan import TOLD
from cpis_steps.recorder import Recording

if TYPE_CHECKING:
    from cpis_fixtures.lane import Lane
    from cpis_fixtures.plan import RunPlan
    from cpis_steps.judging import Judge
    from cpis_steps.stage import Stage

pytest_plugins = [
    "cpis_steps.people",
    "cpis_steps.file_drop",
    "cpis_steps.replies",
    "cpis_steps.lookups",
    "cpis_steps.weather",
    "cpis_steps.care_desk",
    "cpis_steps.return_message",
    "cpis_steps.broken_replies",
    "cpis_steps.second_authority",
    "cpis_steps.sharing",
    "cpis_steps.asking",
    "cpis_steps.by_mesh",
]

RECORDING = pytest.StashKey[Recording]()


def pytest_configure(config: pytest.Config) -> None:
    """Register catalogue tests and requirements as markers, so that a mistyped tag stops collection."""
    from cpis_fixtures.plan import plan_of_process
    from cpis_reports.catalogue import requirements, tests

    for name in (*tests(), *requirements()):
        config.addinivalue_line("markers", f"{name}: see `cpis requirements`")
    if (plan := plan_of_process()) is not None:
        from cpis_steps.features import read_feature
        from cpis_steps.lint import OTHER_TAGS, OWN_TAG
        from cpis_steps.selection import played_files
        from cpis_steps.weather import TAGS

        files = played_files(plan)
        own = {t for file in files for s in read_feature(file) for t in s.tags if t.startswith(OWN_TAG)}
        for name in (*OTHER_TAGS, *TAGS, *own, *{file.parent.name for file in files}):
            config.addinivalue_line("markers", f"{name}: a feature file's own")


def pytest_bdd_apply_tag(tag: str, function: Any) -> bool | None:
    """Tags with a hyphen are no attribute names; everything else is left to pytest-bdd."""
    if "-" not in tag:
        return None
    getattr(pytest.mark, tag)(function)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each scenario its recording; in a planned run keep the selected ones, in the plan's order.

    Without a plan the bundled authority is under test, so scenarios that judge other roles alone are left out.
    """
    from cpis_fixtures.plan import plan_of_process
    from cpis_steps.selection import is_for, to_be_played

    for item in items:
        if recording := Recording.of_item(item):
            item.stash[RECORDING] = recording
    plan = plan_of_process()
    if plan is None:
        foreign = [i for i in items if RECORDING in i.stash and not is_for(i.stash[RECORDING].scenario, "authority")]
        config.hook.pytest_deselected(items=foreign)
        items[:] = [i for i in items if i not in set(foreign)]
        return
    # What a report says is ours (see makereport); pytest's own long text costs 0.1 s for each scenario that fails.
    config.option.tbstyle = "native"
    order = {s.id: n for n, s in enumerate(to_be_played(plan))}
    own = [i for i in items if RECORDING in i.stash and i.stash[RECORDING].scenario.id in order]
    own.sort(key=lambda i: order[i.stash[RECORDING].scenario.id])
    config.hook.pytest_deselected(items=[i for i in items if i not in set(own)])
    items[:] = own


@pytest.fixture(scope="session")
def cpis_plan(tmp_path_factory: pytest.TempPathFactory) -> RunPlan:
    """The plan of the run; without `cpis run` one for the bundled system."""
    from cpis_fixtures.config import load_config
    from cpis_fixtures.plan import new_plan, plan_of_process

    return plan_of_process() or new_plan(load_config(None), out=tmp_path_factory.mktemp("cpis"))


@pytest.fixture(scope="session")
def cpis_lane(cpis_plan: RunPlan, request: pytest.FixtureRequest) -> Iterator[Lane]:
    """This process's lane, with all its parts running."""
    from cpis_fixtures.lane import Lane

    name = getattr(request.config, "workerinput", {}).get("workerid", "main")
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - whoever has to answer must know where

    lane = Lane(cpis_plan, name, say=say)
    try:
        yield lane
    finally:
        lane.close()


@pytest.fixture
def cpis_stage(cpis_lane: Lane, cpis_plan: RunPlan, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The scenario's stage, on a world put in order."""
    from cpis_fixtures.cast import Cast
    from cpis_simulator.errors import CpisError
    from cpis_steps.selection import BLOCKS_OF_A_TURN, number_blocks
    from cpis_steps.stage import Stage

    recording = request.node.stash[RECORDING]
    scenario = recording.scenario
    recording.lane = cpis_lane.name
    cpis_lane.begin(scenario.id, scenario.name)
    try:
        # Another go at a scenario has other people: the product holds those of the first.
        again = f" again {cpis_lane.turn}" if cpis_lane.turn > 1 else ""
        cast = Cast(
            seed=cpis_plan.seed,
            challenge=cpis_plan.challenge,
            scenario_id=f"{scenario.id}{again}",
            block=number_blocks(cpis_plan)[scenario.id] + BLOCKS_OF_A_TURN * (cpis_lane.turn - 1),
            today=cpis_lane.today,
            taken=cpis_lane.taken,
        )
        recording.cast = cast
        stage = Stage(cpis_lane, cast, scenario.id, scenario.test)
        stage.meet_weather(scenario.tags)
        yield stage
        with contextlib.suppress(CpisError):  # Whoever does not answer here will not answer the next scenario either.
            stage.tidy()
    finally:
        cpis_lane.end()


@pytest.fixture
def cpis_judge(cpis_stage: Stage, request: pytest.FixtureRequest) -> Judge:
    """The scenario's judge."""
    from cpis_steps.judging import Judge

    judge = Judge(cpis_stage)
    request.node.stash[RECORDING].judge = judge
    return judge


def _recording(request: pytest.FixtureRequest) -> Recording | None:
    item: pytest.Item = request.node
    return item.stash.get(RECORDING, None)


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, feature: Any, scenario: Any) -> None:
    """Set the stage before the first step, so that a failure to do so is no step's."""
    if recording := _recording(request):
        recording.begin()
        request.getfixturevalue("cpis_judge")


def pytest_bdd_before_step(
    request: pytest.FixtureRequest, feature: Any, scenario: Any, step: Any, step_func: Any
) -> None:
    """Mark the step; the first When draws the line after which checks look."""
    if recording := _recording(request):
        text = recording.step_begins()
        stage = request.getfixturevalue("cpis_stage")
        if step.type == "when" and not stage.since:
            stage.since = stage.lane.since_now()
        stage.lane.step(*text)


def pytest_bdd_after_step(
    request: pytest.FixtureRequest,
    feature: Any,
    scenario: Any,
    step: Any,
    step_func: Any,
    step_func_args: dict[str, Any],
) -> None:
    """The step ran to its end; whether it passed is its checks' word."""
    if recording := _recording(request):
        recording.step_ends()


def pytest_bdd_step_error(
    request: pytest.FixtureRequest,
    feature: Any,
    scenario: Any,
    step: Any,
    step_func: Any,
    step_func_args: dict[str, Any],
    exception: BaseException,
) -> None:
    """The step could not be carried out."""
    if recording := _recording(request):
        recording.step_breaks(exception)


def pytest_bdd_step_func_lookup_error(
    request: pytest.FixtureRequest, feature: Any, scenario: Any, step: Any, exception: BaseException
) -> None:
    """No step has these words; the nearest are named."""
    if recording := _recording(request):
        recording.step_unknown()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Close the recording when the scenario has ended, and say its outcome in pytest's words."""
    report: pytest.TestReport = yield
    recording = item.stash.get(RECORDING, None)
    if recording is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
        return report
    recording.close(call.excinfo.value if call.excinfo else None, call.duration)
    report.cpis = recording.as_json()  # type: ignore[attr-defined]  # travels with the report, also between processes
    outcome, reason = recording.outcome()
    if outcome == "pass":
        report.outcome = "passed"
        report.longrepr = None
    elif outcome == "not-tested":
        report.outcome = "skipped"
        report.longrepr = (str(recording.scenario.file), recording.scenario.line, f"not tested: {reason}")
    else:
        report.outcome = "failed"
        report.longrepr = f"{outcome}: {reason}"
    return report


class Controller:
    """In the controlling process of a planned run: keeps what the lanes report, and tells of it as it comes."""

    def __init__(self, plan: RunPlan, total: int, *, done: int = 0) -> None:
        """Write to the run's folder, after what is there from before it was broken off."""
        self._file = plan.folder / TOLD
        self._total = total
        self._done = done
        self._size = self._file.stat().st_size if self._file.exists() else 0
        self._unwritten = b""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep one scenario, and print a line."""
        value = getattr(report, "cpis", None)
        if value is None:
            return
        self._unwritten += json.dumps(value, ensure_ascii=False).encode() + b"\n"
        self._write()
        self._done += 1
        words = {"passed": "pass", "skipped": "not tested", "failed": str(report.longrepr).split(":", 1)[0]}
        line = f"[{self._done}/{self._total}] {words[report.outcome]:12} {value['scenario']['id']}"
        print(line if report.outcome != "failed" else f"{line}\n      {report.longrepr}", flush=True)  # noqa: T201 - progress of the run

    def _write(self) -> None:
        """Write what is known so far; on a full disk it waits for the next time, and no half of a line stays."""
        try:
            with self._file.open("ab") as file:
                file.write(self._unwritten)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(self._file, self._size)
            print(f"      not written yet: {self._file.name}: {error.strerror}", flush=True)  # noqa: T201 - as below
        else:
            self._size += len(self._unwritten)
            self._unwritten = b""

    def pytest_sessionfinish(self) -> None:
        """Whatever still waits."""
        if self._unwritten:
            self._write()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A feature file that cannot be collected must not go by unseen."""
        if report.failed:
            print(report.longreprtext, flush=True)  # noqa: T201 - the terminal reporter is off in a planned run


def pytest_sessionstart(session: pytest.Session) -> None:
    """Only the controlling process of a planned run keeps results."""
    from cpis_fixtures.plan import plan_of_process
    from cpis_steps.selection import selected, to_be_played

    plan = plan_of_process()
    if plan is not None:
        _end_once(session)
    if plan is not None and not hasattr(session.config, "workerinput"):
        total = len(selected(plan))
        controller = Controller(plan, total, done=total - len(to_be_played(plan)))
        session.config.pluginmanager.register(controller, "cpis-controller")


def _end_once(session: pytest.Session) -> None:
    """Be interrupted by the first Ctrl-C only, so that a second does not break off the tidying up; and when orphaned.

    Whoever started the run may be killed. Then nobody waits for the scenarios that are left.
    """
    told = False

    def interrupt(*_: object) -> None:
        nonlocal told
        if not told:
            told = True
            # Should the exception get lost in somebody's callback, no further scenario is begun all the same.
            session.shouldstop = "told to end"
            raise KeyboardInterrupt

    def watch(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        return  # Only there may signals be dealt with.
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), interrupt)
    if os.name == "posix":
        threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
