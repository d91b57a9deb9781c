"""What stops a flow, and whose fault it was.

Three families keep blame explicit from the place of the failure up to the word in the report: `HarnessError`
is ours or the set-up's, `PeerError` names the party that answered outside the specification.
"""

from __future__ import annotations


class CpisError(Exception):
    """Base of everything this project raises on purpose.

    Args:
        what: The thing that is wrong, in the service's words.
        where: File, line, XPath, setting or address.
        expected: What would have been right.
        found: What was there instead.
        mend: What to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        expected: object = "",
        found: object = "",
        mend: str = "",
    ) -> None:
        """Keep the parts; the message is made from those that are given."""
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.mend = mend
        super().__init__(str(self))

    def __str__(self) -> str:
        """One line: what, where, expected and found, how to mend it."""
        text = self.what
        if self.where:
            text += f" ({self.where})"
        if self.expected != "":
            text += f": expected {self.expected}"
            if self.found != "":
                text += f", found {self.found}"
        elif self.found != "":
            text += f": found {self.found}"
        if self.mend:
            text += f". {self.mend}"
        return text


class HarnessError(CpisError):
    """Ours, or the set-up's: the verdict is `inconclusive`, never `fail`."""


class ConfigError(HarnessError):
    """The description of the product, or the command line, does not make sense."""


class StartError(HarnessError):
    """A part of the harness, or the system under test, never came up."""


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
    ) -> None:
        """As `CpisError`, with the party to blame."""
        self.party = party
        super().__init__(what, where=where, expected=expected, found=found, mend=mend)


class DecodeError(PeerError):
    """Bytes that are not the message they claim to be.

    Attributes:
        requirement: Id of the requirement that is broken, such as `CPIS-MSG-001`.
        line: Line in the file, 0 when there is none.
        xpath: Where in the document, empty when it is no document.
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
        where = ", ".join(part for part in (f"line {line}" if line else "", xpath) if part)
        super().__init__(what, party=party, where=where, expected=expected, found=found, mend=mend)


class ProtocolError(PeerError):
    """A good message at the wrong moment."""


class NoReply(PeerError):
    """The party was shown alive, and nothing came before the deadline."""
