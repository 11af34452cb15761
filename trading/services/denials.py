"""What the SQL functions refuse, in words for the caller: one table, by the function's own word."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from trading.errors import (
    ClientOrderIdTaken,
    NotAuthorized,
    NotFound,
    OrderDenied,
    RuleBroken,
    TradingError,
    ValueInvalid,
)
from trading.wire import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

NAME_TAKEN = "client_order_id must be unique"
NOT_RUNNING = "the market of this account is not running"


def denied(denial: str, detail: dict[str, Any], symbol: str) -> TradingError:
    """Return the error for a refused order or replacement in `symbol`."""
    return _TABLE[denial]({**detail, "symbol": symbol})


def order_not_found(order_id: UUID | str) -> NotFound:
    """Return the error for an order that is not there, or not the caller's."""
    return NotFound(f"order not found for {order_id}")


def _no_power(detail: dict[str, Any]) -> TradingError:
    return OrderDenied(
        "insufficient buying power",
        buying_power=_number(detail["buying_power"]),
        cost_basis=_number(detail["cost_basis"]),
    )


def _no_shares(detail: dict[str, Any]) -> TradingError:
    figures = {name: _number(detail[name]) for name in ("available", "existing_qty", "held_for_orders")}
    requested = _number(detail["requested"])
    return OrderDenied(
        f"insufficient qty available for order (requested: {requested}, available: {figures['available']})",
        **figures,
        related_orders=detail["related_orders"],
        symbol=detail["symbol"],
    )


def _wash_trade(detail: dict[str, Any]) -> TradingError:
    return OrderDenied(
        "potential wash trade detected. use complex orders",
        existing_order_id=detail["existing_order_id"],
        reject_reason=detail["reject_reason"],
    )


def _number(text: str) -> str:
    """Return SQL's figure as the wire shows numbers."""
    return plain(Decimal(text))


_TABLE: dict[str, Callable[[dict[str, Any]], TradingError]] = {
    "unauthorized": lambda _: NotAuthorized("unauthorized."),
    "account_not_found": lambda _: OrderDenied("account is not allowed to trade"),
    "account_closed": lambda _: OrderDenied("account is not allowed to trade"),
    "market_not_running": lambda _: OrderDenied(NOT_RUNNING),
    "client_order_id_not_unique": lambda _: ClientOrderIdTaken(NAME_TAKEN),
    "insufficient_buying_power": _no_power,
    "insufficient_quantity": _no_shares,
    "wash_trade": _wash_trade,
    "order_not_replaceable": lambda d: RuleBroken(f"cannot replace order in {d['status']} status"),
    "notional_not_replaceable": lambda _: RuleBroken("notional orders cannot be replaced"),
    "fraction_not_replaceable": lambda _: RuleBroken("qty of a fractional order cannot be replaced"),
    "limit_price_not_allowed": lambda _: ValueInvalid("market orders require no stop or limit price"),
    "order_unchanged": lambda _: RuleBroken("order parameters are not changed"),
    "quantity_already_filled": lambda d: RuleBroken(f"qty must be > filled_qty ({_number(d['filled_qty'])})"),
}
