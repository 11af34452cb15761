"""T3: one side's trailing stops, and the watermarks that they follow.

Orders with the same watermark form a run. A print that goes further than the watermarks of some
runs joins these to one; the shorter is poured into the longer, so that an order is moved a few
times in its life (at most log2 of all orders) and none is visited because the market moved. Within
a run the order with the smallest trail has the nearest stop.

Invariants: runs stand with the furthest watermark first, so that the last is the first to move;
`_nearest[i]` is the nearest stop among the runs up to i.

Source: matching/decisions/0008-stops.md.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from matching.engine.line import Line
from matching.engine.queues import FAR
from matching.engine.triggers import stop_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.engine.working import WorkingOrder


def _by_dollars(working: WorkingOrder) -> tuple[int, ...]:
    assert working.order.trail_price is not None
    return (working.order.trail_price, *working.priority)


def _by_percent(working: WorkingOrder) -> tuple[int, ...]:
    assert working.order.trail_percent is not None
    return (working.order.trail_percent, *working.priority)


class Run:
    """The orders with one watermark. `reach` is -sign x watermark: higher has gone further."""

    __slots__ = ("_dollars", "_percent", "_sign", "reach")

    def __init__(self, sign: int, reach: int, seat: Trails) -> None:
        self._sign = sign
        self.reach = reach
        self._dollars = Line(_by_dollars, seat)
        self._percent = Line(_by_percent, seat)

    def __len__(self) -> int:
        return len(self._dollars) + len(self._percent)

    def __iter__(self) -> Iterator[WorkingOrder]:
        yield from self._dollars
        yield from self._percent

    @property
    def watermark(self) -> int | None:
        return None if self.reach == -FAR else abs(self.reach)

    @property
    def nearest(self) -> int:
        """The rank of the nearest stop; FAR while there is no watermark."""
        return self.nearest_at(self.watermark)

    def nearest_at(self, watermark: int | None) -> int:
        """Return the rank that the nearest stop has with a watermark."""
        stops = (stop_of(line.first.order, watermark) for line in (self._dollars, self._percent) if line)
        return min((self._sign * stop for stop in stops if stop is not None), default=FAR)

    def add(self, working: WorkingOrder) -> None:
        self._line_of(working).add(working)
        working.run = self

    def discard(self, working: WorkingOrder) -> None:
        self._line_of(working).discard(working)
        working.watermark, working.run = self.watermark, None

    def poured(self, other: Run) -> Run:
        """Return a run of both's orders, which is the longer of the two."""
        shorter, longer = sorted((self, other), key=len)
        for working in shorter:
            longer.add(working)
        return longer

    def reached(self, rank: int) -> list[WorkingOrder]:
        """Return the orders whose stop is at or below a rank."""
        if self.reach == -FAR:
            return []

        def is_reached(working: WorkingOrder) -> bool:
            return self._sign * (stop_of(working.order, self.watermark) or 0) <= rank

        return self._dollars.leading(is_reached) + self._percent.leading(is_reached)

    def _line_of(self, working: WorkingOrder) -> Line:
        return self._percent if working.order.trail_price is None else self._dollars


class Trails:
    """All runs of one side of a symbol."""

    __slots__ = ("_nearest", "_runs", "_sign")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._runs: list[Run] = []
        self._nearest: list[int] = []

    @property
    def nearest(self) -> int:
        """The rank of the nearest stop: a price of at least this rank triggers something."""
        return self._nearest[-1] if self._nearest else FAR

    @property
    def laggard(self) -> int:
        """The reach of the least watermark: a price that goes further moves it."""
        return self._runs[-1].reach if self._runs else FAR

    def nearest_after(self, price: int) -> int:
        """Return the rank that the nearest stop has once the watermarks have followed a price."""
        where = self._find(-self._sign * price)
        nearest = self._nearest[where - 1] if where else FAR
        return min([nearest, *(run.nearest_at(price) for run in self._runs[where:])])

    def add(self, working: WorkingOrder) -> None:
        reach = -FAR if working.watermark is None else -self._sign * working.watermark
        where = self._find(reach)
        if where == len(self._runs) or self._runs[where].reach != reach:
            self._runs.insert(where, Run(self._sign, reach, self))
        self._runs[where].add(working)
        self._count_from(where)

    def discard(self, working: WorkingOrder) -> None:
        """Take out an order that stands here; it keeps its watermark."""
        run = working.run
        assert run is not None
        where = self._find(run.reach)
        run.discard(working)
        if not len(run):
            del self._runs[where]
        self._count_from(where)

    def follow(self, price: int) -> bool:
        """Let the watermarks follow a price and return whether any moved."""
        reach = -self._sign * price
        if self.laggard >= reach:
            return False
        run = self._runs.pop()
        while self._runs and self._runs[-1].reach <= reach:
            run = run.poured(self._runs.pop())
        run.reach = reach
        self._runs.append(run)
        self._count_from(len(self._runs) - 1)
        return True

    def reached(self, price: int) -> list[WorkingOrder]:
        """Return the orders that a price triggers."""
        rank = self._sign * price
        if self.nearest > rank:
            return []
        return [working for run in self._runs for working in run.reached(rank)]

    def _find(self, reach: int) -> int:
        return bisect_left(self._runs, -reach, key=lambda run: -run.reach)

    def _count_from(self, where: int) -> None:
        """Make `_nearest` right again after the run at `where`, or those after it, changed."""
        del self._nearest[where:]
        nearest = self.nearest
        for run in self._runs[where:]:
            nearest = min(nearest, run.nearest)
            self._nearest.append(nearest)
