"""Each rule of the lint finds the fault that it is for, and finds none in a good file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpis_reports.suite import CALLS_FOR, DISPOSITIONS
from cpis_steps import lint as linting
from cpis_steps.features import feature_files, suite_folder
from cpis_steps.lint import lint_files
from tests.steps.writing import GOOD, write_feature

HINT = "; tags of your own begin with @own-"


def problems(folder: Path, text: str) -> list[str]:
    return lint_files([write_feature(folder, text)])


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


def test_the_suite_has_no_problem() -> None:
    assert lint_files(feature_files([suite_folder()])) == []


def test_an_unknown_step_is_told_with_the_three_nearest(tmp_path: Path) -> None:
    text = GOOD.replace("looks the child up", "looks up the child")
    [problem] = problems(tmp_path, text)
    told, near = problem.split("; nearest: ")
    assert told == "lookup/own.feature:6: no When has the words 'an emergency department looks up the child'"
    assert near.split("; ")[0] == "<setting> looks the <who> up"
    assert len(near.split("; ")) == 3


def test_a_given_in_the_place_of_a_then_is_unknown_there(tmp_path: Path) -> None:
    text = GOOD.replace("Then the answer holds the child's plan", "Then a child on a child protection plan")
    assert [p.split(";")[0] for p in problems(tmp_path, text)] == [
        "lookup/own.feature:7: no Then has the words 'a child on a child protection plan'"
    ]


def test_two_scenarios_of_one_name_are_told_because_one_would_never_be_played(tmp_path: Path) -> None:
    second = GOOD[GOOD.index("  @lookup") :]
    assert problems(tmp_path, GOOD + "\n" + second) == [
        "lookup/own/a-child-on-a-plan-is-found: two scenarios of one name; only one of them would be played"
    ]


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ("@lookups", f"unknown tag @lookups{HINT}"),
        ("@LK-99", "@LK-99 is no catalogue test"),
        ("@CPIS-QRY-999", "@CPIS-QRY-999 is no requirement"),
        ("@LK-01 @LK-02", "more than one catalogue test: LK-01, LK-02"),
        ("@file_drop", f"unknown tag @file_drop{HINT}"),
        ("@weather-hail", f"unknown tag @weather-hail{HINT}"),
    ],
)
def test_a_wrong_tag_is_told(tmp_path: Path, tags: str, problem: str) -> None:
    assert problems(tmp_path, GOOD.replace("@lookup", tags)) == [f"lookup/own.feature:4: {problem}"]


@pytest.mark.parametrize("tag", ["weather-late-reply", "weather-drizzle"])
def test_a_kind_of_weather_and_a_mixture_are_tags(tmp_path: Path, tag: str) -> None:
    assert problems(tmp_path, GOOD.replace("@lookup", f"@lookup @{tag}")) == []


def test_a_scenario_without_an_event_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("    When an emergency department looks the child up\n", "")
    assert problems(tmp_path, text) == ["lookup/own.feature:4: no When: what is the event?"]


def test_a_scenario_that_judges_nothing_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("    Then the answer holds the child's plan\n", "")
    assert problems(tmp_path, text) == ["lookup/own.feature:4: no Then: nothing would be judged"]


def test_a_when_after_a_then_is_told(tmp_path: Path) -> None:
    text = GOOD + "    When a ward looks the child up\n    Then the answer holds the child's plan\n"
    assert problems(tmp_path, text) == ["lookup/own.feature:4: a When after a Then: a second act is a second scenario"]


def test_an_and_is_what_the_step_before_it_is(tmp_path: Path) -> None:
    text = GOOD + "    And a child on a child protection plan\n"
    assert [p.split(";")[0] for p in problems(tmp_path, text)] == [
        "lookup/own.feature:8: no Then has the words 'a child on a child protection plan'"
    ]


@pytest.fixture
def own_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that counts as the suite, with the tables of the real one."""
    for table in (CALLS_FOR, DISPOSITIONS):
        shutil.copy(suite_folder() / table, tmp_path / table)
    monkeypatch.setattr(linting, "suite_folder", lambda: tmp_path.resolve())
    linting._calls.cache_clear()
    yield tmp_path
    linting._calls.cache_clear()


def test_in_the_suite_a_tag_must_be_one_that_the_test_calls_for(own_suite: Path) -> None:
    (own_suite / CALLS_FOR).write_text("test,check,requirements,scenario\nLK-01,plan-held,CPIS-QRY-011,\n")
    text = GOOD.replace("@lookup", "@LK-01 @CPIS-UPL-001")
    found = problems(own_suite, text)
    assert "lookup/own.feature:4: @CPIS-UPL-001: LK-01 calls for no check of it" in found


def test_in_the_suite_what_the_test_calls_for_must_be_tagged(own_suite: Path) -> None:
    text = GOOD.replace("@lookup", "@FD-02 @file_drop")
    found = lint_files([write_feature(own_suite, text, "file_drop/own.feature")])
    assert "file_drop/own.feature:4: FD-02 calls for a check of CPIS-DAT-002, which is not tagged" in found


def test_in_the_suite_a_call_for_a_check_that_does_not_exist_is_told(own_suite: Path) -> None:
    with (own_suite / CALLS_FOR).open("a", encoding="utf-8") as table:
        table.write("FD-02,no-such-check,CPIS-DAT-002,\n")
    assert "calls_for.csv: FD-02, no-such-check: no such check" in problems(own_suite, GOOD)
