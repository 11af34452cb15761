"""The second wall: PostgreSQL alone hides every other owner's row, on every owned table.

The tables are found in the catalogue, so that a new one cannot be forgotten here. No query of these
modules has an owner's filter. The rows are made as the tables' owner; each act is then done as
another role inside the test's transaction (`as_role`). Writing: test_row_security_writes.py; what staff
sees: tests/support.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.querysets import OwnedQuerySet
from raxx import roles
from tests.factories.rows import MAKE
from tests.factories.sessions import owned_tables
from tests.trading.catalogue import faults_of
from tests.trading.walls import MODELS, bind, sql

if TYPE_CHECKING:
    from tests.trading.walls import AsRole
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db

OWNED_MODELS = [MODELS[table] for table in MAKE]


def test_every_owned_table_has_a_factory_and_a_model() -> None:
    assert owned_tables() == sorted(MAKE)
    assert set(MAKE) <= set(MODELS)


def test_every_owned_table_stands_behind_its_policies_keys_and_grants() -> None:
    assert {table: faults_of(table) for table in owned_tables()} == {table: [] for table in owned_tables()}


def test_every_owned_model_starts_its_queries_from_its_owner() -> None:
    assert [
        model for model in OWNED_MODELS if not isinstance(model._default_manager.all(), OwnedQuerySet)
    ] == []


def test_a_new_owned_table_without_any_of_this_is_found_and_named() -> None:
    sql("create table trading_forgotten (user_id uuid, account_id uuid, words text)")
    sql(f"grant all on trading_forgotten to {roles.APP}, {roles.SUPPORT}")

    assert "trading_forgotten" in owned_tables()
    assert faults_of("trading_forgotten") == [
        "row security is not enabled",
        "row security is not forced",
        "the policies are not those of accounts.isolation.owned_table",
        "support reads otherwise than by accounts.isolation.support_reads",
        "no key (account_id, user_id) refers to the trading account",
        "raxx_app may delete, references, trigger, truncate, maintain",
        "raxx_app may update a column that says who owns the row",
        "raxx_support may write",
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
        (
            "grant update on trading_order to public",
            "raxx_app may update a column that says who owns the row",
        ),
        ("revoke select on trading_order from raxx_support", "raxx_support may not select"),
        ("grant insert on trading_order to raxx_support", "raxx_support may write"),
        ("grant delete on trading_order to raxx_support", "raxx_support may write"),
        (
            "alter policy support_granted on trading_order using (true)",
            "support reads otherwise than by accounts.isolation.support_reads",
        ),
        (
            "create policy more on trading_order for select to raxx_support using (true)",
            "support reads otherwise than by accounts.isolation.support_reads",
        ),
        (
            "create policy more on trading_order for select to raxx_support, raxx_worker using (true)",
            "the policies are not those of accounts.isolation.owned_table",
        ),
    ],
)
def test_a_wall_that_is_taken_down_is_found_and_named(statement: str, fault: str) -> None:
    sql(statement)
    assert fault in faults_of("trading_order")


def test_no_view_and_no_owner_s_function_opens_a_way_around() -> None:
    views = sql(
        "select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"
    )
    definers = sql("select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace")

    # A plain view runs as its owner, who sees everything. This one is meant to, and answers none but
    # superusers: tests/support/test_entries.py.
    assert views == [("trading_accountentry",)]
    assert {name for (name,) in definers} == {
        # Asked before anybody is bound, with a session's key, a passkey's id or an address: tests/accounts.
        "accounts_living_sessions", "accounts_which_sessions_live", "accounts_session_of_key",
        "accounts_person_of_passkey", "accounts_person_of_email",
        # What staff may see, and whether they oversee the others: of the bound one alone, tests/support.
        "raxx_granted_accounts", "raxx_granted_people", "raxx_oversees", "raxx_acting_accounts",
        "trading_sessions_of_account", "trading_staff_named",
        # Whom the bound one of the staff may stop, and what that concerns: tests/support/test_staff_switches.py.
        "broker_handoff_may_switch", "broker_handoff_being_sent", "broker_handoff_living_connections",
        # Asked with a key that nobody has proved yet: one answers for a living key, one notes its use.
        "trading_principal", "trading_key_used",
        # Asked by streams about the sessions that they hold; one notes that they are there: tests/stream.
        "trading_living_sessions", "trading_sessions_seen",
        # Move an account's money as a whole, for the bound user alone: test_own_accounts.py.
        "trading_open_account", "trading_ask_for_reset", "trading_ask_for_closing", "trading_settle_account",
        # Lets old detail go, for the worker alone, and one account in a transaction: test_history_purge.py.
        "trading_purge_history",
        # Forget a person whose day has come, the worker alone: test_erasure.py, tests/accounts/test_privacy_erasure.py.
        "accounts_begin_erasure", "accounts_erase_person", "trading_erase_rows", "trading_erase_first_steps",
        "broker_handoff_erase_rows",
        # Chain what is appended to the audit log; end a chain that is two years old: tests/accounts/audit.
        "accounts_audit_append", "accounts_forget_chain",
    }  # fmt: skip


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
def test_the_worker_sees_everybody_s_rows(
    alice: TradingAccount, bob: TradingAccount, as_role: AsRole, table: str
) -> None:
    with as_role(roles.WORKER):
        owners = {user_id for (user_id,) in sql(f"select distinct user_id from {table}")}

    assert owners == {alice.user_id, bob.user_id}
