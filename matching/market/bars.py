"""Bars as a tape of prints (B1), and the official prices that bars alone can tell.

Source: matching/decisions/0002-tape.md, 0014-official-prices.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import Kind
from matching.market.tracks import Events, Prints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matching.market.calendar import Day
    from matching.market.tracks import Recorded


def expand(
    at: NDArray[np.int64],
    opened: NDArray[np.int64],
    high: NDArray[np.int64],
    low: NDArray[np.int64],
    closed: NDArray[np.int64],
    volume: NDArray[np.int64],
    *,
    lot: int = 1,
) -> Prints:
    """Return four prints of each bar, all at `at`: open, the nearer extreme, the farther one, close.

    Nearer means to the open; at equal distance the low comes last. The volume is split in four, in whole
    `lot`s, and the remainder goes to the close; prints of nothing are left out. Between the open and the
    nearer extreme stands a row that tells both extremes, where they are two (C4).
    """
    is_low_farther = opened - low >= high - opened
    nearer, farther = np.where(is_low_farther, high, low), np.where(is_low_farther, low, high)
    quarter = volume // (4 * lot) * lot
    told = np.where((quarter != 0) & (nearer != farther), farther, 0)
    price = np.column_stack((opened, nearer, nearer, farther, closed)).ravel()
    size = np.column_stack((quarter, told, quarter, quarter, volume - 3 * quarter)).ravel()
    kind = np.tile(np.array((Kind.TRADE, Kind.BAR, *[Kind.TRADE] * 3), dtype=np.int64), len(at))
    is_kept = (size != 0) & (price != 0)
    return Prints(
        at=np.repeat(at, 5)[is_kept],
        price=price[is_kept],
        size=size[is_kept],
        eligible=(kind == Kind.TRADE)[is_kept].astype(np.int64),
        kind=kind[is_kept],
    )


def with_auctions(recorded: Recorded, day: Day) -> Recorded:
    """Add the official prices of a day of bars: its first print after the open, its last by the close.

    The opening price is known when its bar is, the closing one at the close.
    """
    prints = recorded.prints
    rows = ((prints.at > day.open) & (prints.at <= day.close) & (prints.eligible == 1)).nonzero()[0]
    if not len(rows):
        return recorded
    first, last = (int(rows[place]) for place in (0, -1))
    auctions = Events.of(
        [
            (int(prints.at[first]), Kind.OPENING_AUCTION, int(prints.price[first]), int(prints.size[first])),
            (day.close, Kind.CLOSING_AUCTION, int(prints.price[last]), int(prints.size[last])),
        ]
    )
    return replace(recorded, events=auctions)
