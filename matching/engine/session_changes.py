"""What a session change does, in two passes over all symbols, each in order of priority.

First it ends the orders whose time is over, then it brings the others to the market as it now is.

Source: matching/decisions/0005-sessions.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine import sessions
from matching.engine.types import Event, Rule, Session, SessionChange

if TYPE_CHECKING:
    from matching.engine.hall import Hall
    from matching.engine.working import WorkingOrder


def change_session(hall: Hall, change: SessionChange) -> None:
    """Enter a session."""
    floor = hall.floor
    before, floor.session = floor.session, change.session
    floor.seq, floor.at = change.seq, change.at

    for working in hall.in_priority():
        if working.is_open:  # the end of another of its group may have ended it
            _end_by_time(hall, working, before)
    for working in hall.in_priority():
        if working.is_open and not working.is_dormant:
            _bring(hall, working, before)


def _end_by_time(hall: Hall, working: WorkingOrder, before: Session) -> None:
    floor, order = hall.floor, working.order
    if working.is_active and sessions.ends_with(order, before, floor.session):
        rule = Rule.AUCTION if order.time_in_force in sessions.AUCTIONS else Rule.TIME_IN_FORCE
        hall.end(working, Event.EXPIRED, rule, is_expiry=True)
    elif sessions.ends_by_age(order, floor.at):
        hall.end(working, Event.CANCELED, Rule.TIME_IN_FORCE)


def _bring(hall: Hall, working: WorkingOrder, before: Session) -> None:
    """Let an order arrive that could not trade before, whether it is new or has waited overnight.

    The others meet the standing quote once more, for its age may now count differently.
    """
    book, order, now = hall.book(working.order.symbol), working.order, hall.floor.session
    is_on = sessions.may_trade if working.is_active else sessions.may_begin
    if not is_on(order, now):
        book.leave(working)
    elif working.is_active and sessions.may_trade(order, before):
        book.retry(working)
    else:
        book.leave(working)
        book.open_when_due(working, Rule.SESSION)
