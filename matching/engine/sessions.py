"""Rules S1 and S2: when an order may trade, and when time ends it.

Invariants: decided from the order's terms and the session alone, never from a clock.

Known limit: the calendar's full days and early closes are the feed's; the engine is told of every
session change.
"""

from __future__ import annotations

from matching.engine.types import Order, Session, TimeInForce

_HOUR_OF_DAY = {Session.CLOSED: 0, Session.PRE: 1, Session.REGULAR: 2, Session.POST: 3}
_EXTENDED = (Session.PRE, Session.REGULAR, Session.POST)


def may_trade(order: Order, session: Session) -> bool:
    """Return whether the order may trade in the session (S2)."""
    return session is Session.REGULAR or (order.extended_hours and session in _EXTENDED)


def ends_day_order(order: Order, before: Session, after: Session) -> bool:
    """Return whether a session change ends a day order that has had its session (S1).

    An extended-hours order lives to the end of the day: the market closes, or a new day begins
    without having closed. Any other one lives to the end of the regular session.
    """
    if order.time_in_force is not TimeInForce.DAY:
        return False
    if not order.extended_hours:
        return before is Session.REGULAR and after is not Session.REGULAR
    return after is Session.CLOSED or _HOUR_OF_DAY[after] < _HOUR_OF_DAY[before]


def ends_by_age(order: Order, at: int) -> bool:
    """Return whether a gtc order is past its age at this market time (S1)."""
    is_aged = order.expires_at is not None and order.expires_at <= at
    return order.time_in_force is TimeInForce.GTC and is_aged
