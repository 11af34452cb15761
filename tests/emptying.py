"""Empty the database after a test that has committed, in a few milliseconds.

Django's own way truncates every table, and then makes permissions, content types and grants anew for
each app: more work than most of the tests. Here only tables with rows are emptied, and what a
migration has put there is left, or put back.

A truncation of one table means, by its foreign keys, nearly all, and new files for each and for every
index: forty milliseconds and more of PostgreSQL's time. To delete the few rows that a test has left,
with no trigger looking on, takes one; the vacuum after it gives the pages back, so that the next test's
rows lie in the order in which they come, as in a new table.

Nor does the next test need a new connection, of whose process everything about the tables would have to
be learnt anew: to discard all that a session may have set makes the old one as good.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.test import TransactionTestCase
from psycopg import Error
from psycopg.pq import TransactionStatus

from trading.apps import keep_plain_profiles

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT_ALONE = ("django_migrations", "django_content_type", "auth_permission", "trading_simulationprofile")
# The audit log refuses this always, whoever asks; its triggers are put back in the same transaction.
GUARDS = {
    "accounts_auditentry": ("audit_no_delete", "audit_no_truncate"),
    "accounts_audithead": ("audit_head_no_delete", "audit_head_no_truncate"),
}
MAY_SKIP_TRIGGERS = "select has_parameter_privilege('session_replication_role', 'set')"
# Rows that were rolled back, and pages that a vacuum had to leave, are emptied once more, for nothing.
TABLES_WITH_PAGES = (
    "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    " and pg_relation_size(oid) > 0 and relname <> all(%s) order by relname"
)
PROFILES = "select count(*) <> 6 or not bool_and(is_offered) from trading_simulationprofile"  # the plain ones


def install() -> None:
    """Let every transactional test end in this way."""
    TransactionTestCase._fixture_teardown = _empty_all
    TransactionTestCase._should_reload_connections = _close_what_cannot_be_renewed


@contextmanager
def put_off() -> Iterator[None]:
    """Leave the rows of the tests within the block: processes of theirs live longer than one of them."""
    kept = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda _case: None
    try:
        yield
    finally:
        TransactionTestCase._fixture_teardown = kept
        _empty_all(TransactionTestCase())


def _empty_all(case: Any) -> None:
    for alias in case._databases_names(include_mirrors=False):
        with connections[alias].cursor() as cursor:
            cursor.execute(TABLES_WITH_PAGES, [list(LEFT_ALONE)])
            tables = [name for (name,) in cursor.fetchall()]
            cursor.execute(PROFILES)
            are_profiles_changed = cursor.fetchone() == (True,)
            if are_profiles_changed:
                tables.append("trading_simulationprofile")
            if not tables:
                continue
            if _may_skip_triggers(alias):
                deletes = "; ".join(f"delete from {table}" for table in tables)
                _unguarded(cursor, tables, f"set local session_replication_role = replica; {deletes}")
                cursor.execute(f"vacuum (skip_locked) {', '.join(tables)}")
            else:  # a server of DATABASE_URL whose administrator is no superuser
                _unguarded(cursor, tables, f"truncate {', '.join(tables)} cascade")
            if are_profiles_changed:
                keep_plain_profiles(using=alias)


def _unguarded(cursor: Any, tables: list[str], statements: str) -> None:
    guards = [(table, guard) for table in tables for guard in GUARDS.get(table, ())]
    off = "".join(f"alter table {table} disable trigger {guard}; " for table, guard in guards)
    on = "".join(f"; alter table {table} enable always trigger {guard}" for table, guard in guards)
    cursor.execute(f"begin; {off}{statements}{on}; commit")


@cache
def _may_skip_triggers(alias: str) -> bool:
    with connections[alias].cursor() as cursor:
        cursor.execute(MAY_SKIP_TRIGGERS)
        return bool(cursor.fetchone()[0])


def _close_what_cannot_be_renewed(_case: Any) -> bool:
    """Stand where Django asks whether it shall close every connection; answers no, having done what is needed."""
    for connection in connections.all(initialized_only=True):
        if not _renewed(connection):
            connection.close()
    return False


def _renewed(connection: Any) -> bool:
    raw = connection.connection
    if raw is None:
        return True
    info = raw.info
    if (
        _is_in_a_loop()  # a browser's: outside of it there is another connection, and nobody closes this one
        or raw.closed
        or connection.errors_occurred
        or not raw.autocommit
        or info.transaction_status != TransactionStatus.IDLE
        or (info.user, info.dbname) != (connection.settings_dict["USER"], connection.settings_dict["NAME"])
    ):
        return False
    try:
        raw.execute("discard all")
    except Error:
        return False
    connection.init_connection_state()  # the time zone was a setting of the session
    return True


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
