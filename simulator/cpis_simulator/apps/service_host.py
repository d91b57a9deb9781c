"""The mock Spine as a process: CP-IS on its store and folders, the lookup endpoint and the control API on two ports."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cpis_simulator.apps.control import control_app
from cpis_simulator.apps.directory_api import BASE_PATH, directory_app
from cpis_simulator.apps.endpoint import LookUpEndpoint
from cpis_simulator.apps.identity import new_id, utc_now
from cpis_simulator.apps.operations import MAX_BODY
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import decode_upload
from cpis_simulator.directory import TERMS, Party, RegisteredAuthority, default_parties
from cpis_simulator.errors import ConfigError, DecodeError, StartError
from cpis_simulator.model import Acknowledgement
from cpis_simulator.settings import Settings
from cpis_simulator.spine.answers import oversize_fault
from cpis_simulator.store.journal import Journal
from cpis_simulator.transport.folders import write_whole
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.vocabulary import FileCode

LOG: Final = logging.getLogger(__name__)

LOAD_S: Final = 600.0
"""How long an upload that is loaded at the start may take."""

CONTROL_THREADS: Final = 4
DIRECTORY_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class Places:
    """Where the service listens and keeps things. `evidence` None: no evidence is written."""

    drop: Path
    store_url: str
    evidence: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    directory_port: int = 0


class ServiceHost:
    """A running mock Spine.

    Args:
        settings: Every choice about the service.
        authorities: Who may share.
        places: Ports, folders and store.
        parties: Care systems of the directory, beside those that are always there.

    Raises:
        StartError: A port, folder or store cannot be had.
    """

    def __init__(
        self,
        settings: Settings,
        authorities: Sequence[RegisteredAuthority],
        places: Places,
        parties: Sequence[Party] = (),
    ) -> None:
        """Bind the ports and open the store and the folders; requests are answered after `serve`."""
        self._settings = settings
        self._authorities = tuple(authorities)
        self.token = secrets.token_urlsafe(24)
        with ExitStack() as undo:
            journal = Journal(places.evidence) if places.evidence else None
            if journal is not None:
                undo.callback(journal.close)
            self.node = ServiceNode(
                settings,
                authorities,
                places.drop,
                places.store_url,
                journal,
                new_id,
                utc_now,
                serves_folders=True,
                parties=(*default_parties(terms=TERMS[settings.transport.reply_profile]), *parties),
            )
            undo.callback(self.node.stop)
            self._endpoint = self._listen(places, journal)
            undo.callback(self._endpoint.stop)
            self.node.listens_at(self._endpoint.url)
            self._directory = HttpServer(
                directory_app(self.node.directory, settings.transport.time_scale),
                host=places.host,
                port=places.directory_port,
                limits=settings.transport,
                threads=DIRECTORY_THREADS,
            )
            undo.callback(self._directory.stop)
            self._control = HttpServer(
                control_app(self.node, self.token),
                host=places.host,
                port=places.control_port,
                limits=settings.transport,
                max_body=MAX_BODY,
                threads=CONTROL_THREADS,
            )
            undo.callback(self._control.stop)
            self.node.start()
            self._parts = undo.pop_all()

    def _listen(self, places: Places, journal: Journal | None) -> HttpServer:
        endpoint = LookUpEndpoint(self.node, self._settings, journal, now=self.node.now, ids=new_id)
        transport = self._settings.transport
        refusal = oversize_fault(transport.max_body)
        return HttpServer(
            endpoint,
            host=places.host,
            port=places.port,
            limits=transport,
            # With another status than 413 the endpoint itself refuses; only far larger ones are not even read.
            max_body=transport.max_body if transport.oversize == "413" else 4 * transport.max_body,
            too_large=(refusal.content_type, refusal.body),
        )

    def load_upload(self, path: Path) -> Acknowledgement:
        """Have a file stored as if its authority had dropped it; its acknowledgement stands in that folder then.

        Raises:
            ConfigError: The file cannot be read, or is of an authority that is not served.
            StartError: Nothing of it was stored.
        """
        try:
            body = path.read_bytes()
            sender = decode_upload(body).sender.ods_code
        except OSError as error:
            raise ConfigError("An upload to load cannot be read", where=str(path), found=error.strerror) from error
        except DecodeError as error:
            mend = f"`cpis validate {path}` says more."
            raise ConfigError("An upload to load is none", where=str(path), found=error, mend=mend) from error
        folders = self.node.drop.folders.get(sender)
        if folders is None:
            served = ", ".join(a.ods_code for a in self._authorities)
            raise ConfigError(
                "An upload to load is of an authority that is not served",
                where=str(path),
                expected=served,
                found=sender,
                mend="Name it with --authority, or in the configuration.",
            )
        stem = f"LOADED_{new_id()}"
        part = folders.upload / f".{stem}.part"
        write_whole(part, body)
        part.rename(folders.upload / f"{stem}.xml")
        acknowledgement = decode_acknowledgement(self._response(folders.response, stem, path))
        codes = [code.code for code in acknowledgement.file_codes]
        if not {FileCode.ALL_STORED, FileCode.PARTLY_STORED} & set(codes):
            raise StartError(
                "Nothing of an upload to load was stored",
                where=str(path),
                found=", ".join(f"{code.code} {code.display_name}" for code in acknowledgement.file_codes),
                mend=f"`cpis validate {path}` may say why; a file id is taken only once from a store.",
            )
        return acknowledgement

    def _response(self, folder: Path, stem: str, path: Path) -> bytes:
        """Wait for the acknowledgement of a loaded file."""
        deadline = time.monotonic() + LOAD_S
        while time.monotonic() < deadline:
            for found in folder.glob(f"{stem}_RESP_*.xml"):
                return found.read_bytes()
            if problems := self.node.drop.problems.texts():
                raise StartError("An upload to load was not taken", where=str(path), found="; ".join(problems))
            time.sleep(0.01)
        raise StartError("An upload to load was not answered", where=str(path), expected=f"within {LOAD_S:g} s")

    def serve(self) -> dict[str, object]:
        """Accept connections from now on.

        Returns:
            The ready line: addresses, token, and the drop folder of each authority.
        """
        self._endpoint.start()
        self._control.start()
        self._directory.start()
        return {
            "event": "ready",
            "url": self._endpoint.url,
            "control_url": self._control.url,
            "control_token": self.token,
            "directory_url": self._directory.url + BASE_PATH,
            "drop": {ods: str(folders.upload.parent) for ods, folders in self.node.drop.folders.items()},
        }

    def stop(self) -> None:
        """Finish what is being done, in the order: control, endpoint, folders and store, evidence."""
        self._parts.close()
