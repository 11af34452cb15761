"""What the support role sees of every owned table: exactly the accounts granted to whom it is bound to.

No query here has a filter: what is seen is what the policies let through.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from raxx import roles
from tests.factories.rows import MAKE, make_account, make_one_of_everything, make_user
from tests.support.conftest import ACT, grant, make_staff
from tests.trading.walls import bind, changed, refused, sql
from trading.models import AccountGrant
from trading.services.grants import end_grants

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from tests.trading.walls import AsRole
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db


def seen(as_role: AsRole, table: str, bound: User | None) -> list[UUID]:
    """Return whose accounts' rows the support role sees in a table, one entry a row."""
    with as_role(roles.SUPPORT):
        bind(bound.pk if bound else None)
        return [account_id for (account_id,) in sql(f"select account_id from {table} order by 1")]


def rows_of(table: str, *accounts: TradingAccount) -> list[UUID]:
    found = sql(
        f"select account_id from {table} where account_id = any(%s) order by 1", [one.pk for one in accounts]
    )
    return [account_id for (account_id,) in found]


@pytest.mark.parametrize("table", MAKE)
def test_staff_sees_every_row_of_the_granted_account_and_no_other(
    staff: User, alice: TradingAccount, bob: TradingAccount, as_role: AsRole, table: str
) -> None:
    grant(staff, alice)

    mine = rows_of(table, alice)
    assert seen(as_role, table, staff) == mine
    assert 0 < len(mine) < len(rows_of(table, alice, bob))


@pytest.mark.parametrize("table", MAKE)
def test_staff_sees_the_rows_of_two_granted_accounts(
    staff: User, alice: TradingAccount, bob: TradingAccount, as_role: AsRole, table: str
) -> None:
    grant(staff, alice)
    grant(staff, bob, ACT)

    assert seen(as_role, table, staff) == rows_of(table, alice, bob)


def test_a_grant_opens_one_account_of_a_person_and_not_the_other(
    staff: User, alice: TradingAccount, as_role: AsRole
) -> None:
    other = make_account(alice.user)
    make_one_of_everything(other)
    grant(staff, alice)

    for table in MAKE:
        assert set(seen(as_role, table, staff)) == {alice.pk}


@pytest.mark.parametrize("table", MAKE)
def test_nobody_else_sees_anything(
    staff: User, overseer: User, alice: TradingAccount, as_role: AsRole, table: str
) -> None:
    grant(staff, alice)

    colleague, owner, stranger = make_staff(), alice.user, make_user()
    for other in (colleague, overseer, owner, stranger, None):
        assert seen(as_role, table, other) == []


EXPIRED = "update trading_accountgrant set granted_at = now() - interval '9 hours', expires_at = now() - interval '1 second'"


@pytest.mark.parametrize(
    "what_happens",
    [
        pytest.param(EXPIRED, id="it has expired"),
        pytest.param("update trading_accountgrant set ended_at = now()", id="it was ended"),
        pytest.param("update accounts_user set is_staff = false", id="its holder is staff no more"),
        pytest.param("update accounts_user set is_active = false", id="its holder was deactivated"),
        pytest.param("delete from trading_accountgrant", id="it is gone"),
        pytest.param(
            "update trading_accountgrant set permission_id ="
            " (select id from auth_permission where codename = 'act_on_account')",
            id="it lets act alone",
        ),
    ],
)
def test_a_grant_opens_nothing_in_any_table_as_soon_as(
    staff: User, alice: TradingAccount, as_role: AsRole, what_happens: str
) -> None:
    grant(staff, alice)
    before = {table: len(seen(as_role, table, staff)) for table in MAKE}
    sql(what_happens)

    assert all(before.values())
    assert {table: seen(as_role, table, staff) for table in MAKE} == {table: [] for table in MAKE}


def test_a_revoked_grant_opens_nothing(staff: User, alice: TradingAccount, as_role: AsRole) -> None:
    grant(staff, alice, ACT)
    end_grants(staff=staff, account_id=alice.pk, owner_id=alice.user_id, now=timezone.now())

    assert [seen(as_role, table, staff) for table in MAKE] == [[]] * len(MAKE)


@pytest.mark.parametrize("table", MAKE)
def test_support_writes_no_row_of_a_granted_account(
    staff: User, alice: TradingAccount, as_role: AsRole, table: str
) -> None:
    grant(staff, alice, ACT)
    before = sql(f"select t::text from {table} t order by 1")
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        for statement in (
            f"update {table} set account_id = account_id",
            f"delete from {table}",
            f"insert into {table} select (jsonb_populate_record(null::{table}, '{{}}')).*",
            f"truncate {table}",
        ):
            with refused("permission denied"):
                sql(statement)

    assert sql(f"select t::text from {table} t order by 1") == before


def test_policies_alone_keep_support_from_writing(
    staff: User, alice: TradingAccount, as_role: AsRole
) -> None:
    grant(staff, alice, ACT)
    sql("set constraints all immediate")
    for table in MAKE:
        sql(f"grant all on {table} to raxx_support")
        with as_role(roles.SUPPORT):
            bind(staff.pk)
            assert changed(f"update {table} set account_id = account_id") == 0
            assert changed(f"delete from {table}") == 0


def test_support_may_write_to_seven_tables_and_no_more() -> None:
    writes = sql(
        "select c.relname from pg_class c"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')"
        " and (has_any_column_privilege('raxx_support', c.oid, 'insert, update')"
        "      or has_table_privilege('raxx_support', c.oid, 'delete, truncate, trigger, maintain'))"
    )
    assert {name for (name,) in writes} == {
        "accounts_auditentry", "accounts_auditdetail", "trading_accountgrant",  # test_grant_table.py
        "trading_simulationprofile",  # which belongs to nobody
        "broker_handoff_gateoverride",  # test_overrides.py
        "trading_staffact",  # test_acts.py
        "broker_handoff_switchclosing",  # test_staff_switches.py
    }  # fmt: skip


CALLABLE = (
    "select proname from pg_proc where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype"
    " and has_function_privilege(%s, oid, 'execute')"
)


def test_support_may_call_what_its_policies_ask_and_nothing_that_writes() -> None:
    assert {name for (name,) in sql(CALLABLE, roles.SUPPORT)} == {
        # Of the bound one of the staff: tests/trading/test_row_security.py says which are the owner's.
        "raxx_uid", "raxx_oversees", "raxx_granted_accounts", "raxx_granted_people", "raxx_acting_accounts",
        "trading_sessions_of_account", "trading_staff_named",
        "broker_handoff_may_switch", "broker_handoff_being_sent", "broker_handoff_living_connections",
        # Reckon, and read nothing of anybody's: an entry's hash, and a market's time.
        "accounts_audit_field", "accounts_audit_hash", "matching_now",
    }  # fmt: skip


def test_only_who_matches_may_call_what_commits_decisions() -> None:
    able = [role for role in roles.ROLES if ("trading_commit_decisions",) in sql(CALLABLE, role)]
    assert able == [roles.OWNER, roles.WORKER]


def test_the_hash_of_a_key_is_nobody_s_to_read(staff: User, alice: TradingAccount, as_role: AsRole) -> None:
    grant(staff, alice)
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        assert len(sql("select key_id, scopes, last_used_at from accounts_apikey")) == 1
        with refused("permission denied"):
            sql("select secret_hash from accounts_apikey")


def test_support_sees_itself_and_the_people_of_granted_accounts(
    staff: User, overseer: User, alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    grant(staff, alice)

    def people(bound: User | None) -> set[UUID]:
        with as_role(roles.SUPPORT):
            bind(bound.pk if bound else None)
            return {user_id for (user_id,) in sql("select id from accounts_user")}

    assert people(staff) == {staff.pk, alice.user_id}
    assert people(overseer) == {overseer.pk}
    assert people(None) == set()


# Whose rows are about signing in, without an account: nothing of them is support's to see.
SIGNING_IN = [
    "accounts_session", "accounts_assertion", "accounts_recoverycodes", "accounts_ceremony", "accounts_spentlink",
    "django_otp_webauthn_webauthncredential", "django_otp_webauthn_webauthnuserhandle",
    "django_otp_webauthn_webauthnattestation",
]  # fmt: skip


@pytest.mark.parametrize("table", SIGNING_IN)
def test_support_reads_nothing_of_how_anybody_signs_in(table: str) -> None:
    assert sql("select has_any_column_privilege('raxx_support', %s, 'select')", table) == [(False,)]


def test_the_planner_uses_an_index_with_the_policy(
    staff: User, alice: TradingAccount, as_role: AsRole
) -> None:
    # Of a handful of rows a scan is cheaper; forbidden, it shows whether an index could serve at all.
    grant(staff, alice)
    sql("set local enable_seqscan = off")
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        plan = "\n".join(line for (line,) in sql("explain select * from trading_order"))

    assert "Index Cond: (account_id = ANY" in plan
    assert AccountGrant.ever.count() == 1


def test_a_grant_lasts_no_longer_than_its_transaction_s_clock(
    staff: User, alice: TradingAccount, as_role: AsRole
) -> None:
    grant(staff, alice, lasts=timedelta(hours=1))
    sql("update trading_accountgrant set granted_at = now() - interval '1 hour', expires_at = now()")

    assert seen(as_role, "trading_order", staff) == []  # [from, to)
