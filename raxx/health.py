"""Whether this process lives, and whether the installation can serve: `/health/live`, `/health/ready`."""

from __future__ import annotations

import functools
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.http import JsonResponse

from matching.market import keys, rows
from matching.market.errors import FeedUnavailable
from matching.models import Shard
from raxx import errors
from raxx.methods import only_reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

VALKEY_TIMEOUT_S = 0.2
MATCHER_SILENCE = timedelta(seconds=10)  # it tells of itself every second; then its shard may be taken over

_is_migrated = False  # once true, always true for this code


@only_reading
def live(_request: HttpRequest) -> JsonResponse:
    """Answer 200: the process runs and can answer. Whether orders may go to live brokers is told besides."""
    return JsonResponse({"status": "live", "live_trading": settings.LIVE_IS_ON})


@only_reading
def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when everything that a paper order needs is there, else 503 with what is missing.

    Live trading is an extra: the answer says whether it is on.
    """
    missing = list(_missing())
    if not missing:
        return JsonResponse({"status": "ready", "live_trading": settings.LIVE_IS_ON})
    logger.warning("not ready: %s", ", ".join(missing))
    answer = errors.body(503, 50310000, f"not ready: {', '.join(missing)}", {"missing": missing})
    answer["Retry-After"] = "1"
    return answer


def _missing() -> Iterator[str]:
    market_id = None
    try:
        if not _migrations_are_applied():
            yield "migrations"
        else:
            market_id = rows.active_market_id()
            if not _matcher_lives(market_id):
                yield "matcher"
    except FeedUnavailable:
        yield "market"
    except Error as error:
        logger.warning("the database does not answer: %s", error)
        yield "database"
    try:
        if not _client().ping():
            yield "valkey"
        elif market_id is not None and not _client().exists(keys.heartbeat(market_id)):
            yield "hub"
    except redis.RedisError:
        yield "valkey"


def _migrations_are_applied() -> bool:
    global _is_migrated  # noqa: PLW0603 - the plan takes a while to make
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_migrated


def _matcher_lives(market_id: int) -> bool:
    shards = Shard.objects.filter(market=market_id)
    return shards.exists() and not shards.filter(updated_at__lt=Now() - MATCHER_SILENCE).exists()


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=VALKEY_TIMEOUT_S, socket_connect_timeout=VALKEY_TIMEOUT_S
    )
