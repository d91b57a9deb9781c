"""Checks: what is looked at, and how it is judged. Every module of this folder is a page of them."""

from __future__ import annotations

import importlib
import pkgutil

from cpis_reports.checks.registry import CHECKS, Check, Judgement, run_check

__all__ = ["CHECKS", "Check", "Judgement", "run_check"]

# Importing a module registers its checks; a check must be known wherever a recorded run is judged again.
for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
