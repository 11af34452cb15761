"""What a market has shown so far: ticks, minute bars, day bars, each symbol's alone.

A history knows no present: whoever asks says up to when, and never gets more. It yields pieces, so
that a caller who wants few rows of a long time pays for few.

Why each feed has the history that it has: matching/decisions/0017-history.md.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from matching.market.candles import MINUTE, Bars, append, gather
from matching.market.times import new_york

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from matching.engine.types import Items
    from matching.market.calendar import Calendar, Day
    from matching.market.lean_daily import Factors

Rows = TypeVar("Rows")
Name = TypeVar("Name")


class Piece(NamedTuple, Generic[Rows]):
    """What happened from `first` to `last` (nanoseconds, both included), perhaps nothing."""

    first: int
    last: int
    rows: Rows


class History(Protocol):
    """One market's past. Reading may raise MarketError, and the database's and Valkey's errors.

    `present_from` is where the market itself begins; what is older is archive. Pieces come in the
    order of time, or against it with `newest_first`; rows within a piece always in the order of time.
    """

    present_from: int

    def ticks(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Items]]:
        """Yield what happened from instant `first` to `last`, both included."""
        ...

    def minutes(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield the minute bars that begin from `first` to `last`; `last` must be a minute that is over."""
        ...

    def days(
        self, symbol: str, first: date, last: date, until: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield the day bars of these dates, made of the minutes that were over at `until`."""
        ...

    def auctions(self, symbol: str, first: date, last: date, until: int) -> Iterator[Piece[Items]]:
        """Yield the official opening and closing prints of these dates that were told by `until`."""
        ...

    def factors(self, symbol: str) -> Factors:
        """Return how a symbol's prices of two dates compare."""
        ...


class Kept(Generic[Name, Rows]):
    """The values that were asked for last, so many of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Name, Rows] = OrderedDict()

    def get(self, name: Name) -> Rows | None:
        """Return a value that is kept, None when it is not."""
        value = self._values.get(name)
        if value is not None:
            try:
                self._values.move_to_end(name)
            except KeyError:  # another thread has just let it go
                pass
        return value

    def put(self, name: Name, value: Rows) -> Rows:
        """Keep a value and return it."""
        self._values[name] = value
        while len(self._values) > self._most:
            try:
                self._values.popitem(last=False)
            except KeyError:  # another thread was faster
                break
        return value


class RegularDays:
    """Day bars out of minute bars: those of the regular session, as exchanges count a day."""

    def __init__(self, history: History, calendar: Calendar) -> None:
        self._history = history
        self._calendar = calendar
        self._over: Kept[tuple[str, date], Bars] = Kept(20_000)

    def days(
        self, symbol: str, first: date, last: date, until: int, *, newest_first: bool
    ) -> Iterator[Piece[Bars]]:
        """Yield one day a piece, as `History.days` does."""
        days = self._calendar.days(first, last)
        for day in reversed(days) if newest_first else days:
            if day.open < until:
                yield Piece(new_york(day.date), new_york(day.date, 24) - 1, self.day(symbol, day, until))

    def day(self, symbol: str, day: Day, until: int) -> Bars:
        """Return a day's bar, or none where the day had no minute that was over at `until`."""
        is_over = until >= day.close
        kept = self._over.get((symbol, day.date)) if is_over else None
        if kept is not None:
            return kept
        last = min(day.close, until) - MINUTE
        minutes = append([piece.rows for piece in self._history.minutes(symbol, day.open, last)])
        bar = gather(minutes, np.full(len(minutes), new_york(day.date), dtype=np.int64))
        return self._over.put((symbol, day.date), bar) if is_over else bar
