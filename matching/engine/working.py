"""An open order while the engine works it: its terms, and the progress that changes.

Invariants: filled never exceeds what was ordered; `priority` is unique among open orders and, with
the price, all that decides who is served first.
"""

from __future__ import annotations

from matching.engine.fills import MODELS
from matching.engine.queues import FAR
from matching.engine.types import TAKING, Account, Order, OrderType, Side


class WorkingOrder:
    """The mutable side of one `Order`. Prices are also kept as ranks, see `queues`.

    `account` says whose orders share an offer with it.
    """

    __slots__ = (
        "account",
        "filled_money",
        "filled_quantity",
        "is_active",
        "is_market",
        "model",
        "order",
        "priority",
        "queue_ahead",
        "rank",
        "sign",
    )

    def __init__(self, order: Order, account: Account) -> None:
        self.order = order
        self.account = account
        self.priority = order.queue_priority or order.priority
        self.sign = 1 if order.side is Side.BUY else -1
        self.is_market = order.order_type is OrderType.MARKET
        worst = order.collar if self.is_market else order.limit_price
        self.rank = FAR if worst is None else self.sign * worst
        self.model = MODELS[order.model]
        self.filled_quantity = order.filled_quantity
        self.filled_money = order.filled_money
        self.queue_ahead = order.queue_ahead
        self.is_active = order.is_active

    @property
    def is_taker(self) -> bool:
        """Whether it still takes at the touch: a market order, or a limit that never rested."""
        return self.is_market or self.queue_ahead == TAKING

    @property
    def leaves_quantity(self) -> int | None:
        """What is unfilled, in 1e-9 share; None for a notional order."""
        quantity = self.order.quantity
        return None if quantity is None else quantity - self.filled_quantity

    def wanted(self, price: int) -> int:
        """Return what it may still trade at a price, in 1e-9 share.

        For a notional order this is what the rest of its money buys, rounded down, and no more than
        `quantity_max` in all (N2): a sale cannot give more shares than it holds.
        """
        if self.order.quantity is not None:
            return self.order.quantity - self.filled_quantity
        assert self.order.notional is not None
        affordable = (self.order.notional - self.filled_money) // price
        most = self.order.quantity_max
        return affordable if most is None else min(affordable, most - self.filled_quantity)

    def fill(self, quantity: int, price: int) -> bool:
        """Count a fill and return whether the order is done with it."""
        is_done = quantity == self.wanted(price)
        self.filled_quantity += quantity
        self.filled_money += quantity * price
        return is_done
