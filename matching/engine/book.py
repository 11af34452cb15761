"""One symbol's orders that are in the market now: how they come, where they stand, how they leave.

What the market's items do to them is `serving`'s business.

Invariants: only orders whose session is on are here, and those under way to it; an order stands in
one place at most, its `seat`.

Source: matching/decisions/0003-takers-and-makers.md, 0008-stops.md, 0009-auctions.md, 0010-halts.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine import modifiers, queues, serving, sessions
from matching.engine.checks import IMMEDIATE
from matching.engine.desk import BUYERS, SELLERS, SIDES, Desk
from matching.engine.following import follow_unseen
from matching.engine.line import Line
from matching.engine.queues import FAR, rank_of
from matching.engine.scan import Rows, Watch
from matching.engine.stops import Stops
from matching.engine.touch import Offer, Touch
from matching.engine.triggering import triggers_later
from matching.engine.types import TAKING, Event, Role, Rule, Session, TimeInForce

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from matching.engine.floor import Floor
    from matching.engine.touch import BarRange
    from matching.engine.types import Items
    from matching.engine.working import WorkingOrder


class Book:
    """The touch of one symbol and the orders that meet it.

    `print` is the print being worked, absent between items. `has_prints` says whether the tape has
    any: if not, stops trigger on the touch (T1).
    """

    def __init__(self, symbol: str, floor: Floor, *, has_prints: bool = True) -> None:
        self.symbol = symbol
        self.floor = floor
        self.has_prints = has_prints
        self.is_halted = False
        self.touch = Touch()
        self.print = Offer()
        self.quoted = Desk(floor)
        self.printed = Desk(floor)
        self.stops = {sign: Stops(sign) for sign in SIDES}
        self.auctions = {tif: Line(_auction_key) for tif in (TimeInForce.OPG, TimeInForce.CLS)}
        self.latent = Line(_due_key)
        self._watch: Watch | None = None

    def run(self, items: Items) -> None:
        """Work the symbol's next items; the floor's moment follows those that matter."""
        rows = Rows(items, self.touch)
        while not rows.is_done:
            watch = self.watch
            if rows.is_quiet and not watch.is_everything:
                rows.skip_unseen(watch, self._follow)
            else:
                serving.work(self, rows)

    def _follow(self, items: Items, low: NDArray[np.int64], high: NDArray[np.int64], begin: int) -> bool:
        return follow_unseen(self, items, low, high, begin)

    # Orders come

    def begin(self, working: WorkingOrder, rule: Rule, *, rests_as: WorkingOrder | None = None) -> None:
        """Start an order: it waits for its session or is under way, or opens."""
        if not sessions.may_begin(working.order, self.floor.session):
            self.report(working, Event.ACCEPTED, Rule.SESSION)
        elif rests_as is None and _due(working) > self.floor.at:
            self.report(working, Event.ACCEPTED, Rule.LATENCY)
            self.wait(working)
        else:
            self.open(working, rule, rests_as=rests_as)

    def open_when_due(self, working: WorkingOrder, rule: Rule) -> None:
        """Let an accepted order meet the market, now or when its latency is over."""
        if not working.is_active and _due(working) > self.floor.at:
            self.wait(working)
        else:
            self.open(working, rule)

    def wait(self, working: WorkingOrder) -> None:
        """Let an order be under way to the market until its latency is over."""
        self.latent.add(working)
        self.forget_watch()

    def open(self, working: WorkingOrder, rule: Rule, *, rests_as: WorkingOrder | None = None) -> None:
        """Let an order that is due meet the market, or rest where its predecessor did (R4)."""
        if not working.is_active:
            working.is_active = True
            if not working.is_held:
                self.report(working, Event.NEW, rule)
        if rests_as is not None:
            self.floor.set_queue(working, rests_as.queue_ahead)
            self.seat(working)
        else:
            self.arrive(working)

    def arrive(self, working: WorkingOrder) -> None:
        """Let an order meet the market: it takes at once, then waits, rests or is canceled."""
        working.met_seq = self.floor.seq
        is_patient = working.is_stop or working.order.time_in_force in sessions.AUCTIONS
        if is_patient:
            self.seat(working)
            return
        self.floor.set_queue(working, None if working.is_market else TAKING)
        self.seat(working)
        self.retry(working)
        if working.order.time_in_force in IMMEDIATE and not working.model.takes_prints:
            self.end_if_open(working, Event.CANCELED, Rule.IMMEDIATE)

    def seat(self, working: WorkingOrder) -> None:
        """Put an order where its progress says, without meeting the market."""
        self.forget_watch()
        if working.is_dormant:
            return
        if working.order.time_in_force in sessions.AUCTIONS:
            self.auctions[working.order.time_in_force].add(working)
        elif working.is_stop:
            self.stops[working.sign].add(working)
        else:
            (self.printed if working.model.takes_prints else self.quoted).add(working)

    # Orders meet what stands

    def retry(self, working: WorkingOrder) -> None:
        """Let a taker meet the offer that stands: it takes, or rests when the touch is beyond it."""
        if not working.is_taker or working.is_stop or working.order.time_in_force in sessions.AUCTIONS:
            return
        offer = self.offer_to(working)
        if offer is None:
            return
        if working.rank >= working.sign * offer.price:
            serving.take(self, working, offer)
        elif working.order.time_in_force not in IMMEDIATE and not working.is_market:
            self._rest(working)  # a market order beyond its collar waits as it is

    def offer_to(self, working: WorkingOrder) -> Offer | None:
        """Return the good offer that an order could take from at this moment, whatever its limit."""
        offer = self.touch.opposite(working.sign)
        is_good = self.is_touch_good
        if working.model.takes_prints:
            offer, is_good = self.print, not self.is_halted
        return offer if is_good and offer.price else None

    def reaches(self, working: WorkingOrder) -> bool:
        """Return whether the item being worked could fill an order that rests or takes (C4).

        The prints of a bar are one item for this.
        """
        offer = self.print if self.print.price else self.offer_to(working)
        if working.seat is None or working.is_stop or offer is None:
            return False
        prices = [offer.price]
        if self.print.price and (bar := self.bar) is not None:
            prices += [bar.nearer, bar.farther]
        return any(working.rank >= working.sign * price for price in prices)

    def is_beaten(self, working: WorkingOrder) -> bool:
        """Return whether a bar whose nearer extreme could fill an exit will trigger the other exit's stop (C4)."""
        bar, stop = self.bar, working.sibling
        if bar is None or self.print.price != bar.nearer or stop is None:
            return False
        return stop.is_stop and stop.seat is not None and triggers_later(self, stop, bar.farther)

    @property
    def bar(self) -> BarRange | None:
        """The bar whose prints are being worked."""
        bar = self.touch.bar
        return bar if bar is not None and bar.at == self.floor.at else None

    def _rest(self, working: WorkingOrder) -> None:
        self.leave(working)
        own, queue = self.touch.own(working.sign), None
        if working.model.has_queue:
            touch_rank = rank_of(own.price, working.sign)
            queue = queues.after_quote(None, working.rank, touch_rank, own.size)
        self.floor.set_queue(working, queue)
        self.seat(working)

    # Orders leave

    def leave(self, working: WorkingOrder) -> None:
        """Take an order out of the market, if it is in it."""
        if working.seat is not None:
            self.forget_watch()
            working.seat.discard(working)
            working.seat = None

    def end(self, working: WorkingOrder, event: Event, rule: Rule) -> None:
        """End an order, saying so."""
        self.leave(working)
        self.floor.end(working)
        self.report(working, event, rule)

    def end_if_open(self, working: WorkingOrder, event: Event, rule: Rule) -> None:
        """End an order that what went before may have ended."""
        if working.is_open:
            self.end(working, event, rule)

    def report(self, working: WorkingOrder, event: Event, rule: Rule) -> None:
        """Decide something other than a fill or a trigger about an order, now."""
        self.floor.report(working, event, rule)

    # What the book can see

    @property
    def is_touch_good(self) -> bool:
        """Whether the standing quote may fill anybody at the present moment (L4, S4)."""
        return not (self.is_halted or self.touch.is_crossed or self.is_touch_stale)

    @property
    def is_touch_stale(self) -> bool:
        """Whether there is no quote, or in the regular session only one that is too old (L4)."""
        floor, at = self.floor, self.touch.at
        is_regular = floor.session is Session.REGULAR
        return at is None or (is_regular and max(floor.at, floor.silent_until) - at > floor.stale_after)

    def forget_watch(self) -> None:
        """Look anew at what the book watches: something in it has changed."""
        self._watch = None

    @property
    def watch(self) -> Watch:
        """What in the market can change anything here."""
        if self._watch is None:
            due = _due(self.latent.first) if self.latent else FAR
            self._watch = Watch.nothing(due) if self.is_halted else self._watch_market(due)
        return self._watch

    def _watch_market(self, due: int) -> Watch:
        return Watch.of(
            due=due,
            quoted=self.quoted,
            printed=self.printed,
            buy_stops=self.stops[BUYERS],
            sell_stops=self.stops[SELLERS],
            has_prints=self.has_prints,
        )


def _due(working: WorkingOrder) -> int:
    """Return the market time from which an order may open.

    Exits of a group are there already, and a stop waits for its trigger anyway.
    """
    if working.is_stop or working.order.role in (Role.TAKE_PROFIT, Role.STOP_LOSS):
        return 0
    return modifiers.due_at(working.order.profile, working.accepted_at)


def _due_key(working: WorkingOrder) -> tuple[int, ...]:
    return (_due(working), *working.priority)


def _auction_key(working: WorkingOrder) -> tuple[int, ...]:
    """Return buys before sells, then the best price: market orders, then the furthest limits."""
    return (-working.sign, -working.rank, *working.priority)
