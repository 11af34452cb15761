"""Nobody of the staff does anything to an account of their own: neither a form, nor a grant, nor a forged row."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.errors import RuleBroken
from raxx import roles
from tests.factories.rows import make_account
from tests.support.conftest import ACT, VIEW, grant, make_staff, shown_by
from tests.support.test_acts import REASON, act_page, performed
from tests.trading.walls import bind, refused, sql
from trading.models import AccountGrant, GrantPermission, StaffAct
from trading.services.staff_acts import OWN, ask_for_act, kinds

if TYPE_CHECKING:
    from accounts.models import User
    from tests.support.conftest import SignIn
    from tests.trading.walls import AsRole
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "support"])

OVERRIDE = """
insert into broker_handoff_gateoverride (id, user_id, reason, asked_by, asked_at, end_reason)
values (%s, %s, 'r', %s, now(), '')"""
APPROVE = """
update broker_handoff_gateoverride set approved_by = %s, approved_at = now(), expires_at = now() + interval '1 day'"""


@pytest.fixture
def mine(overseer: User) -> TradingAccount:
    """Return an account of a superuser's own."""
    return make_account(overseer, cash=1000)


def forge_grants(holder: User, account: TradingAccount) -> None:
    """Write grants as no service would: to view, and to act on."""
    (pattern, *_) = grant(holder, make_account(), ACT)
    for one in AccountGrant.ever.filter(user=holder).select_related("permission"):
        one.pk, one.content_object_id = uuid4(), account.pk
        AccountGrant.ever.bulk_create([one])
    assert pattern.reason


def test_no_act_is_asked_for_about_one_s_own_account(mine: TradingAccount, overseer: User) -> None:
    about_accounts = kinds() - {"suspend_asset", "resume_asset", "cut_everybody"}
    for kind in sorted(about_accounts):
        with pytest.raises(RuleBroken, match=OWN):
            ask_for_act(
                shown=shown_by(overseer), kind=kind, account=mine, arguments={}, reason="for me", ticket="T-1"
            )
    assert len(about_accounts) == 11
    assert not StaffAct.objects.exists()


def test_a_worker_does_nothing_to_the_account_of_who_asked_and_a_colleague_s_wish_is_done(
    mine: TradingAccount, overseer: User
) -> None:
    forge_grants(overseer, mine)
    colleague = make_staff()
    grant(colleague, mine, ACT)
    own, other = (
        StaffAct.objects.create(
            kind="adjust_cash",
            account=mine,
            staff_id=who.pk,
            arguments={"amount": "5", "note": "n"},
            reason="r",
        )
        for who in (overseer, colleague)
    )

    assert (performed(own).status, own.outcome) == ("refused", OWN)
    mine.refresh_from_db()
    assert mine.cash == 1000
    assert performed(other).status == "done"


def test_a_superuser_does_not_let_themself_into_their_own_account(
    sign_in: SignIn, mine: TradingAccount, overseer: User
) -> None:
    form = f"/admin/trading/accountentry/{mine.pk}/grant/"
    said = {"reason": "mine", "ticket": "", "permission": VIEW.value, "hours": "2"}
    client, second = sign_in(overseer), make_staff(is_superuser=True)

    for answer in (client.post(form, said), sign_in(second).post(form, {**said, "staff": overseer.email})):
        assert answer.status_code == 422
        assert "nobody of the staff is let into their own account" in answer.content.decode()
    with pytest.raises(CommandError, match="their own account"):
        call_command("grant", staff=overseer.email, account=mine.number, reason="mine", stdout=StringIO())
    assert not AccountGrant.ever.exists()


def test_a_forged_grant_on_one_s_own_account_opens_nothing(
    sign_in: SignIn, mine: TradingAccount, overseer: User
) -> None:
    forge_grants(overseer, mine)
    client = sign_in(overseer)

    shown = client.get("/admin/trading/tradingaccount/").content.decode()
    assert (mine.number in shown, "1 trading account" in shown) == (False, True)
    assert client.get(act_page(mine, "freeze")).status_code == 302
    client.post(act_page(mine, "freeze"), REASON)
    assert not StaffAct.objects.exists()
    assert AccountGrant.objects.filter(
        user=overseer, content_object=mine, permission__codename=GrantPermission.ACT
    ).exists()  # so that it was the wall that stood


def test_the_database_takes_no_exception_that_somebody_asks_or_approves_for_themself(
    as_role: AsRole, overseer: User, alice: TradingAccount
) -> None:
    second = make_staff(is_superuser=True)
    sql(OVERRIDE, uuid4(), second.pk, overseer.pk)
    with transaction.atomic(), as_role(roles.SUPPORT):
        bind(overseer.pk)
        with refused("violates row-level security policy"):
            sql(OVERRIDE, uuid4(), overseer.pk, overseer.pk)
        sql(OVERRIDE, uuid4(), alice.user_id, overseer.pk)
        bind(second.pk)
        with refused("violates row-level security policy"):
            sql(f"{APPROVE} where user_id = %s", second.pk, second.pk)
        sql(f"{APPROVE} where user_id = %s", second.pk, alice.user_id)
