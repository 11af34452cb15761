"""What the staff do to an account, as its bot meets it: frozen and thawed, its cash put right, a symbol suspended."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import AuditEntry
from matching.models import Market
from tests.api.conftest import refusal
from tests.factories.rows import NOON
from trading import reference
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.ledger_audit import audit_ledger
from trading.models import Asset, Journal, TradingAccount
from trading.services.adjusting import adjust_cash
from trading.services.freezing import freeze, resume_asset, suspend_asset, thaw

REASON = "a ticket"
FROZEN = (
    "account is restricted to liquidation: support has frozen it, and orders that close positions are taken"
)


def told(account=None):
    about = {"chain": account.pk} if account else {"subject": None}
    return list(AuditEntry.objects.filter(**about).order_by("seq").values_list("action", flat=True))


def test_a_frozen_account_takes_what_closes_and_nothing_that_opens(bot, holding, ibm, desk):
    holding("10", "100")
    resting = bot.order(limit_price="50").json()["id"]
    desk.decide((resting, "new"))
    assert freeze(account_id=bot.account.pk, reason=REASON)

    assert bot.get("/v2/account").json()["trading_blocked"] is True
    for entry in ({}, {"qty": None, "notional": "50", "limit_price": None, "type": "market"}):
        answer = bot.order(**entry)
        assert (refusal(answer), answer.json()["message"]) == ((403, 40310000), FROZEN)
    replaced = bot.patch(f"/v2/orders/{resting}", {"qty": "20"})
    assert (refusal(replaced), replaced.json()["message"]) == ((403, 40310000), FROZEN)

    assert bot.delete(f"/v2/orders/{resting}").status_code == 204
    desk.decide((resting, "canceled"))
    closing = bot.order(side="sell", qty="4", limit_price="120")
    assert closing.status_code == 200
    desk.decide((closing.json()["id"], "new"))
    assert bot.patch(f"/v2/orders/{closing.json()['id']}", {"limit_price": "119"}).status_code == 200

    assert thaw(account_id=bot.account.pk, reason=REASON)
    assert bot.get("/v2/account").json()["trading_blocked"] is False
    assert bot.order(symbol="IBM", limit_price="40").status_code == 200
    assert told(bot.account) == ["account.frozen", "account.thawed"]


def test_freezing_twice_changes_and_tells_nothing_the_second_time(bot):
    assert [freeze(account_id=bot.account.pk, reason=REASON) for _ in range(2)] == [True, False]
    first = TradingAccount.objects.get(pk=bot.account.pk).frozen_at
    assert [thaw(account_id=bot.account.pk, reason=REASON) for _ in range(2)] == [True, False]

    assert first is not None
    assert told(bot.account) == ["account.frozen", "account.thawed"]


def test_what_cannot_be_frozen_says_so(bot):
    with pytest.raises(ValueInvalid, match="a reason is required"):
        freeze(account_id=bot.account.pk, reason=" ")
    with pytest.raises(NotFound):
        freeze(account_id=bot.key.user_id, reason=REASON)
    TradingAccount.objects.filter(pk=bot.account.pk).update(status="ACCOUNT_CLOSED")
    with pytest.raises(RuleBroken, match="closed"):
        freeze(account_id=bot.account.pk, reason=REASON)
    assert told(bot.account) == []


def test_a_suspended_symbol_takes_no_order_and_lets_cancels_pass(bot, ibm, desk):
    resting = bot.order(limit_price="50").json()["id"]
    desk.decide((resting, "new"))
    assert suspend_asset(symbol="IBM", reason=REASON)
    reference.forget()  # a web process asks again within seconds

    answer = bot.order()
    assert (answer.status_code, answer.json()["message"]) == (
        422, "asset IBM is suspended: new orders in it are refused until it is resumed",
    )  # fmt: skip
    assert bot.patch(f"/v2/orders/{resting}", {"limit_price": "60"}).status_code == 422
    assert bot.get("/v2/assets/IBM").json()["tradable"] is False
    assert bot.delete(f"/v2/orders/{resting}").status_code == 204

    assert not suspend_asset(symbol="IBM", reason=REASON)
    assert resume_asset(symbol="IBM", reason=REASON)
    reference.forget()
    assert bot.order().status_code == 200
    assert (Asset.objects.get(symbol="IBM").tradable, told()) == (True, ["asset.suspended", "asset.resumed"])
    with pytest.raises(NotFound):
        suspend_asset(symbol="NOTHING", reason=REASON)


def test_an_adjustment_is_an_activity_and_money_paid_in_or_out_and_the_ledger_balances(bot):
    before = bot.get("/v2/account").json()
    journal = adjust_cash(
        account_id=bot.account.pk, amount=Decimal("-250.50"), note="a fee that was ours", reason=REASON
    )

    after = bot.get("/v2/account").json()
    assert Decimal(after["cash"]) - Decimal(before["cash"]) == Decimal("-250.50")
    [activity] = bot.get("/v2/account/activities", activity_types="JNLC").json()
    assert (activity["net_amount"], activity["description"], activity["id"].partition("::")[2]) == (
        "-250.5", "a fee that was ours", str(journal.pk),
    )  # fmt: skip
    assert after["equity"] == after["last_equity"]
    # The history tells it as money that came and went, as it tells a deposit; both lie at NOON.
    Market.objects.update(anchor_at=NOON + timedelta(hours=2))
    asked = {"period": "1D", "timeframe": "1H", "cashflow_types": "CSD"}
    history = bot.get("/v2/account/portfolio/history", **asked).json()
    assert (history["equity"][-1], sum(history["cashflow"]["CSD"])) == (99_749.5, 99_749.5)
    assert audit_ledger().differences == ()
    assert told(bot.account) == ["account.cash_adjusted"]


def test_an_adjustment_with_the_id_of_an_earlier_one_moves_nothing(bot):
    first = adjust_cash(account_id=bot.account.pk, amount=Decimal(5), note="sorry", reason=REASON)
    again = adjust_cash(
        account_id=bot.account.pk, amount=Decimal(5), note="sorry", reason=REASON, journal_id=first.pk
    )

    assert (again.pk, Journal.objects.filter(kind="adjustment").count()) == (first.pk, 1)
    assert TradingAccount.objects.get(pk=bot.account.pk).cash == 100_005
    assert audit_ledger().differences == ()


@pytest.mark.parametrize(
    ("amount", "note", "words"),
    [
        pytest.param("-99001", "back", "only 99000 dollars are not held", id="what open orders hold"),
        pytest.param("0", "back", "is not nothing", id="nothing"),
        pytest.param("0.001", "back", "whole cents", id="a part of a cent"),
        pytest.param("5", "  ", "a note has", id="no note"),
    ],
)
def test_an_adjustment_that_may_not_be_moves_nothing(bot, amount, note, words):
    bot.order()
    with pytest.raises((RuleBroken, ValueInvalid), match=words):
        adjust_cash(account_id=bot.account.pk, amount=Decimal(amount), note=note, reason=REASON)

    assert TradingAccount.objects.get(pk=bot.account.pk).cash == 100_000
    assert told(bot.account) == []
