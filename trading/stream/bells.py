"""Hears the doorbells: one Valkey subscription a process, one channel an account that is wanted.

Losing the connection, or never having it, costs time and no event: the reader also looks by
itself. Each channel that was just subscribed counts as rung, as what came before was not heard.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import TYPE_CHECKING, Any

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from trading.stream import keys
from trading.stream.tasks import end

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio.client import PubSub

logger = logging.getLogger(__name__)

RETRY_S = 1.0
TIMEOUT_S = 5.0

# A server that vanishes without a word is found out by the kernel; a local socket needs no such care.
KEEPALIVE = (
    {socket.TCP_KEEPIDLE: 10, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
    if sys.platform == "linux"
    else {}
)


class Bells:
    """Calls `on_account(account_id)` and `on_credentials()` when their bell is heard."""

    def __init__(
        self, url: str, on_account: Callable[[str], None], on_credentials: Callable[[], None]
    ) -> None:
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
            client = _client(self._url)
            try:
                async with client, client.pubsub() as subscription:
                    await self._listen(subscription)
            except (RedisError, OSError) as error:
                if self._is_heard:
                    logger.warning("doorbells are not heard, the beat goes on: %s", error)
                self._is_heard = False
            await asyncio.sleep(RETRY_S)

    async def _listen(self, subscription: PubSub) -> None:
        # This channel never ends, so that there is always something to wait for.
        await subscription.subscribe(keys.CREDENTIALS)
        loop = asyncio.get_running_loop()
        both = [loop.create_task(self._hear(subscription)), loop.create_task(self._subscribe(subscription))]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises: neither ends in any other way
        finally:
            await end(both)

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

    async def _subscribe(self, subscription: PubSub) -> None:
        """Keep the subscription to what is wanted."""
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


def _client(url: str) -> Redis:
    keepalive: dict[str, Any] = {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
    return Redis.from_url(
        url,
        socket_connect_timeout=TIMEOUT_S,
        socket_timeout=None,  # silence is no failure here
        retry=Retry(NoBackoff(), 0),  # making the connection again is the business of `run`
        **({} if url.startswith("unix:") else keepalive),
    )
