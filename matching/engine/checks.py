"""What the engine can work: a wrong or unsupported order is refused before it touches a book.

Invariants: terms are judged alone, never against the market. The edge refuses all of this with its
own words first, so an error here is a bug of the caller.
"""

from __future__ import annotations

from matching.engine.fills import MODELS
from matching.engine.types import Model, Order, OrderType, Side, TimeInForce

ORDER_TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})
TIMES_IN_FORCE = frozenset(
    {TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK},
)
IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class UnsupportedOrder(ValueError):
    """Terms that no rule of this version can work."""


def require_workable(order: Order) -> None:
    """Raise UnsupportedOrder when the engine has no rules for the order's terms."""
    for word, kind in (
        (order.side, Side),
        (order.order_type, OrderType),
        (order.time_in_force, TimeInForce),
        (order.model, Model),
    ):
        if not isinstance(word, kind):  # a bare "buy" equals Side.BUY but is not it
            raise UnsupportedOrder(f"{word!r} is not a {kind.__name__}")
    if order.order_type not in ORDER_TYPES:
        raise UnsupportedOrder(f"order type {order.order_type} has no rules yet")
    if order.time_in_force not in TIMES_IN_FORCE:
        raise UnsupportedOrder(f"time in force {order.time_in_force} has no rules yet")
    if order.model not in MODELS:
        raise UnsupportedOrder(f"fill model {order.model} is unknown")
    if (order.quantity is None) == (order.notional is None):
        raise UnsupportedOrder("an order has either a quantity or a notional")
    if (order.quantity or order.notional or 0) <= 0:
        raise UnsupportedOrder("the size of an order is positive")
    _require_price(order)


def _require_price(order: Order) -> None:
    is_limit = order.order_type is OrderType.LIMIT
    if is_limit and (order.limit_price is None or order.limit_price <= 0):
        raise UnsupportedOrder(f"limit price {order.limit_price} is not a positive price")
    if not is_limit and order.limit_price is not None:
        raise UnsupportedOrder("a market order has no limit price")
    if order.collar is not None and (is_limit or order.collar <= 0):
        raise UnsupportedOrder("a collar is a positive price, of a market order")
    if order.quantity_max is not None and (order.notional is None or order.quantity_max <= 0):
        raise UnsupportedOrder("a greatest quantity is positive, of a notional order")
    if order.extended_hours and (not is_limit or order.time_in_force in IMMEDIATE):
        raise UnsupportedOrder("only limit orders, day or gtc, trade in extended hours")
