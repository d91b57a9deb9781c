"""The step vocabulary: every phrase with its meaning, and which phrase a text comes nearest to."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from pytest_bdd.steps import step_function_context_registry

STEP_MODULES = (
    "cpis_steps.people",
    "cpis_steps.file_drop",
    "cpis_steps.replies",
    "cpis_steps.lookups",
    "cpis_steps.return_message",
    "cpis_steps.broken_replies",
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A step as testers may write it.

    Attributes:
        keyword: Given, When or Then.
        text: Free parts in angle brackets, what may be left out in square ones, alternatives with a bar.
        meaning: First line of the step's documentation.
        parts: What each free part may be, where it is not free text.
        parser: Decides whether a text is this phrase.
    """

    keyword: str
    text: str
    meaning: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]
    parser: Any

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
            c.parser,
        )
        for c in contexts
    ]
    order = {"Given": 0, "When": 1, "Then": 2}
    return tuple(sorted(found, key=lambda p: order.get(p.keyword, 3)))


_FREE_PART = re.compile(r"\(\?P<(\w+)>([^()]*(?:\([^()]*\)[^()]*)*)\)")


def readable(pattern: str) -> str:
    """A pattern as people write it: `<free part>`, `[may be left out]`, `(one|or the other)`."""
    text = _FREE_PART.sub(r"<\1>", pattern)
    text = re.sub(r"\{(\w+)(?::\w)?\}", r"<\1>", text)
    text = text.replace("(?:", "(").replace("[0-9]+", "<number>").replace("[a-z ]+", "<words>")
    text = re.sub(r"\(([^()]*)\)\?", r"[\1]", text)
    return re.sub(r"(\w)\?", r"[\1]", text)


def free_parts(pattern: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the free parts of a pattern may be, by name; those that take any words are left out."""
    found = [(name, "a number") for name in re.findall(r"\{(\w+):d\}", pattern)]
    found += [(name, "|".join(_spelled_out(inner))) for name, inner in _FREE_PART.findall(pattern)]
    return tuple((name, tuple(choices.split("|"))) for name, choices in found if not re.search(r"[\[\]*+?]", choices))


def _spelled_out(inner: str) -> list[str]:
    """The alternatives of a free part; a set of digits as one alternative a digit."""
    if inner == "[0-9]+":
        return ["a number"]
    found: list[str] = []
    for choice in inner.replace(".*", "… ").split("|"):
        digits = re.fullmatch(r"(\w+)\[([0-9])-?([0-9]*)\]", choice)
        if digits is None:
            found.append(choice.strip() or "nothing")
        elif "-" in choice:
            found += [f"{digits[1]}{n}" for n in range(int(digits[2]), int(digits[3]) + 1)]
        else:
            found += [f"{digits[1]}{n}" for n in digits[2] + digits[3]]
    return found


def nearest(text: str, count: int = 3) -> list[str]:
    """The phrases that come nearest to a text."""
    by_text = {p.text: p for p in phrases()}
    return difflib.get_close_matches(text, by_text, n=count, cutoff=0.0)
