"""`cpis serve`: the mock Spine alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cpis_cli.tls_options import Ca, Cert, Key, server_tls

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
    mesh_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of MESH's REST interface, 0 for any free.")
    ] = 0,
    mesh_folder: Annotated[
        list[str] | None,
        typer.Option(help="ODS code of an authority whose mailbox has folders of pairs, in DROP/mesh."),
    ] = None,
    mesh_seed: Annotated[
        str | None, typer.Option(help="Further mailboxes: `interop`, those of the MESH sandbox's own tests.")
    ] = None,
    directory_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the directory API, 0 for any free.")
    ] = 0,
    no_tls: Annotated[bool, typer.Option("--no-tls", help="Serve plain HTTP, for a test network only.")] = False,
    cert: Cert = None,
    key: Key = None,
    ca: Ca = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port, one a core.")] = 1,
    load_upload: Annotated[list[Path] | None, typer.Option(help="Upload files to store before the start.")] = None,
    population: Annotated[
        Path | None, typer.Option(help="People for the demographic service; `cpis generate population` makes some.")
    ] = None,
    drop: Annotated[Path | None, typer.Option(help="Root of the drop folders; default ./drop.")] = None,
    store: Annotated[
        str | None,
        typer.Option(help="File of the store, or its sqlite: or postgresql: URL; default a new one each time."),
    ] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder to keep every message in; default none.")] = None,
    authority: Annotated[list[str] | None, typer.Option(help="ODS code of an authority; default all known.")] = None,
    pds_unknown: Annotated[
        str | None, typer.Option(help="A number that nobody knows: learn it from the upload, or refuse.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Seeded fault, by name; may be repeated.")] = None,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="List the seeded faults and end.")] = False,
) -> None:
    """Run the mock Spine: drop folders, MESH mailboxes, lookup endpoint, directory, control API.

    Prints one JSON line with its addresses once it accepts connections, and logs to standard error. Ends on Ctrl-C.

    Clients speak TLS 1.2 or 1.3 and show a certificate, unless --no-tls or the configuration says otherwise.

    Example: cpis serve --no-tls --port 4433 --load-upload upload.xml
    """
    if list_faults:
        _list_faults()
        return
    import tempfile

    from cpis_cli.hosting import fail, run_until_told
    from cpis_fixtures.config import load_config
    from cpis_simulator.apps.logs import start_logging
    from cpis_simulator.apps.service_host import Places, ServiceHost
    from cpis_simulator.apps.service_workers import ServiceWorkers
    from cpis_simulator.errors import CpisError

    start_logging()
    try:
        read = load_config(config)
        settings = _settings(read, pds_unknown)
        authorities = _authorities(read, authority)
        if fault:
            _plant(fault, workers)
        with tempfile.TemporaryDirectory(prefix="cpis-serve-", ignore_cleanup_errors=True) as temporary:
            places = Places(
                drop=drop or read.file_drop.root or Path("drop"),
                store_url=_store_url(store or str(Path(temporary, "service.sqlite"))),
                evidence=evidence,
                host=host,
                port=port,
                control_port=control_port,
                directory_port=directory_port,
                tls=None if no_tls else server_tls(read, cert, key, ca),
                mesh_port=mesh_port,
                mesh_folders=tuple(mesh_folder or ()),
                mesh_seed=_seed(mesh_seed),
                population=population,
            )
            uploads = (*(load_upload or ()), *(more_uploads or ()))
            if workers > 1:
                several = ServiceWorkers(settings, authorities, places, workers, uploads, read.parties())
                run_until_told(several.ready, several.stop, check=several.check)
                return
            service = ServiceHost(settings, authorities, places, parties=read.parties())
            try:
                for path in uploads:
                    service.load_upload(path)
                ready = service.serve()
            except BaseException:
                service.stop()
                raise
            run_until_told(ready, service.stop)
    except CpisError as error:
        raise fail("serve", error) from error


def _list_faults() -> None:
    """One line a fault: its name, which requirement must notice, and what it does."""
    from cpis_simulator.apps.service_faults import SERVICE_FAULTS

    for known in SERVICE_FAULTS.values():
        typer.echo(f"{known.name:40} {', '.join(known.requirements)}\n    {known.behaviour}")


def _plant(faults: list[str], workers: int) -> None:
    """Have this process take some decisions wrongly.

    Raises:
        ConfigError: A fault is unknown, cannot be combined with another one, or the service is several processes.
    """
    from cpis_simulator.apps.service_faults import plant
    from cpis_simulator.errors import ConfigError

    if workers > 1:
        raise ConfigError("A fault is planted in one process", expected="--workers 1", found=workers)
    plant(faults)


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


def _seed(name: str | None) -> Literal["none", "interop"]:
    """The seed of that name.

    Raises:
        ConfigError: There is none.
    """
    from cpis_simulator.errors import ConfigError

    if name not in (None, "interop"):
        raise ConfigError("--mesh-seed", expected="interop", found=name)
    return "interop" if name else "none"


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
