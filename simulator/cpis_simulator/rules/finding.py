"""What a rule says about a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cpis_simulator.errors import DecodeError

ERROR: Final = "error"
WARNING: Final = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one requirement; a file can have many.

    Attributes:
        rule: Id of the requirement, such as `CPIS-DAT-029`.
        severity: `error` makes a message invalid, `warning` does not.
        message: What is wrong, and what would have been right.
        line: Line in the file, 0 where it is not known.
        xpath: Where in the document, by local names.
    """

    rule: str
    severity: str
    message: str
    line: int = 0
    xpath: str = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """What a rule function yields: the text, and where below the thing that was checked."""

    message: str
    xpath: str = ""
    severity: str = ERROR


def findings(rule: str, breaches: Iterable[Breach], base: str = "") -> Iterator[Finding]:
    """The breaches of one rule as findings about a place."""
    for breach in breaches:
        yield Finding(rule, breach.severity, breach.message, xpath=base + breach.xpath)


def finding_of(error: DecodeError) -> Finding:
    """A decode error as a finding."""
    plain = DecodeError(error.what, expected=error.expected, found=error.found, mend=error.mend)
    return Finding(error.requirement, ERROR, str(plain), error.line, error.xpath)
