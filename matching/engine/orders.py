"""What an owner asks for: an order's terms, its place in a group, and the profile that it froze.

Invariants: values are immutable, hold no float, and know no person: `account` is an opaque key
that says whose orders share an offer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matching.engine.units import Account, GroupId, OrderId

TAKING = -1  # `queue_ahead` of a limit order that has not rested yet: it still takes at the touch


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    DAY = "day"
    GTC = "gtc"
    OPG = "opg"
    CLS = "cls"
    IOC = "ioc"
    FOK = "fok"


class Role(StrEnum):
    """What an order is to the others of its group (C1 to C3).

    A bracket is an entry with both exits, oto an entry with one of them, oco both without an entry.
    """

    ENTRY = "entry"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"


class Model(StrEnum):
    """A named fill model; its parameters travel with it in `Order.profile`."""

    DISPLAYED = "displayed"
    INSTANT = "instant"
    BARS = "bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The parameters of an order's model, frozen at acceptance. Rates are parts in 10,000.

    `participation`: how much of a print's size `bars` may take. `slippage_bps`: how much worse than
    the touch a taker fills, never beyond its limit. `latency_ms`: from acceptance until an order
    meets the market. `commission`: 1/10,000 dollar for each share. `reject_rate`, `partial_rate`:
    the chance of an order to be rejected, of a fill to be cut to a random part. `seed` is the
    account's, for these two.
    """

    participation: int = 1_000
    slippage_bps: int = 0
    latency_ms: int = 0
    commission: int = 0
    reject_rate: int = 0
    partial_rate: int = 0
    seed: int = 0


PLAIN = Profile()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The terms of one order, and how far it had come when the engine was given it.

    Exactly one of `quantity` and `notional` (money) is set. `account` groups the orders that
    share an offer: with contention off it is the owner's account, with contention on one value
    for everybody. `priority` orders acceptance: (stamp sequence, command number), unique.

    A trailing stop has either `trail_price` or `trail_percent` (1/10,000 percent: 1.5 % is 15,000).
    opg and cls have `cut_off_at`, the market time from which they can no longer be entered,
    canceled or replaced. Members of an order class share a `group` and each have a `role`.

    The last fields are progress: a new order leaves them at their defaults, a restart gives them
    back as the decisions, `Engine.drain_queues` and `Engine.drain_watermarks` told them. What an
    order wants in all is `filled_quantity` plus the `leaves_quantity` of its last decision.
    """

    order_id: OrderId
    account: Account
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    priority: tuple[int, int]
    quantity: int | None = None
    notional: int | None = None
    limit_price: int | None = None
    collar: int | None = None  # of a market order: the worst price that it takes; beyond it, it waits
    quantity_max: int | None = None  # of a notional order: what it may trade at most, in 1e-9 share
    stop_price: int | None = None
    trail_price: int | None = None
    trail_percent: int | None = None
    extended_hours: bool = False
    expires_at: int | None = None  # gtc: when age ends it; market time
    cut_off_at: int | None = None  # opg, cls; market time
    group: GroupId | None = None
    role: Role | None = None
    model: Model = Model.DISPLAYED
    profile: Profile = PLAIN
    filled_quantity: int = 0
    filled_money: int = 0
    queue_ahead: int | None = None  # R3; None while behind the touch; TAKING before it rests
    queue_priority: tuple[int, int] | None = None  # R4: the place kept from the replaced order
    is_active: bool = False  # False while accepted (S2, latency) or held (C1)
    is_triggered: bool = False  # T1: a stop that has become what it becomes
    watermark: int | None = None  # T3; None before the first print since acceptance
    accepted_at: int | None = None  # market time of its first decision; latency counts from it
