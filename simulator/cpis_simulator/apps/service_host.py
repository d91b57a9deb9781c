"""The mock Spine as a process: CP-IS on its store and folders, the lookup endpoint and the control API on two ports."""

from __future__ import annotations

import logging
import secrets
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from cpis_simulator.apps.control import control_app
from cpis_simulator.apps.directory_api import BASE_PATH, directory_app
from cpis_simulator.apps.endpoint import LookUpEndpoint, unread
from cpis_simulator.apps.identity import new_id, utc_now
from cpis_simulator.apps.mesh_endpoint import TOO_LARGE, MeshEndpoint
from cpis_simulator.apps.operations import MAX_BODY
from cpis_simulator.apps.population import read_population
from cpis_simulator.apps.service_node import ServiceNode
from cpis_simulator.codecs.acknowledgement import decode_acknowledgement
from cpis_simulator.codecs.upload import decode_upload
from cpis_simulator.directory import TERMS, Party, RegisteredAuthority, default_parties
from cpis_simulator.errors import ConfigError, DecodeError, StartError
from cpis_simulator.evidence import LOOKUP
from cpis_simulator.mailbox.seeds import SERVICE_MAILBOX, interop_mailboxes, mailbox_of
from cpis_simulator.model import Acknowledgement
from cpis_simulator.settings import Settings
from cpis_simulator.store.journal import Journal
from cpis_simulator.transport.folders import write_whole
from cpis_simulator.transport.http_bodies import BodyFile
from cpis_simulator.transport.http_server import HttpServer
from cpis_simulator.transport.tls import ClientTls, HandshakeFailure, ServerTls, client_context
from cpis_simulator.vocabulary import FileCode

LOG: Final = logging.getLogger(__name__)

LOAD_S: Final = 600.0
"""How long an upload that is loaded at the start may take."""

CONTROL_THREADS: Final = 4
MESH_THREADS: Final = 8
MESH_BODY_S: Final = 600.0
"""A hundred megabytes may take a while."""
DIRECTORY_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class Places:
    """Where the service listens and keeps things.

    Attributes:
        evidence: None: no evidence is written.
        tls: Of the lookup endpoint and of MESH; None for plain HTTP.
        mesh_port: Of MESH's REST interface; None: MESH is not served.
        mesh_folders: Authorities whose mailboxes have folders of pairs, in `mesh/` under the drop root.
        mesh_seed: Further mailboxes, by the name of a seed.
        population: A file of people for the demographic service, beside the test people.
    """

    drop: Path
    store_url: str
    evidence: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    directory_port: int = 0
    tls: ServerTls | None = None
    mesh_port: int | None = None
    mesh_folders: tuple[str, ...] = ()
    mesh_seed: Literal["none", "interop"] = "none"
    population: Path | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What one of several processes on the same store and ports does; the first does what only one can do.

    Attributes:
        number: Counted from 0; the first serves the folders, the directory and the control API.
        of: How many there are.
        token: Of the control API; None to make one.
        is_anew: It takes the place of one that has ended, beside others that go on.
    """

    number: int = 0
    of: int = 1
    token: str | None = None
    is_anew: bool = False

    @property
    def is_first(self) -> bool:
        """It serves the folders, the directory and the control API."""
        return self.number == 0

    @property
    def has_others(self) -> bool:
        """It is one of several."""
        return self.of > 1


class ServiceHost:
    """A running mock Spine.

    Args:
        settings: Every choice about the service.
        authorities: Who may share.
        places: Ports, folders and store.
        share: Of the work, where several processes do it.
        parties: Care systems of the directory, beside those that are always there.

    Raises:
        ConfigError: The population cannot be used.
        StartError: A port, folder or store cannot be had.
    """

    def __init__(
        self,
        settings: Settings,
        authorities: Sequence[RegisteredAuthority],
        places: Places,
        share: Share = Share(),
        parties: Sequence[Party] = (),
    ) -> None:
        """Bind the ports and open the store and the folders; requests are answered after `serve`."""
        self._settings = settings
        self._authorities = tuple(authorities)
        self._share = share
        self.token = share.token or secrets.token_urlsafe(24)
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
                population=read_population(places.population) if places.population else None,
                serves_folders=share.is_first,
                serves_mesh=places.mesh_port is not None,
                serves_pairs=places.mesh_folders,
                mailboxes=interop_mailboxes() if places.mesh_seed == "interop" else (),
                parties=(*_bundled_parties(settings, places), *parties),
                tls=_reply_context(places.tls),
            )
            undo.callback(self.node.stop)
            self._endpoint = self._listen(places, journal)
            undo.callback(self._endpoint.stop)
            self.node.listens_at(self._endpoint.url)
            self._control = self._listen_for_control(places) if share.is_first else None
            self._directory = self._listen_for_directory(places) if share.is_first else None
            for server in (self._control, self._directory):
                if server is not None:
                    undo.callback(server.stop)
            self.node.start(adopts_replies=share.is_first and not share.is_anew)
            self._mesh = self._listen_for_mesh(places)
            if self._mesh is not None:
                undo.callback(self._mesh.stop)
            self._parts = undo.pop_all()

    def _listen(self, places: Places, journal: Journal | None) -> HttpServer:
        endpoint = LookUpEndpoint(self.node, self._settings, journal, now=self.node.now, ids=new_id)
        transport = self._settings.transport
        return HttpServer(
            endpoint,
            host=places.host,
            port=places.port,
            limits=transport,
            too_large=unread(transport),
            tls=places.tls,
            shares_port=self._share.has_others,
            handshake_refused=_keeper_of_refusals(journal),
        )

    def _listen_for_control(self, places: Places) -> HttpServer:
        return HttpServer(
            control_app(self.node, self.token),
            host=places.host,
            port=places.control_port,
            limits=self._settings.transport,
            max_body=MAX_BODY,
            threads=CONTROL_THREADS,
            shares_port=self._share.has_others,
        )

    def _listen_for_mesh(self, places: Places) -> HttpServer | None:
        mail, settings = self.node.drop.mail, self._settings.mesh
        if mail is None or places.mesh_port is None:
            return None
        transport, tls = self._settings.transport, places.tls
        if tls is not None:
            tls = replace(tls, require_client_certificate=settings.client_certificate == "required")
        coming = mail.store.coming
        return HttpServer(
            MeshEndpoint(mail.store, settings, real_now=utc_now, ids=new_id),
            host=places.host,
            port=places.mesh_port,
            limits=transport.model_copy(update={"body_s": max(transport.body_s, MESH_BODY_S)}),
            max_body=settings.max_request,
            too_large=TOO_LARGE,
            threads=MESH_THREADS,
            tls=tls,
            bodies=lambda: BodyFile(coming),
        )

    def _listen_for_directory(self, places: Places) -> HttpServer:
        return HttpServer(
            directory_app(self.node.directory, self._settings.transport.time_scale),
            host=places.host,
            port=places.directory_port,
            limits=self._settings.transport,
            threads=DIRECTORY_THREADS,
            shares_port=self._share.has_others,
        )

    @property
    def url(self) -> str:
        """Where clients reach the lookup endpoint."""
        return self._endpoint.url

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
        ready: dict[str, object] = {"event": "ready", "url": self._endpoint.url}
        if self._control is None or self._directory is None:
            return ready
        self._control.start()
        if self._mesh is not None:
            self._mesh.start()
            ready["mesh"] = self._mesh_facts(self._mesh.url)
        self._directory.start()
        ready["directory_url"] = self._directory.url + BASE_PATH
        return ready | {
            "control_url": self._control.url,
            "control_token": self.token,
            "directory_url": self._directory.url + BASE_PATH,
            "drop": {ods: str(folders.upload.parent) for ods, folders in self.node.drop.folders.items()},
        }

    def _mesh_facts(self, url: str) -> dict[str, object]:
        """What a client of MESH has to be given."""
        mesh = self._settings.mesh
        return {
            "url": url,
            "shared_key": mesh.shared_key.get_secret_value(),
            "password": mesh.password.get_secret_value(),
            "service_mailbox": SERVICE_MAILBOX,
            "mailboxes": {a.ods_code: mailbox_of(a.ods_code) for a in self._authorities},
            "folders": {ods: str(folder.root) for ods, folder in self.node.drop.mesh_folders.items()},
        }

    def stop(self) -> None:
        """Finish what is being done, in the order: MESH, control, endpoint, folders and store, evidence."""
        self._parts.close()


def _bundled_parties(settings: Settings, places: Places) -> Sequence[Party]:
    """The care systems that are always there, where they take replies as the service takes queries."""
    scheme = "http" if places.tls is None else "https"
    return default_parties(scheme, TERMS[settings.transport.reply_profile])


def _reply_context(tls: ServerTls | None) -> ssl.SSLContext | None:
    """Our side of TLS where we call a client back: the same certificate, the same authorities."""
    return client_context(ClientTls(tls.certificate, tls.key, tls.client_ca)) if tls is not None else None


def _keeper_of_refusals(journal: Journal | None) -> Callable[[HandshakeFailure, str], None] | None:
    """Keeps in evidence that a client never came as far as a request, and why."""
    if journal is None:
        return None

    def keep(failure: HandshakeFailure, peer: str) -> None:
        headers = {"exchange": new_id(), "phase": "handshake", "status": "refused", "peer": peer}
        journal.append(
            LOOKUP,
            sender="care",
            receiver="service",
            headers={**headers, "reason": failure.reason, "text": failure.text},
        )

    return keep
