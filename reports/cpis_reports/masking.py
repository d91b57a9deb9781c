"""What a report may show of people: the run's own made-up ones, and of anybody else three digits.

A product may hold other people, synthetic or not, and their numbers and names cross the wire in full files.
A number of ten digits that the run did not make up is masked everywhere; in a message that holds one, so is
every name that is not the name of one of the run's own people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from lxml import etree

from cpis_reports.results import OwnPerson
from cpis_simulator.nhs_number import masked

LONGEST_SHOWN: Final = 20_000
"""Characters of a message that a report shows; the whole stands in the bundle."""

LARGEST_PARSED: Final = 500_000
"""Bytes of a message that a report still lays out; larger ones are shown as they are."""

_NUMBER: Final = re.compile(r"(?<![0-9])(?:[0-9]{10}|[0-9]{3}([ -])[0-9]{3}\1[0-9]{4})(?![0-9])")
_NAME_IN_XML: Final = re.compile(r"(<(?:[\w-]+:)?(?:given|family|prefix|suffix)\b[^>]*>)([^<]+)(?=<)")
_NAME_IN_JSON: Final = re.compile(r'("(?:given|family|name|worker)":\s*)"((?:[^"\\]|\\.)+)"')
_HIDDEN: Final = "•••"


class Mask:
    """Hides everybody but the run's own people."""

    def __init__(self, own: Iterable[OwnPerson]) -> None:
        """Know whom the run made up."""
        people = list(own)
        self._numbers = frozenset(person.nhs_number for person in people)
        self._words = frozenset(word for person in people for word in person.name.casefold().split())

    def text(self, text: str) -> str:
        """The text with foreign numbers masked."""
        return _NUMBER.sub(self._number, text)

    def message(self, body: bytes) -> str:
        """A message as people read it: laid out, cut when it is long, foreign people masked."""
        text = _laid_out(body)
        if any(not self._is_own(match[0]) for match in _NUMBER.finditer(text)):
            text = _NAME_IN_XML.sub(lambda m: m[1] + self._name(m[2]), text)
            text = _NAME_IN_JSON.sub(lambda m: f'{m[1]}"{self._name(m[2])}"', text)
        shown = self.text(text)
        if len(shown) > LONGEST_SHOWN:
            shown = f"{shown[:LONGEST_SHOWN]}\n… {len(shown) - LONGEST_SHOWN} more characters"
        return shown

    def _is_own(self, number: str) -> bool:
        return re.sub(r"[ -]", "", number) in self._numbers

    def _number(self, match: re.Match[str]) -> str:
        return match[0] if self._is_own(match[0]) else masked(re.sub(r"[ -]", "", match[0]))

    def _name(self, name: str) -> str:
        words = name.casefold().split()
        return name if words and all(word in self._words for word in words) else _HIDDEN


def _laid_out(body: bytes) -> str:
    """XML and JSON with one thing a line, anything else as it is."""
    if len(body) <= LARGEST_PARSED:
        start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start in (b"{", b"["):
            try:
                return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
            except ValueError:
                pass
        if start == b"<" and b"<!DOCTYPE" not in body:
            parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
            try:
                root = etree.fromstring(body, parser)
            except etree.XMLSyntaxError:
                pass
            else:
                return etree.tostring(root, pretty_print=True, encoding="unicode")
    wide = body.startswith((b"\xff\xfe", b"\xfe\xff"))  # Digits between zero bytes would escape the mask.
    return body.decode("utf-16" if wide else "utf-8", errors="replace")
