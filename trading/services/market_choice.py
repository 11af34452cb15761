"""In which market a new account is opened: what there is to choose from, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.tiers import allowance
from matching.market import rows
from matching.models import Market
from trading.errors import RuleBroken
from trading.services.running_markets import market_named, running_markets

if TYPE_CHECKING:
    from collections.abc import Sequence


def markets_for(tier: str) -> list[Market]:
    """Return the markets in which people of a tier may open accounts, the default one first."""
    running = running_markets()
    return [market for market in running if _may_open_in(tier, market, running)]


def market_for(name: str | None) -> Market:
    """Return the running market of this name or number, without one the default one.

    Raises ValueInvalid, which names those that there are; FeedUnavailable when none is run.
    """
    if name is None or not name.strip():
        return Market.objects.get(pk=rows.default_market_id())
    return market_named(name.strip(), among=running_markets())


def require_market_for(tier: str, market: Market) -> None:
    """Raise RuleBroken for a market that nobody runs, and for one that the tier has no accounts in."""
    running = running_markets()
    if market not in running:
        raise RuleBroken(f"market {market.name} is closed")
    if not _may_open_in(tier, market, running):
        raise RuleBroken("your tier has no replay markets of its own")


def _may_open_in(tier: str, market: Market, running: Sequence[Market]) -> bool:
    """Say whether the tier has accounts in this one: a replay beside the installation's own is for some alone."""
    is_beside = market.feed == Market.FeedKind.REPLAY and market != running[0]
    return not is_beside or allowance(tier).replay_markets
