"""Writers of a store take turns, threads and processes alike."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cpis_simulator.store.turns import Turns

COUNTER = """
import sys
from pathlib import Path
from cpis_simulator.store.turns import Turns
turns, file = Turns(sys.argv[1]), Path(sys.argv[1] + "-count")
for _ in range(200):
    with turns.own():
        file.write_text(str(int(file.read_text()) + 1))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SQLite's own waiting keeps processes apart there")
def test_no_turn_of_one_process_falls_into_that_of_another(tmp_path: Path) -> None:
    database = tmp_path / "store.sqlite"
    count = tmp_path / "store.sqlite-count"
    count.write_text("0")
    writers = [subprocess.Popen([sys.executable, "-c", COUNTER, str(database)]) for _ in range(2)]
    assert [writer.wait(timeout=30) for writer in writers] == [0, 0]
    assert count.read_text() == "400"


def test_no_turn_of_one_thread_falls_into_that_of_another(tmp_path: Path) -> None:
    turns, inside, seen = Turns(str(tmp_path / "store.sqlite")), [0], []

    def take_turns() -> None:
        for _ in range(100):
            with turns.own():
                inside[0] += 1
                seen.append(inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=take_turns) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert set(seen) == {1}
    turns.close()
