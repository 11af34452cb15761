"""What the database knows of one person: whole, to show that nothing changed; and what would give them away."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from django.db import connection

from tests.factories.sessions import owned_tables

if TYPE_CHECKING:
    from uuid import UUID

# Written down by asking alone.
UNTOLD = "{last_used_at,last_seen_at}"
PERSON_TABLES = """
select c.relname from pg_class c
 where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
   and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped)
   and not exists (select from pg_attribute a
                    where a.attrelid = c.oid and a.attname = 'account_id' and not a.attisdropped)
 order by c.relname
"""
_TELLING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|PK[A-Z2-7]{18}|T\d{9}|[^\s\"]+@example\.com"
)
_OWN_COLUMNS = ("id", "user_id", "account_id", "number", "email", "order_id")


@cache
def _owned_tables() -> list[str]:
    """Return those whose rows belong to an account: a look into the catalogue takes as long as one at the rows."""
    return owned_tables()


@cache
def person_tables() -> list[str]:
    """Return the tables whose rows belong to a person and to no account, as the catalogue knows them."""
    with connection.cursor() as cursor:
        cursor.execute(PERSON_TABLES)
        return [table for (table,) in cursor.fetchall()]


def kept_of(user_id: UUID, account_id: UUID) -> dict[str, str]:
    """Return all rows of an account, and of its person beside their accounts, as one text a table."""
    selects = [
        *(
            f"select '{table}', t.* from {table} t where account_id = %(account)s"
            for table in _owned_tables()
        ),
        *(f"select '{table}', t.* from {table} t where user_id = %(user)s" for table in person_tables()),
        "select 'accounts_user', t.* from accounts_user t where id = %(user)s",
    ]
    query = " union all ".join(
        select.replace(
            ", t.* from", f", string_agg((to_jsonb(t) - '{UNTOLD}'::text[])::text, e'\\n' order by t.*) from"
        )
        for select in selects
    )
    with connection.cursor() as cursor:
        cursor.execute(query, {"user": user_id, "account": account_id})
        return {table: text or "" for table, text in cursor.fetchall()}


def rows_of(user_ids: list[UUID]) -> set[tuple[str, str]]:
    """Return all rows of some people, of their accounts as well: each a table's name, and the row as text."""
    selects = [
        *(
            f"select '{table}', (to_jsonb(t) - '{UNTOLD}'::text[])::text from {table} t where user_id = any(%(users)s)"
            for table in (*_owned_tables(), *person_tables())
        ),
        f"select 'accounts_user', (to_jsonb(t) - '{UNTOLD}'::text[])::text from accounts_user t where id = any(%(users)s)",
    ]
    with connection.cursor() as cursor:
        cursor.execute(" union all ".join(selects), {"users": user_ids})
        return {(table, text) for table, text in cursor.fetchall()}


def traces_of(user_id: UUID, account_id: UUID | None = None) -> set[str]:
    """Return the words by which an answer would tell of a person, or of one account of theirs."""
    condition = "user_id = %(user)s" if account_id is None else "account_id = %(account)s"
    columns = ", ".join(f"'{name}'" for name in _OWN_COLUMNS)
    tables = [*_owned_tables(), *(person_tables() if account_id is None else ())]
    selects = [f"select to_jsonb(t) as row from {table} t where {condition}" for table in tables]
    if account_id is None:
        selects.append("select to_jsonb(t) from accounts_user t where id = %(user)s")
    query = (
        f"select coalesce(string_agg(value, ' '), '') from ({' union all '.join(selects)}) every,"
        f" jsonb_each_text(every.row) as each(name, value) where name in ({columns})"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, {"user": user_id, "account": account_id})
        found = set(_TELLING.findall(cursor.fetchone()[0]))
    return found if account_id is None else found - {str(user_id)}
