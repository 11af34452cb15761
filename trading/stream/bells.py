"""Hears the doorbells: one Valkey subscription a process, one channel an account that is wanted.

Losing the connection, or never having it, costs time and no event: the reader also looks by
itself. Each channel that was just subscribed counts as rung, as what came before was not heard.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from trading.stream import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio.client import PubSub

logger = logging.getLogger(__name__)

RETRY_S = 1.0
TIMEOUT_S = 5.0
HEALTH_CHECK_S = 15.0


class Bells:
    """Calls `on_account(account_id)` and `on_credentials()` when their bell is heard."""

    def __init__(self, url: str, on_account: Callable[[str], None], on_credentials: Callable[[], None]) -> None:
        self._url = url
        self._on_account = on_account
        self._on_credentials = on_credentials
        self._wanted: set[str] = set()
        self._changed = asyncio.Event()
        self._is_heard = True  # whether the last attempt to connect succeeded

    def want(self, account_id: str, *, is_wanted: bool) -> None:
        """Listen to an account's bell from now on, or no more."""
        channel = keys.account_bell(account_id)
        (self._wanted.add if is_wanted else self._wanted.discard)(channel)
        self._changed.set()

    async def run(self) -> None:
        """Listen for ever; a lost connection is made again."""
        while True:
            client = Redis.from_url(
                self._url,
                socket_connect_timeout=TIMEOUT_S,
                socket_keepalive=True,
                health_check_interval=HEALTH_CHECK_S,
                retry=Retry(NoBackoff(), 0),  # reconnecting is our business: see the end of the loop
            )
            try:
                async with client, client.pubsub() as subscription:
                    await self._listen(subscription)
            except* (RedisError, OSError) as errors:
                if self._is_heard:
                    logger.warning("doorbells are not heard, the beat goes on: %s", errors.exceptions[0])
                self._is_heard = False
            await asyncio.sleep(RETRY_S)

    async def _listen(self, subscription: PubSub) -> None:
        # This channel never ends, so that there is always something to wait for.
        await subscription.subscribe(keys.CREDENTIALS)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._hear(subscription))
            both.create_task(self._keep_to_what_is_wanted(subscription))

    async def _hear(self, subscription: PubSub) -> None:
        while True:
            message = await subscription.get_message(timeout=None)
            if message is None or message["type"] not in {"message", "subscribe"}:
                continue
            if not self._is_heard:
                logger.info("doorbells are heard again")
            self._is_heard = True
            channel = message["channel"].decode()
            if channel == keys.CREDENTIALS:
                self._on_credentials()
            else:
                self._on_account(channel.removeprefix(keys.ACCOUNT_PREFIX))

    async def _keep_to_what_is_wanted(self, subscription: PubSub) -> None:
        heard: set[str] = set()
        while True:
            self._changed.clear()
            wanted = set(self._wanted)
            if added := wanted - heard:
                await subscription.subscribe(*added)
            if removed := heard - wanted:
                await subscription.unsubscribe(*removed)
            heard = wanted
            await self._changed.wait()
