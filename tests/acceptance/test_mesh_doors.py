"""The suite says the same of the bundled authority, whichever way its files cross."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.running import QUICK, play

PART = "acknowledgement or notification or upload"
"""Scenarios of every flow by which a file crosses."""


@pytest.mark.parametrize("profile", ["mesh-rest"])
def test_the_verdicts_are_those_of_plain_folders(tmp_path: Path, profile: str) -> None:
    seed = ["--seed", "11"]
    mesh = QUICK + f'[file_drop]\nprofile = "{profile}"\n'
    by_folder, by_mesh = (
        play("-k", PART, *seed, out=tmp_path / name, config=config)
        for name, config in (("cpis-client", QUICK), (profile, mesh))
    )
    assert by_folder.exit_code == by_mesh.exit_code == 0, by_mesh.output
    assert by_mesh.verdicts() == by_folder.verdicts()
    assert len(by_mesh.results.scenarios) > 20
