"""What a page is filled with: quotes, trades, bars or auctions of a market, between two instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import Items, Kind
from matching.market.candles import MINUTE, Bars, append, gather, no_bars
from matching.market.history import Piece
from matching.market.tape import cut
from matching.market.times import new_york, new_york_date
from trading.marketdata.bodies import Listing, auctions_of, bars_of, quotes_of, trades_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from trading.marketdata.adjustment import Adjustment
    from trading.marketdata.bodies import Body
    from trading.marketdata.entitlement import Window
    from trading.marketdata.markets import MarketView
    from trading.marketdata.timeframes import Timeframe


_NOTHING_YET = 1, 0  # bounds that cross: a bar is being gathered
_DATES_AT_ONCE = 100  # of auctions, against the order of time


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSeries:
    """The quotes or the prints of a stretch of time."""

    market: MarketView
    window: Window
    kind: Kind
    newest_first: bool = False

    def pieces(self, symbol: str, after: int | None) -> Iterator[Piece[Items]]:
        """Yield rows of the wanted kind."""
        first, last = _remaining(self.window, after, newest_first=self.newest_first)
        for piece in self.market.history.ticks(symbol, first, last, newest_first=self.newest_first):
            yield piece._replace(rows=cut(piece.rows, piece.rows.kind == self.kind))

    def places(self, rows: Items) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the instants and sequences of items."""
        return rows.at, rows.seq

    def bodies(self, symbol: str, rows: Items, which: NDArray[np.intp]) -> list[Body]:
        """Return some items."""
        chosen = Items(*(getattr(rows, name)[which] for name in Items.__slots__))
        to_bodies = quotes_of if self.kind is Kind.QUOTE else trades_of
        return to_bodies(chosen, Listing.of(symbol))


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries:
    """The bars that begin in a stretch of time, made of the minutes that were over at `until`."""

    market: MarketView
    window: Window
    until: int
    timeframe: Timeframe
    adjustment: Adjustment
    newest_first: bool = False

    def pieces(self, symbol: str, after: int | None) -> Iterator[Piece[Bars]]:
        """Yield whole bars: one that is not at its end yet waits for the next piece."""
        window = _remaining(self.window, after, newest_first=self.newest_first)
        for piece in self._gathered(symbol, *window):
            yield piece._replace(rows=piece.rows.between(*self.window))

    def places(self, rows: Bars) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the beginnings of bars; no two of a symbol have the same."""
        return rows.at, np.zeros_like(rows.at)

    def bodies(self, _symbol: str, rows: Bars, which: NDArray[np.intp]) -> list[Body]:
        """Return some bars."""
        return bars_of(rows.rows(which))

    def _gathered(self, symbol: str, first: int, last: int) -> Iterator[Piece[Bars]]:
        held = no_bars()
        costs: list[int] = []
        bounds = first, last
        for piece in self._short_bars(symbol, first, last):
            costs += [piece.cost] if piece.cost else []
            both = [piece.rows, held] if self.newest_first else [held, piece.rows]
            rows = append(both)
            starts = self.timeframe.starts(rows.at)
            if len(rows):
                edge = starts[0] if self.newest_first else starts[-1]
                is_held = starts == edge
                held, rows, starts = rows.rows(is_held), rows.rows(~is_held), starts[~is_held]
            if len(rows):
                place = (int(starts[0]), bounds[1]) if self.newest_first else (bounds[0], int(edge) - 1)
                yield Piece(*place, gather(rows, starts), sum(costs))
                costs = []
            elif self.timeframe.is_of_days and len(costs) > 1:
                # One of them may be the day that goes on, the others are kept: who asks again comes further.
                yield Piece(*_NOTHING_YET, no_bars(), sum(costs))
                costs = []
        if len(held):
            yield Piece(*bounds, gather(held, self.timeframe.starts(held.at)), sum(costs))

    def _short_bars(self, symbol: str, first: int, last: int) -> Iterator[Piece[Bars]]:
        """Yield the minutes, or the days, of all bars that begin from `first` to `last`."""
        history, backwards = self.market.history, self.newest_first
        last = min(self.timeframe.end(last), self.until)
        if first > last:
            return
        if self.timeframe.is_of_days:
            dates = new_york_date(first), new_york_date(last)
            pieces = history.days(symbol, *dates, self.until, newest_first=backwards)
        else:
            pieces = history.minutes(symbol, first, last - MINUTE + 1, newest_first=backwards)
        today = new_york_date(self.market.now)
        for piece in pieces:
            yield piece._replace(rows=self.adjustment.apply(piece.rows, history.factors(symbol), today))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuctionSeries:
    """The official prints of days, a day a row."""

    market: MarketView
    window: Window
    until: int
    newest_first: bool = False

    def pieces(self, symbol: str, after: int | None) -> Iterator[Piece[Items]]:
        """Yield a day's official prints."""
        first, last = _remaining(self.window, after, newest_first=self.newest_first)
        if first > last:
            return
        earliest, latest = new_york_date(first), new_york_date(last)
        history = self.market.history
        if not self.newest_first:
            yield from history.auctions(symbol, earliest, latest, self.until)
            return
        while earliest <= latest:
            begin = max(earliest, date.fromordinal(max(1, latest.toordinal() - _DATES_AT_ONCE + 1)))
            yield from reversed(list(history.auctions(symbol, begin, latest, self.until)))
            if begin == date.min:
                return
            latest = begin - timedelta(days=1)

    def places(self, rows: Items) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the day's midnight, once."""
        at = [new_york(new_york_date(int(rows.at[0])))] if len(rows) else []
        return np.array(at, dtype=np.int64), np.zeros(len(at), dtype=np.int64)

    def bodies(self, symbol: str, rows: Items, _which: NDArray[np.intp]) -> list[Body]:
        """Return the day."""
        return [auctions_of(rows, str(new_york_date(int(rows.at[0]))), Listing.of(symbol))]


def _remaining(window: Window, after: int | None, *, newest_first: bool) -> tuple[int, int]:
    """Return what is left of a window for the page that begins at an instant."""
    if after is None:
        return window.first, window.last
    return (
        (window.first, min(window.last, after)) if newest_first else (max(window.first, after), window.last)
    )
