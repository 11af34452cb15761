"""What an account is worth is shown at prices that its owner may see; its orders are judged by those that are."""

from __future__ import annotations

from decimal import Decimal

from matching.engine.types import DOLLAR, Trade
from matching.market import keys, latest
from tests.factories.rows import SECRET, make_position
from tests.marketdata.conftest import TUESDAY, price_at
from trading import principal
from trading.models import Asset
from trading.selectors import marks_of


def publish(valkey, market, price, at, close):
    known = latest.Latest(
        trade=Trade(seq=1, at=at, price=price * DOLLAR, size=10**11), previous_close=close * DOLLAR
    )
    valkey.hset(keys.latest(market.pk), "IBM", latest.encode(known))


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

    told, untold = pro.order(**stop).json(), free.order(**stop).json()

    assert (told["message"], told["market_price"]) == ("stop price must be greater than current price", "500")
    assert untold == {name: value for name, value in told.items() if name != "market_price"}
