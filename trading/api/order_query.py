"""GET /v2/orders: which orders, in which order. Spec of the wire: 2.5 and the memberships of 3.7."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import F, Q

from matching.engine.states import LISTED_AS_CLOSED
from matching.market.times import to_datetime
from trading.api import query
from trading.api.order_rows import rows_of
from trading.errors import ValueInvalid
from trading.models import Asset
from trading.reference import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from uuid import UUID

    from trading.models.order import OrderQuerySet

LIMIT_DEFAULT, LIMIT_MAX = 50, 500
GENERATION_MAX = 2**31 - 1  # of the column
CLOSED = tuple(sorted(status.value for status in LISTED_AS_CLOSED))
_MICROSECOND = timedelta(microseconds=1)


def listed(mine: OrderQuerySet, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of `mine` that a query string asks for. Raises ValueInvalid.

    Nested, legs stand in their parent alone, and what is asked for is asked of the parent.
    """
    of_generation = generation_of(mine, parameters)
    found = _by_status(of_generation, query.choice(parameters, "status", ("open", "closed", "all"), "open"))
    found = _by_terms(found, parameters)
    found = _by_time(mine, found, parameters)
    is_nested = query.boolean(parameters.get("nested"), "nested")
    if is_nested:
        found = found.filter(parent=None)
    is_ascending = query.choice(parameters, "direction", ("desc", "asc"), "desc") == "asc"
    ordering = ("submitted_at", "id") if is_ascending else ("-submitted_at", "-id")
    page = found.order_by(*ordering)[: query.whole(parameters, "limit", LIMIT_DEFAULT, LIMIT_MAX)]
    return rows_of(page, family=mine if is_nested else None)


def generation_of(mine: OrderQuerySet, parameters: Mapping[str, str]) -> OrderQuerySet:
    """Return the orders of the account's present generation, or of the one that is named. Raises ValueInvalid."""
    generation = query.whole(parameters, "generation", 0, GENERATION_MAX)
    return mine.filter(generation=generation or F("account__generation"))


def _by_status(found: OrderQuerySet, status: str) -> OrderQuerySet:
    if status == "all":
        return found
    return found.filter(status__in=CLOSED) if status == "closed" else found.exclude(status__in=CLOSED)


def _by_terms(found: OrderQuerySet, parameters: Mapping[str, str]) -> OrderQuerySet:
    if side := query.choice(parameters, "side", ("buy", "sell", ""), ""):
        found = found.filter(side=side)
    if symbols := query.words(parameters, "symbols"):
        found = found.filter(symbol__in=[symbol for symbol in symbols if SYMBOL.fullmatch(symbol)])
    classes = query.words(parameters, "asset_class")
    if not set(classes) <= set(Asset.AssetClass.values):
        raise ValueInvalid(f"asset_class must be one of {', '.join(Asset.AssetClass.values)}")
    return found.filter(asset__asset_class__in=classes) if classes else found


def _by_time(mine: OrderQuerySet, found: OrderQuerySet, parameters: Mapping[str, str]) -> OrderQuerySet:
    after, until = query.moment(parameters, "after"), query.moment(parameters, "until")
    before_order = query.identifier(parameters, "before_order_id")
    after_order = query.identifier(parameters, "after_order_id")
    if before_order and after_order:
        raise ValueInvalid("only one of before_order_id and after_order_id is accepted")
    if (before_order or after_order) and (after is not None or until is not None):
        raise ValueInvalid("before_order_id and after_order_id cannot be used together with after or until")
    if after is not None:
        found = found.filter(submitted_at__gt=to_datetime(after))
    if until is not None:  # rows have whole microseconds: one before the next whole one is before `until`
        found = found.filter(
            submitted_at__lt=to_datetime(until) + (_MICROSECOND if until % 1_000 else timedelta())
        )
    if before_order:
        at = _submitted_at(mine, before_order, "before_order_id")
        found = found.filter(Q(submitted_at__lt=at) | Q(submitted_at=at, id__lt=before_order))
    if after_order:
        at = _submitted_at(mine, after_order, "after_order_id")
        found = found.filter(Q(submitted_at__gt=at) | Q(submitted_at=at, id__gt=after_order))
    return found


def _submitted_at(mine: OrderQuerySet, order_id: UUID, name: str) -> Any:
    at = mine.filter(pk=order_id).values_list("submitted_at", flat=True).first()
    if at is None:
        raise ValueInvalid(f"{name} {order_id} is not an order of this account")
    return at
