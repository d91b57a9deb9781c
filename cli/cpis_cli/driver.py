"""`cpis driver check`: a driver is tried against its contract, before any accreditation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

driver = typer.Typer(no_args_is_help=True, help="Try a product's driver.")


@driver.callback()
def about() -> None:
    """Try a product's driver before it is relied on."""


@driver.command()
def check(
    config: Annotated[
        Path | None, typer.Option(help="The product and its driver; default the bundled authority.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also reset, restart and set-clock: for an empty test system.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where logs of a product that is started are written.")] = Path(
        "reports/out"
    ),
) -> None:
    """Ask for each operation once, and say of each whether the answer is what the contract says.

    Needs no mock Spine, and of the product one made-up child; says first what it does to it. The contract is
    docs/driver-api.yaml. Exit code 0: all is well; 1: something is wrong; 2: wrong configuration; 3: the product or its
    driver was not reached.

    Example: cpis driver check --config cpis.toml
    """
    from contextlib import closing

    from cpis_cli.hosting import HARNESS_ERROR, fail
    from cpis_fixtures.config import load_config
    from cpis_fixtures.driver_check import DriverCheck
    from cpis_fixtures.lane import lane_offer
    from cpis_fixtures.plan import new_plan
    from cpis_fixtures.starting.product import check_product, start_product
    from cpis_simulator.errors import ConfigError, CpisError, PeerError

    try:
        read = load_config(config)
        under_test = read.system_under_test
        if under_test.role != "authority":
            raise ConfigError(f"The driver of role {under_test.role} cannot be tried yet", expected="role authority")
        check_product(under_test.start, under_test.driver)
        if under_test.driver.kinds() == {"manual"} and under_test.start.kind != "bundled":
            raise ConfigError(
                "There is no driver to be tried: a person is asked for everything",
                where="system_under_test.driver.kind",
                mend="Try it with one scenario: cpis run --tag FD-01.",
            )
        plan = new_plan(read, out=out / "driver-check")
        offer = lane_offer(plan, "main", say=typer.echo)
        tried = start_product(under_test.start, under_test.driver, offer)
        with closing(tried):
            trial = DriverCheck(
                tried.driver,
                ods=offer.authority.ods_code,
                upload=offer.drop / offer.authority.ods_code / read.settings.files.upload,
                within=read.wait.export_s,
                everything=everything,
                seed=plan.seed,
                by_person=tried.person.operations if tried.person else (),
            )
            typer.echo(f"The check {trial.intentions()}.")
            outcomes = []
            for line in trial.run():
                outcomes.append(line.outcome)
                typer.echo(f"{line.outcome:9} {line.subject:36} {line.text}{f'. {line.mend}' if line.mend else ''}")
    except PeerError as error:
        typer.echo(f"cpis driver check: {error}", err=True)
        raise typer.Exit(HARNESS_ERROR) from error
    except CpisError as error:
        raise fail("driver check", error) from error
    typer.echo(", ".join(f"{outcomes.count(word)} {word}" for word in ("ok", "look", "wrong", "not tried")))
    raise typer.Exit(1 if "wrong" in outcomes else 0)
