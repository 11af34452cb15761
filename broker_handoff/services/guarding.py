"""What is known of an order just before it is accepted and just before it is sent, put to `broker_handoff.guards`.

In the caller's transaction, so that what was judged and what is written go together: the switches are held
open until it ends, and at acceptance the caller has locked the connection, so that of two orders the second
counts the first. When it is sent, an order counts those that came before it alone: a limit that was made
narrower meanwhile stops the last ones, not all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection as database
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.tiers import allowance
from broker_handoff.errors import GuardRefused
from broker_handoff.guards import OF_CONNECT, Facts, Guard, Limits, Refusal, first_refusal
from broker_handoff.models import BrokerConnection, LiveIntent
from broker_handoff.services import switches
from broker_handoff.services.prices import market_of
from broker_handoff.states import IntentStatus
from broker_handoff.terms import furthest_price, takes, worth
from matching.market.times import new_york, new_york_date, to_datetime, to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from django.db.models import QuerySet

    IsGateOpen = Callable[[UUID], bool]

DUPLICATE_WITHIN = timedelta(seconds=10)
_S = IntentStatus
_NOTHING_SENT = (_S.BLOCKED, _S.LAPSED, _S.REFUSED, _S.REJECTED)
_MAY_STILL_FILL = (_S.ACCEPTED, _S.SENDING, _S.WORKING)
_ENDED_IN_PART = (_S.CANCELED, _S.EXPIRED, _S.REPLACED)
_NOUGHT = Decimal(0)
_BARE = Limits(notional_max=_NOUGHT, day_notional_max=_NOUGHT, open_orders_max=0, price_distance_max_bps=0)


def refusal(
    intent: LiveIntent,
    *,
    is_gate_open: IsGateOpen,
    is_repeat: bool = True,
    now: datetime | None = None,
) -> Refusal | None:
    """Return which guard says no to an intent, and why; None where all let it pass. Within a transaction.

    `is_repeat` says that an order with the same terms was meant twice. That is judged once, at acceptance,
    under the connection's lock: a later order cannot make an earlier one its duplicate. `now` is the
    wall's; the market has its own clock.
    """
    return first_refusal(facts_of(intent, is_gate_open=is_gate_open, is_repeat=is_repeat, now=now))


def require_passable(intent: LiveIntent, **asked: Any) -> None:
    """Raise GuardRefused where `refusal` has one."""
    refused = refusal(intent, **asked)
    if refused is not None:
        raise GuardRefused(refused)


def refusal_to_connect(
    user_id: UUID, *, is_gate_open: IsGateOpen, now: datetime | None = None
) -> Refusal | None:
    """Return which guard keeps a person from connecting a broker, and why; None where none does."""
    person = User.objects.get(pk=user_id)
    closed = {closing.scope: closing.reason for closing in switches.living(user_id=user_id)}
    facts = Facts(
        **{
            **_OF_NO_CONCERN,
            "is_cancel": False,
            "switch_global": closed.get("global"),
            "switch_user": closed.get("user"),
            "is_gate_open": is_gate_open(user_id),
        },
        now=now or timezone.now(),
        is_live_on=settings.LIVE_IS_ON,
        is_deactivated=not person.is_active or person.deactivated_at is not None,
        is_connected=False,
        needs_reauth=False,
        consent_expires_at=None,
        restricted_until=person.restricted_until,
        is_tier_entitled=allowance(person.tier).live,
        limits=_BARE,
    )
    return first_refusal(facts, among=OF_CONNECT)


def not_connected() -> GuardRefused:
    """Return the refusal for who has no connection at all."""
    return GuardRefused(Refusal(guard=Guard.NOT_CONNECTED, words="no broker is connected"))


def facts_of(
    intent: LiveIntent,
    *,
    is_gate_open: IsGateOpen,
    is_repeat: bool = True,
    now: datetime | None = None,
) -> Facts:
    """Return all that the guards ask; of a cancel only what they ask of one. Within a transaction."""
    assert database.in_atomic_block
    now = now or timezone.now()
    connection = BrokerConnection.objects.across_owners().get(pk=intent.connection_id, user_id=intent.user_id)
    person = User.objects.get(pk=intent.user_id)
    stands: dict[str, Any] = {
        "now": now,
        "is_live_on": settings.LIVE_IS_ON,
        "is_deactivated": not person.is_active or person.deactivated_at is not None,
        "is_connected": connection.status in BrokerConnection.LIVING,
        "needs_reauth": connection.status == BrokerConnection.Status.NEEDS_REAUTH,
        "consent_expires_at": connection.consent_expires_at,
        "restricted_until": person.restricted_until,
        "is_tier_entitled": allowance(person.tier).live,
    }
    if intent.kind == LiveIntent.Kind.CANCEL:
        return Facts(**stands, **_OF_NO_CONCERN, limits=_BARE)
    closed = switches.reasons(user_id=person.pk, connection_id=connection.pk)
    terms = effective_terms(intent)
    market = market_of(terms["symbol"])
    earlier = _earlier(intent, connection)
    return Facts(
        **stands,
        switch_global=closed.get("global"),
        switch_user=closed.get("user"),
        switch_connection=closed.get("connection"),
        is_gate_open=is_gate_open(person.pk),
        is_market_open=takes(market, terms),
        market_price=market.price,
        limit_price=furthest_price(terms, market.price),
        notional=worth(terms, market.price),
        day_notional=_day_notional(earlier, now),
        open_orders=earlier.filter(status__in=_MAY_STILL_FILL).count(),
        duplicate_of=None if is_repeat else _duplicate(intent, now),
        limits=limits_of(connection),
    )


# The guards that would ask for these do not ask of a cancel.
_OF_NO_CONCERN: Mapping[str, Any] = {
    "is_cancel": True,
    "switch_global": None,
    "switch_user": None,
    "switch_connection": None,
    "is_gate_open": False,
    "is_market_open": False,
    "market_price": None,
    "limit_price": None,
    "notional": _NOUGHT,
    "day_notional": _NOUGHT,
    "open_orders": 0,
    "duplicate_of": None,
}


def limits_of(connection: BrokerConnection) -> Limits:
    """Return the stricter of the person's limits and the installation's, each by itself."""
    most = ceilings()
    return Limits(
        notional_max=min(connection.notional_max, most.notional_max),
        day_notional_max=min(connection.day_notional_max, most.day_notional_max),
        open_orders_max=min(connection.open_orders_max, most.open_orders_max),
        price_distance_max_bps=min(connection.price_distance_max_bps, most.price_distance_max_bps),
    )


def ceilings() -> Limits:
    """Return what the installation allows anybody at most."""
    return Limits(
        notional_max=settings.LIVE_NOTIONAL_MAX,
        day_notional_max=settings.LIVE_DAY_NOTIONAL_MAX,
        open_orders_max=settings.LIVE_OPEN_ORDERS_MAX,
        price_distance_max_bps=settings.LIVE_PRICE_DISTANCE_MAX_BPS,
    )


def effective_terms(intent: LiveIntent) -> dict[str, Any]:
    """Return the terms that the order would have: of a replacement, those of what it replaces with its own over them."""
    chain = [intent]
    while chain[-1].kind == LiveIntent.Kind.REPLACE:
        target = chain[-1].target
        assert target is not None
        chain.append(target)
    terms: dict[str, Any] = {}
    for each in reversed(chain):
        terms |= each.terms
    return terms


def _earlier(intent: LiveIntent, connection: BrokerConnection) -> QuerySet[LiveIntent]:
    """Return the person's orders that came before this one, less the one that it replaces.

    Before one that is not written yet came all that are.
    """
    # Of the person and not of the connection alone: who disconnects and connects has no new day.
    orders = LiveIntent.objects.across_owners().filter(user_id=connection.user_id)
    orders = orders.exclude(kind=LiveIntent.Kind.CANCEL)
    if intent.target_id is not None:
        orders = orders.exclude(pk=intent.target_id)
    if intent._state.adding:  # noqa: SLF001 - Django documents it
        return orders
    return orders.filter(
        Q(created_at__lt=intent.created_at) | Q(created_at=intent.created_at, pk__lt=intent.pk)
    )


def _day_notional(earlier: QuerySet[LiveIntent], now: datetime) -> Decimal:
    """Return what the orders of this New York day are worth: in full while they may fill, then what they filled."""
    begins_at = to_datetime(new_york(new_york_date(to_ns(now))))
    counted = earlier.filter(created_at__gte=begins_at).exclude(status__in=_NOTHING_SENT)
    columns = ("status", "notional", "filled_quantity", "filled_average_price")
    return sum((_counted(*row) for row in counted.values_list(*columns)), _NOUGHT)


def _counted(status: str, notional: Decimal, filled: Decimal, price: Decimal | None) -> Decimal:
    if status not in _ENDED_IN_PART:
        return notional
    if not filled:
        return _NOUGHT
    return notional if price is None else filled * price


def _duplicate(intent: LiveIntent, now: datetime) -> str | None:
    """Return the id of the order with the same terms that was accepted moments ago."""
    same = LiveIntent.objects.across_owners().filter(
        user_id=intent.user_id, digest=intent.digest, created_at__gt=now - DUPLICATE_WITHIN
    )
    found = same.exclude(pk=intent.pk).exclude(status__in=_NOTHING_SENT).order_by("-created_at").first()
    return None if found is None else str(found.pk)
