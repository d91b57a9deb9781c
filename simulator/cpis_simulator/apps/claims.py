"""One upload file from the moment it was taken: recorded, processed, answered, archived.

Theory of operation. A file is claimed by renaming it into a private folder `<claims>/<claim id>/` under its own name;
from then on nobody else touches it, and its claim id tells after a crash what has become of it. It is written to
evidence, processed, and in one transaction claim, register, file id and acknowledgement are stored. The acknowledgement
leaves by way of the outbox (`drop_delivery`). Last, the file moves to `archive` or `failed`. Every step can be told to
be done or not, so that a claim that is found is simply finished.

Source: CP-IS file drop PU-09, AF-01, AF-02, AF-06.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cpis_simulator.apps.crash import crash_point
from cpis_simulator.apps.drop_delivery import FOLDER, MESH, Delivery, door_of, recorded_deliveries
from cpis_simulator.apps.mesh_mail import REPORT, MeshMail, file_name_of, is_message
from cpis_simulator.codecs.acknowledgement import write_acknowledgement
from cpis_simulator.directory import RegisteredAuthority
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.mailbox.messages import Message
from cpis_simulator.mailbox.names import free_name, response_name
from cpis_simulator.service.uploads import Changes, Ingest, Standing, Unreadable, UploadOutcome, ingest_pieces
from cpis_simulator.settings import Settings
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.spool import Spool, SpooledRegister
from cpis_simulator.store.world import World
from cpis_simulator.transport.folders import make_private
from cpis_simulator.vocabulary import MessageKind

LOG: Final = logging.getLogger(__name__)
_PIECE: Final = 1 << 18
"""Bytes of an upload that are read at a time."""


@dataclass(frozen=True, slots=True)
class Folders:
    """An authority's drop folder, and where its claimed files are kept meanwhile.

    Whether the CP-IS client had one folder or several is not public (CC-01), so an upload is also taken from `base`,
    the folder that holds the others.
    """

    base: Path
    upload: Path
    response: Path
    archive: Path
    failed: Path
    claims: Path


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that was taken from an upload folder."""

    claim_id: str
    authority: RegisteredAuthority
    folders: Folders
    path: Path


class Claims:
    """Takes files and finishes them.

    Args:
        world: Where uploads are stored.
        journal: Where evidence goes, if anywhere.
        delivery: Sends the answers.
        spools: A private folder for what a file changes while it is judged.
        settings: Every choice about uploads.
        mail: MESH, where that is served.
        ids: Gives upper-case UUIDs, never the same twice.
        real_now: Real time; the world's clock is counted from it.
    """

    def __init__(
        self,
        world: World,
        journal: Journal | None,
        delivery: Delivery,
        spools: Path,
        settings: Settings,
        *,
        mail: MeshMail | None = None,
        ids: Callable[[], str],
        real_now: Callable[[], datetime],
    ) -> None:
        """Remember; nothing is touched yet."""
        self._mail = mail
        self._world = world
        self._journal = journal
        self._delivery = delivery
        self._spools = spools
        self._settings = settings
        self._ids = ids
        self._real_now = real_now

    def take(self, authority: RegisteredAuthority, folders: Folders, file: Path) -> Claim | None:
        """Claim a file; None when it is gone meanwhile.

        Raises:
            OSError: When it cannot be moved; it stays where it is.
        """
        claim_id = self._ids()
        private = folders.claims / claim_id
        # A name that is no UTF-8 could stand neither in the evidence nor in the store.
        name = os.fsencode(file.name).decode("utf-8", "backslashreplace")
        private.mkdir(mode=0o700)
        try:
            os.rename(file, private / name)
        except FileNotFoundError:
            private.rmdir()
            return None
        except OSError:
            private.rmdir()
            raise
        crash_point("after-claim")
        return Claim(claim_id, authority, folders, private / name)

    def take_message(self, authority: RegisteredAuthority, folders: Folders, message: Message) -> Claim | None:
        """Claim an upload that came by MESH; None when its claim is finished, or open already.

        Raises:
            OSError: When it cannot be written; it stays where it is.
        """
        assert self._mail is not None
        private = folders.claims / message.message_id
        with self._world.read() as session:
            if private.exists() or session.claim(message.message_id) is not None:
                return None
        part = self._spools / message.message_id
        self._mail.write(message, part)
        private.mkdir(mode=0o700)
        path = private / file_name_of(message)
        part.rename(path)
        crash_point("after-mail-claim")
        return Claim(message.message_id, authority, folders, path)

    def open(self, authorities: Mapping[str, tuple[RegisteredAuthority, Folders]]) -> Iterator[Claim]:
        """The claims that are not finished."""
        for authority, folders in authorities.values():
            for private in sorted(folders.claims.iterdir()):
                file = next(private.iterdir(), None)
                if file is not None:
                    yield Claim(private.name, authority, folders, file)
                else:
                    # Made for a claim that never took place, or left by one that is done.
                    private.rmdir()

    def finish(self, claim: Claim, *, fresh: bool) -> None:
        """Do whatever is left to do for a claimed file.

        Args:
            claim: The file.
            fresh: It was claimed just now, so that nothing was done yet.

        Raises:
            OSError: When the disk is in the way; HarnessError: when the store is.
        """
        if fresh or not self._is_recorded(claim):
            self._record(claim)
        crash_point("after-upload-evidence")
        with self._world.read() as session:
            destination = session.claim(claim.claim_id)
        if destination is None:
            destination = self._process(claim)
        crash_point("after-commit")
        self._delivery.run()
        crash_point("before-archive")
        target = claim.folders.archive if destination == "archive" else claim.folders.failed
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
            **(self._mail.facts(claim.claim_id) if self._mail is not None else {}),
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
            LOG.info("event=upload_left_unanswered authority=%s name=%r", ods, claim.path.name)
            return "archive"
        while (outcome := self._try(claim)) is None:
            LOG.info("event=upload_judged_anew authority=%s reason=world-changed", ods)
        for warning in outcome.warnings:
            self._warn(claim, warning)
        answer = outcome.acknowledgement
        LOG.info(
            "event=upload_answered authority=%s file_id=%s code=%s stored=%d failed=%d reason=%r",
            ods, answer.file_id, outcome.code(), answer.stored, answer.failed, outcome.reason,
        )  # fmt: skip
        return _destination(outcome)

    def _try(self, claim: Claim) -> UploadOutcome | None:
        """Judge the file against the world as it is, and store that; None when the world changed in between.

        Judging a large file takes seconds; it only reads, so that lookups go on. What it changes is set aside
        meanwhile. Storing is quick.
        """
        spool = Spool(self._spools / claim.claim_id)
        try:
            with self._world.read() as session:
                epoch, now = session.state().epoch, session.now(self._real_now())
                ingest = Ingest(claim.authority, SpooledRegister(session, spool), self._settings, now)
                outcome = self._ingest(claim, ingest, spool)
            crash_point("after-parse")
            return outcome if self._store(claim, outcome, spool, epoch, now) else None
        finally:
            spool.close()

    def _ingest(self, claim: Claim, ingest: Ingest, spool: Spool) -> UploadOutcome:
        size, limit = claim.path.stat().st_size, self._settings.files.max_bytes
        if size > limit:
            return ingest.refuse(Unreadable(f"the file has {size} bytes, more than the {limit} that are read"))

        def keep(changes: Changes) -> None:
            spool.keep(changes)
            for warning in changes.warnings:
                self._warn(claim, warning)

        content_id = "content-id" in self._settings.upload.business_checks
        with claim.path.open("rb") as file:
            return ingest_pieces(iter(lambda: file.read(_PIECE), b""), ingest, keep, content_id=content_id)

    def _warn(self, claim: Claim, text: str) -> None:
        ods, name = claim.authority.ods_code, claim.path.name
        LOG.warning("event=upload_warning authority=%s name=%r text=%r", ods, name, text)

    def _store(self, claim: Claim, outcome: UploadOutcome, spool: Spool, epoch: int, now: datetime) -> bool:
        """Store what the file changes together with its answer; nothing of it when the world changed meanwhile."""
        ods, name, delivery = claim.authority.ods_code, claim.path.name, self._ids()
        by_mesh = is_message(claim.claim_id)
        code_15 = self._settings.ack.mesh_code_15 if by_mesh and outcome.is_unreadable else "off"
        processed = outcome.standing is Standing.PROCESSED
        results, echoes = (spool.results(), spool.echoes()) if processed else ((), ())
        body = self._delivery.prepare(delivery, write_acknowledgement(outcome.acknowledgement, results, echoes))
        with self._world.write(durable=True) as session:
            if session.state().epoch != epoch:
                self._delivery.discard(delivery)
                return False
            if processed:
                session.learn_people(spool.learned())
                session.put_holdings(spool.holding_rows(ods))
            if outcome.standing is not Standing.REJECTED:
                session.put_file(ods, outcome.acknowledgement.file_id, outcome.standing, name, now)
            session.add_claim(claim.claim_id, ods, name, _destination(outcome), self._real_now())
            if self._mail is not None:
                session.put_document(door_of(ods), MESH if by_mesh else FOLDER)
            if code_15 != "off":
                session.add_delivery(self._ids(), ods, REPORT, claim.claim_id, b"")
            if code_15 == "instead":
                self._delivery.discard(delivery)
            else:
                session.add_delivery(delivery, ods, MessageKind.ACKNOWLEDGEMENT, response_name(name, now), body)
            crash_point("inside-commit")
        return True


def _destination(outcome: UploadOutcome) -> str:
    """A file of which nothing was processed is set apart for a person to look at."""
    return "archive" if outcome.standing is Standing.PROCESSED else "failed"
