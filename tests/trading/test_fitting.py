"""After a downgrade: the newest accounts and webhooks beyond the allowance are limited, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEntry, Tier, User
from accounts.services.tiers import NOTICE, set_tier
from raxx import roles
from tests.factories.desk import Desk, replace, submit, ticket
from tests.factories.rows import make_account, make_asset, make_market, make_user, make_webhook
from tests.factories.sessions import every_owned_row
from trading.errors import RuleBroken
from trading.ledger_audit import audit_ledger
from trading.models import TradingAccount, WebhookEndpoint
from trading.principal import Principal
from trading.services.accounts import open_own_account
from trading.services.fitting import fit_everybody, losses
from trading.services.own_accounts import archive_account
from trading.services.webhooks import change_endpoint
from trading.tasks import apply_tiers

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def person() -> User:
    return make_user(tier=Tier.PRO)


@pytest.fixture
def three(person: User) -> list[TradingAccount]:
    """Return a person's three accounts, oldest first; market time says otherwise."""
    days = (datetime(2013, 10, day, tzinfo=UTC) for day in (9, 8, 7))
    return [make_account(person, cash=10_000, created_at=day) for day in days]


def give(person: User, tier: str) -> None:
    set_tier(user_id=person.pk, tier=tier, reason="test", now=NOW, is_at_once=True)


def limited(accounts: list[TradingAccount]) -> list[bool]:
    return [TradingAccount.objects.get(pk=account.pk).exits_only for account in accounts]


def principal_of(account: TradingAccount, tier: str) -> Principal:
    return Principal(
        user_id=account.user_id,
        account_id=account.pk,
        market_id=account.market_id,
        scopes=frozenset({"read", "trade", "operator"}),
        tier=tier,
        key_id=None,
    )


def test_the_newest_accounts_beyond_the_allowance_are_limited(
    person: User, three: list[TradingAccount]
) -> None:
    give(person, "free")
    assert limited(three) == [False, True, True]

    give(person, "pro")
    assert limited(three) == [False, False, False]
    assert list(AuditEntry.objects.filter(action__startswith="account.").values_list("action", flat=True)) == [
        "account.limited", "account.limited", "account.unlimited", "account.unlimited",
    ]  # fmt: skip


def test_a_limited_account_takes_orders_that_close_and_no_others(
    person: User, three: list[TradingAccount], app: Session, desk: Desk
) -> None:
    asset, account = make_asset(), three[2]
    desk.give_shares(app, account, asset)
    working = ticket(account, asset, limit_price="50")
    submit(app, working)
    desk.decide((working["id"], "new"))
    give(person, "free")
    before = every_owned_row()

    entries = [ticket(account, asset), ticket(account, make_asset(), notional="50", limit_price=None)]
    assert [row["denial"] for row in submit(app, *entries)] == ["exits_only", "exits_only"]
    assert replace(app, account, working["id"], quantity="20")["denial"] == "exits_only"
    assert every_owned_row() == before

    exit_ = ticket(account, asset, side="sell", quantity="4", limit_price="90")
    assert [row["denial"] for row in submit(app, exit_)] == [None]
    desk.decide((exit_["id"], "new"))
    assert replace(app, account, exit_["id"], limit_price="95")["denial"] is None
    assert audit_ledger().balances


def test_the_oldest_account_goes_on_as_before(
    person: User, three: list[TradingAccount], app: Session
) -> None:
    give(person, "free")
    assert [row["denial"] for row in submit(app, ticket(three[0], make_asset()))] == [None]


def test_room_that_an_archived_account_makes_is_given_to_the_next(
    person: User, three: list[TradingAccount]
) -> None:
    give(person, "free")
    archive_account(owner=person, account_id=three[0].pk)

    assert fit_everybody() == 1
    assert limited(three[1:]) == [False, True]
    assert fit_everybody() == 0


def test_the_newest_webhooks_beyond_the_allowance_are_disabled_with_the_reason(
    person: User, three: list[TradingAccount]
) -> None:
    old, young = (make_webhook(three[0], created_at=NOW + timedelta(days=day)) for day in (1, 2))
    other = make_webhook(three[1], created_at=NOW + timedelta(days=3))

    give(person, "free")

    disabled = WebhookEndpoint.objects.exclude(disabled_at=None)
    assert [(one.pk, one.disabled_reason) for one in disabled] == [
        (young.pk, "more than the 1 that the tier Free allows an account")
    ]
    assert set(WebhookEndpoint.objects.filter(disabled_at=None)) == {old, other}


def test_a_disabled_webhook_is_enabled_again_where_there_is_room(
    person: User, three: list[TradingAccount]
) -> None:
    old, young = (make_webhook(three[0], created_at=NOW + timedelta(days=day)) for day in (1, 2))
    give(person, "free")
    free = principal_of(three[0], "free")

    with pytest.raises(RuleBroken, match="allows 1 enabled webhook endpoints"):
        change_endpoint(principal=free, endpoint_id=young.pk, is_enabled=True)
    change_endpoint(principal=free, endpoint_id=old.pk, is_enabled=False)
    change_endpoint(principal=free, endpoint_id=young.pk, is_enabled=True)

    assert fit_everybody() == 0
    assert WebhookEndpoint.objects.get(disabled_at=None) == young


def test_doing_it_again_changes_nothing(person: User, three: list[TradingAccount]) -> None:
    make_webhook(three[0])
    make_webhook(three[0])
    give(person, "free")
    before = every_owned_row()

    give(person, "free")
    fit_everybody()

    assert every_owned_row() == before


def test_nobody_else_s_accounts_are_touched(person: User, three: list[TradingAccount]) -> None:
    other = make_user(tier=Tier.PRO)
    theirs = [make_account(other), make_account(other)]

    give(person, "free")

    assert limited(theirs) == [False, False]


def test_what_would_be_lost_is_told_before(person: User, three: list[TradingAccount]) -> None:
    make_webhook(three[0], created_at=NOW)
    young = make_webhook(three[0], created_at=NOW + timedelta(days=1))

    lost = losses(owner=person, tier="free", at=NOW)

    assert lost.accounts == tuple(three[1:])
    assert lost.webhooks == (young,)
    assert lost.history_before == NOW - timedelta(days=90)
    assert losses(owner=person, tier="pro_plus", at=NOW).history_before is None


def test_the_daily_task_applies_and_fits_as_the_worker(person: User, three: list[TradingAccount]) -> None:
    make_webhook(three[0])
    make_webhook(three[0])
    set_tier(user_id=person.pk, tier="free", reason="test", now=timezone.now() - NOTICE)

    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            apply_tiers()
        finally:
            cursor.execute("reset role")

    assert (User.objects.get(pk=person.pk).tier, limited(three)) == ("free", [False, True, True])
    assert WebhookEndpoint.objects.filter(disabled_at=None).count() == 1


@pytest.mark.parametrize(("tier", "is_refused"), [("free", True), ("pro", False), ("pro_plus", False)])
def test_a_replay_beside_the_installation_s_market_needs_a_tier_that_has_one(
    tier: str, *, is_refused: bool
) -> None:
    user = make_user(tier=tier)
    account = make_account(user)
    TradingAccount.objects.filter(pk=account.pk).update(status="ACCOUNT_CLOSED")
    private = make_market(is_active=True)  # beside the one that is the default

    def open_one(market: Any) -> None:
        open_own_account(principal=principal_of(account, tier), market=market, now=NOW)

    if is_refused:
        with pytest.raises(RuleBroken, match="no replay markets of its own"):
            open_one(private)
    else:
        open_one(private)
    open_one(account.market) if is_refused else None
    assert TradingAccount.objects.filter(user=user).exclude(status="ACCOUNT_CLOSED").count() == 1
