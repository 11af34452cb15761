"""Group 9: lists, their pages, and what the account's past adds up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alpaca.trading.requests import GetPortfolioHistoryRequest

from tests.contract.conformance.expecting import holds, refused, same
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from alpaca.trading.models import Order

    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")
FRESH = tuple(f"{second} quote,10.00,{300 + second},10.02,{200 + second},,," for second in range(1, 8))


def spread(desk: Desk, count: int) -> list[Order]:
    """Place orders, each at a second of its own; return them, newest first."""
    orders = []
    for number in range(count):
        desk.at(number)
        orders.append(desk.place(desk.limit("buy", 1, round(9.00 + number / 100, 2)), f"order {number}"))
    return orders[::-1]


def ids(orders: Any) -> list[Any]:
    return [order.id for order in orders]


@case("9.01", "Orders are listed by status, side and symbol.", tape=QUIET, other=QUIET)
def filters(desk: Desk) -> None:
    bought = desk.place(desk.market("buy", 100), "bought")
    resting = desk.place(desk.limit("sell", 50, 11.00), "resting")
    other = desk.place(desk.limit("buy", 1, 9.00, symbol=desk.other), "other")
    same(set(ids(desk.orders(status="open"))), {resting.id, other.id})
    same(ids(desk.orders(status="closed")), [bought.id])
    same(ids(desk.orders(side="sell")), [resting.id])
    same(ids(desk.orders(symbols=[desk.other])), [other.id])
    same(len(desk.orders(status="all")), 3)
    refused(422, 40010001, desk.client.get, "/orders", {"status": "everything"})


@case(
    "9.02",
    "Pages by until, newest first, and by after, oldest first, leave nothing out and repeat nothing.",
    tape=(*QUIET, *FRESH),
    lasts_s=8,
)
def pages_by_time(desk: Desk) -> None:
    newest_first = spread(desk, 7)
    for direction, bound, wanted in (
        ("desc", "until", newest_first),
        ("asc", "after", newest_first[::-1]),
    ):
        found: list[Order] = []
        while page := desk.orders(
            limit=3, direction=direction, **({bound: found[-1].submitted_at} if found else {})
        ):
            found += page
        same(ids(found), ids(wanted))


@case("9.03", "Pages by before_order_id go through orders of one instant.", tape=QUIET)
def pages_by_id(desk: Desk) -> None:
    placed = [desk.place(desk.limit("buy", 1, price), f"at {price}") for price in (9.0, 9.1, 9.2, 9.3, 9.4)]
    found: list[Any] = []
    while True:
        query: dict[str, Any] = {"status": "all", "limit": 2, "symbols": desk.symbol}
        if found:
            query["before_order_id"] = found[-1]["id"]
        page: Any = desk.client.get("/orders", query)
        if not page:
            break
        found += page
    same([order["id"] for order in found], [str(order.id) for order in reversed(placed)])


@case(
    "9.04",
    "Activities are paged to the end, and their fills are those of the orders.",
    tape=(*QUIET, *FRESH),
    lasts_s=8,
)
def activities(desk: Desk) -> None:
    for second in range(5):
        desk.at(second)
        desk.place(desk.market("buy", 10 + second), f"order {second}")
    desk.told()
    found: list[Any] = []
    while True:
        query: dict[str, Any] = {"page_size": 2, **({"page_token": found[-1]["id"]} if found else {})}
        page: Any = desk.client.get("/account/activities", query)
        if not page:
            break
        found += page
    same(len(found), len({each["id"] for each in found}))
    fills = [each for each in found if each["activity_type"] == "FILL"]
    same([each["qty"] for each in fills], ["14", "13", "12", "11", "10"])
    same({each["order_id"] for each in fills}, {str(order.id) for order in desk.orders()})
    same(desk.client.get("/account/activities/FILL"), fills)


@case(
    "9.05",
    "The portfolio's history is numbers of equal length, and ends with what the account is worth.",
    tape=(*QUIET, "60 quote,11.00,300,11.02,200,,,", "60 trade,,,,,11.01,100,"),
    lasts_s=360,
)
def portfolio_history(desk: Desk) -> None:
    desk.hold(100)
    desk.at(360)
    wanted = GetPortfolioHistoryRequest(period="1D", timeframe="1Min")
    history: Any = desk.client.get_portfolio_history(wanted)
    lengths = {len(part) for part in (history.timestamp, history.equity, history.profit_loss)}
    same((len(lengths), history.timeframe), (1, "1Min"))
    holds(history.timestamp == sorted(set(history.timestamp)), "stamps out of order")
    account: Any = desk.client.get_account()
    same((history.equity[-1], account.equity), (100_099.0, "100099"))


@case(
    "9.06",
    "After a reset the account has no past, its names are free again, and old orders are still read.",
    tape=QUIET,
)
def generations(desk: Desk) -> None:
    old = desk.place(desk.limit("buy", 1, 9.00, client_order_id="name"), "old")
    desk.broker.reset()
    same((desk.orders(), desk.client.get_all_positions()), ([], []))
    new = desk.place(desk.limit("buy", 1, 9.10, client_order_id="name"), "new")
    found: Any = desk.client.get_order_by_client_id("name")
    same((found.id, desk.order(old).status.value), (new.id, "canceled"))
