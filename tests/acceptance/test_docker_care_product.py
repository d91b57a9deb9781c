"""The example care product in a container of a real engine, on this machine's network: it reaches the mock Spine there.

Skipped where no engine answers, as `test_docker_product` is.
"""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.running import play
from tests.acceptance.test_docker_product import BASE, engine, nothing_is_left  # noqa: F401  # fixtures
from tests.acceptance.test_foreign_care_product import SOME, free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "ed_tracker"


def config() -> str:
    """The example's own, built from the base image that is here, on ports that are free."""
    text = (EXAMPLE / "docker.toml").read_text(encoding="utf-8")
    port = free_port()
    for old, new in (
        ('build = "."', f'build = "{EXAMPLE}"\nbuild_arguments = {{ BASE = "{BASE}" }}'),
        ("ports = [8098]", f'ports = [{port}]\ncommand = ["python3", "-m", "ed_tracker", "{port}"]'),
        ("4438", free_port()),
        ("quiet_s = 1", "quiet_s = 0.4"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_example_is_built_run_and_accredited(tmp_path: Path) -> None:
    played = play(*(f"--tag={test}" for test in SOME), out=tmp_path, config=config())
    assert played.exit_code == 0, played.output
    assert {(s.test, s.outcome) for s in played.results.scenarios} == {(test, "pass") for test in SOME}
    logs = played.folder / "logs" / "main"
    assert "Successfully built" in (logs / "product.build.log").read_text()
    assert '"POST /driver/record-patient HTTP/1.1" 200' in (logs / "product.log").read_text()
