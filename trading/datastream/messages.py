"""From a market's items and bars to the messages of the stream. Spec of the wire: 6.4."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from matching.engine.types import Kind
from trading.datastream.frames import Told
from trading.marketdata import bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matching.engine.types import Items
    from matching.market.candles import Bars
    from matching.market.history import History
    from trading.datastream.frames import Body
    from trading.marketdata.bodies import Listing

_STATUSES = {
    Kind.HALT: ("H", "Trading Halt", "T12", "Trading Halted"),
    Kind.RESUME: ("T", "Trading Resumption", "T3", "News and Resumption Times"),
}
_BAR_TYPES = {"bars": "b", "dailyBars": "d"}


def of_items(symbol: str, items: Items, listing: Listing, history: History) -> Iterator[Told]:
    """Yield the messages of one symbol's items. Auctions have none: their trades are on the tape.

    A print has the number that `history`, its market's, knows it by.
    """
    columns = (getattr(items, name).tolist() for name in items.__slots__)
    for seq, at, kind, bid, bid_size, ask, ask_size, price, size, eligible in zip(*columns, strict=True):
        if kind == Kind.QUOTE:
            make = partial(_quote, symbol, bid, bid_size, ask, ask_size, listing)
            yield Told("quotes", symbol, at, make, order=seq)
        elif kind == Kind.TRADE:
            make = partial(_trade, symbol, history.print_id(at, seq), price, size, bool(eligible), listing)
            yield Told("trades", symbol, at, make, order=seq)
        elif kind in _STATUSES:
            yield Told("statuses", symbol, at, partial(_status, symbol, Kind(kind), listing), order=seq)


def of_bars(channel: str, symbol: str, bars: Bars) -> Iterator[Told]:
    """Yield the messages of one symbol's bars, for the channel "bars" or "dailyBars"."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.turnover, bars.count)
    figures = zip(*(column.tolist() for column in columns), strict=True)
    for at, bar in zip(bars.at.tolist(), figures, strict=True):
        yield Told(channel, symbol, at, _bar(_BAR_TYPES[channel], symbol, bar))


def _quote(symbol: str, bid: int, bid_size: int, ask: int, ask_size: int, listing: Listing, at: Any) -> Body:
    return {"T": "q", "S": symbol, **bodies.quote(at, bid, bid_size, ask, ask_size, listing=listing)}


def _trade(symbol: str, seq: int, price: int, size: int, eligible: bool, listing: Listing, at: Any) -> Body:
    body = bodies.trade(at, seq, price, size, eligible=eligible, listing=listing)
    return {"T": "t", "S": symbol, **body}


def _status(symbol: str, kind: Kind, listing: Listing, at: Any) -> Body:
    code, message, reason, words = _STATUSES[kind]
    return {
        "T": "s",
        "S": symbol,
        "t": at,
        "sc": code,
        "sm": message,
        "rc": reason,
        "rm": words,
        "z": listing.tape,
    }


def _bar(letter: str, symbol: str, figures: tuple[Any, ...]) -> Callable[[Any], Body]:
    return lambda at: {"T": letter, "S": symbol, **bodies.bar(at, *figures)}
