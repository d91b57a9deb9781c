"""JUnit XML, as build servers read it: a suite for each feature file, a case for each scenario."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final
from xml.etree import ElementTree

from cpis_reports.masking import Mask
from cpis_reports.results import Results, Scenario

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(results: Results) -> str:
    """The run as JUnit XML; what could not be decided is an error, what was not tested is skipped."""
    mask = Mask(results.run.people)
    root = ElementTree.Element("testsuites", name=f"CP-IS {results.run.role}: {results.run.product.name}")
    for feature, group in groupby(sorted(results.scenarios, key=lambda s: s.id), key=lambda s: s.feature):
        scenarios = list(group)
        suite = ElementTree.SubElement(root, "testsuite", name=feature, timestamp=results.run.started[:19])
        _count(suite, scenarios)
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in (
            ("role", results.run.role),
            ("seed", str(results.run.seed)),
            ("run", results.run.id),
            ("status", results.summary.status),
            ("claim", results.summary.claim),
        ):
            ElementTree.SubElement(properties, "property", name=name, value=value)
        if scenarios[0].own:
            ElementTree.SubElement(properties, "property", name="own", value="true")
        for scenario in scenarios:
            _case(suite, scenario, mask)
    _count(root, results.scenarios)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _count(element: ElementTree.Element, scenarios: list[Scenario]) -> None:
    outcomes = [scenario.outcome for scenario in scenarios]
    element.set("tests", str(len(outcomes)))
    element.set("failures", str(outcomes.count("fail")))
    element.set("errors", str(outcomes.count("inconclusive")))
    element.set("skipped", str(outcomes.count("not-tested")))
    element.set("time", f"{sum(_seconds(scenario) for scenario in scenarios):.3f}")


def _case(suite: ElementTree.Element, scenario: Scenario, mask: Mask) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=scenario.id.rpartition("/")[0].replace("/", "."),
        name=_clean(f"{scenario.test}: {scenario.name}" if scenario.test else scenario.name),
        time=f"{_seconds(scenario):.3f}",
    )
    reason = _clean(mask.text(scenario.reason))
    if scenario.outcome == "fail":
        failure = ElementTree.SubElement(case, "failure", message=reason, type="requirement")
        failure.text = _clean(mask.text(_story(scenario)))
    elif scenario.outcome == "inconclusive":
        error = ElementTree.SubElement(case, "error", message=reason, type=scenario.cause or "harness")
        error.text = _clean(mask.text(_story(scenario)))
    elif scenario.outcome == "not-tested":
        ElementTree.SubElement(case, "skipped", message=reason)


def _story(scenario: Scenario) -> str:
    """The steps as executed, then what the checks found."""
    attempt = scenario.attempts[-1] if scenario.attempts else None
    if attempt is None:
        return scenario.reason
    lines = [f"{step.outcome:>9}  {step.keyword} {step.text}" for step in attempt.steps]
    for recorded in attempt.checks:
        if recorded.outcome not in ("pass", "attested"):
            found = "; ".join(recorded.findings)
            lines.append(f"{recorded.check} ({' '.join(recorded.requirements)}): {found}")
    return "\n".join(["", *lines, ""])


def _seconds(scenario: Scenario) -> float:
    return sum(attempt.duration_s for attempt in scenario.attempts)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)
