"""Which files are whole, and one endpoint on a root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpis_simulator.errors import StartError
from cpis_simulator.transport.folders import FolderWatch, endpoint_lock, write_whole
from tests.simulator.node_examples import drop, make_node, names, running, wait_for, wait_for_responses
from tests.simulator.service_examples import settings

SETTLE_S = 0.05
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a file was closed")


@pytest.fixture
def make_watch(tmp_path: Path) -> Iterator[Callable[..., FolderWatch]]:
    """Makes a started watch on `tmp_path`; `settle_s` is an hour unless told otherwise, so that only events count."""
    made: list[FolderWatch] = []

    def make(*, settle_s: float = 3600, events: bool = True) -> FolderWatch:
        watch = FolderWatch(
            [tmp_path],
            is_wanted=lambda name: name.endswith(".xml"),
            settle_s=settle_s,
            wake=woken.set,
            events=events,
        )
        watch.start()
        made.append(watch)
        return watch

    woken = threading.Event()
    yield make
    for watch in made:
        watch.stop()


def whole(watch: FolderWatch, folder: Path) -> list[str]:
    return [found.path.name for found in watch.sweep(folder).whole]


@LINUX
def test_a_file_is_whole_when_it_was_closed_and_not_before(make_watch, tmp_path):
    watch = make_watch()
    with open(tmp_path / "slow.xml", "wb") as file:
        file.write(b"half")
        file.flush()
        write_whole(tmp_path / "marker.xml", b"later")  # Its event comes after those of the half file.
        wait_for(lambda: "marker.xml" in whole(watch, tmp_path), lambda: whole(watch, tmp_path))
        assert whole(watch, tmp_path) == ["marker.xml"] and watch.sweep(tmp_path).unsettled
        file.write(b" and half")
    wait_for(lambda: "slow.xml" in whole(watch, tmp_path), lambda: whole(watch, tmp_path))


@LINUX
def test_a_copy_that_is_moved_in_is_whole_at_once(make_watch, tmp_path):
    watch = make_watch()
    (outside := tmp_path / "elsewhere").mkdir()
    write_whole(outside / "a.xml", b"content")
    shutil.copy(outside / "a.xml", outside / "b.xml")
    os.rename(outside / "b.xml", tmp_path / "b.xml")
    write_whole(tmp_path / "c.part", b"content")
    os.rename(tmp_path / "c.part", tmp_path / "c.xml")
    wait_for(lambda: sorted(whole(watch, tmp_path)) == ["b.xml", "c.xml"], lambda: whole(watch, tmp_path))


@LINUX
def test_another_file_under_the_name_of_one_that_was_taken_must_be_closed_itself(make_watch, tmp_path):
    watch = make_watch()
    write_whole(tmp_path / "a.xml", b"first")
    wait_for(lambda: whole(watch, tmp_path) == ["a.xml"], lambda: whole(watch, tmp_path))
    os.rename(tmp_path / "a.xml", tmp_path / "taken")
    with open(tmp_path / "a.xml", "wb") as file:
        file.write(b"secnd")
        file.flush()
        assert whole(watch, tmp_path) == []


@LINUX
def test_taking_a_file_does_not_delay_word_of_the_next(make_watch, tmp_path):
    watch = make_watch()
    for number in range(5):
        write_whole(tmp_path / f"{number}.part", b"content")
        os.rename(tmp_path / f"{number}.part", tmp_path / f"{number}.xml")
        wait_for(lambda: whole(watch, tmp_path), lambda: "nothing", within=0.4)
        os.rename(tmp_path / f"{number}.xml", tmp_path / f"{number}.taken")


def test_without_events_a_file_is_whole_when_it_stood_still(make_watch, tmp_path):
    watch = make_watch(settle_s=SETTLE_S, events=False)
    (tmp_path / "a.xml").write_bytes(b"half")
    assert whole(watch, tmp_path) == [] and watch.sweep(tmp_path).unsettled
    wait_for(lambda: whole(watch, tmp_path) == ["a.xml"], lambda: whole(watch, tmp_path))
    (tmp_path / "a.xml").write_bytes(b"half and half")
    assert whole(watch, tmp_path) == []
    wait_for(lambda: whole(watch, tmp_path) == ["a.xml"], lambda: whole(watch, tmp_path))


@pytest.mark.parametrize("events", [True, False])
def test_an_empty_file_must_stand_still_even_when_it_was_closed(make_watch, tmp_path, events):
    watch = make_watch(settle_s=3600, events=events)
    (tmp_path / "empty.xml").touch()
    if events and sys.platform == "linux":
        write_whole(tmp_path / "marker.xml", b"later")
        wait_for(lambda: whole(watch, tmp_path) == ["marker.xml"], lambda: whole(watch, tmp_path))
    assert "empty.xml" not in whole(watch, tmp_path)
    settled = make_watch(settle_s=0, events=False)
    assert "empty.xml" in whole(settled, tmp_path)


def test_links_folders_and_other_names_are_left_alone(make_watch, tmp_path):
    watch = make_watch(settle_s=0, events=False)
    (tmp_path / "folder.xml").mkdir()
    (tmp_path / "other.txt").write_bytes(b"text")
    (tmp_path / "link.xml").symlink_to(tmp_path / "other.txt")
    assert watch.sweep(tmp_path).whole == ()


def test_a_second_endpoint_on_a_root_is_refused_and_told_who_holds_it(tmp_path):
    with (
        endpoint_lock(tmp_path / "lock", tmp_path),
        pytest.raises(StartError, match=f"Another endpoint serves this drop root.*process {os.getpid()}"),
        endpoint_lock(tmp_path / "lock", tmp_path),
    ):
        pass
    with endpoint_lock(tmp_path / "lock", tmp_path):
        pass  # Let go, it can be taken again.


def test_a_second_node_on_a_root_is_refused(tmp_path):
    with running(tmp_path):
        second = make_node(tmp_path)
        with pytest.raises(StartError, match="Another endpoint"):
            second.start()


def test_a_root_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "drop").write_text("a file in the way")
    with pytest.raises(StartError, match=r"drop folder cannot be made .*drop.*Give this user the right"):
        make_node(tmp_path).start()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_root_without_permission_is_named(tmp_path):
    (tmp_path / "drop").mkdir(mode=0o500)
    with pytest.raises(StartError, match="Permission denied"):
        make_node(tmp_path).start()


def test_work_and_archive_are_closed_to_others(tmp_path):
    with running(tmp_path):
        drop(tmp_path)
        wait_for_responses(tmp_path, 1)
        wait_for(lambda: names(tmp_path, "archive"), lambda: names(tmp_path, "upload"))
    for private in (".service", "Z99/archive", "Z99/failed"):
        assert (tmp_path / "drop" / private).stat().st_mode & 0o777 == 0o700, private
    assert (tmp_path / "drop/Z99/archive/up42.xml").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(shutil.which("cp") is None, reason="no cp here")
@pytest.mark.parametrize("watch", ["events", "polling"])
def test_files_that_are_copied_in_and_moved_in_are_each_taken_once(tmp_path, watch):
    source = drop(tmp_path)
    os.rename(source, tmp_path / "source.xml")
    upload = tmp_path / "drop/Z99/upload"
    with running(tmp_path, settings(files={"watch": watch, "poll": 0.02, "settle": 0.05})):
        subprocess.run(["cp", tmp_path / "source.xml", upload / "copied.xml"], check=True)
        wait_for_responses(tmp_path, 1)
        subprocess.run(["mv", tmp_path / "source.xml", upload / "moved.xml"], check=True)
        wait_for_responses(tmp_path, 2)
        wait_for(lambda: names(tmp_path, "failed"), lambda: names(tmp_path, "archive"))
    assert (names(tmp_path, "archive"), names(tmp_path, "failed")) == (["copied.xml"], ["moved.xml"])
    assert len(names(tmp_path)) == 2


def test_a_slow_writer_is_waited_for(tmp_path):
    body = drop(tmp_path).read_bytes()
    (tmp_path / "drop/Z99/upload/up42.xml").unlink()
    with running(tmp_path, settings(files={"poll": 0.02})) as node:
        with open(tmp_path / "drop/Z99/upload/slow.xml", "wb") as file:
            for first in range(0, len(body), 200):
                file.write(body[first : first + 200])
                file.flush()
                os.fsync(file.fileno())
        (name,) = wait_for_responses(tmp_path, 1)
        assert node.drop.problems.texts() == []
    assert b"CPF02" in (tmp_path / "drop/Z99/response" / name).read_bytes()
