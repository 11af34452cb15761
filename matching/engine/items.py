"""What a market sends, in one total order: quotes, prints, auctions, halts, sessions.

Invariants: values are immutable and hold no float. Items of one symbol travel as columns.

Source: the rule ids (L1, S4, ...) are those of the fill model, docs in matching/decisions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Session(StrEnum):
    CLOSED = "closed"
    PRE = "pre"
    REGULAR = "regular"
    POST = "post"


class Kind(int, Enum):
    """What one row of `Items` is. Only quotes and prints are many: the others are looked at one by one.

    A row of an auction carries the official price and size in `price` and `size`. On rows of a halt
    and of its end both are 0. A row of a bar stands between the prints of its open and of its nearer
    extreme and tells what is to come: the nearer extreme in `price`, the farther one, a price too, in
    `size` (C4). `eligible` is 0 on all of these.
    """

    QUOTE = 1
    TRADE = 2
    OPENING_AUCTION = 3
    CLOSING_AUCTION = 4
    HALT = 5
    RESUME = 6
    BAR = 7


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
class Auction:
    """The primary exchange's official opening or closing print (S3)."""

    seq: int
    at: int
    is_opening: bool
    price: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Trading in the symbol stops, or goes on (S4)."""

    seq: int
    at: int
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The next prints of this moment are a bar's: it comes to `nearer`, as far from the open, then to `farther`."""

    seq: int
    at: int
    nearer: int
    farther: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """The market enters `session`; `ends_at` is when that session is over."""

    seq: int
    at: int
    session: Session
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """One symbol's items in sequence order, as equal-length int64 columns.

    On a quote row `bid .. ask_size` are the full state after the update and `price`, `size`
    are 0. On any other row they are the prevailing quote, so that every row can be scanned alike.
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
