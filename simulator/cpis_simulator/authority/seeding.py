"""What a seeded fault is, and the table in which each registers itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from cpis_simulator.authority.system import CaseSystem


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
        several: It shows only in a product that serves several authorities.
    """

    name: str
    behaviour: str
    origin: Literal["rules", "checks"]
    requirements: tuple[str, ...]
    also: tuple[str, ...]
    tests: tuple[str, ...]
    kind: type[CaseSystem]
    several: bool = False


FAULTS: Final[dict[str, Fault]] = {}
"""Every fault by name; whole once `authority.faults` is imported."""


def seeded(
    name: str,
    requirements: str,
    *,
    also: str = "",
    tests: str,
    origin: Literal["rules", "checks"] = "checks",
    several: bool = False,
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
            several,
        )
        return kind

    return register
