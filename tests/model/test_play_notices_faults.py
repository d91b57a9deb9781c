"""The play tells a faulty service from a right one: faults of `faults_from_the_rules.csv`, put into its core."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, settings

from cpis_simulator.model import PlanRecord
from cpis_simulator.service import lookups, pds, register
from cpis_simulator.settings import UploadSettings
from cpis_simulator.vocabulary import RecordCode
from tests.model.real_service import CoreService
from tests.model.test_service_agrees import PROFILE, play

TRIED: Final = settings(PROFILE, max_examples=1000, derandomize=True, phases=(Phase.generate,))
ALL_CHECKS: Final = UploadSettings().business_checks

WRONG_SETTINGS: Final[Mapping[str, Mapping[str, Mapping[str, object]]]] = {
    "retention-one-day-short": {"data": {"retention": 364}},
    "retention-one-day-long": {"data": {"retention": 366}},
    "unborn-kept-365-days": {"data": {"unborn_grace": 365}},
    "unborn-hidden-at-due-date": {"data": {"unborn_grace": 0}},
    "oldest-access-first": {"history": {"order": "oldest-first"}},
    "duplicate-id-processed": {"upload": {"duplicate_file_id": "accept"}},
    "id-burnt-by-cpf05": {"upload": {"same_id_after_cpf05": "refused"}},
    "foreign-code-accepted": {"upload": {"foreign_sender": "accept"}},
    "quantity-not-counted": {"upload": {"quantity_mismatch": "accept"}},
    "one-bad-record-spoils-the-file": {"upload": {"bad_record": "file"}},
    "eighteenth-birthday-ignored": {"upload": {"business_checks": ALL_CHECKS - {"age-18"}}},
    "check-digit-said-to-be-unknown": {"upload": {"bad_check_digit": "CPR01"}},
}
"""What another value of a setting does."""

Break = Callable[[pytest.MonkeyPatch], None]


def looks_up(change: Callable[[lookups.LookUpOutcome], lookups.LookUpOutcome]) -> Break:
    """Changes what comes of a lookup."""
    right = lookups.look_up

    def wrong(*given: Any, **named: Any) -> lookups.LookUpOutcome:
        return change(right(*given, **named))

    return lambda patch: patch.setattr("tests.simulator.service_examples.look_up", wrong)


def stores(change: Callable[[PlanRecord, Mapping[str, Any]], PlanRecord]) -> Break:
    """Changes a record before it is stored, knowing what is held."""
    right = register.upsert

    def wrong(record: PlanRecord, **named: Any) -> Any:
        return right(change(record, named["held"]), **named)

    return lambda patch: patch.setattr("cpis_simulator.service.uploads.upsert", wrong)


def judges_people(change: Callable[..., RecordCode | None]) -> Break:
    """Changes what PDS says of a subject; it is handed the right judge first."""
    name, right = "cpis_simulator.service.uploads.check_person", pds.check_person
    return lambda patch: patch.setattr(name, lambda *given: change(right, *given))


def repeats_are_silent(outcome: lookups.LookUpOutcome) -> lookups.LookUpOutcome:
    return outcome if outcome.query and outcome.query.listed else replace(outcome, notices=())


def silent_reads_are_kept(outcome: lookups.LookUpOutcome) -> lookups.LookUpOutcome:
    query = outcome.query
    if query is None or not (query.found and query.query.is_silent()):
        return outcome
    return replace(outcome, query=replace(query, listed=True))


def ends_stay(record: PlanRecord, held: Mapping[str, Any]) -> PlanRecord:
    before = held.get(record.subjects[0].nhs_number)
    ends = {(e.plan.plan_type, e.plan.start): e.plan.end for e in before.entries} if before else {}
    plans = tuple(replace(plan, end=plan.end or ends.get((plan.plan_type, plan.start))) for plan in record.plans)
    return replace(record, plans=plans)


def deletions_end(record: PlanRecord, _held: Mapping[str, Any]) -> PlanRecord:
    plans = tuple(replace(p, end=p.delete, delete=None) if p.delete else p for p in record.plans)
    return replace(record, plans=plans)


def same_calendar_day(query: Any, key: str, kept: Any) -> bool:
    last = kept.last_listed(query.nhs_number, key, until=query.effective_time)
    return last is not None and last.date() == query.effective_time.date()


WRONG_CODE: Final[Mapping[str, Break]] = {
    "twenty-six-accesses": lambda patch: patch.setattr(lookups, "HISTORY_DEPTH", 26),
    "collapse-by-calendar-day": lambda patch: patch.setattr(lookups, "_is_repeat", same_calendar_day),
    "repeat-not-notified": looks_up(repeats_are_silent),
    "first-authority-notified-only": looks_up(lambda outcome: replace(outcome, notices=outcome.notices[:1])),
    "silent-read-remembered": looks_up(silent_reads_are_kept),
    "end-date-cannot-be-taken-back": stores(ends_stay),
    "delete-only-ends": stores(deletions_end),
    "match-ignores-birth-date": judges_people(
        lambda right, subject, person, *more: right(
            replace(subject, birth_date=person.birth_date) if person else subject, person, *more
        )
    ),
    "match-ignores-given-names": judges_people(
        lambda right, subject, person, *more: right(
            replace(subject, given=person.name.given) if person else subject, person, *more
        )
    ),
    "sensitive-stored": judges_people(
        lambda right, subject, person, *more: right(subject, person and replace(person, sensitive=False), *more)
    ),
    "superseded-said-to-be-unknown": judges_people(
        lambda right, *given: RecordCode.NO_MATCH if (code := right(*given)) is RecordCode.SUPERSEDED else code
    ),
}


def listed() -> set[str]:
    with (Path(__file__).parent / "faults_from_the_rules.csv").open(encoding="utf-8", newline="") as table:
        return {row["name"] for row in csv.DictReader(table)}


@pytest.mark.parametrize("fault", [*WRONG_SETTINGS, *WRONG_CODE])
def test_play_notices(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault in listed()
    if fault in WRONG_CODE:
        WRONG_CODE[fault](monkeypatch)
    met = Counter[str]()
    with pytest.raises(AssertionError):
        play(CoreService("immediate", **WRONG_SETTINGS.get(fault, {})), "immediate", met, TRIED)
    print(f"{fault}: noticed in sequence {met['sequences']}")
