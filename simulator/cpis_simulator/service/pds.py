"""The demographic service as CP-IS uses it: people, and whether an upload's subject is one of them.

Source: CP-IS rules DAT-026, DAT-029, DAT-030, UPL-020, UPL-021.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from functools import lru_cache
from typing import Final

from cpis_simulator import nhs_number as numbers
from cpis_simulator.model import Subject
from cpis_simulator.settings import InactiveSettings, NameTolerance, Settings, UploadSettings
from cpis_simulator.vocabulary import RecordCode


@dataclass(frozen=True, slots=True)
class PersonName:
    """A given name element, which may hold several names, and a family name."""

    given: str
    family: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person on the demographic service.

    `inactive` without `superseded_by`: the number was retired, and there is no other. `adopted`: there may be one, and
    nobody may learn of it (INA-007). `previous_names` are also those that the person goes by. A death changes nothing
    of what CP-IS does: no rule says so, and the authority ends its plan.
    """

    nhs_number: str
    name: PersonName
    birth_date: date
    previous_names: tuple[PersonName, ...] = ()
    sensitive: bool = False
    inactive: bool = False
    superseded_by: str | None = None
    adopted: bool = False
    died: date | None = None

    def is_retired(self) -> bool:
        """The number is no longer used, whether or not another took its place."""
        return self.inactive or self.adopted or self.superseded_by is not None

    def replacement(self, inactive: InactiveSettings) -> str | None:
        """The number that took the place of this one, None where there is none that may be told."""
        return None if self.adopted and inactive.adoption_no_link == "enforced" else self.superseded_by


class MatchStep(IntEnum):
    """By which of the tries a subject's given names agreed (DAT-026)."""

    ALL_GIVEN_NAMES = 1
    FIRST_TO_FIRST = 2
    FIRST_TO_ANY = 3
    PREVIOUS_NAME = 4


_DEFAULTS: Final = Settings()
_EVERYTHING: Final = _DEFAULTS.data.name_matching


@lru_cache(maxsize=4096)
def folded(name: str, tolerated: frozenset[NameTolerance] = _EVERYTHING) -> tuple[str, ...]:
    """A name as it is compared: its words, without what names may differ in."""
    plain = unicodedata.normalize("NFKC", name)  # How an accent is encoded is no difference of names.
    if "accents" in tolerated:
        plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return tuple((plain.casefold() if "case" in tolerated else plain).split())


def match(subject: Subject, person: Person, tolerated: frozenset[NameTolerance] = _EVERYTHING) -> MatchStep | None:
    """How the subject agrees with the person, None when it does not.

    Birth date and family name must agree; the given names are then tried in turn, and at last the names that the
    person had before, or goes by.

    Args:
        subject: Of an upload.
        person: On the demographic service.
        tolerated: What names may differ in (setting `data.name_matching`).
    """
    if subject.birth_date != person.birth_date:
        return None
    step = _match_name(subject, person.name, tolerated)
    earlier = person.previous_names if "earlier-names" in tolerated else ()
    if step is None and any(_match_name(subject, name, tolerated) for name in earlier):
        return MatchStep.PREVIOUS_NAME
    return step


def _match_name(subject: Subject, name: PersonName, tolerated: frozenset[NameTolerance]) -> MatchStep | None:
    if subject.family != name.family and folded(subject.family, tolerated) != folded(name.family, tolerated):
        return None
    if subject.given == name.given:
        return MatchStep.ALL_GIVEN_NAMES
    ours, theirs = folded(subject.given, tolerated), folded(name.given, tolerated)
    if not ours or not theirs:
        return None
    if ours == theirs:
        return MatchStep.ALL_GIVEN_NAMES
    if ours[0] == theirs[0]:
        return MatchStep.FIRST_TO_FIRST
    return MatchStep.FIRST_TO_ANY if ours[0] in theirs else None


def check_number(nhs_number: str, upload: UploadSettings) -> RecordCode | None:
    """What is wrong with the number's form, None when it is a number.

    Fewer or other characters than ten digits are the form of before 1996: always CPR04. A wrong check digit is
    answered as the setting `upload.bad_check_digit` says, unless that check is switched off.
    """
    if len(nhs_number) != 10 or not (nhs_number.isascii() and nhs_number.isdigit()):
        return RecordCode.BAD_FORMAT
    if "check-digit" in upload.business_checks and not numbers.is_valid(nhs_number):
        return RecordCode(upload.bad_check_digit)
    return None


def check_person(subject: Subject, person: Person | None, settings: Settings = _DEFAULTS) -> RecordCode | None:
    """Why an upload about the subject is refused by the demographic service, None when it is not.

    The person's state goes before the names: whoever asks about a sensitive person or a number that is no longer used
    does not learn whether the rest would have agreed.
    """
    if person is None:
        return RecordCode.NO_MATCH
    if person.replacement(settings.inactive) is not None:
        return RecordCode.SUPERSEDED
    if person.is_retired():
        # Retired without a new number, as after an adoption: "superseded" would tell that there is one (INA-007).
        return RecordCode.NO_MATCH
    if person.sensitive:
        return RecordCode.SENSITIVE
    return None if match(subject, person, settings.data.name_matching) else RecordCode.NOT_VERIFIED


def learned(subject: Subject) -> Person:
    """The person that an upload describes; for setting `pds.unknown` = `learn`."""
    return Person(subject.nhs_number, PersonName(subject.given, subject.family), subject.birth_date)


def birthday(born: date, years: int) -> date:
    """The day on which somebody is so many years old; born on 29 February, in a common year 1 March."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def _person(number: str, given: str, born: date, **more: object) -> Person:
    return Person(number, PersonName(given, "Testcase"), born, **more)  # type: ignore[arg-type]  # sensitive and superseded_by only


TEST_PEOPLE: Final = (
    _person("9990001014", "Alpha", date(2017, 3, 14)),
    _person("9990001030", "Charlie", date(1999, 7, 7)),
    _person("9990001049", "India", date(2014, 4, 4)),
    _person("9990001057", "Foxtrot", date(2015, 5, 5), sensitive=True),
    _person("9990001065", "Echo", date(2010, 1, 2)),
    _person("9990001073", "Golf", date(2016, 6, 6)),
    _person("9990001081", "India", date(2014, 4, 4), superseded_by="9990001049"),
)
"""The specification's test people, section 6. 9990001022 is left out: it is the one that nobody knows."""
