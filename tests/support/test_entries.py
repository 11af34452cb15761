"""Superusers: they see that accounts exist, and open one by granting it to themselves, with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from accounts.models.audit import AuditEntry
from raxx import roles
from tests.factories.rows import make_account, make_user
from tests.support.conftest import ACT, VIEW, grant, make_staff
from tests.trading.walls import bind, refused, sql
from trading.models import AccountGrant, TradingAccount

if TYPE_CHECKING:
    from accounts.models import User
    from tests.support.conftest import SignIn
    from tests.trading.walls import AsRole

over_http = pytest.mark.django_db(transaction=True, databases=["default", "support"])

LIST = "/admin/trading/accountentry/"
GOOD = {"reason": "balance dispute", "ticket": "T-7", "permission": VIEW.value, "hours": "2"}


def entry(account: TradingAccount) -> str:
    return f"{LIST}{account.pk}/change/"


def form(account: TradingAccount) -> str:
    return f"{LIST}{account.pk}/grant/"


def page(account: TradingAccount) -> str:
    return f"/admin/trading/tradingaccount/{account.pk}/change/"


@pytest.mark.django_db
def test_the_view_answers_superusers_among_the_staff_and_nobody_else(overseer: User, as_role: AsRole) -> None:
    account = make_account(cash=1234)
    holder = make_staff()
    grant(holder, account)
    nobodies = [
        holder,
        account.user,
        make_user(is_superuser=True),
        make_staff(is_superuser=True, is_active=False),
        None,
    ]

    def seen(bound: User | None) -> list[Any]:
        with as_role(roles.SUPPORT):
            bind(bound.pk if bound else None)
            return sql("select account_id, email from trading_accountentry")

    assert seen(overseer) == [(account.pk, account.user.email)]
    assert [seen(nobody) for nobody in nobodies] == [[]] * len(nobodies)
    for role in (roles.APP, roles.WORKER):
        with as_role(role):
            bind(overseer.pk)
            with refused("permission denied"):
                sql("select * from trading_accountentry")


@pytest.mark.django_db
def test_the_view_tells_nothing_of_what_is_in_an_account() -> None:
    columns = sql(
        "select attname from pg_attribute where attrelid = 'trading_accountentry'::regclass and attnum > 0"
    )
    assert {name for (name,) in columns} == {
        "account_id", "owner_id", "number", "status", "created_at", "market", "email", "tier",
    }  # fmt: skip


@pytest.mark.django_db
def test_no_condition_of_the_asker_is_tried_on_rows_they_may_not_see(staff: User, as_role: AsRole) -> None:
    make_account()
    with as_role(roles.SUPPORT):
        bind(staff.pk)
        # Would fail on the first row that it meets: dividing by nought, in a function that may leak.
        assert sql("select number from trading_accountentry where 1 / (length(email) * 0) = 1") == []


@over_http
def test_a_superuser_finds_every_account_and_sees_into_none(sign_in: SignIn, overseer: User) -> None:
    accounts = [make_account(cash=12345) for _ in range(2)]
    client = sign_in(overseer)

    shown = client.get(LIST).content.decode()
    assert all(account.number in shown and account.user.email in shown for account in accounts)
    assert "12345" not in shown
    found = client.get(f"{LIST}?q={accounts[0].user.email}").context["cl"].result_list
    assert [one.pk for one in found] == [accounts[0].pk]
    assert list(client.get("/admin/trading/tradingaccount/").context["cl"].result_list) == []
    assert not AuditEntry.objects.exists()


@over_http
def test_opening_an_account_that_was_not_granted_asks_for_a_reason(sign_in: SignIn, overseer: User) -> None:
    account = make_account(cash=12345)
    client = sign_in(overseer)

    for asked in (page(account), entry(account)):
        answer = client.get(asked, follow=True)
        assert answer.redirect_chain[-1][0] == form(account)
        assert answer.status_code == 200
        assert "12345" not in answer.content.decode()
    assert not AuditEntry.objects.exists()


@over_http
def test_a_superuser_grants_it_to_themself_and_it_is_written_down(sign_in: SignIn, overseer: User) -> None:
    account = make_account(cash=12345)
    client = sign_in(overseer)
    answer = client.post(form(account), GOOD)

    assert (answer.status_code, answer["Location"]) == (302, page(account))
    given = AccountGrant.objects.get()
    assert (given.user, given.granted_by, given.content_object, given.what) == (
        overseer,
        overseer,
        account,
        VIEW,
    )
    assert (given.reason, given.ticket) == ("balance dispute", "T-7")
    assert (given.expires_at - given.granted_at).total_seconds() == 2 * 3600
    told = AuditEntry.objects.get()
    assert (told.chain, told.subject, told.action) == (account.pk, account.user_id, "grant.given")
    assert (told.actor_kind, told.actor_id, told.request_id) == (
        "staff", str(overseer.pk), answer["X-Request-ID"],
    )  # fmt: skip
    shown = client.get(page(account))
    assert "12345" in shown.content.decode()
    assert client.get(entry(account))["Location"] == page(account)
    assert [one.action for one in AuditEntry.objects.order_by("seq")] == ["grant.given", "account.viewed"]


@over_http
@pytest.mark.parametrize(
    "change",
    [
        {"reason": ""},
        {"reason": "   "},
        {"hours": "721"},
        {"hours": "0"},
        {"hours": ""},
        {"permission": "all"},
    ],
    ids=["no reason", "a blank reason", "too long", "no time", "no hours", "another permission"],
)
def test_a_form_that_says_too_little_grants_nothing(
    sign_in: SignIn, overseer: User, change: dict[str, str]
) -> None:
    account = make_account()
    answer = sign_in(overseer).post(form(account), {**GOOD, **change})

    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == set(change)
    assert not AccountGrant.ever.exists()
    assert not AuditEntry.objects.exists()


@over_http
def test_a_passkey_that_was_not_shown_lately_grants_nothing(sign_in: SignIn, overseer: User) -> None:
    account = make_account()
    client = sign_in(overseer, shows_passkey=False)
    answer = client.post(form(account), GOOD)

    assert answer.status_code == 401
    assert answer.json()["error"] == "step_up_required"
    assert answer.json()["begin"] == "/auth/step-up/begin"
    assert answer["WWW-Authenticate"].startswith('Session error="insufficient_user_authentication"')
    assert not AccountGrant.ever.exists()
    assert client.get(form(account)).status_code == 200  # reading asks for nothing


@over_http
def test_a_post_from_another_site_grants_nothing(sign_in: SignIn, overseer: User) -> None:
    answer = sign_in(overseer, enforce_csrf_checks=True).post(form(make_account()), GOOD)

    assert answer.status_code == 403
    assert not AccountGrant.ever.exists()


@over_http
def test_staff_who_is_no_superuser_grants_themself_nothing(
    sign_in: SignIn, staff: User, alice: TradingAccount
) -> None:
    grant(staff, alice, ACT)
    account, client = make_account(), sign_in(staff)
    before = AccountGrant.ever.count()
    answers = [client.post(form(one), GOOD) for one in (account, alice, TradingAccount(pk=uuid4()))]

    assert [answer.status_code for answer in answers] == [403] * 3  # the same of one that does not exist
    assert AccountGrant.ever.count() == before


@over_http
def test_a_superuser_may_make_what_they_hold_longer(sign_in: SignIn, overseer: User) -> None:
    account = make_account()
    client = sign_in(overseer)
    client.post(form(account), GOOD)
    client.post(form(account), {**GOOD, "hours": "5", "permission": ACT.value})

    assert {one.what for one in AccountGrant.objects.all()} == {VIEW, ACT}
    assert AccountGrant.ever.count() == 3


GRANTS = "/admin/trading/accountgrant/"


@over_http
def test_staff_sees_their_own_grants_and_a_superuser_everybody_s(
    sign_in: SignIn, staff: User, overseer: User
) -> None:
    (mine,) = grant(staff, make_account(), reason="my own")
    (theirs,) = grant(make_staff(), make_account(), reason="a colleague's")

    def listed(somebody: User) -> set[str]:
        client = sign_in(somebody)
        rows = list(client.get(GRANTS).context["cl"].result_list)
        return {row.reason for row in rows if client.get(f"{GRANTS}{row.pk}/change/").status_code == 200}

    assert listed(staff) == {mine.reason}
    assert listed(overseer) == {mine.reason, theirs.reason}
    assert sign_in(staff).get(f"{GRANTS}{theirs.pk}/change/").status_code == 302
    assert sign_in(staff).get(f"{GRANTS}?q=colleague").context["cl"].result_count == 0
