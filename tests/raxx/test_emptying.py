"""What stands between one test that commits and the next: nothing of the one is left for the other."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase

from accounts.services.audit import record
from tests import emptying
from tests.factories.rows import make_account, make_one_of_everything
from trading.models import SimulationProfile

pytestmark = pytest.mark.django_db(transaction=True)

GUARDS = """
select tgrelid::regclass::text, tgname, tgenabled from pg_trigger
 where not tgisinternal and tgrelid::regclass::text like 'accounts_audit%' order by 1, 2
"""


def sql(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def has_rows(table: str) -> bool:
    return sql(f"select exists (select from {table})") == [(True,)]


def test_every_row_goes_also_what_nobody_may_delete_and_the_guards_stand_again() -> None:
    guards = sql(GUARDS)
    account = make_account(cash=1_000)
    make_one_of_everything(account)
    record(action="thing.changed", user_id=account.user_id, details={"note": "x"})
    plain = set(SimulationProfile.objects.values_list("name", flat=True))
    assert sql(emptying.PROFILES) == [(False,)]
    SimulationProfile.objects.create(name="of-a-test", model="instant")
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = set(tables) - set(emptying.LEFT_ALONE)
    full = {table for table in emptied if has_rows(table)}
    assert {"accounts_auditentry", "accounts_audithead", "accounts_auditdetail", "trading_fill"} <= full

    emptying._empty_all(TransactionTestCase())

    assert {table for table in emptied if has_rows(table)} == set()
    assert set(SimulationProfile.objects.values_list("name", flat=True)) == plain
    assert sql(emptying.PROFILES) == [(False,)]
    assert {enabled for _, _, enabled in sql(GUARDS)} == {"A"}
    assert sql(GUARDS) == guards
    assert sql("show session_replication_role") == [("origin",)]


def test_a_session_is_as_new_for_the_next_test_and_one_in_a_transaction_is_closed() -> None:
    pid = sql("select pg_backend_pid()")
    new = sql("select name, setting from pg_settings order by name")
    sql(
        "set time zone 'Asia/Tokyo'; set lock_timeout = 7; set role raxx_app; listen a_bell; select pg_advisory_lock(7)"
    )

    emptying._close_what_cannot_be_renewed(None)

    assert sql("select name, setting from pg_settings order by name") == new
    assert sql("select current_user = session_user, pg_backend_pid()") == [(True, *pid[0])]
    assert sql("select pg_listening_channels()") == []
    assert sql("select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()") == []

    sql("begin")
    emptying._close_what_cannot_be_renewed(None)

    assert connection.connection is None
