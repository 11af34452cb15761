"""A symbol's recorded rows as columns, and how they are merged into `Items`.

The order within a symbol, on which golden runs rest: by time; at one time quotes, prints, auctions,
halts, resumptions; alike in both, as in its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import Items, Kind
from matching.market.errors import TapeInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ITEM_COLUMNS = ("seq", "at", "kind", "bid", "bid_size", "ask", "ask_size", "price", "size", "eligible")


@dataclass(frozen=True, slots=True)
class Quotes:
    """Full two-sided states in file order; price and size 0 mean that the side is absent."""

    at: NDArray[np.int64]
    bid: NDArray[np.int64]
    bid_size: NDArray[np.int64]
    ask: NDArray[np.int64]
    ask_size: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prints:
    """Prints in file order; `eligible` is 1 or 0. Where they are those of bars, `Kind.BAR` is among the kinds."""

    at: NDArray[np.int64]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    eligible: NDArray[np.int64]
    kind: NDArray[np.int64]

    @classmethod
    def all_trades(
        cls,
        at: NDArray[np.int64],
        price: NDArray[np.int64],
        size: NDArray[np.int64],
        eligible: NDArray[np.int64],
    ) -> Prints:
        """Return prints that are what they are, and no bars."""
        return cls(at, price, size, eligible, np.full(len(at), Kind.TRADE, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Events:
    """Auctions, halts and resumptions in file order; `kind` is a `Kind`, a halt has no price and size."""

    at: NDArray[np.int64]
    kind: NDArray[np.int64]
    price: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, int, int]]) -> Events:
        """Return rows of (at, kind, price, size)."""
        return cls(*columns_of(rows, 4))


def columns_of(rows: Sequence[tuple[int, ...]], width: int) -> NDArray[np.int64]:
    """Return rows of whole numbers as columns."""
    return np.array(rows, dtype=np.int64).reshape(-1, width).T.copy()


NO_QUOTES = Quotes(*columns_of((), 5))
NO_PRINTS = Prints.all_trades(*columns_of((), 4))
NO_EVENTS = Events.of(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One symbol's day as its source tells it.

    Where the prints are those of bars, no condition says which of them were auctions.
    """

    quotes: Quotes = NO_QUOTES
    prints: Prints = NO_PRINTS
    events: Events = NO_EVENTS
    is_bars: bool = False


def merge(recorded: Recorded) -> Items:
    """Return a symbol's day in the order above, numbered from 1."""
    quotes, prints, events = recorded.quotes, recorded.prints, recorded.events
    quoted, printed, happened = len(quotes.at), len(prints.at), len(events.at)
    no_print = np.zeros(quoted, dtype=np.int64)
    no_quote = np.zeros(printed + happened, dtype=np.int64)
    at = np.concatenate((quotes.at, prints.at, events.at))
    kind = np.concatenate((np.full(quoted, Kind.QUOTE, dtype=np.int64), prints.kind, events.kind))
    order = np.lexsort((order_of(kind), at))
    columns = [
        np.concatenate((quote_side, no_quote))
        for quote_side in (quotes.bid, quotes.bid_size, quotes.ask, quotes.ask_size)
    ]
    # Any other row shows the quote in force: that of the last quote row at or before it.
    prevailing = np.maximum.accumulate(np.where(order < quoted, order, -1))
    bid, bid_size, ask, ask_size = (np.where(prevailing >= 0, column[prevailing], 0) for column in columns)
    eligible = (np.ones(quoted, dtype=np.int64), prints.eligible, np.zeros(happened, dtype=np.int64))
    return Items(
        seq=np.arange(1, len(at) + 1, dtype=np.int64),
        at=at[order],
        kind=kind[order],
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        price=np.concatenate((no_print, prints.price, events.price))[order],
        size=np.concatenate((no_print, prints.size, events.size))[order],
        eligible=np.concatenate(eligible)[order],
    )


def order_of(kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what orders rows of one time; a bar's row stays among its prints."""
    return np.where(kind == Kind.BAR, Kind.TRADE, kind)


def cut(items: Items, rows: slice | NDArray[np.bool_]) -> Items:
    """Return some rows of the columns; a slice copies nothing."""
    return Items(*(getattr(items, name)[rows] for name in ITEM_COLUMNS))


def has_prints(items: Items) -> bool:
    """Return whether any print may fill resting orders and trigger stops (T1)."""
    return bool(((items.kind == Kind.TRADE) & (items.eligible == 1)).any())


def after_a_night(items: Items, opens_at: int) -> Items:
    """Begin a further day with the absence of a quote: what stood last night binds nobody today."""
    if not len(items):
        return items
    at = min(opens_at, int(items.at[0]))
    nothing = Items(
        **{
            name: np.array([{"at": at, "kind": Kind.QUOTE, "eligible": 1}.get(name, 0)], dtype=np.int64)
            for name in ITEM_COLUMNS
        }
    )
    return Items(*(np.concatenate((getattr(nothing, name), getattr(items, name))) for name in ITEM_COLUMNS))


def join(days: Sequence[Items]) -> Items:
    """Append days. Raises TapeInvalid when one runs into the next."""
    if len(days) == 1:
        return days[0]
    joined = Items(*(np.concatenate([getattr(day, name) for day in days]) for name in ITEM_COLUMNS))
    if (joined.at[1:] < joined.at[:-1]).any():
        raise TapeInvalid("one day of the tape runs into the next")
    return joined
