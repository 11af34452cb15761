"""One row of the event log, with its order as the event left it, and what a client is told of it.

What of an order is the event's and what is the reading's: trading/decisions/0004-legs-and-messages.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trading.marketdata.entitlement import may_see_watermark
from trading.wire import ORDER_COLUMNS, instant, legs_in_order, order_body, plain, watermark

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import LiteralString
    from uuid import UUID

    from psycopg.rows import DictRow

    from matching.market.calendar import Calendar

UNTOLD = frozenset({"pending_new", "held", "triggered"})
"""Kinds that stay in the log: the answer to the POST has said the first two, and clients expect `new` first;
the wire knows no event for a stop's trigger."""

_TOLD: Final[LiteralString] = "e.kind not in ('pending_new', 'held', 'triggered')"
_IS_OVER: Final[LiteralString] = "e.status in ('filled', 'canceled', 'expired', 'rejected', 'replaced')"

HEAD: Final = "select event_seq from trading_tradingaccount where account_id = %s and user_id = %s"

# What an event changes on an order comes from the event; the order's row may be further by now.
# An end's instant shows only where the event's status is that end, for nothing follows it but a
# refused cancel or replace, which leaves the status alone.
AS_OF_THE_EVENT: Final[dict[str, LiteralString]] = {
    "status": "e.status",
    "quantity": "coalesce(e.order_quantity, o.quantity)",
    "filled_quantity": "e.filled_quantity",
    "filled_money": "e.filled_money",
    "updated_at": "e.at",
    "filled_at": "case e.status when 'filled' then o.filled_at end",
    "expired_at": "case e.status when 'expired' then o.expired_at end",
    "canceled_at": "case e.status when 'canceled' then o.canceled_at end",
    "failed_at": "case e.status when 'rejected' then o.failed_at end",
    "replaced_at": "case e.status when 'replaced' then o.replaced_at end",
    "replaced_by": "case e.status when 'replaced' then o.replaced_by end",
    "cancel_requested_at": "case when e.status in ('pending_cancel', 'canceled') or e.kind = 'order_cancel_rejected'"
    " then o.cancel_requested_at end",
    # The row's watermark is final once the stop has triggered or ended, which nothing but a fill or an end tells
    # for sure.
    "hwm": "case when not (o.is_triggered or o.status in ('canceled', 'expired', 'rejected', 'replaced'))"
    f" or e.kind in ('partial_fill', 'fill') or {_IS_OVER} then o.hwm end",
}

_columns: LiteralString = ", ".join(
    f"{AS_OF_THE_EVENT[name]} as {name}" if name in AS_OF_THE_EVENT else f"o.{name}" for name in ORDER_COLUMNS
)

# The first outer join spares the order of an event that is not told; the last one looks for the market's
# part of a trailing stop's watermark, no further than the event where that says how far the market was.
SELECT: Final[LiteralString] = (
    "select e.seq as event_seq, e.kind as event_kind, e.at as event_at, e.recorded_at as event_recorded_at, e.fill_id, e.quantity as fill_quantity,"
    f" e.price as fill_price, e.position_quantity, e.request_id as event_request_id, a.asset_class, o.parent, o.is_triggered, w.price as market_hwm,"
    f" (select u.tier from accounts_user u where u.id = e.user_id) as tier, {_columns}"
    " from trading_orderevent e"
    f" left join trading_order o on o.id = e.order_id and o.user_id = e.user_id and {_TOLD}"
    " left join trading_asset a on a.id = o.asset_id"
    " left join lateral (select m.price from matching_watermark m"
    "  where o.type = 'trailing_stop' and not o.is_triggered"
    "    and m.market_id = o.market_id and m.symbol = o.symbol and m.side = o.side"
    "    and m.seq > o.working_seq and (e.feed_seq is null or m.seq <= e.feed_seq)"
    "  order by m.seq limit 1) w on true"
    " where e.account_id = %s and e.user_id = %s and e.seq > %s order by e.seq limit %s"
)

LEGS: Final[LiteralString] = (
    f"select o.parent, o.role, o.command_no, a.asset_class, {', '.join(f'o.{name}' for name in ORDER_COLUMNS)}"
    " from trading_order o join trading_asset a on a.id = o.asset_id"
    " where o.account_id = %s and o.user_id = %s and o.parent = any(%s)"
)


def parents_among(news: Iterable[DictRow]) -> list[UUID]:
    """Return the orders of these events that may have legs, each once."""
    found = (row for row in news if row["order_class"] and row["parent"] is None)
    return list(dict.fromkeys(row["id"] for row in found))


def nest(news: Iterable[DictRow], legs: Iterable[DictRow]) -> None:
    """Give the events' orders their legs."""
    children: dict[UUID, list[DictRow]] = {}
    for leg in legs:
        children.setdefault(leg["parent"], []).append(leg)
    for row in news:
        if row["id"] in children:
            row["legs"] = legs_in_order(children[row["id"]])


def trade_update(row: DictRow, calendar: Calendar) -> dict[str, Any]:
    """Return the `data` of a trade update: the event, and the order as the event left it.

    `price` and `qty` are those of this one execution; `position_qty` is the account's position
    after it, negative when short. Legs are as they stand now. Source: the wire's specification, 5.3.
    """
    data: dict[str, Any] = {"event": row["event_kind"], "timestamp": instant(row["event_at"])}
    if row["fill_id"] is not None:
        data["execution_id"] = row["fill_id"]
        data["price"] = plain(row["fill_price"])
        data["qty"] = plain(row["fill_quantity"])
        data["position_qty"] = plain(row["position_quantity"])
    hwm = None
    if may_see_watermark(row["tier"], is_triggered=row["is_triggered"]):
        hwm = watermark(row["side"], row["hwm"], row["market_hwm"])
    data["order"] = order_body({**row, "hwm": hwm}, calendar)
    return data
