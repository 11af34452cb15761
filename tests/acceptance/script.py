"""What the acceptance tests' bot does on the recorded day, as a table: when, and which orders.

Prices are written as distances from the touch of their instant; `resolved` looks that touch up in
the raw tape. Every label becomes the client_order_id of its order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True)
class Near:
    """A price some cents from a side of the touch; `BID - 3` is three cents below the bid."""

    side: str
    cents: int = 0

    def __add__(self, cents: int) -> Near:
        return Near(self.side, self.cents + cents)

    def __sub__(self, cents: int) -> Near:
        return Near(self.side, self.cents - cents)


BID, ASK = Near("bid"), Near("ask")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One new order: `quantity` in shares or `notional` in dollars; without a limit at the market."""

    label: str
    side: str
    quantity: Decimal | None = None
    notional: Decimal | None = None
    limit: Near | Decimal | None = None
    time_in_force: str = "day"
    extended_hours: bool = False


@dataclass(frozen=True)
class Cancel:
    label: str


@dataclass(frozen=True, kw_only=True)
class Replace:
    """A new total quantity, or limit, or both, for an open order; `label` is the successor's."""

    old: str
    label: str
    quantity: Decimal | None = None
    limit: Near | Decimal | None = None


@dataclass(frozen=True)
class CancelAll:
    pass


Action = Place | Cancel | Replace | CancelAll
Step = tuple[str, list[Action]]  # New York time


class Desk(Protocol):
    """Whatever the script can be played on: the expectation, or the broker."""

    def advance(self, ms: int) -> None: ...
    def act(self, action: Action) -> None: ...


def buy(
    label: str, quantity: str, limit: Near | None = None, tif: str = "day", *, extended: bool = False
) -> Place:
    return Place(
        label=label,
        side="buy",
        quantity=Decimal(quantity),
        limit=limit,
        time_in_force=tif,
        extended_hours=extended,
    )


def sell(
    label: str, quantity: str, limit: Near | None = None, tif: str = "day", *, extended: bool = False
) -> Place:
    return replace(buy(label, quantity, limit, tif, extended=extended), side="sell")


def amount(side: str, label: str, notional: str) -> Place:
    return Place(label=label, side=side, notional=Decimal(notional))


def change(old: str, label: str, quantity: str | None = None, limit: Near | None = None) -> Replace:
    return Replace(
        old=old, label=label, quantity=None if quantity is None else Decimal(quantity), limit=limit
    )


def ms_of(clock: str) -> int:
    """Return "09:30:00.125" as milliseconds since midnight."""
    hours, minutes, seconds = clock.split(":")
    return int((Decimal(hours) * 3600 + Decimal(minutes) * 60 + Decimal(seconds)) * 1000)


def play(steps: list[Step], desk: Desk) -> None:
    """Move to each step's instant, then do what it says, one thing after the other."""
    for clock, actions in steps:
        desk.advance(ms_of(clock))
        for action in actions:
            desk.act(action)


DAY: list[Step] = [
    # Before the open: what may not trade yet waits, what asks for extended hours takes at once.
    ("09:00:00", [
        buy("before-open-market", "150"),
        buy("before-open-limit", "100", BID + 30),
        buy("before-open-canceled", "10", BID),
        buy("pre-market-takes", "60", ASK, extended=True),
        Cancel("before-open-canceled"),
    ]),
    ("09:29:59.999", []),
    ("09:30:00", []),
    ("09:31:00", []),
    # What was bought is sold: by a market order, and by a limit that takes.
    ("09:45:00", [
        sell("sells-at-market", "150"),
        sell("sells-marketable", "150", BID),
    ]),
    ("09:54:00", [buy("queues-for-prints", "250", BID)]),
    ("09:55:00", [sell("sells-more-than-shown", "250")]),
    # One offer is there once, for all the orders of the account together.
    ("10:00:00", [
        buy("takes-from-the-offer", "120"),
        buy("wants-more-than-shown", "150"),
        buy("ioc-finds-nothing-left", "10", ASK, "ioc"),
        buy("fok-finds-nothing-left", "10", ASK, "fok"),
    ]),
    ("10:00:30", [
        buy("fok-fits", "50", ASK + 2, "fok"),
        buy("fok-too-large", "160", ASK, "fok"),
        buy("ioc-in-part", "170", ASK, "ioc"),
    ]),
    # A part filled order is replaced by one that asks for the rest of a smaller total.
    ("10:01:00", [
        sell("sells-large", "150"),
        sell("queues-at-ask", "250", ASK, "gtc"),
    ]),
    ("10:02:00", [change("queues-at-ask", "rest-keeps-place", quantity="220")]),
    # Fractions, and amounts of money.
    ("10:05:00", [
        buy("fraction", "1.25"),
        buy("fraction-at-limit", "2.000000005", BID),
        amount("buy", "amount", "1000"),
        amount("buy", "amount-with-cents", "333.33"),
    ]),
    # Resting purchases: at the touch, behind it, inside the spread; with a place in the queue.
    ("10:20:00", [
        buy("rests-at-touch", "90", BID),
        buy("rests-behind", "80", BID - 4, "gtc"),
        buy("rests-inside", "70", BID + 1),
        buy("rests-far-behind", "20", BID - 200, "gtc"),
        buy("rests-second-at-touch", "40", BID, "gtc"),
        buy("never-reached", "5", BID - 300),
    ]),
    ("10:20:01", [change("rests-at-touch", "smaller-keeps-place", quantity="50")]),
    ("10:20:05.500", []),
    ("10:21:00", [change("rests-behind", "higher-loses-place", limit=BID)]),
    ("10:30:00", []),
    ("10:45:00", [change("rests-far-behind", "larger-and-marketable", quantity="30", limit=ASK + 1)]),
    ("10:57:00", [sell("takes-again-and-again", "250", BID)]),
    ("11:02:00", [
        CancelAll(),
        buy("for-what-comes", "120"),
    ]),
    # Resting sales, the same way.
    ("11:10:00", [
        sell("offers-at-touch", "60", ASK),
        sell("offers-behind", "50", ASK + 5, "gtc"),
        sell("offers-inside", "40", ASK - 1),
        sell("offers-fraction", "1.5", ASK + 2),
        sell("offers-too-high", "10", ASK + 300, "gtc"),
        amount("sell", "amount-sold", "500"),
        sell("ioc-sale", "30", BID, "ioc"),
        sell("fok-sale", "10", BID, "fok"),
    ]),
    ("11:10:10", [change("offers-behind", "offers-less-behind", quantity="40")]),
    ("11:25:00", []),
    # A limit order too large for one offer takes while it is marketable, then rests and queues.
    ("11:39:00", [buy("taker-becomes-maker", "250", ASK)]),
    ("12:30:00", [CancelAll()]),
    ("15:45:00", [sell("sells-most-of-it", "280")]),
    # The close ends day orders, not gtc orders; what comes later waits or trades after hours.
    ("15:50:00", [
        sell("day-order-expires", "10", ASK + 300),
        sell("gtc-outlives-the-day", "10", ASK + 400, "gtc"),
    ]),
    ("16:00:00", []),
    ("16:01:40", [
        sell("after-hours-takes", "10", BID, extended=True),
        sell("after-close-waits", "5", ASK + 500),
    ]),
    ("17:00:00", []),
    ("20:00:00", [CancelAll()]),
]  # fmt: skip

ORDERS = sum(isinstance(action, Place | Replace) for _, actions in DAY for action in actions)


def actions_of(steps: list[Step]) -> int:
    """Return how many things a script does, each advance counted as one."""
    return sum(1 + len(actions) for _, actions in steps)


def number_of(label: str, steps: list[Step]) -> int:
    """Return which of the things that a script does makes this order, counted from 1."""
    done: list[Action | None] = [thing for _, actions in steps for thing in (None, *actions)]
    (number,) = (
        number
        for number, thing in enumerate(done, start=1)
        if isinstance(thing, Place | Replace) and thing.label == label
    )
    return number
