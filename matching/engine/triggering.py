"""T1 to T4 in a book: watermarks follow, stops trigger, and what they become meets the market.

On one item the watermarks move first, then all stops that it reaches trigger, buys before sells and
each side in order of priority, and meet the market one by one.

Invariant: only orders that trigger are visited.

Source: matching/decisions/0008-stops.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine.desk import BUYERS, SELLERS, SIDES
from matching.engine.triggers import is_bad_print, stop_of
from matching.engine.types import Decision, Event, OrderType, Rule, Side

if TYPE_CHECKING:
    from matching.engine.book import Book
    from matching.engine.working import WorkingOrder

_SIDE = {BUYERS: Side.BUY, SELLERS: Side.SELL}


def trigger_by_print(book: Book, price: int) -> None:
    """Let a print trigger stops of both sides, unless it is a bad one (T2)."""
    if not _is_bad(book, price):
        _trigger(book, {BUYERS: price, SELLERS: price}, is_print=True)


def triggers_later(book: Book, working: WorkingOrder, price: int) -> bool:
    """Return whether a print that is still to come at this moment would trigger a stop with a fixed price."""
    stop = working.order.stop_price
    is_reached = stop is not None and working.sign * stop <= working.sign * price
    return is_reached and not _is_bad(book, price)


def _is_bad(book: Book, price: int) -> bool:
    bid, ask = book.touch.bid.price, book.touch.ask.price
    return not book.is_touch_stale and is_bad_print(price, bid, ask, book.floor.bad_print_band)


def trigger_by_touch(book: Book) -> None:
    """On a tape without prints, let the touch that a stop would trade against trigger it."""
    prices = {sign: book.touch.opposite(sign).price for sign in SIDES}
    _trigger(book, prices, is_print=False)


def _trigger(book: Book, prices: dict[int, int], *, is_print: bool) -> None:
    reached: list[WorkingOrder] = []
    for sign, price in prices.items():
        if price:
            stops = book.stops[sign]
            if stops.trails.follow(price):
                book.floor.note_watermark(book.symbol, _SIDE[sign], book.floor.seq, price)
            reached += stops.reached(price)
    for working in reached:
        if working.is_open:
            _become(book, working, prices[working.sign], is_print=is_print)


def _become(book: Book, working: WorkingOrder, price: int, *, is_print: bool) -> None:
    """Turn a stop into the market or limit order that it becomes, and let that arrive."""
    floor, touch, order = book.floor, book.touch, working.order
    was_held = working.is_held
    book.leave(working)
    working.is_stop = False
    is_trailing = order.order_type is OrderType.TRAILING_STOP
    rule = Rule.TRAIL if is_trailing else Rule.TRIGGER
    floor.record(
        Decision(
            order_id=order.order_id,
            symbol=book.symbol,
            event=Event.TRIGGERED,
            rule=rule,
            seq=floor.seq,
            at=floor.at,
            price=price,
            leaves_quantity=working.leaves_quantity,
            offer_seq=floor.seq if is_print else touch.opposite(working.sign).seq,
            is_print=is_print,
            bid=touch.bid.price,
            bid_size=touch.bid.size,
            ask=touch.ask.price,
            ask_size=touch.ask.size,
            stop_price=stop_of(order, working.watermark),
            watermark=working.watermark if is_trailing else None,
            is_triggered=True,
        )
    )
    if was_held:
        book.report(working, Event.NEW, rule)
    book.arrive(working)
