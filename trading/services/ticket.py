"""What somebody wants to buy or sell, and the rules that it must keep whatever the market does.

Fields have been read and are good one by one; here they are judged together and against the
asset. Spec of the wire: 3.1, 3.3 and the order of checks at the end of 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from matching.engine.checks import IMMEDIATE, ORDER_TYPES, TIMES_IN_FORCE
from matching.engine.ticks import OffTick, price_from_dollars
from trading.errors import RuleBroken, ValueInvalid
from trading.models import Asset
from trading.wire import plain

if TYPE_CHECKING:
    from trading.reference import MarketTerms

# Below both what the columns hold and what the engine's 64-bit prices and quantities hold.
PRICE_LIMIT = QUANTITY_LIMIT = NOTIONAL_LIMIT = Decimal(1_000_000_000)

_SHORTEST = Decimal("1e-20")  # of prices that are told without an exponent
FRACTIONS_IN_EXTENDED_HOURS = "fractional_eh_enabled"
INTENTS = {"buy": "buy_to_open", "sell": "sell_to_close"}  # long only


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The terms of an order as its owner gave them. Exactly one of quantity and notional is set."""

    symbol: str
    side: str
    type: str
    time_in_force: str
    order_class: str
    quantity: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    extended_hours: bool
    position_intent: str
    client_order_id: str | None  # None: we name it

    @property
    def is_fractional(self) -> bool:
        """Whether it may end in less than whole shares."""
        return self.quantity is None or self.quantity != self.quantity.to_integral_value()


def require_tradable(asset: Asset | None, name: str, market: MarketTerms) -> Asset:
    """Return the asset when it can be traded. Raises ValueInvalid, RuleBroken."""
    if asset is None:
        raise RuleBroken(f"asset {name} not found")
    if asset.status != Asset.Status.ACTIVE:
        raise ValueInvalid(f"asset {asset.symbol} is not active")
    if not asset.tradable or asset.symbol not in market.symbols:
        raise RuleBroken(f"asset {asset.symbol} is not tradable")
    return asset


def require_rules(ticket: Ticket, asset: Asset) -> None:
    """Raise RuleBroken when the terms do not go together, or not with this asset."""
    if ticket.order_class:
        raise RuleBroken(f"order class {ticket.order_class} is not supported yet")
    if ticket.type not in ORDER_TYPES:
        raise RuleBroken(f"order type {ticket.type} is not supported yet")
    if ticket.time_in_force not in TIMES_IN_FORCE:
        raise RuleBroken(f"time in force {ticket.time_in_force} is not supported yet")
    if ticket.is_fractional:
        _require_fraction_rules(ticket, asset)
    if ticket.extended_hours and (ticket.type != "limit" or ticket.time_in_force in IMMEDIATE):
        raise RuleBroken("extended hours order must be DAY or GTC limit orders")
    if ticket.limit_price is not None:
        require_tick(ticket.limit_price, "limit_price")
    inferred = INTENTS[ticket.side]
    if ticket.position_intent not in {"", inferred}:
        raise RuleBroken(
            f"position intent mismatch, inferred: {inferred}, specified: {ticket.position_intent}"
        )


def require_tick(price: Decimal, name: str) -> None:
    """Raise RuleBroken when an order may not name this price (rule N1)."""
    try:
        price_from_dollars(price)
    except OffTick:
        step = "0.01" if price >= 1 else "0.0001"
        written = str(price) if price < _SHORTEST else plain(price)  # and not with 400 zeros
        raise RuleBroken(
            f"invalid {name} {written}: a sub-penny price does not fulfill the minimum pricing criteria; "
            f"it must be a multiple of {step}"
        ) from None


def require_time_in_force(time_in_force: str, *, is_fractional: bool, extended_hours: bool) -> None:
    """Raise RuleBroken when a resting limit order may not be given this time in force."""
    if time_in_force not in TIMES_IN_FORCE:
        raise RuleBroken(f"time in force {time_in_force} is not supported yet")
    if is_fractional and time_in_force != "day":
        raise RuleBroken("fractional orders must be DAY orders")
    if extended_hours and time_in_force in IMMEDIATE:
        raise RuleBroken("extended hours order must be DAY or GTC limit orders")


def _require_fraction_rules(ticket: Ticket, asset: Asset) -> None:
    if not asset.fractionable:
        raise RuleBroken(f"asset {asset.symbol} is not fractionable")
    if ticket.time_in_force != "day":
        raise RuleBroken("fractional orders must be DAY orders")
    if ticket.notional is not None and ticket.type != "market":
        raise RuleBroken("notional orders must be market orders")
    if ticket.extended_hours and FRACTIONS_IN_EXTENDED_HOURS not in asset.attributes:
        raise RuleBroken(f"asset {asset.symbol} does not trade in fractions in extended hours")
