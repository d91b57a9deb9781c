"""Hands the feature files to pytest-bdd: those of the run's plan, or the whole suite."""

from pytest_bdd import scenarios

from cpis_steps.selection import planned_features

for _file in planned_features():
    scenarios(str(_file))
