"""What a MESH control file must say, by requirement.

Source: CP-IS file drop, section 2.4; CP-IS rules UPL-006, IG-008.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from cpis_simulator import nhs_number
from cpis_simulator.codecs.control_file import ROOT, ControlFile
from cpis_simulator.rules.finding import WARNING, Breach, Finding, findings

_MUST: Final = ("Version", "AddressType", "MessageType", "From_DTS", "To_DTS", "WorkflowId")
_LISTS: Final = {
    "AddressType": ("DTS", "SMTP", "ALL"),
    "MessageType": ("DATA", "REPORT"),
    "Compress": ("Y", "N"),
    "AllowChunking": ("Y", "N"),
    "Encrypted": ("Y", "N"),
    "IsCompressed": ("Y", "N"),
}
_LENGTHS: Final = {"Subject": 500, "LocalId": 255, "DTSId": 100, "PartnerId": 255, "WorkflowId": 300, "ProcessId": 32}
_STATUS_LISTS: Final = {
    "Event": ("COLLECT", "TRANSFER", "SEND", "RECEIVE"),
    "Status": ("SUCCESS", "ERROR"),
}
_NUMBERS: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){9}(?!\d)")


def says_what_it_must(control: ControlFile) -> Iterator[Breach]:
    """Version, kind, sender, recipient and workflow are there."""
    for name in _MUST:
        if not control.get(name):
            yield Breach(f"{name} is missing in the control file", expected=name, mend="Without it no client sends.")


def values_come_from_their_lists(control: ControlFile) -> Iterator[Breach]:
    """Words from a list; case does not count, for real clients write it either way."""
    for name, words in _LISTS.items():
        if (found := control.get(name)) and found.upper() not in words:
            yield Breach(name, f"/{name}", expected=" or ".join(words), found=found)
    for name, words in _STATUS_LISTS.items():
        if (found := control.status.get(name, "")) and found.upper() not in words:
            yield Breach(name, f"/StatusRecord/{name}", expected=" or ".join(words), found=found)
    if (version := control.get("Version")) and version != "1.0":
        yield Breach("Version", "/Version", WARNING, expected="1.0", found=version)


def values_are_not_too_long(control: ControlFile) -> Iterator[Breach]:
    """MESH cuts or refuses what is longer."""
    for name, most in _LENGTHS.items():
        if len(control.get(name)) > most:
            yield Breach(f"length of {name}", f"/{name}", expected=f"at most {most}", found=len(control.get(name)))


def no_person_is_named(control: ControlFile) -> Iterator[Breach]:
    """Routing data carry no NHS number: they are kept and shown where payloads are not."""
    for name in ("LocalId", "Subject", "PartnerId", "ProcessId"):
        for found in _NUMBERS.findall(control.get(name)):
            digits = re.sub(r"\D", "", found)
            if nhs_number.is_valid(digits):
                yield Breach(
                    f"NHS number in {name}",
                    f"/{name}",
                    expected="no personal data",
                    found=nhs_number.masked(digits),
                    mend="Use an id of the file, not of a person.",
                )


CONTROL_RULES: Final[tuple[tuple[str, Callable[[ControlFile], Iterator[Breach]]], ...]] = (
    ("CPIS-UPL-006", says_what_it_must),
    ("CPIS-UPL-006", values_come_from_their_lists),
    ("CPIS-UPL-006", values_are_not_too_long),
    ("CPIS-IG-008", no_person_is_named),
)


def check_control_file(control: ControlFile) -> list[Finding]:
    """Judge a control file."""
    return [
        replace(finding, line=control.lines.get(finding.xpath.split("/")[2] if finding.xpath.count("/") > 1 else "", 1))
        for rule, breaches in CONTROL_RULES
        for finding in findings(rule, breaches(control), f"/{ROOT}")
    ]
