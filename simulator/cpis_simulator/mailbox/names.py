"""Names of the files of profile `cpis-client`, and the order in which they are taken.

Source: CP-IS file drop CC-12, CC-13, PU-07, AF-02.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from cpis_simulator.vocabulary import MessageKind

_PREFIX: Final = {
    MessageKind.ACCESS_NOTIFICATION: "CPIS_ASN_",
    MessageKind.INACTIVE_NOTIFICATION: "CPIS_INN_",
}
_LONGEST: Final = 200
"""Bytes of a name's stem; file systems allow 255 for the whole name."""


def is_upload_name(name: str) -> bool:
    """A finished file's name; a leading dot marks one that is still being written."""
    return name.lower().endswith(".xml") and not name.startswith(".")


def response_name(upload_name: str, now: datetime) -> str:
    """The acknowledgement's name: that of the upload, `_RESP_` and the time."""
    stem = upload_name.rpartition(".")[0] or upload_name
    short = stem.encode()[:_LONGEST].decode(errors="ignore")
    return f"{short}_RESP_{_stamp(now)}.xml"


def notification_name(kind: MessageKind, now: datetime, counter: int) -> str:
    """The name of a notification that no upload asked for."""
    return f"{_PREFIX[kind]}{_stamp(now)}_{counter:06}.xml"


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """The name, or where it is taken the same with `.1`, `.2` … before its extension; nothing is overwritten."""
    if not is_taken(name):
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    number = 1
    while is_taken(candidate := f"{stem}.{number}{dot}{extension}"):
        number += 1
    return candidate


def in_order(files: Iterable[tuple[str, int]]) -> list[str]:
    """Names in the order of their times, then by name: an authority's files are taken one after the other."""
    return [name for name, _ in sorted(files, key=lambda file: (file[1], file[0]))]


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y%m%d%H%M%S")
