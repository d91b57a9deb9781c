"""What happens to people of the demographic service, and what comes of it (INA, UPL-020, UPL-021)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from pydantic import ValidationError

from cpis_simulator.driving import PdsChange
from cpis_simulator.model import AnswerMessage
from cpis_simulator.service.notifications import inactive_notifications
from cpis_simulator.service.pds import Person, PersonName
from cpis_simulator.service.people import happen, obstacle, person_of, shape_of
from cpis_simulator.settings import Settings
from tests.simulator.service_examples import ALPHA, BRAVO, NOW, MemoryRegister, child, ids, plan, query, record, upload

OTHER = "9990001049"
PERSON = Person(ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 14))


def after(kind: str, *others: Person, **more: object) -> dict[str, Person]:
    """Everybody after a change of Alpha."""
    people = {p.nhs_number: p for p in (PERSON, *others)}
    change = PdsChange.model_validate({"kind": kind, "nhs_number": ALPHA, **more})
    assert obstacle(change, people.keys(), "999") is None
    return people | {p.nhs_number: p for p in happen(change, people).people}


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("retire", {}, replace(PERSON, inactive=True)),
        ("correct-birth-date", {"birth_date": "2009-03-14"}, replace(PERSON, birth_date=date(2009, 3, 14))),
        (
            "rename",
            {"family": "Renamed"},
            replace(PERSON, name=PersonName("Alpha", "Renamed"), previous_names=(PersonName("Alpha", "Testcase"),)),
        ),
        ("flag", {}, replace(PERSON, sensitive=True)),
        ("unflag", {}, PERSON),
        ("die", {"died": "2026-01-05"}, replace(PERSON, died=date(2026, 1, 5))),
    ],
)
def test_what_happens_to_a_person_alone(kind, more, expected):
    assert after(kind, **more) == {ALPHA: expected}


def test_in_a_merge_the_other_person_stays_as_it_is():
    other = Person(OTHER, PersonName("Alpha", "Double"), date(2017, 3, 14))
    assert after("merge", other, replaced_by=OTHER) == {
        ALPHA: replace(PERSON, inactive=True, superseded_by=OTHER),
        OTHER: other,
    }


def test_a_new_number_is_that_of_the_same_person():
    assert after("supersede", replaced_by=OTHER) == {
        ALPHA: replace(PERSON, inactive=True, superseded_by=OTHER),
        OTHER: replace(PERSON, nhs_number=OTHER),
    }


def test_an_adopted_child_is_somebody_else_of_whom_only_the_birth_date_is_the_same():
    named = replace(PERSON, previous_names=(PersonName("A", "Former"),))
    people = happen(
        PdsChange(kind="adopt", nhs_number=ALPHA, replaced_by=OTHER, given="Otherwise", family="Renamed"),
        {ALPHA: named},
    ).people
    assert people == (
        replace(named, inactive=True, adopted=True, superseded_by=OTHER),
        Person(OTHER, PersonName("Otherwise", "Renamed"), date(2017, 3, 14)),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "merge", "nhs_number": ALPHA, "replaced_by": OTHER}, "merge: .* does not know •••••••049"),
        ({"kind": "flag", "nhs_number": BRAVO}, "flag: .* does not know •••••••022"),
        ({"kind": "supersede", "nhs_number": ALPHA, "replaced_by": "9990001013"}, "no number of the test range"),
    ],
)
def test_what_cannot_happen_is_told_with_numbers_masked(change, why):
    found = obstacle(PdsChange.model_validate(change), {ALPHA}, "999")
    assert found is not None and re.search(why, found)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "merge"}, "merge needs replaced_by"),
        ({"kind": "adopt", "replaced_by": OTHER}, "adopt needs given and family"),
        ({"kind": "correct-birth-date"}, "needs birth_date"),
        ({"kind": "die"}, "needs died"),
        ({"kind": "supersede", "replaced_by": ALPHA}, "its own place"),
        ({"kind": "retire", "at": "2026-01-06T10:00:00"}, "needs an offset"),
    ],
)
def test_a_change_says_all_that_it_needs(change, why):
    with pytest.raises(ValidationError, match=why):
        PdsChange.model_validate({"nhs_number": ALPHA, **change})


def test_a_person_comes_back_from_its_shape_as_it_was():
    person = Person(
        ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 14), (PersonName("A", "Former"),),
        sensitive=True, inactive=True, superseded_by=OTHER, adopted=True, died=date(2026, 1, 5),
    )  # fmt: skip
    assert person_of(shape_of(person)) == person


def happened(register: MemoryRegister, kind: str, **more: object) -> None:
    change = PdsChange.model_validate({"kind": kind, "nhs_number": ALPHA, **more})
    register.persons |= {p.nhs_number: p for p in happen(change, register.persons).people}


# Kind, then: is Alpha found, the code of an update under the old number, what the authority is told.
CONSEQUENCES = [
    ("merge", {"replaced_by": OTHER}, False, "CPR05", [(OTHER,)]),
    ("supersede", {"replaced_by": BRAVO}, False, "CPR05", [(BRAVO,)]),
    ("retire", {}, False, "CPR01", [()]),
    ("adopt", {"replaced_by": BRAVO, "given": "Otherwise", "family": "Renamed"}, False, "CPR01", [()]),
    ("flag", {}, False, "CPR02", None),
    ("unflag", {}, True, None, None),
    ("correct-birth-date", {"birth_date": "2016-03-14"}, True, "CPR03", None),
    ("rename", {"given": "Otherwise", "family": "Renamed"}, True, None, None),
    ("die", {"died": "2026-01-05"}, True, None, None),
]


@pytest.mark.parametrize(("kind", "more", "is_found", "code", "told"), CONSEQUENCES, ids=[c[0] for c in CONSEQUENCES])
def test_what_a_change_means_for_lookups_updates_and_the_authority(kind, more, is_found, code, told):
    register = MemoryRegister()
    register.take(upload())
    happened(register, kind, **more)
    assert isinstance(register.ask().reply, AnswerMessage) is is_found
    before = register.holdings(ALPHA)
    results = register.take(upload(record(plan(end="2026-01-01")), file_id="43")).acknowledgement.results
    assert [r.code for r in results] == ([code] if code else [])
    if code:
        assert register.holdings(ALPHA) == before
    if told is not None:
        replacement = register.persons[ALPHA].replacement(Settings().inactive)
        (made,) = inactive_notifications({ALPHA: replacement}, register, now=NOW, ids=ids())
        assert [n.replacements for n in made.numbers] == told


def test_after_a_merge_the_entries_are_found_again_once_they_come_under_the_new_number():
    register = MemoryRegister()
    register.take(upload())
    happened(register, "supersede", replaced_by=BRAVO)
    assert not isinstance(register.ask(query(BRAVO, event=1)).reply, AnswerMessage)
    register.take(upload(record(subjects=[child(BRAVO)]), file_id="43"))
    assert isinstance(register.ask(query(BRAVO, event=2)).reply, AnswerMessage)


def test_a_corrected_birth_date_that_makes_somebody_eighteen_ends_the_plan():
    register = MemoryRegister()
    register.take(upload())
    happened(register, "correct-birth-date", birth_date="2007-12-31")
    reply = register.ask().reply
    assert isinstance(reply, AnswerMessage)
    assert str(reply.answer.records[0].record.plans[0].end) == "2025-12-31 00:00:00"
    answer = register.take(upload(record(subjects=[child(born="2007-12-31")]), file_id="43")).acknowledgement
    assert [r.code for r in answer.results] == ["CPR07"]


def test_where_the_authority_corrects_a_birth_date_first_the_record_fails_until_the_demographic_service_agrees():
    register = MemoryRegister()
    corrected = record(subjects=[child(born="2016-03-14")])
    assert register.take(upload(corrected, file_id="1")).acknowledgement.results[0].code == "CPR03"
    happened(register, "correct-birth-date", birth_date="2016-03-14")
    assert register.take(upload(corrected, file_id="2")).acknowledgement.file_codes[0].code == "CPF02"


def test_twins_are_told_apart_by_number_and_given_name():
    twin = replace(PERSON, nhs_number=BRAVO, name=PersonName("Bravo", "Testcase"))
    register = MemoryRegister([PERSON, twin])
    crossed = record(subjects=[child(BRAVO, "Alpha")])
    assert register.take(upload(record(), crossed)).acknowledgement.results[0].code == "CPR03"
    assert isinstance(register.ask(query(ALPHA, event=1)).reply, AnswerMessage)
    assert not isinstance(register.ask(query(BRAVO, event=2)).reply, AnswerMessage)
