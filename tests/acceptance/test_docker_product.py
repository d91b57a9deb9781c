"""The example product in a container of a real engine, and that nothing of a run stays behind in the engine.

Skipped where no engine answers, unless CPIS_REQUIRE_DOCKER is set; `.ci/docker` installs and starts one and makes the
base image. Everything that is made here carries labels, so that nothing of anybody else's is looked at or touched.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cpis_fixtures.starting.containers import DockerStarter
from cpis_fixtures.starting.engine import BUILD_LABEL, RUN_LABEL, connect, labels, remove_leftovers
from cpis_fixtures.starting.offer import Started
from cpis_fixtures.starting.tables import DockerStart
from cpis_simulator.errors import ConfigError, HarnessError, StartError
from tests.acceptance.meddling import begun, wait_for
from tests.acceptance.running import play
from tests.acceptance.test_own_outages import nobody_is_blamed
from tests.fixtures.test_starting_process import offer_in

if TYPE_CHECKING:
    from docker import DockerClient

BASE = os.environ.get("CPIS_DOCKER_BASE", "cpis-harness-test-base")
EXAMPLE = Path(__file__).parents[2] / "examples" / "council_cms"
FLOWS = [f"--tag={test}" for test in ("AK-01", "EE-01", "FD-01", "NT-01")]
FIRST_DONE = r"^\[1/\d+\] pass"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerClient]:
    """The engine, with the base image in it; images of the tests' own folders go again."""
    from docker.errors import ImageNotFound

    give_up = pytest.fail if os.environ.get("CPIS_REQUIRE_DOCKER") else pytest.skip
    try:
        client = connect()
    except HarnessError as error:
        give_up(f"no container engine: {error}")
    with closing(client):
        try:
            client.images.get(BASE)
        except ImageNotFound:
            give_up(f"the engine has no image {BASE} to build from: run .ci/docker")
        yield client
        for image in client.images.list(filters={"label": BUILD_LABEL}):
            if image.labels[BUILD_LABEL].startswith(str(tmp_path_factory.getbasetemp())):
                client.images.remove(image.id, force=True)


def left(client: DockerClient) -> list[str]:
    """What runs have in the engine."""
    found: list[Any] = client.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True)
    found += client.networks.list(filters={"label": RUN_LABEL})
    return [str(one.name) for one in found]


@pytest.fixture(autouse=True)
def nothing_is_left(engine: DockerClient) -> Iterator[None]:
    """No container, network or volume stays behind, whatever a test did."""
    remove_leftovers(engine)  # of an earlier session that was killed
    assert left(engine) == []
    volumes = {volume.name for volume in engine.volumes.list()}
    yield
    wait_for("an engine without anything of ours", lambda: not left(engine), within=40, seen=lambda: left(engine))
    assert {volume.name for volume in engine.volumes.list()} - volumes == set()


def config(change: Callable[[str], str] = str) -> str:
    """The example's own, built from the base image that is here."""
    text = (EXAMPLE / "docker.toml").read_text(encoding="utf-8")
    for old, new in (
        ('build = "."', f'build = "{EXAMPLE}"\nbuild_arguments = {{ BASE = "{BASE}" }}'),
        ("quiet_s = 1", "quiet_s = 0.4"),
    ):
        assert old in text
        text = text.replace(old, new)
    return change(text)


def test_the_example_is_built_run_and_accredited(tmp_path: Path) -> None:
    played = play(*FLOWS, out=tmp_path, config=config())
    assert played.exit_code == 0, played.output
    assert {s.outcome for s in played.results.scenarios} == {"pass"}
    logs = played.folder / "logs" / "main"
    assert "Successfully built" in (logs / "product.build.log").read_text()
    assert '"POST /driver/record-child HTTP/1.1" 200' in (logs / "product.log").read_text()
    files = [*(played.folder / "lanes" / "main" / "drop" / "Z90").rglob("CPIS_Z90_*.xml")]
    assert files
    if hasattr(os, "getuid"):
        assert {file.stat().st_uid for file in files} == {os.getuid()}


def test_a_container_that_ends_at_once_is_undecided_with_its_last_words(tmp_path: Path) -> None:
    broken = config(lambda text: text.replace("ports = [8099]", 'ports = [8099]\ncommand = "cat no-such-file"'))
    played = play("--tag=FD-01", out=tmp_path, config=broken)
    nobody_is_blamed(played, exit_code=3)
    (scenario,) = played.results.scenarios
    assert scenario.cause == "harness"
    assert "the container 'product' has ended (exit code 1). Its log " in scenario.reason
    assert "cat: no-such-file: No such file or directory" in scenario.reason


def test_a_container_that_is_never_ready_is_undecided(tmp_path: Path) -> None:
    slow = config(lambda text: text.replace("/health", "/no-such-page").replace("within_s = 60", "within_s = 2"))
    played = play("--tag=FD-01", out=tmp_path, config=slow)
    nobody_is_blamed(played, exit_code=3)
    assert "/no-such-page answers. Give it more time with ready.within_s" in played.results.scenarios[0].reason


def test_an_image_that_cannot_be_built_is_undecided_and_its_log_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "product"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo 'half way' && false\n")
    broken = config(lambda text: text.replace(f'build = "{EXAMPLE}"', f'build = "{folder}"'))
    played = play("--tag=FD-01", out=tmp_path / "out", config=broken)
    nobody_is_blamed(played, exit_code=3)
    reason = played.results.scenarios[0].reason
    assert "The image cannot be built" in reason
    assert "product.build.log ends:" in reason
    assert "half way" in reason


def test_an_image_that_is_nowhere_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    # Nobody listens there, so that nothing is asked of the network.
    unknown = config(lambda text: text.replace(f'build = "{EXAMPLE}"', 'image = "127.0.0.1:1/casebook:1"'))
    unknown = unknown.replace(f'build_arguments = {{ BASE = "{BASE}" }}', "")
    played = play("--tag=FD-01", out=tmp_path, config=unknown)
    (scenario,) = played.results.scenarios
    assert (played.exit_code, scenario.outcome, scenario.cause) == (2, "inconclusive", "config")
    assert "The image is not here and cannot be pulled" in scenario.reason


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_nothing_stays_behind_of_a_run_that_is_broken_off(tmp_path: Path, engine: DockerClient, how: str) -> None:
    with begun(*FLOWS, out=tmp_path / "out", log=tmp_path / "log", config=config()) as running:
        running.wait_for_line(FIRST_DONE)
        assert len(left(engine)) == 2  # the container and its network
        if how == "killed":
            return  # with its whole process group, by the end of the block
        running.signal(signal.SIGINT)
        played = running.finish(within=60)
        assert left(engine) == []
    nobody_is_blamed(played, exit_code=1)
    assert (played.folder / "logs" / "main" / "product.log").read_text() != ""


def test_what_a_run_left_whose_guard_was_killed_too_goes_with_the_next_start(engine: DockerClient) -> None:
    gone = {**labels("gone", "main"), "org.cpis-harness.process": f"{os.uname().nodename}/4194305/1"}
    runs = labels("runs", "main")
    made = [engine.containers.create(BASE, "true", labels=found) for found in (gone, runs)]
    network = engine.networks.create("cpis-gone-main", labels=gone)
    try:
        remove_leftovers(engine)
        assert left(engine) == [made[1].name]
    finally:
        made[1].remove()
    assert network.name not in left(engine)


SERVE = (
    "import http.server, os, socket\n"
    "print('found', socket.gethostbyname('database') != '')\n"
    "print(sorted(os.listdir('/certificates')))\n"
    "open('/exchange/Z90', 'w').write(os.environ['ODS'])\n"
    "try: open('/certificates/other', 'w')\n"
    "except OSError as error: print(error.strerror)\n"
    "print('up', flush=True)\n"
    "http.server.HTTPServer(('0.0.0.0', 8099), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
)


@contextmanager
def started(folder: Path, **table: Any) -> Iterator[Started]:
    product = DockerStarter(DockerStart.model_validate({"grace_s": 2, **table})).start(offer_in(folder))
    try:
        yield product
    finally:
        product.stop()


def test_containers_that_need_each_other_come_up_in_order_and_find_each_other(tmp_path: Path) -> None:
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "client.pem").write_text("made up")
    database = {"name": "database", "image": BASE, "command": ["sh", "-c", "echo ready; sleep 600"]}
    table = {
        "image": BASE,
        "command": ["python3", "-u", "-c", SERVE],
        "environment": {"ODS": "{ods} in {drop}"},
        "ports": [8099],
        "volumes": [f"{tmp_path}/certificates:/certificates:ro"],
        "drop_folder": "/exchange",
        "ready": {"log": "^up", "port": 8099, "url": "http://127.0.0.1:{port}/"},
        "container": [{**database, "ready": {"log": "^ready"}}],
    }
    with started(tmp_path, **table) as product:
        assert [name.rpartition("-")[2] for name in product.facts["containers"]] == ["database", "product"]
        assert product.values["port"] == product.values["port:8099"]
        assert product.trouble() == ""
        assert (tmp_path / "drop" / "Z90").read_text() == "Z90 in /exchange"
    said = (tmp_path / "logs" / "product.log").read_text().splitlines()
    assert said[:4] == ["found True", "['client.pem']", "Read-only file system", "up"]
    assert (tmp_path / "logs" / "database.log").read_text() == "ready\n"


def test_a_container_that_ends_later_is_noticed(tmp_path: Path) -> None:
    table = {"image": BASE, "command": ["sh", "-c", "echo up; sleep 1; exit 7"], "ready": {"log": "^up"}}
    with started(tmp_path, **table) as product:
        wait_for("the end of the container", product.trouble, within=20)
        (log,) = product.logs
        assert product.trouble() == f"the container 'product' has ended (exit code 7). Its log {log} ends: up"


@pytest.mark.parametrize(("probe", "is_up"), [("true", True), ("false", False)])
def test_a_health_check_of_the_image_must_pass(tmp_path: Path, probe: str, is_up: bool) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    check = f"HEALTHCHECK --interval=1s --retries=1 CMD {probe}"
    (folder / "Dockerfile").write_text(f'FROM {BASE}\n{check}\nCMD ["sleep", "600"]\n')
    began = time.monotonic()
    if is_up:
        with started(tmp_path, build=folder):
            assert time.monotonic() - began >= 1
    else:
        with (
            pytest.raises(StartError, match="the container 'product' calls itself unhealthy"),
            started(tmp_path, build=folder),
        ):
            pass


def test_volumes_that_an_image_asks_for_go_with_the_container(tmp_path: Path, engine: DockerClient) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f'FROM {BASE}\nVOLUME /kept\nCMD ["sleep", "600"]\n')
    before = len(engine.volumes.list())
    with started(tmp_path, build=folder):
        assert len(engine.volumes.list()) == before + 1
    assert len(engine.volumes.list()) == before


def test_a_network_that_is_not_there_is_told(tmp_path: Path) -> None:
    table = {"image": BASE, "command": "sleep 600", "networks": ["no-such-network"]}
    with pytest.raises(ConfigError, match="There is no network 'no-such-network'"), started(tmp_path, **table):
        pass


def test_a_command_that_the_image_does_not_have_is_told(tmp_path: Path) -> None:
    table = {"image": BASE, "command": "no-such-command"}
    with pytest.raises(HarnessError, match="no-such-command"), started(tmp_path, **table):
        pass


def test_what_is_not_there_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing to be built from \(system_under_test\.start\.build\)"):
        DockerStarter(DockerStart(build=tmp_path)).check()
    with pytest.raises(ConfigError, match=r"A volume of the container 'product' is not there"):
        DockerStarter(DockerStart(image=BASE, volumes=[f"{tmp_path}/none:/none"])).check()
