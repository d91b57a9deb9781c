"""The configuration of the guide: a care system as a program of its own, with its own entry in the directory."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

import pytest

from tests.acceptance.running import play

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups and signals are those of POSIX")

GUIDE = Path(__file__).parents[2] / "docs" / "care.md"
SOME = ("LK-01", "LK-04", "LK-13", "LK-24", "LK-33", "RL-01", "RL-02", "RL-03", "RL-08", "SA-06")


def config() -> str:
    """The guide's, with this Python in the place of `cpis` and a port that is free."""
    blocks = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (text,) = [block for block in blocks if "[[party]]" in block]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    assert text.count("4439") == 2
    text = text.replace("4439", port).replace('"cpis care', f'"{sys.executable} -m cpis_cli care')
    return f"{text}\n[wait]\nquiet_s = 0.2\n"


def test_a_care_system_is_started_and_judged_as_the_guide_says(tmp_path: Path) -> None:
    played = play(*(f"--tag={test}" for test in SOME), out=tmp_path, config=config())
    assert played.exit_code == 0, played.output
    assert {s.test for s in played.results.scenarios} == set(SOME)
    assert {s.outcome for s in played.results.scenarios} == {"pass"}, played.output
    assert played.results.run.product.name == "Example ED System"


def test_what_the_product_does_not_claim_is_not_played(tmp_path: Path) -> None:
    claims = re.compile(r'"author:device", "product:registers-attendance"')
    without, changed = claims.subn('"author:person"', config())
    assert changed == 1
    played = play("--tag=LK-12", "--tag=LK-13", out=tmp_path, config=without)
    assert {s.test for s in played.results.scenarios} == {"LK-12"}
    assert played.verdict("CPIS-QRY-005").verdict == "not-applicable"
    assert played.exit_code == 0
