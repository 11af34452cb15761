"""POST /v2/orders: what is accepted, what it reserves and what it answers."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from alpaca.trading.models import Order as SdkOrder
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest

from tests.api.conftest import refusal
from trading.models import Order, OrderEvent, Position, TradingAccount

D = Decimal


def held(bot):
    return TradingAccount.objects.get(pk=bot.account.pk).cash_held


def test_an_accepted_order_is_answered_with_every_field_of_the_wire(bot):
    answer = bot.order(client_order_id="mine", qty=10, limit_price=100.5, time_in_force="gtc")

    order = Order.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(order.pk),
        "client_order_id": "mine",
        "created_at": "2013-10-08T16:00:00Z",
        "updated_at": "2013-10-08T16:00:00Z",
        "submitted_at": "2013-10-08T16:00:00Z",
        "filled_at": None,
        "expired_at": None,
        "expires_at": "2014-01-06T21:15:00Z",
        "cancel_requested_at": None,
        "canceled_at": None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": str(order.asset_id),
        "symbol": "IBM",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "10",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "position_intent": "buy_to_open",
        "time_in_force": "gtc",
        "limit_price": "100.5",
        "stop_price": None,
        "status": "pending_new",
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
    }
    assert bot.get(f"/v2/orders/{order.pk}").json() == answer.json()
    assert SdkOrder(**answer.json()).limit_price == "100.5"


def test_an_accepted_order_is_stored_with_its_hold_its_event_and_the_request_that_caused_it(bot):
    answer = bot.post(
        "/v2/orders",
        {
            "symbol": "IBM",
            "qty": "10",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "limit_price": "100",
        },
        headers={"X-Request-ID": "trace.me-1"},
    )

    order, event = Order.objects.get(), OrderEvent.objects.get()
    assert answer.headers["X-Request-ID"] == order.request_id == event.request_id == "trace.me-1"
    assert (order.status, order.cash_held, order.reserve_price) == ("pending_new", D(1000), D(100))
    assert (event.kind, event.seq, event.order_id) == ("pending_new", 1, order.pk)
    assert held(bot) == D(1000)


@pytest.mark.parametrize(
    "request_",
    [
        MarketOrderRequest(symbol="IBM", qty=3, side="buy", time_in_force="day"),
        MarketOrderRequest(symbol="IBM", notional=250.5, side="buy", time_in_force="day"),
        MarketOrderRequest(
            symbol="IBM", qty=0.5, side="buy", time_in_force="day", position_intent="buy_to_open"
        ),
        MarketOrderRequest(symbol="IBM", qty=3, side="buy", time_in_force="ioc"),
        MarketOrderRequest(symbol="IBM", qty=3, side="buy", time_in_force="gtc", order_class="simple"),
        LimitOrderRequest(symbol="IBM", qty=3, side="buy", time_in_force="fok", limit_price=99.5),
        LimitOrderRequest(
            symbol="IBM", qty=3, side="buy", time_in_force="day", limit_price=99.5, extended_hours=True
        ),
    ],
    ids=["market", "notional", "fraction", "ioc", "gtc", "fok", "extended hours"],
)
def test_what_the_sdk_sends_is_accepted_and_what_we_answer_it_reads(bot, show, request_):
    show(bid="180", ask="181", last="180.5")
    body = request_.to_request_fields()

    answer = bot.post("/v2/orders", body)

    read = SdkOrder(**answer.json())
    assert answer.status_code == 200, answer.content
    assert (read.side, read.type, read.time_in_force) == (body["side"], body["type"], body["time_in_force"])
    assert (read.qty is None) == ("qty" not in body)
    assert (read.notional is None) == ("notional" not in body)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (b"0.30000000000000004", "0.3"),
        (b"1e-05", "0.00001"),
        (b"1.5E+2", "150"),
        ("0.000000002", "0.000000002"),
        (b"0.10000000000000000555", "0.1"),
        (".5", "0.5"),
    ],
)
def test_a_quantity_is_read_from_its_text(bot, sent, stored):
    text = (
        sent if isinstance(sent, bytes) else (f'"{sent}"' if isinstance(sent, str) else repr(sent)).encode()
    )
    body = (
        b'{"symbol":"IBM","side":"buy","type":"limit","time_in_force":"day","limit_price":"1","qty":%b}'
        % text
    )
    if D(stored) < 1:
        body = body.replace(b'"limit_price":"1"', b'"limit_price":"999000000"')
        TradingAccount.objects.update(cash=10**9)

    answer = bot.post("/v2/orders", body)

    assert answer.status_code == 200, answer.content
    assert answer.json()["qty"] == stored
    assert Order.objects.get().quantity == D(stored)


def test_an_asset_is_named_by_symbol_or_id(bot, ibm):
    assert bot.order(symbol=str(ibm.pk)).json()["symbol"] == "IBM"


def test_without_a_client_order_id_one_is_made(bot):
    first, second = (
        bot.order().json()["client_order_id"],
        bot.order(client_order_id="").json()["client_order_id"],
    )

    assert UUID(first) != UUID(second)


@pytest.mark.parametrize(
    ("latest", "price"),
    [
        ({"bid": "179", "ask": "181.25", "last": "180"}, "181.25"),
        ({"bid": "179", "ask": "181.25", "last": "180", "age_s": 61}, "180"),
        ({"bid": "182", "ask": "181.25", "last": "180"}, "180"),
        ({"bid": "179", "last": "180", "close": "170"}, "180"),
        ({"bid": "179", "close": "170"}, "170"),
    ],
    ids=["the offer", "a stale offer", "a crossed quote", "no offer", "no print today"],
)
def test_a_market_purchase_holds_the_offer_or_the_last_price(bot, show, latest, price):
    show(**latest)

    bot.order(type="market", limit_price=None, qty="2.5")

    order = Order.objects.get()
    assert (order.reserve_price, order.cash_held, held(bot)) == (
        D(price),
        D(price) * D("2.5"),
        D(price) * D("2.5"),
    )


def test_outside_the_regular_session_a_market_purchase_holds_the_last_price(bot, show, market):
    show(bid="179", ask="181.25", last="180", age_s=-3600 * 5)
    type(market).objects.update(anchor_at="2013-10-08T21:00:00Z")

    bot.order(type="market", limit_price=None)

    assert Order.objects.get().reserve_price == D(180)


def test_a_notional_purchase_holds_its_notional_and_needs_no_price(bot):
    bot.order(type="market", limit_price=None, qty=None, notional="250.1234")

    order = Order.objects.get()
    assert (order.quantity, order.notional, order.cash_held) == (None, D("250.1234"), D("250.1234"))


def test_a_market_purchase_of_something_that_has_no_price_is_refused(bot):
    answer = bot.order(type="market", limit_price=None)

    assert refusal(answer) == (422, 42210000)
    assert not Order.objects.exists()


def test_a_sale_holds_its_shares(bot, holding):
    holding("10")

    answer = bot.order(side="sell", qty="4", limit_price="120", position_intent="sell_to_close")

    assert answer.status_code == 200, answer.content
    assert answer.json()["position_intent"] == "sell_to_close"
    assert Position.objects.get().quantity_held == D(4)
    assert bot.get("/v2/positions/IBM").json()["qty_available"] == "6"


@pytest.mark.parametrize(
    ("notional", "held_shares"),
    [("95", "1"), ("855", "9"), ("950", "10"), ("990", "10")],
    ids=["with room", "with room for nine", "all with room", "all, with what room there is"],
)
def test_a_notional_sale_holds_shares_with_room_for_a_falling_bid(bot, holding, show, notional, held_shares):
    holding("10")
    show(bid="100", ask="101", last="100.5")

    answer = bot.order(side="sell", type="market", qty=None, limit_price=None, notional=notional)

    assert answer.status_code == 200, answer.content
    assert Position.objects.get().quantity_held == D(held_shares)


def test_a_notional_sale_of_more_than_is_held_is_refused(bot, holding, show):
    holding("10")
    show(bid="100", ask="101", last="100.5")

    answer = bot.order(side="sell", type="market", qty=None, limit_price=None, notional="1001")

    assert refusal(answer) == (403, 40310000)
    assert answer.json()["available"] == "10"
    assert Position.objects.get().quantity_held == 0


@pytest.mark.parametrize(
    ("terms", "expires_at"),
    [
        ({"time_in_force": "day"}, "2013-10-08T20:00:00Z"),
        ({"time_in_force": "day", "extended_hours": True}, "2013-10-09T00:00:00Z"),
        ({"time_in_force": "gtc"}, "2014-01-06T21:15:00Z"),
        ({"time_in_force": "ioc"}, None),
    ],
)
def test_an_order_says_when_it_expires(bot, terms, expires_at):
    assert bot.order(**terms).json()["expires_at"] == expires_at
