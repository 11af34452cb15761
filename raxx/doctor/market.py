"""What moves: Valkey, the feed, the matcher, Celery."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from django.db.models import Min, OuterRef, Subquery
from kombu.exceptions import OperationalError as KombuError

from matching.market import keys
from matching.market.clock import REPLAY
from matching.market.times import SECOND
from matching.market.vendor import StreamTaken, require_own_stream
from matching.models import Market, Shard
from raxx import hints
from raxx.celery import app as celery
from raxx.doctor.registry import Unwell, check, check_each
from trading.models import Order, OrderEvent
from trading.models.order import INBOX_STATUSES
from trading.services.running_markets import running_markets

VALKEY_TIMEOUT_S = 2.0
MATCHER_SILENCE_MAX_S = 15.0
INBOX_AGE_MAX_S = 5.0  # twenty beats of the matcher's own looking
LAG_MAX_S = 5.0  # it commits once a second at least
CELERY_PATIENCE_S = 3.0
LATE = "see the matcher's log; it is alive and does not keep up, or does not see these rows"


def _valkey() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=VALKEY_TIMEOUT_S, socket_connect_timeout=VALKEY_TIMEOUT_S
    )


def _active_markets() -> list[tuple[str, Market]]:
    running = running_markets()
    if not running:
        raise Unwell("no market is active", "python manage.py market open, or python manage.py seed")
    return [(str(market.pk), market) for market in running]


@check("valkey")
def valkey() -> str:
    """Ask whether it answers, and would rather refuse a write than forget a rate counter."""
    with _valkey() as client:
        try:
            facts: dict[str, Any] = client.info()
        except redis.RedisError as error:
            raise Unwell(str(error), hints.start_valkey()) from None
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Unwell(f"maxmemory-policy is {policy}", "config set maxmemory-policy noeviction")
    name = facts.get("server_name", "redis")
    return f"{name} {facts.get(f'{name}_version', facts['redis_version'])}, {facts['used_memory_human']} used"


@check_each("feed", _active_markets)
def feed(market: Market) -> str:
    """Ask whether an active market may have its stream, and its hub was heard of a moment ago."""
    try:
        require_own_stream(market.pk)
    except StreamTaken as error:
        raise Unwell(error.fact, error.remedy) from None
    with _valkey() as client:
        beat = client.get(keys.heartbeat(market.pk))
    if beat is None:
        raise Unwell(
            f"the hub of market {market.pk} ({market}) is silent", hints.start("hub", number=market.pk)
        )
    found = json.loads(bytes(beat))
    return f"market {market.pk} ({market}): sequence {found.get('seq', '?')}"


@check_each("matcher", _active_markets)
def matcher(market: Market) -> str:
    """Ask whether every shard of an active market is alive, decides what the hub publishes, and answers its inbox."""
    shards = list(Shard.objects.filter(market=market, number__lt=market.shard_count).order_by("number"))
    if len(shards) < market.shard_count:
        known = {shard.number for shard in shards}
        missing = ", ".join(f"{market.pk}/{n}" for n in range(market.shard_count) if n not in known)
        raise Unwell(f"no matcher has ever run shard {missing}", hints.start("matcher"))
    for shard in shards:
        silence = (datetime.now(UTC) - shard.updated_at).total_seconds()
        if silence > MATCHER_SILENCE_MAX_S:
            raise Unwell(f"shard {shard} committed nothing for {silence:.0f} s", hints.start("matcher"))
    waiting = oldest_wish_s(market)
    if waiting > INBOX_AGE_MAX_S:
        raise Unwell(f"an order waits to be decided since {waiting:.0f} s", LATE)
    if market.feed == REPLAY and market.paused:
        return f"{len(shards)} shard(s), the tape is paused, oldest wish {waiting:.1f} s"
    lag = max(lag_s(market, shard) for shard in shards)
    if lag > LAG_MAX_S:
        raise Unwell(f"the matcher is {lag:.0f} s behind the hub", LATE)
    return f"{len(shards)} shard(s), {lag:.1f} s behind the hub, oldest wish {waiting:.1f} s"


def lag_s(market: Market, shard: Shard) -> float:
    """Return the market time between what the hub has published and a shard has decided.

    In seconds at the market's own pace: a tape that plays fast moves further between two commits.
    A shard of another run has decided nothing of this one. No mark of the hub is the feed's finding.
    """
    with _valkey() as client:
        stored = client.get(keys.published(market.pk))
    published = json.loads(bytes(stored)) if stored else None
    if published is None or published["run"] != market.run:
        return 0.0
    if shard.run != market.run:
        raise Unwell(f"shard {shard} has not begun run {market.run}", hints.start("matcher"))
    pace = float(market.speed or 1) if market.feed == REPLAY else 1.0
    return max(0.0, (published["at"] - shard.at) / SECOND / pace)


def oldest_wish_s(market: Market) -> float:
    """Return how long ago, by the wall, the oldest undecided order or cancel was stored; 0 for none."""
    asked = OrderEvent.objects.across_owners().filter(
        account_id=OuterRef("account_id"), order_id=OuterRef("pk"), kind=OuterRef("status")
    )
    inbox = Order.objects.across_owners().filter(market=market, status__in=INBOX_STATUSES)
    oldest = inbox.annotate(asked_at=Subquery(asked.order_by("-seq").values("recorded_at")[:1])).aggregate(
        at=Min("asked_at")
    )["at"]
    return max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest else 0.0


@check("celery")
def tasks() -> str:
    """Ask the workers."""
    try:
        answers = celery.control.ping(timeout=CELERY_PATIENCE_S, limit=1)
    except KombuError as error:
        raise Unwell(f"the queue does not answer: {error}", hints.start_valkey()) from None
    if not answers:
        raise Unwell("no worker answers", hints.start("worker"))
    return f"{len(answers)} worker(s) answer"
