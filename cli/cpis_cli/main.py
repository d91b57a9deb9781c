"""The command `cpis`: one module a subcommand, imported only when it is run.

`--help` of the whole must come at once, so a subcommand's module imports what is heavy inside its function.
"""

from __future__ import annotations

from typing import Annotated

import typer

from cpis_cli.answer import answer
from cpis_cli.authority import authority
from cpis_cli.care import care
from cpis_cli.certs import certs
from cpis_cli.compare import compare
from cpis_cli.config import config
from cpis_cli.doctor import doctor
from cpis_cli.driver import driver
from cpis_cli.explain import explain
from cpis_cli.generate import generate
from cpis_cli.init import init
from cpis_cli.lint import lint
from cpis_cli.lookup import lookup
from cpis_cli.new import new
from cpis_cli.prepare import prepare
from cpis_cli.requirements import requirements
from cpis_cli.run import run
from cpis_cli.serve import serve
from cpis_cli.steps import steps
from cpis_cli.validate import validate
from cpis_cli.verify import verify

app = typer.Typer(
    name="cpis",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"cpis {version('cpis-harness')}")
        raise typer.Exit


@app.callback()
def cpis(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Integration-test harness and Spine simulator for Child Protection - Information Sharing."""


for command in (
    run, prepare, answer, validate, compare, serve, lookup, explain, authority, care, certs, generate, verify,
    steps, lint, requirements, init, doctor,
):  # fmt: skip
    app.command()(command)
app.add_typer(driver, name="driver")
app.add_typer(config, name="config")
app.add_typer(new, name="new")
