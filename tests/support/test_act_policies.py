"""Wishes of the staff at the wall of the database: whose it takes, and who sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from raxx import roles
from tests.support.conftest import ACT, VIEW, grant, make_staff
from tests.trading.walls import bind, refused, sql
from trading.models import StaffAct

if TYPE_CHECKING:
    from accounts.models import User
    from tests.trading.walls import AsRole
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db

INSERT = """
insert into trading_staffact (id, kind, account_id, staff_id, arguments, reason, ticket, request_id, asked_at, status,
                              outcome, attempts, next_attempt_at)
values (gen_random_uuid(), 'freeze', %s, %s, '{}', 'because', '', '', now(), %s, '', 0, now())"""


@pytest.mark.parametrize(
    "whose", ["not granted", "granted to look", "nobody's", "in another's name", "done already"]
)
def test_the_database_takes_no_wish_from_who_may_not(
    staff: User, alice: TradingAccount, bob: TradingAccount, as_role: AsRole, whose: str
) -> None:
    grant(staff, alice, VIEW if whose == "granted to look" else ACT)
    account = {"not granted": bob.pk, "nobody's": None}.get(whose, alice.pk)
    by = make_staff().pk if whose == "in another's name" else staff.pk
    status = "done" if whose == "done already" else "waiting"
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        with refused("row-level security"):
            sql(INSERT, account, by, status)


def test_staff_sees_the_acts_on_granted_accounts_and_changes_none(
    staff: User, overseer: User, alice: TradingAccount, bob: TradingAccount, as_role: AsRole
) -> None:
    grant(staff, alice)
    for account in (alice, bob, None):
        StaffAct.objects.create(kind="freeze", account=account, staff_id=overseer.pk, reason="r")
    seen = {}
    with as_role(roles.SUPPORT):
        for who in (staff, overseer):
            bind(who.pk)
            seen[who.pk] = {account for (account,) in sql("select account_id from trading_staffact")}
        with refused("permission denied"):
            sql("update trading_staffact set status = 'done'")
        with refused("permission denied"):
            sql("delete from trading_staffact")

    assert seen == {staff.pk: {alice.pk}, overseer.pk: {None}}


def test_who_may_act_writes_a_wish(staff: User, alice: TradingAccount, as_role: AsRole) -> None:
    grant(staff, alice, ACT)
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        sql(INSERT, alice.pk, staff.pk, "waiting")

    assert StaffAct.objects.get().account == alice
