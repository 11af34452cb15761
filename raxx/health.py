"""Whether this process lives, and whether the installation can serve: `/health/live`, `/health/ready`."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass, field
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
    from collections.abc import Collection, Sequence

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
    """Answer 200 when everything is there that a paper order in the default market needs, else 503 with what is missing.

    What is ill of a market beside the default one, and whether live trading is on, is told and decides nothing: one
    more market, or an extra, is no reason to take everybody's web away. Why so: raxx/decisions/0005-readiness.md.
    """
    found = _look()
    told = {"beside": found.beside, "live_trading": settings.LIVE_IS_ON}
    if not found.missing:
        return JsonResponse({"status": "ready", **told})
    words = f"not ready: {', '.join(found.missing)}"
    logger.warning(words)
    answer = errors.body(503, 50310000, words, {"missing": found.missing, **told})
    answer["Retry-After"] = "1"
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is missing; and what of markets beside the default one, each word with its market's number: `hub:2`."""

    missing: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)

    def add(self, process: str, active: Sequence[int], ill: Collection[int]) -> None:
        """Take note of the ill ones among the active markets, the default one of which comes first."""
        for market_id in active:
            if market_id not in ill:
                continue
            if market_id == active[0]:
                self.missing.append(process)
            else:
                self.beside.append(f"{process}:{market_id}")


def _look() -> _Found:
    found, active = _Found(), list[int]()
    try:
        if not _migrations_are_applied():
            found.missing.append("migrations")
        else:
            active = rows.active_market_ids()
            if not active:
                found.missing.append("market")
            silent = silent_shards(active)
            found.add("matcher", active, {each for each in active if silent.get(each)})
    except Error as error:
        logger.warning("the database does not answer: %s", error)
        found.missing.append("database")
    try:
        if not _client().ping():
            found.missing.append("valkey")
        else:
            found.add("hub", active, set(active) - living_hubs(_client(), active))
    except redis.RedisError:
        found.missing.append("valkey")
    return found


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
