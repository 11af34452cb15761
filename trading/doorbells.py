"""Say that there is something to read: an empty message on a Valkey channel, after the commit.

A bell may be lost, and everybody who listens also looks by itself now and then. So ringing never
raises and never waits long; a Valkey that is away is told once in the log, and once when it is back.
Safe in threads and after a fork: the client keeps a pool of connections for each process.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from matching.market import keys as market_keys
from trading.stream import keys as stream_keys

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

logger = logging.getLogger(__name__)

TIMEOUT_S = 0.2  # what a stalled Valkey may cost the answer to an order
AT_ONCE = 1_000  # bells in one command: nobody else is served while they ring

# One print can touch ten thousand accounts: a command and an answer for each would take longer than its books.
RING_ALL = "for _, channel in ipairs(ARGV) do redis.call('publish', channel, '') end"


def ring_account(account_ids: Iterable[UUID | str]) -> None:
    """Tell the streams that these accounts have new events. Never raises."""
    _ring([stream_keys.account_bell(account_id) for account_id in account_ids])


def ring_market(market_id: int) -> None:
    """Tell the market's matchers that the inbox has new commands. Never raises."""
    _ring([market_keys.bell(market_id)])


def ring_progress(market_id: int) -> None:
    """Tell who waits for it that the market's decisions have come further. Never raises."""
    _ring([market_keys.progress(market_id)])


def ring_credentials() -> None:
    """Tell the streams to look again whether the keys of their sockets are still good. Never raises."""
    _ring([stream_keys.CREDENTIALS])


class _Line:
    """One long-lived client, and whether it last got through."""

    def __init__(self, url: str) -> None:
        # One immediate retry: a pooled connection that a restarted Valkey closed is no failure.
        self._client = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),
        )
        self._is_up = True

    def ring(self, channels: list[str]) -> None:
        try:
            if len(channels) == 1:
                self._client.publish(channels[0], b"")
            else:
                for begin in range(0, len(channels), AT_ONCE):
                    self._client.eval(RING_ALL, 0, *channels[begin : begin + AT_ONCE])
        except (RedisError, OSError) as error:
            if self._is_up:
                logger.warning(
                    "doorbells are not heard, readers fall back to looking by themselves: %s", error
                )
            self._is_up = False
        else:
            if not self._is_up:
                logger.info("doorbells are heard again")
            self._is_up = True


@cache
def _line(url: str) -> _Line:
    return _Line(url)


def _ring(channels: list[str]) -> None:
    if channels:
        _line(settings.REDIS_URL).ring(channels)
