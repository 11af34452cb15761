"""No row can hang on another owner's: foreign keys, which row security does not look at, name the owner as well.

The keys are read from the catalogue: each from a table with people's rows to another one.
"""

from __future__ import annotations

import pytest

from tests.isolation.belongings import person_tables
from tests.isolation.statements import tables
from tests.trading.walls import sql

pytestmark = pytest.mark.django_db

KEYS = """
select c.conrelid::regclass::text, c.confrelid::regclass::text,
       (select array_agg(a.attname::text order by a.attname) from pg_attribute a
         where a.attrelid = c.conrelid and a.attnum = any(c.conkey))
  from pg_constraint c where c.contype = 'f'
   and c.conrelid::regclass::text = any(%s) and c.confrelid::regclass::text = any(%s)
   and c.connamespace = 'public'::regnamespace
 order by 1, 2, 3"""
PEOPLE = "accounts_user"


def keys() -> list[tuple[str, str, tuple[str, ...]]]:
    # A table without an owner's column of its own is its parent's: it cannot be somebody else's.
    names = [table.name for table in tables() if not table.is_always_owned]
    return [(child, parent, tuple(columns)) for child, parent, columns in sql(KEYS, names, names)]


def loose() -> list[str]:
    """Return the keys to an owned parent of which no companion names the owner too."""
    found = keys()
    owners = {"user_id", "account_id"}
    strict = {
        (child, parent, column)
        for child, parent, columns in found
        if set(columns) & owners and len(columns) > 1
        for column in columns
    }
    return [
        f"{child}.{columns[0]} -> {parent}"
        for child, parent, columns in found
        if parent != PEOPLE and len(columns) == 1 and (child, parent, columns[0]) not in strict
    ]


def test_every_key_to_an_owned_row_names_its_owner_too() -> None:
    assert len(keys()) > 30
    assert loose() == []


def test_a_key_that_does_not_is_found() -> None:
    sql("create table trading_loose (user_id uuid, account_id uuid, order_id uuid references trading_order)")
    for known in (tables, person_tables):
        known.cache_clear()
    found = loose()
    for known in (tables, person_tables):
        known.cache_clear()

    assert found == ["trading_loose.order_id -> trading_order"]
