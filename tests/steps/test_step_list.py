"""`docs/steps.md` is the list of the steps that exist."""

from pathlib import Path

from typer.testing import CliRunner

from cpis_cli.main import app
from cpis_steps.step_list import step_list

PAGE = Path(__file__).parents[2] / "docs" / "steps.md"


def test_the_committed_list_of_steps_is_the_one_that_the_steps_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == step_list(), "run `cpis steps --markdown > docs/steps.md`"


def test_the_command_prints_the_list() -> None:
    shown = CliRunner().invoke(app, ["steps", "--markdown"])
    assert (shown.exit_code, shown.output) == (0, step_list())


def test_an_entry_has_the_words_the_meaning_and_what_its_free_parts_may_be() -> None:
    assert (
        "- `the <who> was on the work-list with <code>`  \n"
        "  Judged here, because the entry must be gone later. `<who>`: … child. "
        "`<code>`: CPR01, CPR02, CPR03, CPR04, CPR05, CPR06, CPR07.\n"
    ) in step_list()
    assert "; ambulance (ambulance service, ambulance crew, paramedic); " in step_list()
