"""What is seen of pairs while a product writes them: the sizes of data whose control file says that they are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpis_steps.watching import Sighting, Watched, note, sizes_in


@pytest.mark.parametrize(
    ("polls", "sizes"),
    [
        ([{"A.dat": 5}, {"A.dat": 9}, {"A.dat": 9, "A.ctl": 1}], [9]),
        ([{"A.dat": 5, "A.ctl": 1}, {"A.dat": 9, "A.ctl": 1}], [5, 9]),
        ([{"A.dat": 9, "A.ctl": 1}, {"A.dat": 9, "A.ctl": 1}, {}], [9]),
        ([{"A.DAT": 9, "A.CTL": 1}], [9]),
        ([{"A.dat": 9, "A.ctl": 1}, {"A.ctl": 1}], [9]),
    ],
    ids=["data-first", "growing", "whole", "upper-case", "data-taken-first"],
)
def test_data_count_once_their_control_file_is_there(polls: list[dict[str, int]], sizes: list[int]) -> None:
    seen: dict[str, Sighting] = {}
    for poll in polls:
        note(seen, poll)
    assert {name: sighting.sizes for name, sighting in seen.items()} == {"A": sizes}


@pytest.mark.parametrize("files", [{}, {"A.dat": 5}, {"A.ctl": 1}, {"A.xml": 3}])
def test_half_a_pair_says_nothing(files: dict[str, int]) -> None:
    seen: dict[str, Sighting] = {}
    note(seen, files)
    assert seen == {}


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert sizes_in(tmp_path / "OUT") == {}
    with Watched(tmp_path / "OUT") as watched:
        pass
    assert watched.seen == {}
