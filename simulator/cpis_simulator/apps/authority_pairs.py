"""The bundled authority at a MESH folder: files go out as pairs in OUT, what stands in IN is taken.

Theory of operation. The control file is written beside the prepared file first; then the data are renamed into OUT,
then the control file. A control file that is left alone after a crash shows that its data went.

Source: CP-IS file drop, sections 2.3 to 2.7; WR-01 to WR-03.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from cpis_simulator.apps.authority_mesh import Undelivered
from cpis_simulator.codecs.control_file import ControlFile, decode_control_file, encode_control_file
from cpis_simulator.errors import DecodeError
from cpis_simulator.mailbox.seeds import UPLOAD
from cpis_simulator.transport.folders import write_in_place, write_whole

LOG: Final = logging.getLogger(__name__)


class AuthorityPairs:
    """One authority's use of a MESH folder.

    Args:
        root: Holds OUT, IN and SENT; the client makes them.
        mailbox: Whose folder it is.
        service: The mailbox that files go to.
        drops_whole_files: Not so, as in a faulty product, the data grow while their control file is there.
    """

    def __init__(self, root: Path, mailbox: str, service: str, *, drops_whole_files: bool = True) -> None:
        """Nothing is touched yet."""
        self._drops_whole_files = drops_whole_files
        self._out, self._in, self._sent = (root / name for name in ("OUT", "IN", "SENT"))
        self._mailbox = mailbox
        self._service = service

    def send(self, prepared: Path) -> None:
        """Let a file go as a pair.

        Raises:
            OSError: The folder cannot be written to.
        """
        control = prepared.with_suffix(".ctl")
        values = {
            "Version": "1.0", "AddressType": "DTS", "MessageType": "Data", "From_DTS": self._mailbox,
            "To_DTS": self._service, "LocalId": prepared.stem, "Compress": "Y", "AllowChunking": "Y",
            "Encrypted": "N", "WorkflowId": UPLOAD,
        }  # fmt: skip
        try:
            write_whole(control, encode_control_file(values))
            if not self._drops_whole_files:
                os.rename(control, self._out / control.name)
                write_in_place(prepared, self._out / f"{prepared.stem}.dat")
                return
            os.rename(prepared, self._out / f"{prepared.stem}.dat")
            os.rename(control, self._out / control.name)
        except OSError:
            if prepared.exists():
                control.unlink(missing_ok=True)
                raise
            LOG.warning("event=control_file_waits name=%r", control.name)

    def send_leftover(self, prepared: Path) -> None:
        """As `send`, for a file that a crash has left.

        Raises:
            OSError: The folder cannot be written to.
        """
        self.send(prepared)

    def send_rest(self, outbox: Path) -> None:
        """Let control files go whose data went before a crash.

        Raises:
            OSError: The folder cannot be written to.
        """
        for control in outbox.glob("*.ctl"):
            if not control.with_suffix(".xml").exists():
                os.rename(control, self._out / control.name)

    def fetch(self, staging: Path, receiving: Path, told: Callable[[Undelivered], object]) -> None:
        """Put all that waits into the receiving folder; reports are told instead. What went is cleared away.

        Raises:
            OSError: A folder is in the way; what was not fetched waits.
        """
        self.send_rest(staging)
        for path in sorted(self._in.glob("*.ctl")) if self._in.exists() else ():
            data = path.with_suffix(".dat")
            control = _control(path)
            if control.get("MessageType").upper() == "REPORT":
                # "Success" may stand in a report that only tells of a delay.
                if control.status.get("Status", "").upper() == "ERROR":
                    told(_undelivered(control))
            else:
                os.rename(data, receiving / f"{path.stem}.xml")
            path.unlink()
        for path in self._sent.glob("*") if self._sent.exists() else ():
            path.unlink()

    def forget(self) -> None:
        """Clear away all that waits, unread.

        Raises:
            OSError: A folder is in the way.
        """
        for folder in (self._in, self._sent):
            for path in folder.glob("*") if folder.exists() else ():
                path.unlink()

    def close(self) -> None:
        """There is nothing to let go of."""


def _control(path: Path) -> ControlFile:
    try:
        return decode_control_file(path.read_bytes())
    except DecodeError as error:
        LOG.warning("event=control_file_not_read name=%r reason=%r", path.name, str(error))
        return ControlFile({}, {}, {})


def _undelivered(control: ControlFile) -> Undelivered:
    words = [control.status.get(name, "") for name in ("Event", "StatusCode", "Description")]
    # Its sender's name, whatever a client made a path of it.
    return Undelivered(PurePosixPath(control.get("LocalId")).name, " ".join(word for word in words if word))
