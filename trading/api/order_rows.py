"""Orders as `wire.order_body` reads them, with what is not in their own row: legs and watermarks.

However many orders: one statement for them, one for the legs of all, one for the watermarks of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import F

from matching.engine.states import TERMINAL
from trading.wire import ORDER_COLUMNS, legs_in_order, watermark

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from trading.models.order import OrderQuerySet

Row = dict[str, Any]

_BESIDE = ("market_id", "working_seq", "is_triggered", "parent", "role", "command_no")

# The first row of the staircase that is younger than the order's beginning: see matching.models.Watermark.
_FOLLOWED = """
select o.id, w.price
  from unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::bigint[]) as o(id, market_id, symbol, side, seq)
 cross join lateral (
   select w.price from matching_watermark w
    where w.market_id = o.market_id and w.symbol = o.symbol and w.side = o.side and w.seq > o.seq
    order by w.seq limit 1) w
"""


def rows_of(orders: OrderQuerySet, *, family: OrderQuerySet | None = None) -> list[Row]:
    """Return the rows of `orders`; `family` is where to look for their legs, None to show none."""
    rows: list[Row] = list(orders.values(*ORDER_COLUMNS, *_BESIDE, asset_class=F("asset__asset_class")))
    if family is not None:
        _nest(rows, family)
    _follow(rows)
    return rows


def _nest(rows: Sequence[Row], family: OrderQuerySet) -> None:
    parents = {row["id"]: row for row in rows if row["order_class"] and row["parent"] is None}
    if not parents:
        return
    legs: dict[UUID, list[Row]] = {}
    for leg in rows_of(family.filter(parent__in=list(parents))):
        legs.setdefault(leg["parent"], []).append(leg)
    for parent, children in legs.items():
        parents[parent]["legs"] = legs_in_order(children)


def _follow(rows: Sequence[Row]) -> None:
    """Let the watermarks of the trailing stops that wait for their trigger be what the market knows."""
    trailing = {row["id"]: row for row in rows if _is_trailing(row)}
    if not trailing:
        return
    columns = ("id", "market_id", "symbol", "side", "working_seq")
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOWED, [[row[column] for row in trailing.values()] for column in columns])
        for order_id, price in cursor.fetchall():
            row = trailing[order_id]
            row["hwm"] = watermark(row["side"], row["hwm"], price)


def _is_trailing(row: Row) -> bool:
    return (
        row["type"] == "trailing_stop"
        and row["working_seq"] is not None
        and not row["is_triggered"]
        and row["status"] not in TERMINAL
    )
