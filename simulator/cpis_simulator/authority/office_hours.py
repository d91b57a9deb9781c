"""The time of day in England, and whether somebody is in the office.

The rule of British summer time is spelled out here, because the core opens no time-zone files.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

OPENS: Final = time(8, 0)
CLOSES: Final = time(18, 0)


def _last_sunday(year: int, month: int) -> date:
    """The last Sunday of a month that has 31 days."""
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def uk_time(instant: datetime) -> datetime:
    """The instant as clocks in England show it; summer time runs from 01:00 UTC to 01:00 UTC."""
    utc = instant.astimezone(UTC)
    begins = datetime.combine(_last_sunday(utc.year, 3), time(1), UTC)
    ends = datetime.combine(_last_sunday(utc.year, 10), time(1), UTC)
    return utc.astimezone(timezone(timedelta(hours=1 if begins <= utc < ends else 0)))


def in_office_hours(instant: datetime) -> bool:
    """Monday to Friday, 08:00 to 18:00 in England; bank holidays count as days like any other."""
    local = uk_time(instant)
    return local.weekday() < 5 and OPENS <= local.time() < CLOSES
