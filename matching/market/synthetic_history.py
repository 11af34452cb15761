"""The past of a synthetic market: computed anew from its seed, since nothing of it was ever recorded.

It tells of the hours without a hub too: the numbers went on, only nobody published them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from matching.engine.types import Kind
from matching.market.batch import items_of
from matching.market.candles import MINUTE, Bars, minutes_of
from matching.market.history import Kept, Piece, RegularDays
from matching.market.lean_daily import Factors
from matching.market.synthetic_columns import Symbol, items, prints
from matching.market.times import new_york, new_york_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from matching.engine.types import Items
    from matching.market.calendar import Calendar
    from matching.market.synthetic import SyntheticMarket

_STRETCH = 10 * MINUTE  # of ticks a piece: about 3,600 rows
_DAYS_KEPT = 256  # days of minute bars, about 100 KB each


class SyntheticHistory:
    """Implements `matching.market.history.History` for a market made of numbers."""

    present_from = 0

    def __init__(self, market: SyntheticMarket, calendar: Calendar) -> None:
        self._symbols = {name: Symbol.of(market, name) for name in market.symbols}
        self._market = market
        self._calendar = calendar
        self._minutes: Kept[tuple[str, date], Bars] = Kept(_DAYS_KEPT)
        self._regular = RegularDays(self, calendar)

    def ticks(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Items]]:
        """Yield ten minutes a piece."""
        known = self._symbols.get(symbol)
        if known is None:
            return
        begins = range(first // _STRETCH * _STRETCH, last + 1, _STRETCH)
        for begin in reversed(begins) if newest_first else begins:
            bounds = max(first, begin), min(last, begin + _STRETCH - 1)
            yield Piece(*bounds, items(known, known.numbers(*bounds)))

    def minutes(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield one day a piece."""
        known = self._symbols.get(symbol)
        if known is None or last < first:
            return
        for on in _dates(new_york_date(first), new_york_date(last), newest_first=newest_first):
            bounds = max(first, new_york(on)), min(last, new_york(on, 24) - MINUTE)
            if bounds[0] <= bounds[1]:
                yield Piece(*bounds, self._of_day(symbol, known, on, *bounds))

    def days(
        self, symbol: str, first: date, last: date, until: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield one day a piece."""
        if symbol in self._symbols:
            yield from self._regular.days(symbol, first, last, until, newest_first=newest_first)

    def auctions(self, symbol: str, first: date, last: date, until: int) -> Iterator[Piece[Items]]:
        """Yield one day a piece: the official prices as the hub publishes them."""
        if symbol not in self._symbols:
            return
        kinds = (Kind.OPENING_AUCTION, Kind.CLOSING_AUCTION)
        for day in self._calendar.days(first, last):
            found = [
                (0, at, kind, 0, 0, 0, 0, *self._market.official(symbol, at), 0)
                for kind, at in zip(kinds, (day.open, day.close), strict=True)
                if at <= until
            ]
            if found:
                yield Piece(new_york(day.date), new_york(day.date, 24) - 1, items_of(found))

    def factors(self, _symbol: str) -> Factors:
        """Return none: numbers are not split."""
        return Factors()

    def _of_day(self, name: str, symbol: Symbol, on: date, first: int, last: int) -> Bars:
        """Return the bars of a part of a day; whole days are kept."""
        begin, end = new_york(on), new_york(on, 24) - 1
        kept = self._minutes.get((name, on))
        if kept is None and last + MINUTE - 1 < end:
            made = minutes_of(prints(symbol, symbol.numbers(first, last + MINUTE - 1)), are_bars=False)
            return made.between(first, last)  # where the bounds lie within minutes, not those
        if kept is None:
            kept = minutes_of(prints(symbol, symbol.numbers(begin, end)), are_bars=False)
            self._minutes.put((name, on), kept)
        return kept.between(first, last)


def _dates(first: date, last: date, *, newest_first: bool) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield last - timedelta(days=number) if newest_first else first + timedelta(days=number)
