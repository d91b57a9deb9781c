"""Records that are, to the byte, like one that was read before but for their values.

Theory of operation. An upload is written by a program, so its thousands of records have a handful of shapes. When a
record was parsed, held against the schema and read, its bytes become a pattern: everything stands as it is, but for the
values of dates, numbers, ids and names, of which only plain forms are taken. A later record that the pattern fits has
the same structure and good values, so it needs neither parser nor schema; any other takes the long way. A pattern is
only used if it reads the record that it was made from just as the long way did.

This makes reading some ten times faster; `tests/simulator/test_upload_reader.py` holds both ways against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from cpis_simulator.codecs.parts import CHILD, PLAN_BLOCKS, UNBORN_CHILD
from cpis_simulator.codecs.xml import WHITE_SPACE
from cpis_simulator.model import LocalId, PlanRecord, ProtectionPlan, Subject, SubjectKind
from cpis_simulator.vocabulary import OID_LOCAL_ID, OID_NHS_NUMBER, PlanType

_MOST_SHAPES: Final = 64
_LONGEST: Final = 16_384

_TOKEN: Final = re.compile(
    rb"<(?P<close>/?)(?:[\w.-]+:)?(?P<name>[\w.-]+)(?P<attributes>(?:\s+[\w.:-]+=\"[^\"<&]*\")*)\s*(?P<empty>/?)>"
    rb"|(?P<text>[^<&]+)"
)
_ATTRIBUTE: Final = re.compile(rb"(\s+)([\w.:-]+)=\"([^\"<&]*)\"")

_DATE: Final = rb"((?:19|20)[0-9]{2}(?:0[1-9]|1[012])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9])"
_DAY: Final = rb"([0-9]{8})"
_NUMBER: Final = rb"([0-9]{10})"
_ID: Final = rb"([!#$%'-;=?-~]{1,60})"
"""Printable ASCII without space, quote, ampersand and angle brackets."""
_NAME: Final = rb"([^<&>\x00-\x20\x7f\xef][^<&>\x00-\x1f\x7f\xef]{0,100}?)"
"""Without the first byte of U+FFFE and U+FFFF, which cannot stand in XML; a name that ends in a space is stripped."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """A pattern, and how the values that it captures make a record."""

    pattern: re.Pattern[bytes]
    plans: tuple[tuple[PlanType, int, int | None, int | None], ...]
    subjects: tuple[tuple[SubjectKind, int, int, int, int, int | None, str | None], ...]

    def record(self, found: re.Match[bytes]) -> PlanRecord:
        """The record of a match.

        Raises:
            ValueError: When a value is no date, or a name no UTF-8.
        """
        values = found.groups()
        plans = tuple(
            ProtectionPlan(
                plan_type,
                _moment(values[start]),
                None if end is None else _moment(values[end]),
                None if delete is None else _moment(values[delete]),
            )
            for plan_type, start, end, delete in self.plans
        )
        subjects = tuple(
            Subject(
                kind,
                values[number].decode(),
                _day(values[born]),
                values[given].decode().strip(WHITE_SPACE),
                values[family].decode().strip(WHITE_SPACE),
                None if local is None else LocalId(values[local].decode(), authority),
            )
            for kind, number, born, given, family, local, authority in self.subjects
        )
        return PlanRecord(plans, subjects)


class RecordShapes:
    """The shapes of one file's records; the file's namespaces are part of what they stand for."""

    def __init__(self) -> None:
        """None is known."""
        self._shapes: list[_Shape] = []

    def read(self, data: bytes, at: int) -> tuple[PlanRecord, int] | None:
        """The record that stands at a place, and where it ends; None when no shape fits."""
        for place, shape in enumerate(self._shapes):
            if (found := shape.pattern.match(data, at)) is not None:
                try:
                    record = shape.record(found)
                except ValueError:
                    return None
                if place:  # What came last comes next, mostly.
                    self._shapes.insert(0, self._shapes.pop(place))
                return record, found.end()
        return None

    def learn(self, source: bytes, record: PlanRecord) -> None:
        """Know records like this one from now on.

        Args:
            source: The bytes of the record, from `<record` to `</record>`.
            record: What the long way read from them.
        """
        if len(self._shapes) >= _MOST_SHAPES or len(source) > _LONGEST:
            return
        shape = _shape_of(source)
        if shape is None or (found := shape.pattern.fullmatch(source)) is None:
            return
        try:
            again = shape.record(found)
        except ValueError:
            return
        if again == record:
            self._shapes.append(shape)


@lru_cache(maxsize=8192)
def _moment(value: bytes) -> datetime:
    return datetime(int(value[:4]), int(value[4:6]), int(value[6:8]), int(value[8:10]), int(value[10:12]))


@lru_cache(maxsize=16384)
def _day(value: bytes) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))


def _shape_of(source: bytes) -> _Shape | None:
    """The shape of a record that fits the schema; None when it holds anything but plain markup and text."""
    making = _Making()
    position = 0
    for token in _TOKEN.finditer(source):
        if token.start() != position:
            return None
        position = token.end()
        if token["text"] is not None:
            making.text(token["text"])
        elif token["close"]:
            making.literal(token.group())
            making.leave()
        else:
            making.enter(token["name"].decode(), token)
            if token["empty"]:
                making.leave()
    return making.shape() if position == len(source) else None


class _Making:
    """A shape while its record is gone through."""

    def __init__(self) -> None:
        self._pattern: list[bytes] = []
        self._open: list[str] = []
        self._slots = 0
        self._plans: list[dict[str, int]] = []
        self._plan_types: list[PlanType] = []
        self._subjects: list[dict[str, int]] = []
        self._kinds: list[SubjectKind] = []
        self._authorities: list[str | None] = []

    def shape(self) -> _Shape | None:
        try:
            plans = tuple(
                (kind, slots["component"], slots.get("component1"), slots.get("component2"))
                for kind, slots in zip(self._plan_types, self._plans, strict=True)
            )
            subjects = tuple(
                (kind, s["number"], s["born"], s["given"], s["family"], s.get("local"), authority)
                for kind, s, authority in zip(self._kinds, self._subjects, self._authorities, strict=True)
            )
        except KeyError:
            return None
        return _Shape(re.compile(b"".join(self._pattern)), plans, subjects)

    def literal(self, text: bytes) -> None:
        self._pattern.append(re.escape(text))

    def text(self, text: bytes) -> None:
        name = self._open[-1] if self._open else ""
        if name in ("given", "family") and self._subjects:
            self._subjects[-1][name] = self._slot(_NAME)
        else:
            self.literal(text)

    def enter(self, name: str, token: re.Match[bytes]) -> None:
        if name in PLAN_BLOCKS:
            self._plan_types.append(PLAN_BLOCKS[name])
            self._plans.append({})
        elif name in (CHILD, UNBORN_CHILD):
            self._kinds.append(SubjectKind.CHILD if name == CHILD else SubjectKind.MOTHER)
            self._subjects.append({})
            self._authorities.append(None)
        self._open.append(name)
        head, _, tail = (
            token.group().partition(token["attributes"]) if token["attributes"] else (token.group(), b"", b"")
        )
        self.literal(head)
        self._attributes(name, token["attributes"])
        self.literal(tail)

    def leave(self) -> None:
        self._open.pop()

    def _attributes(self, name: str, source: bytes) -> None:
        values = {key: value for _, key, value in _ATTRIBUTE.findall(source)}
        for space, key, value in _ATTRIBUTE.findall(source):
            self.literal(space + key + b'="')
            slot = self._slot_of(name, key, values)
            if slot is None:
                self.literal(value)
            else:
                holder, what, form = slot
                holder[what] = self._slot(form)
            self.literal(b'"')

    def _slot_of(self, name: str, key: bytes, values: dict[bytes, bytes]) -> tuple[dict[str, int], str, bytes] | None:
        """Where a value belongs and what forms of it are taken; None for one that stands as it is."""
        if name == "value" and key == b"value" and self._plans and len(self._open) > 2:
            return self._plans[-1], self._open[-3], _DATE
        if not self._subjects:
            return None
        subject = self._subjects[-1]
        if name == "birthTime" and key == b"value" and len(values[key]) == 8:
            return subject, "born", _DAY
        if name == "id" and key == b"extension":
            if values.get(b"root") == OID_NHS_NUMBER.encode():
                return subject, "number", _NUMBER
            if values.get(b"root") == OID_LOCAL_ID.encode():
                assigner = values.get(b"assigningAuthorityName")
                self._authorities[-1] = None if assigner is None else assigner.decode()
                return subject, "local", _ID
        return None

    def _slot(self, form: bytes) -> int:
        self._pattern.append(form)
        self._slots += 1
        return self._slots - 1
