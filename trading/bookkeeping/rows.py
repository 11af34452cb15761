"""What the books read: orders and positions as stored, in engine units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.engine.states import TERMINAL, restored
from matching.engine.types import Role

if TYPE_CHECKING:
    from uuid import UUID

    from matching.engine.states import Status

PAIRED = frozenset({"bracket", "oco"})  # classes with two exits


class BooksDisagree(Exception):
    """A decision does not fit the stored order or position: the matcher must start anew."""


@dataclass(slots=True, kw_only=True)
class OrderBook:
    """One stored order, as far as its books go.

    `is_buy` and `opens` (its position intent) mirror everything by data. `is_held` says that the
    wire calls it held, whatever its owner wishes meanwhile; `is_active` that it became new once.
    """

    id: UUID
    user_id: UUID
    account_id: UUID
    asset_id: UUID
    symbol: str
    is_buy: bool
    opens: bool
    status: Status
    quantity: int | None
    notional: int | None
    reserve_price: int
    cash_held: int
    quantity_held: int
    filled_quantity: int
    filled_money: int
    replaces: UUID | None
    replaced_filled_quantity: int | None
    request_id: str
    updated_at: int  # market time, ns: nothing that happens to the order is earlier
    cancel_request_id: str = ""  # of who asked last for its cancel
    order_class: str = ""
    role: Role | None = None
    parent: UUID | None = None
    is_held: bool = False
    is_active: bool = False
    is_triggered: bool = False
    accepted_ns: int | None = None

    @property
    def side(self) -> str:
        return "buy" if self.is_buy else "sell"

    @property
    def sign(self) -> int:
        """What a fill does to the position: 1 for a buy, -1 for a sell."""
        return 1 if self.is_buy else -1

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_second(self) -> bool:
        """Whether it is the stop-loss of a pair, for which its take-profit holds the shares."""
        return self.role is Role.STOP_LOSS and self.order_class in PAIRED

    @property
    def is_dormant(self) -> bool:
        """Whether it waits for its entry and holds what that has filled so far.

        A second exit may also be held beside a working one; it holds nothing either way.
        """
        return self.is_held and not self.is_second

    @property
    def natural_status(self) -> Status:
        """The status without what its owner wishes meanwhile."""
        if self.is_over:
            return self.status
        return restored(is_active=self.is_active, is_held=self.is_held, has_filled=bool(self.filled_quantity))


@dataclass(slots=True, kw_only=True)
class PositionBook:
    """One stored position: signed shares and what they cost, both negative for a short."""

    quantity: int = 0
    cost: int = 0
