"""What a caller may see of the market now.

Every path that shows one person the market beside their own orders reads it here: whoever is to see it
later than others is given it later by this function alone.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from matching.market.errors import MarketError
from matching.market.latest import Latest, latest_many
from trading.marketdata import entitlement, markets, newest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.errors import TradingError
    from trading.principal import Principal

logger = logging.getLogger(__name__)


_PRICES = frozenset({"market_price", "base_price"})  # of a refusal, where it compares with the market


def as_told(principal: Principal, refusal: TradingError) -> TradingError:
    """Return a refusal as its caller may read it: who sees the market late is not told what it is at now.

    That is neither its price, nor a figure in which the price stands: an order that is refused costs
    nothing, so that whoever may ask for its cost could ask all day long.
    """
    if entitlement.of_tier(principal.tier).delay:
        hidden = _PRICES | refusal.of_market
        refusal.context = {name: value for name, value in refusal.context.items() if name not in hidden}
    return refusal


def latest_seen(principal: Principal, symbols: Sequence[str]) -> dict[str, Latest]:
    """Return the latest quote and print of each symbol that the caller may see; unknown ones are left out.

    Where the market's past cannot be read, nothing is known to those who see it later than others, but
    for the close before today, which nobody sees too early.
    """
    rights = entitlement.of_tier(principal.tier)
    now = latest_many(principal.market_id, symbols)
    if not rights.delay:
        return now
    try:
        seen = newest.latest_of(markets.view(principal.market_id), symbols, rights)
    except MarketError as error:
        logger.warning("the past of market %s cannot be read: %s", principal.market_id, error)
        seen = {}
    closes = {symbol: known.previous_close for symbol, known in now.items() if known.previous_close}
    return {
        symbol: replace(seen.get(symbol, Latest()), previous_close=closes.get(symbol, 0))
        for symbol in sorted(seen.keys() | closes.keys())
    }
