"""Files of people for the demographic service: who there is, and what happens to them."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from cpis_simulator.apps.operations import retold
from cpis_simulator.driving import Population
from cpis_simulator.errors import ConfigError


def read_population(path: Path) -> Population:
    """Read a population, as `cpis generate population` writes it.

    Raises:
        ConfigError: The file cannot be read, or is none.
    """
    try:
        return Population.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError("A population cannot be read", where=str(path), found=error.strerror) from error
    except ValidationError as error:
        found = "; ".join(retold(error))[:500]
        mend = "`cpis generate population` makes one to start from."
        raise ConfigError("A file is no population", where=str(path), found=found, mend=mend) from error
