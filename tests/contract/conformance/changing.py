"""Group 3: orders that their owner cancels or replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from alpaca.trading.requests import ReplaceOrderRequest

from tests.contract.conformance.expecting import refused, same
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")


@case("3.01", "A working order is canceled, and gives back what it held.", tape=QUIET)
def cancel(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 100, 9.50), "order")
    held: Any = desk.client.get_account()
    desk.cancel(order)
    free: Any = desk.client.get_account()
    same(desk.told(), ["order new", "order pending_cancel", "order canceled"])
    same(float(free.buying_power) - float(held.buying_power), 950.0)
    ended = desk.order(order)
    same((ended.status.value, ended.canceled_at), ("canceled", desk.starts_at))


@case("3.02", "The cancel of an order that has ended is refused with 422, in its state's name.", tape=QUIET)
def cancel_what_has_ended(desk: Desk) -> None:
    filled = desk.place(desk.market("buy", 100), "order")
    body = refused(422, 42210000, desk.client.cancel_order_by_id, filled.id)
    same(body["message"], 'order is already in "filled" state')


@case("3.03", "An id that nobody has is 404, to read, to cancel and to replace.")
def cancel_unknown(desk: Desk) -> None:
    refused(404, 40410000, desk.client.cancel_order_by_id, uuid4())
    refused(404, 40410000, desk.client.get_order_by_id, uuid4())
    refused(404, 40410000, desk.client.get_order_by_client_id, "nobody's")
    refused(404, 40410000, desk.client.replace_order_by_id, uuid4(), ReplaceOrderRequest(limit_price=1))


@case("3.04", "Cancel all answers 207 with each order, and an empty list when nothing is open.", tape=QUIET)
def cancel_all(desk: Desk) -> None:
    orders = [desk.place(desk.limit("buy", 1, price), f"at {price}") for price in (9.50, 9.51, 9.52)]
    desk.told()
    asked: Any = desk.client.cancel_orders()
    same({(each.id, each.status) for each in asked}, {(order.id, 200) for order in orders})
    same(
        sorted(word for word in desk.told() if word.endswith(" canceled")),
        [f"at {price} canceled" for price in (9.5, 9.51, 9.52)],
    )
    same(desk.orders(status="open"), [])
    desk.client.cancel_orders()
    desk.told()
    same(desk.client.cancel_orders(), [])


@case("3.05", "A replacement is a new order, and both name each other.", tape=QUIET)
def replace_price(desk: Desk) -> None:
    old = desk.place(desk.limit("buy", 100, 9.50), "old")
    new = desk.replace(old, "new", limit_price=9.60, client_order_id="second try")
    same(desk.told(), ["old new", "old pending_replace", "old replaced", "new new"])
    before, after = desk.order(old), desk.order(new)
    same((before.status.value, before.replaced_by), ("replaced", new.id))
    same((after.status.value, after.replaces, after.limit_price), ("new", old.id, "9.6"))
    same((after.client_order_id, after.qty), ("second try", "100"))


@case(
    "3.06",
    "The successor of an order that has filled in part asks for the rest of the new quantity.",
    tape=(*QUIET, "1 quote,10.00,300,10.03,500,,,"),
    lasts_s=2,
)
def replace_after_a_part(desk: Desk) -> None:
    old = desk.place(desk.limit("buy", 300, 10.02), "old")
    new = desk.replace(old, "new", qty=250, limit_price=10.03)
    desk.at(1)
    same(
        desk.told(),
        ["old new", "old partial_fill", "old pending_replace", "old replaced", "new new", "new fill"],
    )
    same((desk.order(old).filled_qty, desk.order(new).filled_qty, desk.position().qty), ("200", "50", "250"))


@case("3.07", "A replacement that changes nothing, or of an order that was replaced, is refused.", tape=QUIET)
def replace_refusals(desk: Desk) -> None:
    old = desk.place(desk.limit("buy", 100, 9.50), "old")
    refused(
        422, 42210000, desk.client.replace_order_by_id, old.id, ReplaceOrderRequest(qty=100, limit_price=9.50)
    )
    refused(422, 42210000, desk.client.replace_order_by_id, old.id, ReplaceOrderRequest(limit_price=9.505))
    desk.replace(old, "new", limit_price=9.60)
    refused(422, 42210000, desk.client.replace_order_by_id, old.id, ReplaceOrderRequest(limit_price=9.70))
    refused(422, 42210000, desk.client.cancel_order_by_id, old.id)
    same([order.status.value for order in desk.orders()], ["new", "replaced"])


@case("3.08", "A replacement may not ask for less than has filled.", tape=QUIET)
def replace_below_the_filled(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 300, 10.02), "order")
    refused(422, 42210000, desk.client.replace_order_by_id, order.id, ReplaceOrderRequest(qty=200))
    same(desk.order(order).status.value, "partially_filled")


@case("3.09", "A replacement that the account cannot pay for is refused, and the order stays.", tape=QUIET)
def a_bigger_replacement_is_paid_for(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 100, 9.50), "order")
    body = refused(403, 40310000, desk.client.replace_order_by_id, order.id, ReplaceOrderRequest(qty=100_000))
    same(sorted(set(body) - {"code", "message", "request_id"}), ["buying_power", "cost_basis"])
    same((desk.order(order).status.value, desk.told()), ("new", ["order new"]))
