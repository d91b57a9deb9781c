"""Matching against the demographic service (DAT-026, UPL-021)."""

from __future__ import annotations

from datetime import date

import pytest

from cpis_simulator.service.pds import (
    TEST_PEOPLE,
    MatchStep,
    Person,
    PersonName,
    birthday,
    check_number,
    check_person,
    match,
)
from cpis_simulator.vocabulary import RecordCode
from tests.simulator.service_examples import ALPHA, WRONG_DIGIT, child, settings

PERSON = Person(
    ALPHA,
    PersonName("Renée Anne Louise", "O'Example"),
    date(2017, 3, 14),
    previous_names=(PersonName("Renata", "Formerly"),),
)


@pytest.mark.parametrize(
    ("given", "family", "born", "step"),
    [
        ("Renée Anne Louise", "O'Example", "2017-03-14", MatchStep.ALL_GIVEN_NAMES),
        ("RENEE ANNE LOUISE", "o'example", "2017-03-14", MatchStep.ALL_GIVEN_NAMES),
        ("Renée", "O'Example", "2017-03-14", MatchStep.FIRST_TO_FIRST),
        ("Renée Maud", "O'Example", "2017-03-14", MatchStep.FIRST_TO_FIRST),
        ("Louise", "O'Example", "2017-03-14", MatchStep.FIRST_TO_ANY),
        ("Anne Maud", "O'Example", "2017-03-14", MatchStep.FIRST_TO_ANY),
        ("Renata", "Formerly", "2017-03-14", MatchStep.PREVIOUS_NAME),
        ("Renata", "O'Example", "2017-03-14", None),
        ("Renée", "Formerly", "2017-03-14", None),
        ("Renée", "Example", "2017-03-14", None),
        ("Maud Renée", "O'Example", "2017-03-14", None),
        ("Ren", "O'Example", "2017-03-14", None),
        ("", "O'Example", "2017-03-14", None),
        ("Renée Anne Louise", "O'Example", "2017-03-15", None),
    ],
)
def test_birth_date_and_family_name_agree_then_given_names_are_tried_in_turn(given, family, born, step):
    assert match(child(given=given, family=family, born=born), PERSON) is step


@pytest.mark.parametrize(
    ("person", "code"),
    [
        (None, "CPR01"),
        (Person(ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 14)), None),
        (Person(ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 15)), "CPR03"),
        (Person(ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 14), sensitive=True), "CPR02"),
        (Person(ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 14), superseded_by="9990001049"), "CPR05"),
        (Person(ALPHA, PersonName("Alpha", "Testcase"), date(2017, 3, 14), inactive=True), "CPR01"),
        # The state of the person goes before the names.
        (Person(ALPHA, PersonName("Other", "Name"), date(2001, 1, 1), sensitive=True), "CPR02"),
    ],
)
def test_each_state_of_a_person_has_its_code(person, code):
    assert check_person(child(), person) == code


@pytest.mark.parametrize("number", ["ABC123", "999000101", "99900010144", "", "999 000 1014", "٩٩٩٠٠٠١٠١٤"])
def test_anything_but_ten_digits_is_an_old_format_number(number):
    assert check_number(number, settings(upload={"bad_check_digit": "CPR07"}).upload) is RecordCode.BAD_FORMAT


@pytest.mark.parametrize("code", ["CPR01", "CPR03", "CPR04", "CPR07"])
def test_a_wrong_check_digit_gets_the_code_of_the_setting(code):
    assert check_number(WRONG_DIGIT, settings(upload={"bad_check_digit": code}).upload) == code


def test_a_wrong_check_digit_passes_where_the_check_is_off():
    assert check_number(WRONG_DIGIT, settings(upload={"business_checks": []}).upload) is None


@pytest.mark.parametrize(
    ("born", "eighteenth"),
    [
        (date(2008, 1, 6), date(2026, 1, 6)),
        (date(2008, 2, 29), date(2026, 3, 1)),
        (date(2002, 2, 28), date(2020, 2, 28)),
    ],
)
def test_who_was_born_on_a_leap_day_comes_of_age_on_the_first_of_march(born, eighteenth):
    assert birthday(born, 18) == eighteenth


def test_the_test_people_are_those_of_the_specification():
    assert [p.nhs_number for p in TEST_PEOPLE] == [
        "9990001014", "9990001030", "9990001049", "9990001057", "9990001065", "9990001073", "9990001081",
    ]  # fmt: skip
    assert {p.nhs_number for p in TEST_PEOPLE if p.sensitive} == {"9990001057"}
    assert {p.nhs_number: p.superseded_by for p in TEST_PEOPLE if p.superseded_by} == {"9990001081": "9990001049"}
