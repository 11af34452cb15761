"""What matcher, streams and worker count of trading, for Prometheus. No label names a person, an account or a symbol."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

TRANSPORTS = ("ws", "sse", "desk", "webhook")

BATCH = Histogram(
    "raxx_matcher_batch_decisions", "Decisions of one commit of the matcher.",
    buckets=(0, 1, 2, 5, 10, 50, 100, 1_000, 10_000),
)  # fmt: skip
COMMIT = Histogram(
    "raxx_matcher_commit_seconds", "How long one commit of the matcher took, in seconds.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0),
)  # fmt: skip
FILLS = Counter("raxx_fills", "Executions that the matcher has committed.")
EVENT_LAG = Histogram(
    "raxx_event_lag_seconds",
    "From when an event was recorded to when it was handed to a listener, in seconds.",
    ["transport"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 60.0),
)
WEBHOOKS = Counter("raxx_webhook_attempts", "Attempts to send to a webhook.", ["outcome"])
POOL = Gauge(
    "raxx_stream_pool_connections",
    "Connections of the stream's pool: all, those that are free, and who waits for one.",
    ["state"],
    multiprocess_mode="mostrecent",
)

_lag_of = {transport: EVENT_LAG.labels(transport) for transport in TRANSPORTS}
_pool_of = {state: POOL.labels(state) for state in ("all", "free", "waiting")}


def committed(decisions: int, fills: int, seconds: float) -> None:
    """Count a commit of the matcher; one without decisions, a heartbeat, has only a duration."""
    COMMIT.observe(seconds)
    if decisions:
        BATCH.observe(decisions)
    if fills:
        FILLS.inc(fills)


def handed_over(transport: str, recorded_at: datetime) -> None:
    """Count an event that a listener was handed now."""
    _lag_of[transport].observe(max(0.0, (datetime.now(UTC) - recorded_at).total_seconds()))


def attempted(*, is_delivered: bool) -> None:
    """Count an attempt to send to a webhook."""
    WEBHOOKS.labels("delivered" if is_delivered else "failed").inc()


def pooled(stats: Mapping[str, int]) -> None:
    """Tell how a pool is, by its own figures (psycopg_pool's `get_stats`)."""
    _pool_of["all"].set(stats.get("pool_size", 0))
    _pool_of["free"].set(stats.get("pool_available", 0))
    _pool_of["waiting"].set(stats.get("requests_waiting", 0))
