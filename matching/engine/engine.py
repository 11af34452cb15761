"""The engine: a market's items and its owners' commands in, decisions out.

Invariants: the same items and the same commands at the same sequences give the same decisions,
however the items are cut into chunks and wherever the engine is rebuilt in between; symbols touch
each other only through the one order of decisions. No clock, no randomness, no I/O.

After a restart: `rewind` over the tape up to the journal's progress, then `restore` the open
orders, then `restore_taken` for the offers that `current_offers` names.

Source: matching/decisions/.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine import groups, modifiers, replacing, sessions
from matching.engine.checks import require_group, require_workable
from matching.engine.floor import Floor
from matching.engine.groups import Group
from matching.engine.hall import Hall
from matching.engine.session_changes import change_session, ends_ahead
from matching.engine.types import (
    Account,
    Chunk,
    Decision,
    Event,
    GroupId,
    Order,
    OrderId,
    Rule,
    Session,
    SessionChange,
    Side,
    WatermarkMove,
)
from matching.engine.working import WorkingOrder

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

_SEQ = attrgetter("seq")


class OutOfOrder(ValueError):
    """A chunk that begins before the market's present end."""


class Engine:
    """All books of one market.

    `contention` lets paper orders compete with each other for displayed size (L3). `stale_after`
    is the age in ns beyond which a quote fills nobody in the regular session (L4), `bad_print_band`
    the distance from the midpoint, in parts of 10,000, beyond which a print triggers nothing (T2).
    `without_prints` names the symbols whose tape has no prints: their stops follow the touch (T1).
    """

    def __init__(
        self,
        *,
        contention: bool = False,
        stale_after: int = 60 * 10**9,
        bad_print_band: int = 500,
        without_prints: Container[str] = (),
    ) -> None:
        self._floor = Floor(stale_after=stale_after, bad_print_band=bad_print_band)
        self._hall = Hall(self._floor, contention=contention, without_prints=without_prints)

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
        return [working.order.order_id for working in self._hall.in_priority()]

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
        """Take back all open orders with their progress, deciding nothing. Raises UnsupportedOrder."""
        found: dict[GroupId, Group] = {}
        adopted = []
        for order in orders:
            require_workable(order)
            group = None if order.group is None else found.setdefault(order.group, Group())
            adopted.append(self._hall.adopt(order, group))
        for working in adopted:
            self._put_back(working)

    def _put_back(self, working: WorkingOrder) -> None:
        sibling, book = working.sibling, self._hall.book(working.order.symbol)
        if working.is_dormant:
            return
        if working.is_held and sibling is not None:
            working.is_active = sibling.is_active  # nobody was told when it began
        if self._hall.is_in_market(working):
            book.seat(working)
        elif not working.is_active and sessions.may_begin(working.order, self._floor.session):
            book.wait(working)

    def restore_taken(self, taken: Iterable[tuple[Account, str, Side, int]]) -> None:
        """Take back what accounts took of the current offers, in 1e-9 share."""
        for account, symbol, side, quantity in taken:
            offer = self._hall.book(symbol).touch.opposite(1 if side is Side.BUY else -1)
            offer.take(self._hall.sharer(account), quantity)

    def current_offers(self) -> dict[tuple[str, Side], int]:
        """Return the sequence of each offer now displayed, by symbol and side of its taker."""
        return {
            (symbol, side): offer.seq
            for symbol, book in self._hall.books.items()
            for side, offer in ((Side.BUY, book.touch.ask), (Side.SELL, book.touch.bid))
            if offer.price
        }

    # The market moves

    def ends_ahead(self, change: SessionChange, size: int) -> Iterator[list[Decision]]:
        """End the orders that stand alone and that the next session change will end, `size` at a time.

        They are what `advance` would decide about these orders, which then has them no more to decide. The
        market stays where it is, so that each piece can be made durable before the next.
        """
        return ends_ahead(self._hall, change, size)

    def advance(self, chunk: Chunk) -> list[Decision]:
        """Apply a session change, then the items, and return the decisions in market order.

        Within one sequence they stand in order of service. Raises OutOfOrder.
        """
        self._require_order(chunk)
        self._floor.silent_until = 0
        if chunk.session is not None:
            change_session(self._hall, chunk.session)
        before = self._floor.collect()
        self._run(chunk)
        # Symbols are worked one after the other; a stable sort restores the market's order.
        return before + sorted(self._floor.collect(), key=_SEQ)

    def keep_silence(self, until: int) -> None:
        """Take note that the market has told nothing up to a moment, ns: quotes grow stale by it, and nothing else."""
        self._floor.silent_until = until

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
                self._hall.book(symbol).run(items)
        self._floor.seq, self._floor.at = chunk.seq, chunk.at

    # Owners ask

    def place(self, order: Order, legs: Sequence[Order] = ()) -> list[Decision]:
        """Accept an order at the present moment, and let it trade if its session is on.

        With `legs` it is the first of an order class: an entry with its exits, or the take-profit
        of an oco with its stop-loss. Exits are held and nobody is told.

        Raises UnsupportedOrder, and ValueError when an order of one of these ids is open.
        """
        require_group(order, legs)
        members = (order, *legs)
        for member in members:
            self._hall.require_new(member)
        floor, book = self._floor, self._hall.book(order.symbol)
        group = Group() if legs else None
        first, *exits = [self._hall.adopt(member, group) for member in members]
        first.accepted_at = floor.at
        if sessions.is_cut_off(order, floor.at):
            self._hall.end(first, Event.REJECTED, Rule.AUCTION)
        elif modifiers.is_rejected(order.profile, order.order_id, floor.seq):
            self._hall.end(first, Event.REJECTED, Rule.CHANCE)
        else:
            book.begin(first, Rule.COMMAND)
        for exit_ in exits:  # of an oco; those of an entry are dormant, or were released meanwhile
            if exit_.is_open and not exit_.is_dormant and not exit_.is_active:
                groups.start_exit(book, exit_, Rule.COMMAND)
        return floor.collect()

    def cancel(self, order_id: OrderId) -> list[Decision]:
        """End an order for its owner; one that is not open is left alone.

        Of an order class, the others end too, or the exits work on for what the entry filled (C1).
        An order that is cut off for its auction goes on, and says so (S3).
        """
        working = self._floor.orders.get(order_id)
        if working is None:
            return []
        if sessions.is_cut_off(working.order, self._floor.at):
            self._floor.report(working, Event.CANCEL_REJECTED, Rule.AUCTION)
        else:
            self._hall.end(working, Event.CANCELED, Rule.COMMAND)
        return self._floor.collect()

    def cancel_all(self) -> list[Decision]:
        """End every open order, in order of priority, because its market is gone."""
        for working in self._hall.in_priority():
            self._hall.book(working.order.symbol).end(working, Event.CANCELED, Rule.COMMAND)
        return self._floor.collect()

    def replace(self, order_id: OrderId, successor: Order) -> list[Decision]:
        """Put a successor in an open order's stead; if that is done, reject the successor.

        A member of an order class keeps its place in it and what it has left to do, whatever quantity the
        successor names.

        Raises UnsupportedOrder, and ValueError when the successor has another symbol, side, group
        or role, or the id of an open order.
        """
        old = self._floor.orders.get(order_id)
        if old is None:
            require_workable(successor)
            self._refuse(successor, Rule.COMMAND)
            return self._floor.collect()
        successor = replacing.fitted(old, successor)
        self._hall.require_new(successor)
        if any(sessions.is_cut_off(order, self._floor.at) for order in (old.order, successor)):
            self._floor.report(old, Event.REPLACE_REJECTED, Rule.AUCTION)
            self._refuse(successor, Rule.AUCTION)
        else:
            replacing.succeed(self._hall, old, successor)
        return self._floor.collect()

    def _refuse(self, successor: Order, rule: Rule) -> None:
        self._floor.report(WorkingOrder(successor, successor.account), Event.REJECTED, rule)

    def drain_queues(self) -> dict[OrderId, int | None]:
        """Return the `queue_ahead` of open orders that changed since the last call."""
        changed, self._floor.changed_queues = self._floor.changed_queues, {}
        return {order_id: working.queue_ahead for order_id, working in changed.items()}

    def drain_watermarks(self) -> list[WatermarkMove]:
        """Return how far watermarks came since the last call (T3), one symbol and side in their order."""
        return self._floor.drain_watermarks()
