"""Points in time as the messages write them.

Source: CP-IS DMS 1.0-RC5, data types usage (TS, TS.NHS.DateType1); CP-IS rules DAT-011, DAT-012, MSG-013.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from lxml import etree

from cpis_simulator.codecs.xml import WHITE_SPACE, fault

_TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d+))?)?)?)?)?)?([+-]\d{2}(?:\d{2})?)?", re.ASCII
)


def write_time(moment: datetime) -> str:
    """A payload time to the second, with its offset: `20260105090000+0000`.

    Raises:
        ValueError: When the time has no offset.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone, but a message time needs its offset")
    return f"{write_day(moment)}{moment:%H%M%S%z}"[:19]


def write_wrapper_time(moment: datetime) -> str:
    """A wrapper's creationTime: 14 digits without offset, as Spine traffic has it."""
    return f"{write_day(moment)}{moment:%H%M%S}"


def write_plan_date(moment: datetime) -> str:
    """A plan date: 12 digits to the minute, no offset."""
    return f"{write_day(moment)}{moment:%H%M}"


def write_day(day: date) -> str:
    """Eight digits `YYYYMMDD`."""
    # Where the C library decides, %Y cuts the zeroes of a year before 1000.
    return f"{day.year:04}{day:%m%d}"


def read_time(element: etree._Element) -> datetime:
    """A payload time from `@value`.

    It may be cut short from the right; what is missing counts as the beginning of the period, and a mere day is taken
    as UTC.

    Raises:
        DecodeError: With `CPIS-DAT-012` when it is no time or has hours but no offset.
    """
    value = element.get("value", "").strip(WHITE_SPACE)
    moment = parse_time(value)
    if moment is None:
        raise fault(
            element,
            "Time",
            "CPIS-DAT-012",
            expected="YYYYMMDD[HH[MM[SS]]] with an offset such as +0000 once hours are given",
            found=value,
            mend=_mend_of_time(value),
        )
    return moment


def _mend_of_time(value: str) -> str:
    return "Add the offset, such as +0000." if value.isdigit() and len(value) > 8 else ""


def parse_time(value: str) -> datetime | None:
    """The moment that a TS value names, None when it names none or lacks its offset."""
    found = _TIME.fullmatch(value)
    if found is None:
        return None
    *numbers, fraction, offset = found.groups()
    if (numbers[3] is None) != (offset is None):
        return None
    year, month, day, hour, minute, second = (int(n) if n is not None else None for n in numbers)
    try:
        zone = UTC if offset is None else _zone(offset)
        micros = int((fraction or "0")[:6].ljust(6, "0"))
        moment = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, micros, zone)
        # At either end of the calendar an offset can leave it, and then no other clock could show the moment.
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment


def _zone(offset: str) -> timezone:
    minutes = int(offset[1:3]) * 60 + int(offset[3:5] or "0")
    if int(offset[3:5] or "0") > 59:
        raise ValueError(offset)
    found = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
    return UTC if found == UTC else found


def read_plan_date(element: etree._Element) -> datetime:
    """A plan date from `@value`, naive, to the minute.

    Raises:
        DecodeError: With `CPIS-MSG-013` when the calendar has no such day.
    """
    value = element.get("value", "").strip(WHITE_SPACE)
    try:
        return datetime(int(value[:4]), int(value[4:6]), int(value[6:8]), int(value[8:10]), int(value[10:12]))
    except ValueError as error:
        raise fault(element, "Plan date", "CPIS-MSG-013", expected="a day of the calendar", found=value) from error


def read_birth_date(element: etree._Element) -> date:
    """A birth date from `@value`, given to the day or better.

    Raises:
        DecodeError: With `CPIS-DAT-011` when it is no day, with `CPIS-DAT-012` when it has hours but no offset.
    """
    value = element.get("value", "").strip(WHITE_SPACE)
    try:
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8])) if len(value) >= 8 else None
    except ValueError:
        day = None
    if day is None:
        raise fault(element, "Birth date", "CPIS-DAT-011", expected="YYYYMMDD", found=value)
    if len(value) > 8 and parse_time(value) is None:
        raise fault(element, "Birth date", "CPIS-DAT-012", expected="an offset after the hours", found=value)
    return day
