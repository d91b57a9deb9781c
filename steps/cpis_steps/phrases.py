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
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A step as testers may write it. `text` shows its free parts in angle brackets."""

    keyword: str
    text: str
    meaning: str
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
            c.parser,
        )
        for c in contexts
    ]
    order = {"Given": 0, "When": 1, "Then": 2}
    return tuple(sorted(found, key=lambda p: order.get(p.keyword, 3)))


def readable(pattern: str) -> str:
    """A pattern as people write it: free parts by name, alternatives with a bar."""
    text = re.sub(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)", r"<\1>", pattern)
    text = re.sub(r"\{(\w+)(?::\w)?\}", r"<\1>", text)
    return text.replace("(?:", "(").replace("[0-9]+", "<number>")


def nearest(text: str, count: int = 3) -> list[str]:
    """The phrases that come nearest to a text."""
    by_text = {p.text: p for p in phrases()}
    return difflib.get_close_matches(text, by_text, n=count, cutoff=0.0)
