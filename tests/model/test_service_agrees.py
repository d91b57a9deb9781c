"""The service and the reference model, played the same at random: acknowledgements, answers, notifications agree.

A quick few sequences on every run, always the same. `CPIS_MODEL_SEQUENCES=5000` plays so many in each mode against the
service's core, and a tenth of them with its store and files, other ones each time, for some minutes. Every disagreement
that was found stands in `docs/model.md`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.model import reference as model
from tests.model.real_service import CoreService, Failures, RealService, StoredService, birthday_of
from tests.model.reference import CHILD, CPP, LAC, MOTHER, UCP, Name, Person, Plan, Query, Record, Upload

SEQUENCES: Final = int(os.environ.get("CPIS_MODEL_SEQUENCES", "0"))
PROFILE: Final = settings(
    max_examples=SEQUENCES or 60,
    deadline=None,
    derandomize=not SEQUENCES,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

AUTHORITIES: Final = ("Z97", "Z98", "Z99")
TELEPHONES: Final = (
    (("WP", "tel:01632960001"), ("EC", "tel:01632960002")),
    (("EC", "tel:01632960004"),),
    (("WP", "tel:01632960003"), ("EC", "tel:01632960004")),
)
NO_EMERGENCY: Final = (("WP", "tel:01632960001"),)
AUTHORS: Final = ("999900000001", "999900000003", "999999000101")
"""Two people, and a system that asks by itself."""

INSTANTS: Final = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2026-01-05T12:00:00",
        "2026-02-28T22:30:00",
        "2026-03-28T22:30:00",
        "2026-07-01T09:00:00",
        "2026-10-24T22:30:00",
        "2027-12-31T23:30:00",
        "2028-02-28T23:30:00",
    )
)
"""When a world begins: on plain days, before clocks change, before 1 March with and without a 29 February."""

YOUNG, NEARLY, LEAPLING, ADULT, GIRL, SENSITIVE, SUPERSEDED = (
    "9990001014", "9990001022", "9990001073", "9990001030", "9990001065", "9990001057", "9990001081",
)  # fmt: skip
SPARE: Final = ("9990001049", "9990002010", "9990002029", "9990002037")
"""Numbers that PDS gives somebody, but for the first one only later on."""
SHARED: Final = (YOUNG, YOUNG, NEARLY, LEAPLING, ADULT, ADULT, GIRL, GIRL)
UNUSUAL: Final = (SENSITIVE, SENSITIVE, SENSITIVE, SUPERSEDED, *SPARE[:2], "9990002045", "9990001013", "AB12345")
"""May not be stored, or not always: among them a number of nobody, a wrong check digit, an old form."""

DATES: Final = (
    *[(-400, end) for end in (None, None, -366, -365, -364, -29, -28, -27, -1, 0, 1, 30)],
    *[(-10, end) for end in (None, None, None, None, -1, 0, 1, 20, 30, -27)],
    *[(-1, end) for end in (None, None, 0, 1, -2)],
)
"""Days to the start of a plan, from the day that the world began, and to its end, from today."""
SPELLINGS: Final = ("first", "any", "capitals", "no accent", "formerly", "other given", "other family", "mixed")
PAUSES: Final = (1, 3600, 86_399, 86_400, 86_401, 27 * 86_400, 28 * 86_400, 364 * 86_400, 365 * 86_400)


def people(now: datetime) -> dict[str, Person]:
    """PDS when a world begins: somebody turns 18 tomorrow, somebody was born on a 29 February."""
    tomorrow = model.london_day(now) + timedelta(days=1)
    formerly = (Name(("Alphie", "Bea"), "Formerly"),)
    known = [
        Person(YOUNG, date(2017, 3, 14), Name(("Alpha", "Beatrix"), "Testcase"), formerly),
        Person(NEARLY, birthday_of(tomorrow, 18), Name(("Bravo",), "Testcase")),
        Person(LEAPLING, date(2008 if now.year < 2027 else 2012, 2, 29), Name(("Golf",), "Testcase")),
        Person(ADULT, date(1999, 7, 7), Name(("Charlie",), "Testcase")),
        Person(GIRL, date(2012, 1, 2), Name(("Écho",), "Testcase")),
        Person(SENSITIVE, date(2015, 5, 5), Name(("Foxtrot",), "Testcase"), sensitive=True),
        Person(SUPERSEDED, date(2014, 4, 4), Name(("India",), "Testcase"), status="superseded", replaced_by=SPARE[0]),
        Person(SPARE[0], date(2014, 4, 4), Name(("India",), "Testcase")),
    ]
    return {person.nhs_number: person for person in known}


class Play:
    """Plays the same to both, and compares; `met` counts what came of it."""

    def __init__(self, real: RealService, now: datetime, met: Counter[str], mode: str) -> None:
        self.real, self.now, self.met, self.mode = real, now, met, mode
        self.model = model.Service(people(now), AUTHORITIES, now, windowed=mode != "immediate", empties=False)
        real.reset(people(now), now)
        self.last_id = dict.fromkeys(AUTHORITIES, 0)
        self.asked = 0
        self.answered: list[tuple[Query, datetime]] = []
        self.told = 0

    def step(self, chance: Random) -> None:
        """Something happens, drawn by its weight."""
        steps: tuple[tuple[Callable[[Random], None], int], ...] = (
            (self.upload, 24), (self.change, 15), (self.look_up, 30), (self.ask_again, 3), (self.crowd, 5),
            (self.wait, 12), (self.wait_for_the_end_of_a_day, 12), (self.wait_for_a_last_day, 9), (self.lose_pds, 3),
            (self.correct_birth_date, 3), (self.merge, 3), (self.adopt, 3), (self.retire_together, 3),
            (self.flush, 9 if self.mode == "held" else 0),
        )  # fmt: skip
        [happens] = chance.choices([step for step, _ in steps], [weight for _, weight in steps])
        happens(chance)

    # Uploads.

    def upload(self, chance: Random) -> None:
        """An authority sends a file, now and then a faulty one."""
        sender = authority = chance.choice(AUTHORITIES)
        if rarely(chance):
            authority = chance.choice(AUTHORITIES)
        records = tuple(self.record(chance) for _ in range(chance.choice((1, 1, 2, 3))))
        file_id = self.last_id[authority] + (chance.choice((0, -1, 2)) if rarely(chance) else 1)
        count = len(records) + (chance.choice((-1, 1)) if rarely(chance) else 0)
        telephones = NO_EMERGENCY if rarely(chance) else chance.choice(TELEPHONES)
        form = chance.choice(("rubbish", "cut")) if rarely(chance) else "whole"
        self.send(
            Upload(
                sender, authority, max(file_id, 1), records, count, telephones,
                readable=form != "rubbish", whole=form == "whole",
            )
        )  # fmt: skip

    def change(self, chance: Random) -> None:
        """An authority sends a plan that it shares already, changed."""
        if not self.model.held:
            return
        authority, number = chance.choice(sorted(self.model.held))
        held = self.model.held[authority, number].plans
        plan, _ = held[chance.choice(sorted(held))]
        today = datetime.combine(self.now.date(), time(9))
        match chance.choice(("end", "end", "open", "delete")):
            case "end":
                plan = replace(plan, end=today + timedelta(days=chance.choice((-366, -365, -29, -28, -1, 0, 30))))
            case "open":
                plan = replace(plan, end=today if plan.kind == UCP else None, delete=None)
            case _:
                plan = replace(plan, delete=today)
        person = self.model.people[number]
        record = Record(number, person.birth_date, person.name, (plan,), frozenset({subject_for(plan)}))
        self.send(Upload(authority, authority, self.last_id[authority] + 1, (record,), 1, chance.choice(TELEPHONES)))

    def send(self, upload: Upload) -> None:
        note(f"{self.now} {upload}")
        expected = self.model.upload(upload, self.now)
        if upload.readable and upload.sender == upload.authority:
            self.last_id[upload.authority] = max(self.last_id[upload.authority], upload.file_id)
        self.met.update([expected.code, *(f"{code} {detail or ''}".strip() for _, code, detail in expected.failures)])
        seen, failures = self.real.upload(upload)
        assert (seen, failures) == (replace(expected, failures=()), failures_named(expected, upload))

    def record(self, chance: Random) -> Record:
        """What an authority says of somebody, mostly right."""
        number = chance.choice(UNUSUAL if chance.random() < 0.15 else SHARED)
        person = self.model.people.get(number) or Person(number, date(2013, 3, 3), Name(("Nova",), "Nobody"))
        name = spelt(person, chance.choice(SPELLINGS)) if rarely(chance) else person.name
        born = person.birth_date + timedelta(days=chance.choice((-1, 1)) if rarely(chance) else 0)
        kinds = (UCP,) if number == ADULT and not rarely(chance) else (CPP, LAC) if number != GIRL else (CPP, LAC, UCP)
        plans = tuple(self.plan(chance, chance.choice(kinds)) for _ in range(chance.choice((1, 1, 2, 3))))
        subjects = frozenset(subject_for(plan) for plan in plans)
        if rarely(chance):
            subjects = frozenset(chance.choice(([CHILD], [MOTHER], [CHILD, MOTHER])))
        return Record(number, born, name, plans, subjects, chance.choice((None, "L1", "L2")))

    def plan(self, chance: Random, kind: str) -> Plan:
        """A plan, mostly complete and not withdrawn."""
        start, end = chance.choice(DATES)
        end = 30 if kind == UCP and end is None else end
        begins = datetime.combine(self.model.opened.date() + timedelta(days=start), time(9))
        hour = chance.choice((time(0), time(9), time(23, 59)))
        ends = None if end is None else datetime.combine(self.now.date() + timedelta(days=end), hour)
        if rarely(chance):
            return Plan(kind, begins) if kind == UCP else Plan(kind, None, ends)
        return Plan(kind, begins, ends, datetime.combine(self.now.date(), time()) if rarely(chance) else None)

    # Lookups.

    def look_up(self, chance: Random) -> None:
        """Somebody asks, mostly about a number that an authority shares something of."""
        shared = sorted({number for _, number in self.model.held})
        number = chance.choice(UNUSUAL if rarely(chance) or not shared else shared)
        self.ask(Query(self.event(), number, chance.choice(AUTHORS), silent=chance.random() < 0.25), self.now)

    def ask_again(self, chance: Random) -> None:
        """A query that was answered with a record is delivered a second time."""
        if self.answered:
            self.ask(*chance.choice(self.answered))

    def crowd(self, chance: Random) -> None:
        """As many people as an answer lists, about, ask about one child, some seconds apart."""
        if not self.model.held:
            return
        _, number = chance.choice(sorted(self.model.held))
        for who in range(chance.choice((24, 25, 26, 27))):
            self.ask(Query(self.event(), number, f"9999000001{who:02}"), self.now)
            if pause := chance.choice((0, 0, 1, 600)):
                self.move(self.now + timedelta(seconds=pause))

    def event(self) -> str:
        self.asked += 1
        return f"0B1D5C10-7A2E-4C55-9D02-{self.asked:012X}"

    def ask(self, query: Query, made: datetime) -> None:
        note(f"{self.now} {query}")
        expected = self.model.look_up(query, self.now)
        self.met[type(expected).__name__] += 1
        if isinstance(expected, model.Answer):
            if not query.silent:
                self.answered.append((query, made))
            self.met.update(self.kind_of(entry) for entry in expected.entries)
            self.met["two authorities"] += len({entry.authority for entry in expected.entries}) > 1
            self.met["25 accesses"] += len(expected.accesses) == 25
            self.met["a repeat"] += query.event_id not in {access.event_id for access in expected.accesses[:1]}
        assert self.real.look_up(query, made) == expected
        self.compare_sent()

    def kind_of(self, entry: model.Entry) -> str:
        """An entry, and whether this is the last day on which it is shown."""
        days = None if entry.end is None else (model.london_day(self.now) - entry.end.date()).days
        return f"day {days}" if days == model.RETENTION_DAYS[entry.kind] else f"{entry.kind} shown"

    # Time and PDS.

    def wait(self, chance: Random) -> None:
        """Time passes: about a day, or as long as a plan is kept."""
        self.move(self.now + timedelta(seconds=chance.choice(PAUSES)))

    def wait_for_the_end_of_a_day(self, chance: Random) -> None:
        """Time passes until the last second of a day in summer or winter, or the first one of the next."""
        until = chance.choice((time(22, 59, 59), time(23), time(23, 59, 59), time(0)))
        then = datetime.combine(self.now.date() + timedelta(days=chance.choice((0, 0, 0, 27, 364))), until, UTC)
        self.move(then if then > self.now else then + timedelta(days=1))

    def wait_for_a_last_day(self, chance: Random) -> None:
        """Somebody asks in the last second of the last day on which a plan is shown, or in the first one after it."""
        ended = [
            (number, plan)
            for (_, number), held in sorted(self.model.held.items())
            for plan, _ in held.plans.values()
            if plan.end is not None and plan.delete is None
        ]
        if not ended:
            return
        number, plan = chance.choice(ended)
        assert plan.end is not None
        last = plan.end.date() + timedelta(days=model.RETENTION_DAYS[plan.kind])
        until = chance.choice((time(22, 59, 59), time(23), time(23, 59, 59), time(0)))
        then = datetime.combine(last + timedelta(days=until == time(0)), until, UTC)
        if then > self.now:
            self.move(then)
            self.ask(Query(self.event(), number, chance.choice(AUTHORS)), self.now)

    def move(self, now: datetime) -> None:
        self.now = now
        self.real.set_clock(now)
        if self.mode == "window":
            self.model.advance(now)
            self.compare_sent()

    def lose_pds(self, chance: Random) -> None:
        """PDS fails, a file comes, comes again perhaps once PDS is back."""
        self.switch_pds(up=False)
        sender = chance.choice(AUTHORITIES)
        records = (self.record(chance), self.record(chance))
        upload = Upload(sender, sender, self.last_id[sender] + 1, records, 2, TELEPHONES[0])
        self.send(upload)
        self.switch_pds(up=True)
        if not rarely(chance):
            self.send(replace(upload, file_id=upload.file_id + 1) if rarely(chance) else upload)
        self.send(upload)

    def switch_pds(self, *, up: bool) -> None:
        self.model.pds_is_up = up
        self.real.set_pds(up)

    def correct_birth_date(self, chance: Random) -> None:
        """PDS learns another birth date."""
        number = chance.choice(SHARED)
        self.model.correct_birth_date(
            number, self.model.people[number].birth_date + timedelta(days=chance.choice((-1, 1)))
        )
        note(f"{self.now} {self.model.people[number]}")
        self.real.put(self.model.people[number])

    def merge(self, chance: Random) -> None:
        """PDS replaces a number by another of the same person."""
        old, new = chance.choice(SHARED), chance.choice(SPARE)
        known = self.model.people.get(new)
        if self.model.people[old].status == "active" and (known is None or known.status == "active"):
            self.model.people[new] = replace(self.model.people[old], nhs_number=new)
            self.real.put(self.model.people[new])
            self.retire({old: new})

    def adopt(self, chance: Random) -> None:
        """PDS retires a number, and knows the child under another name and number."""
        old, new = chance.choice(SHARED), chance.choice(SPARE)
        if self.model.people[old].status == "active" and new not in self.model.people:
            child = Person(new, self.model.people[old].birth_date, Name(("Nova",), "Elsewhere"))
            note(f"{self.now} {old} adopted as {child}")
            self.real.put(child)
            self.model.adopt(old, child, self.now)
            self.real.retire({old: None})
            self.compare_sent()

    def retire_together(self, chance: Random) -> None:
        """PDS retires some numbers at once."""
        numbers = chance.sample(sorted(set(SHARED)), 2)
        self.retire({number: None for number in numbers if self.model.people[number].status == "active"})

    def retire(self, replacements: dict[str, str | None]) -> None:
        note(f"{self.now} retired {replacements}")
        if replacements:
            self.model.inactivate(replacements, self.now)
            self.real.retire(replacements)
            self.compare_sent()

    # What authorities are told.

    def flush(self, _chance: Random) -> None:
        """What waits is delivered."""
        self.model.close_window(self.now)
        self.real.flush()
        self.compare_sent()

    def compare_sent(self) -> None:
        """What was sent since the last time."""
        expected, self.told = self.model.sent[self.told :], len(self.model.sent)
        self.met.update(type(told).__name__ for told in expected if told.items)
        assert in_order(self.real.sent()) == in_order(expected)


def rarely(chance: Random) -> bool:
    return chance.random() < 0.08


def subject_for(plan: Plan) -> str:
    return MOTHER if plan.kind == UCP else CHILD


def spelt(person: Person, written: str) -> Name:
    """A name as an authority writes it, more or less that of PDS."""
    name = person.name
    match written:
        case "first":
            return replace(name, given=name.given[:1])
        case "any":
            return replace(name, given=name.given[-1:])
        case "capitals":
            return Name(tuple(given.upper() for given in name.given), name.family.upper())
        case "no accent":
            return replace(name, given=tuple(given.replace("É", "E") for given in name.given))
        case "formerly":
            return person.other_names[0] if person.other_names else name
        case "other given":
            return replace(name, given=("Zulu",))
        case "other family":
            return replace(name, family="Otherwise")
        case _:
            return replace(name, family="Formerly")


def failures_named(reply: model.Acknowledgement, upload: Upload) -> Failures:
    """The failures of a reply, by whom they name or, where the record could not be read, by its place."""
    return tuple(
        (f"record {place + 1}" if detail == "CPRD01" else upload.records[place].nhs_number, code, detail)
        for place, code, detail in reply.failures
    )


def in_order(sent: list[model.AccessNotification | model.InactiveNotification]) -> list[object]:
    """Notifications that hold something; the rules put those of one moment in no order."""
    filled = [
        (type(told).__name__, told.authority, told.at, sorted(told.items, key=repr)) for told in sent if told.items
    ]
    return sorted(filled, key=repr)


def play(real: RealService, mode: str, met: Counter[str], profile: settings) -> None:
    """Play sequences until the two disagree, or all are played."""

    # Each step is drawn from a number of its own, 0 being none, so that hypothesis can take steps out when it looks for
    # the simplest sequence that fails, and none of the others changes by that.
    @profile
    @given(st.sampled_from(INSTANTS), st.lists(st.integers(0, 2**63), min_size=20, max_size=60))
    def sequence(now: datetime, steps: list[int]) -> None:
        played = Play(real, now, met, mode)
        met["sequences"] += 1
        met["steps"] += len(steps)
        for step in steps:
            if step:
                played.step(Random(step))

    sequence()


OUTCOMES: Final = frozenset(
    {"CPF01", "CPF02", "CPF03", "CPF04", "CPF05"}
    | {"CPR01", "CPR02", "CPR03", "CPR04", "CPR05", "CPR07 CPRD01", "CPR07 CPRD02"}
    | {"Answer", "NoRecord", "AccessNotification", "InactiveNotification"}
    | {"CPP shown", "LAC shown", "UCP shown", "day 365", "day 28"}
    | {"two authorities", "a repeat", "25 accesses"}
)
"""What must come up in a long play, or it is too tame to tell anything."""
COMMON: Final = frozenset(
    {"CPF01", "CPF02", "CPF03", "CPF04", "CPF05", "CPR01", "CPR05", "CPR07 CPRD01", "CPR07 CPRD02"}
    | {"Answer", "NoRecord", "AccessNotification", "InactiveNotification", "a repeat"}
)
"""What must come up even in a quick one."""


@pytest.mark.parametrize("mode", ["immediate", "held"])
def test_core_and_model_agree(mode: str) -> None:
    met = Counter[str]()
    play(CoreService(mode), mode, met, PROFILE)
    print(f"\n{dict(sorted(met.items()))}")
    missing = {outcome for outcome in (OUTCOMES if SEQUENCES >= 500 else COMMON) if not met[outcome]}
    assert not missing, f"never came up: {sorted(missing)}"


@pytest.mark.parametrize("mode", ["immediate", "held", "window"])
def test_stored_service_and_model_agree(mode: str, tmp_path: Path) -> None:
    real = StoredService(tmp_path, mode)
    try:
        play(real, mode, Counter(), settings(PROFILE, max_examples=SEQUENCES // 10 or 5))
    finally:
        real.close()
