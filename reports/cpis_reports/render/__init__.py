"""Reports, all made from `results.json` and the evidence beside it, and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cpis_reports.bundle import read_bundle
from cpis_reports.render.html import render_html
from cpis_reports.render.junit import render_junit

HTML: Final = "report.html"
JUNIT: Final = "junit.xml"


def write_reports(folder: Path) -> list[Path]:
    """Write every report of a run beside its record; returns the files.

    Raises:
        ConfigError: When the folder holds no run.
    """
    bundle = read_bundle(folder)
    written = []
    for name, text in (
        (HTML, render_html(bundle.results, bundle.evidence)),
        (JUNIT, render_junit(bundle.results)),
    ):
        file = folder / name
        file.write_text(text, encoding="utf-8", newline="\n")
        written.append(file)
    return written
