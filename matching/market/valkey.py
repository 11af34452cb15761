"""Clients of Valkey as this package uses them: bounded in time, one retry on a connection that died."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

READ_TIMEOUT = 0.2  # seconds; a reader does better without the value than with a late one
WRITE_TIMEOUT = 2.0

DOWN = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, redis.exceptions.BusyLoadingError)


def connect(url: str, *, timeout: float) -> redis.Redis:
    """Return a long-lived client; a call takes at most about twice `timeout` seconds."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1),
        protocol=2,
    )
