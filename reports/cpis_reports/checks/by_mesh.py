"""Checks of an authority's system whose files cross by MESH: failed deliveries, and what stands on the outside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cpis_reports.checks.reading import file_with, new_items, no_file, uploads
from cpis_reports.checks.registry import Judgement, check, judged, undecided
from cpis_simulator.evidence import FILE_DROP, Evidence
from cpis_simulator.nhs_number import masked

ROUTING: Final = ("mesh-local-id", "mesh-subject", "mesh-partner-id", "mesh-file-name", "name")
"""Headers of an upload's evidence that say what its sender wrote on the outside."""

LEAST_POLLS: Final = 3
"""Fewer say nothing of what went on between them."""

_SHOWN_AS: Final = ("interface", "file-failed")
_NUMBER: Final = re.compile(r"[0-9]+")


def tells_of_failure(alert: Mapping[str, Any], file_id: str, code: str) -> bool:
    """An alert says that this file was not delivered, and with which code."""
    numbers = _NUMBER.findall(str(alert.get("text", "")))
    if alert.get("file_id") != file_id:
        if alert.get("file_id") is not None or file_id not in numbers:
            return False
        numbers.remove(file_id)
    elif file_id != code and file_id in numbers:
        numbers.remove(file_id)
    return alert.get("kind") in _SHOWN_AS and code in numbers


@check("delivery-failure-shown", judges="authority", requirements=("CPIS-OPS-004", "CPIS-UPL-016"), witness="product")
def delivery_failure_shown(evidence: Evidence, *, authority: str, nhs_number: str, code: str) -> Judgement:
    """An alert shows the file that holds the number first as not delivered, with the code that MESH reported."""
    file = file_with(uploads(evidence, authority), nhs_number)
    if file is None or file.upload is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no readable file")
    linked = {"mesh-linked": file.record.headers["delivery"], "mesh-code": code}
    reports = evidence.on(FILE_DROP, authority=authority, direction="report", **linked)
    if not reports:
        return undecided("harness", f"MESH has reported no failure {code} of the file", file.record)
    found = new_items(evidence, "alerts")
    if found is None or found[0].seq < reports[-1].seq:
        return undecided("not-reached", "the product was not asked for its alerts", witness="product")
    record, items = found
    file_id = file.upload.file_id
    fitting = [item for item in items if tells_of_failure(item, file_id, code)]
    findings = []
    if not fitting:
        findings.append(f"no alert shows that file {file_id} was not delivered, with code {code}")
    elif not any(item.get("recipient") or item.get("team") for item in fitting):
        findings.append(f"the alert about file {file_id} is addressed to nobody")
    return judged("product", findings, record, file.record, *reports)


@check("nobody-named-outside", judges="authority", requirements=("CPIS-IG-008",), witness="wire")
def nobody_named_outside(
    evidence: Evidence, *, authority: str, nhs_number: str, words: list[str], numbers: list[str]
) -> Judgement:
    """No routing data of the file that holds the number has one of the words or numbers in it.

    Args:
        words: Names and local ids; capitals do not matter.
        numbers: Looked for in the digits alone, however they are set apart.
    """
    file = file_with(uploads(evidence, authority), nhs_number)
    if file is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no file")
    headers = file.record.headers
    if headers.get("door") != "mesh":
        return undecided("config", "the file did not come by MESH", file.record)
    findings = []
    for header in ROUTING:
        said = headers.get(header, "")
        digits = re.sub(r"(?<=[0-9])[ -](?=[0-9])", "", said)
        if any(word.casefold() in said.casefold() for word in words) or any(n in digits for n in numbers):
            findings.append(f"{header.removeprefix('mesh-')} holds what is known of the child")
    return judged("wire", findings, file.record)


@check("whole-when-seen", judges="authority", requirements=("CPIS-UPL-006",), witness="wire")
def whole_when_seen(evidence: Evidence, *, authority: str, nhs_number: str) -> Judgement:
    """At every poll at which its control file was there, the file that holds the number was as long as it became.

    One that the service took between two polls was never seen incomplete.
    """
    file = file_with(uploads(evidence, authority), nhs_number)
    if file is None:
        return no_file(evidence, authority, f"{masked(nhs_number)} is in no file")
    stem = file.record.headers.get("mesh-file-name", "").rpartition(".")[0]
    watches = [
        record
        for record in evidence.on(FILE_DROP, authority=authority, direction="sighting", name="")
        if int(record.headers["polls"]) >= LEAST_POLLS
    ]
    if not stem or not watches:
        return undecided("harness", "nobody watched OUT while the file was written", file.record)
    sightings = evidence.on(FILE_DROP, authority=authority, direction="sighting", name=stem)
    findings = []
    for sighting in sightings:
        sizes = [int(size) for size in sighting.headers["sizes"].split()]
        if short := [size for size in sizes if size != file.record.size]:
            said = f"had {short[0]} bytes while its control file was there, and came with {file.record.size}"
            findings.append(f"{stem}.dat {said}")
    return judged("wire", findings, file.record, *watches, *sightings)
