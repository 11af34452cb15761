"""The past of a synthetic market: computed anew from its seed, since nothing of it was ever recorded.

It tells of the hours without a hub too: the numbers went on, only nobody published them.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from matching.engine.types import Kind
from matching.market.batch import items_of
from matching.market.candles import MINUTE, Bars, append, minutes_of
from matching.market.day_store import SharedDays
from matching.market.history import Kept, Piece, RegularDays
from matching.market.lean_daily import Factors
from matching.market.synthetic_columns import Symbol, items, print_at, prints
from matching.market.times import HOUR, new_york, new_york_date

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import redis

    from matching.engine.types import Items
    from matching.market.calendar import Calendar
    from matching.market.synthetic import SyntheticMarket

_STRETCH = 10 * MINUTE  # of ticks a piece: about 3,600 rows
# Minute bars are made four hours at a time, counted from midnight in New York: columns that long stay in a
# core's cache better than a day's, and of the day that goes on only its last part is made anew. 256 days of them
# are kept, about 100 KB each.
_PART = 4 * HOUR
_PARTS_KEPT = 256 * 6

# One at a time in a process: many who ask for much leave the other core, and most turns of this one, to orders.
_making = threading.Lock()


class SyntheticHistory:
    """Implements `matching.market.history.History` for a market made of numbers."""

    present_from = 0

    def __init__(
        self, market: SyntheticMarket, calendar: Calendar, client: redis.Redis | None = None
    ) -> None:
        """Know the market by its numbers; with a `client` of Valkey, day bars are shared with other processes."""
        self._symbols = {name: Symbol.of(market, name) for name in market.symbols}
        self._market = market
        self._calendar = calendar
        self._minutes: Kept[tuple[str, int], Bars] = Kept(_PARTS_KEPT)
        names = {name: symbol.digest for name, symbol in self._symbols.items()}
        store = None if client is None else SharedDays(client, names)
        self._regular = RegularDays(self, calendar, store)

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
            numbers = known.numbers(*bounds)
            yield Piece(*bounds, items(known, numbers), len(numbers))

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
                made = self._of_day(symbol, known, on, *bounds)
                cost = sum(piece.cost for piece in made)
                yield Piece(*bounds, append([piece.rows for piece in made]), cost)

    def days(
        self, symbol: str, first: date, last: date, until: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield one day a piece, and many of those that are kept."""
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

    def print_id(self, at: int, _seq: int) -> int:
        """Return the number of the step: the hub counts with the wall clock, which says nothing of the past."""
        return print_at(at)

    def factors(self, _symbol: str) -> Factors:
        """Return none: numbers are not split."""
        return Factors()

    def _of_day(self, name: str, symbol: Symbol, on: date, first: int, last: int) -> list[Piece[Bars]]:
        """Return the bars that begin in a part of a day, in the order of time; whole parts are kept."""
        midnight, end = new_york(on), new_york(on, 24)
        found = []
        for begin in range(midnight, end, _PART):
            bounds = max(first, begin), min(last, begin + _PART - MINUTE, end - MINUTE)
            if bounds[0] <= bounds[1]:
                found.append(self._of_part(name, symbol, (begin, min(begin + _PART, end) - MINUTE), bounds))
        return found

    def _of_part(
        self, name: str, symbol: Symbol, whole: tuple[int, int], bounds: tuple[int, int]
    ) -> Piece[Bars]:
        """Return the bars that begin within bounds; `whole` is the part that they lie in."""
        kept = self._minutes.get((name, whole[0]))
        if kept is not None:
            return Piece(*bounds, kept.between(*bounds))
        numbers = symbol.numbers(bounds[0], bounds[1] + MINUTE - 1)
        with _making:
            made = minutes_of(prints(symbol, numbers), are_bars=False)
        if bounds == whole:
            self._minutes.put((name, whole[0]), made)
        # Where the bounds lie within minutes, those are not told.
        return Piece(*bounds, made.between(*bounds), len(numbers))


def _dates(first: date, last: date, *, newest_first: bool) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield last - timedelta(days=number) if newest_first else first + timedelta(days=number)
