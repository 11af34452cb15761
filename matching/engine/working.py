"""An open order while the engine works it: its terms, and the progress that changes.

Invariants: filled never exceeds what was ordered; `priority` is unique among open orders and, with
the price, all that decides who is served first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from matching.engine.fills import MODELS
from matching.engine.queues import FAR
from matching.engine.triggers import STOPS, limit_of
from matching.engine.types import TAKING, Account, Order, Role, Side

if TYPE_CHECKING:
    from matching.engine.groups import Group
    from matching.engine.trails import Run


class Seat(Protocol):
    """A place in the market where an order stands."""

    def discard(self, working: WorkingOrder) -> None: ...


class WorkingOrder:
    """The mutable side of one `Order`. Prices are also kept as ranks, see `queues`.

    `account` says whose orders share an offer with it. `rank` and `is_market` are those of what a
    stop becomes. `met_seq` is the item with which it came to the market.
    """

    __slots__ = (
        "accepted_at",
        "account",
        "filled_money",
        "filled_quantity",
        "group",
        "is_active",
        "is_market",
        "is_open",
        "is_stop",
        "met_seq",
        "model",
        "order",
        "priority",
        "quantity",
        "queue_ahead",
        "rank",
        "run",
        "seat",
        "sign",
        "watermark",
    )

    def __init__(self, order: Order, account: Account) -> None:
        limit = limit_of(order)
        self.order = order
        self.account = account
        self.priority = order.queue_priority or order.priority
        self.sign = 1 if order.side is Side.BUY else -1
        self.is_market = limit is None
        worst = order.collar if limit is None else limit
        self.rank = FAR if worst is None else self.sign * worst
        self.model = MODELS[order.model]
        self.quantity = order.quantity
        self.filled_quantity = order.filled_quantity
        self.filled_money = order.filled_money
        self.queue_ahead = order.queue_ahead
        self.watermark = order.watermark  # out of date while it stands in a run
        self.is_active = order.is_active
        self.is_stop = order.order_type in STOPS and not order.is_triggered
        self.accepted_at = order.accepted_at or 0
        self.is_open = True
        self.met_seq = -1
        self.seat: Seat | None = None
        self.run: Run | None = None
        self.group: Group | None = None

    @property
    def is_taker(self) -> bool:
        """Whether it still takes at the touch: a market order, or a limit that never rested."""
        return self.is_market or self.queue_ahead == TAKING

    @property
    def is_dormant(self) -> bool:
        """Whether it waits for its entry (C1)."""
        group = self.group
        return group is not None and group.entry is not None and group.entry is not self

    @property
    def is_held(self) -> bool:
        """Whether the wire calls it held: dormant, or a stop-loss beside its take-profit (C1)."""
        is_second = self.order.role is Role.STOP_LOSS and self.is_stop
        return self.is_dormant or (is_second and self.sibling is not None)

    @property
    def sibling(self) -> WorkingOrder | None:
        """The other open exit of its group, if it is one of two."""
        if self.group is None:
            return None
        return next((exit_ for exit_ in self.group.exits if exit_ is not self), None)

    @property
    def leaves_quantity(self) -> int | None:
        """What is unfilled, in 1e-9 share; None for a notional order."""
        return None if self.quantity is None else self.quantity - self.filled_quantity

    def wanted(self, price: int) -> int:
        """Return what it may still trade at a price, in 1e-9 share.

        For a notional order this is what the rest of its money buys, rounded down, and no more than
        `quantity_max` in all (N2): a sale cannot give more shares than it holds.
        """
        if self.quantity is not None:
            return self.quantity - self.filled_quantity
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
