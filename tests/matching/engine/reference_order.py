"""One open order of the reference engine, and the arithmetic of its prices, by fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from matching.engine.types import TAKING, Model, Order, OrderType, Role, Session, Side, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable

AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
EXITS = (Role.TAKE_PROFIT, Role.STOP_LOSS)


def tick(price: int) -> int:
    return 100 if price >= 10_000 else 1


def to_tick(price: Fraction, rounded: Callable[[Fraction], int]) -> int:
    whole = rounded(price)
    return rounded(Fraction(whole, tick(whole))) * tick(whole)


@dataclass(eq=False)
class Open:
    """One open order."""

    order: Order
    quantity: int | None = None
    filled: int = 0
    money: int = 0
    active: bool = False
    queue: int | None = None
    came: int = -1  # the item with which it came to the market
    accepted_at: int = 0
    watermark: int | None = None
    waits_for_stop: bool = False
    on_its_way: bool = False

    def __post_init__(self) -> None:
        self.quantity = self.order.quantity
        self.watermark = self.order.watermark
        is_stop = self.order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
        self.waits_for_stop = is_stop and not self.order.is_triggered

    @property
    def rank(self) -> tuple[int, int]:
        return self.order.queue_priority or self.order.priority

    @property
    def buys(self) -> bool:
        return self.order.side is Side.BUY

    @property
    def bars(self) -> bool:
        return self.order.model is Model.BARS

    @property
    def has_queue(self) -> bool:
        return self.order.model is Model.DISPLAYED

    @property
    def is_auction(self) -> bool:
        return self.order.time_in_force in AUCTIONS

    @property
    def limit(self) -> int | None:
        """The limit it trades with, None for a market order."""
        if self.order.order_type is OrderType.STOP and self.buys:
            assert self.order.stop_price is not None
            above = Fraction(104, 100) if self.order.stop_price < 500_000 else Fraction(1025, 1000)
            return to_tick(self.order.stop_price * above, floor)
        return self.order.limit_price

    @property
    def stop(self) -> int | None:
        order = self.order
        if order.order_type is not OrderType.TRAILING_STOP:
            return order.stop_price
        if self.watermark is None:
            return None
        trail: int | Fraction | None = order.trail_price
        if trail is None:
            assert order.trail_percent is not None
            trail = Fraction(self.watermark * order.trail_percent, 1_000_000)
        if self.buys:
            at_least = to_tick(Fraction(self.watermark + 1), ceil)
            return max(to_tick(self.watermark + Fraction(trail), floor), at_least)
        at_most = to_tick(Fraction(self.watermark - 1), floor)
        return min(to_tick(self.watermark - Fraction(trail), ceil), at_most)

    @property
    def is_taker(self) -> bool:
        return self.limit is None or self.queue == TAKING

    @property
    def due_at(self) -> int:
        if self.waits_for_stop or self.order.role in EXITS:
            return 0
        return self.accepted_at + self.order.profile.latency_ms * 10**6

    def leaves(self) -> int | None:
        return None if self.quantity is None else self.quantity - self.filled

    def wants(self, price: int) -> int:
        if self.quantity is not None:
            return self.quantity - self.filled
        assert self.order.notional is not None
        affordable = (self.order.notional - self.money) // price
        if self.order.quantity_max is not None:
            return min(affordable, self.order.quantity_max - self.filled)
        return affordable

    def may_begin(self, session: Session) -> bool:
        if session is Session.CLOSED:
            return False
        return session is Session.REGULAR or self.order.extended_hours

    def may_trade(self, session: Session) -> bool:
        return self.may_begin(session) or self.order.time_in_force is TimeInForce.CLS

    @property
    def worst(self) -> int | None:
        return self.order.collar if self.limit is None else self.limit

    def accepts(self, price: int) -> bool:
        if self.worst is None:
            return True
        return price <= self.worst if self.buys else price >= self.worst

    def triggers_at(self, price: int) -> bool:
        stop = self.stop
        if stop is None or not self.waits_for_stop:
            return False
        return price >= stop if self.buys else price <= stop

    def slipped(self, touch: int) -> int:
        """Return the touch made worse for a taker."""
        bps = self.order.profile.slippage_bps
        if bps == 0:
            return touch
        if self.buys:
            worse = ceil(Fraction(touch * (10_000 + bps), 10_000))
            return worse if self.worst is None else min(worse, self.worst)
        worse = floor(Fraction(touch * (10_000 - bps), 10_000))
        return max(1, worse if self.worst is None else max(worse, self.worst))
