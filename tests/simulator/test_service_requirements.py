"""Every requirement that binds the service has a unit test of ours that shows it, or a reason why there is none.

This says where to look, not that all of a requirement is shown: that is what runs of the suite are for.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from cpis_reports import catalogue

HERE = Path(__file__).parent

NOT_BUILT = {
    "CPIS-UPL-016": "transport:mesh",
    "CPIS-RSP-004": "route:fhir",
    "CPIS-RSP-005": "route:fhir",
    "CPIS-NTF-004": "product:viewer",
}
"""Requirements that apply to what is not built, and the claim that would make them apply."""


def lines() -> Iterator[dict[str, str]]:
    with (HERE / "service_requirements.csv").open(encoding="utf-8", newline="") as table:
        yield from csv.DictReader(table)


def test_every_requirement_that_binds_the_service_has_a_test_or_a_reason() -> None:
    bound = {r.id for r in catalogue.requirements().values() if "service" in r.binds}
    assert {line["requirement"] for line in lines()} | NOT_BUILT.keys() == bound


def test_what_is_not_built_applies_by_a_claim_only() -> None:
    known = catalogue.requirements()
    assert {id: known[id].applies_when for id in NOT_BUILT} == NOT_BUILT


def test_every_test_that_is_named_is_there() -> None:
    missing = []
    for line in lines():
        text = (HERE / f"{line['module']}.py").read_text(encoding="utf-8")
        if not re.search(rf"^def {re.escape(line['test'])}\(", text, re.MULTILINE):
            missing.append(f"{line['module']}::{line['test']}")
    assert missing == []
