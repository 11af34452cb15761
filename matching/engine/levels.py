"""One side's resting orders by price, and the ranks at which something could happen to them.

Invariants: `prices` holds every level, `unknown` those with an order whose queue ahead is not yet
known, `queued` those where somebody may stand ahead (a bound that is exact whenever the level has
just been settled). So a quote or print that reaches none of these can be skipped unseen, and the
work of one that does is in proportion to the orders it reaches.

Source: matching/decisions/0004-queue.md.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine import queues
from matching.engine.queues import FAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.engine.floor import Floor
    from matching.engine.working import WorkingOrder

_PRIORITY = attrgetter("priority")


class Ranks:
    """A sorted set of ranks; the best is the highest."""

    __slots__ = ("_sorted",)

    def __init__(self) -> None:
        self._sorted: list[int] = []

    @property
    def best(self) -> int:
        """The highest rank, or one behind every price when there is none."""
        return self._sorted[-1] if self._sorted else -FAR

    def keep(self, rank: int, *, wanted: bool) -> None:
        """Make the set contain the rank, or not."""
        where = bisect_left(self._sorted, rank)
        is_there = where < len(self._sorted) and self._sorted[where] == rank
        if wanted and not is_there:
            self._sorted.insert(where, rank)
        elif is_there and not wanted:
            del self._sorted[where]

    def down_to(self, rank: int) -> list[int]:
        """Return the ranks at or above this one, best first."""
        return self._sorted[bisect_left(self._sorted, rank) :][::-1]


class Level:
    """The orders of one price in order of priority, and the longest queue ahead of any."""

    __slots__ = ("orders", "queue_max", "unknown_count")

    def __init__(self) -> None:
        self.orders: list[WorkingOrder] = []
        self.unknown_count = 0
        self.queue_max = 0

    def recount(self) -> None:
        """Make the figures exact, after the queues of the level's orders have changed."""
        known = [w.queue_ahead for w in self.orders if w.queue_ahead is not None]
        has_queue = sum(w.model.has_queue for w in self.orders)
        self.unknown_count = has_queue - len(known)
        self.queue_max = max(known, default=0)


class Levels:
    """The resting orders of one side; `sign` is 1 for buys, -1 for sells."""

    __slots__ = ("_floor", "_levels", "prices", "queued", "sign", "unknown")

    def __init__(self, sign: int, floor: Floor) -> None:
        self.sign = sign
        self.prices = Ranks()
        self.unknown = Ranks()
        self.queued = Ranks()
        self._levels: dict[int, Level] = {}
        self._floor = floor

    def add(self, working: WorkingOrder) -> None:
        """Let an order rest at its limit, with the queue that it brings."""
        working.seat = self
        level = self._levels.setdefault(working.rank, Level())
        insort(level.orders, working, key=_PRIORITY)
        if working.queue_ahead is not None:
            level.queue_max = max(level.queue_max, working.queue_ahead)
        elif working.model.has_queue:
            level.unknown_count += 1
        self._list(working.rank, level)

    def discard(self, working: WorkingOrder) -> None:
        """Take out an order that rests here."""
        level = self._levels[working.rank]
        where = bisect_left(level.orders, working.priority, key=_PRIORITY)
        del level.orders[where]
        if working.queue_ahead is None and working.model.has_queue:
            level.unknown_count -= 1
        if not level.orders:
            del self._levels[working.rank]
            level.queue_max = 0
        self._list(working.rank, level)

    def reached(self, rank: int) -> Iterator[WorkingOrder]:
        """Yield the orders with limits at or above a rank, best price first, then priority.

        The caller may take out any order while it walks.
        """
        for reached in self.prices.down_to(rank):
            if level := self._levels.get(reached):
                yield from tuple(level.orders)

    def queue_max_at(self, rank: int) -> int:
        """Return a bound of the queues ahead at a rank."""
        return self._levels[rank].queue_max if rank in self._levels else 0

    def settle(self, touch_rank: int, touch_size: int) -> None:
        """Let the queues follow a new touch of their own side (R3)."""
        at_or_ahead = self.unknown.down_to(touch_rank) + self.queued.down_to(touch_rank)
        for rank in at_or_ahead:
            level = self._levels[rank]
            is_at_touch = rank == touch_rank
            if is_at_touch and not level.unknown_count and level.queue_max <= touch_size:
                continue
            for working in level.orders:
                if working.model.has_queue:
                    queue = queues.after_quote(working.queue_ahead, rank, touch_rank, touch_size)
                    self._floor.set_queue(working, queue)
            self.recount(rank)

    def recount(self, rank: int) -> None:
        """Make a level's figures exact after its orders' queues have changed."""
        if level := self._levels.get(rank):
            level.recount()
            self._list(rank, level)

    def _list(self, rank: int, level: Level) -> None:
        self.prices.keep(rank, wanted=bool(level.orders))
        self.unknown.keep(rank, wanted=level.unknown_count > 0)
        self.queued.keep(rank, wanted=level.queue_max > 0)
