"""What one market shows to one tier, looked at for all pages at once and told to each what it shows.

A price that changes ten times between two looks is told once: pages need what is, and not all that was.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Protocol

from django.db import Error as DatabaseError
from redis import RedisError

from matching.market.errors import MarketError
from matching.models import Market
from trading.stream.desk.looks import look_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trading.datastream.past import Past
    from trading.marketdata.entitlement import Entitlement
    from trading.stream.desk.looks import Look, MarketState

logger = logging.getLogger(__name__)

LOOK_S = 0.25  # at most four times a second
DELAYED_LOOK_S = 1.0  # what is read from the past costs more, and nobody waits for it
MARKET_S = 1.0
RETRY_S = 1.0

_AWAY = (RedisError, OSError, DatabaseError, MarketError, Market.DoesNotExist)


class Viewer(Protocol):
    """A page, as a board sees it."""

    symbols: frozenset[str]

    def show(self, prices: Mapping[str, bytes], market: MarketState | None) -> None:
        """Take what has changed, None for a market as it was; never waits. Also called with nothing new."""
        ...


class Board:
    """The viewers of one market with the same rights, and the task that looks for them."""

    def __init__(self, present: Past, past: Past, market_id: int, rights: Entitlement) -> None:
        """Make the board; `present` is the thread for what a hub publishes, which needs no computing, `past` for the rest."""
        self._present = present
        self._past = past
        self._market_id = market_id
        self._rights = rights
        self._viewers: dict[Viewer, None] = {}
        self._prices: dict[str, bytes] = {}
        self._market: MarketState | None = None
        self._told_at = 0.0  # of the market, by the loop's clock
        self.task: asyncio.Task[None] | None = None

    def join(self, viewer: Viewer) -> None:
        """Show a viewer what is known, and from now on what changes."""
        self._viewers[viewer] = None
        viewer.show({name: self._prices[name] for name in viewer.symbols & self._prices.keys()}, self._market)
        if self.task is None:
            nobodys = contextvars.Context()  # it serves everybody: the first one's request is not its own
            self.task = asyncio.get_running_loop().create_task(self._keep_on(), context=nobodys)

    def leave(self, viewer: Viewer) -> bool:
        """Show it no more; returns whether nobody is left, and then the task is to be ended."""
        self._viewers.pop(viewer, None)
        return not self._viewers

    async def _keep_on(self) -> None:
        is_well = True
        while True:
            try:
                await self._look_on()
            except _AWAY as error:
                if is_well:
                    logger.warning(
                        "prices of market %s wait, a server does not answer: %s", self._market_id, error
                    )
                is_well = False
            except Exception:
                logger.exception("the board of market %s failed; it goes on", self._market_id)
            await asyncio.sleep(RETRY_S)

    async def _look_on(self) -> None:
        while True:
            wanted = sorted(frozenset().union(*(viewer.symbols for viewer in self._viewers)))
            self._tell(await self._thread.ask(look_at, self._market_id, self._rights, wanted))
            await asyncio.sleep(DELAYED_LOOK_S if self._rights.delay else LOOK_S)

    @property
    def _thread(self) -> Past:
        """Where to look: somebody's tape of many symbols must not keep waiting those who see what is published."""
        is_published = self._market is not None and not self._market.is_tape and not self._rights.delay
        return self._present if is_published else self._past

    def _tell(self, look: Look) -> None:
        changed = {name: price for name, price in look.prices.items() if self._prices.get(name) != price}
        market = look.market if self._is_news(look.market) else None
        self._prices = look.prices
        self._market = look.market
        for viewer in list(self._viewers):
            viewer.show({name: changed[name] for name in viewer.symbols & changed.keys()}, market)

    def _is_news(self, market: MarketState) -> bool:
        """Say whether to tell it: pages let a clock go on by themselves, but not a tape's for more than a second."""
        now = asyncio.get_running_loop().time()
        is_old = market.is_playing and now >= self._told_at + MARKET_S
        is_news = self._market is None or is_old or not market.is_as(self._market)
        if is_news:
            self._told_at = now
        return is_news
