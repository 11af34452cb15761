"""What the engine can work: a wrong or unsupported order is refused before it touches a book.

Invariants: terms are judged alone, never against the market. The edge refuses all of this with its
own words first, so an error here is a bug of the caller.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine.fills import MODELS
from matching.engine.sessions import AUCTIONS
from matching.engine.triggers import STOPS
from matching.engine.types import PLAIN, WHOLE, Model, Order, OrderType, Role, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Sequence

IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})

_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_LASTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})
_SHARED = attrgetter(
    "group", "symbol", "account", "quantity", "time_in_force", "expires_at", "extended_hours"
)
_PRICES = ("limit_price", "stop_price", "trail_price", "trail_percent")
_RATES = ("participation", "slippage_bps", "reject_rate", "partial_rate")


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
    if order.model not in MODELS:
        raise UnsupportedOrder(f"fill model {order.model} is unknown")
    if (order.quantity is None) == (order.notional is None):
        raise UnsupportedOrder("an order has either a quantity or a notional")
    if (order.quantity or order.notional or 0) <= 0:
        raise UnsupportedOrder("the size of an order is positive")
    _require_prices(order)
    _require_bounds(order)
    _require_time(order)
    if order.profile is not PLAIN:
        _require_profile(order)


def _require_prices(order: Order) -> None:
    """Each type has exactly its own prices, and all are positive."""
    wanted = {
        "limit_price": order.order_type in _LIMITED,
        "stop_price": order.order_type in _STOPPED,
        "trail_price": order.order_type is OrderType.TRAILING_STOP and order.trail_percent is None,
        "trail_percent": order.order_type is OrderType.TRAILING_STOP and order.trail_price is None,
    }
    for name in _PRICES:
        price = getattr(order, name)
        if wanted[name] != (price is not None) or (price is not None and price <= 0):
            raise UnsupportedOrder(f"{name} {price} of an order of type {order.order_type}")


def _require_bounds(order: Order) -> None:
    """Refuse a collar but of a market order, and a greatest quantity but of a notional one."""
    has_collar = order.order_type is OrderType.MARKET and order.time_in_force not in AUCTIONS
    if order.collar is not None and (not has_collar or order.collar <= 0):
        raise UnsupportedOrder("a collar is a positive price, of a market order outside the auctions")
    if order.quantity_max is not None and (order.notional is None or order.quantity_max <= 0):
        raise UnsupportedOrder("a greatest quantity is positive, of a notional order")


def _require_time(order: Order) -> None:
    is_lasting = order.time_in_force in _LASTING
    if order.order_type in STOPS and not is_lasting:
        raise UnsupportedOrder(f"a stop cannot be {order.time_in_force}")
    if order.extended_hours and (order.order_type is not OrderType.LIMIT or not is_lasting):
        raise UnsupportedOrder("only limit orders, day or gtc, trade in extended hours")
    if (order.time_in_force in AUCTIONS) != (order.cut_off_at is not None):
        raise UnsupportedOrder("an order has a cut-off when it is for an auction")


def _require_profile(order: Order) -> None:
    profile = order.profile
    for name in _RATES:
        if not 0 <= getattr(profile, name) <= WHOLE:
            raise UnsupportedOrder(f"{name} {getattr(profile, name)} is not a part of {WHOLE}")
    if profile.latency_ms < 0 or profile.commission < 0:
        raise UnsupportedOrder("latency and commission are not negative")


def require_group(order: Order, legs: Sequence[Order]) -> None:
    """Raise UnsupportedOrder when an order and its legs are no bracket, oto or oco.

    A lone order has no group. Of an oco, `order` is the take-profit.
    """
    members = (order, *legs)
    for member in members:
        require_workable(member)
    if len({member.order_id for member in members}) < len(members):
        raise UnsupportedOrder("the orders of a class have ids of their own")
    if not legs:
        if order.group is not None or order.role is not None:
            raise UnsupportedOrder("an order that is alone has no group")
        return
    roles = tuple(member.role for member in members)
    if roles not in _CLASSES:
        raise UnsupportedOrder(f"orders as {roles} are no class")
    if order.time_in_force not in _LASTING or order.extended_hours or order.quantity is None:
        raise UnsupportedOrder("a class is day or gtc, in regular hours, and of a quantity")
    if order.group is None or any(_SHARED(member) != _SHARED(order) for member in legs):
        raise UnsupportedOrder(
            "the orders of a class share group, symbol, account, quantity and time in force"
        )
    _require_exits(order, legs)


def _require_exits(order: Order, legs: Sequence[Order]) -> None:
    is_entered = order.role is Role.ENTRY
    for leg in legs:
        if (leg.side is order.side) is is_entered:
            raise UnsupportedOrder("exits are all on the side that closes the entry")
    if order.order_type is OrderType.TRAILING_STOP:
        raise UnsupportedOrder("a trailing stop has no class")
    for member in (order, *legs):
        if member.role is Role.TAKE_PROFIT and member.order_type is not OrderType.LIMIT:
            raise UnsupportedOrder("a take-profit is a limit order")
        if member.role is Role.STOP_LOSS and member.order_type not in _STOPPED:
            raise UnsupportedOrder("a stop-loss is a stop or a stop_limit order")
    exits = [member for member in (order, *legs) if member.role is not Role.ENTRY]
    if len(exits) == 2:
        require_apart(*exits)


def require_apart(one: Order, other: Order) -> None:
    """Raise UnsupportedOrder when a take-profit is not on the better side of its stop-loss."""
    target, stop = (one, other) if one.role is Role.TAKE_PROFIT else (other, one)
    assert target.limit_price is not None
    assert stop.stop_price is not None
    gain = (
        stop.stop_price - target.limit_price
        if target.side is Side.BUY
        else target.limit_price - stop.stop_price
    )
    if gain <= 0:
        raise UnsupportedOrder("a take-profit is better than its stop-loss")


_CLASSES = frozenset(
    {
        (Role.ENTRY, Role.TAKE_PROFIT, Role.STOP_LOSS),
        (Role.ENTRY, Role.TAKE_PROFIT),
        (Role.ENTRY, Role.STOP_LOSS),
        (Role.TAKE_PROFIT, Role.STOP_LOSS),
    }
)
