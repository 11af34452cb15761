"""Wait for something to happen to an account: for its doorbell, or for a beat where bells are not heard."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

from matching.market.valkey import DOWN, WRITE_TIMEOUT, connect
from trading.stream import keys as stream_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import redis
    from redis.client import PubSub

BEAT_S = 0.25  # a look without a ring: a ring may be lost


class Bell:
    """One account's, from now on."""

    def __init__(self, channel: PubSub) -> None:
        self._channel = channel

    def wait(self) -> None:
        """Return when the account has a new event, or after a beat."""
        began = time.monotonic()
        try:
            self._channel.get_message(timeout=BEAT_S)
        except DOWN:
            time.sleep(max(0.0, BEAT_S - (time.monotonic() - began)))  # Valkey is away: nothing can ring


@contextmanager
def account_bell(account_id: UUID) -> Iterator[Bell]:
    """Listen to an account's bell while the block lasts."""
    with _client().pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
        with suppress(*DOWN):  # then every beat looks by itself
            channel.subscribe(stream_keys.account_bell(account_id))
        yield Bell(channel)


@cache
def _client() -> redis.Redis:
    return connect(settings.REDIS_URL, timeout=WRITE_TIMEOUT)
