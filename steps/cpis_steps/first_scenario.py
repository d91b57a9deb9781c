"""The scenario that `cpis new scenario` writes: one that works, with what a tester needs to change it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cpis_simulator.errors import ConfigError

TEXT: Final = """\
# A scenario of your own: words that people can read aloud, and that cpis can play.
#
#   cpis steps child plan        finds steps with these words; `cpis steps` alone lists all of them
#   cpis run --check {shown}     starts nothing: steps that do not exist, with the three nearest
#   cpis run {shown}             plays it against the bundled system; with --config cpis.toml against yours
#
# It is reported in a chapter of its own. Whatever becomes of it, what the suite says of a product stays as it is.

Feature: What we look at ourselves

  # The title says the rule, and no other scenario of the file has the same. Tags of your own begin with @own-, and
  # `cpis run {shown} --tag own-first` plays what carries one.
  @own-first
  Scenario: An emergency department sees a looked-after child, and the authority is told
    # Given: how the world is before anything happens. People are made up anew in each run, and go by their role: "the
    # child". Where the step has <section>, you choose.
    Given a looked-after child under section 20
    And the service has stored the authority's file
    # When: the one event. `cpis steps looks up` says who can look somebody up.
    When an emergency department looks the child up
    # Then: what can be seen from outside. Only these lines can fail, and each says why.
    Then the answer holds the child's plan
    And the access is on the child's file once, with who, where and when
"""


def write_first_scenario(file: Path) -> None:
    """Write it, where nothing stands yet.

    Raises:
        ConfigError: Something stands there, or it cannot be written.
    """
    if file.suffix != ".feature":
        mend = f"Name it {file.with_suffix('.feature').name}."
        raise ConfigError("A feature file ends in .feature", where=str(file), mend=mend)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(TEXT.format(shown=file))
    except FileExistsError as error:
        raise ConfigError("There is such a file already", where=str(file), mend="Name another one.") from error
    except OSError as error:
        raise ConfigError("It cannot be written", where=str(file), found=error.strerror or str(error)) from error
