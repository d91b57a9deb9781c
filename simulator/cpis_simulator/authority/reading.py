"""Which records of a file an acknowledgement calls failed.

Theory of operation. A failed record is named twice: by a location, and by an echo of the record itself. Ours points
into the reply's own echo; a record that could not be echoed is pointed at in the upload. What document a location of
the real service starts from is not public, so the echo's NHS number decides and the location must not speak against it.

Source: CP-IS rules ACK-007, ACK-008, ACK-016.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cpis_simulator.authority.state import SentRecord, entry_name
from cpis_simulator.model import Acknowledgement, Echo, RecordResult
from cpis_simulator.vocabulary import RecordCode

# With or without prefix, and in the form *[local-name()='message'][2].
_ECHO: Final = re.compile(r"\bmessage\b['\"\]]*(?:\[(\d+)\])?")
_RECORD: Final = re.compile(r"(?<![-\w])record\b['\"\]]*\[(\d+)\]")


class Contradiction(Exception):
    """The reply says two things at once, or something that cannot be true of the file."""


def require(claim: bool, otherwise: str) -> None:
    """Insist on a claim.

    Raises:
        Contradiction: It does not hold.
    """
    if not claim:
        raise Contradiction(otherwise)


def located_failures(records: Sequence[SentRecord], reply: Acknowledgement) -> dict[int, list[RecordResult]]:
    """The failed records by index in the file, each with its results.

    Raises:
        Contradiction: A result cannot be placed, or its location and echo name different children.
    """
    failures: dict[int, list[RecordResult]] = {}
    by_number: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        by_number.setdefault(record.nhs_number, []).append(index)
    echoed = {n: _echoed(records, by_number, echo) for n, echo in enumerate(reply.echoes, 1) if not echo.valid}
    spare = dict(echoed)
    pointed: set[int] = set()
    unplaced: list[RecordResult] = []
    for result in reply.results:
        if result.code == RecordCode.STORED:
            continue
        if found := _ECHO.search(result.location):
            number = int(found[1] or 1)
            require(number in echoed, f"{result.location} leads to no failed record")
            failures.setdefault(echoed[number], []).append(result)
            spare.pop(number, None)
        elif found := _RECORD.search(result.location):
            index = int(found[1]) - 1
            require(0 <= index < len(records), f"{result.location} leads to no record")
            failures.setdefault(index, []).append(result)
            pointed.add(index)
        else:
            unplaced.append(result)
    if unplaced:
        require(len(unplaced) == len(spare), f"{unplaced[0].location!r} leads to no record")
        for result, index in zip(unplaced, spare.values(), strict=True):
            failures.setdefault(index, []).append(result)
        spare.clear()
    require(set(spare.values()) <= pointed, "the location of a failure and its echo name different records")
    _nothing_both_ways(by_number, reply, failures)
    return failures


def _echoed(records: Sequence[SentRecord], by_number: dict[str, list[int]], echo: Echo) -> int:
    """Index of the record that an echo repeats."""
    found = [index for number in {s.nhs_number for s in echo.subjects} for index in by_number.get(number, [])]
    require(bool(found), "its echo names a child that is not in the file")
    if len(found) > 1:
        entries = {entry_name(plan) for plan in echo.plans}
        found = [index for index in found if records[index].entries == entries]
        require(len(found) == 1, "its echo fits no one record of the child")
    return found[0]


def _nothing_both_ways(
    by_number: dict[str, list[int]], reply: Acknowledgement, failures: dict[int, list[RecordResult]]
) -> None:
    """No record that failed is listed or echoed as stored too; a person with two records may have one of each."""
    for echo in reply.echoes:
        if echo.valid:
            for indices in (by_number.get(subject.nhs_number, []) for subject in echo.subjects):
                require(
                    len(indices) != 1 or indices[0] not in failures,
                    "a record is echoed as stored and listed as failed",
                )
    for result in reply.results:
        if result.code == RecordCode.STORED and (found := _RECORD.search(result.location)):
            require(int(found[1]) - 1 not in failures, "a record is listed as stored and as failed")
