"""What the schema does not say about return messages, by requirement.

Source: CP-IS rules, sections 6, 7 and 10a.
"""

from __future__ import annotations

from collections import Counter
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
        yield Breach("number of accesses", _TOTAL, expected=f"{notification.total}, as declared", found=listed)


def total_is_not_negative(notification: AccessNotification) -> Iterator[Breach]:
    """Counts are 0 or more."""
    if notification.total < 0:
        yield Breach("negative total", _TOTAL, found=notification.total)


def accesses_are_of_valid_numbers(notification: AccessNotification) -> Iterator[Breach]:
    """The NHS number of an access has ten digits and a valid check digit."""
    for group_number, group in enumerate(notification.groups, start=1):
        for number, access in enumerate(group.accesses, start=1):
            if not nhs_number.is_valid(access.nhs_number):
                yield Breach(
                    "NHS number",
                    f"/pertinentInformation1[{group_number}]/pertinentCP-ISRecordAccess/pertinentInformation2[{number}]",
                    expected="ten digits with a valid check digit",
                    found=nhs_number.masked(access.nhs_number),
                )


def an_access_stands_once(notification: AccessNotification) -> Iterator[Breach]:
    """The same query about the same person twice would make two case events of one access."""
    seen = Counter((a.event_id, a.nhs_number) for group in notification.groups for a in group.accesses)
    for (event_id, _), times in seen.items():
        if times > 1:
            yield Breach(f"access {event_id} stands {times} times", "", WARNING, expected="once")


ACCESS_RULES: Final[dict[str, Callable[[AccessNotification], Iterator[Breach]]]] = {
    "CPIS-NTF-006": total_counts_the_accesses,
    "CPIS-NTF-015": an_access_stands_once,
    "CPIS-DAT-029": accesses_are_of_valid_numbers,
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
        path = _subject_path(notification, place)
        if number.nhs_number in number.replacements:
            yield Breach(f"NHS number {nhs_number.masked(number.nhs_number)} is replaced by itself", path)
        if len(number.replacements) > 1:
            yield Breach("replacements for one number", path, WARNING, expected=1, found=len(number.replacements))


def inactive_numbers_are_valid(notification: InactiveNumberNotification) -> Iterator[Breach]:
    """Old and new number have ten digits and a valid check digit."""
    for place, number in enumerate(notification.numbers, start=1):
        for value in (number.nhs_number, *number.replacements):
            if not nhs_number.is_valid(value):
                yield Breach(
                    "NHS number",
                    _subject_path(notification, place),
                    expected="ten digits with a valid check digit",
                    found=nhs_number.masked(value),
                )


def a_number_stands_once(notification: InactiveNumberNotification) -> Iterator[Breach]:
    """Two entries for one number could say two things."""
    for number, times in Counter(n.nhs_number for n in notification.numbers).items():
        if times > 1:
            yield Breach(f"number {nhs_number.masked(number)} stands {times} times", "", WARNING, expected="once")


def _subject_path(notification: InactiveNumberNotification, place: int) -> str:
    return f"/subject[{place}]" if len(notification.numbers) > 1 else "/subject"


INACTIVE_RULES: Final[dict[str, Callable[[InactiveNumberNotification], Iterator[Breach]]]] = {
    "CPIS-INA-001": a_number_stands_once,
    "CPIS-INA-002": replacement_is_another_number,
    "CPIS-DAT-029": inactive_numbers_are_valid,
}


def check_inactive_notification(notification: InactiveNumberNotification) -> list[Finding]:
    """Judge an inactive-number notification by itself."""
    return [
        finding
        for rule, breaches in INACTIVE_RULES.items()
        for finding in findings(rule, breaches(notification), "/CP-ISInactiveNHSNumberNotification")
    ]
