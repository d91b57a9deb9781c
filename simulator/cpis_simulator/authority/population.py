"""The children of a whole area, as a real product holds them: drawn from a seed, and shared long ago.

Source: the size of a county's caseload as one published it (CP-IS case studies, Hertfordshire, August 2015). Names are
put together from invented parts; no number, name or date is anybody's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cpis_simulator.authority.exporting import Exporting
from cpis_simulator.driving import ChildDetails, PlanDetails
from cpis_simulator.nhs_number import check_digit
from cpis_simulator.vocabulary import PlanType


@dataclass(frozen=True, slots=True)
class Population:
    """How many children there are, and which.

    Attributes:
        protected: Children on a child protection plan.
        looked_after: Looked-after children.
        place: Which of several populations it is: no two places share an NHS number.
        seed: Decides names, dates and workers.
    """

    protected: int
    looked_after: int
    place: int = 0
    seed: int = 0


COUNTY: Final = Population(protected=721, looked_after=1033)
"""A large county."""

# Below the numbers of `other_children`, and above what a run's own reach.
_HIGHEST: Final = 999_899_999
_OF_A_PLACE: Final = 10_000

_FIRST: Final = (
    "Ad",
    "Bel",
    "Cor",
    "Dar",
    "El",
    "Fen",
    "Gal",
    "Hal",
    "Is",
    "Jor",
    "Kel",
    "Lor",
    "Mar",
    "Nor",
    "Or",
    "Per",
)
_LAST: Final = ("an", "ara", "en", "enna", "ic", "ina", "is", "olin", "on", "ora", "wyn", "yth")
_FAMILY: Final = (
    "Ash",
    "Birk",
    "Clay",
    "Dun",
    "Elm",
    "Fern",
    "Grav",
    "Hol",
    "Ivers",
    "Kirk",
    "Lang",
    "Mill",
    "Oak",
    "Pen",
)
_PLACE: Final = ("bourne", "combe", "den", "field", "ford", "ham", "ley", "mere", "shaw", "ton", "wick", "worth")
_SECTIONS: Final = ("20", "31", "31", "31", "38")
"""A full care order is the most common."""


def add_population(system: Exporting, population: Population, *, now: datetime) -> None:
    """Record every child with a plan that CP-IS has stored; only a full file or a new telephone sends them."""
    rng = random.Random(f"population {population.seed} {population.place}")
    top = _HIGHEST - population.place * _OF_A_PLACE
    nines = (nine for nine in rng.sample(range(top - _OF_A_PLACE + 1, top + 1), _OF_A_PLACE))
    numbers = (f"{nine}{digit}" for nine in nines if (digit := check_digit(str(nine))) is not None)
    kinds = [PlanType.CHILD_PROTECTION] * population.protected + [PlanType.LOOKED_AFTER] * population.looked_after
    rng.shuffle(kinds)
    for kind, nhs_number in zip(kinds, numbers, strict=False):
        # Children on plans are young, looked-after ones mostly older; nobody comes of age within a year.
        eldest = 16.5 if kind is PlanType.LOOKED_AFTER else 14.0
        born = now.date() - timedelta(days=round(rng.triangular(0.1, eldest, eldest * 0.6) * 365.25))
        child_id = system.record_child(
            ChildDetails(
                given=rng.choice(_FIRST) + rng.choice(_LAST),
                family=rng.choice(_FAMILY) + rng.choice(_PLACE),
                birth_date=born,
                nhs_number=nhs_number,
            )
        )
        start = max(born, now.date() - timedelta(days=rng.randrange(10, 700)))
        section = rng.choice(_SECTIONS) if kind is PlanType.LOOKED_AFTER else None
        details = PlanDetails(child_id=child_id, plan_type=kind, start=start, legal_status=section)
        system.consider_stored(system.record_plan(details, now=now))
        team = rng.randrange(1, 40)
        worker = f"Worker {team}.{rng.randrange(1, 9)}"
        system.state.people[child_id] = replace(system.person(child_id), worker=worker, team=f"Team {team}")
