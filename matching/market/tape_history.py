"""The past of a replay market: its own tape, and for archives what the folder has from before it.

The tape is loaded whole, once a process, as the hub and the matcher load it: so that every print has
the sequence number here that fills and streams name.
"""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from matching.engine.types import Kind
from matching.market import lean, lean_daily, plain_csv
from matching.market.batch import concatenate
from matching.market.candles import Bars, minutes_of, no_bars
from matching.market.history import Kept, Piece, RegularDays
from matching.market.tape import TapeFeed, cut
from matching.market.times import new_york, new_york_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matching.engine.types import Items
    from matching.market.calendar import Calendar
    from matching.market.feeds import TapeConfig

_EVERYTHING = 1 << 62  # rows: more than any tape has
_DAYS_KEPT = 8  # of the archive, each a symbol's whole day in memory


class TapeHistory:
    """Implements `matching.market.history.History` for a tape. Raises TapeMissing, TapeInvalid, DateInvalid."""

    def __init__(self, config: TapeConfig, calendar: Calendar) -> None:
        self._config = config
        self._calendar = calendar
        self._root = Path(config.folder)
        self._first_date = min(config.dates)
        self.present_from = new_york(self._first_date)
        self._days = _by_date(config.open(calendar))
        self._minutes: dict[tuple[str, date], Bars] = {}
        self._archived: Kept[tuple[str, date], list[Items]] = Kept(_DAYS_KEPT)
        self._older_days: dict[str, Bars] = {}
        self._factors: dict[str, lean_daily.Factors] = {}
        self._reading = threading.Lock()
        self._regular = RegularDays(self, calendar)

    def ticks(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Items]]:
        """Yield one session of a day a piece."""
        for on in self._dates(symbol, first, last, newest_first=newest_first):
            sessions = self._sessions(symbol, on)
            for items in reversed(sessions) if newest_first else sessions:
                begin, end = items.at.searchsorted(first), items.at.searchsorted(last, side="right")
                if begin < end:
                    rows = cut(items, slice(int(begin), int(end)))
                    yield Piece(int(rows.at[0]), int(rows.at[-1]), rows)

    def minutes(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield one day a piece."""
        for on in self._dates(symbol, first, last, newest_first=newest_first):
            rows = self._minutes_of(symbol, on).between(first, last)
            yield Piece(max(first, new_york(on)), min(last, new_york(on, 24) - 1), rows)

    def days(
        self, symbol: str, first: date, last: date, until: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield the tape's own days, and before them the folder's daily file, or else its recorded days."""
        recorded = self._regular.days(
            symbol, max(first, self._first_date), last, until, newest_first=newest_first
        )
        if newest_first:
            yield from recorded
        if first < self._first_date:
            older = self._daily_file(symbol)
            if len(older):
                day_before = min(new_york(last), self.present_from - 1)
                rows = older.between(new_york(first), day_before)
                yield Piece(new_york(first), self.present_from - 1, rows)
            else:
                dates = [on for on in self._archived_dates(symbol) if first <= on <= last]
                for on in reversed(dates) if newest_first else dates:
                    yield from self._regular.days(symbol, on, on, until, newest_first=newest_first)
        if not newest_first:
            yield from recorded

    def auctions(self, symbol: str, first: date, last: date, until: int) -> Iterator[Piece[Items]]:
        """Yield one day a piece."""
        begin, end = new_york(first), min(until, new_york(last, 24) - 1)
        for on in self._dates(symbol, begin, end, newest_first=False):
            items = concatenate(self._sessions(symbol, on))
            is_official = (items.kind == Kind.OPENING_AUCTION) | (items.kind == Kind.CLOSING_AUCTION)
            found = cut(items, is_official & (items.at <= until))
            if len(found):
                yield Piece(new_york(on), new_york(on, 24) - 1, found)

    def print_id(self, _at: int, seq: int) -> int:
        """Return its number, which is the same here."""
        return seq

    def factors(self, symbol: str) -> lean_daily.Factors:
        """Return what the folder says of splits and dividends."""
        known = self._factors.get(symbol)
        if known is None:
            known = self._factors[symbol] = lean_daily.read_factors(self._root, symbol)
        return known

    def _dates(self, symbol: str, first: int, last: int, *, newest_first: bool) -> Sequence[date]:
        begin, end = new_york_date(first), new_york_date(last)
        dates = list(self._days.get(symbol, ()))
        if begin < self._first_date and symbol in self._days:
            dates = [*self._archived_dates(symbol), *dates]
        found = [on for on in dates if begin <= on <= end]
        return found[::-1] if newest_first else found

    def _sessions(self, symbol: str, on: date) -> list[Items]:
        known = self._days[symbol].get(on)
        if known is None:
            known = self._archived.get((symbol, on))
        if known is None:
            with self._reading:
                config = self._config
                feed = TapeFeed.open(
                    config.folder, (on,), (symbol,), self._calendar, resolution=config.resolution
                )
            known = self._archived.put((symbol, on), _by_date(feed).get(symbol, {}).get(on, []))
        return known

    def _minutes_of(self, symbol: str, on: date) -> Bars:
        known = self._minutes.get((symbol, on))
        if known is None:
            are_bars = self._are_bars(symbol, on)
            # A minute of recorded bars may be told when the next session has begun: the day is made whole.
            sessions = self._sessions(symbol, on)
            known = minutes_of(concatenate(sessions), are_bars=are_bars) if sessions else no_bars()
            self._minutes[symbol, on] = known
        return known

    def _are_bars(self, symbol: str, on: date) -> bool:
        if lean.is_lean(self._root):
            return (self._config.resolution or lean.finest(self._root, symbol, on)) != "tick"
        return plain_csv.read(self._root, symbol, on).is_bars

    def _archived_dates(self, symbol: str) -> list[date]:
        """Return the trading days before the tape's first that the folder has of a symbol."""
        try:
            if not lean.is_lean(self._root):
                found = set(plain_csv.dates_in(self._root, symbol))
            else:
                names = (self._config.resolution,) if self._config.resolution else lean.RESOLUTIONS
                found = {_date(stamp) for name in names for stamp in lean.dates_in(self._root, symbol, name)}
        except (OSError, ValueError):  # whatever else lies in an operator's folder
            return []
        return sorted(on for on in found if on < self._first_date and self._calendar.day(on) is not None)

    def _daily_file(self, symbol: str) -> Bars:
        """Return the day bars from before the tape; the rest of that file is the tape's future."""
        known = self._older_days.get(symbol)
        if known is None:
            known = lean_daily.read(self._root, symbol).between(0, self.present_from - 1)
            self._older_days[symbol] = known
        return known


def _by_date(feed: TapeFeed) -> dict[str, dict[date, list[Items]]]:
    """Return a tape's items by symbol and by day in New York, a session's each; no column is copied."""
    found: dict[str, dict[date, list[Items]]] = {symbol: {} for symbol in feed.symbols}
    seen = 0
    on = new_york_date(feed.starts_at)
    while (chunk := feed.read(seen, feed.ends_at, _EVERYTHING)) is not None:
        seen = chunk.seq
        if chunk.session is not None:
            on = new_york_date(chunk.session.at)
        for symbol, items in chunk.items.items():
            found[symbol].setdefault(on, []).append(items)
    return found


def _date(stamp: str) -> date:
    """Read LEAN's YYYYMMDD. Raises ValueError."""
    return date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]))
