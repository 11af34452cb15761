"""Rules S1 to S3: when an order may begin, when it is in the market, and when time ends it.

Invariants: decided from the order's terms and the session alone, never from a clock.

Known limit: the calendar's full days and early closes are the feed's; the engine is told of every
session change.

Source: matching/decisions/0005-sessions.md, 0009-auctions.md.
"""

from __future__ import annotations

from matching.engine.types import Order, Session, TimeInForce

AUCTIONS = frozenset({TimeInForce.OPG, TimeInForce.CLS})

_HOUR_OF_DAY = {Session.CLOSED: 0, Session.PRE: 1, Session.REGULAR: 2, Session.POST: 3}
_EXTENDED = (Session.PRE, Session.REGULAR, Session.POST)


def may_begin(order: Order, session: Session) -> bool:
    """Return whether an accepted order becomes new in the session (S2)."""
    return session is Session.REGULAR or (order.extended_hours and session in _EXTENDED)


def may_trade(order: Order, session: Session) -> bool:
    """Return whether an order that has begun is in the market.

    The official closing print comes after the close: cls waits for it beyond the session (S3).
    """
    return order.time_in_force is TimeInForce.CLS or may_begin(order, session)


def ends_with(order: Order, before: Session, after: Session) -> bool:
    """Return whether a session change ends an order that has begun (S1, S3).

    An extended-hours order lives to the end of the day: the market closes, or a new day begins
    without having closed. Any other one lives to the end of the regular session; cls, waiting for
    its auction, to the next change after that.
    """
    if order.time_in_force is TimeInForce.CLS:
        return before is not Session.REGULAR
    if order.time_in_force not in (TimeInForce.DAY, TimeInForce.OPG):
        return False
    if not order.extended_hours:
        return before is Session.REGULAR and after is not Session.REGULAR
    return after is Session.CLOSED or _HOUR_OF_DAY[after] < _HOUR_OF_DAY[before]


def ends_by_age(order: Order, at: int) -> bool:
    """Return whether a gtc order is past its age at this market time (S1)."""
    is_aged = order.expires_at is not None and order.expires_at <= at
    return order.time_in_force is TimeInForce.GTC and is_aged


def is_cut_off(order: Order, at: int) -> bool:
    """Return whether it is too late to enter, cancel or replace the order for its auction (S3)."""
    return order.cut_off_at is not None and order.cut_off_at <= at
