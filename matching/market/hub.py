"""The hub: one process per market that publishes its feed to Valkey, and outlives its servers.

    loop: look at the market's row, let the source publish what is due, wait for the next due
    instant, for the bell of the clock, for an arriving quote, or for SIGTERM.

PostgreSQL or Valkey may be away for a while: that is said once, tried again with growing pauses,
and said once when it is over.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING

from django.db import connection

from matching.market import alpaca, clock, keys, rows, sources, vendor
from matching.market.errors import FeedUnavailable
from matching.market.feeds import live_calendar, synthetic_market
from matching.market.publisher import Publisher
from matching.market.recorder import RecordingPublisher
from matching.market.valkey import DOWN, WRITE_TIMEOUT, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from redis.client import PubSub

    from matching.market.waker import Waker

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two tries
_AWAY = (*DOWN, *rows.DATABASE_DOWN)


class Hub:
    """Runs one market's feed until its waker is stopped, the market is closed, or another process has its hub.

    Who lost the lock with a connection begins anew: what another has published since is not known here.

    `run` raises FeedUnavailable when the feed cannot go on, MarketError when it cannot begin.
    """

    def __init__(
        self,
        market_id: int,
        *,
        valkey_url: str,
        waker: Waker,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._market_id = market_id
        self._valkey_url = valkey_url
        self._waker = waker
        self._environment = environment
        self._client = connect(valkey_url, timeout=WRITE_TIMEOUT)
        self._lock = rows.HubLock(market_id)
        self._outage = Outage()
        self._market: rows.MarketState | None = None
        self._publisher: Publisher | None = None
        self._source: sources.Source | None = None
        self._looked_at = self._beat_at = 0.0
        self._is_over = False

    def run(self) -> None:
        """Publish until it is over; everything that was started is stopped again."""
        listener = ClockListener(self._valkey_url, self._market_id, self._waker.set)
        listener.start()
        is_due = True
        try:
            while not (self._waker.is_stopped or self._is_over):
                try:
                    seconds = self._turn(look=is_due)
                    self._outage.is_over()
                except _AWAY as error:
                    seconds = self._outage.pause_after(error)
                    # A turn with nothing due would think that all is well: the next one asks both servers.
                    self._looked_at = self._beat_at = 0.0
                    connection.close()
                is_due = self._waker.wait(seconds) or time.monotonic() >= self._looked_at + sources.BEAT
        finally:
            listener.stop()
            if self._source is not None:
                self._source.close()
            self._client.close()
            connection.close()

    def _turn(self, *, look: bool) -> float:
        """Do what is due and return the seconds until the next turn."""
        if look or self._market is None:
            if not self._lock.hold():
                log.warning("another process runs the hub of market %s", self._market_id)
                self._is_over = True
                return 0.0
            market = rows.market_state(self._market_id)
            if not market.is_active:
                log.warning("market %s was closed: its feed is published no more", self._market_id)
                self._is_over = True
                return 0.0
            sources.check_unchanged(self._market or market, market)
            self._market = market
            self._looked_at = time.monotonic()
        if self._source is None or self._publisher is None:
            feed = self._market.clock.feed
            kind = RecordingPublisher if feed == clock.ALPACA else Publisher  # others can be told again
            self._publisher = kind(self._client, self._market_id, feed=feed)
            self._source = self._open(self._market, self._publisher)
            log.info("market %s: publishing the feed %s", self._market_id, self._market.clock.feed)
        seconds = self._source.pump(self._market, time.time_ns())
        if time.monotonic() >= self._beat_at + sources.BEAT:
            self._publisher.beat()
            self._beat_at = time.monotonic()
        return min(seconds, sources.BEAT)

    def _open(self, market: rows.MarketState, publisher: Publisher) -> sources.Source:
        feed = market.clock.feed
        if feed == clock.REPLAY:
            return sources.ReplaySource(publisher, market, self._waker)
        if feed == clock.SYNTHETIC:
            numbers = synthetic_market(market.config)
            writer = sources.LiveWriter(publisher, market, live_calendar(market.calendar))
            return sources.SyntheticSource(writer, numbers, wall_ns=time.time_ns())
        if feed == clock.ALPACA:
            vendor.require_own_stream(self._market_id)
            credentials = alpaca.Credentials.of_environment(self._environment)
            if not market.config.get("symbols"):
                raise FeedUnavailable(
                    "the feed alpaca needs the symbols to subscribe to in the market's config"
                )
            writer = sources.LiveWriter(publisher, market, live_calendar(market.calendar))
            url = market.config.get("url")
            stream = alpaca.AlpacaStream(credentials, market.config["symbols"], self._waker.set, url=url)
            return sources.AlpacaSource(writer, stream)
        raise FeedUnavailable(f"there is no feed {feed!r}")


class Outage:
    """Says once that a server is away and once that it is back; pauses grow in between."""

    def __init__(self) -> None:
        self._pause = 0.0

    def pause_after(self, error: Exception) -> float:
        """Return the seconds to wait before the next try."""
        if self._pause == 0:
            log.warning(
                "a server does not answer, trying again: %s", str(error).strip() or type(error).__name__
            )
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        return self._pause

    def is_over(self) -> None:
        """Take note of a turn that went well."""
        if self._pause:
            log.warning("the server answers again")
        self._pause = 0.0


class ClockListener:
    """Wakes the hub when somebody has changed the market's clock; a lost bell costs one beat."""

    def __init__(self, valkey_url: str, market_id: int, wake: Callable[[], None]) -> None:
        # No read time-out: silence is normal here, and `stop` ends the wait.
        self._client = connect(valkey_url, timeout=WRITE_TIMEOUT)
        self._channel = keys.clock(market_id)
        self._wake = wake
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="clock-listener", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; the thread ends within a second."""
        self._is_stopped.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._is_stopped.is_set():
            pubsub: PubSub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            try:
                pubsub.subscribe(self._channel)
                self._wake()  # what was rung before we listened
                while not self._is_stopped.is_set():
                    if pubsub.get_message(timeout=1.0) is not None:
                        self._wake()
            except DOWN:
                self._is_stopped.wait(_LONGEST_PAUSE)
            finally:
                pubsub.close()
        self._client.close()
