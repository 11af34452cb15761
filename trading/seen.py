"""What a caller may see of the market now.

Every path that shows one person the market beside their own orders reads it here: whoever is to see it
later than others is given it later by this function alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from matching.market.errors import MarketError
from matching.market.latest import Latest, latest_many
from trading.marketdata import entitlement, markets, newest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.principal import Principal

logger = logging.getLogger(__name__)


def latest_seen(principal: Principal, symbols: Sequence[str]) -> dict[str, Latest]:
    """Return the latest quote and print of each symbol that the caller may see; unknown ones are left out.

    Where the market's past cannot be read, nothing is known to those who see it later than others.
    """
    rights = entitlement.of_tier(principal.tier)
    if not rights.delay:
        return latest_many(principal.market_id, symbols)
    try:
        return newest.latest_of(markets.view(principal.market_id), symbols, rights)
    except MarketError as error:
        logger.warning("the past of market %s cannot be read: %s", principal.market_id, error)
        return {}
