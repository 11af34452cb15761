"""What moves: Valkey, the feed, the matcher, Celery."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from kombu.exceptions import OperationalError as KombuError

from matching.market import keys
from matching.models import Market, Shard
from raxx.celery import app as celery
from raxx.doctor.registry import Unwell, check

VALKEY_TIMEOUT_S = 2.0
MATCHER_SILENCE_MAX_S = 15.0
CELERY_PATIENCE_S = 3.0
START = "start it: `make run`, or the process of that name"


def _valkey() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=VALKEY_TIMEOUT_S, socket_connect_timeout=VALKEY_TIMEOUT_S
    )


def _active_market() -> Market:
    try:
        return Market.objects.get(is_active=True)
    except Market.DoesNotExist:
        raise Unwell("no market is active", "python manage.py seed") from None


@check("valkey")
def valkey() -> str:
    """Ask whether it answers, and would rather refuse a write than forget a rate counter."""
    with _valkey() as client:
        try:
            facts: dict[str, Any] = client.info()
        except redis.RedisError as error:
            raise Unwell(str(error), "start Raxx, or mend VALKEY_URL") from None
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Unwell(f"maxmemory-policy is {policy}", "config set maxmemory-policy noeviction")
    name = facts.get("server_name", "redis")
    return f"{name} {facts.get(f'{name}_version', facts['redis_version'])}, {facts['used_memory_human']} used"


@check("feed")
def feed() -> str:
    """Ask whether the hub of the active market was heard of a moment ago."""
    market = _active_market()
    with _valkey() as client:
        beat = client.get(keys.heartbeat(market.pk))
    if beat is None:
        raise Unwell(f"the hub of market {market} is silent", f"{START} (hub)")
    found = json.loads(bytes(beat))
    return f"{market}: {market.feed}, sequence {found.get('seq', '?')}"


@check("matcher")
def matcher() -> str:
    """Ask whether every shard of the active market was committed to a moment ago."""
    market = _active_market()
    shards = list(Shard.objects.filter(market=market).order_by("number"))
    if not shards:
        raise Unwell(f"market {market} has no shard", f"{START} (matcher)")
    lags = []
    for shard in shards:
        silence = (datetime.now(UTC) - shard.updated_at).total_seconds()
        if silence > MATCHER_SILENCE_MAX_S:
            raise Unwell(f"shard {shard} committed nothing for {silence:.0f} s", f"{START} (matcher)")
        lags.append(max(silence, 0.0))
    return f"{len(shards)} shard(s), last commit {max(lags):.1f} s ago"


@check("celery")
def tasks() -> str:
    """Ask the workers."""
    try:
        answers = celery.control.ping(timeout=CELERY_PATIENCE_S, limit=1)
    except KombuError as error:
        raise Unwell(f"the queue does not answer: {error}", "start Raxx, or mend VALKEY_URL") from None
    if not answers:
        raise Unwell("no worker answers", f"{START} (worker)")
    return f"{len(answers)} worker(s) answer"
