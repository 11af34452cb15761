"""One look at a market: its time and session, and the newest prices as one tier may see them.

Asked in the thread of `Past`: it reads the database, and a market's past where prices are delayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from matching.engine.types import DOLLAR, SHARE, Session
from matching.market.errors import MarketError
from matching.market.times import rfc3339, to_ns
from matching.models import Market
from trading import reference
from trading.marketdata import markets, newest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.market.latest import Latest
    from trading.marketdata.entitlement import Entitlement

_SESSIONS = {Session.REGULAR: "regular", Session.CLOSED: "closed"}
_PRICE_PLACES = len(str(DOLLAR)) - 1
_SIZE_PLACES = len(str(SHARE)) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """How a market stands at `at`, nanoseconds of its time."""

    at: int
    session: str  # regular, extended, closed
    is_open: bool
    is_tape: bool
    is_paused: bool
    speed: str  # market seconds a second; empty is as fast as it can

    @property
    def is_playing(self) -> bool:
        return self.is_tape and not self.is_paused

    def is_as(self, other: MarketState) -> bool:
        """Say whether nothing differs but the time."""
        return msgspec.structs.astuple(_told(self))[1:] == msgspec.structs.astuple(_told(other))[1:]

    def encoded(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode(_told(self))


class _Told(msgspec.Struct):
    at: str
    session: str
    is_open: bool
    is_tape: bool
    paused: bool
    speed: str


class Look(NamedTuple):
    """A market, and the prices of its symbols as JSON; a symbol of which nothing may be seen is left out."""

    market: MarketState
    prices: dict[str, bytes]


def look_at(market_id: int, rights: Entitlement, symbols: Sequence[str]) -> Look:
    """Look at a market with a tier's rights. Raises Market.DoesNotExist."""
    market = market_state(market_id)
    if not symbols:
        return Look(market, {})
    try:
        known = newest.latest_of(markets.view(market_id), symbols, rights)
    except MarketError:  # its past cannot be read: its time goes on
        return Look(market, {})
    return Look(market, {symbol: price_of(latest) for symbol, latest in known.items()})


def market_state(market_id: int) -> MarketState:
    """Read how a market stands. Raises Market.DoesNotExist."""
    row = Market.objects.only("feed", "paused", "speed").get(pk=market_id)
    at = to_ns(reference.market_now(market_id))
    session = reference.calendar_of(market_id).session_at(at)
    return MarketState(
        at=at,
        session=_SESSIONS.get(session, "extended"),
        is_open=session is Session.REGULAR,
        is_tape=row.feed == Market.FeedKind.REPLAY,
        is_paused=row.paused,
        speed="" if row.speed is None else f"{row.speed.normalize():f}",
    )


def price_of(latest: Latest) -> bytes:
    """Return quote and last print as JSON: dollars and shares as strings, `at` the newer one's instant."""
    told: dict[str, str] = {}
    instants = []
    if (quote := latest.quote) is not None:
        told |= {"bid": _plain(quote.bid, _PRICE_PLACES, 2), "ask": _plain(quote.ask, _PRICE_PLACES, 2)}
        told |= {
            "bid_size": _plain(quote.bid_size, _SIZE_PLACES),
            "ask_size": _plain(quote.ask_size, _SIZE_PLACES),
        }
        instants.append(quote.at)
    if (trade := latest.trade) is not None:
        told["last"] = _plain(trade.price, _PRICE_PLACES, 2)
        instants.append(trade.at)
    if latest.previous_close:
        told["previous_close"] = _plain(latest.previous_close, _PRICE_PLACES, 2)
    if instants:
        told["at"] = rfc3339(max(instants))
    return msgspec.json.encode(told)


def _told(state: MarketState) -> _Told:
    return _Told(
        at=rfc3339(state.at),
        session=state.session,
        is_open=state.is_open,
        is_tape=state.is_tape,
        paused=state.is_paused,
        speed=state.speed,
    )


def _plain(units: int, places: int, places_min: int = 0) -> str:
    """Return a whole number of the smallest units as a plain decimal."""
    whole, part = divmod(units, 10**places)
    digits = f"{part:0{places}d}".rstrip("0").ljust(places_min, "0")
    return f"{whole}.{digits}" if digits else str(whole)
