"""The latest quote and print of each symbol: kept by the hub, read by everybody else.

A hash on Valkey, symbol -> MessagePack (quote, print, previous close, is halted), where quote is (seq,
at, bid, bid size, ask, ask size) and print is (seq, at, price, size), each null before the first.
Only eligible prints count as the latest one. Units are those of `matching.engine.types`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from matching.engine.types import Kind, Quote, Session, Trade
from matching.market import keys
from matching.market.valkey import DOWN, READ_TIMEOUT, connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import redis

    from matching.engine.types import Chunk, Items

log = logging.getLogger(__name__)

_QuoteWire = tuple[int, int, int, int, int, int]
_TradeWire = tuple[int, int, int, int]


class _Wire(msgspec.Struct, array_like=True):
    """One symbol's field. What an older hub has written lacks the later members."""

    quote: _QuoteWire | None
    trade: _TradeWire | None
    previous_close: int
    is_halted: bool = False


_decoder = msgspec.msgpack.Decoder(_Wire)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """What is known of one symbol now; `previous_close` is the last price of the day before, 0 unknown."""

    quote: Quote | None = None
    trade: Trade | None = None
    previous_close: int = 0
    is_halted: bool = False


def encode(latest: Latest) -> bytes:
    """Return the value of one symbol's field."""
    quote, trade = latest.quote, latest.trade
    return msgspec.msgpack.encode(
        (
            quote and (quote.seq, quote.at, quote.bid, quote.bid_size, quote.ask, quote.ask_size),
            trade and (trade.seq, trade.at, trade.price, trade.size),
            latest.previous_close,
            latest.is_halted,
        )
    )


def decode(data: bytes) -> Latest:
    """Return the value of one symbol's field."""
    wire = _decoder.decode(data)
    return Latest(
        quote=wire.quote and _quote(*wire.quote),
        trade=wire.trade and _trade(*wire.trade),
        previous_close=wire.previous_close,
        is_halted=wire.is_halted,
    )


def _quote(seq: int, at: int, bid: int, bid_size: int, ask: int, ask_size: int) -> Quote:
    return Quote(seq=seq, at=at, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size)


def _trade(seq: int, at: int, price: int, size: int) -> Trade:
    return Trade(seq=seq, at=at, price=price, size=size)


class LatestBook:
    """The hub's own copy: what Valkey should hold, so that it can be written again at any time."""

    def __init__(self) -> None:
        self.symbols: dict[str, Latest] = {}
        self._session = Session.CLOSED

    def apply(self, chunk: Chunk) -> list[str]:
        """Take in a chunk and return the symbols that changed, in the chunk's order."""
        changed: dict[str, None] = {}
        if chunk.session is not None:
            begins_day = self._session is Session.CLOSED and chunk.session.session is not Session.CLOSED
            self._session = chunk.session.session
            if begins_day:
                changed.update(dict.fromkeys(self._begin_day()))
        for symbol, items in chunk.items.items():
            self.symbols[symbol] = _after(self.symbols.get(symbol, Latest()), items)
            changed[symbol] = None
        return list(changed)

    def put_back(self, symbols: dict[str, Latest], session: Session) -> None:
        """Begin from what an earlier hub had published."""
        self.symbols = dict(symbols)
        self._session = session

    def _begin_day(self) -> Iterable[str]:
        for symbol, latest in self.symbols.items():
            if latest.trade is not None:
                self.symbols[symbol] = replace(latest, previous_close=latest.trade.price)
        return list(self.symbols)


def _after(latest: Latest, items: Items) -> Latest:
    quotes = (items.kind == Kind.QUOTE).nonzero()[0]
    prints = ((items.kind == Kind.TRADE) & (items.eligible == 1)).nonzero()[0]
    halts = ((items.kind == Kind.HALT) | (items.kind == Kind.RESUME)).nonzero()[0]
    if len(quotes):
        row = quotes[-1]
        quote = Quote(
            seq=int(items.seq[row]),
            at=int(items.at[row]),
            bid=int(items.bid[row]),
            bid_size=int(items.bid_size[row]),
            ask=int(items.ask[row]),
            ask_size=int(items.ask_size[row]),
        )
        latest = replace(latest, quote=quote)
    if len(prints):
        row = prints[-1]
        trade = Trade(
            seq=int(items.seq[row]),
            at=int(items.at[row]),
            price=int(items.price[row]),
            size=int(items.size[row]),
        )
        latest = replace(latest, trade=trade)
    if len(halts):
        latest = replace(latest, is_halted=int(items.kind[halts[-1]]) == Kind.HALT)
    return latest


class LatestReader:
    """Reads the hash through one long-lived client. Valkey away reads as "unknown", and is said once."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._is_down = False

    def many(self, market_id: int, symbols: Sequence[str]) -> dict[str, Latest]:
        """Return what is known of these symbols in one round trip; unknown ones are left out."""
        if not symbols:
            return {}
        try:
            values: list[Any] = self._client.hmget(keys.latest(market_id), list(symbols))
        except DOWN as error:
            if not self._is_down:
                log.warning("Valkey does not answer (%s): latest quotes are unknown until it does", error)
            self._is_down = True
            return {}
        if self._is_down:
            log.info("Valkey answers again")
        self._is_down = False
        return {
            symbol: decode(value) for symbol, value in zip(symbols, values, strict=True) if value is not None
        }


@cache
def reader() -> LatestReader:
    """Return this process's reader, on the Valkey of the settings."""
    from django.conf import settings

    return LatestReader(connect(settings.REDIS_URL, timeout=READ_TIMEOUT))


def latest_many(market_id: int, symbols: Sequence[str]) -> dict[str, Latest]:
    """Return what is known of many symbols in one round trip; unknown ones are left out."""
    return reader().many(market_id, symbols)
