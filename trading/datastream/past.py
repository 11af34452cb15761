"""Reading a market's past in a thread of its own: histories wait for a database, or compute for a while."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db import connections

from matching.market.candles import MINUTE
from matching.market.times import new_york_date
from trading.datastream import messages
from trading.datastream.subscription import EVERYTHING
from trading.marketdata.bodies import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeVar

    from matching.market.history import History
    from trading.datastream.frames import Told

    Answer = TypeVar("Answer")


class Look(NamedTuple):
    """A market as some listeners may see it: up to `until`, nanoseconds."""

    until: int
    symbols: frozenset[str]
    history: History


class Past:
    """One thread for all that is read of the past; its database connection is its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="past")

    async def ask(self, question: Callable[..., Answer], *arguments: object) -> Answer:
        """Return a question's answer; what it raises is raised, with the thread's connection closed."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _asked, question, *arguments)

    async def close(self) -> None:
        """End the thread, and its connection before."""
        await self.ask(connections.close_all)
        self._thread.shutdown(wait=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of market time after `after` and up to `until`, and the symbols that somebody wants."""

    look: Look
    after: int
    until: int
    wanted: Mapping[str, frozenset[str]]

    def ticks(self) -> list[Told]:
        """Return quotes, prints and statuses, in the order of time."""
        names = self._named("trades") | self._named("quotes") | self._named("statuses")
        told = [message for name in sorted(names) for message in self._ticks_of(name)]
        return sorted(told, key=lambda message: (message.at, message.order))

    def bars(self) -> list[Told]:
        """Return the minute bars that were over within the stretch, and the days' bars as they are then."""
        first, last = self.after // MINUTE * MINUTE, self.until // MINUTE * MINUTE - MINUTE
        if last < first:
            return []
        told: list[Told] = []
        history = self.look.history
        for name in sorted(self._named("bars")):
            for piece in history.minutes(name, first, last):
                told += messages.of_bars("bars", name, piece.rows)
        told.sort(key=lambda message: message.at)
        on = new_york_date(last)
        for name in sorted(self._named("dailyBars")):
            for piece in history.days(name, on, on, self.until):
                told += messages.of_bars("dailyBars", name, piece.rows)
        return told

    def _ticks_of(self, symbol: str) -> Iterator[Told]:
        listing = Listing.of(symbol)
        for piece in self.look.history.ticks(symbol, self.after + 1, self.until):
            yield from messages.of_items(symbol, piece.rows, listing, self.look.history)

    def _named(self, channel: str) -> frozenset[str]:
        wanted = self.wanted.get(channel, frozenset())
        return self.look.symbols if EVERYTHING in wanted else wanted & self.look.symbols


def _asked(question: Callable[..., Answer], *arguments: object) -> Answer:
    try:
        return question(*arguments)
    except Exception:
        connections.close_all()  # whatever state it is in, the next question gets a good one
        raise
