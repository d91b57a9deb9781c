"""`cpis serve`: the mock Spine alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cpis_fixtures.config import Config
    from cpis_simulator.directory import RegisteredAuthority
    from cpis_simulator.settings import Settings


def serve(
    more_uploads: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE…]", help="Further files of --load-upload.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration with authorities and settings.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the lookup endpoint, 0 for any free one.")] = 0,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the control API, 0 for any free.")] = 0,
    directory_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the directory API, 0 for any free.")
    ] = 0,
    no_tls: Annotated[bool, typer.Option("--no-tls", help="Serve plain HTTP, for a test network only.")] = False,
    workers: Annotated[int, typer.Option(help="Processes; only 1 in this version.")] = 1,
    load_upload: Annotated[list[Path] | None, typer.Option(help="Upload files to store before the start.")] = None,
    drop: Annotated[Path | None, typer.Option(help="Root of the drop folders; default ./drop.")] = None,
    store: Annotated[str | None, typer.Option(help="File or URL of the store; default a new one each time.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder to keep every message in; default none.")] = None,
    authority: Annotated[list[str] | None, typer.Option(help="ODS code of an authority; default all known.")] = None,
    pds_unknown: Annotated[
        str | None, typer.Option(help="A number that nobody knows: learn it from the upload, or refuse.")
    ] = None,
) -> None:
    """Run the mock Spine: drop folders, lookup endpoint, directory, control API.

    Prints one JSON line with its addresses once it accepts connections, and logs to standard error. Ends on Ctrl-C.

    Example: cpis serve --no-tls --port 4433 --load-upload upload.xml
    """
    import tempfile

    from cpis_cli.hosting import fail, run_until_told
    from cpis_fixtures.config import load_config
    from cpis_simulator.apps.logs import start_logging
    from cpis_simulator.apps.service_host import Places, ServiceHost
    from cpis_simulator.errors import CpisError

    _check_what_is_built(no_tls=no_tls, workers=workers)
    start_logging()
    try:
        read = load_config(config)
        settings = _settings(read, pds_unknown)
        authorities = _authorities(read, authority)
        with tempfile.TemporaryDirectory(prefix="cpis-serve-", ignore_cleanup_errors=True) as temporary:
            places = Places(
                drop=drop or read.file_drop.root or Path("drop"),
                store_url=_store_url(store or str(Path(temporary, "service.sqlite"))),
                evidence=evidence,
                host=host,
                port=port,
                control_port=control_port,
                directory_port=directory_port,
            )
            service = ServiceHost(settings, authorities, places, read.parties())
            try:
                for path in (*(load_upload or ()), *(more_uploads or ())):
                    service.load_upload(path)
                ready = service.serve()
            except BaseException:
                service.stop()
                raise
            run_until_told(ready, service.stop)
    except CpisError as error:
        raise fail("serve", error) from error


def _check_what_is_built(*, no_tls: bool, workers: int) -> None:
    """Refuse what this version cannot do, rather than do something else."""
    if not no_tls:
        typer.echo(
            "cpis serve: this version serves plain HTTP only, and Spine speaks TLS. Add --no-tls to say that you know "
            "(on a test network, with made-up data).",
            err=True,
        )
        raise typer.Exit(2)
    if workers != 1:
        typer.echo(f"cpis serve: --workers: expected 1, found {workers}. More are not built yet.", err=True)
        raise typer.Exit(2)


def _settings(config: Config, pds_unknown: str | None) -> Settings:
    """The configured settings; unknown numbers are learnt unless something says otherwise.

    Suites refuse them (CPR01). A service that somebody explores by hand has to take what it is given.

    Raises:
        ConfigError: For another word than learn or refuse.
    """
    from cpis_simulator.errors import ConfigError

    if pds_unknown not in (None, "learn", "refuse"):
        raise ConfigError("--pds-unknown", expected="learn or refuse", found=pds_unknown)
    pds = config.settings.pds
    chosen = pds_unknown or (pds.unknown if "unknown" in pds.model_fields_set else "learn")
    return config.settings.model_copy(update={"pds": pds.model_copy(update={"unknown": chosen})})


def _authorities(config: Config, codes: list[str] | None) -> Sequence[RegisteredAuthority]:
    """Those that are named, or all.

    Raises:
        ConfigError: For a code that nobody has.
    """
    from cpis_simulator.errors import ConfigError

    known = {authority.ods_code: authority for authority in config.authorities()}
    for code in codes or []:
        if code not in known:
            mend = "Describe it under [[authority]] in a configuration (--config)."
            raise ConfigError("Unknown authority", expected=f"one of {', '.join(known)}", found=code, mend=mend)
    return [known[code] for code in codes] if codes else list(known.values())


def _store_url(store: str) -> str:
    """A URL as it is, a file as the URL of an SQLite database."""
    return store if "://" in store else f"sqlite:///{Path(store).absolute()}"
