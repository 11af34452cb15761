"""Group 2: orders that are taken, and what fills them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.contract.conformance.expecting import holds, same
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")


@case("2.01", "A market order takes the displayed offer, and the account shows it.", tape=QUIET)
def market_order(desk: Desk) -> None:
    placed = desk.place(desk.market("buy", 100), "order")
    same(placed.status.value, "pending_new")
    updates = desk.story()
    same(desk.named(updates), ["order new", "order fill"])
    same((updates[1].price, updates[1].qty, updates[1].position_qty), (10.02, 100, 100))
    filled = desk.order(placed)
    same((filled.status.value, filled.filled_qty, filled.filled_avg_price), ("filled", "100", "10.02"))
    position = desk.position()
    same((position.qty, position.avg_entry_price, position.cost_basis), ("100", "10.02", "1002"))
    account: Any = desk.client.get_account()
    same((account.cash, account.long_market_value), ("98998", "1001"))


@case(
    "2.02",
    "An order larger than what is shown fills in parts, as more is shown.",
    tape=(*QUIET, "1 quote,10.00,300,10.03,150,,,", "2 quote,10.00,300,10.04,500,,,"),
    lasts_s=3,
)
def larger_than_shown(desk: Desk) -> None:
    placed = desk.place(desk.market("buy", 400), "order")
    first = desk.story()
    desk.at(1)
    desk.at(2)
    then = desk.story()
    same(desk.named(first + then), ["order new", "order partial_fill", "order partial_fill", "order fill"])
    same([(each.qty, each.price) for each in (first + then)[1:]], [(200, 10.02), (150, 10.03), (50, 10.04)])
    same([each.order.filled_qty for each in first + then], ["0", "200", "350", "400"])
    same(desk.order(placed).filled_avg_price, "10.02625")


@case(
    "2.03",
    "A resting limit fills at its limit, after the queue that stood before it.",
    tape=(*QUIET, "1 trade,,,,,10.00,250,", "2 trade,,,,,10.00,130,"),
    lasts_s=3,
)
def resting_limit(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 50, 10.00), "order")
    desk.at(1)
    same(desk.told(), ["order new"])
    desk.at(2)
    [fill] = desk.story()
    same((fill.event, fill.price, fill.qty), ("fill", 10.0, 50))
    same(desk.order(order).status.value, "filled")


@case("2.04", "A marketable limit gets the touch, not its limit.", tape=QUIET)
def marketable_limit(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 100, 10.50), "order")
    same(desk.told(), ["order new", "order fill"])
    same(desk.order(order).filled_avg_price, "10.02")


@case("2.05", "An ioc order takes what is there and cancels the rest.", tape=QUIET)
def immediate_or_cancel(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 300, 10.02, time_in_force="ioc"), "order")
    same(desk.told(), ["order new", "order partial_fill", "order canceled"])
    ended = desk.order(order)
    same((ended.status.value, ended.filled_qty), ("canceled", "200"))


@case("2.06", "A fok order fills whole or not at all.", tape=QUIET)
def fill_or_kill(desk: Desk) -> None:
    desk.place(desk.limit("buy", 201, 10.02, time_in_force="fok"), "more than is shown")
    desk.place(desk.limit("buy", 200, 10.02, time_in_force="fok"), "what is shown")
    same(
        desk.told(),
        [
            "more than is shown new",
            "more than is shown canceled",
            "what is shown new",
            "what is shown fill",
        ],
    )


@case("2.07", "An order for dollars buys the fraction that they pay for.", tape=QUIET)
def notional(desk: Desk) -> None:
    order = desk.place(desk.market("buy", None, notional=100), "order")
    same(desk.told(), ["order new", "order fill"])
    filled = desk.order(order)
    same((filled.notional, filled.qty, filled.filled_qty), ("100", None, "9.98003992"))


@case("2.08", "A fraction of a share is bought and sold, with the noise of floats rounded away.", tape=QUIET)
def fraction(desk: Desk) -> None:
    order = desk.place(desk.market("buy", 0.1 + 0.2), "order")
    same(desk.told(), ["order new", "order fill"])
    same((desk.order(order).qty, desk.position().qty), ("0.3", "0.3"))
    desk.place(desk.limit("sell", 0.3, 10.00), "sale")
    same(desk.told(), ["sale new", "sale fill"])


@case("2.09", "An order is found by the name that its owner gave it.", tape=QUIET)
def client_order_id(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 1, 9.50, client_order_id="mine/1"), "order")
    found: Any = desk.client.get_order_by_client_id("mine/1")
    same((found.id, found.client_order_id, found.status.value), (order.id, "mine/1", "new"))
    unnamed = desk.place(desk.limit("buy", 1, 9.51), "other")
    holds(unnamed.client_order_id, "an order without a name")


@case(
    "2.10", "A day order expires at the close, a gtc order after 90 days; every instant is there.", tape=QUIET
)
def expiry(desk: Desk) -> None:
    day = desk.place(desk.limit("buy", 1, 9.50), "day")
    gtc = desk.place(desk.limit("buy", 1, 9.49, time_in_force="gtc"), "gtc")
    same(day.expires_at, desk.starts_at.replace(hour=20, minute=0))
    same((gtc.expires_at.date() - desk.starts_at.date()), timedelta(days=90))
    same((day.created_at, day.submitted_at, day.updated_at), (desk.starts_at,) * 3)


@case("2.11", "The explanation tells why an order filled, and what another one waits for.", tape=QUIET)
def explanation(desk: Desk) -> None:
    filled = desk.place(desk.market("buy", 100), "filled")
    waits = desk.place(desk.limit("buy", 100, 9.90), "waits")
    client = desk.client
    told: Any = client._request(
        "GET", f"/orders/{filled.id}/explanation", base_url=desk.broker.url("/raxx"), api_version="v1"
    )
    holds("10.02" in told["summary"], told["summary"])
    told = client._request(
        "GET", f"/orders/{waits.id}/explanation", base_url=desk.broker.url("/raxx"), api_version="v1"
    )
    holds(told["waiting_for"], "an open order that waits for nothing")
