"""`cpis authority`: the bundled local-authority system alone, with its driver API."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer


def authority(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the driver API, 0 for any free one.")] = 8099,
    drop: Annotated[Path, typer.Option(help="Root of the drop folders; files stand in <root>/<ODS>.")] = Path("drop"),
    ods: Annotated[str, typer.Option(help="ODS code of the authority.")] = "Z99",
    name: Annotated[str, typer.Option(help="Name of the authority.")] = "EXAMPLETON TEST COUNCIL",
    telephone_office: Annotated[str, typer.Option(help="Office telephone.")] = "tel:01632960001",
    telephone_emergency: Annotated[str, typer.Option(help="Emergency duty telephone.")] = "tel:01632960002",
    also: Annotated[
        list[str] | None,
        typer.Option(help="A further authority that is served: 'ODS|name|office telephone|emergency telephone'."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="File that keeps everything; default authority-state/<ODS>.sqlite.")
    ] = None,
    next_id: Annotated[int, typer.Option(min=1, help="Sequence id of the first file.")] = 1,
    id_step: Annotated[int, typer.Option(min=1, help="By how much ids rise.")] = 1,
    full_files: Annotated[bool, typer.Option("--full-files", help="Send every live plan in each file.")] = False,
    other_children: Annotated[
        int, typer.Option(min=0, help="Children that are held and shared already, as in a real product.")
    ] = 0,
    mesh_url: Annotated[
        str | None, typer.Option(help="Address of MESH's REST interface, used instead of the folders.")
    ] = None,
    mesh_root: Annotated[
        Path | None, typer.Option(help="Folder with a MESH folder for each mailbox, used instead of the others.")
    ] = None,
    mesh_password: Annotated[str, typer.Option(help="Of the authority's mailbox.")] = "password",
    mesh_shared_key: Annotated[str, typer.Option(help="Of the environment that MESH belongs to.")] = "TestKey",
    county: Annotated[
        bool, typer.Option("--county", help="Hold a county's children, invented: 721 plans, 1,033 looked after.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the county's children.")] = 0,
    fault: Annotated[list[str] | None, typer.Option(help="Seeded fault, by name; may be repeated.")] = None,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="List the seeded faults and end.")] = False,
    no_reset: Annotated[bool, typer.Option("--no-reset", help="Do not offer reset.")] = False,
    no_clock: Annotated[bool, typer.Option("--no-clock", help="Do not offer set-clock.")] = False,
    no_collect: Annotated[
        bool, typer.Option("--no-collect", help="Do not offer collect; the receiving folder is watched all the same.")
    ] = False,
) -> None:
    """Run the bundled local-authority system: a driver API in front, a drop folder or a MESH mailbox behind.

    Prints one JSON line with its address once it accepts connections. Ends on Ctrl-C.

    Example: cpis authority --drop ./drop --ods Z99 --fault twin-details-from-first-match
    """
    if list_faults:
        _list_faults()
        return
    from cpis_cli.hosting import fail, run_until_told
    from cpis_simulator.apps.authority_host import AuthorityHost
    from cpis_simulator.apps.authority_mesh import AuthorityDoor, AuthorityMesh
    from cpis_simulator.apps.authority_pairs import AuthorityPairs
    from cpis_simulator.apps.authority_system import AuthorityDriver
    from cpis_simulator.apps.logs import start_logging
    from cpis_simulator.apps.operations import operations_app
    from cpis_simulator.authority.caseload import Configuration
    from cpis_simulator.authority.faults import faulty
    from cpis_simulator.authority.population import COUNTY
    from cpis_simulator.errors import CpisError
    from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX, mailbox_of
    from cpis_simulator.transport.http_server import HttpServer
    from cpis_simulator.transport.mesh_client import MeshAccount, MeshClient

    start_logging()
    configurations = [
        Configuration(
            ods=code,
            name=called,
            telephone_office=office or None,
            telephone_emergency=emergency or None,
            first_file_id=next_id,
            file_id_step=id_step,
            full_files=full_files,
            references=f"{code}-" if place else "",
        )
        for place, (code, called, office, emergency) in enumerate(
            [(ods, name, telephone_office, telephone_emergency), *map(_described, also or [])]
        )
    ]
    refusals = {"reset": no_reset, "set-clock": no_clock, "collect": no_collect}
    withheld = frozenset(operation for operation, refused in refusals.items() if refused)
    faults = tuple(fault or ())
    try:

        def door_of(code: str) -> AuthorityDoor | None:
            if mesh_root is not None:
                whole = faulty(faults).drops_whole_files
                return AuthorityPairs(
                    mesh_root / mailbox_of(code), mailbox_of(code), SERVICE_MAILBOX, drops_whole_files=whole
                )
            if mesh_url is not None:
                account = MeshAccount(mesh_url, mailbox_of(code), mesh_password, mesh_shared_key, SERVICE_MAILBOX)
                return AuthorityMesh(MeshClient(account))
            return None

        first = state or Path("authority-state") / f"{ods}.sqlite"
        systems = [
            AuthorityHost(
                configuration,
                drop=drop,
                state=first if place == 0 else first.with_name(f"{first.stem}-{configuration.ods}.sqlite"),
                kind=faulty(faults),
                other_children=other_children,
                population=replace(COUNTY, place=place, seed=seed) if county else None,
                door=door_of(configuration.ods),
            )
            for place, configuration in enumerate(configurations)
        ]
        for system in systems:
            system.serve_beside(*(other for other in systems if other is not system))
        driver = AuthorityDriver(*systems, withheld=withheld, faults=faults)
        server = HttpServer(operations_app("authority", driver), host=host, port=port)
        for system in systems:
            system.start()
        server.start()

        def stop() -> None:
            server.stop()
            for system in systems:
                system.stop()

        ready: dict[str, object] = {"event": "ready", "url": server.url, "ods": ods, "drop": str(drop.resolve())}
        run_until_told(ready, stop)
    except CpisError as error:
        raise fail("authority", error) from error


def _described(text: str) -> tuple[str, str, str, str]:
    """A further authority, as `--also` has it: code, name, office telephone, emergency telephone."""
    parts = text.split("|")
    if len(parts) not in (3, 4) or not all(parts):
        raise typer.BadParameter(f"'{text}' is no 'ODS|name|office telephone|emergency telephone'")
    return (parts[0], parts[1], parts[2] if len(parts) == 4 else "", parts[-1])


def _list_faults() -> None:
    """One line a fault: its name, what it does and which requirement must notice."""
    from cpis_cli.hosting import list_faults
    from cpis_simulator.authority.faults import FAULTS

    list_faults(FAULTS.values())
