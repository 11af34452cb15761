"""What people want at their broker, as rows, and one attempt at a time at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.utils import timezone

from broker_handoff.models import IntentEvent, LiveIntent
from broker_handoff.pace import Pace
from broker_handoff.services.claims import Ways
from broker_handoff.services.sending import attempt
from broker_handoff.states import FINAL
from broker_handoff.terms import digest_of
from tests.broker_handoff.fake import FakeBroker
from tests.broker_handoff.people import make_connection

if TYPE_CHECKING:
    from datetime import datetime

    from broker_handoff.guards import Refusal
    from broker_handoff.models import BrokerConnection
    from broker_handoff.states import IntentStatus
    from broker_handoff.vault import KeyService

BUY = {
    "symbol": "XYZ",
    "side": "buy",
    "type": "limit",
    "time_in_force": "day",
    "qty": "10",
    "limit_price": "10",
}
# Nothing waits, but for the rows' own instants: a test moves those.
AT_ONCE = Pace(processing=timedelta(0), wait_min=timedelta(0), wait_max=timedelta(0))


def make_intent(connection: BrokerConnection, **fields: Any) -> LiveIntent:
    """Insert what somebody wants, as it was accepted: to buy ten unless told."""
    intent = new_intent(connection, **fields)
    intent.save(force_insert=True)
    return intent


def new_intent(connection: BrokerConnection, **fields: Any) -> LiveIntent:
    """Return the same without inserting it: many are inserted at once."""
    now = timezone.now()
    defaults: dict[str, Any] = {
        "kind": LiveIntent.Kind.SUBMIT,
        "terms": dict(BUY),
        "notional": 100,
        "session_id": uuid4(),
        "request_id": "req",
        "created_at": now,
        "next_attempt_at": now,
        "deadline_at": now + timedelta(minutes=2),
    }
    made = {**defaults, **fields}
    target = made.get("target")
    digest = digest_of(
        kind=made["kind"],
        connection_id=connection.pk,
        terms=made["terms"],
        target_id=None if target is None else target.pk,
    )
    return LiveIntent(user=connection.user, connection=connection, digest=digest, **made)


@dataclass
class Bench:
    """One person, one broker, and a worker that makes one attempt when it is told to."""

    keys: KeyService
    broker: FakeBroker = field(default_factory=FakeBroker)
    pace: Pace = AT_ONCE
    refusals: list[Refusal | None] = field(default_factory=list)
    connection: BrokerConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = make_connection(token="a token", keys=self.keys)

    def wish(self, **fields: Any) -> LiveIntent:
        return make_intent(self.connection, **fields)

    def cancel(self, target: LiveIntent, **fields: Any) -> LiveIntent:
        return self.wish(kind="cancel", target=target, terms={}, notional=0, **fields)

    def replace(self, target: LiveIntent, **changes: str) -> LiveIntent:
        return self.wish(kind="replace", target=target, terms=changes)

    @property
    def ways(self) -> Ways:
        return Ways(keys=self.keys, build=self.broker.build, refusal=self._refusal, pace=self.pace)

    def attempt(self, intent: LiveIntent) -> IntentStatus | None:
        """Make one attempt now, whatever it waits for."""
        LiveIntent.objects.filter(pk=intent.pk, status__in=("accepted", "sending")).update(
            next_attempt_at=timezone.now()
        )
        return attempt(intent.pk, self.ways)

    def settle(self, intent: LiveIntent, most: int = 20) -> LiveIntent:
        """Make attempts until the intent is no more ours to move, and return it."""
        for _ in range(most):
            if self.attempt(intent) not in {"accepted", "sending"}:
                break
        intent.refresh_from_db()
        return intent

    def age(self, intent: LiveIntent, by: timedelta) -> None:
        """Let everything of an intent be longer ago."""
        row = LiveIntent.objects.get(pk=intent.pk)
        for name in ("created_at", "deadline_at", "next_attempt_at", "leased_until", "sent_at", "sent_until"):
            if (at := getattr(row, name)) is not None:
                setattr(row, name, at - by)
        row.save()

    def _refusal(self, _intent: LiveIntent, _now: datetime) -> Refusal | None:
        return self.refusals.pop(0) if self.refusals else None


def steps(intent: LiveIntent) -> list[str]:
    """Return the statuses that an intent's events tell, each once in a row."""
    told = list(
        IntentEvent.objects.filter(intent=intent).order_by("at", "pk").values_list("status", flat=True)
    )
    return [status for n, status in enumerate(told) if n == 0 or told[n - 1] != status]


def is_over(intent: LiveIntent) -> bool:
    intent.refresh_from_db()
    return intent.status in FINAL
