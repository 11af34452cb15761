"""PATCH and DELETE: replace, cancel one, cancel all."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from alpaca.trading.models import Order as SdkOrder
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching.engine.states import Status
from matching.market import keys as market_keys
from matching.models import Market
from tests.api.conftest import refusal
from tests.factories.rows import make_order
from tests.factories.sessions import every_owned_row
from trading import reference
from trading.models import Order, OrderEvent, TradingAccount
from trading.services import orders
from trading.stream import keys as stream_keys

D = Decimal


@pytest.fixture
def working(bot, desk):
    """Return the id of a working order: buy ten at 100 dollars."""
    order_id = bot.order(client_order_id="first").json()["id"]
    desk.decide((UUID(order_id), "new"))
    return order_id


def test_a_cancel_is_taken_and_the_matcher_is_left_to_decide(bot, working):
    answer = bot.delete(f"/v2/orders/{working}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert bot.get(f"/v2/orders/{working}").json()["status"] == "pending_cancel"
    assert bot.get(f"/v2/orders/{working}").json()["cancel_requested_at"] == "2013-10-08T16:00:00Z"
    assert list(OrderEvent.objects.order_by("seq").values_list("kind", flat=True)) == [
        "pending_new",
        "new",
        "pending_cancel",
    ]


@pytest.mark.parametrize(
    "status", ["filled", "canceled", "expired", "rejected", "replaced", "pending_cancel", "pending_replace"]
)
def test_an_order_that_is_over_or_already_changing_is_not_canceled(bot, ibm, status):
    order = make_order(bot.account, ibm, status=status)
    before = every_owned_row()

    answer = bot.delete(f"/v2/orders/{order.pk}")

    assert refusal(answer) == (422, 42210000)
    assert status in answer.json()["message"].replace("order pending cancel", "pending_cancel")
    assert every_owned_row() == before


def test_an_order_that_is_not_there_is_not_canceled(bot):
    answer = bot.delete("/v2/orders/01a206b7-bd3b-75cc-90b2-57bc5c83bf58")

    assert refusal(answer) == (404, 40410000)


def test_all_open_orders_are_canceled_and_listed(bot, ibm, working):
    second = bot.order().json()["id"]
    make_order(bot.account, ibm, status="filled")

    answer = bot.delete("/v2/orders")

    assert answer.status_code == 207
    assert answer.json() == [{"id": one, "status": 200, "body": None} for one in (working, second)]
    assert set(Order.objects.exclude(status="filled").values_list("status", flat=True)) == {"pending_cancel"}


def test_all_orders_are_canceled_in_slices_each_its_own_commit(bot, ibm, monkeypatch):
    monkeypatch.setattr(orders, "CANCELS_AT_ONCE", 2)
    placed = [make_order(bot.account, ibm).pk for _ in range(5)]

    with CaptureQueriesContext(connection) as captured:
        answer = bot.delete("/v2/orders")

    assert [one["id"] for one in answer.json()] == [str(order_id) for order_id in placed]
    assert set(Order.objects.values_list("status", flat=True)) == {"pending_cancel"}
    assert sum("trading_cancel_orders" in query["sql"] for query in captured) == 4  # the last finds none
    with connection.cursor() as cursor:
        cursor.execute("select count(distinct xmin::text) from trading_order")
        assert cursor.fetchone() == (3,)


def test_in_a_market_that_nobody_runs_no_order_is_taken_changed_or_canceled(bot, working):
    Market.objects.update(is_active=False)
    reference.forget()
    before = every_owned_row()
    path = f"/v2/orders/{working}"

    placed, replaced = bot.order(), bot.patch(path, {"qty": "11"})
    canceled, all_canceled = bot.delete(path), bot.delete("/v2/orders")

    assert [refusal(answer) for answer in (placed, replaced)] == [(403, 40310000)] * 2
    assert [refusal(answer) for answer in (canceled, all_canceled)] == [(422, 42210000)] * 2
    for answer in (placed, replaced, canceled, all_canceled):
        assert answer.json()["message"] == "the market of this account is not running"
    assert every_owned_row() == before


def test_a_market_order_is_told_that_its_market_does_not_run_and_not_that_its_price_is_unknown(bot):
    Market.objects.update(is_active=False)

    answer = bot.order(type="market", limit_price=None)

    assert answer.json()["message"] == "the market of this account is not running"


def test_canceling_all_of_nothing_is_an_empty_list(bot):
    answer = bot.delete("/v2/orders")

    assert (answer.status_code, answer.json()) == (207, [])


def test_a_replacement_is_answered_with_the_successor(bot, working):
    answer = bot.patch(f"/v2/orders/{working}", {"qty": 12, "limit_price": 99.5, "client_order_id": "second"})

    successor = answer.json()
    assert answer.status_code == 200, answer.content
    assert SdkOrder(**successor).qty == "12"
    assert {
        name: successor[name] for name in ("replaces", "client_order_id", "status", "limit_price", "qty")
    } == {
        "replaces": working,
        "client_order_id": "second",
        "status": "pending_new",
        "limit_price": "99.5",
        "qty": "12",
    }
    assert bot.get(f"/v2/orders/{working}").json()["status"] == "pending_replace"
    assert TradingAccount.objects.get().cash_held == D(1194)


def test_a_partly_filled_order_is_replaced_by_what_the_new_total_leaves(bot, desk, working):
    desk.decide((UUID(working), "partial_fill", "4", "100"))

    successor = bot.patch(f"/v2/orders/{working}", {"qty": 12}).json()
    desk.decide((UUID(working), "replaced"), (UUID(successor["id"]), "new"))

    assert successor["qty"] == "8"
    old = bot.get(f"/v2/orders/{working}").json()
    assert (old["status"], old["replaced_by"], old["filled_qty"]) == ("replaced", successor["id"], "4")
    assert bot.get(f"/v2/orders/{successor['id']}").json()["status"] == "new"


@pytest.mark.parametrize(
    "status", [status for status in Status if status not in {"new", "partially_filled", "held"}]
)
def test_only_a_working_order_is_replaced(bot, ibm, status):
    order = make_order(bot.account, ibm, status=status)
    before = every_owned_row()

    answer = bot.patch(f"/v2/orders/{order.pk}", {"qty": 5})

    assert refusal(answer) == (422, 42210000)
    assert every_owned_row() == before


@pytest.mark.parametrize(
    ("fields", "wish", "expected"),
    [
        ({"notional": 50, "type": "market", "limit_price": None}, {"qty": 5}, (422, 42210000)),
        ({"quantity": "1.5"}, {"qty": 5}, (422, 42210000)),
        ({"quantity": "1.5"}, {"time_in_force": "gtc"}, (422, 42210000)),
        ({"extended_hours": True}, {"time_in_force": "ioc"}, (422, 42210000)),
        ({"type": "market", "limit_price": None}, {"limit_price": 5}, (422, 40010001)),
    ],
    ids=[
        "a notional order",
        "a fraction's size",
        "a fraction's time in force",
        "extended hours",
        "a market order's limit",
    ],
)
def test_what_an_order_cannot_become_is_refused(bot, ibm, fields, wish, expected):
    order = make_order(bot.account, ibm, status="new", **fields)
    before = every_owned_row()

    answer = bot.patch(f"/v2/orders/{order.pk}", wish)

    assert refusal(answer) == expected
    assert every_owned_row() == before


def test_an_order_that_is_not_there_is_not_replaced(bot):
    answer = bot.patch("/v2/orders/01a206b7-bd3b-75cc-90b2-57bc5c83bf58", {"qty": 5})

    assert refusal(answer) == (404, 40410000)


@pytest.mark.parametrize("change", ["place", "cancel", "cancel all", "replace"])
def test_the_matcher_is_rung_and_so_is_the_account_whose_log_has_grown(bot, valkey, market, working, change):
    with valkey.pubsub() as bells:
        market_bell, account_bell = market_keys.bell(market.pk), stream_keys.account_bell(bot.account.pk)
        bells.subscribe(market_bell, account_bell)
        for _ in range(2):
            assert bells.get_message(timeout=5)["type"] == "subscribe"

        {
            "place": bot.order,
            "cancel": lambda: bot.delete(f"/v2/orders/{working}"),
            "cancel all": lambda: bot.delete("/v2/orders"),
            "replace": lambda: bot.patch(f"/v2/orders/{working}", {"qty": 11}),
        }[change]()

        expected = {market_bell} if change == "place" else {market_bell, account_bell}
        assert {bells.get_message(timeout=5)["channel"].decode() for _ in expected} == expected
