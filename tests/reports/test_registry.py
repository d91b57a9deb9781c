"""Running a check: blame stays where it belongs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cpis_reports.checks import CHECKS, run_check
from cpis_reports.checks.registry import Judgement, check, failed, judged, passed, undecided
from cpis_simulator.errors import DecodeError
from cpis_simulator.evidence import Evidence, Record


def record(seq: int, channel: str = "file-drop") -> Record:
    return Record(seq, "2026-11-22T15:00:00+00:00", 1.0, "s", channel, "authority", "service")


def no_body(sha256: str) -> bytes:
    raise KeyError(sha256)


EVIDENCE = Evidence([record(4), record(7)], no_body)


@pytest.fixture(autouse=True)
def _own_checks() -> Iterator[None]:
    before = dict(CHECKS)

    @check("t-files", judges="authority", requirements=("CPIS-UPL-001",), witness="wire")
    def files(evidence: Evidence, *, expected: int) -> Judgement:
        """As many files as expected."""
        seen = evidence.on("file-drop")
        return judged("wire", [] if len(seen) == expected else [f"{len(seen)} files"], seen)

    @check("t-generous", judges="authority", requirements=(), witness="wire")
    def generous(evidence: Evidence) -> Judgement:
        return passed("wire")

    @check("t-broken", judges="authority", requirements=(), witness="wire")
    def broken(evidence: Evidence) -> Judgement:
        raise ZeroDivisionError("oops")

    @check("t-unreadable", judges="authority", requirements=(), witness="wire")
    def unreadable(evidence: Evidence, *, party: str) -> Judgement:
        raise DecodeError("Upload", party=party, line=3)

    yield
    CHECKS.clear()
    CHECKS.update(before)


def test_a_check_sees_its_evidence_and_names_it() -> None:
    assert run_check("t-files", EVIDENCE, {"expected": 2}) == Judgement("pass", (), (4, 7), "wire")
    assert run_check("t-files", EVIDENCE, {"expected": 1}) == Judgement("fail", ("2 files",), (4, 7), "wire")


@pytest.mark.parametrize(
    ("name", "parameters", "outcome", "cause"),
    [
        ("t-nothing", {}, "inconclusive", "harness"),
        ("t-generous", {}, "inconclusive", "not-reached"),
        ("t-broken", {}, "inconclusive", "harness"),
        ("t-files", {}, "inconclusive", "harness"),
        ("t-files", {"expected": {1, 2}}, "inconclusive", "harness"),
        ("t-files", {"expected": (1, 2)}, "inconclusive", "harness"),
        ("t-unreadable", {"party": "service"}, "inconclusive", "harness"),
        ("t-unreadable", {"party": "authority"}, "fail", None),
    ],
)
def test_what_a_check_that_goes_wrong_means(
    name: str, parameters: dict[str, object], outcome: str, cause: str | None
) -> None:
    judgement = run_check(name, EVIDENCE, parameters)
    assert (judgement.outcome, judgement.cause) == (outcome, cause)


def test_a_broken_check_says_what_broke() -> None:
    assert run_check("t-broken", EVIDENCE, {}).findings == ("ZeroDivisionError: oops",)


@pytest.mark.parametrize("records", [[], [record(1, "mark"), record(2, "mark")]])
def test_without_anything_that_crossed_a_border_nothing_was_reached(records: list[Record]) -> None:
    judgement = run_check("t-files", Evidence(records, no_body), {"expected": 0})
    assert (judgement.outcome, judgement.cause) == ("inconclusive", "not-reached")


def test_two_checks_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="t-files"):
        check("t-files", judges="care", requirements=(), witness="wire")(lambda evidence: passed("wire"))


def test_helpers_number_their_evidence_once_and_in_order() -> None:
    assert passed("product", record(7), 4, [record(7)]).evidence == (4, 7)
    assert failed("wire", ["a", "b"], record(1)) == Judgement("fail", ("a", "b"), (1,), "wire")
    assert passed("person", 1).outcome == "attested"
    assert undecided("config", "no number") == Judgement("inconclusive", ("no number",), (), "wire", "config")


def test_every_registered_check_judges_requirements_that_bind_its_party() -> None:
    from cpis_reports import catalogue

    known = catalogue.requirements()
    wrong = [
        (known_check.name, requirement)
        for known_check in CHECKS.values()
        for requirement in known_check.requirements
        if requirement not in known or known_check.judges not in known[requirement].binds
    ]
    assert wrong == []
