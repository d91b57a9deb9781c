"""Files on their way out: from the outbox into the authorities' receiving folders, each exactly once.

Theory of operation. A row of the outbox is `pending` from the transaction that made it. Its bytes are written to a
private file and the row is marked `staged` with the name under which it will appear; then the private file is renamed
into the receiving folder, which is the delivery, and evidence of it is written; then the row is marked `delivered`.
A body that is too large to be a value in the store is written to its private file before the row is made; a second name
of that file keeps its bytes for the evidence, because the authority may take the delivered one at once.
Whatever a crash interrupts can be told apart afterwards: `pending`, nothing has been seen, write again; `staged` with
the private file there, rename; `staged` without it, it was delivered, and evidence is looked up by the delivery's id.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

from cpis_simulator.apps.crash import crash_point
from cpis_simulator.apps.mesh_mail import REPORT, MeshMail
from cpis_simulator.apps.problems import Problems
from cpis_simulator.apps.untouched import Untouched
from cpis_simulator.evidence import FILE_DROP
from cpis_simulator.mailbox.names import free_name
from cpis_simulator.mailbox.refusals import Refused
from cpis_simulator.store.journal import Journal
from cpis_simulator.store.session import OutboxRow
from cpis_simulator.store.world import World
from cpis_simulator.transport.folders import write_whole

LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 32
_LARGE: Final = 1024 * 1024
"""Bytes beyond which a body is no value in the store but a staged file."""
_KEPT: Final = ".kept"

FOLDER: Final = "cpis-client"
MESH: Final = "mesh"


def door_of(ods_code: str) -> str:
    """Name of the document that says by which door an authority's last upload came."""
    return f"door of {ods_code}"


class Delivery:
    """Empties the outbox.

    Args:
        world: Whose outbox.
        journal: Where evidence goes, if anywhere.
        staging: A private folder on the file system of the receiving folders.
        receiving: The receiving folder of each authority.
        problems: Where trouble is told.
        mail: MESH, where that is served.
        reply_profile: The setting of that name.
    """

    def __init__(
        self,
        world: World,
        journal: Journal | None,
        staging: Path,
        receiving: Mapping[str, Path],
        problems: Problems,
        *,
        mail: MeshMail | None = None,
        reply_profile: str = FOLDER,
    ) -> None:
        """Remember; nothing is touched yet."""
        self._mail = mail
        self._reply_profile = reply_profile
        self._world = world
        self._journal = journal
        self._staging = staging
        self._receiving = receiving
        self._problems = problems
        self.lock = threading.RLock()
        self.untouched = Untouched(staging.parent)

    def run(self) -> int:
        """Deliver whatever can be delivered now; how many files were.

        A folder that cannot be written to keeps its own files waiting and nobody else's.
        """
        delivered = 0
        with self.lock:
            for rows in self._batches("staged"):
                delivered += self._finish(rows)
            for rows in self._batches("pending"):
                delivered += self._finish(self._stage(rows))
        return delivered

    def prepare(self, delivery: str, pieces: Iterable[str]) -> bytes | None:
        """The body of a file that is to be delivered; None when it is so large that it was staged instead.

        Raises:
            OSError: When it cannot be staged.
        """
        held: list[bytes] = []
        size = 0
        coming = (piece.encode() for piece in pieces)
        for piece in coming:
            held.append(piece)
            size += len(piece)
            if size > _LARGE:
                write_whole(self._staging / delivery, chain(held, coming))
                return None
        return b"".join(held)

    def discard(self, delivery: str) -> None:
        """Forget a file that was prepared and will not be delivered."""
        (self._staging / delivery).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a crash left of files that were prepared and never came to be deliveries."""
        with self.lock, self._world.read() as session:
            for file in self._staging.iterdir():
                if not session.has_delivery(file.name.removesuffix(_KEPT)):
                    file.unlink()

    def forget(self) -> None:
        """Remove what was staged; the world it belonged to is gone."""
        with self.lock:
            for file in self._staging.iterdir():
                file.unlink()

    def _batches(self, state: str) -> Iterator[list[OutboxRow]]:
        """The files in a state, some at a time, each once; without those of authorities that are registered no more."""
        after = 0
        while True:
            with self._world.read() as session:
                rows = session.deliveries(state, after, _BATCH)
            if not rows:
                return
            after = rows[-1].seq
            for row in rows:
                if row.authority not in self._receiving:
                    self._problems.tell(_key(row), f"files wait for {row.authority}, which is not registered")
            yield [row for row in rows if row.authority in self._receiving]

    def _stage(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Write the files privately and settle their names."""
        names: dict[str, str] = {}
        staged: list[OutboxRow] = []
        for row in rows:
            folder = self._receiving[row.authority]
            taken = {s.name for s in staged if s.authority == row.authority}
            try:
                folder.mkdir(parents=True, exist_ok=True)
                name = free_name(row.name, _is_taken(folder, taken))
                if row.body is not None:
                    write_whole(self._staging / row.delivery, row.body)
                elif self._journal is not None:
                    self._keep_name(row.delivery)
            except OSError as error:
                self._problems.tell(_key(row), _cannot(folder, error))
                continue
            names[row.delivery] = name
            staged.append(OutboxRow(row.seq, row.delivery, row.authority, row.kind, name, row.body, "staged"))
        if staged:
            crash_point("after-stage")
            with self._world.write(durable=True, alone=False) as session:
                session.mark_staged(names)
        return staged

    def _keep_name(self, delivery: str) -> None:
        """Give a staged file a second name, from which its evidence is written."""
        kept = self._staging / f"{delivery}{_KEPT}"
        if not kept.exists():
            os.link(self._staging / delivery, kept)

    def _finish(self, rows: Sequence[OutboxRow]) -> int:
        """Let staged files appear, write evidence of it, and be done with them."""
        done: list[str] = []
        recorded: set[str] | None = None
        if rows and self._journal is not None:
            # What a file answers is on the disk as evidence before the file can be seen.
            self._journal.sync()
        by_mesh = self._by_mesh({row.authority for row in rows})
        for row in rows:
            private, folder = self._staging / row.delivery, self._receiving[row.authority]
            try:
                crash_point("before-rename")
                if self._mail is not None and (row.authority in by_mesh or row.kind == REPORT):
                    self._mail.put(private, row)
                else:
                    os.replace(private, folder / row.name)
                    self.untouched.note(row.authority, folder / row.name)
            except FileNotFoundError:
                if private.exists():
                    self._problems.tell(_key(row), f"the folder {folder} is gone")
                    continue
                # Renamed before a crash, and perhaps in evidence already.
                recorded = self._recorded() if recorded is None else recorded
            except Refused as refused:
                self._problems.tell(_key(row), f"{row.name} cannot be sent by MESH: {refused}")
                continue
            except OSError as error:
                self._problems.tell(_key(row), _cannot(folder, error))
                continue
            crash_point("after-rename")
            if recorded is None or row.delivery not in recorded:
                self._record(row)
            self._problems.clear(_key(row))
            LOG.info("event=delivered kind=%s authority=%s name=%r", row.kind, row.authority, row.name)
            done.append(row.delivery)
        if done:
            with self._world.write(alone=False) as session:
                session.mark_delivered(done)
        return len(done)

    def _by_mesh(self, authorities: set[str]) -> set[str]:
        """Those among some authorities that are answered by MESH."""
        if self._mail is None or self._reply_profile == FOLDER:
            return set()
        if self._reply_profile == MESH:
            return authorities
        with self._world.read() as session:
            return {ods for ods in authorities if session.document(door_of(ods)) == MESH}

    def _record(self, row: OutboxRow) -> None:
        if self._journal is None:
            return
        crash_point("before-evidence")
        headers = {
            "authority": row.authority,
            "direction": "response",
            "name": row.name,
            "kind": row.kind,
            "delivery": row.delivery,
            **(self._mail.sent_facts(row.delivery) if self._mail is not None else {}),
        }
        kept = self._staging / f"{row.delivery}{_KEPT}"
        body = kept if row.body is None else row.body
        self._journal.append(FILE_DROP, sender="service", receiver="authority", headers=headers, body=body)
        kept.unlink(missing_ok=True)
        crash_point("after-evidence")

    def _recorded(self) -> set[str]:
        return recorded_deliveries(self._journal)


def recorded_deliveries(journal: Journal | None) -> set[str]:
    """Ids of the deliveries, both ways, that stand in evidence."""
    records = journal.records() if journal else []
    return {r.headers["delivery"] for r in records if r.channel == FILE_DROP and "delivery" in r.headers}


def _is_taken(folder: Path, names: set[str]) -> Callable[[str], bool]:
    return lambda name: name in names or (folder / name).exists()


def _key(row: OutboxRow) -> str:
    return f"delivery to {row.authority}"


def _cannot(folder: Path, error: OSError) -> str:
    return f"files cannot be put into {folder}: {error.strerror}. They wait until it can be written to."
