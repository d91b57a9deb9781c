"""The table in which seeded faults of the bundled authority register themselves."""

from __future__ import annotations

from typing import Final

from cpis_simulator.authority.system import CaseSystem
from cpis_simulator.seeding import Faults

AUTHORITY_FAULTS: Final = Faults(CaseSystem, "cpis authority")
"""Whole once `authority.faults` is imported."""

seeded: Final = AUTHORITY_FAULTS.seeded
