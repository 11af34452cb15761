"""What one symbol displays: its best bid and offer, what accounts already took of each, and its last bar.

Invariants: a side offers its size anew exactly when its price or size changes (L1), and is then
known by the sequence of the quote that changed it; nobody takes more from it than it shows, but
for the model `instant`, which does not ask.

Source: matching/decisions/0001-offers.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from matching.engine.types import WHOLE

if TYPE_CHECKING:
    from matching.engine.types import Account


class Offer:
    """One displayed side; a price of 0 means that it is absent. `seq` is its identity."""

    __slots__ = ("_taken", "price", "seq", "size")

    def __init__(self) -> None:
        self.price = 0
        self.size = 0
        self.seq = 0
        self._taken: dict[Account, int] = {}

    def show(self, price: int, size: int, seq: int) -> None:
        """Display a side as of `seq`: the same price and size is still the same offer."""
        if price != self.price or size != self.size:
            self.renew(price, size, seq)

    def renew(self, price: int, size: int, seq: int) -> None:
        """Offer a size anew as of `seq`, whatever was displayed before."""
        self.price, self.size, self.seq = price, size, seq
        if self._taken:
            self._taken = {}

    def left(self, account: Account, rate: int = WHOLE) -> int:
        """Return what the account has not yet taken of a part of the size, in 1e-9 share, rounded down."""
        return max(0, self.size * rate // WHOLE - self._taken.get(account, 0))

    def take(self, account: Account, quantity: int) -> None:
        """Count what the account took."""
        self._taken[account] = self._taken.get(account, 0) + quantity


class BarRange(NamedTuple):
    """The extremes of a bar whose prints come at the market time `at`."""

    at: int
    nearer: int
    farther: int


class Touch:
    """Both sides, the market time of the last quote (None before the first), and the last bar."""

    __slots__ = ("ask", "at", "bar", "bid")

    def __init__(self) -> None:
        self.bid = Offer()
        self.ask = Offer()
        self.at: int | None = None
        self.bar: BarRange | None = None

    def show(self, seq: int, at: int, bid: int, bid_size: int, ask: int, ask_size: int) -> None:
        """Take over a quote."""
        self.at = at
        self.bid.show(bid, bid_size, seq)
        self.ask.show(ask, ask_size, seq)

    def own(self, sign: int) -> Offer:
        """Return the side that buyers (sign 1) or sellers (-1) queue on."""
        return self.bid if sign > 0 else self.ask

    def opposite(self, sign: int) -> Offer:
        """Return the side that buyers (sign 1) or sellers (-1) take from."""
        return self.ask if sign > 0 else self.bid

    @property
    def is_crossed(self) -> bool:
        """Whether the bid is above the ask (L4); a locked quote is good (L5)."""
        return self.bid.price > self.ask.price > 0
