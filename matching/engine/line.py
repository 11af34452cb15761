"""Orders in a line: kept sorted by a key that no two of them share.

Invariant: an order stands in one place at most, and `WorkingOrder.seat` says in which.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matching.engine.working import Seat, WorkingOrder

    Key = Callable[[WorkingOrder], tuple[int, ...]]


class Line:
    """Iterating walks over a copy, so that the caller may take out any order meanwhile.

    A line that is part of something else names that as the `seat` of its orders.
    """

    __slots__ = ("_key", "_orders", "_seat")

    def __init__(self, key: Key, seat: Seat | None = None) -> None:
        self._key = key
        self._seat: Seat = self if seat is None else seat
        self._orders: list[WorkingOrder] = []

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[WorkingOrder]:
        return iter(tuple(self._orders))

    @property
    def first(self) -> WorkingOrder:
        return self._orders[0]

    def add(self, working: WorkingOrder) -> None:
        insort(self._orders, working, key=self._key)
        working.seat = self._seat

    def discard(self, working: WorkingOrder) -> None:
        """Take out an order that stands here."""
        del self._orders[bisect_left(self._orders, self._key(working), key=self._key)]

    def leading(self, belongs: Callable[[WorkingOrder], bool]) -> list[WorkingOrder]:
        """Return the orders from the first on, as long as they belong; nobody behind them is visited."""
        return list(takewhile(belongs, self._orders))
