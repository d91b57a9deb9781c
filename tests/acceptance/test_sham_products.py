"""A product that only pretends passes nothing: not the dead, not the silent, not those who say yes to everything."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from cpis_reports.bundle import read_bundle
from tests.acceptance.conftest import SEED
from tests.acceptance.running import Played, play
from tests.acceptance.shams import Boaster, Canned, Deaf, Replay, Silent, YesMan, genuine_system, listening

CONFIG: Final = """\
[product]
name = "Sham"

[system_under_test.start]
kind = "none"

[system_under_test.driver]
kind = "http"
url = "{url}"

[file_drop]
root = "{drop}"

[wait]
export_s = {wait}
process_reply_s = {wait}
quiet_s = 0
"""


class Stand:
    """Where a sham is put up and a whole run is played against it."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        self.drop = folder / "drop"
        self.drop.mkdir()
        self.folder = folder
        self.undo = undo

    def play(self, url: str, *arguments: str, wait: float) -> Played:
        """The whole suite, role authority, against what listens there."""
        config = CONFIG.format(url=url, drop=self.drop, wait=wait)
        return play("--role", "authority", *arguments, out=self.folder / "out", config=config)

    def play_sham(self, sham: Silent, *arguments: str, wait: float = 0.2) -> Played:
        """The same against a sham."""
        return self.play(self.undo.enter_context(listening(sham)), *arguments, wait=wait)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with ExitStack() as undo:
        yield Stand(tmp_path, undo)


def shown(played: Played, *, witness: str | None = None) -> dict[str, str]:
    """Mandatory requirements that count as shown, and by which scenarios."""
    return {
        v.id: f"{v.verdict} by {v.witness}: {', '.join(v.scenarios)}"
        for v in played.results.requirements
        if v.verdict in ("pass", "attested") and v.level == "MUST" and (witness is None or v.witness == witness)
    }


def assert_nothing_is_shown(played: Played) -> None:
    assert shown(played) == {}
    assert played.exit_code in (1, 3)
    assert not played.results.summary.conformant
    assert len(played.results.scenarios) > 80


def test_a_dead_product_passes_nothing(stand: Stand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # never listens, and nobody else can
        played = stand.play(f"http://127.0.0.1:{taken.getsockname()[1]}", wait=0.5)
    assert_nothing_is_shown(played)
    assert played.exit_code == 3
    assert {(s.outcome, s.cause) for s in played.results.scenarios} == {("inconclusive", "not-reached")}


def test_a_silent_product_passes_nothing(stand: Stand) -> None:
    assert_nothing_is_shown(stand.play_sham(Silent(stand.drop)))


def test_a_product_with_one_canned_file_passes_nothing(stand: Stand) -> None:
    assert_nothing_is_shown(stand.play_sham(Canned(stand.drop)))


def test_a_yes_man_passes_nothing(stand: Stand) -> None:
    assert_nothing_is_shown(stand.play_sham(YesMan(stand.drop)))


def test_a_replay_of_a_genuine_run_passes_nothing_once_there_is_a_challenge(stand: Stand, whole_run: Played) -> None:
    assert shown(whole_run)
    sham = Replay(stand.drop, read_bundle(whole_run.folder))
    assert_nothing_is_shown(stand.play_sham(sham, "--seed", SEED, "--challenge", "words of an assessor"))


@pytest.mark.parametrize("kind", [Boaster, Deaf])
def test_genuine_files_do_not_vouch_for_invented_lists(stand: Stand, kind: type[Deaf]) -> None:
    sham = kind(stand.drop, *stand.undo.enter_context(genuine_system(stand.folder)))
    played = stand.play_sham(sham, wait=5)
    assert shown(played, witness="product") == {}
    assert shown(played, witness="wire")
    assert played.exit_code == 1
