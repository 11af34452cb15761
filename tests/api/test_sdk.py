"""The unmodified SDK's client, over HTTP: every call that is served."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    AssetStatus,
    OrderClass,
    OrderSide,
    OrderStatus,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import (
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    OptionLegRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from tests.factories.rows import SECRET


@pytest.fixture
def client(bot, live_server):
    return TradingClient(bot.key.pk, SECRET, paper=True, url_override=live_server.url)


def test_a_day_of_a_bot(client, desk, bot, show):
    show(bid="99", ask="100", last="99.5")
    bought = client.submit_order(
        MarketOrderRequest(symbol="IBM", qty=4, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    )
    desk.decide((bought.id, "new"), (bought.id, "fill", "4", "100"))
    resting = client.submit_order(
        LimitOrderRequest(
            symbol="IBM",
            qty=5,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.GTC,
            limit_price=90.5,
            client_order_id="mine",
        )
    )
    desk.decide((resting.id, "new"))

    assert client.get_order_by_id(bought.id).filled_avg_price == "100"
    assert client.get_order_by_client_id("mine").id == resting.id
    assert [order.id for order in client.get_orders()] == [resting.id]
    everything = GetOrdersRequest(status=QueryOrderStatus.ALL, symbols=["IBM"], limit=10, nested=True)
    assert [order.id for order in client.get_orders(everything)] == [resting.id, bought.id]

    successor = client.replace_order_by_id(resting.id, ReplaceOrderRequest(qty=6, limit_price=90))
    assert successor.replaces == resting.id
    desk.decide((resting.id, "replaced"), (UUID(str(successor.id)), "new"))
    client.cancel_order_by_id(successor.id)
    assert client.get_order_by_id(successor.id).status is OrderStatus.PENDING_CANCEL
    assert client.cancel_orders() == []

    assert client.get_open_position("IBM").qty == "4"
    assert [position.symbol for position in client.get_all_positions()] == ["IBM"]
    assert client.get_account().cash == "99600"
    assert client.get_asset("IBM").symbol == "IBM"
    assert [asset.symbol for asset in client.get_all_assets(GetAssetsRequest(status=AssetStatus.ACTIVE))] == [
        "IBM"
    ]
    assert client.get_clock().is_open
    [day] = client.get_calendar(GetCalendarRequest(start=date(2013, 10, 8), end=date(2013, 10, 8)))
    assert day.close.hour == 16


BUY = {"symbol": "IBM", "qty": 10, "side": OrderSide.BUY, "time_in_force": TimeInForce.GTC}
PROFIT, LOSS = TakeProfitRequest(limit_price=110), StopLossRequest(stop_price=90, limit_price=89)


def told(order):
    """Return what an order says of its terms, as far as it says anything."""
    names = (
        "order_class",
        "type",
        "time_in_force",
        "limit_price",
        "stop_price",
        "trail_price",
        "trail_percent",
    )
    return {name: str(getattr(value, "value", value)) for name in names if (value := getattr(order, name))}


@pytest.mark.parametrize(
    ("request_", "terms"),
    [
        (StopOrderRequest(**BUY, stop_price=101.5), {"type": "stop", "stop_price": "101.5"}),
        (
            StopLimitOrderRequest(**BUY, stop_price=101, limit_price=102),
            {"type": "stop_limit", "stop_price": "101", "limit_price": "102"},
        ),
        (TrailingStopOrderRequest(**BUY, trail_price=1.5), {"type": "trailing_stop", "trail_price": "1.5"}),
        (
            TrailingStopOrderRequest(**BUY, trail_percent=2.5),
            {"type": "trailing_stop", "trail_percent": "2.5"},
        ),
        (
            LimitOrderRequest(**BUY | {"time_in_force": TimeInForce.CLS}, limit_price=99),
            {"type": "limit", "time_in_force": "cls", "limit_price": "99"},
        ),
        (
            MarketOrderRequest(**BUY | {"time_in_force": TimeInForce.CLS}),
            {"type": "market", "time_in_force": "cls"},
        ),
    ],
    ids=["stop", "stop limit", "trail in dollars", "trail in percent", "limit on close", "market on close"],
)
def test_an_order_of_each_type_is_answered_and_read_as_it_was_asked_for(client, show, request_, terms):
    show(bid="99", ask="100", last="99.5")

    placed = client.submit_order(request_)

    assert told(placed) == {"order_class": "simple", "time_in_force": "gtc", **terms}
    assert (placed.status, placed.legs, placed.hwm) == (OrderStatus.PENDING_NEW, None, None)
    assert client.get_order_by_id(placed.id) == placed


def test_an_order_for_the_opening_is_taken_in_the_morning(client, show, market):
    show(bid="99", ask="100", last="99.5", age_s=-3600)
    type(market).objects.update(anchor_at="2013-10-08T12:00:00Z")

    placed = client.submit_order(MarketOrderRequest(**BUY | {"time_in_force": TimeInForce.OPG}))

    assert placed.time_in_force is TimeInForce.OPG
    assert placed.expires_at.isoformat() == "2013-10-08T13:30:00+00:00"


@pytest.mark.parametrize(
    ("order_class", "exits", "legs"),
    [
        (
            OrderClass.BRACKET,
            {"take_profit": PROFIT, "stop_loss": LOSS},
            [
                {"type": "limit", "limit_price": "110"},
                {"type": "stop_limit", "stop_price": "90", "limit_price": "89"},
            ],
        ),
        (OrderClass.OTO, {"take_profit": PROFIT}, [{"type": "limit", "limit_price": "110"}]),
        (
            OrderClass.OTO,
            {"stop_loss": StopLossRequest(stop_price=90)},
            [{"type": "stop", "stop_price": "90"}],
        ),
    ],
    ids=["bracket", "oto with a profit", "oto with a stop"],
)
def test_a_class_is_answered_with_its_legs_and_listed_with_them_when_nested(
    client, show, order_class, exits, legs
):
    show(bid="99", ask="100", last="99.5")
    common = {"order_class": order_class.value, "time_in_force": "gtc"}

    placed = client.submit_order(LimitOrderRequest(**BUY, limit_price=100, order_class=order_class, **exits))

    assert told(placed) == {**common, "type": "limit", "limit_price": "100"}
    assert [told(leg) for leg in placed.legs] == [{**common, **leg} for leg in legs]
    for leg in placed.legs:
        assert (leg.side, leg.qty, leg.status, leg.legs) == (OrderSide.SELL, "10", OrderStatus.HELD, None)
        assert leg.client_order_id not in {None, placed.client_order_id}
    assert client.get_order_by_id(placed.id, GetOrderByIdRequest(nested=True)) == placed
    assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True)) == [placed]
    flat = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    assert {order.id for order in flat} == {placed.id, *(leg.id for leg in placed.legs)}
    assert {order.legs for order in flat} == {None}


def test_an_oco_is_its_take_profit_with_its_stop_as_the_only_leg(client, holding, show):
    holding("10")
    show(bid="99", ask="100", last="99.5")
    terms = BUY | {"side": OrderSide.SELL}

    placed = client.submit_order(
        LimitOrderRequest(**terms, order_class=OrderClass.OCO, take_profit=PROFIT, stop_loss=LOSS)
    )

    assert (placed.type.value, placed.limit_price, placed.order_class) == ("limit", "110", OrderClass.OCO)
    [stop] = placed.legs
    assert (stop.type.value, stop.stop_price, stop.limit_price) == ("stop_limit", "90", "89")
    assert client.get_open_position("IBM").qty_available == "0"
    assert client.get_orders(GetOrdersRequest(nested=True)) == [placed]


def test_stop_prices_and_trails_are_replaced(client, desk, show):
    show(bid="99", ask="100", last="99.5")
    stop = client.submit_order(StopOrderRequest(**BUY, stop_price=101.5))
    trail = client.submit_order(TrailingStopOrderRequest(**BUY, trail_percent=2.5))
    desk.decide((stop.id, "new"), (trail.id, "new"))

    higher = client.replace_order_by_id(stop.id, ReplaceOrderRequest(stop_price=102))
    wider = client.replace_order_by_id(trail.id, ReplaceOrderRequest(trail=3))

    assert (higher.replaces, higher.stop_price) == (stop.id, "102")
    assert (wider.replaces, wider.trail_percent, wider.trail_price) == (trail.id, "3", None)


def test_a_multi_leg_order_is_refused_in_a_way_that_the_sdk_can_read(client):
    legs = [OptionLegRequest(symbol=f"IBM13101{n}C00100000", ratio_qty=1, side=OrderSide.BUY) for n in (1, 2)]

    with pytest.raises(APIError) as caught:
        client.submit_order(
            LimitOrderRequest(
                qty=1, time_in_force=TimeInForce.DAY, order_class=OrderClass.MLEG, legs=legs, limit_price=1
            )
        )

    assert (caught.value.status_code, caught.value.code) == (422, 42210000)
    assert "mleg" in caught.value.message


def test_a_refusal_reaches_the_bot_with_its_code(client):
    with pytest.raises(APIError) as caught:
        client.submit_order(
            LimitOrderRequest(
                symbol="NOPE", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=1
            )
        )

    assert (caught.value.status_code, caught.value.code) == (422, 42210000)
    assert "NOPE" in caught.value.message
