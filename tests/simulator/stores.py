"""The stores that tests run on: SQLite always, PostgreSQL where a server is named.

`CPIS_POSTGRES_URL` names it (`.ci/postgres` starts one); with `CPIS_REQUIRE_POSTGRES` a missing one is a failure. Each
test gets a schema of its own there, which is dropped afterwards.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

SQLITE, POSTGRESQL = "sqlite", "postgresql"
KINDS = (SQLITE, POSTGRESQL)


@contextmanager
def store_url(kind: str, folder: Path) -> Iterator[str]:
    """The address of a new, empty store."""
    if kind == SQLITE:
        yield f"sqlite:///{folder / 'world.db'}"
        return
    server = os.environ.get("CPIS_POSTGRES_URL")
    if not server:
        if os.environ.get("CPIS_REQUIRE_POSTGRES"):
            pytest.fail("CPIS_POSTGRES_URL names no PostgreSQL server, and CPIS_REQUIRE_POSTGRES wants one")
        pytest.skip("CPIS_POSTGRES_URL names no PostgreSQL server")
    base = make_url(server).set(drivername="postgresql+psycopg")
    name = f"cpis_test_{uuid.uuid4().hex}"
    engine = create_engine(base, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        own = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {name} CASCADE"))
        engine.dispose()


def change(url: str, statement: str) -> None:
    """Change a store behind its back."""
    parsed = make_url(url)
    if parsed.get_backend_name() == POSTGRESQL:
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
