"""The scenarios of feature files: one entry a scenario or row of an outline, with its id, tags and steps.

pytest-bdd's own view leaves out tags of features and examples and what was not reached, so ids, tags and steps come
from the parsed file, and what was recorded is compared with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gherkin.errors import CompositeParserException
from gherkin.parser import Parser

from cpis_simulator.errors import ConfigError

TEST_TAG = re.compile(r"(FD|AK|LK|NT|IN|SA|RL|EE|MF)-[0-9]{2}")
REQUIREMENT_TAG = re.compile(r"CPIS-[A-Z]+-[0-9]{3}")


@dataclass(frozen=True, slots=True)
class FeatureStep:
    """A step as executed: `keyword` as written, example values filled in."""

    keyword: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class FeatureScenario:
    """A scenario, or one row of an outline."""

    id: str
    flow: str
    file: Path
    feature: str
    name: str
    line: int
    tags: tuple[str, ...]
    steps: tuple[FeatureStep, ...]
    example: tuple[tuple[str, str], ...] = ()

    @property
    def test(self) -> str | None:
        """Its catalogue test, from the tag."""
        return next((t for t in self.tags if TEST_TAG.fullmatch(t)), None)

    @property
    def requirements(self) -> list[str]:
        """Its requirement tags."""
        return [t for t in self.tags if REQUIREMENT_TAG.fullmatch(t)]


def scenario_id(file: Path, name: str, example: Mapping[str, str]) -> str:
    """`<flow>/<feature file stem>/<slug of the name>`, and for a row eight hex digits of its cells."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    base = f"{file.parent.name}/{file.stem}/{slug}"
    if not example:
        return base
    cells = "\n".join(f"{column}={cell}" for column, cell in sorted(example.items()))
    return f"{base}~{hashlib.sha256(cells.encode()).hexdigest()[:8]}"


def suite_folder() -> Path:
    """Where the accreditation suite's feature files stand."""
    import cpis_features

    return Path(cpis_features.__file__).resolve().parent


def is_own(file: Path) -> bool:
    """It is none of the suite's files: somebody's own."""
    return suite_folder() not in file.resolve().parents


def feature_files(paths: Iterable[Path]) -> list[Path]:
    """Feature files of files and folders, each once, in order.

    Raises:
        ConfigError: For a path that does not exist or holds no feature file.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise ConfigError("No such feature file or folder", where=str(path))
        files = sorted(path.rglob("*.feature")) if path.is_dir() else [path]
        if not files:
            raise ConfigError("No feature file in this folder", where=str(path))
        found.update(dict.fromkeys(f.resolve() for f in files))
    return list(found)


@cache
def read_feature(file: Path) -> tuple[FeatureScenario, ...]:
    """All scenarios of a file.

    Raises:
        ConfigError: When it cannot be read or is no Gherkin; with line and reason.
    """
    try:
        document: Any = Parser().parse(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        mend = "Save it as UTF-8."
        raise ConfigError(
            "The feature file is no UTF-8 text", where=f"{file}, byte {error.start}", mend=mend
        ) from error
    except OSError as error:
        raise ConfigError("The feature file cannot be read", where=str(file), found=error.strerror) from error
    except CompositeParserException as error:
        first = error.errors[0]
        raise ConfigError(
            "The feature file is no Gherkin",
            where=f"{file}, line {first.location['line']}",
            found=str(first).split(": ", 1)[-1],
        ) from error
    feature = document.get("feature")
    if feature is None:
        raise ConfigError("The feature file is empty", where=str(file))
    tags = _tags(feature)
    scenarios: list[FeatureScenario] = []
    background: list[Any] = []
    for child in feature["children"]:
        if "rule" in child:
            inner = list(background)
            for part in child["rule"]["children"]:
                if "background" in part:
                    inner += part["background"]["steps"]
                else:
                    scenarios += _scenarios(part["scenario"], file, feature["name"], tags + _tags(child["rule"]), inner)
        elif "background" in child:
            background += child["background"]["steps"]
        else:
            scenarios += _scenarios(child["scenario"], file, feature["name"], tags, background)
    return tuple(scenarios)


def suite() -> tuple[FeatureScenario, ...]:
    """All scenarios of the accreditation suite, in the order of their files."""
    return tuple(s for file in feature_files([suite_folder()]) for s in read_feature(file))


def _scenarios(
    node: Any, file: Path, feature: str, tags: tuple[str, ...], background: list[Any]
) -> list[FeatureScenario]:
    own = tags + _tags(node)
    rows: list[tuple[dict[str, str], tuple[str, ...], int]] = []
    for examples in node["examples"]:
        header = [c["value"] for c in examples["tableHeader"]["cells"]] if examples.get("tableHeader") else []
        for row in examples["tableBody"]:
            cells = dict(zip(header, (c["value"] for c in row["cells"]), strict=True))
            rows.append((cells, own + _tags(examples), row["location"]["line"]))
    if not node["examples"]:
        rows.append(({}, own, node["location"]["line"]))
    return [
        FeatureScenario(
            id=scenario_id(file, node["name"], cells),
            flow=file.parent.name,
            file=file,
            feature=feature,
            name=_filled(node["name"], cells),
            line=line,
            tags=row_tags,
            steps=tuple(
                FeatureStep(s["keyword"].strip(), _filled(s["text"], cells), s["location"]["line"])
                for s in [*background, *node["steps"]]
            ),
            example=tuple(sorted(cells.items())),
        )
        for cells, row_tags, line in rows
    ]


def _tags(node: Any) -> tuple[str, ...]:
    return tuple(t["name"].removeprefix("@") for t in node["tags"])


def _filled(text: str, cells: Mapping[str, str]) -> str:
    return re.sub(r"<([^<>]+)>", lambda m: cells.get(m[1], m[0]), text)
