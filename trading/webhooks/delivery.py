"""Bring an endpoint's cursor forward, one event at a time: at least once each, in the log's order.

No transaction is open while somebody else's server is asked. A worker takes a lease on the endpoint,
sends, and writes down what it met only while the lease is still its own; a worker that dies in between
lets the lease run out, and the event is sent again.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
import psycopg.rows
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import tracing
from accounts.services.audit import record
from trading import metrics, reference
from trading.errors import ValueInvalid
from trading.models import WebhookDelivery, WebhookEndpoint
from trading.stream import events
from trading.webhooks import sending
from trading.webhooks.addresses import target_of
from trading.webhooks.signing import secret_of, signature

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # longer than one message may take
SLICE_S = 20.0  # of one endpoint, before others have their turn
EVENTS_A_READ = 50
DUE_MAX = 500  # endpoints of one sweep
FAILURES_MAX = 20  # in a row; with the waits below that is about half a day
WAIT_MIN, WAIT_MAX = timedelta(seconds=5), timedelta(hours=1)
GONE = 410  # the receiver says that it wants no more
KEPT = timedelta(days=30)  # of the record of attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What goes out: `seq` is None for a test, and `pinged_at` says which."""

    seq: int | None
    event_id: str
    body: bytes
    pinged_at: datetime | None = None
    request_id: str = ""  # of what caused the event
    recorded_at: datetime | None = None  # the event; None for a test


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    """What became of one attempt."""

    status_code: int | None
    error: str
    duration_ms: int
    at: datetime

    @property
    def is_delivered(self) -> bool:
        return not self.error


def due() -> list[UUID]:
    """Return the endpoints that have something to send now, those that wait longest first."""
    now = timezone.now()
    waiting = WebhookEndpoint.objects.across_owners().filter(
        Q(leased_until=None) | Q(leased_until__lte=now),
        Q(pinged_at__isnull=False) | Q(account__event_seq__gt=F("cursor")),
        disabled_at=None,
        deleted_at=None,
        next_attempt_at__lte=now,
        user__deactivated_at=None,  # nothing more of who asked to be erased is sent anywhere
    )
    return list(waiting.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:DUE_MAX])


def deliver(endpoint_id: UUID) -> int:
    """Send what waits for one endpoint and return how many messages were delivered; 0 where another is at it."""
    lease = uuid4()
    if not _take(endpoint_id, lease):
        return 0
    delivered, until = 0, time.monotonic() + SLICE_S
    try:
        while time.monotonic() < until and (messages := _messages(endpoint_id, lease)):
            for message in messages:
                if not _attempt(endpoint_id, lease, message):
                    return delivered
                delivered += 1
                if time.monotonic() >= until:
                    break
    finally:
        _mine(endpoint_id, lease).update(lease=None, leased_until=None)
    return delivered


def forget_old() -> int:
    """Delete the record of attempts that is older than KEPT; return how many."""
    old = WebhookDelivery.objects.across_owners().filter(at__lt=timezone.now() - KEPT)
    return old.delete()[0]


def _take(endpoint_id: UUID, lease: UUID) -> bool:
    now = timezone.now()
    free = WebhookEndpoint.objects.across_owners().filter(
        Q(leased_until=None) | Q(leased_until__lte=now),
        pk=endpoint_id,
        disabled_at=None,
        deleted_at=None,
        next_attempt_at__lte=now,
    )
    return bool(free.update(lease=lease, leased_until=now + LEASE))


def _mine(endpoint_id: UUID, lease: UUID) -> Any:
    return WebhookEndpoint.objects.across_owners().filter(pk=endpoint_id, lease=lease)


def _messages(endpoint_id: UUID, lease: UUID) -> list[_Message]:
    """Return the next messages, and pass over events that are not told to anybody."""
    endpoint = _mine(endpoint_id, lease).select_related("account").first()
    if endpoint is None:
        return []
    if endpoint.pinged_at is not None:
        return [_ping(endpoint)]
    rows = _events(endpoint)
    if not rows:
        return []
    calendar = reference.calendar_of(endpoint.account.market_id)
    told = [row for row in rows if row["event_kind"] not in events.UNTOLD]
    if not told:
        _mine(endpoint_id, lease).update(cursor=rows[-1]["event_seq"])
        return _messages(endpoint_id, lease)
    return [
        replace(
            _message(endpoint, row["event_seq"], "trade_update", events.trade_update(row, calendar)),
            request_id=row["event_request_id"],
            recorded_at=row["event_recorded_at"],
        )
        for row in told
    ]


def _events(endpoint: WebhookEndpoint) -> list[Any]:
    """Return the next rows of the event log with their orders, as the streams read them."""
    owner = [endpoint.account_id, endpoint.user_id]
    with transaction.atomic():
        connection.ensure_connection()
        raw: Any = connection.connection
        with raw.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            rows = cursor.execute(events.SELECT, [*owner, endpoint.cursor, EVENTS_A_READ]).fetchall()
            parents = events.parents_among(row for row in rows if row["event_kind"] not in events.UNTOLD)
            if parents:
                events.nest(rows, cursor.execute(events.LEGS, [*owner, parents]).fetchall())
    return rows


def _ping(endpoint: WebhookEndpoint) -> _Message:
    at = timezone.now().isoformat()
    message = _message(endpoint, None, "ping", {"message": "this is a test", "timestamp": at})
    return replace(message, pinged_at=endpoint.pinged_at)


def _message(endpoint: WebhookEndpoint, seq: int | None, kind: str, data: dict[str, Any]) -> _Message:
    event_id = f"{endpoint.account_id}-{'ping' if seq is None else seq}"
    content = {"id": event_id, "type": kind, "account_id": endpoint.account_id, "sequence": seq, "data": data}
    return _Message(seq=seq, event_id=event_id, body=msgspec.json.encode(content))


def _attempt(endpoint_id: UUID, lease: UUID, message: _Message) -> bool:
    """Send one message, write down what it met, and return whether the next may follow."""
    # The lease begins anew with each message, and its owner may have changed the address meanwhile.
    if (
        not _mine(endpoint_id, lease)
        .filter(disabled_at=None, deleted_at=None)
        .update(leased_until=timezone.now() + LEASE)
    ):
        return False
    endpoint = _mine(endpoint_id, lease).get()
    with tracing.caused_by(message.request_id):
        tracing.told(user_id=endpoint.user_id, account_id=endpoint.account_id)
        met = _send(endpoint, message)
        return _note(endpoint_id, lease, message, met)


def _note(endpoint_id: UUID, lease: UUID, message: _Message, met: _Met) -> bool:
    with transaction.atomic():
        held = _mine(endpoint_id, lease).select_for_update().first()
        if held is None:
            return False  # it took longer than the lease: whoever has it now sends the event again
        _record(held, message, met)
        metrics.attempted(is_delivered=met.is_delivered)
        if met.is_delivered and message.recorded_at is not None:
            metrics.handed_over("webhook", message.recorded_at)
        if met.is_delivered:
            _move_on(held, message)
        else:
            _put_off(held, message, met)
    return met.is_delivered and held.disabled_at is None


def _send(endpoint: WebhookEndpoint, message: _Message) -> _Met:
    at, started = timezone.now(), time.monotonic()
    secret = secret_of(endpoint.pk, endpoint.secret_version)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Raxx-Webhooks/1",
        "Raxx-Event-Id": message.event_id,
        "Raxx-Signature": signature(secret, int(at.timestamp()), message.body),
    }
    if request_id := tracing.current().request_id:
        headers["X-Request-ID"] = request_id
    status_code, error = None, ""
    try:
        target = target_of(endpoint.url, allows_plain=not settings.IS_PRODUCTION)
        status_code = sending.post(target, message.body, headers)
    except (sending.NotDelivered, ValueInvalid) as refusal:
        error = str(refusal)
    else:
        if not 200 <= status_code < 300:  # noqa: PLR2004 - a redirect is a refusal too
            error = f"answered {status_code}"
    duration_ms = round((time.monotonic() - started) * 1_000)
    return _Met(status_code=status_code, error=error[:200], duration_ms=duration_ms, at=at)


def _record(endpoint: WebhookEndpoint, message: _Message, met: _Met) -> None:
    WebhookDelivery.objects.create(
        user_id=endpoint.user_id,
        account_id=endpoint.account_id,
        endpoint=endpoint,
        seq=message.seq,
        attempt=endpoint.failures + 1,
        at=met.at,
        duration_ms=met.duration_ms,
        status_code=met.status_code,
        error=met.error,
    )


def _move_on(endpoint: WebhookEndpoint, message: _Message) -> None:
    endpoint.failures = 0
    if message.seq is not None:
        endpoint.cursor = message.seq
    elif not _is_asked_anew(endpoint, message):
        endpoint.pinged_at = None
    endpoint.save(update_fields=["failures", "pinged_at", "cursor"])


def _is_asked_anew(endpoint: WebhookEndpoint, message: _Message) -> bool:
    """Whether a test was asked for while this message was sent: it is still to come."""
    return endpoint.pinged_at is not None and endpoint.pinged_at != message.pinged_at


def _put_off(endpoint: WebhookEndpoint, message: _Message, met: _Met) -> None:
    """Wait twice as long as the last time, but for a test that is asked for, or stop where it failed for too long."""
    endpoint.failures += 1
    if not _is_asked_anew(endpoint, message):
        endpoint.pinged_at = None  # a test that fails has given its answer
        wait = min(WAIT_MIN * 2 ** (endpoint.failures - 1), WAIT_MAX)
        endpoint.next_attempt_at = timezone.now() + wait * random.uniform(0.8, 1.2)  # noqa: S311 - so that many do not come at once
    if endpoint.failures >= FAILURES_MAX or met.status_code == GONE:
        endpoint.disabled_at = timezone.now()
        endpoint.disabled_reason = f"failed {endpoint.failures} times in a row; the last: {met.error}"[:200]
        logger.warning("webhook %s is disabled: %s", endpoint.pk, endpoint.disabled_reason)
        record(
            action="webhook.disabled",
            user_id=endpoint.user_id,
            account_id=endpoint.account_id,
            after={"endpoint_id": endpoint.pk, "failures": endpoint.failures},
            details={"reason": endpoint.disabled_reason},
        )
    endpoint.save(
        update_fields=["failures", "pinged_at", "next_attempt_at", "disabled_at", "disabled_reason"]
    )
