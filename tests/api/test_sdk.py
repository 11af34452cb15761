"""The unmodified SDK's client, over HTTP: every call that is served."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetStatus, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
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


def test_a_refusal_reaches_the_bot_with_its_code(client):
    with pytest.raises(APIError) as caught:
        client.submit_order(
            LimitOrderRequest(
                symbol="NOPE", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=1
            )
        )

    assert (caught.value.status_code, caught.value.code) == (422, 42210000)
    assert "NOPE" in caught.value.message


def test_what_comes_later_is_refused_in_a_way_that_the_sdk_can_read(client):
    for call in (client.get_account_configurations, client.get_watchlists, client.close_all_positions):
        with pytest.raises(APIError) as caught:
            call()
        assert caught.value.code in {40410000, 40510000}
