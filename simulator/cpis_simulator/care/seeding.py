"""The table in which seeded faults of the bundled care system register themselves."""

from __future__ import annotations

from typing import Final

from cpis_simulator.care.system import CareSystem
from cpis_simulator.seeding import Faults

CARE_FAULTS: Final = Faults(CareSystem, "cpis care")
"""Whole once `care.faults` is imported."""

seeded: Final = CARE_FAULTS.seeded
