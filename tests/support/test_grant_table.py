"""The table of the grants behind its own policies: who may see, give and end one, whatever the code says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from accounts.models.user import new_id
from raxx import roles
from tests.factories.rows import make_account
from tests.support.conftest import grant, make_staff
from tests.trading.walls import bind, changed, refused, sql
from trading.models import AccountGrant

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from tests.trading.walls import AsRole
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db

GIVE = """
insert into trading_accountgrant
  (id, staff_id, permission_id, account_id, reason, ticket, granted_by_id, granted_at, expires_at, ended_at)
select %s, %s, p.id, %s, 'a reason', '', %s, now() + %s::interval, now() + %s::interval + interval '1 hour', null
  from auth_permission p where p.codename = 'view_account'"""
END = "update trading_accountgrant set ended_at = now(), ended_by_id = %s where account_id = %s"
POLICY = "violates row-level security policy"


def give(
    as_role: AsRole, bound: User | None, staff: User, account: TradingAccount, *, by: User, after: str = "0"
) -> None:
    with as_role(roles.SUPPORT):
        bind(bound.pk if bound else None)
        sql(GIVE, new_id(), staff.pk, account.pk, by.pk, after, after)


def held(as_role: AsRole, bound: User | None, role: str = roles.SUPPORT) -> set[UUID]:
    with as_role(role):
        bind(bound.pk if bound else None)
        return {account_id for (account_id,) in sql("select account_id from trading_accountgrant")}


def test_who_oversees_gives_to_themself_and_to_others(overseer: User, staff: User, as_role: AsRole) -> None:
    mine, theirs = make_account(), make_account()
    give(as_role, overseer, overseer, mine, by=overseer)
    give(as_role, overseer, staff, theirs, by=overseer)

    assert held(as_role, overseer) == {mine.pk, theirs.pk}
    assert held(as_role, staff) == {theirs.pk}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"is_staff": True},
        {"is_superuser": True},
        {"is_staff": True, "is_superuser": True, "is_active": False},
    ],
    ids=["a person", "staff", "a superuser who is not staff", "a superuser who was deactivated"],
)
def test_nobody_else_gives_themself_anything(fields: dict[str, Any], as_role: AsRole) -> None:
    somebody = make_staff(**{"is_staff": False, **fields})
    account = make_account()

    with refused(POLICY):
        give(as_role, somebody, somebody, account, by=somebody)
    with refused(POLICY):
        give(as_role, None, somebody, account, by=somebody)
    assert AccountGrant.ever.count() == 0


def test_who_oversees_says_no_other_name_and_no_other_time(
    overseer: User, staff: User, as_role: AsRole
) -> None:
    account = make_account()
    for by, after in ((staff, "0"), (overseer, "-2 minutes"), (overseer, "29 days")):
        with refused(POLICY):
            give(as_role, overseer, staff, account, by=by, after=after)


def test_staff_sees_their_own_grants_and_the_web_role_those_that_live(staff: User, as_role: AsRole) -> None:
    account, other, over = make_account(), make_account(), make_account()
    grant(staff, account)
    grant(make_staff(), other)
    grant(staff, over)
    sql("update trading_accountgrant set ended_at = now() where account_id = %s", over.pk)

    assert held(as_role, staff, roles.APP) == {account.pk}
    assert held(as_role, staff) == {account.pk, over.pk}
    for role in (roles.SUPPORT, roles.APP):
        assert held(as_role, account.user, role) == set()
        assert held(as_role, None, role) == set()


def test_the_web_role_does_not_even_let_overseers_see_others_grants(
    overseer: User, staff: User, as_role: AsRole
) -> None:
    grant(staff, make_account())
    assert held(as_role, overseer, roles.APP) == set()


@pytest.mark.parametrize("what", ["insert", "update", "delete"])
def test_the_web_role_changes_no_grant(what: str) -> None:
    asked = "select has_any_column_privilege('raxx_app', 'trading_accountgrant', %s)"
    if what == "delete":
        asked = "select has_table_privilege('raxx_app', 'trading_accountgrant', %s)"
    assert sql(asked, what) == [(False,)]


def test_nobody_but_the_owner_of_the_tables_deletes_one() -> None:
    may = sql(
        "select r.rolname from pg_roles r where r.rolname = any(%s)"
        " and has_table_privilege(r.rolname, 'trading_accountgrant', 'delete, truncate')",
        list(roles.ROLES),
    )
    assert may == [(roles.OWNER,)]


def test_a_holder_gives_their_grant_back_and_cannot_take_it_again(staff: User, as_role: AsRole) -> None:
    account = make_account()
    grant(staff, account)
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        for statement in (
            "update trading_accountgrant set expires_at = expires_at + interval '1 day'",
            "update trading_accountgrant set reason = 'another'",
            "update trading_accountgrant set account_id = account_id",
        ):
            with refused("permission denied"):
                sql(statement)
        with refused(POLICY):
            sql("update trading_accountgrant set ended_at = null")
        with refused(POLICY):
            sql(END, account.user_id, account.pk)  # in somebody else's name
        first = changed(END, staff.pk, account.pk)
        again = changed("update trading_accountgrant set ended_at = null, ended_by_id = null")

    assert (first, again) == (1, 0)
    assert AccountGrant.objects.count() == 0


def test_staff_ends_nobody_else_s_grant(staff: User, overseer: User, as_role: AsRole) -> None:
    account = make_account()
    grant(make_staff(), account)

    def ended_by(somebody: User) -> int:
        with as_role(roles.SUPPORT):
            bind(somebody.pk)
            return changed(END, somebody.pk, account.pk)

    assert (ended_by(staff), ended_by(account.user), ended_by(overseer)) == (0, 0, 1)


def test_staff_writes_in_their_own_name_about_what_they_were_granted(
    staff: User, overseer: User, alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    grant(staff, alice)

    def say(bound: User, account: TradingAccount, name: User, kind: str = "staff") -> None:
        with as_role(roles.SUPPORT):
            bind(bound.pk)
            sql(
                "insert into accounts_auditentry"
                " (chain, subject, actor_kind, actor_id, request_id, action, body)"
                " values (%s, %s, %s, %s, '', 'account.viewed', '{}')",
                account.pk, account.user_id, kind, str(name.pk),
            )  # fmt: skip

    say(staff, alice, staff)
    say(overseer, bob, overseer)
    for bound, account, name, kind in (
        (staff, bob, staff, "staff"),
        (staff, alice, overseer, "staff"),
        (staff, alice, staff, "user"),
    ):
        with refused(POLICY):
            say(bound, account, name, kind)


def test_staff_reads_the_audit_log_of_what_they_were_granted(
    staff: User, alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    grant(staff, alice)
    grant(make_staff(), bob)

    def chains(bound: User) -> set[UUID]:
        with as_role(roles.SUPPORT):
            bind(bound.pk)
            return {chain for (chain,) in sql("select chain from accounts_auditentry")}

    assert chains(staff) == {alice.pk}
    assert chains(make_staff()) == set()


@pytest.mark.parametrize("change", ["is_staff = false", "is_active = false"])
def test_the_web_role_hears_of_no_grant_of_who_is_staff_no_more(
    staff: User, as_role: AsRole, change: str
) -> None:
    grant(staff, make_account())
    before = held(as_role, staff, roles.APP)
    sql(f"update accounts_user set {change}")

    assert len(before) == 1
    assert held(as_role, staff, roles.APP) == set()
