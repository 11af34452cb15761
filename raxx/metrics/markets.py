"""How hub and matchers of each active market are, as metrics: labelled by the market's number."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily

from matching.market import keys
from matching.market.clock import REPLAY
from matching.market.liveness import living_hubs
from matching.market.times import SECOND, to_ns
from matching.models import Shard
from raxx.doctor.market import lag_s, oldest_wish_s
from raxx.doctor.registry import Unwell
from trading.services.running_markets import running_markets

if TYPE_CHECKING:
    import redis
    from prometheus_client.core import Metric

    from matching.models import Market


class Families:
    """The metrics of all markets: each name once, with a sample for each market or shard."""

    def __init__(self) -> None:
        of_market, of_shard = ["market"], ["market", "shard"]
        self.hub = GaugeMetricFamily(
            "raxx_hub_alive", "1 where the hub was heard of within 15 seconds.", labels=of_market
        )
        self.oldest = GaugeMetricFamily(
            "raxx_inbox_oldest_seconds", "How long the oldest wish is undecided.", labels=of_market
        )
        self.age = GaugeMetricFamily(
            "raxx_newest_item_age_seconds", "How old the newest published item is.", labels=of_market
        )
        self.silence = GaugeMetricFamily(
            "raxx_matcher_silence_seconds",
            "How long ago a shard has committed; infinite where it never did.",
            labels=of_shard,
        )
        self.lag = GaugeMetricFamily(
            "raxx_matcher_lag_seconds",
            "How far a shard is behind the hub; infinite where it has not begun the hub's run.",
            labels=of_shard,
        )

    def all(self) -> list[Metric]:
        return [self.hub, self.oldest, self.age, self.silence, self.lag]


def of_markets(client: redis.Redis) -> tuple[list[Metric], bool]:
    """Return the metrics of all active markets, and whether there is one; what is ill of one is told with its number.

    Raises redis.RedisError, django.db.Error.
    """
    running, told = running_markets(), Families()
    hubs = living_hubs(client, [market.pk for market in running])
    for market in running:
        told.hub.add_metric([str(market.pk)], float(market.pk in hubs))
        told.oldest.add_metric([str(market.pk)], oldest_wish_s(market))
        _add_age(told, client, market)
        _add_shards(told, market)
    return told.all(), bool(running)


def _add_age(told: Families, client: redis.Redis, market: Market) -> None:
    if market.feed == REPLAY:  # a tape's quotes are of another day, and may stand
        return
    stored: Any = client.get(keys.published(market.pk))
    if stored and (at := json.loads(stored)["at"]):
        told.age.add_metric([str(market.pk)], max(0.0, (to_ns(datetime.now(UTC)) - at) / SECOND))


def _add_shards(told: Families, market: Market) -> None:
    shards = {shard.number: shard for shard in Shard.objects.filter(market=market)}
    for number in range(market.shard_count):
        labels, shard = [str(market.pk), str(number)], shards.get(number)
        if shard is None:
            told.silence.add_metric(labels, math.inf)
            continue
        told.silence.add_metric(labels, (datetime.now(UTC) - shard.updated_at).total_seconds())
        if market.feed == REPLAY and market.paused:
            continue
        try:
            lag = lag_s(market, shard)
        except Unwell:  # it has not begun the run
            lag = math.inf
        told.lag.add_metric(labels, lag)
