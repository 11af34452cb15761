"""An account's orders as a person looks for them: a page at a time, by what they were and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.db.models import F, Q

from matching.engine.states import LISTED_AS_CLOSED
from trading.models import Order
from trading.wire import ratio

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from uuid import UUID

    from trading.models.order import OrderQuerySet
    from trading.principal import Principal

CLOSED = tuple(sorted(status.value for status in LISTED_AS_CLOSED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which orders; instants in UTC of their submission, from `first` on, before `end`. Empty is all.

    `status` is a status, or `open` or `closed` for those that the API lists so. `generation` None is the
    account's present one. `after` is the id of the last one that was received, in the direction of
    `is_ascending`; one that is not the account's finds nothing.
    """

    generation: int | None = None
    status: str = ""
    symbol: str = ""
    side: Literal["buy", "sell", ""] = ""
    type: str = ""
    first: datetime | None = None
    end: datetime | None = None
    is_ascending: bool = False
    after: UUID | None = None


def orders_of(principal: Principal, wanted: Wanted, limit: int) -> list[Order]:
    """Return at most `limit` orders of one generation, the newest first unless asked otherwise."""
    mine = Order.objects.owned_by(principal, principal.account_id)
    generation = F("account__generation") if wanted.generation is None else wanted.generation
    found = _matching(mine.filter(generation=generation), wanted)
    if wanted.after is not None:
        at = mine.filter(pk=wanted.after).values_list("submitted_at", flat=True).first()
        if at is None:
            return []
        beyond = "gt" if wanted.is_ascending else "lt"
        later = Q(**{f"submitted_at__{beyond}": at})
        found = found.filter(later | Q(submitted_at=at, **{f"id__{beyond}": wanted.after}))
    ordering = ("submitted_at", "id") if wanted.is_ascending else ("-submitted_at", "-id")
    return list(found.order_by(*ordering)[:limit])


def average_price(order: Order) -> Decimal | None:
    """Return what a share of it traded at on average; None before its first fill."""
    return ratio(order.filled_money, order.filled_quantity) if order.filled_quantity else None


def _matching(found: OrderQuerySet, wanted: Wanted) -> OrderQuerySet:
    if wanted.status == "open":
        found = found.exclude(status__in=CLOSED)
    elif wanted.status == "closed":
        found = found.filter(status__in=CLOSED)
    elif wanted.status:
        found = found.filter(status=wanted.status)
    terms = {"symbol": wanted.symbol, "side": wanted.side, "type": wanted.type}
    found = found.filter(**{name: value for name, value in terms.items() if value})
    if wanted.first is not None:
        found = found.filter(submitted_at__gte=wanted.first)
    if wanted.end is not None:
        found = found.filter(submitted_at__lt=wanted.end)
    return found
