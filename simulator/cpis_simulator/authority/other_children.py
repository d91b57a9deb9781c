"""Children that a real product holds beside those of a test: shared long ago, and nothing about them changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from cpis_simulator.authority.exporting import Exporting
from cpis_simulator.driving import ChildDetails, PlanDetails
from cpis_simulator.nhs_number import check_digit
from cpis_simulator.vocabulary import PlanType

# From the top of the test range downwards, where a run's own numbers do not reach.
_HIGHEST: Final = 999_999_999


def _numbers() -> Iterator[str]:
    for nine in range(_HIGHEST, 999_000_000, -1):
        if (digit := check_digit(str(nine))) is not None:
            yield f"{nine}{digit}"


def add_other_children(system: Exporting, count: int, *, now: datetime) -> None:
    """Record so many children with a plan that CP-IS has stored; only a full file or a new telephone sends them."""
    started = now.date() - timedelta(days=200)
    for number, nhs_number in zip(range(count), _numbers(), strict=False):
        child_id = system.record_child(
            ChildDetails(
                given=f"Other{_letters(number)}",
                family="Caseload",
                birth_date=date(now.year - 3 - number % 12, 1 + number % 12, 1 + number % 28),
                nhs_number=nhs_number,
            )
        )
        kind = PlanType.CHILD_PROTECTION if number % 2 else PlanType.LOOKED_AFTER
        details = PlanDetails(child_id=child_id, plan_type=kind, start=started, legal_status="20")
        system.consider_stored(system.record_plan(details, now=now))
        person = system.person(child_id)
        system.state.people[child_id] = replace(person, worker="Other Worker", team="Other team")


def _letters(number: int) -> str:
    """A number in letters, since names have no digits."""
    text = ""
    while True:
        number, rest = divmod(number, 26)
        text = chr(ord("a") + rest) + text
        if number == 0:
            return text
