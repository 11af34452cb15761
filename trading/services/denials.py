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
NEEDS_MARKS = "needs_marks"  # no refusal: the function asks for what the account holds to be valued

# Figures of a refusal that may have the market's price in them: see `TradingError.of_market`.
COST = frozenset({"cost_basis"})
VALUED_BY_MARKS = frozenset({"buying_power"})


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
    kind = "limit" if detail["is_limit"] else "market/stop"
    return OrderDenied(
        "potential wash trade detected. use complex orders",
        existing_order_id=detail["existing_order_id"],
        reject_reason=f"opposite side {kind} order exists",
    )


def _opposite_entry(detail: dict[str, Any]) -> TradingError:
    if detail["side"] == "buy":
        return OrderDenied("cannot open a long buy while a short sell order is open")
    return OrderDenied("cannot open a short sell while a long buy order is open")


def _class_mismatch(detail: dict[str, Any]) -> TradingError:
    words = "exit" if detail["order_class"] == "oco" else "entry"
    return RuleBroken(f"{detail['order_class']} orders must be {words} orders")


def _number(text: str) -> str:
    """Return SQL's figure as the wire shows numbers."""
    return plain(Decimal(text))


_TABLE: dict[str, Callable[[dict[str, Any]], TradingError]] = {
    "unauthorized": lambda _: NotAuthorized("unauthorized."),
    "account_not_found": lambda _: OrderDenied("account is not allowed to trade"),
    "account_closed": lambda _: OrderDenied("account is not allowed to trade"),
    "account_resetting": lambda _: OrderDenied("the account is being reset and takes no orders until then"),
    "trade_suspended": lambda _: OrderDenied("new orders are rejected by user request"),
    "market_not_running": lambda _: OrderDenied(NOT_RUNNING),
    "client_order_id_not_unique": lambda _: ClientOrderIdTaken(NAME_TAKEN),
    "intent_mismatch": lambda d: RuleBroken(
        f"position intent mismatch, inferred: {d['inferred']}, specified: {d['specified']}"
    ),
    "class_mismatch": _class_mismatch,
    "account_frozen": lambda _: OrderDenied(
        "account is restricted to liquidation: support has frozen it, and orders that close positions are taken"
    ),
    "exits_only": lambda _: OrderDenied(
        "this account is beyond what your tier allows: it takes orders that close positions alone"
    ),
    "fraction_of_short": lambda _: RuleBroken(
        "fractional orders cannot be sold short, nor close a short in part"
    ),
    "insufficient_quantity": _no_shares,
    "opposite_entry": _opposite_entry,
    "wash_trade": _wash_trade,
    "fractions_disabled": lambda _: OrderDenied("fractional trading is disabled for this account"),
    "partnership_refused": lambda d: OrderDenied(
        f"asset {d['symbol']} is a partnership without exception, which this account does not buy"
    ),
    "asset_not_shortable": lambda d: RuleBroken(f"asset {d['symbol']} cannot be sold short"),
    "shorting_not_allowed": lambda _: OrderDenied("account is not allowed to short"),
    "insufficient_buying_power": _no_power,
    "order_not_replaceable": lambda d: RuleBroken(f"cannot replace order in {d['status']} status"),
    "notional_not_replaceable": lambda _: RuleBroken("notional orders cannot be replaced"),
    "fraction_not_replaceable": lambda _: RuleBroken("qty of a fractional order cannot be replaced"),
    "limit_price_not_allowed": lambda _: ValueInvalid("limit_price cannot be set: the order has none"),
    "stop_price_not_allowed": lambda _: ValueInvalid("stop_price cannot be set: the order has none"),
    "trail_not_allowed": lambda _: ValueInvalid("trail cannot be set: the order has none"),
    "order_has_triggered": lambda _: RuleBroken(
        "the stop has triggered: its price cannot be changed any more"
    ),
    "quantity_of_class": lambda _: RuleBroken("qty cannot be changed for advanced orders"),
    "time_in_force_of_class": lambda _: RuleBroken("time_in_force cannot be changed for advanced orders"),
    "order_unchanged": lambda _: RuleBroken("order parameters are not changed"),
    "quantity_already_filled": lambda d: RuleBroken(f"qty must be > filled_qty ({_number(d['filled_qty'])})"),
    "past_cut_off": lambda _: RuleBroken("unable to replace order, the cut-off for its auction has passed"),
    "class_not_sent": lambda _: RuleBroken("unable to replace order, order isn't sent to exchange yet"),
    "prices_of_class": lambda d: RuleBroken(
        "take-profit and stop-loss must stay on their sides of the base price, 0.01 away from it",
        base_price=_number(d["base_price"]),
    ),
}
