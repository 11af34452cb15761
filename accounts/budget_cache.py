"""The cache that django-ratelimit counts in: Django's own for Redis, with one trip for a count instead of three.

The library counts with `add(key, 1)` and, when the key was there already, `incr(key)`; Django's `incr` asks
first whether the key exists. Here `add` of a one counts at once, by a script that begins the window's life
with its first count, and `incr` returns what that has found. To its caller nothing is different.

One client for all threads of a process: Django makes a cache, and with it a pool, for each thread.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import ConnectionError as ConnectionLost, Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

if TYPE_CHECKING:
    from redis.typing import KeyT

# Together less than what a refusal may take, 0.3 s: a server that is stalled is met once, by one of them.
CONNECT_TIMEOUT_S = 0.1
TIMEOUT_S = 0.15

COUNT = """
local count = redis.call('incr', KEYS[1])
if count == 1 then redis.call('expire', KEYS[1], ARGV[1]) end
return count
"""
_COUNT_SHA = hashlib.sha1(COUNT.encode(), usedforsecurity=False).hexdigest()

_last = threading.local()  # of this thread: which key it has counted last, and to what


@cache
def _client(url: str) -> Redis:
    # One retry, of a pooled connection that a restarted server has closed. A timeout is not tried again:
    # that would double what it costs.
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
    )


class _Client(RedisCacheClient):
    """Django's words for the server, said over our client."""

    def __init__(self, servers: list[str], **options: Any) -> None:
        super().__init__(servers, **options)
        self._ours = _client(servers[0])

    def get_client(self, key: KeyT | None = None, *, write: bool = False) -> Redis:  # noqa: ARG002 - Django's
        return self._ours


class CountingCache(RedisCache):
    """For the counters alone (setting CACHES): nothing may be evicted from where they are."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Client

    def add(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Put a value that is not there yet; of a one: count, and say whether it was the first. Raises RedisError."""
        life_s = self.get_backend_timeout(timeout)
        if value != 1 or not life_s:
            return super().add(key, value, timeout, version)
        name, client = self.make_key(key, version), self._cache.get_client()
        try:
            count = client.evalsha(_COUNT_SHA, 1, name, life_s)
        except NoScriptError:  # the server is new, or was restarted
            count = client.eval(COUNT, 1, name, life_s)
        _last.counted = name, int(count)
        return int(count) == 1

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Return to what `add` has just counted; otherwise count, as Django does. Raises RedisError."""
        name, count = getattr(_last, "counted", ("", 0))
        if name != self.make_key(key, version) or delta != 1:
            return super().incr(key, delta, version)
        _last.counted = "", 0
        return int(count)

    def validate_key(self, key: str) -> None:
        """Accept every key: what Django would warn of is what memcached cannot keep."""
