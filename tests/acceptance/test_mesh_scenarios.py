"""What is played only where files cross by MESH: a sound product passes by either door, and each fault is found."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cpis_reports.bundle import body_reader, journal_lines
from cpis_reports.checks import run_check
from cpis_simulator.authority.faults import FAULTS
from cpis_simulator.evidence import Evidence, Record, read_journal
from tests.acceptance.conftest import SEED
from tests.acceptance.faulty_runs import assert_noticed
from tests.acceptance.running import QUICK, Played, play, run_command

TESTS: Final = ("AK-18", "RL-07", "SA-08")
CHOSEN: Final = [f"--tag={test}" for test in TESTS]
BY_MESH: Final = [name for name, fault in FAULTS.items() if fault.by_mesh]


def config(profile: str, fault: str = "") -> str:
    start = f'[system_under_test.start]\nkind = "bundled"\nfaults = ["{fault}"]\n' if fault else ""
    return f'{start}{QUICK}[file_drop]\nprofile = "{profile}"\n'


@pytest.fixture(scope="module", params=["mesh-rest", "mesh-folder"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    out = tmp_path_factory.mktemp(request.param)
    return play("--seed", SEED, *CHOSEN, out=out, config=config(request.param))


def test_a_sound_product_passes(sound: Played) -> None:
    assert [(s.test, s.outcome) for s in sound.results.scenarios] == [
        ("RL-07", "pass"), ("RL-07", "pass"), ("AK-18", "pass"), ("SA-08", "pass"),
    ]  # fmt: skip
    shown = {r: sound.verdict(f"CPIS-{r}").verdict for r in ("OPS-004", "UPL-016", "IG-008")}
    assert shown == {"OPS-004": "pass", "UPL-016": "pass", "IG-008": "pass"}
    assert sound.exit_code == 0, sound.output


def test_the_record_of_such_a_run_can_be_judged_again(sound: Played) -> None:
    command = [sys.executable, "-m", "cpis_cli", "verify", str(sound.folder)]
    assert run_command(command, cwd=sound.folder)[0] == 0


@pytest.mark.parametrize("name", BY_MESH)
def test_each_fault_is_found(tmp_path: Path, name: str) -> None:
    chosen = [f"--tag={test}" for test in FAULTS[name].tests]
    profile = "mesh-folder" if "RL-10" in FAULTS[name].tests else "mesh-rest"
    assert_noticed(FAULTS[name], play("--seed", SEED, *chosen, out=tmp_path, config=config(profile, name)), "authority")


@pytest.mark.parametrize("header", ["mesh-local-id", "mesh-subject", "mesh-partner-id", "mesh-file-name"])
@pytest.mark.parametrize("part", ["name", "number", "local id"])
def test_whatever_header_names_the_child_is_found(sound: Played, header: str, part: str) -> None:
    (played,) = [s for s in sound.results.scenarios if s.test == "SA-08"]
    (recorded,) = played.attempts[-1].checks
    given, family, local_id = recorded.parameters["words"]
    written = {
        "name": f"For {family.upper()}, {given}",
        "number": recorded.parameters["numbers"][0],
        "local id": local_id,
    }

    def spoiled(record: Record) -> Record:
        if record.headers.get("direction") != "upload":
            return record
        return replace(record, headers={**record.headers, header: written[part]})

    records = [r for r in read_journal(journal_lines(sound.folder))[0] if r.scenario == played.id]
    bodies = body_reader(sound.folder)
    assert run_check(recorded.check, Evidence(records, bodies), recorded.parameters).outcome == "pass"
    spoilt = Evidence([spoiled(r) for r in records], bodies)
    assert run_check(recorded.check, spoilt, recorded.parameters).outcome == "fail"


def test_pairs_that_are_renamed_into_out_are_whole_at_every_poll(tmp_path: Path) -> None:
    played = play("--seed", SEED, "--tag=RL-10", out=tmp_path, config=config("mesh-folder"))
    assert [(s.test, s.outcome) for s in played.results.scenarios] == [("RL-10", "pass")], played.output


def test_by_rest_there_is_no_folder_to_watch(tmp_path: Path) -> None:
    played = play("--seed", SEED, "--tag=RL-10", "--tag=SA-08", out=tmp_path, config=config("mesh-rest"))
    assert [s.test for s in played.results.scenarios] == ["SA-08"]


def test_where_files_cross_in_plain_folders_they_are_no_part_of_the_suite(tmp_path: Path) -> None:
    played = play("--seed", SEED, "--tag=RL-07", "--tag=SA-08", "--tag=FD-13", out=tmp_path, config=QUICK)
    assert [s.test for s in played.results.scenarios] == ["FD-13"]
    assert played.verdict("CPIS-OPS-004").verdict == "not-applicable"


def test_who_claims_mesh_without_using_it_is_not_tested(tmp_path: Path) -> None:
    claimed = f'[system_under_test]\nclaims = ["transport:mesh"]\n{QUICK}'
    played = play("--seed", SEED, *CHOSEN, out=tmp_path, config=claimed)
    assert {s.outcome for s in played.results.scenarios} == {"not-tested"}, played.output


def test_what_opens_a_mailbox_stands_nowhere_in_the_run_s_folder(tmp_path: Path) -> None:
    keys = '[settings.mesh]\npassword = "mailbox-horse-battery"\nshared_key = "shared-horse-battery"\n'
    played = play("--seed", SEED, "--tag=SA-08", out=tmp_path, config=config("mesh-rest") + keys)
    assert [s.outcome for s in played.results.scenarios] == ["pass"], played.output
    found = [str(f) for f in played.folder.rglob("*") if f.is_file() and b"horse-battery" in f.read_bytes()]
    assert found == []
