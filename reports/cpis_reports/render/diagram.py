"""A sequence diagram of one scenario, from its evidence: who sent what to whom, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cpis_simulator.evidence import CONTROL, DRIVER, FILE_DROP, LOOKUP, MARK, PROBE, Record

PARTIES: Final = ("harness", "authority", "service", "care")
LONGEST_LABEL: Final = 32
MOST_ARROWS: Final = 80
_GAP: Final = 250
_MARGIN: Final = 90
_ROW: Final = 34
_TOP: Final = 40


@dataclass(frozen=True, slots=True)
class Lifeline:
    """A party, and where its line stands."""

    party: str
    x: int


@dataclass(frozen=True, slots=True)
class Row:
    """An arrow, or with `note` a step of the scenario. `kind` is `message`, `driver` or `control`."""

    y: int
    seq: int = 0
    from_x: int = 0
    to_x: int = 0
    label: str = ""
    kind: str = "message"
    dashed: bool = False
    note: str = ""

    @property
    def middle(self) -> int:
        """Where the label stands."""
        return (self.from_x + self.to_x) // 2

    @property
    def head(self) -> str:
        """The corners of the arrowhead."""
        back = self.to_x - (9 if self.to_x > self.from_x else -9)
        return f"{self.to_x},{self.y} {back},{self.y - 4} {back},{self.y + 4}"


@dataclass(frozen=True, slots=True)
class Diagram:
    """Everything the template draws; `left_out` arrows did not fit."""

    width: int
    height: int
    lifelines: tuple[Lifeline, ...]
    rows: tuple[Row, ...]
    left_out: int


def diagram(records: Sequence[Record]) -> Diagram | None:
    """Lay out the records of a scenario; None when nothing crossed a border."""
    drawn = [record for record in records if _is_drawn(record)]
    arrows = [record for record in drawn if record.channel != MARK]
    if not arrows:
        return None
    present = {party for record in arrows for party in (record.sender, record.receiver)}
    order = [party for party in PARTIES if party in present] + sorted(present.difference(PARTIES))
    place = {party: _MARGIN + number * _GAP for number, party in enumerate(order)}
    kept = drawn if len(arrows) <= MOST_ARROWS else _first_arrows(drawn)
    rows = []
    y = _TOP + 12
    for record in kept:
        y += _ROW
        rows.append(_row(record, place, y))
    return Diagram(
        width=2 * _MARGIN + (len(order) - 1) * _GAP,
        height=y + 24,
        lifelines=tuple(Lifeline(party, place[party]) for party in order),
        rows=tuple(rows),
        left_out=max(len(arrows) - MOST_ARROWS, 0),
    )


def _is_drawn(record: Record) -> bool:
    """Steps and messages; of asking a driver only the question, unless the answer is a refusal."""
    if record.channel == MARK:
        return record.headers.get("event") == "step"
    if record.channel == PROBE or record.sender == record.receiver:
        return False
    if record.channel in (DRIVER, CONTROL) and record.headers.get("phase") == "response":
        return record.headers.get("status", "answered") != "answered"
    return True


def _first_arrows(drawn: Sequence[Record]) -> list[Record]:
    kept: list[Record] = []
    arrows = 0
    for record in drawn:
        arrows += record.channel != MARK
        if arrows > MOST_ARROWS:
            break
        kept.append(record)
    return kept


def _row(record: Record, place: dict[str, int], y: int) -> Row:
    if record.channel == MARK:
        return Row(y=y, note=record.headers.get("text", ""))
    is_message = record.channel in (FILE_DROP, LOOKUP)
    return Row(
        y=y,
        seq=record.seq,
        from_x=place[record.sender],
        to_x=place[record.receiver],
        label=_short(label(record)),
        kind="message" if is_message else record.channel,
        dashed=not is_message,
    )


def label(record: Record) -> str:
    """What a record is, in a few words."""
    headers = record.headers
    if record.channel == FILE_DROP:
        return f"{headers.get('kind', 'file')} {headers.get('name', '')}".strip()
    if record.channel == LOOKUP:
        return _of_an_exchange(headers)
    if record.channel == DRIVER and headers.get("phase") == "response":
        return f"{headers.get('operation', '')}: {headers.get('status', '')}"
    return headers.get("operation", record.channel)


def _of_an_exchange(headers: Mapping[str, str]) -> str:
    """What a part of a lookup is, and the weather that we made for it."""
    match headers.get("phase"):
        case "response" | "reply-answer":
            said = f"answer {headers.get('status', '')}".strip()
        case "handshake":
            said = f"refused: {headers.get('reason', '')}"
        case "reply":
            said = "reply"
        case "given-up":
            said = "reply given up"
        case _:
            said = "query"
    weather = headers.get("weather", "").partition(",")[0]
    return f"{said} ({weather})" if weather else said


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
