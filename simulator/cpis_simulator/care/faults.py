"""Seeded faults: ways in which a care system may break the rules, each switched on by name."""

from __future__ import annotations

from typing import Final

# Imported for what they register.
from cpis_simulator.care import faults_asking, faults_showing
from cpis_simulator.care.seeding import CARE_FAULTS

__all__ = ["FAULTS", "faults_asking", "faults_showing", "faulty"]

FAULTS: Final = CARE_FAULTS.by_name
"""Every fault by name."""

faulty: Final = CARE_FAULTS.faulty
