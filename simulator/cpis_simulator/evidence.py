"""What crossed a border, as a chain of records; reading and checking it.

A journal is one JSON object a line. Each line holds the SHA-256 of the line before it, so that a line cannot be
changed, dropped or moved unseen; a body is a file named by its own SHA-256, written before the line that names it.
Writing needs a lock and a file and so lives in `store.journal`; everything here is a function of lines already read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

FIRST: Final = "0" * 64
"""`previous` of the first record."""

FILE_DROP: Final = "file-drop"
LOOKUP: Final = "lookup"
DRIVER: Final = "driver"
MARK: Final = "mark"
PROBE: Final = "probe"
CONTROL: Final = "control"

PAYLOAD_ALTERED: Final = "payload altered"
"""In a `weather` header: the message inside is the harness's, not the service's own."""

BY_CHANCE: Final = " by chance"
"""How a `weather` header ends where the weather was drawn at random and is no part of what a scenario is about."""

PRESENT: Final = "present-scenario"
"""Header of a record that belongs to an earlier scenario than the one that was being played; it names the latter."""

UNANSWERED: Final = "unanswered"
"""Mark from which on the service leaves the authority's files unanswered, for the harness to answer them itself."""


# Made once: `json.dumps` makes one for each line.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Record:
    """One line of evidence.

    `channel` is one of this module's constants; `sender` and `receiver` are parties (`authority`, `service`, `care`,
    `harness`). `headers` hold what the channel knows beside the bytes:

    * file-drop: `authority` (ODS code), `direction` (`upload` or `response`), `name`, `kind`, `delivery` (unique id).
      Placed in evidence when an upload was picked up, and when a response stood under its final name. By MESH also
      `door` (`mesh`), of a response `mesh-id`, and of an upload `mesh-from`, `-to`, `-workflow`, `-local-id`,
      `-subject`, `-partner-id` and `-file-name`, as far as they were given. Direction `report`: MESH says that the
      message `mesh-linked` was not delivered, with `mesh-event` and `mesh-code`. Direction `sighting`: what the harness
      saw of a file in OUT, polling it: `name`, and `sizes`, each size once in its order, from the first poll at which
      its control file was there, `polls` how often; without a `name`, that it was polled at all.
    * lookup: `exchange` (unique id) and `phase`: `request` and `response`, what was answered at once, with `status`; of
      an asynchronous one also each try of the `reply` and its `reply-answer`, with `try`, `outcome` and `reason`, or
      that it was `given-up`. `content-type` and `soap-action` as on the wire. `weather`: what the harness itself did to
      the exchange, which is nobody's fault. Over TLS `tls`, `cipher` and `client-…` (subject, names, fingerprint) on
      the request. `handshake`: a client was refused before its first request; `reason`, `text`, `peer`.
    * driver: `operation`, `phase`, and on the response `status`: `answered`, `refused`, `failed` or `unreachable`;
      where a person answered also `attested_by`, `attested_at`, `via`, and `remark` if there is one. What that person
      attached has phase `attachment`, with its `name` and `type`.
    * mark: `event` (`run-start`, `scenario-start`, `scenario-end`, `step`, `check`, `unanswered`, `run-end`), `text`.
    * probe: none; the JSON body tells the service's health at that moment.
    * control: `operation`; what the harness did to the world (a clock moved, PDS switched off), body its request.
    """

    seq: int
    utc: str
    mono: float
    scenario: str | None
    channel: str
    sender: str
    receiver: str
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    sha256: str | None = None
    previous: str = FIRST

    def line(self) -> bytes:
        """The record as it stands in the journal, newline included."""
        value = {
            "seq": self.seq,
            "utc": self.utc,
            "mono": self.mono,
            "scenario": self.scenario,
            "channel": self.channel,
            "from": self.sender,
            "to": self.receiver,
            "headers": dict(self.headers),
            "size": self.size,
            "sha256": self.sha256,
            "previous": self.previous,
        }
        return _ENCODER.encode(value).encode() + b"\n"


def present_scenario(record: Record) -> str | None:
    """The scenario that was being played when a record was written."""
    present = record.headers.get(PRESENT)
    return record.scenario if present is None else present or None


def check_mark(check: str, outcome: str) -> str:
    """The text of the mark that tells what a check said."""
    return f"{check}: {outcome}"


def digest(line: bytes) -> str:
    """The hash by which the next line names this one."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def read_record(line: bytes) -> Record:
    """Parse one line.

    Raises:
        ValueError: When it is no record, as a torn last line is not.
    """
    value: dict[str, Any] = json.loads(line)
    try:
        return Record(
            seq=value["seq"],
            utc=value["utc"],
            mono=value["mono"],
            scenario=value["scenario"],
            channel=value["channel"],
            sender=value["from"],
            receiver=value["to"],
            headers=value["headers"],
            size=value["size"],
            sha256=value["sha256"],
            previous=value["previous"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an evidence record: {error}") from error


def read_journal(lines: Iterable[bytes]) -> tuple[list[Record], list[str]]:
    """All records of a journal, and what is wrong with its chain.

    A torn last line (no newline, no JSON) is left out and named; it is what a crash leaves behind.
    """
    records: list[Record] = []
    problems: list[str] = []
    previous, expected_seq = FIRST, 1
    for number, line in enumerate(lines, start=1):
        try:
            record = read_record(line)
        except ValueError:
            problems.append(f"line {number} is torn or no record")
            continue
        if record.previous != previous:
            problems.append(f"line {number} (seq {record.seq}) does not follow the line before it")
        if record.seq != expected_seq:
            problems.append(f"line {number}: expected seq {expected_seq}, found {record.seq}")
        previous, expected_seq = digest(line), record.seq + 1
        records.append(record)
    return records, problems


def chained(records: Iterable[Record]) -> Iterator[Record]:
    """The same records, numbered from 1 and chained anew; used when lanes are joined."""
    previous = FIRST
    for seq, record in enumerate(records, start=1):
        linked = replace(record, seq=seq, previous=previous)
        previous = digest(linked.line())
        yield linked


class Evidence:
    """What a check sees: the records of one scenario up to a moment, and their bodies.

    Args:
        records: In the order of the journal.
        body_of: Gives the bytes of a SHA-256; raises `KeyError` when they are missing.
    """

    def __init__(self, records: Sequence[Record], body_of: Callable[[str], bytes]) -> None:
        """Keep both; nothing is read until a check asks."""
        self.records = tuple(records)
        self._body_of = body_of

    def body(self, record: Record) -> bytes:
        """The bytes of a record, empty when it has none.

        Raises:
            KeyError: When the body is missing or is not the one that was recorded.
        """
        if record.sha256 is None:
            return b""
        body = self._body_of(record.sha256)
        if hashlib.sha256(body).hexdigest() != record.sha256:
            raise KeyError(f"the body of record {record.seq} is not the one that was recorded")
        return body

    def json(self, record: Record) -> Any:
        """The body of a record, read as JSON; None when it has none."""
        body = self.body(record)
        return json.loads(body) if body else None

    def since(self, seq: int) -> Evidence:
        """Only the records after `seq`."""
        return Evidence([r for r in self.records if r.seq > seq], self._body_of)

    def until(self, seq: int) -> Evidence:
        """Only the records up to and including `seq`."""
        return Evidence([r for r in self.records if r.seq <= seq], self._body_of)

    def on(self, channel: str, **headers: str) -> tuple[Record, ...]:
        """Records of a channel whose headers have the given values."""
        return tuple(
            r for r in self.records if r.channel == channel and all(r.headers.get(k) == v for k, v in headers.items())
        )
