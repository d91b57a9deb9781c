"""The index of feature files: ids that stay, tags from every level, steps as executed, errors with a line."""

from pathlib import Path

import pytest

from cpis_simulator.errors import ConfigError
from cpis_steps.features import feature_files, read_feature, scenario_id, suite
from tests.steps.writing import write_feature

OUTLINE = """\
@lookup
Feature: Answers

  Background:
    Given a person on PDS without any plan

  Scenario: It's -- a (plain) one!
    When it is asked

  Rule: Whoever asks is answered

    Background:
      Given the person is known

    @LK-01 @CPIS-QRY-001
    Scenario Outline: A <setting> asks
      When a <setting> looks the person up
      Then the answer is <answer>

      Examples:
        | setting | answer    |
        | ward    | no record |

      @needs-reset
      Examples: others
        | answer | setting    |
        | none   | maternity unit |
"""


def test_an_id_is_flow_file_and_the_slug_of_the_name() -> None:
    file = Path("any/where/lookup/answers.feature")
    assert scenario_id(file, "It's -- a (plain) one!", {}) == "lookup/answers/it-s-a-plain-one"


def test_a_rows_id_ends_in_a_hash_of_its_cells_whatever_their_order() -> None:
    file = Path("lookup/answers.feature")
    cells = {"setting": "ward", "answer": "no record"}
    # SHA-256 of "answer=no record\nsetting=ward"; ids stand in kept reports, so this must never change.
    assert scenario_id(file, "A <setting> asks", cells) == "lookup/answers/a-setting-asks~b9584f10"
    assert scenario_id(file, "A <setting> asks", dict(reversed(cells.items()))).endswith("~b9584f10")


def test_each_row_of_an_outline_is_a_scenario_with_its_values_filled_in(tmp_path: Path) -> None:
    plain, first, second = read_feature(write_feature(tmp_path, OUTLINE, "lookup/answers.feature"))
    assert first.id == "lookup/answers/a-setting-asks~b9584f10"
    assert first.name == "A ward asks"
    assert [(s.keyword, s.text) for s in first.steps] == [
        ("Given", "a person on PDS without any plan"),
        ("Given", "the person is known"),
        ("When", "a ward looks the person up"),
        ("Then", "the answer is no record"),
    ]
    assert second.example == (("answer", "none"), ("setting", "maternity unit"))
    assert plain.id == "lookup/answers/it-s-a-plain-one"


def test_a_rule_s_background_stays_in_its_rule(tmp_path: Path) -> None:
    plain, *_ = read_feature(write_feature(tmp_path, OUTLINE))
    assert [s.text for s in plain.steps] == ["a person on PDS without any plan", "it is asked"]


def test_tags_come_from_feature_scenario_and_examples(tmp_path: Path) -> None:
    plain, first, second = read_feature(write_feature(tmp_path, OUTLINE))
    assert first.tags == ("lookup", "LK-01", "CPIS-QRY-001")
    assert second.tags == ("lookup", "LK-01", "CPIS-QRY-001", "needs-reset")
    assert (first.test, first.requirements) == ("LK-01", ["CPIS-QRY-001"])
    assert (plain.test, plain.requirements) == (None, [])


def test_a_row_stands_at_its_own_line(tmp_path: Path) -> None:
    assert [s.line for s in read_feature(write_feature(tmp_path, OUTLINE))] == [7, 22, 27]


def test_what_is_no_gherkin_is_told_with_its_line(tmp_path: Path) -> None:
    file = write_feature(tmp_path, "Feature: One\n  Scenario: A\n    Given x\n  Nonsense here\n")
    with pytest.raises(ConfigError, match=r"no Gherkin \(.*own\.feature, line 4\).*Nonsense here"):
        read_feature(file)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="The feature file is empty"):
        read_feature(write_feature(tmp_path, ""))


def test_folders_give_their_files_in_order_and_each_once(tmp_path: Path) -> None:
    second = write_feature(tmp_path, OUTLINE, "b/two.feature")
    first = write_feature(tmp_path, OUTLINE, "a/one.feature")
    write_feature(tmp_path, "no feature", "a/notes.txt")
    assert feature_files([tmp_path, second]) == [first, second]


def test_a_path_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such feature file or folder \(.*nowhere\)"):
        feature_files([tmp_path / "nowhere"])


def test_a_folder_without_features_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No feature file in this folder"):
        feature_files([tmp_path])


def test_every_scenario_of_the_suite_has_an_id_of_its_own() -> None:
    ids = [s.id for s in suite()]
    assert len(ids) == len(set(ids)) > 80
