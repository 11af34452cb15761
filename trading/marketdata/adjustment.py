"""Prices of other days made comparable with today's: after splits, after dividends. Spec of the wire: 6.2.

Today is the market's day: what a tape's company did later is not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from matching.market.candles import Bars
from matching.market.times import new_york, new_york_date
from trading.marketdata.errors import ParameterInvalid

if TYPE_CHECKING:
    from datetime import date

    from matching.market.lean_daily import Factors

WORDS = ("raw", "split", "dividend", "spin-off", "all")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """For what prices are adjusted. Factor files count spin-offs among the dividends."""

    splits: bool = False
    dividends: bool = False

    @classmethod
    def of(cls, text: str) -> Adjustment:
        """Read words, separated by commas; none means raw. Raises ParameterInvalid."""
        words = {word.strip() for word in (text or "raw").split(",")}
        if unknown := words.difference(WORDS):
            raise ParameterInvalid(f"invalid adjustment: {min(unknown)[:20]}")
        return cls("split" in words or "all" in words, bool(words & {"dividend", "spin-off", "all"}))

    def apply(self, bars: Bars, factors: Factors, today: date) -> Bars:
        """Return the bars in prices of `today`; a share that was split counts as what became of it."""
        if not (self.splits or self.dividends) or not factors.dates or not len(bars):
            return bars
        first, last = new_york_date(int(bars.at[0])), new_york_date(int(bars.at[-1]))
        dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        place = (
            np.array([new_york(on) for on in dates], dtype=np.int64).searchsorted(bars.at, side="right") - 1
        )
        split = np.array([factors.split(on, today) if self.splits else 1.0 for on in dates])[place]
        price = (
            split * np.array([factors.dividend(on, today) if self.dividends else 1.0 for on in dates])[place]
        )
        opened, high, low, closed = (
            np.rint(column * price).astype(np.int64)
            for column in (bars.open, bars.high, bars.low, bars.close)
        )
        turnover = bars.turnover * (price / split)
        return Bars(bars.at, opened, high, low, closed, np.rint(bars.volume / split), turnover, bars.count)
