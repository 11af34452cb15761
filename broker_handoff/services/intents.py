"""Accept what a person wants done at their broker: from here on it is a row, and the row is the message.

What is accepted was judged by the guards and said yes to by a passkey, for this digest and this once. It is
judged once more when it is sent (`broker_handoff.services.sending`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from accounts import tracing
from accounts.errors import NotFound, RuleBroken
from accounts.models.user import new_id
from accounts.services.audit import record
from accounts.step_up import require_settled, spend_assertion
from broker_handoff.models import BrokerConnection, IntentEvent, LiveIntent
from broker_handoff.pace import PACE
from broker_handoff.services import guarding
from broker_handoff.services.prices import market_of
from broker_handoff.states import IntentStatus
from broker_handoff.terms import digest_of, worth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.sessions import LivingSession

_K = LiveIntent.Kind
# A cancel may follow an order that is not sent yet; a replacement needs one that works.
_OPEN_TO = {
    _K.CANCEL: frozenset({IntentStatus.ACCEPTED, IntentStatus.SENDING, IntentStatus.WORKING}),
    _K.REPLACE: frozenset({IntentStatus.WORKING}),
}


def intents(*, session: LivingSession) -> QuerySet[LiveIntent]:
    """Return what the person wanted, newest first."""
    return LiveIntent.objects.owned_by(session).select_related("connection").order_by("-created_at", "-pk")


def intent(*, session: LivingSession, intent_id: UUID) -> LiveIntent:
    """Return one of them. Raises NotFound."""
    found = intents(session=session).filter(pk=intent_id).first()
    if found is None:
        raise NotFound(f"live order not found for {intent_id}")
    return found


def events(*, session: LivingSession, intent_id: UUID) -> list[IntentEvent]:
    """Return what became of one, oldest first. Raises NotFound."""
    found = intent(session=session, intent_id=intent_id)
    return list(IntentEvent.objects.owned_by(session).filter(intent=found).order_by("at", "pk"))


@transaction.atomic(durable=True)
def accept_intent(
    *,
    session: LivingSession,
    kind: LiveIntent.Kind,
    terms: Mapping[str, Any],
    target_id: UUID | None = None,
    is_gate_open: Callable[[UUID], bool],
    is_repeat: bool = False,
    now: datetime | None = None,
) -> LiveIntent:
    """Accept an order, a cancel (with empty terms) or a replacement (with what it changes), and write it down.

    The terms are the broker's wire words, judged by themselves already. Uses up the passkey's yes to
    `broker_handoff.terms.digest_of` them; where this raises, the yes stays good. The caller may nudge a
    worker when it returns, and need not: the rows are swept.

    Raises StepUpRequired with the digest, CoolingDown, GuardRefused, NotFound, RuleBroken.
    """
    now = now or timezone.now()
    require_settled(session)
    # Locked, so that of two orders at a time the second counts the first.
    connection = _living(session).select_for_update(of=("self",), no_key=True).first()
    if connection is None:
        raise guarding.not_connected()
    target = None if target_id is None else _target(session, connection, kind, target_id)
    digest = digest_of(kind=kind, connection_id=connection.pk, terms=terms, target_id=target_id)
    spend_assertion(session, digest)
    made = LiveIntent(
        id=new_id(),
        user_id=session.user_id,
        connection=connection,
        kind=kind,
        target=target,
        terms=dict(terms),
        digest=digest,
        notional=0,
        session_id=session.id,
        request_id=tracing.current().request_id,
        created_at=now,
        next_attempt_at=now,
        deadline_at=now + (PACE.cancel_deadline if kind == _K.CANCEL else PACE.submit_deadline),
    )
    guarding.require_passable(made, is_gate_open=is_gate_open, is_repeat=is_repeat, now=now)
    made.notional = _worth(made)
    made.save(force_insert=True)
    IntentEvent.objects.create(
        user_id=made.user_id, intent=made, at=now, status=made.status, request_id=made.request_id
    )
    record(
        action="live.intent_accepted",
        user_id=made.user_id,
        after={
            "intent": made.pk,
            "connection": connection.pk,
            "kind": made.kind,
            "target": target_id,
            "terms": made.terms,
            "digest": digest.hex(),
            "session": session.id,
        },
    )
    return made


def _living(session: LivingSession) -> QuerySet[BrokerConnection]:
    return BrokerConnection.objects.owned_by(session).filter(status__in=BrokerConnection.LIVING)


def _target(
    session: LivingSession, connection: BrokerConnection, kind: LiveIntent.Kind, target_id: UUID
) -> LiveIntent:
    orders = LiveIntent.objects.owned_by(session).exclude(kind=_K.CANCEL)
    found = orders.filter(pk=target_id, connection=connection).first()
    if found is None:
        raise NotFound(f"live order not found for {target_id}")
    if found.status not in _OPEN_TO[kind]:
        raise RuleBroken(f"the order is {found.status}", error="live_order_not_open", status=found.status)
    return found


def _worth(made: LiveIntent) -> Decimal | int:
    if made.kind == _K.CANCEL:
        return 0
    terms = guarding.effective_terms(made)
    return worth(terms, market_of(terms["symbol"]).price)
