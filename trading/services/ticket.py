"""What somebody wants to buy or sell: the terms of an order, read and good one by one.

What must be true of them together is for `trading.services.rules` and `order_classes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

# Below both what the columns hold and what the engine's 64-bit prices and quantities hold.
PRICE_LIMIT = QUANTITY_LIMIT = NOTIONAL_LIMIT = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeProfit:
    """The exit of an order class that works at a better price: dollars a share."""

    limit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLoss:
    """The exit of an order class that waits at a worse price; with a limit price it is a stop_limit order."""

    stop_price: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The terms of an order as its owner gave them. Exactly one of quantity and notional is set.

    A simple order's class is the empty text. An oco's own price is that of its take-profit:
    `limit_price` stays None.
    """

    symbol: str
    side: str
    type: str
    time_in_force: str
    order_class: str
    quantity: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    extended_hours: bool
    position_intent: str  # empty: what the position asks for
    client_order_id: str | None  # None: we name it
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None  # of a trailing stop: either this, in dollars a share,
    trail_percent: Decimal | None = None  # or this: 1.5 is 1.5 %
    take_profit: TakeProfit | None = None
    stop_loss: StopLoss | None = None

    @property
    def is_fractional(self) -> bool:
        """Whether it may end in less than whole shares."""
        return self.quantity is None or is_fraction(self.quantity)

    @property
    def own_limit(self) -> Decimal | None:
        """The limit that the first order of it works with; None for a market order or a plain stop."""
        if self.order_class == "oco" and self.take_profit is not None:
            return self.take_profit.limit_price
        return self.limit_price


def is_fraction(quantity: Decimal) -> bool:
    """Return whether a number of shares is not whole."""
    return quantity != quantity.to_integral_value()
