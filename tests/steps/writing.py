"""Feature files made up for a test."""

from pathlib import Path

GOOD = """\
Feature: Lookups

  @lookup
  Scenario: A child on a plan is found
    Given a child on a child protection plan
    When an emergency department looks the child up
    Then the answer holds the child's plan
"""
"""A feature that no rule finds fault with, to be broken in one place."""


def write_feature(folder: Path, text: str, name: str = "lookup/own.feature") -> Path:
    """Put a feature file into a folder; its parent is its flow."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file.resolve()
