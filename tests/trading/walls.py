"""Raw statements inside the test's transaction, for tests that take another role there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from raxx import roles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from uuid import UUID

    AsRole = Callable[[str], AbstractContextManager[None]]

MODELS: dict[str, Any] = {model._meta.db_table: model for model in apps.get_models()}


def sql(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def changed(statement: str, *parameters: Any) -> int:
    """Run one statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.rowcount


@contextmanager
def refused(match: str) -> Iterator[None]:
    """Expect the database to refuse what the block does, and go on in the same transaction."""
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        yield


def bind(user_id: UUID | None) -> None:
    """Bind a user to the test's transaction, as the guard does where one begins."""
    sql("select set_config('raxx.user_id', %s, true)", str(user_id or ""))


@contextmanager
def all_powers(table: str) -> Iterator[None]:
    """Take away every other wall of a table: privileges and triggers. Only its policies are left."""
    sql("set constraints all immediate")  # a table with triggers to come cannot be altered
    sql(f"grant all on {table} to {roles.APP}")
    sql(f"alter table {table} disable trigger user")
    yield


def columns_of(table: str) -> list[str]:
    return [
        name
        for (name,) in sql(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", table
        )
    ]
