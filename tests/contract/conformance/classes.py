"""Group 6: orders of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.conformance.expecting import same
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from alpaca.trading.requests import LimitOrderRequest

    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")
RISES = (*QUIET, "2 quote,10.10,60,10.12,100,,,", "3 quote,10.11,100,10.12,100,,,")
FALLS = (*QUIET, "2 trade,,,,,9.89,100,")
EXITS: dict[str, Any] = {"take_profit": {"limit_price": 10.10}, "stop_loss": {"stop_price": 9.90}}


def bracket(desk: Desk, price: float = 10.02) -> LimitOrderRequest:
    return desk.limit("buy", 100, price, time_in_force="gtc", order_class="bracket", **EXITS)


def oco(desk: Desk) -> LimitOrderRequest:
    return desk.limit("sell", 100, None, time_in_force="gtc", order_class="oco", **EXITS)


@case(
    "6.01",
    "A bracket takes its profit in two parts, and its stop shrinks and ends with it.",
    tape=RISES,
    lasts_s=4,
)
def bracket_profit(desk: Desk) -> None:
    placed = desk.place(bracket(desk), "entry", "profit", "stop")
    same([leg.status.value for leg in placed.legs or ()], ["held", "held"])
    same(desk.told(), ["entry new", "entry fill", "profit new"])
    desk.at(2)
    desk.at(3)
    same(desk.told(), ["profit partial_fill", "stop restated", "profit fill", "stop canceled"])
    same([leg.status.value for leg in desk.order(placed).legs or ()], ["filled", "canceled"])


@case("6.02", "A bracket is stopped out, and its take-profit is canceled.", tape=FALLS, lasts_s=3)
def bracket_stop(desk: Desk) -> None:
    desk.place(bracket(desk), "entry", "profit", "stop")
    desk.told()
    desk.at(2)
    same(desk.told(), ["stop new", "stop fill", "profit canceled"])


@case("6.03", "The cancel of an entry ends its whole bracket.", tape=QUIET)
def bracket_canceled(desk: Desk) -> None:
    entry = desk.place(bracket(desk, 9.95), "entry", "profit", "stop")
    desk.cancel(entry)
    same(
        desk.told(),
        ["entry new", "entry pending_cancel", "entry canceled", "profit canceled", "stop canceled"],
    )


@case(
    "6.04",
    "Of an oco one exit fills and the other is canceled; the parent is the take-profit.",
    tape=RISES,
    lasts_s=4,
)
def oco_profit(desk: Desk) -> None:
    desk.hold()
    placed = desk.place(oco(desk), "profit", "stop")
    same((placed.type.value, placed.limit_price), ("limit", "10.1"))
    desk.at(3)
    same(desk.told(), ["profit new", "profit partial_fill", "stop restated", "profit fill", "stop canceled"])


@case("6.05", "The cancel of one exit ends the other.", tape=QUIET)
def oco_canceled(desk: Desk) -> None:
    desk.hold()
    placed = desk.place(oco(desk), "profit", "stop")
    assert placed.legs
    desk.cancel(placed.legs[0])
    same(desk.told(), ["profit new", "stop pending_cancel", "stop canceled", "profit canceled"])
    same(desk.position().qty_available, "100")


@case("6.06", "An oto's only exit works as soon as its entry has filled.", tape=FALLS, lasts_s=3)
def oto(desk: Desk) -> None:
    terms = desk.market("buy", 100, order_class="oto", stop_loss=EXITS["stop_loss"])
    desk.place(terms, "entry", "stop")
    desk.at(2)
    same(desk.told(), ["entry new", "entry fill", "stop new", "stop fill"])


@case("6.07", "A leg that works and one that is held are given other prices.", tape=QUIET)
def legs_are_replaced(desk: Desk) -> None:
    entry = desk.place(bracket(desk), "entry", "profit", "stop")
    assert entry.legs
    desk.told()
    higher = desk.replace(entry.legs[0], "higher", limit_price=10.20)
    lower = desk.replace(entry.legs[1], "lower", stop_price=9.80)
    same(
        desk.told(),
        ["profit pending_replace", "profit replaced", "higher new", "stop pending_replace", "stop replaced"],
    )
    legs = desk.order(entry).legs or []
    same([leg.id for leg in legs[:2]], [higher.id, lower.id])
    same([leg.status.value for leg in legs], ["new", "held", "replaced", "replaced"])


@case(
    "6.08", "A list shows legs flat, or nested in their parent, and a held leg among the closed.", tape=QUIET
)
def nested_lists(desk: Desk) -> None:
    entry = desk.place(bracket(desk, 9.95), "entry", "profit", "stop")
    assert entry.legs
    profit, stop = entry.legs
    same({order.id for order in desk.orders()}, {entry.id, profit.id, stop.id})
    same({tuple(order.legs or ()) for order in desk.orders()}, {()})
    [nested] = desk.orders(nested=True)
    same((nested.id, [leg.id for leg in nested.legs or ()]), (entry.id, [profit.id, stop.id]))
    same([order.id for order in desk.orders(status="open")], [entry.id])
    same({order.id for order in desk.orders(status="closed")}, {profit.id, stop.id})


@case(
    "6.09",
    "A stop-loss with a limit price is a stop-limit order, and works at its limit once triggered.",
    tape=(*QUIET, "2 trade,,,,,9.89,100,", "3 quote,9.84,300,9.86,200,,,"),
    lasts_s=4,
)
def bracket_with_a_stop_limit(desk: Desk) -> None:
    exits = {**EXITS, "stop_loss": {"stop_price": 9.90, "limit_price": 10.50}}
    terms = desk.market("buy", 100, order_class="bracket", **exits)
    placed = desk.place(terms, "entry", "profit", "stop")
    same([leg.type.value for leg in placed.legs or ()], ["limit", "stop_limit"])
    desk.told()
    desk.at(3)
    same(desk.told()[:1], ["stop new"])
