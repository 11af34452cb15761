"""The engine: a market's items and its owners' commands in, decisions out.

Invariants: the same items and the same commands at the same sequences give the same decisions,
however the items are cut into chunks and wherever the engine is rebuilt in between; symbols touch
each other only through the one order of decisions. No clock, no randomness, no I/O.

After a restart: `rewind` over the tape up to the journal's progress, then `restore` the open
orders, then `restore_taken` for the offers that `current_offers` names.

Source: matching/decisions/.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine import sessions
from matching.engine.book import Book
from matching.engine.checks import IMMEDIATE, require_workable
from matching.engine.floor import Floor
from matching.engine.types import (
    Account,
    Chunk,
    Decision,
    Event,
    Order,
    OrderId,
    Rule,
    Session,
    SessionChange,
    Side,
)
from matching.engine.working import WorkingOrder

if TYPE_CHECKING:
    from collections.abc import Iterable

_EVERYBODY = "everybody"  # with contention, the one account that all orders belong to
_PRIORITY = attrgetter("priority")
_SEQ = attrgetter("seq")


class OutOfOrder(ValueError):
    """A chunk that begins before the market's present end."""


class Engine:
    """All books of one market.

    `contention` lets paper orders compete with each other for displayed size (L3). `stale_after`
    is the age in ns beyond which a quote fills nobody in the regular session (L4).
    """

    def __init__(self, *, contention: bool = False, stale_after: int = 60 * 10**9) -> None:
        self._contention = contention
        self._floor = Floor(stale_after=stale_after)
        self._books: dict[str, Book] = {}

    @property
    def seq(self) -> int:
        """The sequence up to which the market has come."""
        return self._floor.seq

    @property
    def at(self) -> int:
        """The market time up to which the market has come, ns."""
        return self._floor.at

    @property
    def session(self) -> Session:
        return self._floor.session

    def open_count(self) -> int:
        """Return how many orders are open, waiting ones included."""
        return len(self._floor.orders)

    def open_ids(self) -> list[OrderId]:
        """Return the ids of the open orders, waiting ones included, in order of priority."""
        return [working.order.order_id for working in self._in_priority()]

    # After a restart

    def rewind(self, chunk: Chunk) -> None:
        """Move the market alone: quotes, session, sequence and time. Raises OutOfOrder."""
        if self._floor.orders:
            raise ValueError("the market is rewound before orders are restored")
        self._require_order(chunk)
        if chunk.session is not None:
            self._floor.session = chunk.session.session
        self._run(chunk)

    def restore(self, orders: Iterable[Order]) -> None:
        """Take back open orders with their progress, deciding nothing. Raises UnsupportedOrder."""
        for order in orders:
            working = self._adopt(order)
            if working.is_active and sessions.may_trade(order, self._floor.session):
                self._book(order.symbol).seat(working)

    def restore_taken(self, taken: Iterable[tuple[Account, str, Side, int]]) -> None:
        """Take back what accounts took of the current offers, in 1e-9 share."""
        for account, symbol, side, quantity in taken:
            offer = self._book(symbol).touch.opposite(1 if side is Side.BUY else -1)
            offer.take(_EVERYBODY if self._contention else account, quantity)

    def current_offers(self) -> dict[tuple[str, Side], int]:
        """Return the sequence of each offer now displayed, by symbol and side of its taker."""
        return {
            (symbol, side): offer.seq
            for symbol, book in self._books.items()
            for side, offer in ((Side.BUY, book.touch.ask), (Side.SELL, book.touch.bid))
            if offer.price
        }

    # The market moves

    def advance(self, chunk: Chunk) -> list[Decision]:
        """Apply a session change, then the items, and return the decisions in market order.

        Within one sequence they stand in order of service. Raises OutOfOrder.
        """
        self._require_order(chunk)
        if chunk.session is not None:
            self._change_session(chunk.session)
        before = self._floor.collect()
        self._run(chunk)
        # Symbols are worked one after the other; a stable sort restores the market's order.
        return before + sorted(self._floor.collect(), key=_SEQ)

    def _require_order(self, chunk: Chunk) -> None:
        firsts = [int(items.seq[0]) for items in chunk.items.values() if len(items)]
        if chunk.session is not None:
            firsts.append(chunk.session.seq)
        begin = chunk.seq + 1 if chunk.is_repeat else min(firsts, default=chunk.seq + 1)
        if chunk.seq < self._floor.seq or begin <= self._floor.seq:
            raise OutOfOrder(f"a chunk of {begin} to {chunk.seq} comes after {self._floor.seq}")

    def _run(self, chunk: Chunk) -> None:
        for symbol, items in chunk.items.items():
            if len(items):
                self._book(symbol).run(items)
        self._floor.seq, self._floor.at = chunk.seq, chunk.at

    def _change_session(self, change: SessionChange) -> None:
        """End orders whose time is over, then bring the others to the market as it now is.

        An order that could not trade in the last session arrives anew, whether it is new or has
        waited overnight; the others meet the standing quote once more, for its age may now count
        differently.
        """
        floor = self._floor
        before, floor.session = floor.session, change.session
        floor.seq, floor.at = change.seq, change.at

        for working in self._in_priority():
            self._end_by_time(working, before)
        for working in self._in_priority():
            book, order = self._book(working.order.symbol), working.order
            could_trade = working.is_active and sessions.may_trade(order, before)
            if not sessions.may_trade(order, floor.session):
                book.leave(working)
            elif could_trade:
                book.retry(working)
            else:
                self._open(working, Rule.SESSION)

    def _end_by_time(self, working: WorkingOrder, before: Session) -> None:
        floor, order = self._floor, working.order
        if working.is_active and sessions.ends_day_order(order, before, floor.session):
            event = Event.EXPIRED
        elif sessions.ends_by_age(order, floor.at):
            event = Event.CANCELED
        else:
            return
        self._end(working, event, Rule.TIME_IN_FORCE)

    # Owners ask

    def place(self, order: Order) -> list[Decision]:
        """Accept an order at the present moment, and let it trade if its session is on.

        Raises UnsupportedOrder, and ValueError when an order of this id is open.
        """
        self._begin(self._adopt(order))
        return self._floor.collect()

    def cancel(self, order_id: OrderId) -> list[Decision]:
        """End an order for its owner; one that is not open is left alone."""
        working = self._floor.orders.get(order_id)
        if working is not None:
            self._end(working, Event.CANCELED, Rule.COMMAND)
        return self._floor.collect()

    def replace(self, order_id: OrderId, successor: Order) -> list[Decision]:
        """Put a successor in an open order's stead; if that is done, reject the successor.

        Raises UnsupportedOrder, and ValueError when the successor has another symbol or side or
        the id of an open order.
        """
        old = self._floor.orders.get(order_id)
        if old is None:
            require_workable(successor)
            rejected = WorkingOrder(successor, successor.account)
            self._floor.report(rejected, Event.REJECTED, Rule.COMMAND)
            return self._floor.collect()
        if (old.order.symbol, old.order.side) != (successor.symbol, successor.side):
            raise ValueError("a successor has the symbol and the side of the order it replaces")

        # Adopting can raise, so the old order ends only afterwards.
        keeps_place = _keeps_place(old, successor)
        queue_priority = old.priority if keeps_place else None
        working = self._adopt(replace(successor, queue_priority=queue_priority))
        is_resting = self._is_in_market(old) and not old.is_taker
        self._end(old, Event.REPLACED, Rule.COMMAND)
        self._begin(working, rests_as=old if keeps_place and is_resting else None)
        return self._floor.collect()

    def drain_queues(self) -> dict[OrderId, int | None]:
        """Return the `queue_ahead` of open orders that changed since the last call."""
        changed, self._floor.changed_queues = self._floor.changed_queues, {}
        return {order_id: working.queue_ahead for order_id, working in changed.items()}

    # Shared steps

    def _in_priority(self) -> list[WorkingOrder]:
        return sorted(self._floor.orders.values(), key=_PRIORITY)

    def _book(self, symbol: str) -> Book:
        if symbol not in self._books:
            self._books[symbol] = Book(symbol, self._floor)
        return self._books[symbol]

    def _adopt(self, order: Order) -> WorkingOrder:
        require_workable(order)
        if order.order_id in self._floor.orders:
            raise ValueError(f"order {order.order_id} is already open")
        working = WorkingOrder(order, _EVERYBODY if self._contention else order.account)
        self._floor.orders[order.order_id] = working
        return working

    def _is_in_market(self, working: WorkingOrder) -> bool:
        return working.is_active and sessions.may_trade(working.order, self._floor.session)

    def _begin(self, working: WorkingOrder, *, rests_as: WorkingOrder | None = None) -> None:
        """Start an order: it waits for its session, or meets the market, or rests on (R4)."""
        if not sessions.may_trade(working.order, self._floor.session):
            self._floor.report(working, Event.ACCEPTED, Rule.SESSION)
            return
        self._open(working, Rule.COMMAND, rests_as=rests_as)

    def _open(self, working: WorkingOrder, rule: Rule, *, rests_as: WorkingOrder | None = None) -> None:
        if not working.is_active:
            working.is_active = True
            self._floor.report(working, Event.NEW, rule)
        book = self._book(working.order.symbol)
        if rests_as is not None:
            self._floor.set_queue(working, rests_as.queue_ahead)
            book.seat(working)
        else:
            book.arrive(working)

    def _end(self, working: WorkingOrder, event: Event, rule: Rule) -> None:
        self._book(working.order.symbol).leave(working)
        self._floor.end(working)
        self._floor.report(working, event, rule)


def _keeps_place(old: WorkingOrder, successor: Order) -> bool:
    """Return whether a replacement keeps its place: the same limit and not more quantity (R4)."""
    leaves, order = old.leaves_quantity, old.order
    if leaves is None or successor.quantity is None or successor.quantity > leaves:
        return False
    if successor.time_in_force in IMMEDIATE:
        return False
    same = attrgetter("order_type", "limit_price", "model", "account", "extended_hours")
    return bool(same(order) == same(successor))
