"""Phrases are shown as people write them, each with a meaning, and a slip is answered with the nearest."""

import pytest
from typer.testing import CliRunner

from cpis_cli.main import app
from cpis_steps.phrases import free_parts, nearest, phrases, readable


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("the child is shown", "the child is shown"),
        ("{count:d} children", "<count> children"),
        (r"(?P<setting>.+) looks the (?P<who>child|mother) up", "<setting> looks the <who> up"),
        (r"an? (?P<who>child|girl) is there", "a[n] <who> is there"),
        (r"(?P<days>[0-9]+) days ago", "<days> days ago"),
        (r"the (?P<which>|second )file is open", "the [second ]file is open"),
        (r"answered (?P<code>CPF02)", "answered CPF02"),
        (r"(?:both|all) plans(?: of the set)?", "(both|all) plans[ of the set]"),
        (r"the (?P<who>(?!both|each)[a-z ]+)'s plan", "the <who>'s plan"),
    ],
)
def test_a_pattern_reads_as_people_write_it(pattern: str, text: str) -> None:
    assert readable(pattern) == text


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("{count:d} children", {"count": ("a number",)}),
        (r"(?P<days>[0-9]+) days", {"days": ("a number",)}),
        (r"the (?P<who>child|mother) up", {"who": ("child", "mother")}),
        (r"(?P<code>CPF0[345])", {"code": ("CPF03", "CPF04", "CPF05")}),
        (r"(?P<code>CPR0[1-3])", {"code": ("CPR01", "CPR02", "CPR03")}),
        (r"the (?P<who>none stored|.*child)", {"who": ("none stored", "… child")}),
        (r"(?P<setting>.+) looks", {}),
        (r"the (?P<who>(?!both)[a-z ]+)'s", {}),
        (r"(?P<code>CPF02)", {}),
        (r"the (?P<which>|second )file", {}),
    ],
)
def test_free_parts_name_their_choices_unless_they_take_any_words(pattern: str, parts: dict[str, object]) -> None:
    assert free_parts(pattern) == parts


def test_every_phrase_has_a_meaning_in_one_sentence() -> None:
    assert [p.text for p in phrases() if not p.meaning.endswith((".", '."'))] == []


def test_no_phrase_is_there_twice() -> None:
    texts = [(p.keyword, p.text) for p in phrases()]
    assert sorted(set(texts)) == sorted(texts)


def test_given_comes_first_and_then_last() -> None:
    keywords = [p.keyword for p in phrases()]
    assert keywords == sorted(keywords, key=["Given", "When", "Then"].index)


def test_a_phrase_fits_its_own_words_and_no_others() -> None:
    phrase = next(p for p in phrases() if p.text == "<setting> looks the <who> up")
    assert phrase.fits("an ambulance crew looks the mother up")
    assert not phrase.fits("an ambulance crew looks the uncle up")


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("an ambulance crew looks up the child", "<setting> looks the <who> up"),
        ("the service have answered CPF02 with 1 stored", "the service has answered CPF02 with <stored> stored"),
        ("a child with a protection plan", "a[n] <who> on a child protection plan"),
    ],
)
def test_a_slip_is_answered_with_three_phrases_the_meant_one_first(slip: str, meant: str) -> None:
    near = nearest(slip)
    assert (len(near), near[0]) == (3, meant)


def test_words_find_phrases_wherever_they_stand() -> None:
    shown = CliRunner().invoke(app, ["steps", "UP", "looks"])
    assert shown.exit_code == 0
    assert "When  <setting> looks the <who> up\n" in shown.output


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        # What may be left out, what a part may be, what it means, and who a setting is.
        ("answer holds", "Then  the answer[s] hold[s] (the <who>'s plan|both plans)"),
        ("looks mother up", "When  <setting> looks the <who> up"),
        ("mother unborn plan due", "Given an unborn child with a plan"),
        ("midwife", "When  <setting> looks the <who> up"),
    ],
)
def test_words_are_looked_for_in_all_that_a_step_can_be(words: str, phrase: str) -> None:
    shown = CliRunner().invoke(app, ["steps", *words.split()])
    assert f"{phrase}\n" in shown.output


def test_what_a_part_may_be_is_shown_with_the_phrase() -> None:
    shown = CliRunner().invoke(app, ["steps", "looks the", "mother"])
    assert "<who>: child, mother, person, girl, baby." in shown.output
    assert "maternity unit (maternity, midwifery unit, midwife)" in shown.output


def test_the_nearest_can_stand_where_the_slip_stood() -> None:
    near = nearest("the midwife sees the unborn child's plan", keyword="Then")
    assert set(near) <= {p.text for p in phrases() if p.keyword == "Then"}


def test_words_that_no_phrase_has_give_exit_1() -> None:
    shown = CliRunner().invoke(app, ["steps", "elephant"])
    assert shown.exit_code == 1
    assert "No step has all these words" in shown.output
