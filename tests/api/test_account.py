"""GET /v2/account and /v2/positions: every field, exact, and valued at the last print."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from alpaca.trading.models import Position as SdkPosition, TradeAccount
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching.models import Market
from tests.api.conftest import refusal
from tests.factories.rows import NOON, make_asset, make_fill, make_order, make_position
from trading.models import Fill


def test_the_account_is_answered_with_every_field_of_the_wire(bot, holding, show):
    show(last="120")
    holding("10", "100")
    bot.order(qty="5", limit_price="90")

    answer = bot.get("/v2/account").json()

    power = {
        "buying_power": "98550",
        "regt_buying_power": "98550",
        "daytrading_buying_power": "98550",
        "non_marginable_buying_power": "98550",
        "options_buying_power": "98550",
        "effective_buying_power": "98550",
    }
    zero = dict.fromkeys(
        (
            "last_maintenance_margin",
            "sma",
            "short_market_value",
            "accrued_fees",
            "pending_transfer_in",
            "pending_transfer_out",
            "pending_reg_taf_fees",
            "intraday_adjustments",
        ),
        "0",
    )
    assert answer == {
        "id": str(bot.account.pk),
        "account_number": bot.account.number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "crypto_tier": 0,
        "currency": "USD",
        "cash": "99000",
        "equity": "100200",
        "portfolio_value": "100200",
        "last_equity": "100000",
        "long_market_value": "1200",
        "position_market_value": "1200",
        **power,
        **zero,
        "initial_margin": "600",
        "maintenance_margin": "360",
        "multiplier": "1",
        "balance_asof": "2013-10-07",
        "created_at": bot.account.created_at.isoformat().replace("+00:00", "Z"),
        "options_approved_level": 0,
        "options_trading_level": 0,
        "account_blocked": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "trade_suspended_by_user": False,
        "shorting_enabled": False,
        "pattern_day_trader": False,
        "daytrade_count": 0,
        "admin_configurations": {},
        "user_configurations": None,
    }
    assert TradeAccount(**answer).equity == "100200"


def test_a_position_is_answered_with_every_field_of_the_wire(bot, ibm, holding, show):
    show(last="120", close="98")
    holding("10", "100")

    answer = bot.get("/v2/positions/IBM")

    assert answer.json() == {
        "asset_id": str(ibm.pk),
        "symbol": "IBM",
        "exchange": "NYSE",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "qty": "10",
        "qty_available": "10",
        "side": "long",
        "avg_entry_price": "100",
        "cost_basis": "1000",
        "market_value": "1200",
        "current_price": "120",
        "lastday_price": "98",
        "change_today": "0.224489796",
        "unrealized_pl": "200",
        "unrealized_plpc": "0.2",
        "unrealized_intraday_pl": "200",
        "unrealized_intraday_plpc": "0.2",
    }
    assert bot.get("/v2/positions").json() == [answer.json()]
    assert bot.get(f"/v2/positions/{ibm.pk}").json() == answer.json()
    assert SdkPosition(**answer.json()).qty == "10"


def test_shares_from_before_today_gain_since_the_close_and_todays_since_their_price(bot, ibm, show):
    show(last="120", close="110")
    make_position(bot.account, ibm, quantity=10, cost=900)
    make_fill(bot.account, make_order(bot.account, ibm), quantity=4, price=115, side="buy")  # today
    make_fill(
        bot.account, make_order(bot.account, ibm), quantity=6, price=50, side="buy", at=NOON.replace(day=7)
    )

    answer = bot.get("/v2/positions/IBM").json()

    assert answer["unrealized_intraday_pl"] == "80"  # 6 x (120 - 110) + 4 x (120 - 115)
    assert answer["unrealized_pl"] == "300"


CROSSED = [("sell", "100", "200"), ("sell", "10", "100")]
# What is held and what it cost, today's trades, the last price, and the day's gain in dollars and as a fraction.
DAYS_OF_TRADES: dict[str, tuple[Any, ...]] = {
    "a short that began where a long ended": ("-10", "-1000", CROSSED, "100", "0", "0"),
    "a short that was bought back and sold anew": (
        *("-10", "-1000", [*CROSSED, ("buy", "10", "90"), ("sell", "10", "100")]),
        *("100", "0", "0"),
    ),
    "a long whose average has no end": (
        *("1.3", "129.994", [("buy", "0.7", "100"), ("buy", "0.6", "99.99")]),
        *("100", "0.006", "0.000046156"),
    ),
    "a sale of more than was there before": (
        *("4", "440", [("buy", "6", "110"), ("sell", "12", "115")]),
        *("120", "40", "0.090909091"),
    ),
    "a sale of what was there before": (
        *("9", "900", [("buy", "6", "110"), ("sell", "7", "115")]),
        *("120", "120", "0.125"),
    ),
}


@pytest.mark.parametrize(
    ("quantity", "cost", "trades", "last", "gain", "fraction"),
    list(DAYS_OF_TRADES.values()),
    ids=DAYS_OF_TRADES,
)
def test_what_closed_an_earlier_position_opened_nothing(
    bot, ibm, show, quantity, cost, trades, last, gain, fraction
):
    show(last=last, close="100")
    make_position(bot.account, ibm, quantity=quantity, cost=cost)
    for second, (side, shares, price) in enumerate(trades):
        order = make_order(bot.account, ibm)
        make_fill(
            bot.account, order, quantity=shares, price=price, side=side, at=NOON + timedelta(seconds=second)
        )

    answer = bot.get("/v2/positions/IBM").json()

    assert (answer["unrealized_intraday_pl"], answer["unrealized_intraday_plpc"]) == (gain, fraction)


def test_a_position_whose_price_nobody_knows_is_worth_what_it_cost(bot, ibm):
    make_position(bot.account, ibm, quantity=3, cost=100)

    answer = bot.get("/v2/positions/IBM").json()

    assert (answer["current_price"], answer["lastday_price"], answer["change_today"]) == (
        "33.333333333",
        None,
        None,
    )
    assert bot.get("/v2/account").json()["long_market_value"] == answer["market_value"]


def test_a_sold_position_is_gone(bot, desk, holding):
    holding("10", "100")
    sale = UUID(bot.order(side="sell", qty="10", limit_price="110").json()["id"])
    desk.decide((sale, "new"), (sale, "fill", "10", "110"))

    assert bot.get("/v2/positions").json() == []
    assert refusal(bot.get("/v2/positions/IBM")) == (404, 40410000)
    assert bot.get("/v2/positions/IBM").json()["message"] == "position does not exist"
    assert bot.get("/v2/account").json()["cash"] == "100100"


@pytest.mark.parametrize(
    "name", ["IBM", "NOPE", "BTC/USD", "%00", "01a206b7-bd3b-75cc-90b2-57bc5c83bf58", "x" * 500]
)
def test_a_position_that_is_not_there_is_not_found(bot, name):
    answer = bot.get(f"/v2/positions/{name}")

    assert refusal(answer) == (404, 40410000)
    assert answer.json()["message"] == "position does not exist"


def test_positions_take_as_many_queries_for_three_as_for_one(bot, ibm, show):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert bot.get("/v2/positions").status_code == 200
            assert bot.get("/v2/account").status_code == 200
        return len(captured)

    make_position(bot.account, ibm)
    queries()  # fills what a process keeps
    for_one = queries()
    make_position(bot.account, make_asset("MSFT"))
    make_position(bot.account, make_asset("PENNY"))

    assert queries() == for_one
    assert not Fill.objects.exists()


def test_what_an_earlier_run_of_the_tape_bought_was_not_bought_today(bot, ibm, show):
    show(last="120", close="110")
    make_position(bot.account, ibm, quantity=10, cost=900)
    make_fill(bot.account, make_order(bot.account, ibm), quantity=4, price=115, side="buy")
    Market.objects.update(run=2)

    answer = bot.get("/v2/positions/IBM").json()

    assert answer["unrealized_intraday_pl"] == "100"  # 10 x (120 - 110)


def last_equity(bot):
    return bot.get("/v2/account").json()["last_equity"]


def test_last_equity_is_the_worth_at_the_close_before_and_knows_nothing_of_today(bot, ibm, show):
    other = make_asset("MSFT")
    show(last="120", close="110")
    show("MSFT", last="60", close="50")
    make_position(bot.account, ibm, quantity=10, cost=900)
    make_fill(bot.account, make_order(bot.account, ibm), quantity=4, price=115, side="buy")
    make_fill(bot.account, make_order(bot.account, other, side="sell"), quantity=2, price=55)  # all it had
    make_fill(
        bot.account, make_order(bot.account, ibm), quantity=6, price=50, side="buy", at=NOON.replace(day=7)
    )

    # Cash before today's 4 x 115 and without its 2 x 55; then 6 at 110 and 2 at 50.
    assert last_equity(bot) == str(100_000 + 460 - 110 + 660 + 100)


def test_last_equity_takes_shares_whose_close_nobody_knows_at_what_they_cost_or_fetched(bot, ibm):
    make_position(bot.account, ibm, quantity=10, cost=900)
    make_fill(bot.account, make_order(bot.account, make_asset("MSFT"), side="sell"), quantity=2, price=55)

    assert last_equity(bot) == str(100_000 - 110 + 900 + 110)


def test_before_a_day_begins_last_equity_is_the_worth_at_the_last_print(bot, ibm, show):
    Market.objects.update(anchor_at=NOON.replace(day=9, hour=6))  # two in the morning in New York
    show(last="120", close="110")
    make_position(bot.account, ibm, quantity=10, cost=900)
    make_fill(bot.account, make_order(bot.account, ibm), quantity=4, price=115, side="buy")

    assert last_equity(bot) == str(100_000 + 1_200)


def test_on_margin_the_figures_are_multiples_of_equity(make_bot, ibm, show):
    other = make_asset("MSFT")
    bot = make_bot(cash=30_000, multiplier=4, cash_held=500)
    show(last="120")
    show("MSFT", last="50")
    make_position(bot.account, ibm, quantity=100, cost=10_000)
    make_position(bot.account, other, quantity=-40, cost=-2_200)

    answer = bot.get("/v2/account").json()

    assert {name: answer[name] for name in FIGURES} == FIGURES
    assert TradeAccount(**answer).shorting_enabled is True


FIGURES = {
    "cash": "30000",
    "long_market_value": "12000",
    "short_market_value": "-2000",
    "position_market_value": "14000",
    "equity": "40000",
    "multiplier": "4",
    "initial_margin": "7000",
    "maintenance_margin": "4200",  # 30 % of each
    "buying_power": "145500",  # 4 x 40,000 - 14,000 - 500
    "daytrading_buying_power": "145500",
    "regt_buying_power": "65500",
    "non_marginable_buying_power": "25500",
    "options_buying_power": "25500",
    "shorting_enabled": True,
}


@pytest.mark.parametrize(
    ("cash", "fields", "multiplier", "may_short"),
    [
        (2_000, {"multiplier": 4}, "4", True),
        (1_999, {"multiplier": 4}, "1", False),
        (2_000, {"multiplier": 1}, "1", False),
        (2_000, {"multiplier": 4, "max_margin_multiplier": 2}, "2", True),
        (2_000, {"multiplier": 4, "no_shorting": True}, "4", False),
    ],
)
def test_the_multiplier_that_is_shown_is_the_one_that_counts(make_bot, cash, fields, multiplier, may_short):
    answer = make_bot(cash=cash, **fields).get("/v2/account").json()

    assert (answer["multiplier"], answer["shorting_enabled"]) == (multiplier, may_short)
    assert answer["buying_power"] == str(int(multiplier) * cash)


def test_a_short_is_shown_with_its_signs(bot, ibm, show):
    show(last="120", close="110")
    make_position(bot.account, ibm, quantity=-10, cost=-1_150, quantity_held=4)
    make_fill(
        bot.account, make_order(bot.account, ibm, side="sell"), quantity=4, price=115, side="sell"
    )  # today

    answer = bot.get("/v2/positions/IBM").json()

    assert {name: answer[name] for name in SHORT} == SHORT


SHORT = {
    "side": "short",
    "qty": "-10",
    "qty_available": "-6",
    "avg_entry_price": "115",
    "cost_basis": "-1150",
    "market_value": "-1200",
    "unrealized_pl": "-50",
    "unrealized_plpc": "-0.043478261",
    "unrealized_intraday_pl": "-80",  # 6 x (110 - 120) + 4 x (115 - 120)
    "unrealized_intraday_plpc": "-0.071428571",
    "change_today": "0.090909091",
}


def test_the_margin_of_the_day_before_is_that_of_what_was_then_held(bot, ibm, show):
    show(last="120", close="110")
    make_position(bot.account, ibm, quantity=10, cost=900)
    make_fill(bot.account, make_order(bot.account, ibm), quantity=4, price=115, side="buy")

    assert bot.get("/v2/account").json()["last_maintenance_margin"] == "198"  # 30 % of 6 at 110
