"""Doorbells as one waits for them: an empty message on a Valkey channel."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from matching.market import keys
from matching.market.valkey import DOWN, WRITE_TIMEOUT, connect

if TYPE_CHECKING:
    import redis

    from matching.market.waker import Waker

logger = logging.getLogger(__name__)


class MarketBell:
    """Implements `matching.ports.Bell` on a market's bell and clock channels.

    A Valkey that is away costs promptness and nothing else: the wait then ends by its time-out.
    """

    def __init__(self, url: str, market_id: int, waker: Waker) -> None:
        self._url = url
        self._channels = (keys.bell(market_id), keys.clock(market_id))
        self._waker = waker
        self._subscription: redis.client.PubSub | None = None
        self._is_up = True

    def wait(self, timeout: float) -> None:
        """Return when a bell was rung, the process is to stop, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        try:
            subscription = self._subscribed()
            while not self._waker.is_stopped:
                left = deadline - time.monotonic()
                message = subscription.get_message(ignore_subscribe_messages=True, timeout=max(left, 0.0))
                if message is not None:
                    self._drain(subscription)
                    break
                if left <= 0:
                    break
        except DOWN as error:
            if self._is_up:
                logger.warning("no doorbells until Valkey is back: %s", error)
            self._is_up, self._subscription = False, None
            self._waker.wait(max(deadline - time.monotonic(), 0.0))

    def _subscribed(self) -> redis.client.PubSub:
        if self._subscription is None:
            subscription = connect(self._url, timeout=WRITE_TIMEOUT).pubsub()  # type: ignore[no-untyped-call]
            subscription.subscribe(*self._channels)
            self._subscription = subscription
            if not self._is_up:
                logger.info("doorbells are heard again")
            self._is_up = True
        return self._subscription

    @staticmethod
    def _drain(subscription: redis.client.PubSub) -> None:
        """Many rings are one: the reader takes all that is there."""
        while subscription.get_message(ignore_subscribe_messages=True, timeout=0.0) is not None:
            pass
