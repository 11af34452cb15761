"""/raxx/v1/tier as its owner meets it, and what a shorter history looks like from outside."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from accounts.models import Tier
from accounts.services.tiers import NOTICE, set_tier
from matching.models import Market
from tests.api.conftest import refusal
from tests.factories.rows import NOON, make_account, make_user, make_webhook
from tests.trading.past import make_old, purge
from trading.models import TradingAccount
from trading.wire import instant

if TYPE_CHECKING:
    from tests.api.conftest import Bot

PATH = "/raxx/v1/tier"
FREE = {
    "requests_per_minute": 60,
    "accounts": 1,
    "webhooks": 1,
    "streams": 10,
    "replay_markets": False,
    "history_days": 90,
    "live_trading": False,
    "data_delay_seconds": 900,
    "data_archive": False,
    "data_stream_symbols": 30,
}


def test_a_person_reads_what_their_tier_allows(make_bot: Any) -> None:
    assert make_bot(user=make_user()).get(PATH).json() == {"tier": "free", "allows": FREE, "pending": None}


def test_no_limit_is_null(make_bot: Any) -> None:
    allows = make_bot(user=make_user(tier=Tier.PRO_PLUS)).get(PATH).json()["allows"]

    assert (allows["history_days"], allows["data_stream_symbols"], allows["data_archive"]) == (
        None,
        None,
        True,
    )


def test_a_downgrade_that_waits_is_told_with_what_it_takes_away(make_bot: Any) -> None:
    user = make_user(tier=Tier.PRO)
    bot = make_bot(user=user)
    second = make_account(user)
    make_webhook(bot.account)
    young = make_webhook(bot.account)
    make_account(make_user())  # somebody else's
    now = timezone.now()
    set_tier(user_id=user.pk, tier="free", reason="asked", now=now)

    assert bot.get(PATH).json()["pending"] == {
        "tier": "free",
        "asked_at": instant(now),
        "applies_at": instant(now + NOTICE),
        "allows": FREE,
        "loses": {
            "accounts": [{"id": str(second.pk), "account_number": second.number}],
            "webhooks": [{"id": str(young.pk), "account_id": str(bot.account.pk), "url": young.url}],
            "history_before": instant(now + NOTICE - timedelta(days=90)),
        },
    }


def test_nobody_changes_their_tier_here(bot: Bot) -> None:
    assert bot.post(PATH, {"tier": "pro_plus"}).status_code == 405


def test_a_limited_account_says_so_and_refuses_entries_in_words(bot: Bot) -> None:
    TradingAccount.objects.filter(pk=bot.account.pk).update(exits_only=True)

    answer = bot.order()

    assert refusal(answer) == (403, 40310000)
    assert answer.json()["message"] == (
        "this account is beyond what your tier allows: it takes orders that close positions alone"
    )
    [listed] = bot.get("/raxx/v1/accounts").json()
    assert listed["exits_only"] is True


def gone(bot: Bot) -> None:
    """Let all that there is become history."""
    bot.account.refresh_from_db()
    make_old(bot.account, bot.account.event_seq)
    purge(bot.account, tier=bot.account.user.tier)


def test_orders_and_activities_begin_later_and_the_amounts_still_add_up(bot: Bot, holding: Any) -> None:
    order_id = holding("10", "100")
    Market.objects.update(anchor_at=NOON + timedelta(days=8))  # the fill is not of the market's day any more
    before = {name: bot.get(f"/v2/{name}").json() for name in ("account", "positions")}
    gone(bot)

    assert bot.get("/v2/orders", status="all").json() == []
    assert bot.get(f"/v2/orders/{order_id}").status_code == 404
    [opening] = bot.get("/v2/account/activities", activity_types="JNLC").json()
    assert (opening["net_amount"], opening["description"]) == (
        "-1000",
        "trades that are no longer kept one by one",
    )
    assert bot.get("/v2/account/activities", activity_types="FILL").json() == []
    assert {name: bot.get(f"/v2/{name}").json() for name in before} == before


def test_generations_are_told_from_where_history_begins(bot: Bot, holding: Any) -> None:
    holding("10", "100")
    gone(bot)

    [generation] = bot.get(f"/raxx/v1/accounts/{bot.account.pk}").json()["generations"]

    assert (generation["since_id"], generation["until_id"]) == (str(bot.account.event_seq), None)
