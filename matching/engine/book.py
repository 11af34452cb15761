"""One symbol's orders that are in the market now, and what quotes and prints do to them.

On a quote each side is served in turn, buys first: the takers in order of priority, then the
resting orders at or better than the opposite touch, best price first. On a print the resting
orders that it reaches, best price first. Then queues follow the quote.

Invariants: only orders whose session is on are here; a fill is never worse than the limit; a
crossed or stale quote fills nobody and moves no queue (L4).

Known limits: takers wait for quotes alone, so a tape without quotes fills no market order; a
print may fill at any distance from the quote, as long as it is eligible.

Source: matching/decisions/0001-offers.md, 0003-takers-and-makers.md, 0004-queue.md.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine import queues
from matching.engine.checks import IMMEDIATE
from matching.engine.levels import Levels
from matching.engine.queues import rank_of
from matching.engine.scan import Rows, Watch
from matching.engine.touch import Touch
from matching.engine.types import TAKING, Decision, Event, Rule, Session, TimeInForce

if TYPE_CHECKING:
    from matching.engine.floor import Floor
    from matching.engine.types import Account, Items
    from matching.engine.working import WorkingOrder

BUYERS, SELLERS = SIDES = (1, -1)
_PRIORITY = attrgetter("priority")


class Book:
    """The touch of one symbol and the orders that meet it."""

    def __init__(self, symbol: str, floor: Floor) -> None:
        self.symbol = symbol
        self.touch = Touch()
        self._floor = floor
        self._takers: dict[int, list[WorkingOrder]] = {sign: [] for sign in SIDES}
        self._resting = {sign: Levels(sign, floor) for sign in SIDES}
        self._watch: Watch | None = None

    # Orders come and go

    def arrive(self, working: WorkingOrder) -> None:
        """Let an order meet the market: it takes at once, then waits, rests or is canceled."""
        if working.order.time_in_force in IMMEDIATE:
            if self._is_touch_good:
                self._take(working)
            if working.order.order_id in self._floor.orders:
                self.leave(working)
                self._floor.end(working)
                self._floor.report(working, Event.CANCELED, Rule.IMMEDIATE)
            return
        self._floor.set_queue(working, None if working.is_market else TAKING)
        self.seat(working)
        self.retry(working)

    def seat(self, working: WorkingOrder) -> None:
        """Put an order where its progress says, without meeting the market."""
        self._watch = None
        if working.is_taker:
            insort(self._takers[working.sign], working, key=_PRIORITY)
        else:
            self._resting[working.sign].add(working)

    def leave(self, working: WorkingOrder) -> None:
        """Take an order out of the market, if it is in it."""
        self._watch = None
        takers = self._takers[working.sign]
        where = bisect_left(takers, working.priority, key=_PRIORITY)
        if where < len(takers) and takers[where] is working:
            del takers[where]
        elif not working.is_market:
            self._resting[working.sign].discard(working)

    def retry(self, working: WorkingOrder) -> None:
        """Let a taker meet the quote that stands: it takes, or rests when the touch is beyond it."""
        offer = self.touch.opposite(working.sign)
        if not working.is_taker or not self._is_touch_good or not offer.price:
            return
        if working.rank >= working.sign * offer.price:
            self._take(working)
        elif not working.is_market:  # a market order beyond its collar waits as it is
            self._rest(working)

    # The market moves

    def run(self, items: Items) -> None:
        """Work the symbol's next items; the floor's moment follows those that matter."""
        rows = Rows(items, self.touch)
        while not rows.is_done:
            watch = self._watching
            if rows.is_quiet and not watch.is_everything:
                rows.skip_unseen(watch)
            else:
                self._work(rows)

    def _work(self, rows: Rows) -> None:
        floor, touch = self._floor, self.touch
        watch, is_quiet = self._watching, True
        for (
            is_quote,
            seq,
            at,
            bid,
            bid_size,
            ask,
            ask_size,
            price,
            size,
            eligible,
        ) in rows.next():
            if is_quote:
                touch.show(seq, at, bid, bid_size, ask, ask_size)
                if not watch.sees_quote(bid, bid_size, ask, ask_size):
                    continue
                floor.seq, floor.at = seq, at
                self._on_quote()
            else:
                if not eligible or not watch.sees_print(price):
                    continue
                floor.seq, floor.at = seq, at
                self._on_print(price, size)
            watch, is_quiet = self._watching, False
        rows.is_quiet = is_quiet

    def _on_quote(self) -> None:
        if self.touch.is_crossed:
            return
        for sign in SIDES:
            offer = self.touch.opposite(sign)
            if not offer.price:
                continue
            for working in tuple(self._takers[sign]):
                self.retry(working)
            for working in self._resting[sign].reached(sign * offer.price):
                self._meet_offer(working)
        for sign in SIDES:
            own = self.touch.own(sign)
            self._resting[sign].settle(rank_of(own.price, sign), own.size)
        self._watch = None

    def _on_print(self, price: int, size: int) -> None:
        taken: dict[Account, int] = {}  # a print, too, offers its size once to an account
        for sign in SIDES:
            rank = sign * price
            for working in self._resting[sign].reached(rank):
                account = working.account
                left = max(0, size - taken.get(account, 0))
                if working.rank > rank:
                    filled = self._meet_print_through(working, left, size)
                else:
                    filled = self._meet_print_at(working, left, size)
                taken[account] = taken.get(account, 0) + filled
            self._resting[sign].recount(rank)
        self._watch = None

    # One order meets one offer or print

    def _take(self, working: WorkingOrder) -> None:
        offer = self.touch.opposite(working.sign)
        if not offer.price or working.rank < working.sign * offer.price:
            return
        wanted = working.wanted(offer.price)
        quantity = working.model.from_offer(wanted, offer.left(working.account))
        if working.order.time_in_force is TimeInForce.FOK and quantity < wanted:
            return
        offer.take(working.account, quantity)
        self._fill(working, Rule.TAKE, offer.price, quantity, offer.seq, offer.size)

    def _rest(self, working: WorkingOrder) -> None:
        self.leave(working)
        own, queue = self.touch.own(working.sign), None
        if working.model.has_queue:
            touch_rank = rank_of(own.price, working.sign)
            queue = queues.after_quote(None, working.rank, touch_rank, own.size)
        self._floor.set_queue(working, queue)
        self.seat(working)

    def _meet_offer(self, working: WorkingOrder) -> None:
        offer, limit = self.touch.opposite(working.sign), abs(working.rank)
        left = offer.left(working.account)
        quantity = working.model.from_offer(working.wanted(limit), left)
        offer.take(working.account, quantity)
        self._fill(working, Rule.THROUGH, limit, quantity, offer.seq, offer.size)

    def _meet_print_through(self, working: WorkingOrder, left: int, size: int) -> int:
        limit = abs(working.rank)
        quantity = working.model.from_print_through(working.wanted(limit), left)
        self._fill(working, Rule.THROUGH, limit, quantity, None, size)
        return quantity

    def _meet_print_at(self, working: WorkingOrder, left: int, size: int) -> int:
        from_print_at, queue = working.model.from_print_at, working.queue_ahead
        if from_print_at is None or queue is None:
            return 0
        limit = abs(working.rank)
        quantity = from_print_at(working.wanted(limit), left, queue)
        self._floor.set_queue(working, queues.after_print(queue, size))
        self._fill(working, Rule.QUEUE, limit, quantity, None, size, queue)
        return quantity

    def _fill(
        self,
        working: WorkingOrder,
        rule: Rule,
        price: int,
        quantity: int,
        offer_seq: int | None,  # None for a print, which is the item being worked
        offered: int,
        queue_before: int | None = None,
    ) -> None:
        floor, touch = self._floor, self.touch
        if working.wanted(price) == 0:  # the rest of its money buys nothing at this price (N2)
            self.leave(working)
            floor.end(working)
            floor.report(working, Event.CANCELED, Rule.NOTIONAL)
            return
        if quantity == 0:
            return
        is_done = working.fill(quantity, price)
        if is_done:
            self.leave(working)
            floor.end(working)
        floor.record(
            Decision(
                order_id=working.order.order_id,
                symbol=self.symbol,
                event=Event.FILL if is_done else Event.PARTIAL_FILL,
                rule=rule,
                seq=floor.seq,
                at=floor.at,
                quantity=quantity,
                price=price,
                leaves_quantity=working.leaves_quantity,
                offer_seq=floor.seq if offer_seq is None else offer_seq,
                is_print=offer_seq is None,
                offered=offered,
                bid=touch.bid.price,
                bid_size=touch.bid.size,
                ask=touch.ask.price,
                ask_size=touch.ask.size,
                queue_before=queue_before,
            )
        )

    # What the book can see

    @property
    def _is_touch_good(self) -> bool:
        """Whether the standing quote may fill anybody at the present moment (L4)."""
        floor, touch = self._floor, self.touch
        if touch.at is None or touch.is_crossed:
            return False
        is_regular = floor.session is Session.REGULAR
        return not (is_regular and floor.at - touch.at > floor.stale_after)

    @property
    def _watching(self) -> Watch:
        if self._watch is None:
            self._watch = Watch.of(
                has_takers=any(self._takers.values()),
                buys=self._resting[BUYERS],
                sells=self._resting[SELLERS],
            )
        return self._watch
