"""What a seeded fault of a bundled system is, and the table in which each registers itself.

A fault is a kind of system that takes one decision differently, so that the wrong file, query or screen comes about as
it would in a product. `tests` of the harness switch on each of them and expect `fail` on its requirements; other
requirements may fail only where `also` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, Literal, TypeVar

from cpis_simulator.errors import ConfigError

K = TypeVar("K")

Origin = Literal["rules", "checks"]
"""`rules`: drawn up from the rules by somebody who had not seen the checks; `checks`: added with them."""


@dataclass(frozen=True, slots=True)
class Fault(Generic[K]):
    """A fault.

    Attributes:
        name: As on the command line.
        behaviour: What the system does wrong.
        origin: What it was drawn up from.
        requirements: Ids that must be noticed as broken.
        also: Ids that may fail as a consequence.
        tests: Catalogue tests that can notice it.
        kind: The system that has it.
        several: It shows only in a product that serves several authorities.
        by_mesh: The suite can notice it only where files cross by MESH.
    """

    name: str
    behaviour: str
    origin: Origin
    requirements: tuple[str, ...]
    also: tuple[str, ...]
    tests: tuple[str, ...]
    kind: type[K]
    several: bool = False
    by_mesh: bool = False


class Faults(Generic[K]):
    """The seeded faults of one bundled system, by name.

    Args:
        base: The system without any.
        command: That lists them with `--list-faults`.
    """

    def __init__(self, base: type[K], command: str) -> None:
        """Empty until the modules of faults are imported."""
        self._base = base
        self._command = command
        self.by_name: dict[str, Fault[K]] = {}

    def seeded(
        self,
        name: str,
        requirements: str,
        *,
        also: str = "",
        tests: str,
        origin: Origin = "checks",
        several: bool = False,
        by_mesh: bool = False,
    ) -> Callable[[type[K]], type[K]]:
        """Register a kind of system as a fault; its docstring says what it does. Ids are written without `CPIS-`."""

        def register(kind: type[K]) -> type[K]:
            self.by_name[name] = Fault(
                name,
                " ".join((kind.__doc__ or "").split()),
                origin,
                tuple(f"CPIS-{short}" for short in requirements.split()),
                tuple(f"CPIS-{short}" for short in also.split()),
                tuple(tests.split()),
                kind,
                several,
                by_mesh,
            )
            return kind

        return register

    def faulty(self, names: Sequence[str]) -> type[K]:
        """The system with these faults; without any, the system.

        Raises:
            ConfigError: A name is unknown, or two faults change the same decision.
        """
        kinds: list[type[K]] = []
        taken: dict[str, str] = {}
        for name in dict.fromkeys(names):
            if (fault := self.by_name.get(name)) is None:
                nearest = get_close_matches(name, self.by_name, n=3)
                raise ConfigError(
                    "Unknown fault",
                    found=name,
                    expected=f"one of {', '.join(nearest)}" if nearest else "a name of --list-faults",
                    mend=f"`{self._command} --list-faults` lists them.",
                )
            for decision in vars(fault.kind):
                if not decision.startswith("__") and (other := taken.setdefault(decision, name)) != name:
                    raise ConfigError(f"The faults {other} and {name} cannot be combined", mend="Run them one by one.")
            kinds.append(fault.kind)
        return type("FaultySystem", (*kinds,), {}) if kinds else self._base
