"""The second wall: PostgreSQL alone hides every other owner's row, on every owned table.

The tables are found in the catalogue, so that a new one cannot be forgotten here. No query of this
module has an owner's filter. The rows are made as the tables' owner; each act is then done as
another role inside the test's transaction (`as_role`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import DatabaseError, ProgrammingError, connection, transaction

from accounts.querysets import OwnedQuerySet
from raxx import roles
from tests.factories.rows import MAKE, make_account, make_asset, make_event, make_one_of_everything, make_order
from tests.factories.sessions import owned_tables
from tests.trading.catalogue import faults_of
from trading.models import Order, TradingAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from uuid import UUID

    AsRole = Callable[[str], AbstractContextManager[None]]

pytestmark = pytest.mark.django_db

MODELS = {model._meta.db_table: model for model in apps.get_models()}
OWNED_MODELS = [MODELS[table] for table in MAKE]


@pytest.fixture
def alice() -> TradingAccount:
    account = make_account(cash=1000)
    make_one_of_everything(account)
    return account


@pytest.fixture
def bob() -> TradingAccount:
    account = make_account(cash=1000)
    make_one_of_everything(account)
    return account


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
    return [name for (name,) in sql("select attname from pg_attribute where attrelid = %s::regclass and attnum > 0", table)]


# --- The tables, as the catalogue knows them ---------------------------------------------------------


def test_every_owned_table_has_a_factory_and_a_model() -> None:
    assert owned_tables() == sorted(MAKE)
    assert set(MAKE) <= set(MODELS)


def test_every_owned_table_stands_behind_its_policies_keys_and_grants() -> None:
    assert {table: faults_of(table) for table in owned_tables()} == dict.fromkeys(owned_tables(), [])


def test_every_owned_model_starts_its_queries_from_its_owner() -> None:
    assert [model for model in OWNED_MODELS if not isinstance(model._default_manager.all(), OwnedQuerySet)] == []


def test_a_new_owned_table_without_any_of_this_is_found_and_named() -> None:
    sql("create table trading_forgotten (user_id uuid, account_id uuid, words text)")
    sql(f"grant all on trading_forgotten to {roles.APP}, {roles.SUPPORT}")

    assert "trading_forgotten" in owned_tables()
    assert faults_of("trading_forgotten") == [
        "row security is not enabled",
        "row security is not forced",
        "the policies are not those of accounts.isolation.owned_table",
        "no key (account_id, user_id) refers to the trading account",
        "raxx_app may delete, references, trigger, truncate, maintain",
        "raxx_app may update a column that says who owns the row",
        "raxx_support may do something",
    ]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("alter table trading_order no force row level security", "row security is not forced"),
        ("alter table trading_order disable row level security", "row security is not enabled"),
        (
            "create policy leak on trading_order to raxx_app using (true)",
            "the policies are not those of accounts.isolation.owned_table",
        ),
        (
            "alter policy app_own on trading_order using (user_id = raxx_uid() or side = 'sell')",
            "the policies are not those of accounts.isolation.owned_table",
        ),
        (
            "alter table trading_order drop constraint order_of_own_account",
            "no key (account_id, user_id) refers to the trading account",
        ),
        ("grant delete on trading_order to raxx_app", "raxx_app may delete"),
        ("grant update on trading_order to public", "raxx_app may update a column that says who owns the row"),
        ("grant select on trading_order to raxx_support", "raxx_support may do something"),
    ],
)
def test_a_wall_that_is_taken_down_is_found_and_named(statement: str, fault: str) -> None:
    sql(statement)
    assert fault in faults_of("trading_order")


def test_no_view_and_no_owner_s_function_opens_a_way_around() -> None:
    views = sql("select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace")
    definers = sql("select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace")

    assert views == []  # a plain view runs as its owner, who sees everything
    assert definers == [("trading_principal",)]


# --- Reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", MAKE)
def test_an_unfiltered_query_shows_the_bound_owner_s_rows_alone(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole, table: str
) -> None:
    model = MODELS[table]
    in_all = model._default_manager.count()
    mine = {row.pk for row in model._default_manager.filter(user_id=alice.user_id)}
    with as_role(roles.APP):
        bind(alice.user_id)
        seen = {
            "all": {row.pk for row in model._default_manager.all()},
            "base manager": {row.pk for row in model._base_manager.all()},
            "iterator": {row.pk for row in model._default_manager.iterator(chunk_size=1)},
            "everybody's": {row.pk for row in model._default_manager.across_owners()},
        }
        counts = (model._default_manager.count(), *sql(f"select count(*) from {table}")[0])
        raw = sql(f"select distinct user_id from {table}")
        theirs = model._default_manager.filter(user_id=bob.user_id).exists()

    assert seen == dict.fromkeys(seen, mine)
    assert counts == (len(mine), len(mine))
    assert raw == [(alice.user_id,)]
    assert not theirs
    assert 0 < len(mine) < in_all


@pytest.mark.parametrize("table", MAKE)
def test_nobody_bound_sees_nothing(alice: TradingAccount, as_role: AsRole, table: str) -> None:
    with as_role(roles.APP):
        never_bound = sql(f"select count(*) from {table}")
        bind(alice.user_id)
        bound = sql(f"select count(*) > 0 from {table}")
        bind(None)
        bound_no_more = sql(f"select count(*) from {table}")

    assert (never_bound, bound, bound_no_more) == ([(0,)], [(True,)], [(0,)])


@pytest.mark.parametrize("model", OWNED_MODELS, ids=lambda model: model._meta.db_table)
def test_a_queryset_that_forgets_its_owner_leaks_nothing(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole, monkeypatch: pytest.MonkeyPatch, model: Any
) -> None:
    monkeypatch.setattr(OwnedQuerySet, "owned_by", lambda self, *_args, **_kwargs: self.all())
    forgetful = model.objects.owned_by(alice.user)
    as_owner_of_tables = {row.user_id for row in forgetful}
    with as_role(roles.APP):
        bind(alice.user_id)
        as_app = {row.user_id for row in model.objects.owned_by(alice.user)}

    assert as_owner_of_tables == {alice.user_id, bob.user_id}  # the filter is really gone
    assert as_app == {alice.user_id}


@pytest.mark.parametrize("table", MAKE)
def test_support_sees_no_row_yet(alice: TradingAccount, as_role: AsRole, table: str) -> None:
    with as_role(roles.SUPPORT):
        bind(alice.user_id)
        with refused("permission denied"):
            sql(f"select * from {table}")


@pytest.mark.parametrize("table", MAKE)
def test_the_worker_sees_everybody_s_rows(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole, table: str
) -> None:
    with as_role(roles.WORKER):
        owners = {user_id for (user_id,) in sql(f"select distinct user_id from {table}")}

    assert owners == {alice.user_id, bob.user_id}


# --- Writing: what privileges refuse, and what the policies would refuse without them --------------


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
    "trading_tradingaccount": {"cash_held", "event_seq"},
    "trading_order": {"status", "command_no", "cancel_requested_at", "updated_at"},
    "trading_position": {"quantity_held"},
}
MAY_INSERT = {"trading_order", "trading_orderevent"}


@pytest.mark.parametrize("table", MAKE)
def test_the_app_may_change_its_columns_and_no_other(alice: TradingAccount, as_role: AsRole, table: str) -> None:
    may = set()
    with as_role(roles.APP):
        bind(alice.user_id)
        for column in columns_of(table):
            try:
                with transaction.atomic():
                    sql(f"update {table} set {column} = {column} where false")
            except ProgrammingError as error:
                assert "permission denied" in str(error)
            else:
                may.add(column)
        may_insert = sql("select has_any_column_privilege(%s, 'insert')", table)[0][0]

    assert may == MAY_UPDATE.get(table, set())
    assert may_insert == (table in MAY_INSERT)


@pytest.mark.parametrize("status", ["new", "accepted", "partially_filled", "filled", "canceled", "replaced"])
def test_the_app_may_not_say_what_happened_to_an_order(alice: TradingAccount, as_role: AsRole, status: str) -> None:
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


# --- Keys: foreign-key checks ignore row security --------------------------------------------------


def test_nobody_can_hang_an_order_an_event_or_a_key_on_another_person_s_account(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    order = Order.objects.filter(user_id=alice.user_id).first()
    assert order is not None
    mine = {"user_id": alice.user_id, "status": "pending_new"}
    sql("set constraints all immediate")
    sql("grant insert on accounts_apikey to raxx_app")
    with as_role(roles.APP):
        bind(alice.user_id)
        with refused("order_of_own_account"):
            make_order(bob, order.asset, **mine)
        with refused("event_of_own_account"):
            make_event(bob, order, seq=99, **mine)
        with refused("api_key_of_own_account"):
            MAKE["accounts_apikey"](bob, user_id=alice.user_id)


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
