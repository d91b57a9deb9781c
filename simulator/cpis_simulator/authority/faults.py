"""Seeded faults: ways in which a local authority's system may break the rules, each switched on by name."""

from __future__ import annotations

from typing import Final

# Imported for what they register.
from cpis_simulator.authority import faults_between, faults_by_mesh, faults_receiving, faults_sending
from cpis_simulator.authority.seeding import AUTHORITY_FAULTS

__all__ = ["FAULTS", "faults_between", "faults_by_mesh", "faults_receiving", "faults_sending", "faulty"]

FAULTS: Final = AUTHORITY_FAULTS.by_name
"""Every fault by name."""

faulty: Final = AUTHORITY_FAULTS.faulty
