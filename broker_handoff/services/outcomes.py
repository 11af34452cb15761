"""What becomes of an intent, written down: each step by the table of states, each with its event.

Every function works on a row that the caller has locked, within the caller's transaction.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from broker_handoff.models import IntentEvent, LiveIntent
from broker_handoff.states import FINAL, IntentStatus, step

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from broker_handoff.ports import BrokerOrder

logger = logging.getLogger(__name__)

WORDS_MAX = 500
_S = IntentStatus


def go(
    row: LiveIntent, after: IntentStatus, *, now: datetime, reason: str = "", words: str = "", **detail: Any
) -> None:
    """Take one step and write its event; the lease ends unless the step is to `sending`. Raises StateImpossible.

    The caller saves the row.
    """
    row.status = step(IntentStatus(row.status), after)
    if after is not _S.SENDING:
        row.lease = row.leased_until = None
    if after in FINAL:
        row.finished_at = now
    row.reason, row.words = reason, words[:WORDS_MAX]
    told = {"reason": reason, "words": row.words, **detail}
    note(row, now=now, **{name: value for name, value in told.items() if value})


def note(row: LiveIntent, *, now: datetime, **detail: Any) -> None:
    """Write an event of what was learnt, which may be no step."""
    IntentEvent.objects.create(
        user_id=row.user_id,
        intent=row,
        at=now,
        status=row.status,
        detail=detail,
        request_id=row.request_id,
    )


def take(row: LiveIntent, order: BrokerOrder, *, now: datetime) -> bool:
    """Take over what the broker says of an order; False where it says nothing new, or comes too late to count.

    The broker's word leads out of any doubt: of an order that we thought absent as well. Figures never go
    back: an answer that was overtaken by a later one changes nothing. Saves the row.
    """
    status = IntentStatus(row.status)
    if status in FINAL or order.filled_quantity < row.filled_quantity:
        return False
    is_news = (order.word, order.filled_quantity) != (row.broker_status, row.filled_quantity)
    row.broker_order_id, row.broker_status = order.id, order.word[:32]
    row.filled_quantity, row.filled_average_price = order.filled_quantity, order.filled_average_price
    row.seen_at = now
    detail: dict[str, Any] = {
        "broker_order_id": order.id,
        "broker_status": order.word,
        "filled_quantity": str(order.filled_quantity),
        "filled_average_price": None
        if order.filled_average_price is None
        else str(order.filled_average_price),
    }
    if status is _S.ACCEPTED:  # it was sent long ago, and arrived after two looks had not found it
        logger.error("intent %s was at the broker after all: it is not sent again", row.pk)
        go(row, _S.SENDING, now=now, reason="late")
        status = _S.SENDING
    if order.status is not status:
        go(row, order.status, now=now, **detail)
    elif is_news:
        note(row, now=now, **detail)
    row.save()
    return is_news


def tell(order: BrokerOrder, *, connection_id: UUID, now: datetime | None = None) -> bool:
    """Take over what the broker's stream or list says of an order; False where it is none of this connection's intents."""
    now = now or timezone.now()
    intent_id = intent_of(order.client_order_id)
    if intent_id is None:
        return False
    with transaction.atomic():
        rows = LiveIntent.objects.across_owners().exclude(kind=LiveIntent.Kind.CANCEL)
        row = (
            rows.filter(pk=intent_id, connection_id=connection_id)
            .select_for_update(of=("self",), no_key=True)
            .first()
        )
        if row is None:
            return False
        take(row, order, now=now)
        return True


def intent_of(client_order_id: str) -> UUID | None:
    """Return the intent that a client_order_id may name; None for one of another form."""
    from uuid import UUID

    try:
        return UUID(client_order_id)
    except ValueError:
        return None
