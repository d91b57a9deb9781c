"""Steps of files that cross by MESH: reports of failed deliveries, and what stands on the outside of a file."""

from __future__ import annotations

from typing import Final

from pytest_bdd import given, parsers, then, when

from cpis_reports.checks.by_mesh import tells_of_failure
from cpis_simulator import driving
from cpis_simulator.errors import HarnessError, NotOffered
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.mailbox.seeds import mailbox_of
from cpis_steps.crafting import open_file
from cpis_steps.judging import Judge
from cpis_steps.people import child_on_plan
from cpis_steps.stage import Stage, read_alerts
from cpis_steps.watching import Watched

CHILDREN: Final = ("child", "second child", "third child", "fourth child")
FAILURES: Final = dict(zip(CHILDREN, ("12", "14", "16", "17"), strict=True))
"""Which failure MESH reports of the file that holds a child first (RL-07)."""

REJECTED: Final = "15"
MANY: Final = 300
"""RL-10 has 5,000, which takes a product's driver minutes; what counts is that writing takes longer than a poll."""


def insist_on_mesh(stage: Stage) -> None:
    """Stop here where files do not cross by MESH.

    Raises:
        NotOffered: They do not.
    """
    profile = stage.lane.plan.config.file_drop.profile
    if profile == "cpis-client":
        raise NotOffered(f"files do not cross by MESH here: file_drop.profile is {profile}")


@given("four files of the authority are open, with a new child each")
def four_files_are_open(cpis_stage: Stage) -> None:
    """Each was exported, and the service has answered none."""
    insist_on_mesh(cpis_stage)
    for who in CHILDREN:
        child_on_plan(cpis_stage, who)
        cpis_stage.leave_open()


@when("MESH reports them as not delivered, one each with 12, 14, 16 and 17")
def mesh_reports_four_failures(cpis_stage: Stage) -> None:
    """In the order in which they were sent; then the authority collects."""
    for number, code in enumerate(FAILURES.values(), start=1):
        report_undelivered(cpis_stage, number, code)
    collect_reports(cpis_stage)


@when(parsers.re(r"MESH (?P<how>rejects the file with 15|reports the file as not collected, twice)"))
def mesh_reports_a_failure(cpis_stage: Stage, how: str) -> None:
    """One report, or the same one again; then the authority collects."""
    insist_on_mesh(cpis_stage)
    if how.startswith("rejects"):
        report_undelivered(cpis_stage, 1, REJECTED)
    else:
        report_undelivered(cpis_stage, 1, "14", times=2)
    collect_reports(cpis_stage)


def report_undelivered(stage: Stage, number: int, code: str, *, times: int = 1) -> None:
    """Have MESH report the scenario's n-th open file."""
    file_id = open_file(stage, number).file_id
    since = stage.opened[number - 1]
    found = stage.seen(since).on(FILE_DROP, authority=stage.ods, direction="upload")
    if not found or found[0].headers.get("door") != "mesh":
        raise HarnessError("The open file did not come by MESH", where=f"file {file_id}")
    request = driving.ReportUndelivered.model_validate(
        {"message_id": found[0].headers["delivery"], "code": code, "times": times}
    )
    stage.service.do("report-undelivered", request)


def collect_reports(stage: Stage) -> None:
    """The authority collects, and the service answers its files from then on."""
    stage.collect()
    stage.service.do("silence", driving.Silence(authority=stage.ods, silent=False))


def judge_failure(stage: Stage, judge: Judge, who: str, number: int, code: str) -> None:
    """Judge whether the n-th open file is shown as not delivered, for that reason."""
    file_id = open_file(stage, number).file_id
    read_alerts(stage, lambda alert: tells_of_failure(alert.model_dump(mode="json"), file_id, code))
    nhs_number = stage.cast[who].nhs_number
    judge("delivery-failure-shown", since=0, authority=stage.ods, nhs_number=nhs_number, code=code)


@then("each of the four is shown as not delivered, with its code")
def four_failures_are_shown(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """An alert of each file, which names its code."""
    for number, (who, code) in enumerate(FAILURES.items(), start=1):
        judge_failure(cpis_stage, cpis_judge, who, number, code)


@then(parsers.re(r"the file is shown as not delivered, with code (?P<code>14|15)"))
def a_failure_is_shown(cpis_stage: Stage, cpis_judge: Judge, code: str) -> None:
    """An alert of the file, which names the code."""
    judge_failure(cpis_stage, cpis_judge, "child", 1, code)


@then("nothing on the outside of the file names the child")
def nobody_is_named_outside(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Local id, subject and file name hold neither its number, nor its names, nor its local id."""
    insist_on_mesh(cpis_stage)
    child = cpis_stage.cast["child"]
    cpis_judge(
        "nobody-named-outside",
        authority=cpis_stage.ods,
        nhs_number=child.nhs_number,
        words=[word for word in (child.given, child.family, child.local_id) if word],
        numbers=[child.nhs_number],
    )


@given(parsers.re(r"three hundred children on child protection plans"))
def many_children(cpis_stage: Stage) -> None:
    """So many that a file of them takes its time to be written."""
    for number in range(1, MANY + 1):
        child_on_plan(cpis_stage, f"child {number}")


@when("the authority exports its next file, watched every 10 ms")
def the_export_is_watched(cpis_stage: Stage) -> None:
    """OUT of the authority's MESH folder is polled from before the export until the service has the file.

    Raises:
        NotOffered: Files do not cross as pairs.
    """
    lane = cpis_stage.lane
    profile = lane.plan.config.file_drop.profile
    if profile != "mesh-folder":
        raise NotOffered(f"files do not cross as pairs here: file_drop.profile is {profile}")
    with Watched(lane.drop / "mesh" / mailbox_of(cpis_stage.ods) / "OUT") as watched:
        cpis_stage.export()
    common = {"authority": cpis_stage.ods, "direction": "sighting", "kind": "sighting"}
    told: list[dict[str, str]] = [{"name": "", "polls": str(watched.polls)}]
    for name, sighting in watched.seen.items():
        sizes = " ".join(map(str, sighting.sizes))
        told.append({"name": name, "polls": str(sighting.polls), "sizes": sizes})
    for headers in ({**common, **more} for more in told):
        lane.journal.append(
            FILE_DROP, sender="authority", receiver="harness", headers=headers, scenario=cpis_stage.scenario_id
        )


@then("no file under its final name was incomplete at any poll")
def files_were_whole(cpis_stage: Stage, cpis_judge: Judge) -> None:
    """Each had its last size from the first poll on."""
    number = cpis_stage.cast["child 1"].nhs_number
    cpis_judge("whole-when-seen", authority=cpis_stage.ods, nhs_number=number)
