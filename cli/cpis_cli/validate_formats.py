"""Verdicts on files as text for people, JSON for programs, JUnit for CI."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from cpis_simulator.codecs.xml import attribute, text
from cpis_simulator.rules.finding import ERROR, Finding
from cpis_simulator.rules.judge import Verdict

SHOWN_OF_A_RULE = 5
"""Findings of one rule that text shows in full; the others follow as line numbers."""
_LINES_SHOWN = 12

Judged = Sequence[tuple[str, Verdict]]


def as_text(verdicts: Judged) -> str:
    """What is wrong with each file, the first thing to mend first; a table at the end when there are several."""
    lines: list[str] = []
    for name, verdict in verdicts:
        lines.append(f"{name}: {_summary(verdict)}")
        lines += _findings_in_words(verdict)
    if len(verdicts) > 1:
        lines += ["", *_table(verdicts)]
    return "\n".join(lines) + "\n"


def _summary(verdict: Verdict) -> str:
    kind = str(verdict.kind)
    if verdict.records is not None:
        kind += f", {verdict.records} record{'s' if verdict.records != 1 else ''}"
    errors, warnings = _counts(verdict)
    more = f" and {verdict.omitted} more" if verdict.omitted else ""
    said = [f"{errors} error{'s' if errors != 1 else ''}"] if errors else []
    said += [f"{warnings} warning{'s' if warnings != 1 else ''}"] if warnings else []
    found = f": {', '.join(said)}{more}" if said else ""
    return f"{'valid' if verdict.valid else 'INVALID'} ({kind}){found}"


def _counts(verdict: Verdict) -> tuple[int, int]:
    errors = sum(finding.severity == ERROR for finding in verdict.findings)
    return errors, len(verdict.findings) - errors


def _findings_in_words(verdict: Verdict) -> Iterator[str]:
    shown: Counter[tuple[str, str]] = Counter()
    left: dict[tuple[str, str], list[int]] = {}
    for finding in verdict.findings:
        alike = (finding.rule, _what(finding))
        shown[alike] += 1
        if shown[alike] > SHOWN_OF_A_RULE:
            left.setdefault(alike, []).append(finding.line)
            continue
        yield from _in_words(finding)
    for (rule, what), numbers in left.items():
        places = ", ".join(map(str, numbers[:_LINES_SHOWN])) + (", …" if len(numbers) > _LINES_SHOWN else "")
        yield f"  {rule}: {what}, {len(numbers)} more, at line{'s' if len(numbers) > 1 else ''} {places}"
    if verdict.omitted:
        yield f"  … and {verdict.omitted} findings more; --most shows more of them"


def _what(finding: Finding) -> str:
    """What is wrong without what was found, so that findings of one cause are alike."""
    return finding.message.partition(": expected ")[0].partition(": found ")[0]


def _in_words(finding: Finding) -> Iterator[str]:
    place = [f"line {finding.line}"] if finding.line else []
    place += [f"record {finding.record}"] if finding.record is not None else []
    where = f", {', '.join(place)}" if place else ""
    yield f"  {finding.rule} {finding.severity}{where}: {finding.message}"
    if finding.mend:
        yield f"    mend: {finding.mend}"
    if finding.xpath:
        yield f"    at {finding.xpath}"
    if finding.source:
        yield f"    source: {finding.source}"


def _table(verdicts: Judged) -> list[str]:
    rows = [("file", "kind", "verdict", "errors", "warnings")]
    for name, verdict in verdicts:
        errors, warnings = _counts(verdict)
        rows.append((name, str(verdict.kind), "valid" if verdict.valid else "INVALID", str(errors), str(warnings)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    valid = sum(verdict.valid for _, verdict in verdicts)
    return [*lines, f"{valid} of {len(verdicts)} valid"]


def as_json(verdicts: Judged) -> str:
    """A list of `{file, kind, valid, findings}`; `omitted` counts findings beyond those that are kept."""
    shown = [
        {
            "file": name,
            "kind": verdict.kind.value,
            "valid": verdict.valid,
            "findings": [asdict(finding) for finding in verdict.findings],
            "omitted": verdict.omitted,
            "records": verdict.records,
        }
        for name, verdict in verdicts
    ]
    return json.dumps(shown, ensure_ascii=False, indent=2) + "\n"


def as_junit(verdicts: Judged) -> str:
    """One suite with a case a file; an invalid file is a failure that lists its findings."""
    failed = sum(not verdict.valid for _, verdict in verdicts)
    cases = []
    for name, verdict in verdicts:
        opening = f'<testcase classname="cpis.validate.{verdict.kind}" name="{attribute(name)}"'
        shown = "\n".join(
            f"{finding.rule} {finding.severity} line {finding.line} {finding.xpath}: {finding.message}"
            for finding in verdict.findings
        )
        if verdict.omitted:
            shown += f"\n… and {verdict.omitted} more"
        if verdict.valid:
            output = f"<system-out>{text(shown)}</system-out>" if shown else ""
            cases.append(f"{opening}>{output}</testcase>" if output else f"{opening}/>")
        else:
            rules = ", ".join(dict.fromkeys(finding.rule for finding in verdict.findings))
            cases.append(f'{opening}><failure message="{attribute(rules)}">{text(shown)}</failure></testcase>')
    counts = f'tests="{len(verdicts)}" failures="{failed}" errors="0" skipped="0"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites {counts}>\n<testsuite name="cpis validate" {counts}>\n'
        + "\n".join(cases)
        + "\n</testsuite>\n</testsuites>\n"
    )
