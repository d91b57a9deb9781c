"""A small made-up run on disk: two scenarios of an authority, with evidence in every channel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cpis_reports.bundle import seal
from cpis_reports.checks.registry import Judgement, check, judged, passed, run_check
from cpis_reports.results import (
    Attempt,
    CalledFor,
    OwnPerson,
    Product,
    RecordedCheck,
    Results,
    Run,
    Scenario,
    Step,
    Stop,
    Suite,
    write_results,
)
from cpis_reports.verdicts import judge
from cpis_simulator.evidence import Evidence
from cpis_simulator.store.journal import Journal

OWN = "9990001014"
OTHER = "9990001030"
UPLOAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<File xmlns="urn:hl7-org:v3"><creationTime value="20261122150000+0000"/><id extension="41"/><quantity value="2"/>
<record><child><id extension="{OWN}"/><name><given>Alpha</given><family>Testcase</family></name></child></record>
<record><child><id extension="{OTHER}"/><name><given>Somebody</given><family>Elsewhere</family></name></child></record>
</File>"""
SCENARIO = "file_drop/new_plans/a-new-plan-is-in-the-next-file"
SECOND = "return_message/access_notifications/an-access-is-filed"


def register_checks() -> None:
    """The two checks that the made-up run was judged by."""

    @check("made-number-in-file", judges="authority", requirements=("CPIS-UPL-001",), witness="wire")
    def number_in_file(evidence: Evidence, *, nhs_number: str, times: int) -> Judgement:
        """The number stands in the file as often as it should."""
        files = evidence.on("file-drop", direction="upload")
        found = sum(evidence.body(record).count(nhs_number.encode()) for record in files)
        return judged("wire", [] if found == times else [f"{nhs_number} stands {found} times"], files)

    @check("made-event-is-filed", judges="authority", requirements=("CPIS-NTF-010",), witness="product")
    def event_is_filed(evidence: Evidence) -> Judgement:
        """The driver shows an event."""
        answers = evidence.on("driver", operation="case-events", phase="response")
        shown = [a for a in answers if evidence.json(a)["items"]]
        return passed("product", shown) if shown else judged("product", ["no event is shown"], answers)


def make_bundle(folder: Path) -> Path:
    """Write the run; `register_checks` must have been called."""
    journal = Journal(folder)
    _mark(journal, "scenario-start", "A new plan is in the next file", scenario=SCENARIO)
    _driver(journal, "record-child", {"given": "Alpha", "family": "Testcase", "nhs_number": OWN}, {"child_id": "c1"})
    start = journal.last_seq()
    _driver(journal, "export", {}, {"exported": True, "file_id": "41"})
    drop = {"authority": "Z99", "direction": "upload", "name": "41.xml", "kind": "upload", "delivery": "d1"}
    journal.append("file-drop", sender="authority", receiver="service", headers=drop, body=UPLOAD.encode())
    reply = {**drop, "direction": "response", "name": "41_RESP_20261122150001.xml", "kind": "acknowledgement"}
    body = b'<FileResponse xmlns="urn:hl7-org:v3"><code code="CPF02"/></FileResponse>'
    journal.append("file-drop", sender="service", receiver="authority", headers=reply, body=body)
    first = journal.last_seq()
    _mark(journal, "scenario-end", "A new plan is in the next file")
    _mark(journal, "scenario-start", "An access is filed", scenario=SECOND)
    exchange = {"exchange": "e1", "phase": "request"}
    query = f'<QUPC_IN000006GB01><id extension="{OWN}"/></QUPC_IN000006GB01>'.encode()
    journal.append("lookup", sender="care", receiver="service", headers=exchange, body=query)
    answered = {**exchange, "phase": "response", "status": "200"}
    journal.append("lookup", sender="service", receiver="care", headers=answered, body=b"<REPC_IN000007GB01/>")
    _driver(journal, "case-events", {"child_id": "c1"}, {"items": []})
    second = journal.last_seq()
    _mark(journal, "scenario-end", "An access is filed")
    _mark(journal, "run-end", "", scenario=None)
    journal.sync()
    evidence = journal.evidence()
    scenarios = [
        _scenario(
            SCENARIO,
            "A new plan is in the next file",
            "FD-01",
            evidence,
            ("made-number-in-file", {"nhs_number": OWN, "times": 1}, start, first),
        ),
        _scenario(SECOND, "An access is filed", "NT-01", evidence, ("made-event-is-filed", {}, first, second)),
        Scenario(
            id="file_drop/safe_files/every-day-a-file",
            name="Every day a file",
            feature="file_drop/safe_files.feature",
            line=40,
            test="FD-30",
            attempts=[
                Attempt(
                    stop=Stop(cause="not-tested", reason="needs a clock that can be moved"),
                    steps=[Step(keyword="Given", text="a child", outcome="not-run")],
                )
            ],
        ),
    ]
    for scenario in scenarios:
        for recorded in (c for a in scenario.attempts for c in a.checks):
            _mark(journal, "check", f"{recorded.check}: {recorded.outcome}", scenario=scenario.id)
    journal.sync()
    last, count = seal(folder)
    results = Results(
        run=Run(
            id="20261122T150000-made",
            role="authority",
            seed=42,
            challenge="autumn",
            started="2026-11-22T15:00:00+00:00",
            ended="2026-11-22T15:00:41+00:00",
            harness_version="0.1.0",
            product=Product(name="Example <Case> Manager", version="14.2", supplier="Example Ltd"),
            base="2026-11-22T12:00:00+00:00",
            settings={"files.poll": 0.1},
            evidence_sha256=last,
            evidence_records=count,
            people=[OwnPerson(nhs_number=OWN, name="Alpha Testcase")],
        ),
        scenarios=scenarios,
        suite=Suite(
            called_for=[
                CalledFor(test="FD-01", check="made-number-in-file", party="authority", requirements=["CPIS-UPL-001"]),
                CalledFor(test="NT-01", check="made-event-is-filed", party="authority", requirements=["CPIS-NTF-010"]),
            ],
            reasons={"FD-24": "takes an initial load"},
        ),
    )
    write_results(folder / "results.json", judge(results))
    return folder


def _scenario(
    scenario_id: str, name: str, test: str, evidence: Evidence, call: tuple[str, dict[str, Any], int, int]
) -> Scenario:
    check_name, parameters, since, until = call
    own = [r for r in evidence.records if r.scenario == scenario_id and since < r.seq <= until]
    judgement = run_check(check_name, Evidence(own, evidence._body_of), parameters)
    recorded = RecordedCheck(
        check=check_name,
        party="authority",
        requirements=["CPIS-UPL-001", "CPIS-NTF-010"],
        step="the outcome is right",
        parameters=parameters,
        since=since,
        until=until,
        evidence=list(judgement.evidence),
        outcome=judgement.outcome,
        cause=judgement.cause,
        witness=judgement.witness,
        findings=list(judgement.findings),
    )
    return Scenario(
        id=scenario_id,
        name=name,
        feature=scenario_id.rpartition("/")[0] + ".feature",
        line=3,
        tags=[test],
        test=test,
        attempts=[
            Attempt(
                duration_s=0.41,
                steps=[
                    Step(keyword="Given", text="a child on a child protection plan", outcome="passed"),
                    Step(keyword="When", text="the authority exports its next file", outcome="passed"),
                    Step(
                        keyword="Then",
                        text="the outcome is right",
                        outcome="passed" if judgement.outcome == "pass" else "failed",
                        message="; ".join(judgement.findings),
                    ),
                ],
                checks=[recorded],
            )
        ],
    )


def _mark(journal: Journal, event: str, text: str, **more: Any) -> None:
    journal.append("mark", sender="harness", receiver="harness", headers={"event": event, "text": text}, **more)


def _driver(journal: Journal, operation: str, request: dict[str, Any], reply: dict[str, Any]) -> None:
    headers = {"operation": operation, "phase": "request"}
    journal.append("driver", sender="harness", receiver="authority", headers=headers, body=json.dumps(request).encode())
    headers = {"operation": operation, "phase": "response", "status": "answered"}
    journal.append("driver", sender="authority", receiver="harness", headers=headers, body=json.dumps(reply).encode())
