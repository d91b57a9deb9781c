"""What the documentation says is so: its words are those that are written, its commands and examples work."""

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from typer.main import get_command

from cpis_cli.main import app
from cpis_fixtures.config import load_config
from cpis_fixtures.placeholders import MEANINGS
from cpis_fixtures.starting.tables import DockerStart, ProcessStart, Ready
from cpis_reports.render.html import SETTING_TOUCHES
from cpis_reports.results import Step
from cpis_reports.suite import DISPOSITION_WORDS
from cpis_reports.words import Cause, Outcome, Party, Role, ScenarioOutcome, Status, Verdict, Witness
from cpis_simulator.evidence import CONTROL, DRIVER, FILE_DROP, LOOKUP, MARK, PROBE
from cpis_simulator.settings import Settings, TransportSettings
from cpis_simulator.spine.weather import KINDS, MIXTURES
from cpis_simulator.vocabulary import FileCode, RecordCode
from cpis_steps.lint import lint_files
from cpis_steps.weather import FORMS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
PAGES = sorted(p for p in (ROOT, ROOT / "docs", ROOT / "bench") for p in p.glob("*.md"))


def rows(heading: str) -> dict[str, list[str]]:
    """The table under a heading: other cells by first cell."""
    section = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", WORDS, re.MULTILINE | re.DOTALL)
    assert section, f"no heading '{heading}'"
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section[1].splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in cells[2:]}


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Verdict of a requirement", get_args(Verdict)),
        ("Cause of what is inconclusive", get_args(Cause)),
        ("Outcome of a scenario", get_args(ScenarioOutcome)),
        ("Status of a run", (*get_args(Status), "passed", "caveat", "error of the suite")),
        ("Witness", get_args(Witness)),
        ("Why a catalogue test has no scenario", DISPOSITION_WORDS),
        ("Codes of an acknowledgement", (*map(str, FileCode), *map(str, RecordCode))),
    ],
)
def test_a_table_of_words_has_exactly_those_that_are_written(heading: str, words: tuple[str, ...]) -> None:
    assert sorted(rows(heading)) == sorted(words)


def test_every_setting_has_a_text_and_those_that_choose_say_which_requirements_they_touch() -> None:
    choosing = {"data", "pds", "history", "upload", "ack", "query", "response", "notify", "inactive"}
    for group, info in Settings.model_fields.items():
        for key, field in info.annotation.model_fields.items():  # type: ignore[union-attr]  # a group
            assert field.description, f"{group}.{key}"
            if group in choosing and "nothing else is built" not in field.description:
                assert f"{group}.{key}" in SETTING_TOUCHES


def test_the_outcomes_of_checks_steps_and_operations_are_all_explained() -> None:
    explained = rows("Outcome of a check, a step, a driver operation")
    steps: Any = get_args(Step.model_fields["outcome"].annotation)
    assert set(explained) == {
        f"{', '.join(get_args(Outcome))} (a check)",
        *(f"{word} (a step)" for word in steps),
        *(f"{word} (a driver operation)" for word in ("answered", "refused", "failed", "unreachable")),
    }


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("channel", (FILE_DROP, LOOKUP, DRIVER, CONTROL, PROBE, MARK)),
        ("party", get_args(Party)),
        ("role", get_args(Role)),
    ],
)
def test_a_word_with_few_values_names_them_all(word: str, values: tuple[str, ...]) -> None:
    meaning = rows("The harness")[word][0]
    assert [value for value in values if value not in meaning] == []


def test_every_word_says_what_it_means_and_who_acts_next() -> None:
    tables = [rows(h) for h in re.findall(r"^#+ (.+)$", WORDS, re.MULTILINE)]
    short = [word for table in tables for word, cells in table.items() if len(cells) != 2 or "" in cells]
    assert short == []


def test_the_page_on_weather_has_every_kind_mixture_and_form() -> None:
    page = (ROOT / "docs" / "weather.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^\|(.*?)\|", page, re.MULTILINE)
    assert sorted(re.findall(r"`([a-z0-9-]+)`", " ".join(kinds))) == sorted(KINDS)
    assert set(re.findall(r"`([a-z]+)`", page.partition("Mixtures:")[2].partition(". In")[0])) == set(MIXTURES)
    assert set(re.findall(r"^- (.+)$", page, re.MULTILINE)) == set(FORMS)


def test_the_page_on_spine_has_every_open_choice_with_its_values_and_their_default_first() -> None:
    page = (ROOT / "docs" / "spine.md").read_text(encoding="utf-8")
    for key, values in re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", page.partition("## Open choices")[2], re.MULTILINE):
        field = TransportSettings.model_fields[key]
        found = get_args(field.annotation) or (False, True)
        words = values.strip().split(", ")
        assert sorted(words) == sorted(str(v).lower() for v in found), key
        assert words[0] == str(field.default).lower(), key


def test_the_party_on_the_page_on_spine_is_a_right_one(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "spine.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example
    file = tmp_path / "cpis.toml"
    file.write_text(example[1], encoding="utf-8")
    [own] = [p for p in load_config(file).parties() if p.key == "RX7-0000001"]
    contract = own.contract("QUQI_IN010000UK14")
    assert contract is not None
    assert (contract.terms.retries, contract.terms.ack_requested) == (3, "always")


def commands() -> dict[str, Any]:
    return dict(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_readme_lists_every_command_and_none_that_is_not_there() -> None:
    table = README.partition("## Commands")[2].partition("**Not built yet:**")[0]
    assert set(re.findall(r"^\| `cpis ([a-z]+)", table, re.MULTILINE)) == set(commands())


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_and_option_that_a_page_shows_exists(page: Path) -> None:
    text = re.sub(r"\*\*Not built yet:\*\*.*?\n\n", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    shown = re.findall(r"\bcpis ([a-z]+)((?: [^`\n#]*)?)", text)
    wrong = []
    for name, rest in shown:
        command = commands().get(name)
        if hasattr(command, "commands"):  # a group: its command is the next word
            command = command.commands.get(rest.split()[0]) if rest.split() else None
        if command is None:
            continue
        options = {o for parameter in command.params for o in (*parameter.opts, *parameter.secondary_opts)}
        wrong += [f"cpis {name} {o}" for o in re.findall(r"--[a-z][a-z-]*", rest) if o not in options | {"--help"}]
    assert wrong == []


def test_the_configuration_in_the_readme_is_a_right_one(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert example
    file = tmp_path / "cpis.toml"
    file.write_text(textwrap.dedent(example[1]), encoding="utf-8")
    config = load_config(file)
    assert (config.system_under_test.start.kind, config.file_drop.root) == ("none", tmp_path.resolve() / "drop")


@pytest.mark.parametrize(
    ("page", "kinds"),
    [
        ("driver.md", [("none", {"http"}), ("none", {"command"}), ("none", {"http", "command"})]),
        ("starting.md", [("process", {"http"}), ("docker", {"http"})]),
        ("manual.md", [("none", {"manual"})]),
    ],
)
def test_the_configurations_in_a_page_are_right_ones(
    tmp_path: Path, page: str, kinds: list[tuple[str, set[str]]]
) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = []
    for example in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        assert tomllib.loads(example)
        if "[system_under_test]" in example:
            (tmp_path / "cpis.toml").write_text(example, encoding="utf-8")
            under_test = load_config(tmp_path / "cpis.toml").system_under_test
            found.append((under_test.start.kind, under_test.driver.kinds()))
    assert found == kinds


def test_the_scenario_in_the_page_on_own_scenarios_can_be_played_and_the_table_is_right(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "own-scenarios.md").read_text(encoding="utf-8")
    feature, table = (
        re.search(r"```gherkin\n(.*?)```", text, re.DOTALL),
        re.search(r"```toml\n(.*?)```", text, re.DOTALL),
    )
    assert feature and table
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "ours.feature").write_text(feature[1], encoding="utf-8")
    assert lint_files([tmp_path / "scenarios" / "ours.feature"]) == []
    (tmp_path / "cpis.toml").write_text(table[1], encoding="utf-8")
    assert load_config(tmp_path / "cpis.toml").own_scenarios.features == [tmp_path.resolve() / "scenarios"]


def test_the_page_on_starting_names_every_key_and_every_placeholder() -> None:
    page = (ROOT / "docs" / "starting.md").read_text(encoding="utf-8")
    keys = {key for table in (ProcessStart, DockerStart, Ready) for key in table.model_fields} - {"kind"}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", page)] == []
    assert [name for name in MEANINGS if f"`{{{name}}}`" not in page] == []


@pytest.mark.parametrize(("name", "kind"), [("process", "process"), ("docker", "docker"), ("manual", "process")])
def test_the_configurations_of_the_example_product_are_right_ones(name: str, kind: str) -> None:
    config = load_config(ROOT / "examples" / "council_cms" / f"{name}.toml")
    assert (config.system_under_test.start.kind, config.authorities()[0].ods_code) == (kind, "Z90")


@pytest.mark.parametrize(("name", "kind"), [("process", "process"), ("docker", "docker")])
def test_the_configurations_of_the_example_care_product_are_right_ones(name: str, kind: str) -> None:
    config = load_config(ROOT / "examples" / "ed_tracker" / f"{name}.toml")
    assert (config.system_under_test.start.kind, config.system_under_test.role) == (kind, "care")


@pytest.mark.parametrize("product", ["council_cms", "ed_tracker"])
def test_the_example_products_use_nothing_of_ours(product: str) -> None:
    sources = list((ROOT / "examples" / product).glob("*.py"))
    assert len(sources) > 5
    assert [file.name for file in sources if "cpis_" in file.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    prose = re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)#:]+)\)", prose)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_templates_for_build_servers_run_doctor_before_the_run_and_keep_the_report() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    actions, gitlab = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    steps = actions["jobs"]["cpis"]["steps"]
    lines = [step.get("run", "") for step in steps]
    assert [line.split()[1] for line in lines if line.startswith("cpis ")] == ["doctor", "run"]
    assert steps[-1]["if"] == "always()"
    assert [line.split()[1] for line in gitlab["cpis"]["script"] if line.startswith("cpis ")] == ["doctor", "run"]
    assert gitlab["cpis"]["artifacts"]["when"] == "always"
    [jenkins] = re.findall(r"```groovy\n(.*?)```", page, re.DOTALL)
    assert jenkins.index("cpis doctor") < jenkins.index("cpis run") < jenkins.index("archiveArtifacts")
    assert jenkins.count("{") == jenkins.count("}")


def test_the_page_on_configuration_shows_secrets_as_they_are_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    text = example.replace(
        "[system_under_test.driver]\n", '[system_under_test.driver]\nurl = "http://127.0.0.1:{port}"\n'
    )
    text = text.replace(
        "[system_under_test.start.environment]",
        '[system_under_test.start]\nkind = "process"\ncommand = "casebook"\n[system_under_test.start.environment]',
    )
    (tmp_path / "cpis.toml").write_text(text, encoding="utf-8")
    under_test = load_config(tmp_path / "cpis.toml").system_under_test
    assert under_test.driver.token is not None and under_test.driver.token.env == "CASEBOOK_TOKEN"
