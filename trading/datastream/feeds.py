"""Where a data socket's messages come from: a market as it goes on, the same with a delay, and a test.

Each feed runs while somebody listens to it, begins with the moment at which the first one came, and
tells all its listeners the same messages. Bars are read from the market's history when their minute
is over, so that the stream and the REST API never tell two different bars.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from typing import TYPE_CHECKING, Any, Protocol

from django.db import Error as DatabaseError
from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from matching.market import batch as batches, keys
from matching.market.candles import MINUTE
from matching.market.errors import MarketError
from trading.datastream import messages
from trading.datastream.frames import CHANNELS, Coding, frame
from trading.datastream.past import Stretch
from trading.datastream.subscription import EVERYTHING
from trading.marketdata.bodies import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matching.engine.types import Items
    from matching.market.history import History
    from trading.datastream.frames import Content, Told
    from trading.datastream.past import Look, Past
    from trading.datastream.subscription import Pair, Subscription

logger = logging.getLogger(__name__)

POLL_S = 0.25  # how often a delayed feed looks
BLOCK_MS = 1_000  # how long a live feed waits for a batch before it looks at the time
RETRY_S = 1.0
ENTRIES_AT_ONCE = 50
FRAME_MESSAGES_MAX = 1_000
HOP = 5 * MINUTE  # of market time that is read at once: a tape may jump by hours

_AWAY = (RedisError, OSError, DatabaseError, MarketError)


class Listener(Protocol):
    """A socket, as a feed sees it."""

    coding: Coding
    subscription: Subscription

    def offer(self, content: Content) -> bool:
        """Queue a frame; False when there is no room for it."""
        ...

    async def insist(self, content: Content) -> None:
        """Queue a frame as soon as there is room; who makes none in time is dropped."""
        ...


class Feed:
    """The listeners of one feed and the task that serves them."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._listeners: dict[Listener, None] = {}  # in the order of their coming
        self.task: asyncio.Task[None] | None = None
        self._has_begun = asyncio.Event()

    async def join(self, listener: Listener) -> None:
        """Tell a listener from now on what it subscribes to; return when what happens next will be told."""
        self._listeners[listener] = None
        if self.task is None:
            # It serves everybody: the request of the first one who came is not its own.
            nobodys = contextvars.Context()
            self.task = asyncio.get_running_loop().create_task(self._keep_on(), context=nobodys)
        await self._has_begun.wait()

    def leave(self, listener: Listener) -> bool:
        """Tell it no more; returns whether nobody is left, and then the task is to be ended."""
        self._listeners.pop(listener, None)
        return not self._listeners

    async def run(self) -> None:
        """Tell the listeners what happens; never returns. Raises what is not there for a while."""
        raise NotImplementedError

    @property
    def wanted(self) -> dict[str, frozenset[str]]:
        """Symbols by channel that anybody listens to."""
        return {
            channel: frozenset().union(*(one.subscription.symbols(channel) for one in self._listeners))
            for channel in CHANNELS
        }

    async def tell(self, told: Sequence[Told]) -> None:
        """Give each listener the messages that it wants, in this order; wait a while for those behind."""
        places: dict[Pair, list[int]] = {}
        for place, message in enumerate(told):
            places.setdefault((message.channel, message.symbol), []).append(place)
        behind: dict[Listener, list[Content]] = {}
        for listener in list(self._listeners):
            wanted = sorted(place for pair in listener.subscription.among(places) for place in places[pair])
            for begin in range(0, len(wanted), FRAME_MESSAGES_MAX):
                chosen = [told[place] for place in wanted[begin : begin + FRAME_MESSAGES_MAX]]
                content = frame(chosen, listener.coding)
                if listener in behind or not listener.offer(content):
                    behind.setdefault(listener, []).append(content)
        await asyncio.gather(*(_insist(listener, contents) for listener, contents in behind.items()))
        await asyncio.sleep(0)  # whoever writes has its turn before the next messages are made

    async def _keep_on(self) -> None:
        is_well = True
        while True:
            try:
                await self.run()
            except _AWAY as error:
                if is_well:
                    logger.warning("the data stream waits, a server does not answer: %s", error)
                is_well = False
            except Exception:
                logger.exception("a feed of the data stream failed; it goes on")
            await asyncio.sleep(RETRY_S)

    async def _tell_bars(self, look: Look, after: int, until: int) -> None:
        wanted = self.wanted
        if wanted["bars"] or wanted["dailyBars"]:
            stretch = Stretch(look=look, after=after, until=until, wanted=wanted)
            await self.tell(await self._past.ask(stretch.bars))


class PastFeed(Feed):
    """What a history tells up to a moment that `look` names again and again: a delayed market."""

    def __init__(self, past: Past, look: Callable[[], Look]) -> None:
        super().__init__(past)
        self._look = look

    async def run(self) -> None:
        """Tell what has come into sight since the last look."""
        seen = (await self._past.ask(self._look)).until
        self._has_begun.set()
        while True:
            await asyncio.sleep(POLL_S)
            look = await self._past.ask(self._look)
            seen = min(seen, look.until)  # the tape has begun anew
            while seen < look.until:
                until = min(look.until, seen + HOP)
                stretch = Stretch(look=look, after=seen, until=until, wanted=self.wanted)
                await self.tell(await self._past.ask(stretch.ticks))
                await self._tell_bars(look, seen, until)
                seen = until


class LiveFeed(Feed):
    """A market as its hub publishes it."""

    def __init__(self, past: Past, look: Callable[[], Look], market_id: int, valkey_url: str) -> None:
        super().__init__(past)
        self._look = look
        self._market_id = market_id
        self._url = valkey_url
        self._listings: dict[str, Listing] = {}

    async def run(self) -> None:
        """Tell each batch of the hub, and the bars of the minutes that it ends."""
        name = keys.feed(self._market_id)
        history = (await self._past.ask(self._look)).history
        async with _client(self._url) as client:
            newest: Any = await client.xrevrange(name, count=1)
            entry_id = newest[0][0] if newest else b"0-0"
            seen = await self._published(client)
            self._has_begun.set()
            while True:
                answer: Any = await client.xread({name: entry_id}, count=ENTRIES_AT_ONCE, block=BLOCK_MS)
                at = seen if answer else await self._published(client)
                for number, entry in (each for _, entries in answer or () for each in entries):
                    chunk = batches.decode(entry[b"b"]).chunk
                    await self.tell(await self._messages(chunk.items, history))
                    entry_id, at = number, chunk.at
                if at // MINUTE > seen // MINUTE:
                    await self._tell_bars(await self._past.ask(self._look), seen, at)
                seen = at

    async def _messages(self, items: dict[str, Items], history: History) -> list[Told]:
        wanted = self.wanted
        names = wanted["trades"] | wanted["quotes"] | wanted["statuses"]
        told: list[Told] = []
        for symbol in items if EVERYTHING in names else names & items.keys():
            listing = self._listings.get(symbol)
            if listing is None:
                listing = self._listings[symbol] = await self._past.ask(Listing.of, symbol)
            told += messages.of_items(symbol, items[symbol], listing, history)
        return sorted(told, key=lambda message: (message.at, message.order))

    async def _published(self, client: Redis) -> int:
        stored = await client.get(keys.published(self._market_id))
        return int(json.loads(stored)["at"]) if stored else 0


async def _insist(listener: Listener, contents: Sequence[Content]) -> None:
    for content in contents:
        await listener.insist(content)


def _client(url: str) -> Redis:
    # Long enough for a read that blocks; a server that is gone is noticed after it.
    return Redis.from_url(
        url, socket_connect_timeout=5.0, socket_timeout=BLOCK_MS / 1000 + 5.0, retry=Retry(NoBackoff(), 0)
    )
