"""Bars of time as columns: made of prints, and of shorter bars.

Not to be mistaken for `matching.market.bars`, which turns recorded bars into prints. A bar is made
of the prints that may fill and trigger; a stretch of time without one has no bar.

Why: matching/decisions/0017-history.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import numpy as np

from matching.engine.types import DOLLAR, SHARE, Kind
from matching.market.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from matching.engine.types import Items

MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars in the order of their beginnings, as columns of equal length.

    `at` is a bar's beginning in nanoseconds, prices are in 1/10,000 dollar, `volume` is in shares,
    `turnover` in dollars: figures for people, not money that anybody is paid. `count` counts prints.
    """

    at: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    volume: NDArray[np.float64]
    turnover: NDArray[np.float64]
    count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)

    def rows(self, which: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Return some of the bars; a slice copies nothing."""
        return type(self)(*(getattr(self, column.name)[which] for column in fields(self)))

    def between(self, first: int, last: int) -> Self:
        """Return the bars that begin from `first` to `last`, both included."""
        begin, end = self.at.searchsorted(first), self.at.searchsorted(last, side="right")
        return self.rows(slice(int(begin), int(end)))


def no_bars() -> Bars:
    """Return no bars."""
    none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float64)
    return Bars(none, none, none, none, none, nothing, nothing, none)


def append(pieces: Sequence[Bars]) -> Bars:
    """Append bars that follow one another."""
    if not pieces:
        return no_bars()
    return Bars(*(np.concatenate([getattr(piece, c.name) for piece in pieces]) for c in fields(Bars)))


def minutes_of(items: Items, *, are_bars: bool) -> Bars:
    """Return the minute bars of one symbol's items.

    `are_bars`: the prints are those of recorded bars, which come at their bar's end; one that comes
    when a minute is over belongs to that minute.
    """
    is_kept = (items.kind == Kind.TRADE) & (items.eligible == 1)
    at, price, size = items.at[is_kept], items.price[is_kept], items.size[is_kept]
    shares = size / SHARE
    singles = Bars(
        (at - are_bars) // MINUTE * MINUTE,
        price,
        price,
        price,
        price,
        shares,
        price / DOLLAR * shares,
        np.ones(len(at), dtype=np.int64),
    )
    return gather(singles, singles.at)


def gather(bars: Bars, starts: NDArray[np.int64]) -> Bars:
    """Merge bars into longer ones; `starts` names, never falling, the longer bar that each belongs to."""
    if not len(bars):
        return bars
    begins = np.concatenate(([0], np.flatnonzero(starts[1:] != starts[:-1]) + 1))
    ends = np.concatenate((begins[1:], [len(starts)])) - 1
    return Bars(
        starts[begins],
        bars.open[begins],
        np.maximum.reduceat(bars.high, begins),
        np.minimum.reduceat(bars.low, begins),
        bars.close[ends],
        np.add.reduceat(bars.volume, begins),
        np.add.reduceat(bars.turnover, begins),
        np.add.reduceat(bars.count, begins),
    )
