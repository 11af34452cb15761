"""What is asked for at each scrape: how matcher, hub, queues, jobs, live and the servers beneath them are.

One process asks, so that N others need not; what cannot be asked is left out, and `raxx_part_up` says so.
"""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.models import Count, F, Min, Q
from prometheus_client.core import GaugeMetricFamily

from broker_handoff.models import BrokerConnection, LiveIntent, SwitchClosing
from broker_handoff.states import FINAL, IntentStatus
from raxx.metrics.markets import of_markets
from raxx.overdue import states
from raxx.roles import ROLES
from trading.models import Order, StaffAct, WebhookEndpoint
from trading.models.order import INBOX_STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.core import Metric

logger = logging.getLogger(__name__)

VALKEY_TIMEOUT_S = 1.0
QUEUE = "raxx:celery:celery"  # Celery's default queue under our prefix
_UNFINISHED = (*(status for status in IntentStatus if status not in FINAL), IntentStatus.UNRESOLVED)


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _each(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family


class State:
    """A collector: `collect` asks anew each time."""

    def describe(self) -> list[Metric]:
        """Return nothing beforehand: to be asked costs trips."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what can be asked now."""
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=VALKEY_TIMEOUT_S, socket_connect_timeout=VALKEY_TIMEOUT_S
        )
        asked: list[tuple[str, Callable[[], list[Metric]]]] = [
            ("database", _database),
            ("database", _queues),
            ("database", _live),
            ("database", _jobs),
            ("valkey", lambda: _celery(client)),
            ("market", lambda: self._markets(client, is_up)),
        ]
        is_up = dict.fromkeys(("database", "valkey", "market"), 1.0)
        with client:
            for part, ask in asked:
                try:
                    yield from ask()
                except (Error, redis.RedisError) as error:
                    logger.warning("metrics of the %s are left out: %s", part, error)
                    is_up[part] = 0.0
        connection.close()  # scrapes are rare, and a thread may never come back
        yield _each("raxx_part_up", "Whether what stands beneath could be asked.", "part", is_up)
        free = shutil.disk_usage(settings.DATA_FOLDER.root).free
        yield _one("raxx_disk_free_bytes", "Free on the disk of the data folder.", free)

    @staticmethod
    def _markets(client: redis.Redis, is_up: dict[str, float]) -> list[Metric]:
        found, is_any = of_markets(client)
        if not is_any:
            logger.warning("no market is active")
            is_up["market"] = 0.0
        return found


def _database() -> list[Metric]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select usename, count(*) from pg_stat_activity where datname = current_database() and usename = any(%s)"
            " group by usename",
            [list(ROLES)],
        )
        used = {**dict.fromkeys(ROLES, 0), **dict(cursor.fetchall())}
        cursor.execute("select current_setting('max_connections')::int")
        (most,) = cursor.fetchone()
    return [
        _each("raxx_database_connections", "Connections to PostgreSQL, by role.", "role", used),
        _one("raxx_database_connections_max", "How many PostgreSQL takes, of everybody.", most),
    ]


def _queues() -> list[Metric]:
    endpoints = WebhookEndpoint.objects.across_owners().filter(
        Q(pinged_at__isnull=False) | Q(account__event_seq__gt=F("cursor")), disabled_at=None, deleted_at=None
    )
    inbox = Order.objects.across_owners().filter(status__in=INBOX_STATUSES)
    waiting = {
        "inbox": inbox.count(),
        "webhooks": endpoints.count(),
        "staff_acts": StaffAct.objects.filter(status=StaffAct.Status.WAITING).count(),
        "intents": LiveIntent.objects.across_owners()
        .filter(status__in=(IntentStatus.ACCEPTED, IntentStatus.SENDING))
        .count(),
    }
    return [_each("raxx_waiting_rows", "Rows that wait for a process to act on them.", "queue", waiting)]


def _live() -> list[Metric]:
    intents: dict[str, float] = {status.value: 0 for status in _UNFINISHED}
    rows = LiveIntent.objects.across_owners().filter(status__in=_UNFINISHED).values_list("status")
    intents |= dict(rows.annotate(count=Count("pk")).order_by())
    connections: dict[str, float] = {status.value: 0 for status in BrokerConnection.Status}
    connections |= dict(
        BrokerConnection.objects.across_owners().values_list("status").annotate(count=Count("pk")).order_by()
    )
    closed: dict[str, float] = {scope.value: 0 for scope in SwitchClosing.Scope}
    living = SwitchClosing.objects.across_owners().filter(opened_at=None)
    closed |= dict(living.values_list("scope").annotate(count=Count("pk")).order_by())
    doubted = LiveIntent.objects.across_owners().filter(status=IntentStatus.SENDING, sent_at__isnull=False)
    oldest = doubted.aggregate(at=Min("sent_at"))["at"]
    return [
        _one(
            "raxx_live_enabled", "Whether orders may go to live brokers at all.", float(settings.LIVE_IS_ON)
        ),
        _each("raxx_intents", "Live intents that are not over, or never will be.", "status", intents),
        _one(
            "raxx_intent_doubt_seconds",
            "How long the oldest intent has been sent of which the broker has not told.",
            0.0 if oldest is None else (datetime.now(UTC) - oldest).total_seconds(),
        ),
        _each("raxx_broker_connections", "Connections to live brokers.", "status", connections),
        _each("raxx_switches_closed", "Kill switches that are closed.", "scope", closed),
    ]


def _jobs() -> list[Metric]:
    now, found = datetime.now(UTC), states()
    ran = [(state.job.name, state.last) for state in found]
    return [
        _each(
            "raxx_job_last_success_timestamp_seconds",
            "When the last run began that ended well.",
            "job",
            {s.job.name: s.last_well_at.timestamp() for s in found if s.last_well_at is not None},
        ),
        _each(
            "raxx_job_last_duration_seconds",
            "How long the last run took.",
            "job",
            {name: run.duration_ms / 1_000 for name, run in ran if run and run.duration_ms is not None},
        ),
        _each(
            "raxx_job_failed",
            "1 where the last run did not end well.",
            "job",
            {s.job.name: float(s.has_failed) for s in found},
        ),
        _each(
            "raxx_job_overdue",
            "1 where none has begun for twice the job's period.",
            "job",
            {s.job.name: float(s.is_overdue(now)) for s in found},
        ),
        _each(
            "raxx_job_faults",
            "What the last run has found wrong, of jobs that look for that.",
            "job",
            {name: run.counts["faults"] for name, run in ran if run and "faults" in run.counts},
        ),
    ]


def _celery(client: redis.Redis) -> list[Metric]:
    length: Any = client.llen(QUEUE)
    return [_one("raxx_celery_queue_length", "Messages that wait for a worker.", length)]
