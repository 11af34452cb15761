"""Which rows of a tape a book has to look at, and how the others are skipped.

A `Watch` holds a book's thresholds; a row that passes none of them cannot change any order in it.
`Rows` walks a symbol's items: rows are handed out one by one while things happen, and searched by
whole columns while nothing does. Both ways see the same rows, so the cut never shows.

Invariants: a skipped row still moves the touch; the work per skipped row is the same however many
orders rest.

Known limit: on a trade row the quote columns must hold the prevailing quote, as `Items` promises.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from matching.engine.queues import FAR
from matching.engine.touch import BarRange
from matching.engine.types import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from matching.engine.desk import Desk
    from matching.engine.levels import Levels
    from matching.engine.stops import Stops
    from matching.engine.touch import Touch
    from matching.engine.types import Items

    Follow = Callable[[Items, NDArray[np.int64], NDArray[np.int64], int], bool]
    Row = tuple[int, int, int, int, int, int, int, int, int, int]

_SHORT = 32  # rows; below this a plain loop is faster than whole columns
_STRIDE_MAX = 16_384  # rows; larger columns would only leave the processor's cache

_QUOTE = Kind.QUOTE.value
_NO_ASK = FAR - 1  # an absent ask is above every price, but not above the threshold of an empty side


@dataclass(frozen=True, slots=True, kw_only=True)
class SideWatch:
    """One side's thresholds, as ranks of that side."""

    best: int  # a resting order trades when the opposite touch or a print is at or below this
    unsettled: int  # queues move when the own touch is at or below this ...
    queued: int  # ... or is exactly this
    queued_size: int  # and shows less than this size

    @classmethod
    def of(cls, levels: Levels) -> Self:
        queued = levels.queued.best
        return cls(
            best=levels.prices.best,
            unsettled=max(levels.unknown.best, queued - 1),
            queued=queued,
            queued_size=levels.queue_max_at(queued),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A book's thresholds as prices; an absent side is 0 as a bid and `_NO_ASK` as an ask.

    Auctions, halts and their ends are always seen; a bar only tells what its prints will do.
    """

    due: int = FAR  # an order's latency is over at this market time
    is_everything: bool = False  # takers wait: every quote matters
    # Quotes
    ask_max: int = -FAR  # a resting buy trades at an ask at or below
    bid_min: int = FAR  # a resting sell trades at a bid at or above
    bid_low: int = -FAR  # the buys' queues move when the bid is at or below,
    bid_at: int = -FAR  # or exactly this
    bid_size_min: int = 0  # with less than this size
    ask_high: int = FAR  # the sells' queues likewise
    ask_at: int = FAR
    ask_size_min: int = 0
    # Prints
    low: int = -FAR  # a resting buy trades, a sell stop triggers or a low-water falls at or below
    high: int = FAR  # a resting sell trades, a buy stop triggers or a high-water rises at or above
    act_low: int = -FAR  # the same but for watermarks, see `following`
    act_high: int = FAR

    @classmethod
    def nothing(cls, due: int) -> Self:
        """Return the watch of a halted book: only time goes on."""
        return cls(due=due)

    @classmethod
    def of(
        cls, *, due: int, quoted: Desk, printed: Desk, buy_stops: Stops, sell_stops: Stops, has_prints: bool
    ) -> Self:
        """Return what can change anything for these orders."""
        buy, sell = SideWatch.of(quoted.resting[1]), SideWatch.of(quoted.resting[-1])
        follow_low, follow_high = -buy_stops.trails.laggard - 1, sell_stops.trails.laggard + 1
        falls_to, rises_to = -sell_stops.nearest, buy_stops.nearest
        low = max(buy.best, printed.resting[1].prices.best, falls_to)
        high = min(-sell.best, -printed.resting[-1].prices.best, rises_to)
        if printed.has_takers:
            low = FAR - 1  # every print, and nothing else
        by_quote = (-FAR, FAR)
        if not has_prints:  # the touch triggers stops and moves watermarks
            by_quote = (max(falls_to, follow_low), min(rises_to, follow_high))
        return cls(
            due=due,
            is_everything=quoted.has_takers,
            ask_max=max(buy.best, by_quote[0]),
            bid_min=min(-sell.best, by_quote[1]),
            bid_low=max(buy.unsettled, by_quote[0]),
            bid_at=buy.queued,
            bid_size_min=buy.queued_size,
            ask_high=min(-sell.unsettled, by_quote[1]),
            ask_at=-sell.queued,
            ask_size_min=sell.queued_size,
            low=max(low, follow_low),
            high=min(high, follow_high),
            act_low=low,
            act_high=high,
        )

    @property
    def is_following(self) -> bool:
        """Whether some prints may only move watermarks."""
        return self.low > self.act_low or self.high < self.act_high

    def sees_quote(self, bid: int, bid_size: int, ask: int, ask_size: int) -> bool:
        """Return whether a quote can change anything."""
        ask = ask or _NO_ASK
        return (
            self.is_everything
            or ask <= self.ask_max
            or bid >= self.bid_min
            or bid <= self.bid_low
            or ask >= self.ask_high
            or (bid == self.bid_at and bid_size < self.bid_size_min)
            or (ask == self.ask_at and ask_size < self.ask_size_min)
        )

    def sees_print(self, price: int) -> bool:
        """Return whether an eligible print can fill or trigger an order, or move a watermark or queue."""
        return price <= self.low or price >= self.high


class Rows:
    """One symbol's items on their way into a book, and the touch that follows them."""

    def __init__(self, items: Items, touch: Touch) -> None:
        self._items = items
        self._touch = touch
        self._next = 0
        self._stride = _STRIDE_MAX
        self._view: _View | None = None
        self.is_quiet = len(items) >= _SHORT

    @property
    def is_done(self) -> bool:
        return self._next >= len(self._items)

    def next(self) -> Iterator[Row]:
        """Yield some rows; the caller shows the quotes among them to the touch."""
        items, begin, end = self._items, self._next, self._next + _SHORT
        self._next = end
        self._stride = 4 * _SHORT
        return zip(
            items.kind[begin:end].tolist(),
            items.seq[begin:end].tolist(),
            items.at[begin:end].tolist(),
            items.bid[begin:end].tolist(),
            items.bid_size[begin:end].tolist(),
            items.ask[begin:end].tolist(),
            items.ask_size[begin:end].tolist(),
            items.price[begin:end].tolist(),
            items.size[begin:end].tolist(),
            items.eligible[begin:end].tolist(),
            strict=True,
        )

    def skip_unseen(self, watch: Watch, follow: Follow) -> None:
        """Move the touch, and by `follow` watermarks, over the next rows that the watch does not see.

        Afterwards `is_quiet` says whether there was no other row yet; if not, it comes next.
        """
        view = self._view = self._view or _View(self._items)
        end = min(self._next + self._stride, len(self._items))
        self._stride = min(4 * self._stride, _STRIDE_MAX)
        seen = view.first_seen(watch, self._next, end)
        if seen < end and watch.is_following:
            acting = view.first_seen(watch, seen, end, is_act_wanted=True)
            stretch = slice(seen, acting)
            if acting > seen and follow(self._items, view.low[stretch], view.high[stretch], seen):
                seen = acting
        self.is_quiet = seen == end
        if seen > self._next:
            _show_last(self._touch, self._items, self._next, seen)
            self._touch.bar = view.last_bar(self._next, seen) or self._touch.bar
            self._next = seen


class _View:
    """The columns that thresholds are compared with."""

    def __init__(self, items: Items) -> None:
        self._items = items
        is_print = (items.kind == Kind.TRADE.value) & (items.eligible != 0)
        self._ask = np.where(items.ask == 0, _NO_ASK, items.ask)
        self.low = np.where(is_print, items.price, FAR)
        self.high = np.where(is_print, items.price, -FAR)
        self._events: list[int] = []
        self._bars: list[int] = []
        others = (items.kind > Kind.TRADE.value).nonzero()[0]
        if len(others):
            is_bar = items.kind[others] == Kind.BAR.value
            self._events, self._bars = others[~is_bar].tolist(), others[is_bar].tolist()

    def last_bar(self, begin: int, end: int) -> BarRange | None:
        """Return the last bar among some rows."""
        place = bisect_left(self._bars, end) - 1
        if place < 0 or self._bars[place] < begin:
            return None
        row, items = self._bars[place], self._items
        return BarRange(int(items.at[row]), int(items.price[row]), int(items.size[row]))

    def first_seen(self, watch: Watch, begin: int, end: int, *, is_act_wanted: bool = False) -> int:
        """Return the first row from `begin` that the watch sees, or `end`.

        With `is_act_wanted` a print that only moves watermarks does not count.
        """
        low, high = (watch.act_low, watch.act_high) if is_act_wanted else (watch.low, watch.high)
        items = self._items
        if watch.due < FAR:
            end = min(end, int(items.at.searchsorted(watch.due)))
        event = bisect_left(self._events, begin)
        if event < len(self._events):
            end = min(end, self._events[event])
        if end <= begin:
            return begin
        part = slice(begin, end)
        bid, ask = items.bid[part], self._ask[part]
        seen = ask <= watch.ask_max
        seen |= bid >= watch.bid_min
        seen |= bid <= watch.bid_low
        seen |= ask >= watch.ask_high
        seen |= self.low[part] <= low
        seen |= self.high[part] >= high
        if watch.bid_size_min:
            seen |= (bid == watch.bid_at) & (items.bid_size[part] < watch.bid_size_min)
        if watch.ask_size_min:
            seen |= (ask == watch.ask_at) & (items.ask_size[part] < watch.ask_size_min)
        first = int(seen.argmax())
        return begin + first if seen[first] else end


def _show_last(touch: Touch, items: Items, begin: int, end: int) -> None:
    """Bring the touch from before row `begin` to after row `end - 1`."""
    is_quote = items.kind[begin:end] == _QUOTE
    first = begin + int(is_quote.argmax())
    if items.kind[first] != _QUOTE:
        return  # prints alone leave the touch as it is
    last = end - 1 - int(is_quote[::-1].argmax())
    touch.at = int(items.at[last])
    for offer, price, size in (
        (touch.bid, items.bid, items.bid_size),
        (touch.ask, items.ask, items.ask_size),
    ):
        offer.show(int(price[first]), int(size[first]), int(items.seq[first]))
        differs = (price[first:last] != price[last]) | (size[first:last] != size[last])
        if differs.any():  # it changed since, last on the row after the last that differs
            changed = last - int(differs[::-1].argmax())
            offer.renew(int(price[last]), int(size[last]), int(items.seq[changed]))
