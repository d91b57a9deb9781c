"""What is recorded beside a check that fails: the word of the service on the lookup that was judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest

from cpis_reports.checks.registry import CHECKS, Judgement, check, failed, passed
from cpis_simulator.evidence import LOOKUP, Evidence, Record
from cpis_steps.judging import Judge


@pytest.fixture(autouse=True)
def checks() -> Iterator[None]:
    """Made-up checks of each party, one that fails and one that does not."""
    before = dict(CHECKS)
    for party in ("service", "care", "authority"):

        @check(f"made-up-{party}", judges=party, requirements=("CPIS-RSP-001",), witness="wire")
        def made_up(evidence: Evidence, *, nhs_number: str = "", fails: bool = True) -> Judgement:
            return failed("wire", "not so", *evidence.records) if fails else passed("wire", *evidence.records)

    yield
    CHECKS.clear()
    CHECKS.update(before)


@pytest.fixture
def judge() -> Judge:
    """A judge whose service explains what it is asked about."""
    seen = [Record(1, "", 0.0, "s", LOOKUP, "care", "service", {})]
    lane = MagicMock(name="lane")
    lane.never_read.return_value = ""
    lane.begun = 0
    lane.since_now.return_value = 1
    lane.tail.evidence.return_value = Evidence(seen, lambda _: b"")
    lane.service.explain.side_effect = "because of {}".format
    return Judge(MagicMock(lane=lane, since=0, scenario_id="s"))


@pytest.mark.parametrize(
    ("party", "parameters", "explanation"),
    [
        ("service", {"nhs_number": "9990001014"}, "because of 9990001014"),
        ("care", {"nhs_number": "9990001014"}, "because of 9990001014"),
        ("service", {"nhs_number": "9990001014", "fails": False}, ""),
        ("service", {}, ""),
        ("authority", {"nhs_number": "9990001014"}, ""),
    ],
)
def test_a_failed_check_of_a_lookup_is_recorded_with_why_the_service_answers_so(
    judge: Judge, party: str, parameters: dict[str, Any], explanation: str
) -> None:
    judge(f"made-up-{party}", **parameters)
    assert judge.recorded[0].explanation == explanation
