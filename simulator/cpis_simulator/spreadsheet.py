"""Tables as spreadsheets save them: in several encodings, and with commas, semicolons or tabulators.

Spreadsheets also rewrite what looks like a date or a long number, so that whoever reads a table checks its values.
"""

from __future__ import annotations

import codecs
import csv
import io
from typing import Final

_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_of(saved: bytes) -> str:
    """The text of a file: UTF-8, with a byte order mark or without; UTF-16 with one; else Windows-1252."""
    if saved.startswith(_MARKS):
        return saved.decode("utf-16", errors="replace")
    try:
        return saved.decode("utf-8-sig")
    except UnicodeDecodeError:
        return saved.decode("cp1252", errors="replace")


def lines_of(text: str) -> csv.DictReader[str]:
    """The rows of a table by the names in its first line, which tells what stands between two values."""
    first = text.split("\n", 1)[0]
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
