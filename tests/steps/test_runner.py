"""A request that makes no sense is refused before anything is started, and nothing played is nothing shown."""

from pathlib import Path

import pytest

from cpis_reports.verdicts import exit_code
from cpis_simulator.errors import ConfigError
from cpis_steps.runner import Request, check_features, plan_of, put_together
from tests.steps.writing import GOOD, write_feature

RUNNING = """\
[system_under_test]
role = "authority"
start = { kind = "none" }
driver = { url = "http://127.0.0.1:9" }
[file_drop]
root = "drop"
"""


def request(tmp_path: Path, config: str = "", **chosen: object) -> Request:
    file = tmp_path / "cpis.toml"
    file.write_text(config, encoding="utf-8")
    return Request(config=file, out=tmp_path / "out", **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "chosen", "message"),
    [
        ("", {"role": "spine"}, r"Unknown role: expected authority, care, service, found spine"),
        (RUNNING, {"role": "care"}, r"The product that cpis.toml describes cannot be tested as care"),
        (RUNNING, {"role": "service"}, r"Role service can so far be played by the bundled system only"),
        (RUNNING, {"jobs": 2}, r"\(--jobs\): expected at most 1 \(system_under_test\.lanes\), found 2"),
        (
            RUNNING.replace('role = "authority"', 'role = "authority"\nlanes = 3'),
            {"jobs": 4},
            r"expected at most 3 \(system_under_test\.lanes\), found 4",
        ),
        ("[service]\nport = 4433", {"jobs": 2}, r"More than one job cannot share the fixed ports of \[service\]"),
        ("", {"tags": ("FD-99",)}, r"No scenario is selected"),
        ("", {"expression": "elephant"}, r"No scenario is selected"),
        ("", {"features": (Path("nowhere.feature"),)}, r"No such feature file or folder \(nowhere\.feature\)"),
    ],
)
def test_a_senseless_request_is_refused_and_leaves_nothing_behind(
    tmp_path: Path, config: str, chosen: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of(request(tmp_path, config, **chosen))
    assert not (tmp_path / "out").exists()


def test_the_bundled_system_offers_as_many_lanes_as_are_asked_for(tmp_path: Path) -> None:
    assert plan_of(request(tmp_path, jobs=7)).jobs == 7


def test_a_product_offers_the_lanes_that_its_configuration_says(tmp_path: Path) -> None:
    config = RUNNING.replace('role = "authority"', 'role = "authority"\nlanes = 3')
    assert plan_of(request(tmp_path, config, jobs=3)).jobs == 3


def test_a_selection_is_named_in_the_plan(tmp_path: Path) -> None:
    assert plan_of(request(tmp_path)).selection is None
    assert plan_of(request(tmp_path, expression="a plan", tags=("FD-01",))).selection == "-k a plan --tag FD-01"


def test_check_finds_what_lint_finds(tmp_path: Path) -> None:
    own = write_feature(tmp_path, GOOD.replace("@lookup", "@lookups"))
    assert check_features(request(tmp_path, features=(own,))) == [
        "lookup/own.feature:4: unknown tag @lookups; tags of your own begin with @own-"
    ]


def test_scenarios_of_which_nothing_was_recorded_are_the_harness_s_fault_and_nothing_is_shown(tmp_path: Path) -> None:
    plan = plan_of(request(tmp_path, tags=("FD-01",)))
    plan.write()
    results = put_together(plan, code=-9)
    [scenario] = results.scenarios
    assert (scenario.outcome, scenario.cause) == ("inconclusive", "harness")
    assert scenario.reason == "the process that plays the scenarios ended early (exit -9)"
    assert not any(v.verdict == "pass" for v in results.requirements)
    assert exit_code(results) == 3
    assert (plan.folder / "results.json").exists()
