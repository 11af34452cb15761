"""One row of the event log, with its order as the event left it, and what a client is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trading.wire import ORDER_COLUMNS, instant, order_body, plain

if TYPE_CHECKING:
    from typing import LiteralString

    from psycopg.rows import DictRow

    from matching.market.calendar import Calendar

UNTOLD = frozenset({"pending_new"})
"""Kinds that stay in the log: the answer to the POST has said it, and clients expect `new` first."""

HEAD: Final = "select event_seq from trading_tradingaccount where account_id = %s and user_id = %s"

# What an event changes on an order comes from the event; the order's row may be further by now.
# An end's instant shows only where the event's status is that end, for nothing follows it but a
# refused cancel or replace, which leaves the status alone.
AS_OF_THE_EVENT: Final[dict[str, LiteralString]] = {
    "status": "e.status",
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
}

_columns: LiteralString = ", ".join(
    f"{AS_OF_THE_EVENT[name]} as {name}" if name in AS_OF_THE_EVENT else f"o.{name}" for name in ORDER_COLUMNS
)

# The outer join spares the order of an event that is not told.
SELECT: Final[LiteralString] = (
    "select e.seq as event_seq, e.kind as event_kind, e.at as event_at, e.fill_id, e.quantity as fill_quantity,"
    f" e.price as fill_price, e.position_quantity, a.asset_class, {_columns}"
    " from trading_orderevent e"
    " left join trading_order o on o.id = e.order_id and o.user_id = e.user_id and e.kind <> 'pending_new'"
    " left join trading_asset a on a.id = o.asset_id"
    " where e.account_id = %s and e.user_id = %s and e.seq > %s order by e.seq limit %s"
)


def trade_update(row: DictRow, calendar: Calendar) -> dict[str, Any]:
    """Return the `data` of a trade update: the event, and the order as the event left it.

    `price` and `qty` are those of this one execution; `position_qty` is the account's position
    after it, negative when short. Source: the wire's specification, 5.3.
    """
    data: dict[str, Any] = {"event": row["event_kind"], "timestamp": instant(row["event_at"])}
    if row["fill_id"] is not None:
        data["execution_id"] = row["fill_id"]
        data["price"] = plain(row["fill_price"])
        data["qty"] = plain(row["fill_quantity"])
        data["position_qty"] = plain(row["position_quantity"])
    data["order"] = order_body(row, calendar)
    return data
