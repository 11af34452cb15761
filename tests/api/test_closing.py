"""DELETE /v2/positions and /v2/positions/{symbol}: closing by an opposite market order."""

from __future__ import annotations

import threading
from decimal import Decimal
from uuid import UUID

import pytest
from alpaca.trading.models import ClosePositionResponse
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching.models import Market
from tests.api.conftest import refusal
from tests.factories.rows import NOON, make_asset, make_position
from trading.doorbells import ring_account
from trading.errors import ValueInvalid
from trading.models import Asset, Order, Position
from trading.services import closing


@pytest.fixture
def shares(bot, ibm, show):
    """Return a function that lets the bot have shares of IBM, long or short, at 100 dollars each."""

    def have(quantity="10", asset=ibm):
        show(asset.symbol, bid="99", ask="100", last="100")
        return make_position(bot.account, asset, quantity=Decimal(quantity), cost=Decimal(quantity) * 100)

    return have


@pytest.fixture
def impatient(monkeypatch):
    """Do not wait for a matcher: there is none."""
    monkeypatch.setattr(closing, "CANCELED_WITHIN_S", 0)


def test_a_whole_position_is_sold_at_the_market_for_the_day(bot, shares):
    shares("10")

    answer = bot.delete("/v2/positions/IBM")

    assert answer.status_code == 200
    body = answer.json()
    assert {
        name: body[name] for name in ("symbol", "qty", "side", "type", "time_in_force", "position_intent")
    } == {
        "symbol": "IBM",
        "qty": "10",
        "side": "sell",
        "type": "market",
        "time_in_force": "day",
        "position_intent": "sell_to_close",
    }
    assert str(Order.objects.get().pk) == body["id"]
    assert bot.get("/v2/positions/IBM").json()["qty_available"] == "0"


def test_a_short_position_is_bought_back(make_bot, ibm, show):
    bot = make_bot(multiplier=4)
    show(bid="99", ask="100", last="100")
    make_position(bot.account, ibm, quantity=Decimal(-10), cost=Decimal(-1000))

    body = bot.delete("/v2/positions/IBM").json()

    assert (body["side"], body["qty"], body["position_intent"]) == ("buy", "10", "buy_to_close")


@pytest.mark.parametrize(
    ("held", "query", "closed"),
    [
        ("10", "qty=4", "4"),
        ("10", "qty=0.5", "0.5"),
        ("10.5", "qty=10.5", "10.5"),
        ("10", "percentage=100", "10"),
        ("10", "percentage=33", "3"),
        ("10", "percentage=12.5", "1"),
        ("10.5", "percentage=50", "5.25"),
    ],
)
def test_a_part_is_closed_by_quantity_or_by_percentage(bot, shares, held, query, closed):
    shares(held)

    answer = bot.delete(f"/v2/positions/IBM?{query}")

    assert answer.status_code == 200, answer.content
    assert answer.json()["qty"] == closed


@pytest.mark.parametrize(
    "query",
    ["qty=4&percentage=50", "qty=0", "qty=-1", "qty=x", "qty=0.0000000001", "percentage=0", "percentage=100.1",
     "percentage=-5", "percentage=NaN", "percentage=1"],
)  # fmt: skip
def test_a_part_that_cannot_be_is_refused(bot, shares, query):
    shares("10")

    assert refusal(bot.delete(f"/v2/positions/IBM?{query}")) == (422, 40010001)
    assert not Order.objects.exists()


def test_more_than_is_held_is_refused_with_what_there_is(bot, shares):
    shares("10")

    answer = bot.delete("/v2/positions/IBM?qty=11")

    assert refusal(answer) == (403, 40310000)
    assert (answer.json()["existing_qty"], answer.json()["available"]) == ("10", "10")


def test_shares_that_an_open_order_holds_are_not_taken_from_it(bot, shares):
    shares("10")
    resting = bot.order(side="sell", qty="6", limit_price="120").json()["id"]

    answer = bot.delete("/v2/positions/IBM")

    assert refusal(answer) == (403, 40310000)
    assert answer.json()["held_for_orders"] == "6"
    assert bot.get(f"/v2/orders/{resting}").json()["status"] == "pending_new"
    assert bot.delete("/v2/positions/IBM?qty=4").status_code == 200


@pytest.mark.parametrize("name", ["IBM", "NOPE", "BTC/USD", "%00"])
def test_a_position_that_is_not_there_is_not_closed(bot, name):
    answer = bot.delete(f"/v2/positions/{name}")

    assert refusal(answer) == (404, 40410000)
    assert answer.json()["message"] == "position does not exist"


def test_a_strangers_position_is_not_there(make_bot, shares):
    shares("10")

    assert refusal(make_bot().delete("/v2/positions/IBM")) == (404, 40410000)
    assert make_bot().delete("/v2/positions").json() == []
    assert not Order.objects.exists()


def test_a_position_is_closed_by_its_assets_id_too(bot, ibm, shares):
    shares("10")

    assert bot.delete(f"/v2/positions/{ibm.pk}").json()["symbol"] == "IBM"


def test_with_nothing_held_closing_everything_is_an_empty_list(bot):
    answer = bot.delete("/v2/positions")

    assert (answer.status_code, answer.json()) == (207, [])


def test_each_position_is_closed_and_told_apart_from_those_that_cannot_be(bot, shares):
    shares("10")
    shares("5", make_asset("MSFT"))
    bot.order(side="sell", qty="6", limit_price="120")

    answer = bot.delete("/v2/positions")

    assert answer.status_code == 207
    refused, closed = answer.json()
    assert (refused["symbol"], refused["status"]) == ("IBM", 403)
    assert refused["body"]["code"] == 40310000
    assert {
        name: refused["body"][name] for name in ("symbol", "existing_qty", "held_for_orders", "available")
    } == {
        "symbol": "IBM",
        "existing_qty": "10",
        "held_for_orders": "6",
        "available": "4",
    }
    assert (closed["symbol"], closed["status"], closed["body"]["qty"]) == ("MSFT", 200, "5")
    assert closed["order_id"] == closed["body"]["id"]
    first, second = (ClosePositionResponse(**each) for each in answer.json())
    assert first.body.code == 40310000
    assert second.body.symbol == "MSFT"


def test_orders_are_canceled_first_when_that_is_asked_for(bot, shares, desk, monkeypatch):
    shares("10")
    resting = UUID(bot.order(side="sell", qty="6", limit_price="120").json()["id"])
    desk.decide((resting, "new"))
    matchers: list[threading.Thread] = []

    def cancel_all_orders(**asked):
        orders = ask(**asked)
        matchers.append(threading.Thread(target=decide))
        matchers[0].start()
        return orders

    def decide():
        desk.decide((resting, "canceled"))
        ring_account([bot.account.pk])

    ask = closing.cancel_all_orders
    monkeypatch.setattr(closing, "cancel_all_orders", cancel_all_orders)
    answer = bot.delete("/v2/positions?cancel_orders=True")
    matchers[0].join()

    [closed] = answer.json()
    assert (closed["status"], closed["body"]["qty"]) == (200, "10")
    assert Order.objects.get(pk=resting).status == "canceled"


def test_what_is_not_canceled_in_time_is_told(bot, shares, desk, impatient):
    shares("10")
    resting = UUID(bot.order(side="sell", qty="6", limit_price="120").json()["id"])
    desk.decide((resting, "new"))

    [refused] = bot.delete("/v2/positions?cancel_orders=true").json()

    assert (refused["status"], refused["body"]["held_for_orders"]) == (403, "6")
    assert Order.objects.get(pk=resting).status == "pending_cancel"


def test_without_being_asked_no_order_is_canceled(bot, shares):
    shares("10")
    resting = bot.order(qty="1", limit_price="50").json()["id"]

    bot.delete("/v2/positions?cancel_orders=false")

    assert bot.get(f"/v2/orders/{resting}").json()["status"] == "pending_new"


def test_nothing_is_closed_in_a_market_that_nobody_runs(bot, shares):
    shares("10")
    Market.objects.update(is_active=False)

    assert refusal(bot.delete("/v2/positions/IBM")) == (403, 40310000)
    [item] = bot.delete("/v2/positions?cancel_orders=true").json()
    assert (item["status"], item["body"]["code"]) == (403, 40310000)
    assert not Order.objects.exists()


@pytest.mark.parametrize("verb", ["exercise", "do-not-exercise"])
def test_no_option_can_be_exercised(bot, verb):
    answer = bot.call("post", f"/v2/positions/AAPL240119C00100000/{verb}")

    assert refusal(answer) == (403, 40310000)


@pytest.mark.parametrize(
    ("quantity", "percentage", "share"),
    [("3", "50", "1"), ("3", "99.99", "2"), ("3.5", "50", "1.75"), ("1.000000001", "50", "0.5")],
)
def test_a_share_of_a_quantity_is_rounded_down(quantity, percentage, share):
    assert closing.share_of(Decimal(quantity), Decimal(percentage)) == Decimal(share)


def test_a_share_that_is_nothing_is_refused():
    with pytest.raises(ValueInvalid):
        closing.share_of(Decimal(3), Decimal(33))


def test_positions_take_as_many_queries_for_500_as_for_one(bot, ibm, shares):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert bot.get("/v2/positions").status_code == 200
        return len(captured)

    shares("10")
    queries()
    for_one = queries()
    assets = Asset.objects.bulk_create([Asset(symbol=f"A{number}") for number in range(499)])
    owner = {"user_id": bot.account.user_id, "account_id": bot.account.pk, "updated_at": NOON}
    Position.objects.bulk_create(
        Position(asset=asset, symbol=asset.symbol, quantity=1, cost=100, **owner) for asset in assets
    )

    assert queries() == for_one
    assert len(bot.get("/v2/positions").json()) == 500
