"""The report that people read: one HTML file that needs nothing else, no script and no network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cpis_reports import catalogue
from cpis_reports.masking import Mask
from cpis_reports.render.diagram import Diagram, diagram, label
from cpis_reports.results import Attempt, RequirementVerdict, Results, Scenario
from cpis_reports.words import Status
from cpis_simulator.evidence import MARK, Evidence, Record

STATUS_WORDS: Final[dict[Status, str]] = {
    "conformant": "Every mandatory requirement that applies was shown.",
    "conformant-with-attestations": "Every mandatory requirement that applies was shown, some on a person’s word.",
    "not-conformant": "At least one mandatory requirement failed.",
    "incomplete": "No mandatory requirement failed, but some have not been shown.",
    "partial": "Only a selection of the suite was run.",
}
"""What each status says, in a sentence."""

VERDICT_WORDS: Final = {
    "fail": "failed",
    "inconclusive": "undecided",
    "not-tested": "not tested",
    "attested": "attested",
    "pass": "passed",
    "not-applicable": "not applicable",
}
"""Verdicts and outcomes as people read them, the worst first."""

CAUSE_WORDS: Final = {
    "config": "the configuration",
    "harness": "the harness itself",
    "not-reached": "it was not reached",
    None: "",
}

HAZARD_WORDS: Final = {
    "missed-child": "a child at risk is missed",
    "wrong-person": "shown or filed for the wrong person",
    "false-reassurance": "false reassurance",
    "disclosure": "seen by someone who may not",
    "delay": "help comes late",
    "none": "none",
}
"""What may happen to a child when a requirement is broken."""

WITNESS_WORDS: Final = {"wire": "the bytes", "product": "its driver", "person": "a person", None: ""}

BASIS_LISTS: Final = (
    ("national", "Requirements of national documents", ""),
    (
        "practice",
        "Practice of one product or area",
        "Not national requirements: one product or one area does it so.",
    ),
    ("ours", "Choices of this harness", "Not national requirements: where documents are silent, we chose."),
)

SETTING_TOUCHES: Final = {
    "ack.detail_codes": "ACK-006",
    "ack.echo_valid_records": "ACK-008",
    "ack.location_template": "ACK-007",
    "ack.location_without_echo": "ACK-007",
    "ack.mesh_code_15": "UPL-016",
    "data.name_matching": "DAT-026",
    "data.retention": "DAT-018",
    "data.test_number_prefix": "DAT-030",
    "data.ucp_end_means": "DAT-020",
    "data.unborn_grace": "DAT-019 DAT-020",
    "files.client_min_version": "OPS-002",
    "files.client_version": "OPS-002",
    "history.order": "RSP-008",
    "history.same_author_key": "RSP-007",
    "history.silent_read_in_own_answer": "DAT-025",
    "inactive.adoption_no_link": "INA-007",
    "notify.cadence": "NTF-009",
    "notify.empty_batches": "NTF-008",
    "notify.total_counts": "NTF-006",
    "pds.unknown": "DAT-026 UPL-021",
    "query.access_flag_place": "QRY-008",
    "query.client_timeout": "QRY-013",
    "query.duplicate_event_id": "QRY-012",
    "query.no_record_code": "RSP-003",
    "query.no_record_response_code": "RSP-003",
    "query.superseded_number": "RSP-010",
    "response.grouping": "RSP-002",
    "upload.bad_check_digit": "DAT-029 UPL-021",
    "upload.bad_record": "UPL-014 UPL-022",
    "upload.business_checks": "DAT-014 DAT-016 MSG-006 MSG-013 MSG-014",
    "upload.duplicate_file_id": "UPL-013",
    "upload.file_error_counters": "ACK-003",
    "upload.foreign_sender": "UPL-015",
    "upload.quantity_mismatch": "UPL-004",
    "upload.same_id_after_cpf05": "UPL-013 ACK-009 OPS-003",
    "upload.sequence_step": "UPL-003",
    "upload.upsert_key": "UPL-011",
}
"""The requirements, without `CPIS-`, that a changed setting touches."""

_LEVELS: Final = ("MUST", "SHOULD", "MAY", "INFO")
_ORDER: Final = tuple(VERDICT_WORDS)


@dataclass(frozen=True, slots=True)
class RequirementRow:
    """A line of the table of requirements."""

    verdict: RequirementVerdict
    text: str
    hazard: str
    basis: str


@dataclass(frozen=True, slots=True)
class Message:
    """A record, as the report shows it."""

    record: Record
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ScenarioView:
    """A scenario with its diagram and messages."""

    scenario: Scenario
    anchor: str
    attempts: list[Attempt]
    diagram: Diagram | None
    messages: list[Message]


def render_html(results: Results, evidence: Evidence) -> str:
    """The whole report of a run."""
    mask = Mask(results.run.people)
    by_scenario: dict[str, list[Record]] = {}
    for record in evidence.records:
        if record.scenario:
            by_scenario.setdefault(record.scenario, []).append(record)
    scenarios = sorted(results.scenarios, key=lambda s: (_ORDER.index(s.outcome), s.id))
    anchors = {scenario.id: f"s{number}" for number, scenario in enumerate(scenarios, start=1)}
    views = [
        _scenario_view(scenario, anchors[scenario.id], by_scenario.get(scenario.id, []), evidence, mask)
        for scenario in scenarios
    ]
    environment = _environment()
    return environment.get_template("report.html").render(
        results=results,
        run=results.run,
        summary=results.summary,
        status_words=STATUS_WORDS[results.summary.status],
        must=_must_counts(results),
        failed=[row for key, _, _ in BASIS_LISTS for row in _rows(results, key) if row.verdict.verdict == "fail"],
        lists=[(key, title, note, rows) for key, title, note in BASIS_LISTS if (rows := _rows(results, key))],
        settings=[(name, value, SETTING_TOUCHES.get(name, "none")) for name, value in results.run.settings.items()],
        chapters=[(own, [v for v in views if v.scenario.own is own]) for own in (False, True)],
        anchors=anchors,
        titles=_titles(scenarios, anchors),
        known_records={record.seq for view in views for record in (m.record for m in view.messages)},
        mask=mask.text,
        when=_when,
        plain=_plain,
        verdict_words=VERDICT_WORDS,
        cause_words=CAUSE_WORDS,
        hazard_words=HAZARD_WORDS,
        witness_words=WITNESS_WORDS,
        css=_css(environment),
    )


def _titles(scenarios: Sequence[Scenario], anchors: Mapping[str, str]) -> dict[str, str]:
    """What links to scenarios say: the catalogue test, with a number where several scenarios have the same."""
    of_test: dict[str, list[Scenario]] = {}
    for scenario in sorted(scenarios, key=lambda s: s.id):
        of_test.setdefault(scenario.test or anchors[scenario.id], []).append(scenario)
    return {
        scenario.id: test if len(same) == 1 else f"{test}.{number}"
        for test, same in of_test.items()
        for number, scenario in enumerate(same, start=1)
    }


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("cpis_reports.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _plain(parameters: Mapping[str, Any]) -> str:
    """Parameters of a check as JSON."""
    return json.dumps(parameters, ensure_ascii=False)


def _when(instant: str | None) -> str:
    """An instant as people read it; what is none stays as it is."""
    try:
        at = datetime.fromisoformat(instant or "")
    except ValueError:
        return instant or ""
    shown = at.astimezone(UTC) if at.tzinfo else at
    return f"{shown:%d %B %Y, %H:%M:%S}" + (" UTC" if at.tzinfo else "")


def _css(environment: Environment) -> Markup:
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, "report.css")[0])


def _must_counts(results: Results) -> list[tuple[str, int]]:
    """Mandatory requirements by verdict, the worst first; zeros too, so that runs can be compared."""
    counts = Counter(v.verdict for v in results.requirements if v.level == "MUST")
    return [(verdict, counts[verdict]) for verdict in _ORDER]  # type: ignore[index]  # the keys are verdicts


def _rows(results: Results, basis: str) -> list[RequirementRow]:
    """Requirements of a basis: failed mandatory ones first, then by level and verdict."""

    def place(row: RequirementRow) -> tuple[Any, ...]:
        verdict = row.verdict
        level = _LEVELS.index(verdict.level)
        return verdict.verdict != "fail" or level > 0, level, _ORDER.index(verdict.verdict), verdict.id

    known = catalogue.requirements()
    rows = [
        RequirementRow(verdict, known[verdict.id].text, known[verdict.id].hazard, basis)
        for verdict in results.requirements
        if verdict.id in known and known[verdict.id].basis == basis
    ]
    return sorted(rows, key=place)


def _scenario_view(
    scenario: Scenario, anchor: str, records: list[Record], evidence: Evidence, mask: Mask
) -> ScenarioView:
    messages = []
    for record in records:
        if record.channel == MARK:
            continue
        title = f"{record.channel}: {record.sender} → {record.receiver}, {mask.text(label(record))}"
        messages.append(Message(record, title, _shown(record, evidence, mask)))
    return ScenarioView(scenario, anchor, scenario.attempts, diagram(records), messages)


def _shown(record: Record, evidence: Evidence, mask: Mask) -> str:
    if record.sha256 is None:
        return "(no body)"
    try:
        return mask.message(evidence.body(record))
    except KeyError as error:
        return f"(not shown: {error.args[0]})"
