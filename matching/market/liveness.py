"""Which processes of the active markets were heard of a moment ago: hubs by Valkey, matchers by PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now

from matching.market import keys
from matching.models import Market, Shard

if TYPE_CHECKING:
    from collections.abc import Collection

    import redis

MATCHER_SILENCE = timedelta(seconds=10)  # it tells of itself every second; then its shard may be taken over


def living_hubs(client: redis.Redis, market_ids: Collection[int]) -> set[int]:
    """Return the markets whose hub lives. Raises redis.RedisError."""
    ids = list(market_ids)
    beats: Any = client.mget([keys.heartbeat(market_id) for market_id in ids]) if ids else []
    return {market_id for market_id, beat in zip(ids, beats, strict=True) if beat is not None}


def silent_shards(market_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the numbers of each market's shards whose matcher was not heard of lately, or never."""
    living = Shard.objects.filter(market__in=market_ids, updated_at__gte=Now() - MATCHER_SILENCE)
    heard = set(living.values_list("market", "number"))
    counts = Market.objects.filter(pk__in=market_ids).values_list("pk", "shard_count")
    return {
        market_id: [number for number in range(count) if (market_id, number) not in heard]
        for market_id, count in counts
    }
