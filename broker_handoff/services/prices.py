"""What the installation's live market says of a symbol now, for the guards.

A live order is judged by a live feed: only markets of the feeds that `LIVE_FEEDS` names count, and in production
those are Alpaca's, whether such a one is the default market or not. While none is run, nothing is known, and the
guards refuse.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings

from broker_handoff.terms import Market
from matching.engine.types import DOLLAR, Session
from matching.market import latest, rows
from matching.market.errors import MarketError
from matching.market.times import SECOND, to_ns
from trading import reference

if TYPE_CHECKING:
    from matching.market.latest import Latest

FRESH_NS = 120 * SECOND
UNKNOWN = Market(price=None, is_open=False, is_extended=False)


def market_of(symbol: str) -> Market:
    """Return the market's price of a symbol and which session it is in. A halted symbol has no price."""
    try:
        market_id = _live_market_of(symbol)
        if market_id is None:
            return UNKNOWN
        now = to_ns(reference.market_now(market_id))
        session = reference.calendar_of(market_id).session_at(now)
    except MarketError:  # a calendar that has ended
        return UNKNOWN
    known = latest.latest_many(market_id, [symbol]).get(symbol)
    return Market(
        price=None if known is None or known.is_halted else price_of(known, now),
        is_open=session is Session.REGULAR,
        is_extended=session in {Session.PRE, Session.POST},
    )


def _live_market_of(symbol: str) -> int | None:
    """Return the live market that is run and carries the symbol; else one that tells the session; None without any."""
    states = [rows.market_state(market_id) for market_id in rows.active_market_ids()]
    live = [state.market_id for state in states if state.clock.feed in settings.LIVE_FEEDS]
    carrying = [each for each in live if symbol in reference.market_terms(each).symbols]
    return next(iter(carrying or live), None)


def price_of(known: Latest, now: int) -> Decimal | None:
    """Return the middle of the quote, else the last print, in dollars; None where neither is two minutes young."""
    quote, trade = known.quote, known.trade
    if quote is not None and now - quote.at <= FRESH_NS and 0 < quote.bid <= quote.ask:
        return Decimal(quote.bid + quote.ask) / (2 * DOLLAR)
    if trade is not None and now - trade.at <= FRESH_NS and trade.price:
        return Decimal(trade.price) / DOLLAR
    return None
