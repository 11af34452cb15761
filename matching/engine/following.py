"""Watermarks over many prints at once, where none of them could trigger anything (T3).

A stretch of rows that the book does not have to see may still hold new highs or lows. If no print of
it could reach a stop even after the watermarks had come as far as the whole stretch goes, then their
way there does not matter: they are moved to its end in one step. Else the rows are worked one by one.

Invariant: the outcome is that of one print after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matching.engine.desk import BUYERS, SELLERS
from matching.engine.types import WHOLE, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matching.engine.book import Book
    from matching.engine.items import Items


def follow_unseen(
    book: Book, items: Items, low: NDArray[np.int64], high: NDArray[np.int64], begin: int
) -> bool:
    """Move watermarks over a stretch of rows from `begin` on; False if it must be worked row by row.

    `low` and `high` are the stretch's prices of eligible prints; other rows are beyond every price.
    """
    buys, sells = book.stops[BUYERS].trails, book.stops[SELLERS].trails
    highest, lowest = int(np.maximum.reduce(high)), int(np.minimum.reduce(low))
    rises, falls = highest > sells.laggard, -lowest > buys.laggard
    if not (rises or falls):
        return True
    stretch = slice(begin, begin + len(low))
    is_calm = _is_within(lowest, highest, items.bid[stretch], items.ask[stretch], book.floor.bad_print_band)
    if not is_calm and _has_bad_print(items, low == high, begin, book.floor.bad_print_band):
        return False
    if rises and -lowest >= sells.nearest_after(highest):
        return False
    if falls and highest >= buys.nearest_after(lowest):
        return False
    if rises:
        sells.follow(highest)
        seq = int(items.seq[begin + int(high.argmax())])
        book.floor.note_watermark(book.symbol, Side.SELL, seq, highest)
    if falls:
        buys.follow(lowest)
        seq = int(items.seq[begin + int(low.argmin())])
        book.floor.note_watermark(book.symbol, Side.BUY, seq, lowest)
    book.forget_watch()
    return True


def _is_within(lowest: int, highest: int, bid: NDArray[np.int64], ask: NDArray[np.int64], band: int) -> bool:
    """Return whether all prices are within the band of all quotes: quick to say, and nearly always so (T2)."""
    twice_least = int(np.minimum.reduce(bid) + np.minimum.reduce(ask))
    twice_most = int(np.maximum.reduce(bid) + np.maximum.reduce(ask))
    is_high = (2 * highest - twice_least) * WHOLE > band * twice_least
    is_low = (twice_most - 2 * lowest) * WHOLE > band * twice_most
    return not (is_high or is_low)


def _has_bad_print(items: Items, is_print: NDArray[np.bool_], begin: int, band: int) -> bool:
    """Return whether a print may be a bad one; the age of its quote is not looked at (T2)."""
    rows = begin + is_print.nonzero()[0]
    bid, ask = items.bid[rows], items.ask[rows]
    twice_mid = bid + ask
    distance = np.abs(2 * items.price[rows] - twice_mid) * WHOLE
    return bool(((distance > band * twice_mid) & (bid > 0) & (ask > 0)).any())
