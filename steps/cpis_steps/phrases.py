"""The step vocabulary: every phrase with its meaning, and which phrase a text comes nearest to."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pytest_bdd.steps import step_function_context_registry

from cpis_fixtures.care_settings import CARE_SETTINGS

STEP_MODULES = (
    "cpis_steps.people",
    "cpis_steps.file_drop",
    "cpis_steps.replies",
    "cpis_steps.lookups",
    "cpis_steps.weather",
    "cpis_steps.care_desk",
    "cpis_steps.return_message",
    "cpis_steps.broken_replies",
    "cpis_steps.second_authority",
    "cpis_steps.sharing",
    "cpis_steps.asking",
    "cpis_steps.by_mesh",
)

_FREE_PART = re.compile(r"\(\?P<(\w+)>([^()]*(?:\([^()]*\)[^()]*)*)\)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A step as testers may write it.

    Attributes:
        keyword: Given, When or Then.
        text: Free parts in angle brackets, what may be left out in square ones, alternatives with a bar.
        meaning: First line of the step's documentation.
        parts: What a free part may be, by name, unless it may be any words.
        group: What the module is about in which it stands.
        parser: Decides whether a text is this phrase.
    """

    keyword: str
    text: str
    meaning: str
    parts: Mapping[str, tuple[str, ...]]
    group: str
    parser: Any

    @property
    def choices(self) -> str:
        """What its free parts may be, a sentence for each; empty where each takes any words."""
        return "".join(f" `<{name}>`: {', '.join(of)}." for name, of in self.parts.items())

    def has(self, word: str) -> bool:
        """A word of somebody's stands in it: in its words, with or without what may be left out, or in its meaning."""
        whole = self.text.replace("[", "").replace("]", "")
        short = re.sub(r"\[[^\[\]]*\]", "", self.text)
        settings = " ".join(s.words() for s in CARE_SETTINGS) if "<setting>" in self.text else ""
        everything = " ".join((self.text, whole, short, self.meaning, self.choices, settings))
        return word.lower() in everything.lower()

    def fits(self, text: str) -> bool:
        """The text is this phrase."""
        return bool(self.parser.is_matching(text))


@cache
def phrases() -> tuple[Phrase, ...]:
    """All phrases, Given first, each in the order of its module."""
    for name in STEP_MODULES:
        importlib.import_module(name)
    contexts = [c for c in step_function_context_registry.values() if c.step_func.__module__ in STEP_MODULES]
    contexts.sort(key=lambda c: (STEP_MODULES.index(c.step_func.__module__), c.step_func.__code__.co_firstlineno))
    found = [
        Phrase(
            str(c.type).title(),
            readable(c.parser.name),
            (inspect.getdoc(c.step_func) or "").splitlines()[0],
            free_parts(c.parser.name),
            (inspect.getdoc(inspect.getmodule(c.step_func)) or "").splitlines()[0],
            c.parser,
        )
        for c in contexts
    ]
    order = {"Given": 0, "When": 1, "Then": 2}
    return tuple(sorted(found, key=lambda p: order.get(p.keyword, 3)))


def readable(pattern: str) -> str:
    """A pattern as people write it: `<free part>`, `[may be left out]`, `(one|or the other)`."""
    text = _FREE_PART.sub(lambda part: _as_written(part[1], part[2]), pattern)
    text = re.sub(r"\{(\w+)(?::\w)?\}", r"<\1>", text)
    text = text.replace("(?:", "(").replace("[0-9]+", "<number>").replace("[a-z ]+", "<words>")
    text = re.sub(r"\(([^()]*)\)\?", r"[\1]", text)
    return re.sub(r"(\w)\?", r"[\1]", text)


def _as_written(name: str, inner: str) -> str:
    """A part by its name; one that leaves no choice, or only whether to say it, as its words."""
    words = inner.removeprefix("|")
    if re.search(r"[^\w' ]", words):
        return f"<{name}>"
    return f"[{words}]" if inner.startswith("|") else words


def free_parts(pattern: str) -> dict[str, tuple[str, ...]]:
    """What the free parts of a pattern may be, by name; those that take any words are left out."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(re.findall(r"\{(\w+):d\}", pattern), ("a number",))
    for name, inner in _FREE_PART.findall(pattern):
        if _as_written(name, inner) == f"<{name}>" and (choices := _choices(inner)):
            found[name] = choices
    return found


def _choices(inner: str) -> tuple[str, ...]:
    """The alternatives of a free part, a set of digits as one for each digit; empty when it takes any words."""
    if inner == "[0-9]+":
        return ("a number",)
    found: list[str] = []
    for choice in inner.replace(".*", "… ").split("|"):
        stem, _, digits = choice.rstrip("]").partition("[")
        if re.fullmatch(r"[0-9]-[0-9]", digits):
            digits = "".join(map(str, range(int(digits[0]), int(digits[2]) + 1)))
        found += [f"{stem}{digit}" for digit in digits] if digits else [choice]
    if any(re.search(r"[^\w' …]", choice) for choice in found):
        return ()
    return tuple(choice.strip() or "nothing" for choice in found)


def nearest(text: str, count: int = 3, *, keyword: str = "") -> list[str]:
    """The phrases that come nearest to a text: by the words they share, then by spelling.

    Args:
        keyword: Given, When or Then, where no other phrase could stand in its place.
    """

    def closeness(phrase: Phrase) -> float:
        fixed = re.sub(r"<\w+>", " ", phrase.text)
        said, meant = set(re.findall(r"[\w-]+", text.lower())), set(re.findall(r"[\w-]+", fixed.lower()))
        shared = len(said & meant) / max(len(meant), 1)
        return shared + difflib.SequenceMatcher(None, fixed, text).ratio()

    fitting = [p for p in phrases() if not keyword or p.keyword in (keyword, "None")]
    return [p.text for p in sorted(fitting, key=closeness, reverse=True)[:count]]
