"""R4 and its like: a successor takes an open order's stead, and what it may keep of its progress.

Source: matching/decisions/0006-replace.md.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine import groups
from matching.engine.checks import IMMEDIATE, UnsupportedOrder, require_apart, require_workable
from matching.engine.sessions import AUCTIONS
from matching.engine.triggers import STOPS
from matching.engine.types import Event, Order, Role, Rule

if TYPE_CHECKING:
    from matching.engine.hall import Hall
    from matching.engine.working import WorkingOrder

_IDENTITY = attrgetter("symbol", "side", "group", "role")
_PLACE = attrgetter(
    "order_type",
    "limit_price",
    "stop_price",
    "trail_price",
    "trail_percent",
    "model",
    "profile",
    "account",
    "extended_hours",
)


def fitted(old: WorkingOrder, successor: Order) -> Order:
    """Return the successor as it can take the order's stead.

    A member of an order class wants what the old one has left. Raises UnsupportedOrder, and
    ValueError when the successor has another symbol, side or place in its class.
    """
    if _IDENTITY(old.order) != _IDENTITY(successor):
        raise ValueError(
            "a successor has the symbol and the side of the order it replaces, and its place in the class"
        )
    if old.group is not None:
        if successor.time_in_force is not old.order.time_in_force or successor.extended_hours:
            raise UnsupportedOrder("the orders of a class share their time in force")
        successor = replace(successor, quantity=old.leaves_quantity)
        if old.sibling is not None and successor.role is not Role.ENTRY:
            require_apart(successor, old.sibling.order)
    require_workable(successor)
    return successor


def succeed(hall: Hall, old: WorkingOrder, successor: Order) -> None:
    """End an order as replaced and let its successor begin."""
    book, group = hall.book(successor.symbol), old.group
    keeps_place = _keeps_place(old, successor)
    is_patient = old.is_stop or old.order.time_in_force in AUCTIONS
    is_resting = hall.is_in_market(old) and not old.is_taker and not is_patient
    book.leave(old)  # from now on it knows its watermark
    inherited = replace(
        successor,
        queue_priority=old.priority if keeps_place else None,
        watermark=old.watermark,
        is_triggered=old.order.order_type in STOPS and not old.is_stop,
    )
    book.end(old, Event.REPLACED, Rule.COMMAND)
    working = hall.adopt(inherited, group)
    working.accepted_at = hall.floor.at
    if working.is_held:
        book.report(working, Event.HELD, Rule.COMMAND)
    if working.is_dormant:
        return
    if working.is_held:
        groups.start_exit(book, working, Rule.COMMAND)
    else:
        book.begin(working, Rule.COMMAND, rests_as=old if keeps_place and is_resting else None)


def _keeps_place(old: WorkingOrder, successor: Order) -> bool:
    """Return whether a replacement keeps its place: the same prices and not more quantity (R4)."""
    leaves = old.leaves_quantity
    if leaves is None or successor.quantity is None or successor.quantity > leaves:
        return False
    return successor.time_in_force not in IMMEDIATE and bool(_PLACE(old.order) == _PLACE(successor))
