"""The newest quote, print and bar of a symbol that a caller may see.

The one way to it: who shows a price to somebody (a snapshot, a dashboard, an explanation) asks here,
with that person's entitlement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import Kind, Quote, Trade
from matching.market.candles import MINUTE, Bars
from matching.market.latest import Latest, latest_many
from matching.market.times import new_york_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.engine.types import Items
    from trading.marketdata.entitlement import Entitlement
    from trading.marketdata.markets import MarketView

_PIECES = 50  # of the past that are looked through, the newest first
_DAYS = 10  # calendar days with two trading days among them


def latest_of(
    view: MarketView, symbols: Sequence[str], entitlement: Entitlement, feed: str = ""
) -> dict[str, Latest]:
    """Return what a caller may know of these symbols now; those of which nothing is known are left out.

    `previous_close` is not told. A market that goes on by itself is read from where its hub writes;
    everything else is found in its past.
    """
    known = sorted(view.symbols.intersection(symbols))
    until = entitlement.visible_until(view.now, feed)
    if until >= view.now and not view.is_tape and (published := latest_many(view.market_id, known)):
        return published
    first = entitlement.visible_from(view.now, view.history.present_from)
    found = {symbol: _latest(view, symbol, first, until) for symbol in known}
    return {symbol: latest for symbol, latest in found.items() if latest.quote or latest.trade}


def latest_minutes(
    view: MarketView, symbols: Sequence[str], entitlement: Entitlement, feed: str = ""
) -> dict[str, Bars]:
    """Return the newest minute bar of each symbol that is over, one row each."""
    until = entitlement.visible_until(view.now, feed)
    first = entitlement.visible_from(view.now, view.history.present_from)
    found = {}
    for symbol in sorted(view.symbols.intersection(symbols)):
        pieces = view.history.minutes(symbol, first, until - MINUTE, newest_first=True)
        for _, piece in zip(range(_PIECES), pieces, strict=False):
            if len(piece.rows):
                found[symbol] = piece.rows.rows(slice(-1, None))
                break
    return found


def latest_days(view: MarketView, symbol: str, entitlement: Entitlement, feed: str = "") -> list[Bars]:
    """Return the day bars of the newest day and of the one before, as far as there are any, newest first."""
    until = entitlement.visible_until(view.now, feed)
    first = entitlement.visible_from(view.now, view.history.present_from)
    if symbol not in view.symbols or first > until:
        return []
    found: list[Bars] = []
    today = new_york_date(until)
    earliest = max(new_york_date(first), today.fromordinal(today.toordinal() - _DAYS))
    for piece in view.history.days(symbol, earliest, today, until, newest_first=True):
        for row in range(len(piece.rows) - 1, -1, -1):
            found.append(piece.rows.rows(slice(row, row + 1)))
            if len(found) == 2:  # noqa: PLR2004 - today's and the one before
                return found
    return found


def _latest(view: MarketView, symbol: str, first: int, until: int) -> Latest:
    quote: Quote | None = None
    trade: Trade | None = None
    status: int | None = None  # nothing prints while a symbol is halted: its halt is not older than its print
    pieces = view.history.ticks(symbol, first, until, newest_first=True)
    for _, piece in zip(range(_PIECES), pieces, strict=False):
        quote = quote or _last_quote(piece.rows)
        trade = trade or _last_trade(piece.rows)
        status = status or _last_status(piece.rows)
        if quote and trade:
            break
    return Latest(quote=quote, trade=trade, is_halted=status == Kind.HALT)


def _last_status(items: Items) -> int | None:
    rows = np.flatnonzero((items.kind == Kind.HALT) | (items.kind == Kind.RESUME))
    return int(items.kind[rows[-1]]) if len(rows) else None


def _last_quote(items: Items) -> Quote | None:
    rows = np.flatnonzero(items.kind == Kind.QUOTE)
    if not len(rows):
        return None
    columns = ("seq", "at", "bid", "bid_size", "ask", "ask_size")
    return Quote(**{name: int(getattr(items, name)[rows[-1]]) for name in columns})


def _last_trade(items: Items) -> Trade | None:
    rows = np.flatnonzero((items.kind == Kind.TRADE) & (items.eligible == 1))
    if not len(rows):
        return None
    seq, at, price, size = (
        int(column[rows[-1]]) for column in (items.seq, items.at, items.price, items.size)
    )
    return Trade(seq=seq, at=at, price=price, size=size)
