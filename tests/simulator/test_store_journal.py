"""The journal: one chain, whoever writes; nothing lost, nothing hidden."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from cpis_simulator.errors import HarnessError
from cpis_simulator.evidence import FIRST, digest, read_journal
from cpis_simulator.store.journal import Journal, join


def mark(journal: Journal, text: str, **more: object) -> int:
    return journal.append(
        "mark",
        sender="harness",
        receiver="harness",
        headers={"event": "step", "text": text},
        **more,  # type: ignore[arg-type]  # A test's shorthand for body and scenario.
    ).seq


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "evidence.jsonl").read_bytes().splitlines(keepends=True)


def test_each_record_names_the_hash_of_the_line_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    mark(journal, "one")
    mark(journal, "two")
    first, second = journal.records()
    assert (first.seq, first.previous) == (1, FIRST)
    assert (second.seq, second.previous) == (2, digest(lines_of(tmp_path)[0]))
    assert read_journal(lines_of(tmp_path))[1] == []


def test_a_body_is_a_file_named_by_its_hash(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    mark(journal, "file", body=b"<File/>")
    (record,) = journal.records()
    name = hashlib.sha256(b"<File/>").hexdigest()
    assert (record.sha256, record.size) == (name, 7)
    assert (tmp_path / "bodies" / name).read_bytes() == b"<File/>"
    assert journal.evidence().body(record) == b"<File/>"


def test_a_large_body_is_taken_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "large.xml").write_bytes(b"x" * 200_000)
    journal = Journal(tmp_path / "journal")
    mark(journal, "one", body=tmp_path / "large.xml")
    mark(journal, "same", body=b"x" * 200_000)
    first, second = journal.records()
    assert first.sha256 == second.sha256 == hashlib.sha256(b"x" * 200_000).hexdigest()
    assert [p.name for p in (tmp_path / "journal" / "bodies").iterdir()] == [first.sha256]


def test_a_record_without_scenario_belongs_to_that_of_the_record_before(tmp_path: Path) -> None:
    one, other = Journal(tmp_path), Journal(tmp_path)
    mark(one, "begin", scenario="a/b/c")
    mark(other, "inside")
    mark(one, "over", scenario=None)
    mark(other, "outside")
    assert [r.scenario for r in one.records()] == ["a/b/c", "a/b/c", None, None]


@pytest.mark.parametrize("torn", [b'{"seq":3,"utc":"2026', b"{", b'{"seq":3}', b"\xff\x00"])
def test_a_torn_last_line_stays_visible_and_the_chain_goes_on(tmp_path: Path, torn: bytes) -> None:
    journal = Journal(tmp_path)
    mark(journal, "one")
    mark(journal, "two")
    with open(tmp_path / "evidence.jsonl", "ab") as file:
        file.write(torn)
    assert mark(Journal(tmp_path), "three") == 3
    records, problems = read_journal(lines_of(tmp_path))
    assert [r.headers["text"] for r in records] == ["one", "two", "three"]
    assert problems == ["line 3 is torn or no record"]
    assert lines_of(tmp_path)[2] == torn + b"\n"


def test_a_whole_last_line_without_newline_is_no_loss(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    mark(journal, "one")
    path = tmp_path / "evidence.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert mark(journal, "two") == 2
    assert read_journal(lines_of(tmp_path))[1] == []


def test_a_last_line_longer_than_one_read_is_found(tmp_path: Path) -> None:
    mark(Journal(tmp_path), "x" * 300_000)
    assert mark(Journal(tmp_path), "two") == 2
    assert read_journal(lines_of(tmp_path))[1] == []


WRITER = """
import sys
from pathlib import Path
from cpis_simulator.store.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(200):
    journal.append("mark", sender="x", receiver="x", headers={"text": sys.argv[2]}, body=b"%d" % number)
"""


def test_two_processes_write_one_unbroken_chain(tmp_path: Path) -> None:
    Journal(tmp_path)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in ("a", "b")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    records, problems = read_journal(lines_of(tmp_path))
    assert problems == []
    assert sorted(r.headers["text"] for r in records) == ["a"] * 200 + ["b"] * 200
    assert len(list((tmp_path / "bodies").iterdir())) == 200


def test_joined_lanes_keep_their_order_and_say_where_each_record_went(tmp_path: Path) -> None:
    one, two = Journal(tmp_path / "one"), Journal(tmp_path / "two")
    mark(one, "1a", scenario="s1")
    mark(two, "2a", scenario="s2")
    mark(one, "1b", body=b"body")
    mark(two, "2b")
    numbers = join([two.folder, one.folder], tmp_path / "all")
    joined = Journal(tmp_path / "all")
    assert [r.headers["text"] for r in joined.records()] == ["1a", "1b", "2a", "2b"]
    assert numbers == {one.folder: {1: 1, 2: 2}, two.folder: {1: 3, 2: 4}}
    assert read_journal(lines_of(tmp_path / "all"))[1] == []
    assert joined.evidence().body(joined.records()[1]) == b"body"


def test_a_torn_line_of_a_lane_is_still_named_after_joining(tmp_path: Path) -> None:
    lane = Journal(tmp_path / "lane")
    mark(lane, "one")
    with open(tmp_path / "lane" / "evidence.jsonl", "ab") as file:
        file.write(b'{"seq":2')
    join([lane.folder], tmp_path / "all")
    records, problems = read_journal(lines_of(tmp_path / "all"))
    assert len(records) == 1
    assert problems == ["line 2 is torn or no record"]


def test_a_lane_with_a_broken_chain_is_not_joined(tmp_path: Path) -> None:
    lane = Journal(tmp_path / "lane")
    mark(lane, "one")
    mark(lane, "two")
    path = tmp_path / "lane" / "evidence.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"eno"'))
    with pytest.raises(HarnessError, match="seq 2"):
        join([lane.folder], tmp_path / "all")


def test_half_a_body_that_a_crash_left_is_made_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    body = tmp_path / "bodies" / hashlib.sha256(b"<File/>").hexdigest()
    body.write_bytes(b"<Fi")
    mark(journal, "file", body=b"<File/>")
    assert body.read_bytes() == b"<File/>"
    assert [p.name for p in (tmp_path / "bodies").iterdir()] == [body.name]
