"""One side's stops that wait for their trigger, those with a fixed price and those that trail.

The rank of a stop is sign x its price: a price triggers it when sign x that price is at least as
high, so the nearest stop has the lowest rank.

Invariant: the work of a price is in proportion to the orders that it triggers.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine.line import Line
from matching.engine.queues import FAR
from matching.engine.trails import Trails
from matching.engine.types import OrderType

if TYPE_CHECKING:
    from matching.engine.working import WorkingOrder

_PRIORITY = attrgetter("priority")


class Stops:
    """`sign` is 1 for buys, -1 for sells."""

    __slots__ = ("_fixed", "sign", "trails")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.trails = Trails(sign)
        self._fixed = Line(_by_stop)

    @property
    def nearest(self) -> int:
        """The rank of the nearest stop, or one beyond every price."""
        fixed = _by_stop(self._fixed.first)[0] if self._fixed else FAR
        return min(fixed, self.trails.nearest)

    def add(self, working: WorkingOrder) -> None:
        is_trailing = working.order.order_type is OrderType.TRAILING_STOP
        (self.trails if is_trailing else self._fixed).add(working)

    def reached(self, price: int) -> list[WorkingOrder]:
        """Return the orders that a price triggers, in order of priority."""
        rank = self.sign * price
        found = self._fixed.leading(lambda working: _by_stop(working)[0] <= rank)
        found += self.trails.reached(price)
        return sorted(found, key=_PRIORITY)


def _by_stop(working: WorkingOrder) -> tuple[int, ...]:
    assert working.order.stop_price is not None
    return (working.sign * working.order.stop_price, *working.priority)
