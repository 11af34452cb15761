"""From a market's row to its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.market.clock import REPLAY, SYNTHETIC
from matching.market.feeds import TapeConfig, synthetic_market
from matching.market.recorded_history import RecordedHistory
from matching.market.synthetic_history import SyntheticHistory
from matching.market.tape_history import TapeHistory

if TYPE_CHECKING:
    import redis

    from matching.market.calendar import Calendar
    from matching.market.history import History
    from matching.market.rows import MarketState


def open_history(market: MarketState, client: redis.Redis, calendar: Calendar) -> History:
    """Return what a market has shown; `calendar` is the whole one, for archives are old. Raises MarketError."""
    if market.clock.feed == REPLAY:
        return TapeHistory(TapeConfig.of(market.config), calendar)
    if market.clock.feed == SYNTHETIC:
        return SyntheticHistory(synthetic_market(market.config), calendar, client)
    return RecordedHistory(client, market.market_id, calendar)
