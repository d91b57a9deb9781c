"""`docs/settings.md`: every setting with its default, its values and what it is for, made from `settings`.

`python -m cpis_cli.settings_page` writes the page; a test holds the two together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

PAGE: Final = Path(__file__).parents[2] / "docs" / "settings.md"

_HEAD: Final = """# Settings

Where no public document says what CP-IS does, the choice is a setting of `cpis.toml`, named as here:

```toml
[settings.data]
retention = 365
```

`cpis run` and `cpis serve` obey it. A report names on its cover each one that was changed, with the requirements that
it touches. This page is made by `python -m cpis_cli.settings_page`.
"""


def settings_page() -> str:
    """The whole page."""
    from cpis_simulator.settings import Settings

    parts = [_HEAD]
    for name, group in Settings.model_fields.items():
        kind = group.annotation
        assert isinstance(kind, type) and issubclass(kind, BaseModel), f"settings.{name} is no group"
        parts.append(f"\n## `{name}`\n\n{kind.__doc__}\n\n| setting | default | values | what it is for |\n")
        parts.append("| --- | --- | --- | --- |\n")
        parts += [f"| `{key}` | {_default(info)} | {_values(info)} | {_text(info)} |\n" for key, info in _fields(kind)]
    return "".join(parts)


def _fields(group: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return list(group.model_fields.items())


def _default(info: FieldInfo) -> str:
    value = info.default
    text = json.dumps(sorted(value) if isinstance(value, frozenset) else value, ensure_ascii=False)
    return f"`{text}`"


def _values(info: FieldInfo) -> str:
    """The words that it may be; of a list, the words that may stand in it."""
    words: tuple[Any, ...] = get_args(info.annotation)
    if info.annotation is bool:
        return "`true`, `false`"
    several = [w for word in words for w in get_args(word)]
    if several:
        return f"any of {', '.join(f'`{word}`' for word in several)}"
    if words:
        return ", ".join(f"`{word}`" for word in words)
    return "a number" if info.annotation in (int, float) else "a text"


def _text(info: FieldInfo) -> str:
    return (info.description or "").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
