"""One SQLite file that holds everything; whatever happens is one transaction, also between processes."""

import os
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ODS = os.environ.get("COUNCIL_ODS", "Z90")
NAME = os.environ.get("COUNCIL_NAME", "LARKFIELD TEST COUNCIL")
OFFICE = os.environ.get("COUNCIL_OFFICE", "01632 960 090")
EMERGENCY = os.environ.get("COUNCIL_EMERGENCY", "01632 960 091")
DROP = Path(os.environ.get("COUNCIL_DROP", "drop"), ODS)
DATA = Path(os.environ.get("COUNCIL_DATA", "council.sqlite"))

TRIAGE = "MASH duty desk"
DESK = "CP-IS desk"
FIRST_FILE = 41_200
STOPPED = "The NHS number is no longer in use. Enter the new one."

SCHEMA = """
pragma journal_mode = wal;
create table if not exists person (
    id integer primary key, given text, family text, born text, number text, local_id text unique,
    stopped int default 0, adult int default 0, forced int default 0, worker text, team text, closed_on text,
    problem text);
create table if not exists former_number (number text, person int);
create table if not exists plan (
    id integer primary key, person int, kind text, start text, due text, ended text, withdrawn text, section text,
    notes text, sent text, file int, result text default 'never sent', acknowledged text);
create table if not exists file (
    id integer primary key, made text, state text default 'open', code text, stored int, failed int, acknowledged text,
    disputed int default 0, warned int default 0);
create table if not exists file_record (file int, place int, person int, number text, mother_only int, plans text);
create table if not exists task (
    id integer primary key, person int, number text, file int, code text, meaning text, detail_code text,
    detail_text text, raised text, next_action text, open int default 1, plans text);
create table if not exists alert (
    id integer primary key, kind text, recipient text, team text, person int, file text, event text, raised text,
    text text);
create table if not exists visit (
    id integer primary key, person int, event text, number text, accessed text, worker text, role text,
    organisation text, text text);
create table if not exists oddity (
    id integer primary key, kind text, text text, person int, number text, file text, event text, worker text,
    organisation text, accessed text, open int default 1);
create table if not exists received (name text, digest text, primary key (name, digest));
create table if not exists setting (name text primary key, value text);
create index if not exists plan_person on plan (person);
create index if not exists plan_file on plan (file);
create index if not exists record_file on file_record (file);
"""


class Refused(Exception):
    """What somebody wants to do makes no sense; the message says why."""


def set_up():
    """Make folders and tables, once."""
    for folder in ("upload", "response", "read", "unreadable"):
        (DROP / folder).mkdir(parents=True, exist_ok=True)
    DATA.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(DATA)
    db.executescript(SCHEMA)
    for name, value in (
        ("office", OFFICE),
        ("emergency", EMERGENCY),
        ("next_file", FIRST_FILE),
        ("header_problem", ""),
    ):
        db.execute("insert or ignore into setting values (?, ?)", (name, str(value)))
    db.commit()
    db.close()


@contextmanager
def event():
    """A connection for one event: kept whole, or not at all."""
    db = sqlite3.connect(DATA, timeout=30, isolation_level=None)
    db.row_factory = sqlite3.Row
    try:
        db.execute("begin immediate")
        yield db
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
    finally:
        db.close()


def now():
    """This instant, as it is kept: ISO, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def insert(db, table, **values):
    """Add a row; gives its id."""
    marks = ", ".join("?" * len(values))
    return db.execute(f"insert into {table} ({', '.join(values)}) values ({marks})", tuple(values.values())).lastrowid


def setting(db, name, value=None):
    """What a setting holds; with a value, keep that first."""
    if value is not None:
        db.execute("update setting set value = ? where name = ?", (value, name))
    return db.execute("select value from setting where name = ?", (name,)).fetchone()["value"]


def tell(db, kind, text, recipient=DESK, **about):
    """Put an alert before somebody."""
    insert(db, "alert", kind=kind, text=text, recipient=recipient, raised=now(), **about)


def keep(db, kind, text, **about):
    """Keep what could not be filed, for a person to look at."""
    insert(db, "oddity", kind=kind, text=text, **about)
