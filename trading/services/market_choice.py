"""In which market a new account is opened: what there is to choose from, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.tiers import allowance
from matching.models import Market
from trading.errors import RuleBroken
from trading.services.running_markets import default_market, market_named, running_markets

if TYPE_CHECKING:
    from collections.abc import Sequence


def markets_for(tier: str) -> list[Market]:
    """Return the markets in which people of a tier may open accounts, the default one first."""
    running = running_markets()
    return [market for market in running if _may_open_in(tier, market, running)]


def market_for(tier: str, name: str | None) -> Market:
    """Return the running market of this name or number, without one the default one.

    Raises ValueInvalid, which names those that the tier may choose; FeedUnavailable when none is run.
    """
    text = (name or "").strip()
    if not text:
        return default_market()
    known = [market for market in running_markets() if text in {market.name, str(market.pk)}]
    return known[0] if known else market_named(text, among=markets_for(tier))


def require_market_for(tier: str, market: Market) -> None:
    """Raise RuleBroken for a market that nobody runs, and for one that the tier has no accounts in."""
    running = running_markets()
    if market not in running:
        raise RuleBroken(f"market {market} is closed")
    if not _may_open_in(tier, market, running):
        raise RuleBroken("your tier has no replay markets of its own")


def _may_open_in(tier: str, market: Market, running: Sequence[Market]) -> bool:
    """Say whether the tier has accounts in this one: a replay beside the installation's own is for some alone."""
    is_beside = market.feed == Market.FeedKind.REPLAY and market != running[0]
    return not is_beside or allowance(tier).replay_markets
