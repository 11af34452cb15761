"""What quotes, prints, auctions and halts do to the orders of a book.

On a quote each side is served in turn, buys first: the takers in order of priority, then the
resting orders at or better than the opposite touch, best price first; then queues follow the quote.
On a print the resting orders that it reaches, best price first, then the orders of the model `bars`
as by a quote, then the stops that it triggers. An order that came to the market with an item has
met it and is not served by it again. The prints of one bar are worked one by one, but for C4.

Invariants: a fill is never worse than the limit; a crossed or stale quote fills nobody and moves no
queue (L4); a halt stops everything but the knowledge of the touch (S4).

Known limits: a print may fill at any distance from the quote, as long as it is eligible.

Source: matching/decisions/0001-offers.md, 0003-takers-and-makers.md, 0004-queue.md, 0008-stops.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine import modifiers, queues
from matching.engine.checks import IMMEDIATE
from matching.engine.desk import SIDES
from matching.engine.execution import fill
from matching.engine.queues import rank_of
from matching.engine.touch import BarRange, Offer
from matching.engine.triggering import trigger_by_print, trigger_by_touch
from matching.engine.types import WHOLE, Event, Kind, Rule, TimeInForce

if TYPE_CHECKING:
    from matching.engine.book import Book
    from matching.engine.desk import Desk
    from matching.engine.scan import Rows
    from matching.engine.working import WorkingOrder

_QUOTE, _TRADE, _BAR = Kind.QUOTE.value, Kind.TRADE.value, Kind.BAR.value
_AUCTIONS = {
    Kind.OPENING_AUCTION.value: TimeInForce.OPG,
    Kind.CLOSING_AUCTION.value: TimeInForce.CLS,
}


def work(book: Book, rows: Rows) -> None:
    """Work some rows one by one."""
    floor, touch = book.floor, book.touch
    watch, is_quiet = book.watch, True
    for kind, seq, at, bid, bid_size, ask, ask_size, price, size, eligible in rows.next():
        if at >= watch.due:
            floor.seq, floor.at = seq, at
            _arrive(book)
            watch, is_quiet = book.watch, False
        if kind == _QUOTE:
            touch.show(seq, at, bid, bid_size, ask, ask_size)
            if not watch.sees_quote(bid, bid_size, ask, ask_size):
                continue
            floor.seq, floor.at = seq, at
            _on_quote(book)
        elif kind == _TRADE:
            if not eligible or not watch.sees_print(price):
                continue
            floor.seq, floor.at = seq, at
            _on_print(book, price, size)
        elif kind == _BAR:
            touch.bar = BarRange(at, price, size)
            continue
        else:
            floor.seq, floor.at = seq, at
            _on_event(book, kind, price, size)
        watch, is_quiet = book.watch, False
    rows.is_quiet = is_quiet


def _arrive(book: Book) -> None:
    """Let the orders whose latency is over meet the market as it stood before this item."""
    while book.latent and book.floor.at >= book.watch.due:
        working = book.latent.first
        book.leave(working)
        book.open(working, Rule.LATENCY)
        working.met_seq = -1  # the item itself is still to come


def _on_quote(book: Book) -> None:
    touch, desk = book.touch, book.quoted
    if touch.is_crossed:
        return
    for sign in SIDES:
        offer = touch.opposite(sign)
        if offer.price:
            _serve(book, desk, sign, offer)
    for sign in SIDES:
        own = touch.own(sign)
        desk.resting[sign].settle(rank_of(own.price, sign), own.size)
    book.forget_watch()
    if not book.has_prints:
        trigger_by_touch(book)


def _serve(book: Book, desk: Desk, sign: int, offer: Offer) -> None:
    """Let one side's orders meet an offer."""
    seq = book.floor.seq
    for working in desk.takers[sign]:
        if working.is_open and working.met_seq != seq:
            book.retry(working)
            if working.order.time_in_force in IMMEDIATE:
                book.end_if_open(working, Event.CANCELED, Rule.IMMEDIATE)
    for working in desk.resting[sign].reached(sign * offer.price):
        if working.is_open and working.met_seq != seq:
            _meet_offer(book, working, offer)


def _on_print(book: Book, price: int, size: int) -> None:
    seq, offer = book.floor.seq, book.print
    offer.renew(price, size, seq)  # a print, too, offers its size once to an account
    for sign in SIDES:
        rank = sign * price
        for working in book.quoted.resting[sign].reached(rank):
            if working.is_open and working.met_seq != seq:
                (_meet_through if working.rank > rank else _meet_at)(book, working, offer)
        book.quoted.resting[sign].recount(rank)
    for sign in SIDES:
        _serve(book, book.printed, sign, offer)
    trigger_by_print(book, price)
    offer.renew(0, 0, seq)
    book.forget_watch()


def _on_event(book: Book, kind: int, price: int, size: int) -> None:
    """Work an auction, a halt or its end."""
    if kind == Kind.HALT.value:
        book.is_halted = True
    elif kind == Kind.RESUME.value:
        if book.is_halted:
            book.is_halted = False
            if book.is_touch_good:  # the standing quote meets everybody, as if shown anew
                _on_quote(book)
    elif not book.is_halted:
        _on_auction(book, _AUCTIONS[kind], price, size)
    book.forget_watch()


def _on_auction(book: Book, time_in_force: TimeInForce, price: int, size: int) -> None:
    """Fill what the official price reaches, each account up to the size; the rest expires (S3)."""
    offer = Offer()
    offer.renew(price, size, book.floor.seq)
    for working in book.auctions[time_in_force]:
        if working.rank >= working.sign * price:
            wanted = working.wanted(price)
            quantity = working.model.from_offer(wanted, offer.left(working.account))
            fill(book, working, Rule.AUCTION, price, quantity, offer, is_print=True)
        book.end_if_open(working, Event.EXPIRED, Rule.AUCTION)


# One order meets one offer or print


def take(book: Book, working: WorkingOrder, offer: Offer) -> None:
    """Let a taker take what it may of an offer that its limit reaches."""
    model, profile = working.model, working.order.profile
    price = modifiers.slipped(profile, working.sign, offer.price, working.rank)
    wanted = working.wanted(price)
    quantity = model.from_offer(wanted, _left(working, offer))
    if working.order.time_in_force is TimeInForce.FOK and quantity < wanted:
        return
    rule = Rule.BAR if model.takes_prints else Rule.TAKE
    fill(book, working, rule, price, quantity, offer, is_print=model.takes_prints)


def _meet_offer(book: Book, working: WorkingOrder, offer: Offer) -> None:
    limit, model = abs(working.rank), working.model
    quantity = model.from_offer(working.wanted(limit), _left(working, offer))
    rule = Rule.BAR if model.takes_prints else Rule.THROUGH
    fill(book, working, rule, limit, quantity, offer, is_print=model.takes_prints)


def _left(working: WorkingOrder, offer: Offer) -> int:
    rate = working.order.profile.participation if working.model.takes_prints else WHOLE
    return offer.left(working.account, rate)


def _meet_through(book: Book, working: WorkingOrder, offer: Offer) -> None:
    limit = abs(working.rank)
    quantity = working.model.from_print_through(working.wanted(limit), offer.left(working.account))
    fill(book, working, Rule.THROUGH, limit, quantity, offer, is_print=True)


def _meet_at(book: Book, working: WorkingOrder, offer: Offer) -> None:
    from_print_at, queue = working.model.from_print_at, working.queue_ahead
    if from_print_at is None or queue is None:
        return
    limit = abs(working.rank)
    quantity = from_print_at(working.wanted(limit), offer.left(working.account), queue)
    book.floor.set_queue(working, queues.after_print(queue, offer.size))
    fill(book, working, Rule.QUEUE, limit, quantity, offer, is_print=True, queue_before=queue)
