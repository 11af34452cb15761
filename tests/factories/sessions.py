"""Database sessions of our own, as one of the product's roles, for tests that commit for real."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    Session = psycopg.Connection[dict[str, Any]]

PATIENCE_S = 20  # a test that waits longer has hung

OWNED_TABLES = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and n.nspname = 'public'
   and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped)
   and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id' and not a.attisdropped)
 order by c.relname
"""


def owned_tables() -> list[str]:
    """Return the tables whose rows belong to somebody, as the database's catalogue knows them."""
    with connection.cursor() as cursor:
        cursor.execute(OWNED_TABLES)
        return [table for (table,) in cursor.fetchall()]


def every_owned_row() -> dict[str, list[str]]:
    """Return all rows of all owned tables, whole and as text: to show that nothing changed.

    Less when a key was last used: to ask is to use it.
    """
    rows = {}
    with connection.cursor() as cursor:
        for table in owned_tables():
            cursor.execute(f"select (to_jsonb(t) - 'last_used_at')::text from {table} t order by 1")
            rows[table] = [text for (text,) in cursor.fetchall()]
    return rows


@contextmanager
def session(role: str, *, autocommit: bool = True) -> Iterator[Session]:
    """Connect to the test's database as `role`; rows come as dictionaries."""
    login = {**settings.DATABASE_SERVER.login(role), "dbname": connection.settings_dict["NAME"]}
    with psycopg.connect(**login, autocommit=autocommit, row_factory=dict_row) as opened:
        yield opened


def wait_until_blocked(watcher: Session, pid: int) -> None:
    """Return when the backend `pid` waits for a lock. Raises AssertionError when it never does."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        row = watcher.execute("select cardinality(pg_blocking_pids(%s)) as n", [pid]).fetchone()
        if row is not None and row["n"]:
            return
        time.sleep(0.01)  # PostgreSQL tells nobody that a lock is waited for: one has to look
    message = f"backend {pid} never waited for a lock"
    raise AssertionError(message)
