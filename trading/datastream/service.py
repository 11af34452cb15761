"""What the data sockets of one process share: feeds, limits, and the list of them."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from matching.market.calendar import Calendar
from matching.market.sessions import always_open_sessions
from matching.market.synthetic import SyntheticMarket
from matching.market.synthetic_history import SyntheticHistory
from trading.datastream.feeds import Feed, LiveFeed, PastFeed
from trading.datastream.past import Look, Past
from trading.datastream.principals import living
from trading.datastream.socket import DELAYED_SIP_PATH, IEX_PATH, SIP_PATH, TEST_PATH, DataSocket
from trading.marketdata import entitlement, markets
from trading.stream.bells import Bells
from trading.stream.database import UNREACHABLE
from trading.stream.outbox import Room
from trading.stream.tasks import end, keep_on, see_off

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.datastream.principals import Principal
    from trading.stream.service import StreamService
    from trading.stream.websocket import Receive, Scope, Send

logger = logging.getLogger(__name__)

TEST_SYMBOL = "FAKEPACA"
BEAT_S = 0.75  # a lost bell of the credentials costs this much

FeedName = tuple[str, int]  # kind, and the market that it is of


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLimits:
    """How much one process and one client may hold, and how long a client may keep us waiting."""

    sockets: int = 2_000
    room: Room = field(default_factory=lambda: Room(messages=1_000, content_bytes=4 * 1024 * 1024))
    log_in_s: float = 10.0  # from the handshake to a good log-in
    join_s: float = 5.0  # for a feed to begin
    behind_s: float = 1.0  # that the others wait for one who does not read, before that one is dropped
    farewell_s: float = 1.0
    stop_s: float = 2.0


class DataService:
    """A part of the stream process (`trading.stream.app.Part`): the data sockets and what they need."""

    paths = frozenset({IEX_PATH, SIP_PATH, DELAYED_SIP_PATH, TEST_PATH})
    event_paths: frozenset[str] = frozenset()

    def __init__(self, shared: StreamService, valkey_url: str, limits: DataLimits | None = None) -> None:
        """Share the pool and the log-in guard of the process; nothing is opened yet."""
        self.limits = limits or DataLimits()
        self.pool = shared.pool
        self.guard = shared.guard
        self._valkey_url = valkey_url
        self._past = Past()
        self._bells = Bells(valkey_url, lambda _account: None, self._credentials_rung)
        self._sockets: set[DataSocket] = set()
        self._admitted: dict[tuple[str, str], set[DataSocket]] = {}  # by path and credential
        self._feeds: dict[FeedName, Feed] = {}
        self._credentials_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def start(self) -> None:
        """Begin; neither PostgreSQL nor Valkey needs to be there yet."""
        loop = asyncio.get_running_loop()
        works = (self._bells.run, self._beat, self._recheck)
        self._tasks = [loop.create_task(keep_on(work)) for work in works]

    async def drain(self) -> None:
        """Close every socket as going away, and take no new one; may be called again."""
        self._is_stopping = True
        await see_off(self._sockets, within_s=self.limits.stop_s)

    async def stop(self) -> None:
        """Close every socket, then all the rest."""
        await self.drain()
        await end([*self._tasks, *(feed.task for feed in self._feeds.values() if feed.task is not None)])
        await asyncio.gather(*self._endings)
        await self._past.close()

    # --- Sockets ----------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether one more socket may be accepted."""
        return not self._is_stopping and len(self._sockets) < self.limits.sockets

    async def serve(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        """Serve one accepted handshake to its end."""
        socket = DataSocket(self, scope, receive, send, address=address)
        self._sockets.add(socket)
        await socket.serve()

    def admit(self, socket: DataSocket, principal: Principal) -> bool:
        """Count a socket in for its key or session, unless that has enough at this path already."""
        others = self._admitted.setdefault((socket.path, principal.credential), set())
        if len(others) >= principal.sockets_max:
            return False
        others.add(socket)
        return True

    async def join(self, socket: DataSocket, principal: Principal) -> None:
        """Let a socket listen to the feed that its path and its tier open; returns when it has begun.

        A feed that cannot begin yet is not waited for any longer than that.
        """
        name = self._feed_name(socket.path, principal)
        feed = self._feeds.get(name)
        if feed is None:
            feed = self._feeds[name] = self._make_feed(name)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.join_s):
                await feed.join(socket)

    def forget(self, socket: DataSocket) -> None:
        """Count a socket out; again does nothing."""
        if socket not in self._sockets:
            return
        self._sockets.discard(socket)
        for name, feed in list(self._feeds.items()):
            task = feed.task
            if feed.leave(socket):
                del self._feeds[name]
                self._see_to_the_end_of(task)
        if socket.principal is not None:
            admitted = (socket.path, socket.principal.credential)
            self._admitted[admitted].discard(socket)
            if not self._admitted[admitted]:
                del self._admitted[admitted]

    def _see_to_the_end_of(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            ending = asyncio.get_running_loop().create_task(end((task,)))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    # --- Feeds ------------------------------------------------------------------------------------

    def _feed_name(self, path: str, principal: Principal) -> FeedName:
        if path == TEST_PATH:
            return "test", 0
        is_delayed = path == DELAYED_SIP_PATH or entitlement.of_tier(principal.tier).delay > 0
        return ("delayed" if is_delayed else "live"), principal.market_id

    def _make_feed(self, name: FeedName) -> Feed:
        kind, market_id = name
        if kind == "test":
            return PastFeed(self._past, _look_at_test)
        if kind == "delayed":
            return PastFeed(self._past, _look(market_id, entitlement.DELAY))
        return LiveFeed(self._past, _look(market_id, 0), market_id, self._valkey_url)

    # --- Keys and sessions ------------------------------------------------------------------------

    def _credentials_rung(self) -> None:
        self._credentials_changed.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._credentials_changed.set()

    async def _recheck(self) -> None:
        """Close the sockets whose key or session lives no more, or opens something else than it did."""
        while True:
            await self._credentials_changed.wait()
            self._credentials_changed.clear()
            held = {socket.principal for socket in self._sockets if socket.principal is not None}
            if not held:
                continue
            try:
                good = await living(self.pool, held)
            except UNREACHABLE as error:
                logger.warning("keys and sessions cannot be rechecked, trying again: %s", error)
                continue
            for socket in list(self._sockets):
                # Who logged in while we asked is rechecked next time.
                if (principal := socket.principal) is not None and principal in held:
                    if principal not in good:
                        socket.revoke()
                    elif good[principal] != principal:
                        socket.go_away()  # it comes back as what it is now


def _look(market_id: int, delay: int) -> Callable[[], Look]:
    def look() -> Look:
        view = markets.view(market_id)
        return Look(view.now - delay, view.symbols, view.history)

    return look


def _look_at_test() -> Look:
    return Look(time.time_ns(), frozenset({TEST_SYMBOL}), _test_history())


@cache
def _test_history() -> SyntheticHistory:
    """Return a market of one symbol that never closes, made when somebody first asks for it."""
    days = always_open_sessions(datetime.now(UTC).date() - timedelta(days=1))
    return SyntheticHistory(SyntheticMarket(1, (TEST_SYMBOL,), halt_odds=0), Calendar(days))
