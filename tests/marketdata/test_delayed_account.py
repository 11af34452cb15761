"""What an account is worth is shown at prices that its owner may see; its orders are judged by those that are."""

from __future__ import annotations

from decimal import Decimal

import pytest

from matching.engine.types import DOLLAR, Trade
from matching.market import keys, latest
from matching.models import Watermark
from tests.api.conftest import told
from tests.factories.rows import SECRET, make_order, make_position
from tests.marketdata.conftest import TUESDAY, price_at
from trading import principal
from trading.models import Asset
from trading.selectors import marks_of


def publish(valkey, market, price, at, close, symbol="IBM"):
    known = latest.Latest(
        trade=Trade(seq=1, at=at, price=price * DOLLAR, size=10**11), previous_close=close * DOLLAR
    )
    valkey.hset(keys.latest(market.pk), symbol, latest.encode(known))


def test_a_delayed_owner_sees_positions_and_worth_a_quarter_of_an_hour_late(free, pro, at, market, valkey):
    now = at(TUESDAY, 10, 20)
    publish(valkey, market, 500, now, 99)
    ibm = Asset.objects.get(symbol="IBM")
    for bot in (free, pro):
        make_position(bot.account, ibm, quantity=10, cost=1_000)

    fresh = pro.get("/v2/positions/IBM").json()
    late = free.get("/v2/positions/IBM").json()

    minutes = 20 - 15
    was = Decimal(price_at("IBM", TUESDAY, 60 * (30 + minutes))) / DOLLAR
    assert Decimal(fresh["current_price"]) == 500
    assert abs(Decimal(late["current_price"]) - was) < Decimal("0.02")
    assert fresh["lastday_price"] == late["lastday_price"] == "99"  # yesterday's is nobody's secret
    assert Decimal(free.get("/v2/account").json()["long_market_value"]) == 10 * Decimal(late["current_price"])
    assert Decimal(pro.get("/v2/account").json()["long_market_value"]) == 5_000


def test_an_order_is_judged_by_the_price_that_is_whoever_sends_it(free, at, market, valkey):
    publish(valkey, market, 500, at(TUESDAY, 10, 20), 99)
    ibm = Asset.objects.get(symbol="IBM")
    make_position(free.account, ibm, quantity=10, cost=1_000)

    assert marks_of(principal.principal_of_key(free.key.pk, SECRET, "")) == {str(ibm.pk): Decimal(500)}


def test_a_refusal_does_not_tell_the_price_that_is_to_who_sees_it_late(free, pro, at, market, valkey):
    publish(valkey, market, 500, at(TUESDAY, 10, 20), 99)
    stop = {"type": "stop", "limit_price": None, "stop_price": "100"}

    seen, unseen = told(pro.order(**stop)), told(free.order(**stop))

    assert (seen["message"], seen["market_price"]) == ("stop price must be greater than current price", "500")
    assert unseen == {name: value for name, value in seen.items() if name != "market_price"}


@pytest.mark.parametrize(
    ("terms", "hidden"),
    [
        ({"type": "market", "limit_price": None, "qty": "1000000"}, {"cost_basis", "buying_power"}),
        ({"type": "market", "limit_price": None, "qty": "0.001"}, {"cost_basis"}),
        ({"limit_price": "1", "qty": "1000000", "side": "sell"}, {"cost_basis", "buying_power"}),
        ({"limit_price": "700", "qty": "1000000"}, {"buying_power"}),
    ],
    ids=["at the market", "too little", "short", "at its own limit, on what it holds at the market"],
)
def test_a_refusal_does_not_tell_what_the_order_would_have_cost(free, pro, at, market, valkey, terms, hidden):
    now = at(TUESDAY, 10, 20)
    publish(valkey, market, 500, now, 99)
    publish(valkey, market, 30, now, 29, symbol="MSFT")
    msft = Asset.objects.get(symbol="MSFT")
    for bot in (free, pro):
        bot.account.multiplier = 4
        bot.account.save()
        make_position(bot.account, msft, quantity=10, cost=300)

    told, untold = pro.order(**terms), free.order(**terms)

    assert told.status_code == untold.status_code == 403, told.content
    assert told.json().keys() - untold.json().keys() == hidden


def test_buying_power_is_told_where_nothing_is_held_whose_price_would_stand_in_it(free, at, market, valkey):
    publish(valkey, market, 500, at(TUESDAY, 10, 20), 99)
    free.account.multiplier = 4
    free.account.save()

    told = free.order(limit_price="700", qty="1000000").json()

    assert (told["buying_power"], told["cost_basis"]) == ("400000", "700000000")


TRAILING = {
    "type": "trailing_stop",
    "side": "sell",
    "limit_price": None,
    "trail_price": 1,
    "status": "new",
    "working_seq": 1,
}


def test_a_trailing_stop_does_not_tell_how_far_the_market_came_to_who_sees_it_late(free, pro, at, market):
    at(TUESDAY, 10, 20)
    ibm = Asset.objects.get(symbol="IBM")
    Watermark.objects.create(market=market, symbol="IBM", side="sell", seq=5, price=500 * DOLLAR)

    def shown(bot, **fields):
        order = make_order(bot.account, ibm, quantity=10, **{**TRAILING, **fields})
        one = bot.get(f"/v2/orders/{order.pk}").json()
        [listed] = [each for each in bot.get("/v2/orders", status="all").json() if each["id"] == one["id"]]
        assert listed == one
        return one["hwm"], one["stop_price"]

    assert shown(pro) == ("500", "499")
    assert shown(free) == (None, None)
    assert shown(free, status="canceled", hwm=500) == (None, None)
    assert shown(free, is_triggered=True, hwm=500) == ("500", "499")


def explained(bot, asset, **fields):
    order = make_order(bot.account, asset, **{"quantity": 10, "status": "new", "working_seq": 1, **fields})
    return bot.get(f"/raxx/v1/orders/{order.pk}/explanation").json()["waiting_for"]


def test_an_explanation_tells_that_its_market_is_a_quarter_of_an_hour_old(free, pro, at, market, valkey):
    publish(valkey, market, 500, at(TUESDAY, 10, 20), 99)
    ibm = Asset.objects.get(symbol="IBM")
    resting = {"side": "buy", "type": "limit", "limit_price": 50, "queue_ahead": 0}

    waiting = explained(free, ibm, **resting)

    assert waiting["reason"] == "queue"  # what was fresh then is not stale because it is told late
    assert waiting["sentence"].startswith("As of 15 minutes ago, ")
    assert not explained(pro, ibm, **resting)["sentence"].startswith("As of")


def test_the_explanation_of_a_trailing_stop_hides_how_far_the_market_came(free, at, market, valkey):
    publish(valkey, market, 500, at(TUESDAY, 10, 20), 99)
    Watermark.objects.create(market=market, symbol="IBM", side="sell", seq=5, price=500 * DOLLAR)

    waiting = explained(free, Asset.objects.get(symbol="IBM"), **TRAILING)

    assert (waiting["evidence"]["watermark"], waiting["evidence"]["stop_price"]) == (None, None)
    assert "500" not in str(waiting)
    assert "the price to fall by 1.00 from its high since the order works" in waiting["sentence"]
