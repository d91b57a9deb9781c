"""Seeded faults: ways in which a local authority's system may break the rules, each switched on by name.

A fault is a kind of `CaseSystem` that takes one decision differently, so that the wrong file or the missing alert comes
about as it would in a product. `tests` of the harness switch on each of them and expect `fail` on its requirements;
other requirements may fail only where `also` names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

# Imported for what they register.
from cpis_simulator.authority import faults_between, faults_receiving, faults_sending
from cpis_simulator.authority.seeding import FAULTS, Fault
from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.errors import ConfigError

__all__ = ["FAULTS", "Fault", "faults_between", "faults_receiving", "faults_sending", "faulty"]


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
