"""Seeded faults: ways in which a local authority's system may break the rules, each switched on by name.

A fault is a kind of `CaseSystem` that takes one decision differently, so that the wrong file or the missing alert comes
about as it would in a product. `tests` of the harness switch on each of them and expect `fail` on its requirements;
other requirements may fail only where `also` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Final, Literal

from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault.

    Attributes:
        name: As on the command line.
        behaviour: What the system does wrong.
        origin: `rules`: drawn up from the rules by somebody who had not seen the checks; `checks`: added with them.
        requirements: Ids that must be noticed as broken.
        also: Ids that may fail as a consequence.
        tests: Catalogue tests that can notice it.
        kind: The system that has it.
    """

    name: str
    behaviour: str
    origin: Literal["rules", "checks"]
    requirements: tuple[str, ...]
    also: tuple[str, ...]
    tests: tuple[str, ...]
    kind: type[CaseSystem]


FAULTS: Final[dict[str, Fault]] = {}


def seeded(
    name: str,
    requirements: str,
    *,
    also: str = "",
    tests: str,
    origin: Literal["rules", "checks"] = "checks",
) -> Callable[[type[CaseSystem]], type[CaseSystem]]:
    """Register a kind of system as a fault; its docstring says what it does. Ids are written without `CPIS-`."""

    def register(kind: type[CaseSystem]) -> type[CaseSystem]:
        FAULTS[name] = Fault(
            name,
            " ".join((kind.__doc__ or "").split()),
            origin,
            tuple(f"CPIS-{short}" for short in requirements.split()),
            tuple(f"CPIS-{short}" for short in also.split()),
            tuple(tests.split()),
            kind,
        )
        return kind

    return register


def faulty(names: Sequence[str]) -> type[CaseSystem]:
    """The system with these faults; without any, the system.

    Raises:
        ConfigError: A name is unknown, or two faults change the same decision.
    """
    kinds: list[type[CaseSystem]] = []
    taken: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if (fault := FAULTS.get(name)) is None:
            nearest = get_close_matches(name, FAULTS, n=3)
            raise ConfigError(
                "Unknown fault",
                found=name,
                expected=f"one of {', '.join(nearest)}" if nearest else "a name of --list-faults",
                mend="`cpis authority --list-faults` lists them.",
            )
        for decision in vars(fault.kind):
            if not decision.startswith("__") and (other := taken.setdefault(decision, name)) != name:
                raise ConfigError(f"The faults {other} and {name} cannot be combined", mend="Run them one by one.")
        kinds.append(fault.kind)
    return type("FaultySystem", (*kinds,), {}) if kinds else CaseSystem


# Last, since they register themselves here.
import_module("cpis_simulator.authority.faults_sending")
import_module("cpis_simulator.authority.faults_receiving")
