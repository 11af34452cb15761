"""What a session change does, in two passes over all symbols, each in order of priority.

First it ends the orders whose time is over, then it brings the others to the market as it now is.

Of the first, those that stand alone may be ended ahead, in pieces, with the market as it was: their ends touch
nobody, so whoever takes up the work between two pieces ends the others with the change itself or ahead of it.

Source: matching/decisions/0005-sessions.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine import sessions
from matching.engine.types import Decision, Event, Rule, Session, SessionChange

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def ends_ahead(hall: Hall, change: SessionChange, size: int) -> Iterator[list[Decision]]:
    """End the orders that stand alone and that a change to come will end, `size` at a time.

    The market stays as it was: only the decisions are of the change's sequence and time.
    """
    floor = hall.floor
    due = [
        (working, end)
        for working in hall.in_priority()
        if working.group is None and (end := _end_of(working, floor.session, change.session, change.at))
    ]
    for begin in range(0, len(due), size):
        before = floor.seq, floor.at
        floor.seq, floor.at = change.seq, change.at
        for working, (event, rule) in due[begin : begin + size]:
            hall.end(working, event, rule)
        floor.seq, floor.at = before
        yield floor.collect()


def _end_by_time(hall: Hall, working: WorkingOrder, before: Session) -> None:
    if end := _end_of(working, before, hall.floor.session, hall.floor.at):
        event, rule = end
        hall.end(working, event, rule, is_expiry=event is Event.EXPIRED)


def _end_of(working: WorkingOrder, before: Session, after: Session, at: int) -> tuple[Event, Rule] | None:
    """Return how a session change ends an order; None when it does not."""
    order = working.order
    if working.is_active and sessions.ends_with(order, before, after):
        is_auction = order.time_in_force in sessions.AUCTIONS
        return Event.EXPIRED, Rule.AUCTION if is_auction else Rule.TIME_IN_FORCE
    if sessions.ends_by_age(order, at):
        return Event.CANCELED, Rule.TIME_IN_FORCE
    return None


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
