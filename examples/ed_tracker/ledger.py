"""What the tracker knows, in one SQLite file, behind one lock: patients, who sits at the desk, lookups, attendances."""

import json
import os
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

LOCK = threading.RLock()
SCHEMA = """
create table if not exists patient (
    id integer primary key, given text, family text, born text, number text, traced int, pregnant int);
create table if not exists desk (id integer primary key check (id = 1), session text);
create table if not exists lookup (
    id integer primary key, patient int, number text, event text, message text, envelope text unique, asked text,
    user text, role text, organisation text, silent int, status text, words text, view text default '{}');
create table if not exists attendance (id integer primary key, patient int, done int default 0);
"""

DATA = os.environ.get("TRACKER_DATA", "tracker.sqlite")

_open = {}
_ahead = timedelta()


def begin():
    """Open the file, and go on where it was left. Nothing that was in memory counts any more.

    Whoever waited for an answer is told that nothing is known. The answer may still come.
    """
    with LOCK:
        if "db" in _open:
            _open["db"].close()
        db = _open["db"] = sqlite3.connect(DATA, check_same_thread=False, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.executescript(SCHEMA)
        for waiting in rows("select id from lookup where status = 'pending'"):
            settle(
                waiting["id"], "unknown", "CP-IS status UNKNOWN: the tracker was stopped while it waited. Ask again."
            )


def set_clock(instant):
    """Let the clock show an instant and go on from it; None: the machine's time."""
    global _ahead
    _ahead = instant - datetime.now(UTC) if instant else timedelta()


def now():
    """What the clock shows, in UTC."""
    return datetime.now(UTC) + _ahead


def rows(query, *values):
    """All rows of a query."""
    with LOCK:
        return _open["db"].execute(query, values).fetchall()


def row(query, *values):
    """The first row, or None."""
    return next(iter(rows(query, *values)), None)


def add(table, **values):
    """A new row; gives its id."""
    marks = ", ".join("?" * len(values))
    with LOCK:
        made = _open["db"].execute(
            f"insert into {table} ({', '.join(values)}) values ({marks})", tuple(values.values())
        )
        return made.lastrowid


def session(new=None):
    """Who sits at the desk, None when nobody does; with a new one, that is kept first."""
    if new is not None:
        rows("insert or replace into desk values (1, ?)", json.dumps(new))
    found = row("select session from desk")
    return json.loads(found["session"]) if found else None


def leave():
    """Nobody sits at the desk."""
    rows("delete from desk")


def settle(lookup, status, words, **view):
    """What came of a lookup. The first answer that could be understood stays, whatever comes later."""
    change = "update lookup set status = ?, words = ?, view = ? where id = ? and status in ('pending', 'unknown')"
    rows(change, status, words, json.dumps(view), lookup)
