"""Seeded faults of the service, as they are named; what each does is tried in tests/acceptance."""

from __future__ import annotations

import pytest

from cpis_simulator.apps.service_faults import plant
from cpis_simulator.errors import ConfigError
from cpis_simulator.service import register


def test_an_unknown_fault_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(ConfigError, match="retention-one-day-short"):
        plant(["retention-one-day-shorter"])


def test_two_faults_of_one_decision_cannot_be_combined_and_neither_is_planted() -> None:
    right = register.last_day
    with pytest.raises(ConfigError, match="cannot be combined"):
        plant(["retention-one-day-short", "retention-one-day-long"])
    assert register.last_day is right
