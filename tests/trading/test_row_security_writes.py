"""The second wall, for whoever writes: what privileges refuse, and what policies and keys would refuse without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import ProgrammingError, transaction

from raxx import roles
from tests.factories.rows import MAKE, make_asset, make_event, make_order
from tests.trading.catalogue import faults_of
from tests.trading.walls import all_powers, bind, changed, columns_of, refused, sql
from trading.models import Order, TradingAccount, configuration

if TYPE_CHECKING:
    from tests.trading.walls import AsRole

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("table", MAKE)
def test_policies_alone_keep_another_owner_s_row_from_change_and_deletion(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole, table: str
) -> None:
    before = sql(f"select t::text from {table} t order by 1")
    with all_powers(table), as_role(roles.APP):
        bind(alice.user_id)
        # Of all rows, and of exactly Bob's; a column set to itself would also wake a policy's check.
        touched = changed(f"update {table} set user_id = user_id")
        of_bob = changed(f"update {table} set account_id = account_id where user_id = %s", bob.user_id)
        deleted_of_bob = changed(f"delete from {table} where user_id = %s", bob.user_id)
        mine = sql(f"select count(*) from {table}")[0][0]

    assert (touched, of_bob, deleted_of_bob) == (mine, 0, 0)
    assert sql(f"select t::text from {table} t order by 1") == before


@pytest.mark.parametrize("table", MAKE)
def test_policies_alone_refuse_a_row_for_another_owner(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole, table: str
) -> None:
    (row,) = sql(f"select to_jsonb(t) from {table} t where user_id = %s limit 1", bob.user_id)
    with all_powers(table), as_role(roles.APP):
        bind(alice.user_id)
        with refused("violates row-level security policy"):
            sql(f"insert into {table} select (jsonb_populate_record(null::{table}, %s::jsonb)).*", row[0])
        with refused("violates row-level security policy"):
            sql(f"update {table} set user_id = %s", bob.user_id)


@pytest.mark.parametrize("table", MAKE)
def test_nobody_bound_writes_nothing(alice: TradingAccount, as_role: AsRole, table: str) -> None:
    (row,) = sql(f"select to_jsonb(t) from {table} t limit 1")
    with all_powers(table), as_role(roles.APP):
        touched = changed(f"update {table} set user_id = user_id"), changed(f"delete from {table}")
        with refused("violates row-level security policy"):
            sql(f"insert into {table} select (jsonb_populate_record(null::{table}, %s::jsonb)).*", row[0])

    assert touched == (0, 0)


@pytest.mark.parametrize("table", MAKE)
def test_the_app_may_neither_delete_nor_empty_nor_open_a_table(
    alice: TradingAccount, as_role: AsRole, table: str
) -> None:
    before = sql(f"select t::text from {table} t order by 1")
    with as_role(roles.APP):
        bind(alice.user_id)
        for statement, refusal in [
            ("delete from {}", "permission denied"),
            ("truncate {}", "permission denied"),
            ("alter table {} disable row level security", "must be owner"),
            ("alter table {} no force row level security", "must be owner"),
            ("drop policy app_own on {}", "must be owner"),
            ("create policy mine on {} using (true)", "must be owner"),
            ("alter table {} disable trigger all", "must be owner"),
        ]:
            with refused(refusal):
                sql(statement.format(table))
        sql(f"grant all on {table} to raxx_app")  # PostgreSQL warns, and grants nothing

    assert faults_of(table) == []
    assert sql(f"select t::text from {table} t order by 1") == before


# What the role that serves people may change at all, and insert at all: everything else is refused.
MAY_UPDATE = {
    "accounts_apikey": {"name", "addresses", "expires_at", "revoked_at"},
    "trading_tradingaccount": {"cash_held", "event_seq", "name", "profile_id", *configuration.FIELDS},
    "trading_order": {"status", "command_no", "cancel_requested_at", "cancel_request_id", "updated_at"},
    "trading_position": {"quantity_held"},
    "trading_watchlist": {"name", "asset_ids", "updated_at", "deleted_at"},
    "trading_webhookendpoint": {
        "url",
        "description",
        "secret_version",
        "pinged_at",
        "failures",
        "next_attempt_at",
        "disabled_at",
        "disabled_reason",
        "deleted_at",
        "cursor",
        "lease",
        "leased_until",
    },
}
MAY_INSERT = {
    "accounts_apikey",
    "trading_order",
    "trading_orderevent",
    "trading_watchlist",
    "trading_equitysnapshot",
    "trading_webhookendpoint",
    "broker_handoff_gatenomination",
}


@pytest.mark.parametrize("table", MAKE)
def test_the_app_may_change_its_columns_and_no_other(
    alice: TradingAccount, as_role: AsRole, table: str
) -> None:
    may = set()
    with as_role(roles.APP):
        bind(alice.user_id)
        for column in columns_of(table):
            try:
                with transaction.atomic():
                    sql(f"update {table} set {column} = {column} where false")
            except ProgrammingError:
                continue
            may.add(column)
        may_insert = sql("select has_any_column_privilege(%s, 'insert')", table)[0][0]

    assert may == MAY_UPDATE.get(table, set())
    assert may_insert == (table in MAY_INSERT)


@pytest.mark.parametrize("status", ["new", "accepted", "partially_filled", "filled", "canceled", "replaced"])
def test_the_app_may_not_say_what_happened_to_an_order(
    alice: TradingAccount, as_role: AsRole, status: str
) -> None:
    order = Order.objects.filter(user_id=alice.user_id).first()
    assert order is not None
    with as_role(roles.APP):
        bind(alice.user_id)
        with refused("violates row-level security policy"):
            sql("update trading_order set status = %s", status)
        with refused("violates row-level security policy"):
            make_order(alice, order.asset, status=status)
        with refused("violates row-level security policy"):
            make_event(alice, order, seq=2, status=status)


@pytest.mark.parametrize("status", ["pending_new", "pending_cancel", "pending_replace"])
def test_the_app_may_say_what_its_owner_wishes(alice: TradingAccount, as_role: AsRole, status: str) -> None:
    asset = make_asset()
    with as_role(roles.APP):
        bind(alice.user_id)
        order = make_order(alice, asset, status=status)
        make_event(alice, order, seq=2, status=status)
        assert changed("update trading_order set status = %s where id = %s", status, order.pk) == 1


def test_nobody_can_hang_an_order_an_event_or_a_key_on_another_person_s_account(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    order = Order.objects.filter(user_id=alice.user_id).first()
    assert order is not None
    mine = {"user_id": alice.user_id, "status": "pending_new"}
    sql("set constraints all immediate")
    with as_role(roles.APP):
        bind(alice.user_id)
        with refused("order_of_own_account"):
            make_order(bob, order.asset, **mine)
        with refused("event_of_own_account"):
            make_event(bob, order, seq=99, **mine)
        with refused("api_key_of_own_account"):
            MAKE["accounts_apikey"](bob, user_id=alice.user_id)


def test_the_app_makes_keys_for_operators_for_staff_alone(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    sql("update accounts_user set is_staff = true where id = %s", bob.user_id)
    make_key = MAKE["accounts_apikey"]
    with as_role(roles.APP):
        bind(alice.user_id)
        with refused("violates row-level security policy"):
            make_key(alice, scopes=["read", "operator"])
        make_key(alice, scopes=["read"])
        bind(bob.user_id)
        make_key(bob, scopes=["read", "operator"])


def test_a_revoked_key_stays_revoked_whoever_writes(alice: TradingAccount, as_role: AsRole) -> None:
    sql("update accounts_apikey set revoked_at = now()")
    for role in (roles.APP, roles.OWNER):
        with as_role(role):
            bind(alice.user_id)
            with refused("was revoked, and stays so"):
                sql("update accounts_apikey set revoked_at = null where user_id = %s", alice.user_id)
            assert changed("update accounts_apikey set name = 'old' where user_id = %s", alice.user_id)


def test_not_even_the_worker_can_put_a_position_on_the_wrong_account(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    asset = make_asset()
    with as_role(roles.WORKER), refused("position_of_own_account"):
        MAKE["trading_position"](bob, asset, user_id=alice.user_id)


def test_the_app_cannot_become_anybody_else(alice: TradingAccount) -> None:
    # `set local role` of these tests keeps the owner's session, which may change back: so this one
    # asks the catalogue. Real log-ins are tried in tests/raxx/test_bootstrap.py.
    memberships = sql(
        "select r.rolname, m.rolname from pg_auth_members a join pg_roles r on r.oid = a.roleid"
        " join pg_roles m on m.oid = a.member where m.rolname = any(%s)",
        [roles.APP, roles.WORKER, roles.SUPPORT],
    )
    powers = sql(
        "select rolname from pg_roles where rolname = any(%s)"
        " and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)",
        [roles.APP, roles.WORKER, roles.SUPPORT],
    )
    assert (memberships, powers) == ([], [])
