"""What the official schema does not say about return messages, by requirement.

Source: CP-IS rules, sections 6, 7 and 10a.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from cpis_simulator import nhs_number
from cpis_simulator.model import AccessNotification, InactiveNumberNotification
from cpis_simulator.rules.finding import WARNING, Breach, Finding, findings

_TOTAL: Final = "/pertinentInformation/pertinentTotalReturnedRecords/value"


def total_counts_the_accesses(notification: AccessNotification) -> Iterator[Breach]:
    """The total is the number of queries that are repeated, over all files; 0 is legal."""
    listed = sum(len(group.accesses) for group in notification.groups)
    if notification.total != listed:
        yield Breach(f"declared {notification.total} accesses, listed {listed}", _TOTAL)


def total_is_not_negative(notification: AccessNotification) -> Iterator[Breach]:
    """Counts are 0 or more."""
    if notification.total < 0:
        yield Breach(f"total {notification.total} is negative", _TOTAL)


ACCESS_RULES: Final[dict[str, Callable[[AccessNotification], Iterator[Breach]]]] = {
    "CPIS-NTF-006": total_counts_the_accesses,
    "CPIS-MSG-012": total_is_not_negative,
}


def check_access_notification(notification: AccessNotification) -> list[Finding]:
    """Judge an access notification by itself; whether it tells the right authority is seen beside the query."""
    return [
        finding
        for rule, breaches in ACCESS_RULES.items()
        for finding in findings(rule, breaches(notification), "/CP-ISAccessToServiceNotification")
    ]


def replacement_is_another_number(notification: InactiveNumberNotification) -> Iterator[Breach]:
    """A number is not replaced by itself, and by one other at most."""
    for place, number in enumerate(notification.numbers, start=1):
        path = f"/subject[{place}]" if len(notification.numbers) > 1 else "/subject"
        if number.nhs_number in number.replacements:
            yield Breach(f"NHS number {nhs_number.masked(number.nhs_number)} is replaced by itself", path)
        if len(number.replacements) > 1:
            yield Breach(f"{len(number.replacements)} replacements for one number, expected one", path, WARNING)


INACTIVE_RULES: Final[dict[str, Callable[[InactiveNumberNotification], Iterator[Breach]]]] = {
    "CPIS-INA-002": replacement_is_another_number,
}


def check_inactive_notification(notification: InactiveNumberNotification) -> list[Finding]:
    """Judge an inactive-number notification by itself."""
    return [
        finding
        for rule, breaches in INACTIVE_RULES.items()
        for finding in findings(rule, breaches(notification), "/CP-ISInactiveNHSNumberNotification")
    ]
