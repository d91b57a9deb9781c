"""A MESH folder: pairs are taken from OUT and sent, what waits in the mailbox is put into IN.

Theory of operation. A pair is claimed by renaming both files into `TEMP/claims/<claim id>/`. What becomes of it is
decided there and written down as a folder `sent` or `failed`, which holds the control file that will stand in that
folder under that name; from then on only renames are left, each of which is done or not. A message is sent under the id
of its claim, which the post office takes once. A received message is made whole in `TEMP/received/<message id>/`; when
its control file has left that folder it was delivered, and only the acknowledgement is left. So whatever a crash
interrupts is finished at the next start.

Source: CP-IS file drop, sections 2.2 to 2.8.
"""

from __future__ import annotations

import errno
import gzip
import logging
import os
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from cpis_simulator.apps.crash import crash_point
from cpis_simulator.apps.problems import Problems
from cpis_simulator.codecs.control_file import ControlFile, decode_control_file
from cpis_simulator.errors import CpisError, StartError
from cpis_simulator.mailbox import pairs
from cpis_simulator.mailbox.messages import Failure, Mailbox, Message, Sending
from cpis_simulator.mailbox.names import in_order
from cpis_simulator.mailbox.refusals import Refused
from cpis_simulator.settings import FilesSettings
from cpis_simulator.store.mail_store import MailStore
from cpis_simulator.transport.folders import FolderWatch, endpoint_lock, make_private, write_whole

LOG: Final = logging.getLogger(__name__)

MAX_MESSAGES: Final = 100
"""Pairs that are taken at a poll (PU-08)."""
RETRIES: Final = 3
OLD_S: Final = 24 * 3600.0
"""A data file that has waited so long for its control file is told of."""
STOP_SIGNAL: Final = "mexclient.sig"

_PIECE: Final = 1 << 16
_IN_POLL_S: Final = 0.05
_STOP_S: Final = 30.0
_SENT: Final = "sent"
_FAILED: Final = "failed"
_DECIDING: Final = "deciding"
_REPORTS: Final = "reports"


class MeshFolder:
    """The endpoint of one mailbox's folder.

    Args:
        root: Holds OUT, SENT, IN, FAILED and TEMP; made when it is not there.
        mailbox: Whose.
        post: Where messages are.
        settings: Times, and which reports are wanted.
        ids: Gives claim ids, never the same twice.
        now: The service's time.
        problems: Where trouble is told.
    """

    def __init__(
        self,
        root: Path,
        mailbox: Mailbox,
        post: MailStore,
        settings: FilesSettings,
        *,
        ids: Callable[[], str],
        now: Callable[[], datetime],
        problems: Problems,
    ) -> None:
        """Remember; `start` opens the folders."""
        self.root = root
        self._mailbox = mailbox
        self._post = post
        self._settings = settings
        self._ids = ids
        self._now = now
        self._problems = problems
        self.out, self.sent, self.inbox, self.failed, self._temp = (
            _folder(root, name) for name in ("OUT", "SENT", "IN", "FAILED", "TEMP")
        )
        self._claims, self._received = self._temp / "claims", self._temp / "received"
        self._held = ExitStack()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._alone: dict[str, float] = {}
        self._tries: dict[str, int] = {}
        self._told: set[str] = set()
        self._watch = FolderWatch(
            [self.out], is_wanted=_is_of_a_pair, settle_s=settings.settle, wake=self._wake.set,
            events=settings.watch == "events",
        )  # fmt: skip

    def start(self) -> None:
        """Open the folders, be the only one there, and begin to work.

        Raises:
            StartError: A folder cannot be made or used, or another endpoint serves the root.
        """
        self.open()
        self._watch.start()
        self._thread = threading.Thread(target=self._run, name=f"mesh-{self._mailbox.mailbox_id}", daemon=True)
        self._thread.start()

    def open(self) -> None:
        """Make the folders and take the root's lock.

        Raises:
            StartError: As `start`.
        """
        folder = self.root
        try:
            for folder in (self.out, self.sent, self.inbox, self.failed):
                folder.mkdir(mode=0o770, parents=True, exist_ok=True)
            for folder in (self._temp, self._claims, self._received):
                make_private(folder)
        except OSError as error:
            mend = "Give this user the right to write there, or name another folder."
            raise StartError(
                "A MESH folder cannot be made", where=str(folder), found=error.strerror, mend=mend
            ) from error
        self._held.enter_context(endpoint_lock(self._temp / ".lock", self.root))

    def stop(self) -> None:
        """Finish what is being done, then let go of the folders."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)
        self._watch.stop()
        self._held.close()

    def wake(self) -> None:
        """Something may have come into the mailbox."""
        self._wake.set()

    def is_working(self) -> bool:
        """Its thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        about = f"mesh folder {self._mailbox.mailbox_id}"
        pause = 0.0
        while not self._stopping.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            if self._stopping.is_set():
                return
            if (self.root / STOP_SIGNAL).exists():
                LOG.info("event=mesh_folder_stopped mailbox=%s", self._mailbox.mailbox_id)
                return
            unsettled = False
            try:
                unsettled = self.poll()
                self._problems.clear(about)
            except (OSError, CpisError) as error:
                self._problems.tell(about, f"nothing is taken or delivered: {error}. Files stay where they are.")
            except Exception as error:
                LOG.exception("event=mesh_folder_failed mailbox=%s", self._mailbox.mailbox_id)
                self._problems.tell(about, f"a fault of the service: {type(error).__name__}, see its log")
            pause = min(self._settings.settle if unsettled else self._settings.poll, self._settings.poll)

    def poll(self) -> bool:
        """Finish what was begun, take what is whole, deliver what waits; some file is not known to be whole yet.

        Raises:
            OSError: The disk is in the way.
        """
        for left in sorted(self._claims.iterdir()):
            self._finish(left)
        unsettled = self._take_pairs()
        self._deliver()
        return unsettled

    # From OUT.

    def _take_pairs(self) -> bool:
        found = self._watch.sweep(self.out)
        whole = {file.path.name: file for file in found.whole}
        controls = {name: file for name, file in whole.items() if name.lower().endswith(".ctl")}
        names = {name.lower(): name for name in os.listdir(self.out)}
        taken, waits = 0, found.unsettled
        for name in in_order((name, file.mtime_ns) for name, file in controls.items()):
            if self._stopping.is_set() or taken == MAX_MESSAGES:
                return True
            data = names.get(f"{name[:-4]}.dat".lower())
            if data is not None and data not in whole:
                continue  # It is still being written.
            if data is None and not self._has_waited(name):
                waits = True
                continue
            self._alone.pop(name, None)
            if (claim := self._claim(name, data)) is not None:
                taken += 1
                self._finish(claim)
        self._look_at_lone_data(whole, controls)
        return waits

    def _has_waited(self, control: str) -> bool:
        """A control file without data is given one more poll (PU-04)."""
        since = self._alone.setdefault(control, time.monotonic())
        return time.monotonic() - since >= self._settings.poll

    def _look_at_lone_data(self, whole: Iterable[str], controls: Iterable[str]) -> None:
        stems = {name[:-4].lower() for name in controls}
        for name in whole:
            if name.lower().endswith(".dat") and name[:-4].lower() not in stems and name not in self._told:
                with suppress(FileNotFoundError):
                    if time.time() - (self.out / name).stat().st_mtime >= OLD_S:
                        self._told.add(name)
                        LOG.warning("event=data_without_control mailbox=%s name=%r", self._mailbox.mailbox_id, name)

    def _claim(self, control: str, data: str | None) -> Path | None:
        """Take a pair out of OUT; None when it is gone meanwhile."""
        claim = self._claims / self._ids()
        claim.mkdir(mode=0o700)
        try:
            if data is not None:
                os.rename(self.out / data, claim / data)
                crash_point("after-data-claim")
            os.rename(self.out / control, claim / control)
        except FileNotFoundError:
            for half in claim.iterdir():
                os.rename(half, self.out / half.name)
            claim.rmdir()
            return None
        crash_point("after-pair-claim")
        return claim

    # Finishing claims.

    def _finish(self, claim: Path) -> None:
        """Do whatever is left to do for a claimed pair."""
        if not any((claim / decided).exists() for decided in (_SENT, _FAILED)):
            control = next((p.name for p in claim.iterdir() if p.is_file() and p.name.lower().endswith(".ctl")), None)
            if control is None:
                self._give_back(claim)
                return
            if not self._decide(claim, control):
                return
        self._settle(claim)

    def _give_back(self, claim: Path) -> None:
        """A crash came between the two files of a pair: the one that was taken goes back."""
        for path in claim.iterdir():
            target = self.out / path.name
            os.rename(path, target if not target.exists() else self.out / f"{path.stem}.again{path.suffix}")
        claim.rmdir()

    def _decide(self, claim: Path, control_name: str) -> bool:
        """Send a pair, or find out why not, and write that down; False when it is tried again later."""
        for cut_off in (_REPORTS, _DECIDING):  # By a crash.
            shutil.rmtree(claim / cut_off, ignore_errors=True)
        stem = control_name[:-4]
        data = next((p for p in claim.iterdir() if p.name.lower() == f"{stem}.dat".lower()), None)
        body = (claim / control_name).read_bytes()
        zone = self._settings.status_time_zone
        try:
            if data is None:
                raise pairs.Bad(pairs.DATA_MISSING, _as_read(body))
            order = pairs.read_order(body, mailbox=self._mailbox.mailbox_id, data_name=data.name)
            message, is_compressed = self._send(claim, order, data)
        except pairs.Bad as bad:
            self._fail(claim, stem, bad.control, bad.failure)
            return True
        except Refused as refusal:
            self._fail(claim, stem, _as_read(body), pairs.refused(refusal))
            return True
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise  # The disk is full: nothing is taken until there is room (AF-04).
            return self._try_again(claim, stem, _as_read(body), error)
        crash_point("after-pair-sent")
        if self._settings.collect_report:
            self._make_report(claim, order.control, pairs.COLLECTED)
        if self._settings.transfer_report:
            self._make_report(claim, order.control, pairs.TRANSFERRED)
        told = pairs.sent_control(order, message.message_id, is_compressed=is_compressed, now=self._now(), zone=zone)
        self._write_decision(claim, _SENT, stem, told)
        LOG.info("event=pair_sent mailbox=%s name=%r message=%s", self._mailbox.mailbox_id, stem, message.message_id)
        return True

    def _try_again(self, claim: Path, stem: str, control: ControlFile, error: OSError) -> bool:
        tries = self._tries[claim.name] = self._tries.get(claim.name, 0) + 1
        LOG.warning("event=pair_not_sent claim=%s try=%d reason=%r", claim.name, tries, error.strerror)
        if tries > RETRIES:
            self._fail(claim, stem, control, pairs.GIVEN_UP)
            return True
        if self._settings.delay_report:
            self._make_report(claim, control, pairs.DELAYED)
            self._put_reports(claim)
        return False

    def _fail(self, claim: Path, stem: str, control: ControlFile, failure: Failure) -> None:
        self._make_report(claim, control, failure)
        told = pairs.failed_control(control, failure, now=self._now(), zone=self._settings.status_time_zone)
        self._write_decision(claim, _FAILED, stem, told)
        LOG.warning(
            "event=pair_failed mailbox=%s claim=%s reason=%s-%s",
            self._mailbox.mailbox_id, claim.name, failure.event, failure.code,
        )  # fmt: skip

    def _make_report(self, claim: Path, control: ControlFile, failure: Failure) -> None:
        report_id = self._post.new_id()
        body = pairs.own_report(
            control, failure, report_id,
            mailbox=self._mailbox.mailbox_id, now=self._now(), zone=self._settings.status_time_zone,
        )  # fmt: skip
        (claim / _REPORTS).mkdir(exist_ok=True)
        write_whole(claim / _REPORTS / f"{report_id}.ctl", body)

    def _write_decision(self, claim: Path, decided: str, stem: str, control: bytes) -> None:
        """Say whether a pair was sent, and under which name it will stand there."""
        folder = self.sent if decided == _SENT else self.failed
        deciding = claim / _DECIDING
        deciding.mkdir()
        write_whole(deciding / f"{_free_stem(stem, folder)}.ctl", control)
        os.rename(deciding, claim / decided)

    def _put_reports(self, claim: Path) -> None:
        reports = claim / _REPORTS
        if reports.exists():
            for report in sorted(reports.iterdir()):
                os.rename(report, self.inbox / report.name)
            reports.rmdir()

    def _settle(self, claim: Path) -> None:
        """What was decided takes place: only renames are left."""
        self._put_reports(claim)
        crash_point("after-report")
        is_sent = (claim / _SENT).exists()
        decided = claim / (_SENT if is_sent else _FAILED)
        if is_sent and not self._settings.save_sent:
            shutil.rmtree(claim)
            return
        folder = self.sent if is_sent else self.failed
        told = next(decided.iterdir(), None)
        # The control file is the last to go: as long as it is there, there is something left to do.
        if told is not None:
            for path in [p for p in claim.iterdir() if p.is_file()]:
                if path.name.lower().endswith(".dat"):
                    os.rename(path, folder / f"{told.stem}.dat")
                    crash_point("after-data-settled")
                else:
                    path.unlink()
            os.rename(told, folder / told.name)
            crash_point("after-pair-settled")
        decided.rmdir()
        claim.rmdir()

    def _send(self, claim: Path, order: pairs.Order, data: Path) -> tuple[Message, bool]:
        """Send a pair, once; the message, and whether it was compressed."""
        office = self._post.office
        if (known := office.with_key(claim.name)) is not None and known.status != "uploading":
            return known, bool(known.sending.encoding)
        size = data.stat().st_size
        source, encoding = data, ""
        if order.compress:
            source, encoding = _compressed(data, self._post.coming / claim.name), "gzip"
        try:
            total = source.stat().st_size
            if total > pairs.MOST and not order.may_chunk:
                raise pairs.Bad(pairs.TOO_LARGE, order.control)
            # Chunks are split first and compressed each by itself (CH-02).
            count = max(1, -(-size // pairs.CHUNK)) if order.may_chunk and total > pairs.CHUNK else 1
            sending = _with(order.sending, count, encoding)
            if count == 1:
                return self._post.send(
                    self._mailbox, sending, total if size else 0, _Copied(source), key=claim.name, may_be_empty=False
                ), bool(encoding)
            return self._send_chunks(claim, sending, data), bool(encoding)
        finally:
            if source is not data:
                source.unlink(missing_ok=True)

    def _send_chunks(self, claim: Path, sending: Sending, data: Path) -> Message:
        message = self._post.office.with_key(claim.name)
        with data.open("rb") as stream:
            for number in range(1, sending.chunks + 1):
                piece = stream.read(pairs.CHUNK)
                body = gzip.compress(piece) if sending.encoding else piece
                if message is None:
                    message = self._post.send(self._mailbox, sending, len(body), body, key=claim.name)
                elif number not in message.sizes:
                    self._post.add_chunk(self._post.office.messages[message.message_id], number, len(body), body)
        assert message is not None
        return message

    # To IN.

    def _deliver(self) -> None:
        mailbox_id = self._mailbox.mailbox_id
        with self._post.turn():
            waiting = self._post.office.waiting(mailbox_id)
        # A crash after an acknowledgement leaves the folder of a message that waits no more.
        for left in self._received.iterdir():
            if left.name not in {message.message_id for message in waiting}:
                shutil.rmtree(left, ignore_errors=True)
        for message in waiting[:MAX_MESSAGES]:
            if self._stopping.is_set():
                return
            self._put(message)
            crash_point("before-pair-acknowledgement")
            self._post.acknowledge(self._mailbox, message.message_id)
            crash_point("after-pair-acknowledgement")
            shutil.rmtree(self._received / message.message_id, ignore_errors=True)

    def _put(self, message: Message) -> None:
        """Have a message stand in IN, data first."""
        whole = self._received / message.message_id
        if not whole.exists():
            making = self._received / f"{message.message_id}.new"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(mode=0o700)
            control = pairs.received_control(
                message, is_compressed=bool(message.sending.encoding), now=self._now(),
                zone=self._settings.status_time_zone,
            )  # fmt: skip
            if message.kind == "DATA":
                write_whole(making / "dat", self._pieces(message))
            write_whole(making / "ctl", control)
            os.rename(making, whole)
            crash_point("after-received")
        # Renaming the control file is the delivery: it is done once, though its reader may take it at once.
        for part in ("dat", "ctl"):
            with suppress(FileNotFoundError):
                os.rename(whole / part, self.inbox / f"{message.message_id}.{part}")
            crash_point("after-data-delivered" if part == "dat" else "after-pair-delivered")

    def _pieces(self, message: Message) -> Iterator[bytes]:
        for number in sorted(message.sizes):
            stream: BinaryIO
            with self._post.open(message, number) as stream:
                if not message.sending.encoding:
                    yield from iter(lambda s=stream: s.read(_PIECE), b"")  # type: ignore[misc]  # Bound in this turn.
                    continue
                try:
                    with gzip.open(stream) as plain:
                        yield from iter(lambda p=plain: p.read(_PIECE), b"")  # type: ignore[misc]
                except (gzip.BadGzipFile, zlib.error, EOFError) as error:
                    LOG.warning("event=message_not_decompressed message=%s reason=%r", message.message_id, str(error))


class _Copied:
    """A body that stays where it is and is kept as a second name of the same file, or as a copy."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, target: Path) -> None:
        """Give it a second name."""
        target.unlink(missing_ok=True)
        try:
            os.link(self._path, target)
        except OSError:
            shutil.copyfile(self._path, target)


def _folder(root: Path, name: str) -> Path:
    """A folder of a root by its name, whatever its case; upper case where it is not there yet."""
    with suppress(OSError):
        for found in os.listdir(root):
            if found.upper() == name:
                return root / found
    return root / name


def _is_of_a_pair(name: str) -> bool:
    return name.lower().endswith((".ctl", ".dat")) and not name.startswith(".")


def _as_read(body: bytes) -> ControlFile:
    """A control file as far as it can be read."""
    try:
        return decode_control_file(body)
    except CpisError:
        return ControlFile({}, {}, {})


def _free_stem(stem: str, folder: Path) -> str:
    """The stem, or with `.1`, `.2` … where a file of that name is there; nothing is overwritten (AF-02)."""
    number, free = 0, stem
    while (folder / f"{free}.ctl").exists() or (folder / f"{free}.dat").exists():
        number += 1
        free = f"{stem}.{number}"
    return free


def _compressed(data: Path, target: Path) -> Path:
    with data.open("rb") as plain, gzip.open(target, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed, _PIECE)
    return target


def _with(sending: Sending, chunks: int, encoding: str) -> Sending:
    return replace(sending, chunks=chunks, encoding=encoding)
