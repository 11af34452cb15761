"""The market's clock as the matcher reads it: from PostgreSQL, which is the one source of time."""

from __future__ import annotations

from django.db import connection

from matching.market.clock import REPLAY
from matching.market.times import to_ns
from matching.ports import Reading

READ = """select feed, run, paused, speed, ends_at, matching_now(id), is_active from matching_market where id = %s"""


class MarketClock:
    """Implements `matching.ports.Clock` for one market. Raises django.db.OperationalError."""

    def __init__(self, market_id: int) -> None:
        self._market_id = market_id
        self.is_open = True  # at the last reading: whether the market is one of those that are run

    def read(self) -> Reading:
        """Return the present reading; a tape at full speed may be read to its end."""
        with connection.cursor() as cursor:
            cursor.execute(READ, [self._market_id])
            feed, run, paused, speed, ends_at, now, self.is_open = cursor.fetchone()
        is_playing = feed == REPLAY and not paused and now < ends_at
        until = ends_at if is_playing and speed is None else now
        return Reading(run=run, until=to_ns(until), is_moving=is_playing)
