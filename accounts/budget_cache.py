"""The cache that django-ratelimit counts in: Django's own for Redis, with one trip for a count instead of three.

The library counts with `add(key, 1)` and, when the key was there already, `incr(key)`; Django's `incr` asks
first whether the key exists. Here `add` of a one counts at once, by a script that begins the window's life
with its first count, and `incr` returns what that has found. To its caller nothing is different.

On the path of every order, so a thread that counts keeps a connection of its own: to take one from a pool,
and what else the library's client does around a command, takes more time than the command.
"""

from __future__ import annotations

import hashlib
import os
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

_mine = threading.local()  # of this thread: its line, and which key it has counted last, and to what


class _Line:
    """One connection for counting."""

    def __init__(self, url: str) -> None:
        pool = _client(url).connection_pool
        self.url, self.pid = url, os.getpid()
        self._connection = pool.connection_class(**pool.connection_kwargs)

    def count(self, name: str, life_s: float) -> int:
        """Count one more for a name; a fresh one lives so long. Raises RedisError."""
        try:
            return self._ask("EVALSHA", _COUNT_SHA, 1, name, life_s)
        except NoScriptError:  # the server is new, or was restarted
            return self._ask("EVAL", COUNT, 1, name, life_s)

    def _ask(self, *command: str | float) -> int:
        try:
            return self._ask_once(*command)
        except ConnectionLost:
            # A kept connection that a restarted server has closed. Had it counted, then twice; a timeout is
            # not tried again, which would double what it costs.
            return self._ask_once(*command)

    def _ask_once(self, *command: str | float) -> int:
        self._connection.send_command(*command, check_health=False)
        return int(self._connection.read_response())


def _line(url: str) -> _Line:
    line: _Line | None = getattr(_mine, "line", None)
    if line is None or line.url != url or line.pid != os.getpid():
        line = _mine.line = _Line(url)
    return line


@cache
def _client(url: str) -> Redis:
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
        self._url = server

    def add(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Put a value that is not there yet; of a one: count, and say whether it was the first. Raises RedisError."""
        life_s = self.get_backend_timeout(timeout)
        if value != 1 or not life_s:
            return super().add(key, value, timeout, version)
        name = self.make_key(key, version)
        count = _line(self._url).count(name, life_s)
        _mine.counted = name, count
        return count == 1

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Return to what `add` has just counted; otherwise count, as Django does. Raises RedisError."""
        name, count = getattr(_mine, "counted", ("", 0))
        if name != self.make_key(key, version) or delta != 1:
            return super().incr(key, delta, version)
        _mine.counted = "", 0
        return int(count)

    def validate_key(self, key: str) -> None:
        """Accept every key: what Django would warn of is what memcached cannot keep."""
