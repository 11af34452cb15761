"""The engine's vocabulary: what goes in (items, orders) and what comes out (decisions).

Units, everywhere in `matching`:
    price     int, 1/10,000 dollar; 0 means "this side is absent"
    quantity  int, 1e-9 share
    money     int, 1e-13 dollar, so that price x quantity is exact
    time      int, nanoseconds since 1970-01-01T00:00:00Z, market time
    sequence  int, position in the market's one total order of items

Invariants: values are immutable, hold no float, and know no person: `account` is an opaque
key that says whose orders share an offer.

Source: the rule ids (L1, R2, S1, ...) are those of the fill model, docs in matching/decisions.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


DOLLAR = 10_000  # price units
SHARE = 1_000_000_000  # quantity units
MONEY = DOLLAR * SHARE  # money units in one dollar
CENT = 100  # price units

OrderId = Hashable
Account = Hashable

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


class Session(StrEnum):
    CLOSED = "closed"
    PRE = "pre"
    REGULAR = "regular"
    POST = "post"


class Kind(int, Enum):
    """What one row of `Items` is."""

    QUOTE = 1
    TRADE = 2


class Model(StrEnum):
    """A named fill model; its parameters travel with it in `Order.model_parameters`."""

    DISPLAYED = "displayed"
    INSTANT = "instant"


MODEL_VERSION = 1  # of the rules in this package; every fill keeps the version that made it


class Rule(StrEnum):
    """Why a decision was made: the rule ids of the fill model."""

    TAKE = "L2"  # marketable on arrival, or a waiting taker met a new offer
    THROUGH = "R2"  # the market came to a resting limit, or a print went through it
    QUEUE = "R3"  # a print at the limit, after the queue ahead was used up
    TIME_IN_FORCE = "S1"  # the session's close ended a day order, or age a gtc order
    SESSION = "S2"  # waits for, or becomes new at, the session it may trade in
    COMMAND = "C0"  # the owner asked: place, cancel, replace
    IMMEDIATE = "L2-ioc"  # ioc or fok: what could not trade at once was canceled
    QUARANTINE = "Q0"  # its decisions could not be booked: taken out, so that all others go on
    NOTIONAL = "N2"  # what is left of a notional order buys less than 1e-9 share


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The best bid and offer after one update; a price of 0 means that the side is absent."""

    seq: int
    at: int
    bid: int
    bid_size: int
    ask: int
    ask_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One print. Only an `eligible` one may fill resting orders or trigger stops."""

    seq: int
    at: int
    price: int
    size: int
    eligible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """The market enters `session`; `ends_at` is when that session is over."""

    seq: int
    at: int
    session: Session
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """One symbol's quotes and prints in sequence order, as equal-length int64 columns.

    On a quote row `bid .. ask_size` are the full state after the update and `price`, `size`
    are 0. On a trade row they are the prevailing quote, so that every row can be scanned alike.
    `eligible` is 1 on quote rows and on prints that may fill and trigger, else 0.
    """

    seq: NDArray[np.int64]
    at: NDArray[np.int64]
    kind: NDArray[np.int64]
    bid: NDArray[np.int64]
    bid_size: NDArray[np.int64]
    ask: NDArray[np.int64]
    ask_size: NDArray[np.int64]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    eligible: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The next piece of a market: at most one session change, and it comes before the items.

    `seq` and `at` say how far the market is known to have come when the chunk is done, which
    may be beyond its last item. A chunk that `is_repeat` tells how a live market stands after
    something was missed: its quotes and its session may be older than what was seen before.
    """

    seq: int
    at: int
    is_repeat: bool = False
    session: SessionChange | None = None
    items: dict[str, Items] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The terms of one order, and how far it had come when the engine was given it.

    Exactly one of `quantity` and `notional` (money) is set. `account` groups the orders that
    share an offer: with contention off it is the owner's account, with contention on one value
    for everybody. `priority` orders acceptance: (stamp sequence, command number), unique.

    The last fields are progress: a new order leaves them at their defaults, a restart gives them
    back as the decisions and `Engine.drain_queues` told them.
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
    extended_hours: bool = False
    expires_at: int | None = None  # gtc: when age ends it; market time
    model: Model = Model.DISPLAYED
    filled_quantity: int = 0
    filled_money: int = 0
    queue_ahead: int | None = None  # R3; None while behind the touch; TAKING before it rests
    queue_priority: tuple[int, int] | None = None  # R4: the place kept from the replaced order
    is_active: bool = False  # False while accepted and waiting for its session (S2)


class Event(StrEnum):
    """What a decision does to an order; the words of the wire's trade updates.

    The engine decides the first group. The second is what others do to an order's status: the
    edge asks (pending_*), an order class holds, a calendar ends the day.
    """

    ACCEPTED = "accepted"
    NEW = "new"
    PARTIAL_FILL = "partial_fill"
    FILL = "fill"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    REPLACE_REJECTED = "order_replace_rejected"
    CANCEL_REJECTED = "order_cancel_rejected"

    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    HELD = "held"
    DONE_FOR_DAY = "done_for_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One thing that happened to one order, in the order in which it happened.

    `seq` and `at` are those of the item that caused it, or, for a command, of the last item
    seen before it. The fill fields are set for PARTIAL_FILL and FILL alone: `offer_seq` is the
    sequence of the quote or print whose size was taken, `is_print` says which of the two,
    `bid` .. `ask_size` the prevailing quote, and `queue_before` R3's queue ahead of it.
    `leaves_quantity` is what is unfilled after it, also where that remainder has just ended.
    """

    order_id: OrderId
    symbol: str
    event: Event
    rule: Rule
    seq: int
    at: int
    quantity: int = 0
    price: int = 0
    leaves_quantity: int | None = None  # None for a notional order
    offer_seq: int | None = None
    is_print: bool = False
    offered: int | None = None  # size shown or printed
    bid: int = 0
    bid_size: int = 0
    ask: int = 0
    ask_size: int = 0
    queue_before: int | None = None
    queue_priority: tuple[int, int] | None = None  # R4, on NEW or ACCEPTED of a successor
