"""A recorded market: symbols' days merged into one total order that can be read again and again.

The order, on which golden runs rest: by time; at one time session changes first, then quotes, prints,
auctions, halts, resumptions; at one time and kind by symbol; within a symbol as in its file. The sequence numbers
1 .. N count the merged rows, session changes included, of all the symbols of the tape: a reader
of a few symbols sees the same numbers as a reader of all of them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import Chunk, Items, SessionChange
from matching.market import lean, plain_csv
from matching.market.bars import with_auctions
from matching.market.calendar import changes_of
from matching.market.errors import DateInvalid, TapeMissing
from matching.market.tracks import ITEM_COLUMNS, after_a_night, cut, has_prints, join, merge, order_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from matching.market.calendar import Calendar, Change, Day
    from matching.market.tracks import Recorded

__all__ = [
    "ITEM_COLUMNS",
    "TapeFeed",
    "cut",
    "load_day",
    "parse_dates",
    "symbols_in",
    "symbols_on",
    "tape_sessions",
    "trading_days",
]

_SYMBOL = re.compile(r"[A-Z0-9]+([.\-][A-Z0-9]+)*", re.ASCII)
_MOST_SYMBOLS_NAMED = 20


def parse_dates(text: str, calendar: Calendar) -> tuple[date, ...]:
    """Read "2013-10-08", "2013-10-07,2013-10-09" or "2013-10-07..2013-10-10" as trading days.

    A range means its trading days; a day that is named must be one. Raises DateInvalid.
    """
    days: set[date] = set()
    for part in text.split(","):
        first, dots, last = part.strip().partition("..")
        try:
            begin = date.fromisoformat(first.strip())
            end = date.fromisoformat(last.strip()) if dots else begin
        except ValueError:
            raise DateInvalid(
                f"{part!r} is neither a day like 2013-10-08 nor a range like 2013-10-07..2013-10-10"
            ) from None
        found = [day.date for day in calendar.days(begin, end)]
        if not found:
            raise DateInvalid(f"{part.strip()} is not a trading day")
        days.update(found)
    return tuple(sorted(days))


def symbols_in(folder: str | Path) -> list[str]:
    """Return the symbols that a tape folder, of either format, has any day of. Raises TapeMissing."""
    root = _root(folder)
    return lean.symbols_in(root) if lean.is_lean(root) else plain_csv.symbols_in(root)


def symbols_on(folder: str | Path, dates: Collection[date]) -> list[str]:
    """Return the symbols that have every one of these days, sorted. Raises TapeMissing."""
    root = _root(folder)
    return [symbol for symbol in symbols_in(root) if all(_has_day(root, symbol, day) for day in dates)]


def load_day(folder: str | Path, symbol: str, day: date, resolution: str | None = None) -> Items:
    """Read one symbol's day, numbered from 1; no `resolution` means the finest that is there.

    Raises TapeMissing, naming what is there instead, and TapeInvalid, naming the file.
    """
    return merge(_recorded(_root(folder), symbol, day, resolution))


def _recorded(root: Path, symbol: str, day: date, resolution: str | None) -> Recorded:
    if not _SYMBOL.fullmatch(symbol):
        raise TapeMissing(f"{symbol!r} is not a symbol; {_what_symbols(root)}")
    if not lean.is_lean(root):
        if day not in (days := plain_csv.dates_in(root, symbol)):
            raise TapeMissing(_what_days(root, symbol, day, [str(there) for there in days]))
        return plain_csv.read(root, symbol, day)
    found = resolution or lean.finest(root, symbol, day)
    if found is not None and found not in lean.RESOLUTIONS:
        raise TapeMissing(f"resolution {found!r} is not one of {', '.join(lean.RESOLUTIONS)}")
    if found is None or f"{day:%Y%m%d}" not in lean.dates_in(root, symbol, found):
        there = [
            f"{stamp} ({name})" for name in lean.RESOLUTIONS for stamp in lean.dates_in(root, symbol, name)
        ]
        raise TapeMissing(_what_days(root, symbol, day, there))
    return lean.read(root, symbol, day, found)


def _items_of(root: Path, symbol: str, day: Day, resolution: str | None) -> Items:
    recorded = _recorded(root, symbol, day.date, resolution)
    return merge(with_auctions(recorded, day) if recorded.is_bars else recorded)


class TapeFeed:
    """A whole tape in memory; implements `matching.ports.Feed` and can always go back.

    `starts_at` is the first session change, `ends_at` the last item or session change,
    `last_seq` N. With `only`, the items of other symbols are counted but not kept. `without_prints` names
    the symbols whose stops must follow the touch, since no print of theirs could trigger one.
    """

    replayable = True

    def __init__(
        self,
        days: Iterable[dict[str, Items]],
        sessions: Sequence[Change],
        *,
        only: Collection[str] | None = None,
    ) -> None:
        if not sessions:
            raise TapeMissing("a tape needs at least one trading day")
        by_symbol: dict[str, list[Items]] = {}
        for day in days:
            for symbol, items in day.items():
                by_symbol.setdefault(symbol, []).append(items)
        tracks = {symbol: join(by_symbol[symbol]) for symbol in sorted(by_symbol)}
        self.symbols = tuple(tracks)
        self.without_prints = frozenset(symbol for symbol in tracks if not has_prints(tracks[symbol]))
        self._number(sessions, tracks, set(tracks) if only is None else set(only))

    @classmethod
    def open(
        cls,
        folder: str | Path,
        dates: Sequence[date],
        symbols: Sequence[str],
        calendar: Calendar,
        *,
        resolution: str | None = None,
        only: Collection[str] | None = None,
    ) -> TapeFeed:
        """Load these days of these symbols. Raises TapeMissing, TapeInvalid, DateInvalid."""
        if not symbols:
            raise TapeMissing(f"no symbols were named; {_what_symbols(_root(folder))}")
        days, root = trading_days(dates, calendar), _root(folder)
        loaded = [{symbol: _items_of(root, symbol, day, resolution) for symbol in symbols} for day in days]
        for day, tracks in zip(days[1:], loaded[1:], strict=True):
            for symbol, items in tracks.items():
                tracks[symbol] = after_a_night(items, day.session_open)
        return cls(loaded, tape_sessions(days, calendar), only=only)

    def _number(self, sessions: Sequence[Change], tracks: dict[str, Items], kept: set[str]) -> None:
        """Give every session change and item its place in the total order."""
        lengths = [len(sessions), *(len(items) for items in tracks.values())]
        changes_at = np.array([change.at for change in sessions], dtype=np.int64)
        at = np.concatenate([changes_at, *(items.at for items in tracks.values())])
        kind = np.concatenate(
            [np.zeros(len(sessions), dtype=np.int64), *(items.kind for items in tracks.values())]
        )
        track = np.repeat(np.arange(len(lengths)), lengths)
        # lexsort is stable, its last key the first: rows alike in all three keep their file's order.
        order = np.lexsort((track, order_of(kind), at))
        numbers = np.empty(len(order), dtype=np.int64)
        numbers[order] = np.arange(1, len(order) + 1)

        self._at = at[order]
        pieces = np.split(numbers, np.cumsum(lengths)[:-1])
        self._session_seqs = pieces[0]
        self._sessions = tuple(
            SessionChange(seq=int(seq), at=change.at, session=change.session, ends_at=change.ends_at)
            for seq, change in zip(pieces[0], sessions, strict=True)
        )
        self._items = {
            symbol: _replace_seq(items, seq)
            for (symbol, items), seq in zip(tracks.items(), pieces[1:], strict=True)
            if symbol in kept
        }
        self.last_seq = len(order)
        self.starts_at = int(self._at[0])
        self.ends_at = int(self._at[-1])

    def read(self, after: int, until: int, limit: int) -> Chunk | None:
        """Return the next rows with sequence > `after` and time <= `until`, at most `limit` of them.

        None means that there are none. A chunk ends before the next session change.
        """
        available = int(self._at.searchsorted(until, side="right"))
        if after >= available:
            return None
        first = after + 1
        place = int(self._session_seqs.searchsorted(first))
        session = None
        if place < len(self._sessions) and self._sessions[place].seq == first:
            session = self._sessions[place]
            place += 1
        last = min(available, after + max(1, limit))
        if place < len(self._sessions):
            last = min(last, self._sessions[place].seq - 1)
        items = {}
        for symbol, track in self._items.items():
            begin, end = track.seq.searchsorted((first, last + 1))
            if begin < end:
                items[symbol] = cut(track, slice(begin, end))
        at = until if last == available else int(self._at[last - 1])
        return Chunk(seq=last, at=at, session=session, items=items)

    def seq_at(self, at: int) -> int:
        """Return the sequence of the last row at or before this instant, 0 when there is none."""
        return int(self._at.searchsorted(at, side="right"))

    def next_at(self, after: int) -> int | None:
        """Return the time of the first row after this sequence, None at the end of the tape."""
        return int(self._at[after]) if after < self.last_seq else None


def trading_days(dates: Sequence[date], calendar: Calendar) -> list[Day]:
    """Return the calendar's days of these dates, in order. Raises DateInvalid."""
    days = []
    for on in sorted(set(dates)):
        if (day := calendar.day(on)) is None:
            raise DateInvalid(f"{on} is not a trading day")
        days.append(day)
    return days


def tape_sessions(days: Sequence[Day], calendar: Calendar) -> list[Change]:
    """Return the session changes of a tape of these days; the last one ends at the next real open."""
    if not days:
        raise DateInvalid("a tape needs at least one trading day")
    following = calendar.days(days[-1].date + timedelta(days=1), days[-1].date + timedelta(days=14))
    return list(changes_of(days, after_last=following[0].session_open if following else None))


def _replace_seq(items: Items, seq: NDArray[np.int64]) -> Items:
    return replace(items, seq=seq)


def _root(folder: str | Path) -> Path:
    root = Path(folder)
    if not root.is_dir():
        raise TapeMissing(f"{root} is not a folder")
    return root


def _has_day(root: Path, symbol: str, day: date) -> bool:
    if lean.is_lean(root):
        return lean.finest(root, symbol, day) is not None
    return day in plain_csv.dates_in(root, symbol)


def _what_symbols(root: Path) -> str:
    names = symbols_in(root)
    shown = ", ".join(names[:_MOST_SYMBOLS_NAMED]) or "none"
    more = f" and {len(names) - _MOST_SYMBOLS_NAMED} more" if len(names) > _MOST_SYMBOLS_NAMED else ""
    return f"{root} has {shown}{more}"


def _what_days(root: Path, symbol: str, day: date, there: Sequence[str]) -> str:
    if there:
        return f"{symbol} has no tape of {day} in {root}; it has {', '.join(there)}"
    return f"{symbol} has no tape in {root}; {_what_symbols(root)}"
