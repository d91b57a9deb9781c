"""What an upload changes, set aside until it is known that the file as a whole is taken.

A file of its own beside the claim, so that the world is not touched, lookups go on and memory does not grow with the
upload. It need not survive a crash: the claim is then worked off anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cpis_simulator.codecs.acknowledgement import write_echo, write_result
from cpis_simulator.service.pds import Person
from cpis_simulator.service.register import Holding, UploadRegister
from cpis_simulator.service.uploads import Changes
from cpis_simulator.store import rows

_CREATE: Final = """
PRAGMA page_size = 16384;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16384;
CREATE TABLE holding (nhs_number TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX holdings ON holding (nhs_number);
CREATE TABLE person (nhs_number TEXT NOT NULL, given, family, birth_date, previous_names, sensitive, inactive,
  superseded_by, adopted, died);
CREATE INDEX persons ON person (nhs_number);
CREATE TABLE result (seq INTEGER PRIMARY KEY, xml TEXT NOT NULL);
CREATE TABLE echo (seq INTEGER PRIMARY KEY, xml TEXT NOT NULL);
"""
_MANY: Final = 1000


class Spool:
    """The changes of one file.

    Args:
        path: A file that is not there yet; removed by `close`.
    """

    def __init__(self, path: Path) -> None:
        """Make it; what a crash left there is worth nothing."""
        self._path = path
        path.unlink(missing_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.executescript(_CREATE)
        self._file.execute("BEGIN")
        self._has_learned = False

    def keep(self, changes: Changes) -> None:
        """Add what some records change; where a holding has several states, the last one counts."""
        self._has_learned = self._has_learned or bool(changes.learned)
        run = self._file.executemany
        run(
            "INSERT INTO holding VALUES (?, ?)",
            ((number, rows.write_holding(holding)) for number, holding in changes.holdings.items()),
        )
        run(
            "INSERT INTO person VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (rows.write_person(person) for person in changes.learned.values()),
        )
        run("INSERT INTO result (xml) VALUES (?)", ((write_result(result),) for result in changes.results))
        run("INSERT INTO echo (xml) VALUES (?)", ((write_echo(echo),) for echo in changes.echoes))

    def holdings_of(self, nhs_numbers: Collection[str]) -> dict[str, Holding]:
        """The holdings under these numbers that the file has changed so far."""
        return {number: rows.read_holding(number, body) for number, body in self._among("holding", nhs_numbers)}

    def people(self, nhs_numbers: Collection[str]) -> dict[str, Person]:
        """The people among these numbers that were learned from the file so far."""
        if not self._has_learned:
            return {}
        return {row[0]: rows.read_person(row) for row in self._among("person", nhs_numbers)}

    def holding_rows(self, ods_code: str) -> Iterator[tuple[str, str, str]]:
        """Number, authority and body of each changed holding, as the world stores it; later states come later."""
        yield from self._file.execute("SELECT nhs_number, ?, body FROM holding ORDER BY rowid", (ods_code,))

    def learned(self) -> Iterator[rows.PersonRow]:
        """Everybody that was learned, as the world stores it."""
        yield from self._file.execute("SELECT * FROM person")

    def results(self) -> Iterator[str]:
        """The results of failed records as the acknowledgement has them."""
        for (xml,) in self._file.execute("SELECT xml FROM result ORDER BY seq"):
            yield xml

    def echoes(self) -> Iterator[str]:
        """The repeated records as the acknowledgement has them."""
        for (xml,) in self._file.execute("SELECT xml FROM echo ORDER BY seq"):
            yield xml

    def close(self) -> None:
        """Let go of the file and remove it."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _among(self, table: str, nhs_numbers: Collection[str]) -> Iterator[Any]:
        listed = list(nhs_numbers)
        for first in range(0, len(listed), _MANY):
            part = listed[first : first + _MANY]
            marks = ",".join("?" * len(part))
            # Table and marks are ours; the values are bound.
            query = f"SELECT * FROM {table} WHERE nhs_number IN ({marks}) ORDER BY rowid"
            yield from self._file.execute(query, part)


class SpooledRegister:
    """A register on which what the file has changed so far lies over what is held.

    Args:
        register: What is held.
        spool: What the file has changed.
    """

    def __init__(self, register: UploadRegister, spool: Spool) -> None:
        """Remember both."""
        self._register = register
        self._spool = spool

    def people(self, nhs_numbers: Collection[str]) -> Mapping[str, Person]:
        """The people among these numbers."""
        return {**self._register.people(nhs_numbers), **self._spool.people(nhs_numbers)}

    def holdings_of(self, ods_code: str, nhs_numbers: Collection[str]) -> Mapping[str, Holding]:
        """The sending authority's holdings under these numbers."""
        return {**self._register.holdings_of(ods_code, nhs_numbers), **self._spool.holdings_of(nhs_numbers)}

    def is_pds_available(self) -> bool:
        """As held."""
        return self._register.is_pds_available()

    def last_file_number(self, ods_code: str) -> int | None:
        """As held."""
        return self._register.last_file_number(ods_code)

    def standing_of_file(self, ods_code: str, file_id: str) -> str | None:
        """As held."""
        return self._register.standing_of_file(ods_code, file_id)
