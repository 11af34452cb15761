"""The past of a live market: the minutes that its hub has recorded, and the one that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import Kind
from matching.market.batch import concatenate
from matching.market.candles import MINUTE, Bars, append, minutes_of
from matching.market.history import Piece, RegularDays
from matching.market.lean_daily import Factors
from matching.market.recorder import EXPIRES_S, going_on, items_in
from matching.market.tape import cut
from matching.market.times import SECOND, new_york
from matching.models import RecordedMinute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import redis
    from django.db.models import QuerySet

    from matching.engine.types import Items
    from matching.market.calendar import Calendar

_ROWS_AT_ONCE = 500  # bars
_MINUTES_AT_ONCE = 20  # with all their items
_BAR = ("at", "open", "high", "low", "close", "volume", "turnover", "count")


class RecordedHistory:
    """Implements `matching.market.history.History` for a market that is listened to.

    Reading raises the database's errors, and `valkey.DOWN`.
    """

    present_from = 0

    def __init__(self, client: redis.Redis, market_id: int, calendar: Calendar) -> None:
        self._client = client
        self._market_id = market_id
        self._calendar = calendar
        self._regular = RegularDays(self, calendar)

    def ticks(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Items]]:
        """Yield one minute a piece."""
        recent = self._going_on(symbol, first, last)
        for minute, items in reversed(recent) if newest_first else ():
            yield _within(minute, items, first, last)
        known = {minute for minute, _ in recent}
        for minute, content in self._rows(symbol, first, last, newest_first=newest_first):
            if minute not in known:
                yield _within(minute, items_in(content, symbol), first, last)
        for minute, items in () if newest_first else recent:
            yield _within(minute, items, first, last)

    def minutes(
        self, symbol: str, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield some hundred bars a piece."""
        recent = [minutes_of(items, are_bars=False) for _, items in self._going_on(symbol, first, last)]
        newest = append(recent).between(first, last)
        begins = int(newest.at[0]) if len(newest) else last + 1
        if newest_first and len(newest):
            yield Piece(begins, last, newest)
        yield from self._stored(symbol, first, begins - 1, newest_first=newest_first)
        if not newest_first and len(newest):
            yield Piece(begins, last, newest)

    def days(
        self, symbol: str, first: date, last: date, until: int, *, newest_first: bool = False
    ) -> Iterator[Piece[Bars]]:
        """Yield one day a piece, from the first that was recorded."""
        recorded = RecordedMinute.objects.filter(market=self._market_id, symbol=symbol)
        oldest = recorded.order_by("at").values_list("at", flat=True).first()
        if oldest is not None:
            days = self._regular.days(symbol, first, last, until, newest_first=newest_first)
            yield from (piece for piece in days if piece.last >= oldest)

    def auctions(self, symbol: str, first: date, last: date, until: int) -> Iterator[Piece[Items]]:
        """Yield one day a piece."""
        for day in self._calendar.days(first, last):
            begin, end = new_york(day.date), new_york(day.date, 24) - 1
            rows = self._of(symbol, begin, min(end, until)).filter(has_auction=True, items__isnull=False)
            pieces = [
                items_in(bytes(content or b""), symbol)
                for content in rows.order_by("at").values_list("items", flat=True)
            ]
            if pieces:
                items = concatenate(pieces)
                is_official = np.isin(items.kind, (Kind.OPENING_AUCTION, Kind.CLOSING_AUCTION))
                yield Piece(begin, end, cut(items, is_official & (items.at <= until)))

    def print_id(self, _at: int, seq: int) -> int:
        """Return its number, which is the same here."""
        return seq

    def factors(self, _symbol: str) -> Factors:
        """Return none: nobody has told of splits."""
        return Factors()

    def _of(self, symbol: str, first: int, last: int) -> QuerySet[RecordedMinute]:
        begin = first // MINUTE * MINUTE
        return RecordedMinute.objects.filter(
            market=self._market_id, symbol=symbol, at__gte=begin, at__lte=last
        )

    def _rows(self, symbol: str, first: int, last: int, *, newest_first: bool) -> Iterator[tuple[int, bytes]]:
        while True:
            rows = self._of(symbol, first, last).filter(items__isnull=False)
            ordered = rows.order_by("-at" if newest_first else "at").values_list("at", "items")
            found = list(ordered[:_MINUTES_AT_ONCE])
            for minute, content in found:
                yield minute, bytes(content or b"")
            if len(found) < _MINUTES_AT_ONCE:
                return
            first, last = (first, found[-1][0] - 1) if newest_first else (found[-1][0] + MINUTE, last)

    def _stored(self, symbol: str, first: int, last: int, *, newest_first: bool) -> Iterator[Piece[Bars]]:
        while first <= last:
            rows = self._of(symbol, first, last).filter(count__gt=0, at__gte=first)
            found = list(rows.order_by("-at" if newest_first else "at").values_list(*_BAR)[:_ROWS_AT_ONCE])
            if not found:
                return
            columns = zip(*(found[::-1] if newest_first else found), strict=True)
            bars = Bars(*(np.array(column) for column in columns))
            yield Piece(int(bars.at[0]), int(bars.at[-1]), bars)
            if len(found) < _ROWS_AT_ONCE:
                return
            first, last = (first, int(bars.at[0]) - 1) if newest_first else (int(bars.at[-1]) + 1, last)

    def _going_on(self, symbol: str, first: int, last: int) -> list[tuple[int, Items]]:
        """Return the newest minutes of the stretch that Valkey still has, in order.

        Only from the newest that is stored on: the rest is read from the rows.
        """
        newest = (
            self._of(symbol, last - EXPIRES_S * SECOND, last).order_by("-at").values_list("at", flat=True)
        )
        stored = newest.first()
        begin = max(first, last - EXPIRES_S * SECOND, -1 if stored is None else stored + MINUTE)
        found = []
        for minute in range(begin // MINUTE * MINUTE, last + 1, MINUTE):
            pieces = [
                chunk[symbol] for chunk in going_on(self._client, self._market_id, minute) if symbol in chunk
            ]
            if pieces:
                found.append((minute, concatenate(pieces)))
        return found


def _within(minute: int, items: Items, first: int, last: int) -> Piece[Items]:
    begin, end = items.at.searchsorted(first), items.at.searchsorted(last, side="right")
    bounds = max(first, minute), min(last, minute + MINUTE - 1)
    return Piece(*bounds, cut(items, slice(int(begin), int(end))))
