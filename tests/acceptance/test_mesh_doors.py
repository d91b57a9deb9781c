"""The suite says the same of the bundled authority, whichever way its files cross."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.running import QUICK, play


@pytest.mark.parametrize("part", ["acknowledgement", "access"])
@pytest.mark.parametrize("profile", ["mesh-folder", "mesh-rest"])
def test_the_verdicts_are_those_of_plain_folders(tmp_path: Path, profile: str, part: str) -> None:
    seed = ["--seed", "11"]
    mesh = QUICK + f'[file_drop]\nprofile = "{profile}"\n'
    by_folder, by_mesh = (
        play("-k", part, *seed, out=tmp_path / name, config=config)
        for name, config in (("cpis-client", QUICK), (profile, mesh))
    )
    assert by_folder.exit_code == by_mesh.exit_code == 0, by_mesh.output
    assert by_mesh.verdicts() == by_folder.verdicts()
    assert len(by_mesh.results.scenarios) > 10
