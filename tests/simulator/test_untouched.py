"""Whether somebody reads what is delivered: a file that is gone or was read is a sign, one that lies there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cpis_simulator.apps.untouched import Untouched


@pytest.fixture
def untouched(tmp_path: Path) -> Untouched:
    watched = Untouched(tmp_path)
    file = tmp_path / "A.xml"
    file.write_bytes(b"<a/>")
    status = file.stat()
    os.utime(file, ns=(status.st_mtime_ns - 10**9, status.st_mtime_ns))
    watched.note("Z99", file)
    return watched


def test_of_nothing_that_was_delivered_nothing_can_be_said(tmp_path: Path) -> None:
    assert Untouched(tmp_path).untouched_s("Z99") is None


def test_a_file_that_lies_there_is_untouched(untouched: Untouched) -> None:
    if not untouched._times_are_kept():
        pytest.skip("this disk keeps no times of access")
    seconds = untouched.untouched_s("Z99")
    assert seconds is not None and seconds >= 0
    assert untouched.untouched_s("Z98") is None


def test_a_file_that_was_taken_is_a_sign_for_good(untouched: Untouched, tmp_path: Path) -> None:
    (tmp_path / "A.xml").unlink()
    assert untouched.untouched_s("Z99") is None
    (tmp_path / "B.xml").write_bytes(b"<b/>")
    untouched.note("Z99", tmp_path / "B.xml")
    assert untouched.untouched_s("Z99") is None


def test_a_file_that_was_read_where_it_lies_is_a_sign(untouched: Untouched, tmp_path: Path) -> None:
    (tmp_path / "A.xml").read_bytes()
    assert untouched.untouched_s("Z99") is None


def test_a_file_that_is_taken_at_once_is_a_sign(tmp_path: Path) -> None:
    watched = Untouched(tmp_path)
    watched.note("Z99", tmp_path / "gone.xml")
    assert watched.untouched_s("Z99") is None


def test_where_no_times_of_access_are_kept_nothing_can_be_said(
    untouched: Untouched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"x")  # As if it left no trace.
    assert untouched.untouched_s("Z99") is None
