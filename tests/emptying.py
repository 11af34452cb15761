"""Empty the database after a test that has committed, in a few milliseconds.

Django's own way truncates every table, and then makes permissions, content types and grants anew for
each app: more work than most of the tests. Here only tables with rows are emptied, and what a
migration has put there is left, or put back.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connections
from django.test import TransactionTestCase

from trading.apps import keep_plain_profiles

LEFT_ALONE = ("django_migrations", "django_content_type", "auth_permission", "trading_simulationprofile")
# The audit log refuses this; its trigger is put back at once.
NEVER_EMPTIED = {
    "accounts_auditentry": "audit_no_truncate",
    "accounts_audithead": "audit_head_no_truncate",
}
PROFILES = "select count(*) <> 3 or not bool_and(is_offered) from trading_simulationprofile"


def install() -> None:
    """Let every transactional test end in this way."""
    TransactionTestCase._fixture_teardown = _empty_all


def _empty_all(case: Any) -> None:
    for alias in case._databases_names(include_mirrors=False):
        with connections[alias].cursor() as cursor:
            cursor.execute(_finder(alias))
            tables = [name for (name,) in cursor.fetchall()]
            cursor.execute(PROFILES)
            if cursor.fetchone() == (True,):
                tables.append("trading_simulationprofile")
            if tables:
                shut = [table for table in NEVER_EMPTIED if table in tables]
                for table in shut:
                    cursor.execute(f"alter table {table} disable trigger {NEVER_EMPTIED[table]}")
                cursor.execute(f"truncate {', '.join(tables)} cascade")
                for table in shut:
                    cursor.execute(f"alter table {table} enable always trigger {NEVER_EMPTIED[table]}")
                keep_plain_profiles(using=alias)


@cache
def _finder(alias: str) -> str:
    """Return the statement that names the tables which have rows."""
    tables = connections[alias].introspection.django_table_names(only_existing=True, include_views=False)
    return " union all ".join(
        f"select '{table}' where exists (select from {table})"
        for table in sorted(tables)
        if table not in LEFT_ALONE
    )
