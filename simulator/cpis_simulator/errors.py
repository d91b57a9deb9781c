"""What stops a flow, and whose fault it was.

Three families keep blame explicit from the place of the failure up to the word in the report: `HarnessError`
is ours or the set-up's, `PeerError` names the party that answered outside the specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CpisError(Exception):
    """Base of everything this project raises on purpose.

    Args:
        what: The thing that is wrong, in the service's words.
        where: File, line, XPath, setting or address.
        expected: What would have been right.
        found: What was there instead.
        mend: What to do about it.
        doctor: Id of the check of `cpis doctor` that looks for it before a run, empty when none does.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        expected: object = "",
        found: object = "",
        mend: str = "",
        doctor: str = "",
    ) -> None:
        """Keep the parts; the message is made from those that are given."""
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.mend = mend
        self.doctor = doctor
        super().__init__(str(self))

    def __str__(self) -> str:
        """One line: what, where, expected and found, how to mend it."""
        return in_words(self.what, self.where, self.expected, self.found, self.mend)


def in_words(what: str, where: str = "", expected: object = "", found: object = "", mend: str = "") -> str:
    """One line of the parts that are given."""
    text = what
    if where:
        text += f" ({where})"
    if expected != "":
        text += f": expected {expected}"
        if found != "":
            text += f", found {found}"
    elif found != "":
        text += f": found {found}"
    if mend:
        text += f". {mend}"
    return text


class HarnessError(CpisError):
    """Ours, or the set-up's: the verdict is `inconclusive`, never `fail`."""


class ConfigError(HarnessError):
    """The description of the product, or the command line, does not make sense."""


class StartError(HarnessError):
    """A part of the harness, or the system under test, never came up."""


class Unattended(HarnessError):
    """A person was asked, and nobody answered: nothing is known, of the product least of all."""


class NotOffered(CpisError):
    """The product's driver does not offer an optional operation: the test is not tested, for that reason."""


class PeerError(CpisError):
    """Someone answered outside the specification.

    Attributes:
        party: `authority`, `service` or `care`.
    """

    def __init__(
        self,
        what: str,
        *,
        party: str = "unknown",
        where: str = "",
        expected: object = "",
        found: object = "",
        mend: str = "",
        doctor: str = "",
    ) -> None:
        """As `CpisError`, with the party to blame."""
        self.party = party
        super().__init__(what, where=where, expected=expected, found=found, mend=mend, doctor=doctor)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the form of a message, as a value.

    Attributes:
        requirement: Id of the requirement that is broken, such as `CPIS-MSG-001`.
        line: Line in the file, 0 when there is none.
        xpath: Where in the document by local names, empty when it is no document.
    """

    requirement: str
    what: str
    line: int = 0
    xpath: str = ""
    expected: str = ""
    found: str = ""
    mend: str = ""

    def text(self) -> str:
        """What is wrong and how to mend it, without the place."""
        return in_words(self.what, "", self.expected, self.found, self.mend)


class DecodeError(PeerError):
    """Bytes that are not the message they claim to be.

    Attributes:
        requirement: Id of the requirement that is broken, such as `CPIS-MSG-001`.
        line: Line in the file, 0 when there is none.
        xpath: Where in the document, empty when it is no document.
        faults: Everything that is wrong; the first of them is what the error itself says.
    """

    def __init__(
        self,
        what: str,
        *,
        requirement: str = "CPIS-MSG-005",
        line: int = 0,
        xpath: str = "",
        party: str = "unknown",
        expected: object = "",
        found: object = "",
        mend: str = "",
    ) -> None:
        """As `PeerError`; `where` is made from line and XPath."""
        self.requirement = requirement
        self.line = line
        self.xpath = xpath
        self.faults: tuple[Fault, ...] = (Fault(requirement, what, line, xpath, str(expected), str(found), mend),)
        where = ", ".join(part for part in (f"line {line}" if line else "", xpath) if part)
        super().__init__(what, party=party, where=where, expected=expected, found=found, mend=mend)

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> DecodeError:
        """The error that says the first of several faults, and holds them all."""
        first = faults[0]
        error = cls(
            first.what,
            requirement=first.requirement,
            line=first.line,
            xpath=first.xpath,
            expected=first.expected,
            found=first.found,
            mend=first.mend,
        )
        error.faults = tuple(faults)
        return error


class ProtocolError(PeerError):
    """A good message at the wrong moment."""


class NoReply(PeerError):
    """The party was shown alive, and nothing came before the deadline."""
