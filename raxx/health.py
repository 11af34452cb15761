"""Whether this process lives, and whether the installation can serve: `/health/live`, `/health/ready`."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse

from matching.market import rows
from matching.market.liveness import living_hubs, silent_shards
from raxx import errors
from raxx.methods import only_reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

VALKEY_TIMEOUT_S = 0.2

_is_migrated = False  # once true, always true for this code


@only_reading
def live(_request: HttpRequest) -> JsonResponse:
    """Answer 200: the process runs and can answer. Whether orders may go to live brokers is told besides."""
    return JsonResponse({"status": "live", "live_trading": settings.LIVE_IS_ON})


@only_reading
def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when everything that a paper order needs is there in each active market, else 503 with what is missing.

    Live trading is an extra: the answer says whether it is on, either way.
    """
    missing = list(_missing())
    if not missing:
        return JsonResponse({"status": "ready", "live_trading": settings.LIVE_IS_ON})
    logger.warning("not ready: %s", ", ".join(missing))
    told = {"missing": missing, "live_trading": settings.LIVE_IS_ON}
    answer = errors.body(503, 50310000, f"not ready: {', '.join(missing)}", told)
    answer["Retry-After"] = "1"
    return answer


def _missing() -> Iterator[str]:
    active: list[int] = []
    try:
        if not _migrations_are_applied():
            yield "migrations"
        else:
            active = rows.active_market_ids()
            if not active:
                yield "market"
            silent = silent_shards(active)
            yield from (_named("matcher", each, active) for each in active if silent.get(each))
    except Error as error:
        logger.warning("the database does not answer: %s", error)
        yield "database"
    try:
        if not _client().ping():
            yield "valkey"
        else:
            living = living_hubs(_client(), active)
            yield from (_named("hub", each, active) for each in active if each not in living)
    except redis.RedisError:
        yield "valkey"


def _named(process: str, market_id: int, active: Sequence[int]) -> str:
    """Return what is missing, of which market where there are several."""
    return process if len(active) == 1 else f"{process}:{market_id}"


def _migrations_are_applied() -> bool:
    global _is_migrated  # noqa: PLW0603 - the plan takes a while to make
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_migrated


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=VALKEY_TIMEOUT_S, socket_connect_timeout=VALKEY_TIMEOUT_S
    )
