"""The edge where upload files come in: claimed, recorded, processed, answered, archived.

Theory of operation. A file is claimed by renaming it into a private folder `<root>/.service/claims/<ODS>/<claim id>/`
under its own name; from then on nobody else touches it, and its claim id tells after a crash what has become of
it. It is written to evidence, processed, and in one transaction claim, register, file id and acknowledgement are
stored. The acknowledgement leaves by way of the outbox (`drop_delivery`). Last, the file moves to `archive` or
`failed`. A claim that is still there is simply finished: at the next start, or at the next sweep when a full disk was
in the way.

Source: CP-IS file drop CC-06 to CC-13, PU-07, PU-09, AF-01 to AF-06.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cpis_simulator.apps.crash import crash_point
from cpis_simulator.apps.drop_delivery import Delivery, recorded_deliveries
from cpis_simulator.apps.problems import Problems
from cpis_simulator.codecs.acknowledgement import encode_acknowledgement
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.driving import FolderState
from cpis_simulator.errors import CpisError, StartError
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.mailbox.names import free_name, in_order, is_upload_name, response_name
from cpis_simulator.model import Upload
from cpis_simulator.service.uploads import (
    Standing,
    Unreadable,
    UploadOutcome,
    process_upload,
    read_upload,
)
from cpis_simulator.settings import Settings
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.world import World
from cpis_simulator.transport.folders import FolderWatch, endpoint_lock, make_private
from cpis_simulator.vocabulary import MessageKind

LOG: Final = logging.getLogger(__name__)
_OUTBOX_POLL_S: Final = 0.05
"""Other processes of the service add to the outbox too, and cannot wake this one."""
_STOP_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Folders:
    """An authority's drop folder, and where its claimed files are kept meanwhile."""

    upload: Path
    response: Path
    archive: Path
    failed: Path
    claims: Path

    def all(self) -> tuple[Path, ...]:
        """Each of them."""
        return (self.upload, self.response, self.archive, self.failed, self.claims)


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that was taken from an upload folder."""

    claim_id: str
    authority: RegisteredAuthority
    path: Path


class FileDrop:
    """All authorities' folders under one root.

    Args:
        root: The drop root; made when it is not there.
        authorities: Whose folders.
        world: Where uploads are stored.
        journal: Where evidence goes, if anywhere.
        settings: Names of folders, times, and every choice about uploads.
        ids: Gives upper-case UUIDs, never the same twice.
        real_now: Real time in UTC; the world's clock is counted from it.
        also: Called now and then while folders are served, for what is due by the clock.
    """

    def __init__(
        self,
        root: Path,
        authorities: Sequence[RegisteredAuthority],
        world: World,
        journal: Journal | None,
        settings: Settings,
        *,
        ids: Callable[[], str],
        real_now: Callable[[], datetime],
        also: Callable[[], None] | None = None,
    ) -> None:
        """Remember; `start` opens the folders."""
        self._root = root.absolute()
        self._private = self._root / ".service"
        self._authorities = {a.ods_code: a for a in authorities}
        names = settings.files
        self.folders = {
            ods: Folders(
                upload=self._root / ods / names.upload,
                response=self._root / ods / names.response,
                archive=self._root / ods / names.archive,
                failed=self._root / ods / names.failed,
                claims=self._private / "claims" / ods,
            )
            for ods in self._authorities
        }
        self._world = world
        self._journal = journal
        self._settings = settings
        self._ids = ids
        self._real_now = real_now
        self._also = also
        self.problems = Problems()
        receiving = {ods: folders.response for ods, folders in self.folders.items()}
        self.delivery = Delivery(world, journal, self._private / "outbox", receiving, self.problems)
        self._held_open = ExitStack()
        self._ingesting = threading.RLock()
        self._wake = threading.Event()
        self._outbox = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._left: set[str] = set()
        self._watch = FolderWatch(
            [folders.upload for folders in self.folders.values()],
            is_wanted=is_upload_name,
            settle_s=names.settle,
            wake=self._wake.set,
            events=names.watch == "events",
        )

    def start(self) -> None:
        """Open the folders, be the only one there, and begin to work.

        Raises:
            StartError: When a folder cannot be made or used, or another endpoint serves the root.
        """
        self._make_folders()
        self._held_open.enter_context(endpoint_lock(self._private / "lock", self._root))
        self._stopping.clear()
        self._watch.start()
        for name, work in (("cpis-uploads", self._take_uploads), ("cpis-delivery", self._empty_outbox)):
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what is being done, then let go of the folders."""
        self._stopping.set()
        self._wake.set()
        self._outbox.set()
        for thread in self._threads:
            thread.join(_STOP_S)
        self._threads.clear()
        self._watch.stop()
        self._held_open.close()

    def is_working(self) -> bool:
        """Every thread is alive."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def wake_delivery(self) -> None:
        """Something was put into the outbox."""
        self._outbox.set()

    def pause(self) -> ExitStack:
        """No upload is processed and nothing is delivered until the result is closed."""
        stack = ExitStack()
        stack.enter_context(self._ingesting)
        stack.enter_context(self.delivery.lock)
        return stack

    def folder_states(self) -> dict[str, FolderState]:
        """What waits where."""
        return {
            ods: FolderState(
                upload=str(folders.upload),
                response=str(folders.response),
                waiting=[n for n in _names(folders.upload) if is_upload_name(n)],
                responses=_names(folders.response),
            )
            for ods, folders in self.folders.items()
        }

    def _make_folders(self) -> None:
        folder = self._root
        try:
            for folder in (self._private, self._private / "claims", self._private / "outbox"):
                make_private(folder)
            for folders in self.folders.values():
                for folder in (folders.claims, folders.archive, folders.failed):
                    make_private(folder)
                for folder in (folders.upload, folders.response):
                    folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            mend = "Give this user the right to write there, or name another drop root."
            raise StartError(
                "A drop folder cannot be made", where=str(folder), found=error.strerror, mend=mend
            ) from error

    # Threads.

    def _take_uploads(self) -> None:
        files = self._settings.files
        pause = 0.0
        while not self._stopping.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            if self._stopping.is_set():
                return
            unsettled = False
            try:
                unsettled = self.sweep()
                self.problems.clear("uploads")
            except (OSError, CpisError) as error:
                # A full disk, a store that cannot be written to: nothing new is taken until it clears (AF-04).
                self.problems.tell("uploads", f"no upload is taken: {error}. Files stay where they are.")
            except Exception as error:
                LOG.exception("event=sweep_failed")
                self.problems.tell("uploads", f"a fault of the service: {type(error).__name__}, see its log")
            pause = min(files.settle, files.poll) if unsettled else files.poll

    def _empty_outbox(self) -> None:
        while not self._stopping.is_set():
            self._outbox.wait(_OUTBOX_POLL_S)
            self._outbox.clear()
            try:
                if self._also is not None:
                    self._also()
                self.delivery.run()
                self.problems.clear("outbox")
            except (OSError, CpisError) as error:
                self.problems.tell("outbox", f"nothing is delivered: {error}. Files wait in the outbox.")
            except Exception as error:
                LOG.exception("event=delivery_failed")
                self.problems.tell("outbox", f"a fault of the service: {type(error).__name__}, see its log")

    # Uploads.

    def sweep(self) -> bool:
        """Finish open claims, then take what is whole; some file is not known to be whole yet.

        Raises:
            OSError: When the disk is in the way; HarnessError: when the store is.
        """
        unsettled = False
        for claim in list(self._open_claims()):
            self._finish_or_leave(claim, fresh=False)
        for ods, folders in self.folders.items():
            try:
                folders.upload.mkdir(parents=True, exist_ok=True)
                sweep = self._watch.sweep(folders.upload)
                self.problems.clear(f"uploads of {ods}")
            except OSError as error:
                text = f"the folder {folders.upload} cannot be read: {error.strerror}"
                self.problems.tell(f"uploads of {ods}", text)
                continue
            unsettled = unsettled or sweep.unsettled
            for name in in_order((f.path.name, f.mtime_ns) for f in sweep.whole):
                if self._stopping.is_set():
                    return False
                if taken := self._claim(self._authorities[ods], folders, name):
                    self._finish_or_leave(taken, fresh=True)
        return unsettled

    def _open_claims(self) -> Iterator[Claim]:
        for ods, folders in self.folders.items():
            for name in _names(folders.claims):
                files = _names(folders.claims / name)
                if files:
                    yield Claim(name, self._authorities[ods], folders.claims / name / files[0])
                else:
                    # Made for a claim that never took place, or left by one that is done.
                    (folders.claims / name).rmdir()

    def _claim(self, authority: RegisteredAuthority, folders: Folders, name: str) -> Claim | None:
        """Take a file; None when it is gone meanwhile, or may not be read."""
        about = f"upload {authority.ods_code}/{name}"
        if not os.access(folders.upload / name, os.R_OK) and (folders.upload / name).exists():
            self.problems.tell(about, f"{folders.upload / name} may not be read: give this user the right to")
            return None
        self.problems.clear(about)
        claim_id = self._ids()
        private = folders.claims / claim_id
        private.mkdir(mode=0o700)
        try:
            os.rename(folders.upload / name, private / name)
        except FileNotFoundError:
            private.rmdir()
            return None
        except OSError:
            private.rmdir()
            raise
        crash_point("after-claim")
        return Claim(claim_id, authority, private / name)

    def _finish_or_leave(self, claim: Claim, *, fresh: bool) -> None:
        """Finish a claim; one that a fault of ours stands in the way of is left until the next start.

        Raises:
            OSError: When the disk is in the way; HarnessError: when the store is. Both concern every file.
        """
        if claim.claim_id in self._left:
            return
        try:
            with self._ingesting:
                self._finish(claim, fresh=fresh)
        except (OSError, CpisError):
            raise
        except Exception as error:
            LOG.exception("event=upload_failed authority=%s claim=%s", claim.authority.ods_code, claim.claim_id)
            self._left.add(claim.claim_id)
            text = f"{claim.path} is left: a fault of the service ({type(error).__name__}), see its log"
            self.problems.tell(f"claim {claim.claim_id}", text)

    def _finish(self, claim: Claim, *, fresh: bool) -> None:
        """Do whatever is left to do for a claimed file."""
        if fresh or not self._is_recorded(claim):
            self._record(claim)
        crash_point("after-upload-evidence")
        with self._world.read() as session:
            destination = session.claim(claim.claim_id)
        if destination is None:
            destination = self._process(claim)
        crash_point("after-commit")
        self.delivery.run()
        crash_point("before-archive")
        folders = self.folders[claim.authority.ods_code]
        target = folders.archive if destination == "archive" else folders.failed
        make_private(target)
        with suppress(PermissionError):  # Another user's file; the folder that it goes to is closed to others.
            claim.path.chmod(0o600)
        os.rename(claim.path, target / free_name(claim.path.name, lambda n: (target / n).exists()))
        crash_point("after-archive")
        claim.path.parent.rmdir()

    def _is_recorded(self, claim: Claim) -> bool:
        return claim.claim_id in recorded_deliveries(self._journal)

    def _record(self, claim: Claim) -> None:
        if self._journal is None:
            return
        headers = {
            "authority": claim.authority.ods_code,
            "direction": "upload",
            "name": claim.path.name,
            "kind": MessageKind.UPLOAD.value,
            "delivery": claim.claim_id,
        }
        self._journal.append(FILE_DROP, sender="authority", receiver="service", headers=headers, body=claim.path)

    def _process(self, claim: Claim) -> str:
        """Judge and store a file, all in one transaction with its answer; where the file goes."""
        ods = claim.authority.ods_code
        with self._world.read() as session:
            silent = ods in session.silent()
        if silent:
            with self._world.write(durable=True) as session:
                session.add_claim(claim.claim_id, ods, claim.path.name, "archive", self._real_now())
            LOG.info("event=upload_left_unanswered authority=%s name=%s", ods, claim.path.name)
            return "archive"
        upload = self._read(claim)
        crash_point("after-parse")
        while (outcome := self._try(claim, upload)) is None:
            LOG.info("event=upload_judged_anew authority=%s reason=world-changed", ods)
        for warning in outcome.warnings:
            LOG.warning("event=upload_warning authority=%s name=%s text=%r", ods, claim.path.name, warning)
        LOG.info(
            "event=upload_answered authority=%s file_id=%s code=%s stored=%d failed=%d reason=%r",
            ods,
            outcome.acknowledgement.file_id,
            outcome.code(),
            outcome.acknowledgement.stored,
            outcome.acknowledgement.failed,
            outcome.reason,
        )
        return _destination(outcome)

    def _read(self, claim: Claim) -> Upload | Unreadable:
        size, limit = claim.path.stat().st_size, self._settings.files.max_bytes
        if size > limit:
            return Unreadable(f"the file has {size} bytes, more than the {limit} that are read")
        return read_upload(claim.path.read_bytes(), self._settings.upload)

    def _try(self, claim: Claim, upload: Upload | Unreadable) -> UploadOutcome | None:
        """Judge the file against the world as it is, and store that; None when the world changed in between.

        Judging a large file takes seconds; it only reads, so that lookups go on. Storing is quick.
        """
        ods = claim.authority.ods_code
        with self._world.read() as session:
            epoch, now = session.state().epoch, session.now(self._real_now())
            outcome = process_upload(
                upload, authority=claim.authority, register=session, settings=self._settings, now=now
            )
        body = encode_acknowledgement(outcome.acknowledgement)
        with self._world.write(durable=True) as session:
            if session.state().epoch != epoch:
                return None
            session.learn_people(outcome.learned)
            session.put_holdings(ods, outcome.holdings)
            if outcome.standing is not Standing.REJECTED:
                session.put_file(ods, outcome.acknowledgement.file_id, outcome.standing)
            session.add_claim(claim.claim_id, ods, claim.path.name, _destination(outcome), self._real_now())
            name = response_name(claim.path.name, now)
            session.add_delivery(self._ids(), ods, MessageKind.ACKNOWLEDGEMENT, name, body)
            crash_point("inside-commit")
        return outcome


def _destination(outcome: UploadOutcome) -> str:
    """A file of which nothing was processed is set apart for a person to look at."""
    return "archive" if outcome.standing is Standing.PROCESSED else "failed"


def _names(folder: Path) -> list[str]:
    """Names in a folder, none when there is no such folder."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
