"""Tables of a world: one row or few for each question that is asked often, JSON for what is read as a whole.

Only text and whole numbers are stored, so that statements can be compiled once and run without conversions, and SQLite
and PostgreSQL hold the same. Instants are microseconds since 1970 UTC (`..._us`), or ISO text where the offset matters.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text

VERSION: Final = "3"
"""Raised with any change of these tables; a store of another version is refused."""

metadata: Final = MetaData()

# SQLite numbers rows by itself only where the key is declared INTEGER.
_SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")

# Ordered alike by both, whatever language the PostgreSQL server speaks.
_ORDERED: Final = Text().with_variant(Text(collation="C"), "postgresql")

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

world = Table(
    "world",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("clock_offset_us", BigInteger, nullable=False),
    Column("pds_available", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("counter", BigInteger, nullable=False),  # Numbers the names of notification files.
    Column("epoch", BigInteger, nullable=False),  # Rises with whatever could change how an upload is judged.
    Column("due_us", BigInteger),  # When the next thing falls due by the world's clock.
    Column("window_us", BigInteger),  # When the last window of notifications ended, where each one is told of.
    Column("setup", BigInteger, nullable=False),  # Rises with directory, scripts and weather, which processes remember.
)

silent = Table("silent", metadata, Column("authority", Text, primary_key=True))

documents = Table("documents", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

people = Table(
    "people",
    metadata,
    Column("nhs_number", Text, primary_key=True),
    Column("given", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("birth_date", Text, nullable=False),
    Column("previous_names", Text, nullable=False),
    Column("sensitive", Integer, nullable=False),
    Column("inactive", Integer, nullable=False),
    Column("superseded_by", Text),
    Column("adopted", Integer, nullable=False),
    Column("died", Text),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("changes_by_time", "at_us", "seq"),
)

holdings = Table(
    "holdings",
    metadata,
    Column("nhs_number", Text, primary_key=True),
    Column("authority", _ORDERED, primary_key=True),
    Column("body", Text, nullable=False),
)

queries = Table(
    "queries",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("nhs_number", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("effective", Text, nullable=False),
    Column("effective_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("silent", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("listed", Integer, nullable=False),
    Column("author_key", Text, nullable=False),
    Column("author", Text, nullable=False),
    Index("queries_by_event", "event_id", "nhs_number"),
    Index("queries_by_author", "nhs_number", "author_key", "listed", "effective_us"),
    Index("queries_by_time", "nhs_number", "listed", "effective_us"),
)

notices = Table(
    "notices",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("authority", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

told = Table(
    "told",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("nhs_number", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("file_id", Text, nullable=False),
    Column(
        "about", Text, nullable=False
    ),  # The event id of an access, or the number that takes the place; may be empty.
    Column("delivery", Text, nullable=False),
    Index("told_by_number", "nhs_number", "seq"),
)

files = Table(
    "files",
    metadata,
    Column("authority", Text, primary_key=True),
    Column("file_id", Text, primary_key=True),
    Column("number", BigInteger),
    Column("standing", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("files_by_number", "authority", "standing", "number"),
)

claims = Table(
    "claims",
    metadata,
    Column("claim_id", Text, primary_key=True),
    Column("authority", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("destination", Text, nullable=False),  # `archive` or `failed`: where the file goes when all is done.
    Column("at_us", BigInteger, nullable=False),
    Index("claims_by_time", "authority", "at_us"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("authority", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", LargeBinary),
    Column("state", Text, nullable=False),  # `pending`, `staged`, `delivered`
    Index("outbox_by_state", "state", "seq"),
)

parties = Table("parties", metadata, Column("key", Text, primary_key=True), Column("body", Text, nullable=False))

turns = Table(
    "turns",
    metadata,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("party", Text, nullable=False),  # Empty: of anybody's lookup.
    Column("body", Text, nullable=False),
)

answered = Table(
    "answered",
    metadata,
    Column("party", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("until_us", BigInteger, nullable=False),  # Real time: how long another copy is answered the same.
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("soap_action", Text, nullable=False),
    Index("answered_by_time", "until_us"),
)

replies = Table(
    "replies",
    metadata,
    Column("row", _SERIAL, primary_key=True, autoincrement=True),
    Column("message_id", Text, nullable=False),
    Column("ref_to_message_id", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("interaction", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("server_name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("scenario", Text),
    Column("weather", Text, nullable=False),
    Column("harm", Text, nullable=False),
    Column("after_bytes", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("taken", Integer, nullable=False),  # A process is at it; its instant is when others may take it.
    Column("needs_ack", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("interval_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),  # Real time: when whoever comes by makes the next try.
    Column("standing", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Index("replies_by_time", "standing", "due_us"),
    Index("replies_by_party", "party", "message_id"),
)
