"""`cpis driver check`: a driver is tried against its contract, before any accreditation."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
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

    Needs no mock Spine, and of the product one made-up child, or patient; says first what it does to it. A care system
    asks while nobody answers, and must say so. The contract is docs/driver-api.yaml. Exit code 0: all is well; 1:
    something is wrong; 2: wrong configuration; 3: the product or its driver was not reached.

    Example: cpis driver check --config cpis.toml
    """
    from contextlib import ExitStack, closing
    from dataclasses import replace

    from cpis_cli.hosting import HARNESS_ERROR, fail
    from cpis_fixtures.config import load_config
    from cpis_fixtures.driver_check import DriverCheck
    from cpis_fixtures.driver_check_care import CareDriverCheck
    from cpis_fixtures.lane import lane_offer
    from cpis_fixtures.plan import new_plan
    from cpis_fixtures.starting.product import check_product, start_product
    from cpis_simulator.errors import ConfigError, CpisError, PeerError

    try:
        read = load_config(config)
        under_test = read.system_under_test
        if (role := under_test.role) == "service":
            raise ConfigError("The driver of role service cannot be tried yet", expected="role authority or care")
        check_product(under_test.start, under_test.driver)
        if under_test.driver.kinds() == {"manual"} and under_test.start.kind != "bundled":
            raise ConfigError(
                "There is no driver to be tried: a person is asked for everything",
                where="system_under_test.driver.kind",
                mend="Try it with one scenario: cpis run --tag FD-01.",
            )
        plan = new_plan(read, out=out / "driver-check")
        offer = lane_offer(plan, "main", say=typer.echo)
        with ExitStack() as undo:
            within = read.wait.export_s
            if role == "care":
                timeout_s = read.settings.query.client_timeout
                url = undo.enter_context(nobody_at(read.service.port))
                profile = read.settings.transport.profile
                offer = replace(offer, role=role, service_url=url, profile=profile, timeout_s=timeout_s)
                within += timeout_s
            tried = undo.enter_context(closing(start_product(under_test.start, under_test.driver, offer)))
            uploads = {
                own.ods_code: offer.drop / own.ods_code / read.settings.files.upload
                for own in (offer.authority, *offer.others)
            }
            ods, *further = uploads
            trial = (CareDriverCheck if role == "care" else DriverCheck)(
                tried.driver,
                ods=ods,
                upload=uploads[ods],
                within=within,
                everything=everything,
                seed=plan.seed,
                by_person=tried.person.operations if tried.person else (),
                further={other: uploads[other] for other in further} if role == "authority" else None,
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


@contextmanager
def nobody_at(port: int) -> Iterator[str]:
    """An address of the mock Spine where nobody answers, and nobody else can listen meanwhile.

    Raises:
        ConfigError: Somebody does already.
    """
    from cpis_simulator.errors import ConfigError

    with socket.socket() as held:
        try:
            held.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                "A care system's driver is tried while no Spine answers, and somebody listens already",
                where=f"service.port = {port}",
                found=error.strerror,
                mend="Stop that program, such as a run or cpis serve.",
                doctor="service-port",
            ) from error
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
