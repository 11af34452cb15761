"""One fill: counted, told with its evidence, and passed on to the order's group.

Invariants: every fill passes here; it is counted against its offer before anybody else can take of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine import groups, modifiers
from matching.engine.types import Decision, Event, Rule, TimeInForce

if TYPE_CHECKING:
    from matching.engine.book import Book
    from matching.engine.touch import Offer
    from matching.engine.working import WorkingOrder


def fill(
    book: Book,
    working: WorkingOrder,
    rule: Rule,
    price: int,
    quantity: int,
    offer: Offer,
    *,
    is_print: bool,
    queue_before: int | None = None,
) -> None:
    """Let an order trade a quantity of an offer; 0 is no fill, and so is a bar's that its stop will win (C4).

    An order whose rest of money buys nothing at the price is canceled instead (N2).
    """
    if book.is_beaten(working):
        return
    if working.wanted(price) == 0:
        book.end(working, Event.CANCELED, Rule.NOTIONAL)
        return
    floor, touch, order = book.floor, book.touch, working.order
    whole = quantity
    if order.time_in_force is not TimeInForce.FOK:
        quantity = modifiers.cut(order.profile, order.order_id, floor.seq, quantity)
    if quantity == 0:
        return
    offer.take(working.account, quantity)
    is_done = working.fill(quantity, price)
    group = working.group
    if is_done:
        book.leave(working)
        floor.end(working)
    floor.record(
        Decision(
            order_id=order.order_id,
            symbol=book.symbol,
            event=Event.FILL if is_done else Event.PARTIAL_FILL,
            rule=rule,
            seq=floor.seq,
            at=floor.at,
            quantity=quantity,
            price=price,
            leaves_quantity=working.leaves_quantity,
            offer_seq=offer.seq,
            offer_price=offer.price,
            is_print=is_print,
            offered=offer.size,
            bid=touch.bid.price,
            bid_size=touch.bid.size,
            ask=touch.ask.price,
            ask_size=touch.ask.size,
            queue_before=queue_before,
            commission=modifiers.commission(order.profile, quantity),
            is_cut=quantity < whole,
        )
    )
    if group is not None:
        groups.after_fill(book, working, group, quantity)
