"""The authorities' folders: swept for uploads, fed from the outbox, one endpoint on a root.

One thread takes uploads, one after the other; another empties the outbox, so that a large file keeps no notification
waiting. A disk that is full or a store that fails stops the taking of files, not the process: what was claimed is
finished first when it clears.

Source: CP-IS file drop CC-06 to CC-13, PU-01, PU-07, AF-04, AF-05.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Final

from cpis_simulator.apps.claims import Claim, Claims, Folders
from cpis_simulator.apps.drop_delivery import Delivery
from cpis_simulator.apps.mesh_folders import MeshFolder
from cpis_simulator.apps.mesh_mail import MeshMail
from cpis_simulator.apps.problems import Problems
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.driving import FolderState
from cpis_simulator.errors import CpisError, StartError
from cpis_simulator.mailbox.messages import Mailbox
from cpis_simulator.mailbox.names import in_order, is_upload_name
from cpis_simulator.mailbox.seeds import mailbox_of
from cpis_simulator.settings import Settings
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.world import World
from cpis_simulator.transport.folders import FolderWatch, endpoint_lock, make_private

LOG: Final = logging.getLogger(__name__)
_OUTBOX_POLL_S: Final = 0.05
"""Other processes of the service add to the outbox too, and cannot wake this one."""
_STOP_S: Final = 30.0
_ROOM: Final = 1024 * 1024
"""Bytes that must be free, or an authority may be kept from dropping a file by us."""


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
        mail_now: The service's time; with it MESH is served, too.
        mailboxes: Of MESH, beside those of CP-IS.
        pairs: Authorities whose mailboxes have folders of pairs, in `mesh/` under the root.
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
        mail_now: Callable[[], datetime] | None = None,
        mailboxes: Sequence[Mailbox] = (),
        pairs: Collection[str] = (),
    ) -> None:
        """Remember; `start` opens the folders."""
        self._root = root.absolute()
        self._private = self._root / ".service"
        names = settings.files
        self.folders = {
            ods: Folders(
                base=self._root / ods,
                upload=self._root / ods / names.upload,
                response=self._root / ods / names.response,
                archive=self._root / ods / names.archive,
                failed=self._root / ods / names.failed,
                claims=self._private / "claims" / ods,
            )
            for ods in (a.ods_code for a in authorities)
        }
        self._served = {a.ods_code: (a, self.folders[a.ods_code]) for a in authorities}
        self._settings = settings
        self._also = also
        self.problems = Problems()
        receiving = {ods: folders.response for ods, folders in self.folders.items()}
        self._wake = threading.Event()
        self.mail = (
            MeshMail(
                self._private / "mail", authorities, settings,
                more=mailboxes, now=mail_now, real_now=real_now, arrived=self._wake.set,
            )
            if mail_now is not None
            else None
        )  # fmt: skip
        self._mail_now = mail_now
        self._pairs = pairs
        self.mesh_folders: dict[str, MeshFolder] = {}
        self._ids = ids
        self.delivery = Delivery(
            world, journal, self._private / "outbox", receiving, self.problems,
            mail=self.mail, reply_profile=names.reply_profile,
        )  # fmt: skip
        self._spools = self._private / "spool"
        self._claims = Claims(
            world, journal, self.delivery, self._spools, settings, mail=self.mail, ids=ids, real_now=real_now
        )
        self._held_open = ExitStack()
        self._ingesting = threading.RLock()
        self._outbox = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._left: set[str] = set()
        self._taken: Counter[str] = Counter()
        self._watch = FolderWatch(
            [folder for folders in self.folders.values() for folder in (folders.upload, folders.base)],
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
        for left in self._spools.iterdir():  # By a crash; its claim is worked off anew.
            left.unlink()
        if self.mail is not None:
            self.mail.open()
            self._held_open.callback(self.mail.close)
            self._start_pairs(self.mail)
        self.delivery.sweep()
        self._stopping.clear()
        self._watch.start()
        for name, work in (("cpis-uploads", self._take_uploads), ("cpis-delivery", self._empty_outbox)):
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _start_pairs(self, mail: MeshMail) -> None:
        if self._mail_now is None:
            return
        for ods in [ods for ods in self._served if ods in self._pairs]:
            mailbox = mail.store.office.mailboxes[mailbox_of(ods)]
            folder = self.mesh_folders[ods] = MeshFolder(
                self._root / "mesh" / mailbox.mailbox_id, mailbox, mail.store, self._settings.files,
                ids=self._ids, now=self._mail_now, problems=self.problems,
            )  # fmt: skip
            folder.start()
            self._held_open.callback(folder.stop)
            mail.listeners[mailbox.mailbox_id] = folder.wake

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
        threads = bool(self._threads) and all(thread.is_alive() for thread in self._threads)
        return threads and all(folder.is_working() for folder in self.mesh_folders.values())

    def wake_delivery(self) -> None:
        """Something was put into the outbox."""
        self._outbox.set()

    def pause(self) -> ExitStack:
        """No upload is processed and nothing is delivered until the result is closed."""
        stack = ExitStack()
        stack.enter_context(self._ingesting)
        stack.enter_context(self.delivery.lock)
        return stack

    def shortage(self) -> list[str]:
        """Whether the disk of the folders has room left for the files of all who share them."""
        try:
            free = shutil.disk_usage(self._root).free
        except OSError as error:
            return [f"the drop root {self._root} cannot be used: {error.strerror}"]
        return [f"no room on the disk of the drop root {self._root}: {free} bytes are free"] if free < _ROOM else []

    def folder_states(self) -> dict[str, FolderState]:
        """What waits where."""
        return {
            ods: FolderState(
                upload=str(folders.upload),
                response=str(folders.response),
                waiting=[n for n in _names(folders.upload) if is_upload_name(n)],
                responses=_names(folders.response),
                taken=self._taken[ods],
                untouched_s=self.delivery.untouched.untouched_s(ods),
            )
            for ods, folders in self.folders.items()
        }

    def _make_folders(self) -> None:
        folder = self._root
        try:
            for folder in (self._private, self._private / "claims", self._private / "outbox", self._spools):
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
        for claim in list(self._claims.open(self._served)):
            self._finish_or_leave(claim, fresh=False)
        for ods, (authority, folders) in self._served.items():
            try:
                folders.upload.mkdir(parents=True, exist_ok=True)
                sweeps = [self._watch.sweep(folder) for folder in (folders.upload, folders.base)]
                self.problems.clear(f"uploads of {ods}")
            except OSError as error:
                text = f"the folder {folders.upload} cannot be read: {error.strerror}"
                self.problems.tell(f"uploads of {ods}", text)
                continue
            unsettled = unsettled or any(sweep.unsettled for sweep in sweeps)
            # A file that waited while no service ran was seen by nobody when it was moved in: it must first be seen to
            # stand still, and a newer one must not overtake it, or its number would come too late.
            held_by = min((s.unsettled_since_ns for s in sweeps if s.unsettled_since_ns is not None), default=None)
            found = [f for sweep in sweeps for f in sweep.whole if held_by is None or f.mtime_ns <= held_by]
            whole = {str(f.path): f for f in found}
            for path in in_order((path, f.mtime_ns) for path, f in whole.items()):
                if self._stopping.is_set():
                    return False
                if taken := self._take(authority, folders, whole[path].path):
                    self._finish_or_leave(taken, fresh=True)
        if self.mail is not None:
            self._sweep_mail(self.mail)
        return unsettled

    def _sweep_mail(self, mail: MeshMail) -> None:
        """Take the uploads that came by MESH."""
        for ods, message in mail.uploads():
            if self._stopping.is_set():
                return
            authority, folders = self._served[ods]
            if taken := self._claims.take_message(authority, folders, message):
                self._finish_or_leave(taken, fresh=True)
            if message.message_id not in self._left:
                mail.done(message.message_id)

    def _take(self, authority: RegisteredAuthority, folders: Folders, file: Path) -> Claim | None:
        """Claim a file; None when it is gone meanwhile, or may not be read."""
        about = f"upload {authority.ods_code}/{file.name}"
        if not os.access(file, os.R_OK) and file.exists():
            self.problems.tell(about, f"{file} may not be read: give this user the right to")
            return None
        self.problems.clear(about)
        claim = self._claims.take(authority, folders, file)
        self._taken[authority.ods_code] += claim is not None
        return claim

    def _finish_or_leave(self, claim: Claim, *, fresh: bool) -> None:
        """Finish a claim; one that a fault of ours stands in the way of is left until the next start.

        Raises:
            OSError: When the disk is in the way; HarnessError: when the store is. Both concern every file.
        """
        if claim.claim_id in self._left:
            return
        try:
            with self._ingesting:
                self._claims.finish(claim, fresh=fresh)
        except (OSError, CpisError):
            raise
        except Exception as error:
            LOG.exception("event=upload_failed authority=%s claim=%s", claim.authority.ods_code, claim.claim_id)
            self._left.add(claim.claim_id)
            text = f"{claim.path} is left: a fault of the service ({type(error).__name__}), see its log"
            self.problems.tell(f"claim {claim.claim_id}", text)


def _names(folder: Path) -> list[str]:
    """Names in a folder, none when there is no such folder."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
