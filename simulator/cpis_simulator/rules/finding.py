"""What a rule says about a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cpis_simulator.errors import Fault, in_words
from cpis_simulator.rules.sources import source_of

ERROR: Final = "error"
WARNING: Final = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one requirement; a file can have many.

    Attributes:
        rule: Id of the requirement, such as `CPIS-DAT-029`.
        severity: `error` makes a message invalid, `warning` does not.
        message: What is wrong, what would have been right, and what was found.
        line: Line in the file, 0 where it is not known.
        xpath: Where in the document, by local names.
        record: Number of the record in an upload file, counted from 1; None where it is about no record.
        expected: What would have been right.
        found: What was there instead.
        mend: What to do about it.
        source: Document and section that say so.
    """

    rule: str
    severity: str
    message: str
    line: int = 0
    xpath: str = ""
    record: int | None = None
    expected: str = ""
    found: str = ""
    mend: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """What a rule function yields: what is wrong, where below the thing that was checked, and how to mend it."""

    what: str
    xpath: str = ""
    severity: str = ERROR
    expected: object = ""
    found: object = ""
    mend: str = ""


def findings(rule: str, breaches: Iterable[Breach], base: str = "", record: int | None = None) -> Iterator[Finding]:
    """The breaches of one rule as findings about a place."""
    for breach in breaches:
        expected, found = str(breach.expected), str(breach.found)
        yield Finding(
            rule,
            breach.severity,
            in_words(breach.what, "", expected, found),
            xpath=base + breach.xpath,
            record=record,
            expected=expected,
            found=found,
            mend=breach.mend,
            source=source_of(rule),
        )


def finding_of(fault: Fault, record: int | None = None) -> Finding:
    """A fault of form as a finding."""
    return Finding(
        fault.requirement,
        ERROR,
        in_words(fault.what, "", fault.expected, fault.found),
        fault.line,
        fault.xpath,
        record,
        fault.expected,
        fault.found,
        fault.mend,
        source_of(fault.requirement),
    )
