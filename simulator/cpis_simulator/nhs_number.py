"""NHS numbers: ten digits, the last of them a modulus-11 check digit.

Source: CP-IS rules DAT-029 and DAT-030; NHS data dictionary, NHS NUMBER.
"""

from __future__ import annotations

from functools import lru_cache
from operator import mul
from typing import Final

_WEIGHTS: Final = range(10, 1, -1)
_ZEROS: Final = ord("0") * sum(_WEIGHTS)
"""What the weighted sum of the digits' codes is more than that of the digits."""

TEST_RANGE: Final = "999"
"""Prefix of the range that is never issued to a person."""


def check_digit(nine: str) -> int | None:
    """The check digit of nine leading digits, or None where no number exists (it would be 10)."""
    digit = 11 - (sum(map(mul, _WEIGHTS, nine.encode())) - _ZEROS) % 11
    return None if digit == 10 else digit % 11


@lru_cache(maxsize=4096)
def is_valid(nhs_number: str) -> bool:
    """Ten ASCII digits with a right check digit."""
    return (
        len(nhs_number) == 10
        and nhs_number.isascii()
        and nhs_number.isdigit()
        and check_digit(nhs_number[:9]) == int(nhs_number[9])
    )


def is_synthetic(nhs_number: str, prefix: str = TEST_RANGE) -> bool:
    """A valid number of the test range."""
    return nhs_number.startswith(prefix) and is_valid(nhs_number)


def masked(nhs_number: str) -> str:
    """The form that logs and reports may show: the last three digits."""
    return "•" * max(len(nhs_number) - 3, 0) + nhs_number[-3:]
