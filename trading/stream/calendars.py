"""The trading days of each market, as the stream remembers them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final, cast

from matching.market.calendar import Calendar
from trading.stream import database

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matching.market.calendar import DayRow

REMEMBERED_S = 3600.0  # days are added years ahead

SELECT: Final = (
    "select d.date, d.open, d.close, d.session_open, d.session_close, d.settlement_date"
    " from matching_calendarday d join matching_market m on m.calendar = d.calendar where m.id = %s"
)


class Calendars:
    """Markets' calendars, each read again when its copy is old."""

    def __init__(self, pool: database.Pool) -> None:
        self._pool = pool
        self._known: dict[int, tuple[Calendar, float]] = {}

    async def of_market(self, market_id: int) -> Calendar:
        """Return a market's calendar. Raises database.UNREACHABLE."""
        now = asyncio.get_running_loop().time()
        calendar, read_at = self._known.get(market_id, (None, 0.0))
        if calendar is None or now - read_at > REMEMBERED_S:
            rows = await database.fetch(self._pool, SELECT, [market_id])
            calendar = Calendar.of_rows(cast("Iterable[DayRow]", [SimpleNamespace(**row) for row in rows]))
            self._known[market_id] = (calendar, now)
        return calendar
