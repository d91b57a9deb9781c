"""The bundled authority on its store, its clock and its drop folder.

Theory of operation. One lock lets one event happen at a time. An event that fails half-way is undone by loading the
state anew from the store. A file goes out in three moves: written into the outbox, remembered, renamed into the drop
folder; after a crash between the last two the next start renames it. A reply is remembered before it is moved to the
archive, and its name and hash keep it from being acted on twice.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from cpis_simulator.apps.authority_mesh import AuthorityDoor, Undelivered
from cpis_simulator.authority.caseload import Configuration
from cpis_simulator.authority.other_children import add_other_children
from cpis_simulator.authority.population import Population, add_population
from cpis_simulator.authority.state import OFFICE, State
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.codecs.upload import encode_upload
from cpis_simulator.driving import Export
from cpis_simulator.errors import StartError
from cpis_simulator.mailbox.names import free_name, in_order, is_upload_name
from cpis_simulator.settings import FilesSettings
from cpis_simulator.store.entry_store import EntryStore
from cpis_simulator.transport.folders import FolderWatch, make_private, write_in_place, write_whole
from cpis_simulator.transport.mesh_client import MeshFailed

LOG: Final = logging.getLogger(__name__)
R = TypeVar("R")

SETTLE_LIMIT_S: Final = 5.0
"""How long `collect` waits for a file that is still being written."""

SCHEDULE_REACH: Final = timedelta(hours=25)
"""A clock moved by more starts the daily schedule anew: the days between never happened."""


@dataclass(frozen=True, slots=True)
class Places:
    """Folders: those that are shared with the file-drop client, and the system's own."""

    upload: Path
    response: Path
    archive: Path
    failed: Path
    outbox: Path

    @classmethod
    def of(cls, drop: Path, ods: str, state: Path, files: FilesSettings) -> Places:
        """The folders of an authority under a drop root; the outbox stands beside the state."""
        own = drop / ods
        return cls(
            own / files.upload,
            own / files.response,
            own / files.archive,
            own / files.failed,
            state.parent / f"{state.stem}-outbox",
        )


class AuthorityHost:
    """The system, kept and connected.

    Args:
        configuration: Of the authority.
        kind: `CaseSystem`, or a kind with seeded faults.
        drop: Root of the drop folders.
        state: File of the store.
        other_children: How many children the system has held and shared for long.
        population: The children of a whole area, held and shared for long, too.
        files: Settings of the drop folder.
        door: Used instead of the shared folders.

    Raises:
        StartError: The store or a folder cannot be used.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        drop: Path,
        state: Path,
        kind: type[CaseSystem] = CaseSystem,
        other_children: int = 0,
        population: Population | None = None,
        files: FilesSettings | None = None,
        door: AuthorityDoor | None = None,
    ) -> None:
        """Load what is remembered and put leftovers in order."""
        self.configuration = configuration
        self._kind = kind
        self._door = door
        self._files = files or FilesSettings()
        self._other_children = other_children
        self._population = population
        self._state_file = state
        self._lock = threading.RLock()
        self._offset = timedelta()
        self.places = Places.of(drop, configuration.ods, state, self._files)
        self._make_folders()
        self._store = EntryStore(state, State, "authority")
        self._beside: tuple[AuthorityHost, ...] = ()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._watch = FolderWatch(
            [self.places.response], is_wanted=is_upload_name, settle_s=self._files.settle, wake=self._wake.set
        )
        self._thread = threading.Thread(target=self._poll, name="authority", daemon=True)
        self._load()
        if door is None:  # Whether it is there is seen when it is first asked.
            self._deliver_leftovers()

    def _make_folders(self) -> None:
        places = self.places
        folder = places.outbox
        try:
            make_private(folder)
            for folder in (places.upload, places.response, places.archive, places.failed):
                folder.mkdir(mode=0o770, parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(
                "A folder cannot be made",
                where=str(folder),
                found=error.strerror or str(error),
                mend="Give this user the right to write there, or name another folder with --drop or --state.",
            ) from error

    def serve_beside(self, *others: AuthorityHost) -> None:
        """Be one of several authorities of a product."""
        self._beside = others
        self._introduce()

    def _introduce(self) -> None:
        """Have the systems know each other; one that was loaded anew is another one."""
        self._system.neighbours = tuple(other._system for other in self._beside)
        for other in self._beside:
            other._system.neighbours = tuple(o._system for o in other._beside)

    # Time.

    def now(self) -> datetime:
        """What the system's clock shows."""
        return datetime.now(UTC) + self._offset

    def set_clock(self, instant: datetime | None) -> None:
        """Show that instant and run on from it; None: real time."""
        with self._lock:
            before = self.now()
            if instant is not None and instant.tzinfo is None:
                instant = instant.replace(tzinfo=UTC)
            self._offset = timedelta() if instant is None else instant - datetime.now(UTC)
            if not timedelta() <= self.now() - before <= SCHEDULE_REACH:
                self.event(lambda system, now: system.start_schedule(now=now))
        self.tick()

    def tick(self) -> None:
        """What happens by itself as time passes: warnings, and the daily export."""
        self.event(lambda system, now: system.warn_of_overdue(now=now))
        with self._lock:
            if self._system.is_export_time(now=self.now()):
                self.export()

    # Events.

    def event(self, happen: Callable[[CaseSystem, datetime], R], *, durable: bool = False) -> R:
        """Let something happen to the system and remember it: whole, or not at all."""
        with self._lock:
            try:
                result = happen(self._system, self.now())
                self._store.save(self._system.state, durable=durable)
            except BaseException:
                self._load()
                raise
            return result

    def export(self) -> Export:
        """Make the next file and put it into the drop folder."""
        with self._lock:
            try:
                return self._export(self.now())
            except BaseException:
                self._load()
                raise

    def _export(self, now: datetime) -> Export:
        upload = self._system.prepare_export(now=now)
        if isinstance(upload, str):
            self._store.save(self._system.state)
            LOG.info("event=nothing_exported reason=%r", upload)
            return Export(exported=False, reason=upload)
        about = self._system.label(upload)
        name = f"CPIS{about}_{self.configuration.ods}_{upload.file_id}_{now.astimezone(UTC):%Y%m%d%H%M%S%f}.xml"
        prepared = self.places.outbox / name
        try:
            write_whole(prepared, encode_upload(upload))
            self._store.save(self._system.state, durable=True)
            self._put(prepared, self.places.upload)
        except OSError as error:
            reason = error.strerror or str(error)
            prepared.unlink(missing_ok=True)
            self._system.withdraw(upload.file_id, reason, now=now)
            self._store.save(self._system.state, durable=True)
            LOG.warning("event=drop_folder_unusable reason=%r", reason)
            return Export(exported=False, reason=f"The drop folder cannot be written: {reason}")
        LOG.info("event=exported file_id=%s records=%d", upload.file_id, len(upload.records))
        return Export(exported=True, file_id=upload.file_id)

    def _put(self, prepared: Path, folder: Path) -> None:
        """Let a whole file appear under its final name.

        Raises:
            OSError: It cannot be put there.
        """
        if self._door is not None:
            self._door.send(prepared)
            return
        target = folder / prepared.name
        if not self._system.drops_whole_files:
            write_in_place(prepared, target)
            return
        try:
            prepared.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # The state lies on another file system: the last move must be a rename inside the drop folder.
            beside = folder / f".{prepared.name}.part"
            write_whole(beside, prepared.read_bytes())
            beside.rename(target)
            prepared.unlink()

    def collect(self) -> None:
        """Deal with all that stands in the receiving folder; wait a little for what is being written."""
        deadline = time.monotonic() + SETTLE_LIMIT_S
        while self._sweep() and time.monotonic() < deadline:
            time.sleep(self._files.settle / 4)

    def _sweep(self) -> bool:
        """Deal with the whole files, oldest first; says whether one is still being written."""
        with self._lock:
            self._fetch()
            found = self._watch.sweep(self.places.response)
            for name in in_order((file.path.name, file.mtime_ns) for file in found.whole):
                self._receive(self.places.response / name)
            return found.unsettled

    def _fetch(self) -> None:
        """Have what waits at MESH put into the receiving folder, and send what a crash has kept from it."""
        if self._door is None:
            return
        try:
            self._deliver_leftovers()
            self._door.fetch(self.places.outbox, self.places.response, self._hear_undelivered)
        except OSError as error:
            LOG.warning("event=door_unusable reason=%r", str(error))

    def _hear_undelivered(self, report: Undelivered) -> None:
        parts = report.local_id.split("_")
        file_id = parts[-2] if len(parts) > 1 else ""
        self.event(lambda system, now: system.note_undelivered(file_id, report.text, now=now), durable=True)

    def _receive(self, path: Path) -> None:
        try:
            body = path.read_bytes()
        except OSError as error:
            LOG.warning("event=reply_not_read name=%r reason=%r", path.name, str(error))
            return
        digest = hashlib.sha256(body).hexdigest()
        readable = self.event(lambda system, now: system.receive(path.name, digest, body, now=now), durable=True)
        folder = self.places.archive if readable else self.places.failed
        path.rename(folder / free_name(path.name, lambda name: (folder / name).exists()))
        LOG.info("event=received name=%r readable=%s", path.name, str(readable).lower())

    def reset(self) -> None:
        """Forget everything but the file sequence, which the service may remember; clear the shared folders."""
        with self._lock:
            next_file_id = self._system.office.next_file_id
            for folder in (self.places.upload, self.places.response):
                for path in folder.glob("*.xml"):
                    try:
                        path.rename(self.places.archive / free_name(path.name, self._is_archived))
                    except FileNotFoundError:
                        continue  # the service picked it up in this moment
            if self._door is not None:
                try:
                    self._door.forget()
                except OSError as error:
                    LOG.warning("event=door_unusable reason=%r", str(error))
            self._store.clear()
            self._load(next_file_id)

    def restart(self) -> None:
        """Drop all that is in memory and begin again from the store, as a new process would."""
        with self._lock:
            self._store.close()
            self._store = EntryStore(self._state_file, State, "authority")
            self._load()
            if self._door is None:
                self._deliver_leftovers()

    # Start and end.

    def start(self) -> None:
        """Watch the receiving folder and the clock from now on."""
        self._watch.start()
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is lost."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._watch.stop()
        with self._lock:
            self._store.close()
            if self._door is not None:
                self._door.close()

    def _poll(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(self._files.poll)
            self._wake.clear()
            if self._ended.is_set():
                return
            try:
                if self._sweep():
                    # A file that is not settled gives no further event.
                    time.sleep(self._files.settle)
                    self._wake.set()
                self.tick()
            except OSError as error:
                LOG.warning("event=receiving_folder_unusable reason=%r", str(error))

    def _load(self, next_file_id: int | None = None) -> None:
        self._system = self._kind(self.configuration, self._store.load())
        system = self._system
        if next_file_id is not None:
            system.state.office[OFFICE] = replace(system.office, next_file_id=next_file_id)
        if system.office.exported is None:
            system.start_schedule(now=self.now())
            add_other_children(system, self._other_children, now=self.now())
            if self._population is not None:
                add_population(system, self._population, now=self.now())
        self._store.save(system.state)
        self._introduce()

    def _deliver_leftovers(self) -> None:
        """After a crash: a file that is remembered goes out, one that is not was never made."""
        for path in sorted(self.places.outbox.glob("*.xml")):
            if path.stem.split("_")[-2] not in self._system.state.files:
                path.unlink()
            elif self._door is not None:
                self._send_leftover(self._door, path)
            else:
                self._put(path, self.places.upload)

    def _send_leftover(self, door: AuthorityDoor, path: Path) -> None:
        try:
            door.send_leftover(path)
        except MeshFailed as error:
            if not error.is_refusal:
                raise
            self._hear_undelivered(Undelivered(path.stem, str(error)))
            path.unlink()

    def _is_archived(self, name: str) -> bool:
        return (self.places.archive / name).exists()
