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
    # Some requirements are of MESH alone.
    assert {r: v for r, v in by_mesh.verdicts().items() if by_folder.verdict(r).verdict != "not-applicable"} == {
        r: v for r, v in by_folder.verdicts().items() if v != "not-applicable"
    }
    assert len(by_mesh.results.scenarios) > 10
