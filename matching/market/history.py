"""What a market has shown so far: ticks, minute bars, day bars, each symbol's alone.

A history knows no present: whoever asks says up to when, and never gets more. It yields pieces, so
that a caller who wants few rows of a long time pays for few, and says what each has cost.

Why each feed has the history that it has: matching/decisions/0017-history.md.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from matching.market.candles import MINUTE, Bars, append, gather
from matching.market.times import new_york

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from matching.engine.types import Items
    from matching.market.calendar import Calendar, Day
    from matching.market.lean_daily import Factors

_DAYS_A_PIECE = 256

Rows = TypeVar("Rows")
Name = TypeVar("Name")


class Piece(NamedTuple, Generic[Rows]):
    """What happened from `first` to `last` (nanoseconds, both included), perhaps nothing.

    `cost` is how many ticks had to be made for it, 0 for what is kept or was recorded: who asks for much
    counts it, and goes on later.
    """

    first: int
    last: int
    rows: Rows
    cost: int = 0


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

    def print_id(self, at: int, seq: int) -> int:
        """Return the number by which this past calls the print that the hub published at `at` as number `seq`."""
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


class DayStore(Protocol):
    """Where day bars are kept beside a process's memory, for all processes. May know nothing, never raises."""

    def read(self, symbol: str, days: Sequence[Day]) -> list[Bars | None]:
        """Return the bars of these days, None for each that is not kept."""
        ...

    def write(self, symbol: str, day: Day, bar: Bars) -> None:
        """Keep the bar of a day that is over."""
        ...


class RegularDays:
    """Day bars out of minute bars: those of the regular session, as exchanges count a day.

    Days that are over are kept here, and in `store` where there is one.
    """

    def __init__(self, history: History, calendar: Calendar, store: DayStore | None = None) -> None:
        self._history = history
        self._calendar = calendar
        self._store = store
        self._over: Kept[tuple[str, date], Bars] = Kept(20_000)

    def days(
        self, symbol: str, first: date, last: date, until: int, *, newest_first: bool
    ) -> Iterator[Piece[Bars]]:
        """Yield one day a piece, and many of those that are kept, as `History.days` does."""
        days = [day for day in self._calendar.days(first, last) if day.open < until]
        if newest_first:
            days.reverse()
        for begin in range(0, len(days), _DAYS_A_PIECE):
            together: list[tuple[Day, Bars]] = []
            for day, kept in self._kept(symbol, days[begin : begin + _DAYS_A_PIECE], until):
                if kept is not None:
                    together.append((day, kept))
                    continue
                if together:
                    yield _piece(together)
                    together = []
                yield self._made(symbol, day, until)
            if together:
                yield _piece(together)

    def _kept(self, symbol: str, days: list[Day], until: int) -> list[tuple[Day, Bars | None]]:
        found = {day: self._over.get((symbol, day.date)) for day in days if day.close <= until}
        missing = [day for day, bar in found.items() if bar is None]
        if self._store is not None and missing:
            for day, bar in zip(missing, self._store.read(symbol, missing), strict=True):
                if bar is not None:
                    found[day] = self._over.put((symbol, day.date), bar)
        return [(day, found.get(day)) for day in days]

    def _made(self, symbol: str, day: Day, until: int) -> Piece[Bars]:
        """Make a day's bar, or none where the day had no minute that was over at `until`."""
        last = min(day.close, until) - MINUTE
        pieces = list(self._history.minutes(symbol, day.open, last))
        minutes = append([piece.rows for piece in pieces])
        bar = gather(minutes, np.full(len(minutes), new_york(day.date), dtype=np.int64))
        if until >= day.close:
            self._over.put((symbol, day.date), bar)
            if self._store is not None:
                self._store.write(symbol, day, bar)
        return _piece([(day, bar)], cost=sum(piece.cost for piece in pieces))


def _piece(days: list[tuple[Day, Bars]], *, cost: int = 0) -> Piece[Bars]:
    """Return days as one piece."""
    days = sorted(days, key=lambda one: one[0].date)
    bounds = new_york(days[0][0].date), new_york(days[-1][0].date, 24) - 1
    return Piece(*bounds, append([bar for _, bar in days]), cost)
