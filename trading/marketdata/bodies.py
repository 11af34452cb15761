"""Quotes, trades and bars as the wire shows them: JSON numbers, sizes in shares. Spec of the wire: 6.2.

Our tapes do not tell where a quote stood or a print was made: both carry the letter of the exchange
that lists the symbol. Nor do they keep conditions: a print that may fill is regular (`@`), any other
carries `I`, which clients leave out of prices already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matching.engine.types import DOLLAR, SHARE, Kind
from matching.market.times import rfc3339
from trading import reference

if TYPE_CHECKING:
    from matching.engine.types import Items, Quote, Trade
    from matching.market.candles import Bars
    from matching.market.history import History

Body = dict[str, Any]

EXCHANGES = {
    "A": "NYSE American (AMEX)",
    "B": "NASDAQ OMX BX",
    "C": "National Stock Exchange",
    "D": "FINRA ADF",
    "E": "Market Independent",
    "H": "MIAX",
    "I": "International Securities Exchange",
    "J": "Cboe EDGA",
    "K": "Cboe EDGX",
    "L": "Long Term Stock Exchange",
    "M": "Chicago Stock Exchange",
    "N": "New York Stock Exchange",
    "P": "NYSE Arca",
    "Q": "NASDAQ OMX",
    "S": "NASDAQ Small Cap",
    "T": "NASDAQ Int",
    "U": "Members Exchange",
    "V": "IEX",
    "W": "CBOE",
    "X": "NASDAQ OMX PSX",
    "Y": "Cboe BYX",
    "Z": "Cboe BZX",
}
TRADE_CONDITIONS = {"@": "Regular Sale", "I": "Odd Lot Trade, or another that does not make the last price"}
QUOTE_CONDITIONS = {"R": "Regular, Two-Sided Open"}

_LETTERS = {"NYSE": "N", "NASDAQ": "Q", "ARCA": "P", "NYSEARCA": "P", "AMEX": "A", "BATS": "Z"}
_TAPES = {"NYSE": "A", "NASDAQ": "C", "OTC": "O"}  # every other exchange reports on tape B

_REGULAR, _OTHER, _FIRM = ["@"], ["@", "I"], ["R"]
_OFFICIAL = {Kind.OPENING_AUCTION: "Q", Kind.CLOSING_AUCTION: "M"}  # official open, official close
_VWAP_PLACES = 6


@dataclass(frozen=True, slots=True)
class Listing:
    """Where a symbol is listed: the exchange's letter, and the tape it reports on."""

    exchange: str
    tape: str

    @classmethod
    def of(cls, symbol: str) -> Listing:
        """Return a symbol's listing, NYSE's where it is no asset of ours."""
        asset = reference.asset_named(symbol)
        name = asset.exchange if asset is not None else "NYSE"
        return cls(_LETTERS.get(name, "N"), _TAPES.get(name, "B"))


def number(value: int, unit: int) -> int | float:
    """Return a whole number of units as a JSON number: whole where it is, else the nearest there is."""
    whole, rest = divmod(value, unit)
    return value / unit if rest else whole


def trade(at: Any, seq: int, price: int, size: int, *, eligible: bool, listing: Listing) -> Body:
    """Return a print; `at` is as the coding writes an instant."""
    return {
        "t": at,
        "x": listing.exchange,
        "p": number(price, DOLLAR),
        "s": number(size, SHARE),
        "c": _REGULAR if eligible else _OTHER,
        "i": seq,
        "z": listing.tape,
    }


def quote(at: Any, bid: int, bid_size: int, ask: int, ask_size: int, *, listing: Listing) -> Body:
    """Return a quote; a price of 0 says that nobody quotes that side."""
    return {
        "t": at,
        "ax": listing.exchange,
        "ap": number(ask, DOLLAR),
        "as": number(ask_size, SHARE),
        "bx": listing.exchange,
        "bp": number(bid, DOLLAR),
        "bs": number(bid_size, SHARE),
        "c": _FIRM,
        "z": listing.tape,
    }


def trades_of(items: Items, listing: Listing) -> list[Body]:
    """Return prints."""
    columns = (items.at, items.seq, items.price, items.size, items.eligible)
    return [
        trade(rfc3339(at), seq, price, size, eligible=bool(eligible), listing=listing)
        for at, seq, price, size, eligible in zip(*(column.tolist() for column in columns), strict=True)
    ]


def quotes_of(items: Items, listing: Listing) -> list[Body]:
    """Return quotes."""
    columns = (items.at, items.bid, items.bid_size, items.ask, items.ask_size)
    return [
        quote(rfc3339(at), *sides, listing=listing)
        for at, *sides in zip(*(column.tolist() for column in columns), strict=True)
    ]


def bars_of(bars: Bars) -> list[Body]:
    """Return bars."""
    columns = (bars.at, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.turnover, bars.count)
    return [
        bar(rfc3339(at), *rest) for at, *rest in zip(*(column.tolist() for column in columns), strict=True)
    ]


def bar(
    at: Any, opened: int, high: int, low: int, closed: int, volume: float, turnover: float, count: int
) -> Body:
    """Return a bar."""
    return {
        "t": at,
        "o": number(opened, DOLLAR),
        "h": number(high, DOLLAR),
        "l": number(low, DOLLAR),
        "c": number(closed, DOLLAR),
        "v": int(volume) if volume.is_integer() else round(volume, 9),
        "n": count,
        "vw": round(turnover / volume, _VWAP_PLACES) if volume else number(closed, DOLLAR),
    }


def auctions_of(items: Items, on: str, listing: Listing) -> Body:
    """Return a day's official prints."""
    found: dict[int, list[Body]] = {Kind.OPENING_AUCTION: [], Kind.CLOSING_AUCTION: []}
    columns = (items.kind, items.at, items.price, items.size)
    for kind, at, price, size in zip(*(column.tolist() for column in columns), strict=True):
        found[kind].append(
            {
                "t": rfc3339(at),
                "x": listing.exchange,
                "p": number(price, DOLLAR),
                "s": number(size, SHARE),
                "c": _OFFICIAL[Kind(kind)],
            }
        )
    return {"d": on, "o": found[Kind.OPENING_AUCTION], "c": found[Kind.CLOSING_AUCTION]}


def latest_trade(found: Trade, listing: Listing, history: History) -> Body:
    """Return the newest print, by the number that its market's past knows it by."""
    number_of_it = history.print_id(found.at, found.seq)
    return trade(
        rfc3339(found.at), number_of_it, found.price, found.size, eligible=found.eligible, listing=listing
    )


def latest_quote(found: Quote, listing: Listing) -> Body:
    """Return the standing quote."""
    return quote(rfc3339(found.at), found.bid, found.bid_size, found.ask, found.ask_size, listing=listing)
