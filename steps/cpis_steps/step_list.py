"""`docs/steps.md`, made from the steps' docstrings; `cpis steps --markdown` prints it."""

from __future__ import annotations

from itertools import groupby

from cpis_fixtures.care_settings import CARE_SETTINGS
from cpis_steps.phrases import Phrase, phrases

HEAD = """\
# Steps

Every step that a feature file may use. Made from the steps' docstrings by `cpis steps --markdown`; change it there.
`cpis steps WORDS` searches this list, and a step that does not exist is answered with the three nearest.

`<name>` stands for words of yours, `(one|other)` for one of the two, and what stands in `[ ]` may be left out. People
go by the role in which a Given brought them in, such as `child`, `second child`, `mother`, `first twin`.
"""

MEANINGS = {
    "Given": "The state of the world before the event.",
    "When": "The one event of the scenario.",
    "Then": "What can be seen from outside afterwards. Each calls checks, and only they decide.",
}


def step_list() -> str:
    """The page: phrases by keyword and theme, then the care settings."""
    parts = [HEAD]
    for keyword, of_keyword in groupby(phrases(), key=lambda p: p.keyword):
        parts.append(f"## {keyword}\n\n{MEANINGS[keyword]}\n")
        for group, members in groupby(of_keyword, key=lambda p: p.group):
            theme = group.removeprefix("Steps of ").rstrip(".")
            parts.append(f"### {theme[0].upper()}{theme[1:]}\n")
            parts.append("\n".join(map(_entry, members)) + "\n")
    parts.append("## Care settings\n\nWho looks up (`<setting>`), and by which other words.\n")
    parts += [f"{line}\n" for line in settings()]
    return "\n".join(parts)


def _entry(phrase: Phrase) -> str:
    return f"- `{phrase.text}`  \n  {phrase.meaning}{phrase.choices}"


def settings() -> tuple[str, str]:
    """The care settings, unscheduled and scheduled, each by all its words."""
    return _settings(scheduled=False), _settings(scheduled=True)


def _settings(*, scheduled: bool) -> str:
    told = "read silently" if scheduled else "the authority is told"
    named = [s.words() for s in CARE_SETTINGS if s.scheduled is scheduled]
    return f"{'Scheduled' if scheduled else 'Unscheduled'}, {told}: {'; '.join(named)}."
