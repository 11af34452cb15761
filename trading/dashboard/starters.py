"""Which symbols somebody meets first: a few of the market's, familiar ones before others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.models import Market
from trading import reference

if TYPE_CHECKING:
    from collections.abc import Iterable

# Broad ones first: a fund of many companies, then companies that most people have heard of.
FAMILIAR = ("SPY", "QQQ", "AAPL", "MSFT", "NVDA", "AMZN", "IBM", "TSLA", "JPM", "GOOG", "META", "BAC")
SHOWN = 6


def starters(symbols: Iterable[str], most: int = SHOWN) -> tuple[str, ...]:
    """Return at most so many of a market's symbols, in an order that is always the same."""
    known = frozenset(symbols)
    familiar = [symbol for symbol in FAMILIAR if symbol in known]
    return tuple([*familiar, *sorted(known.difference(FAMILIAR))][:most])


def active_market() -> Market | None:
    """Return the market of this installation, None before one was chosen."""
    return Market.objects.filter(is_active=True).first()


def starters_of(market: Market) -> tuple[str, ...]:
    """Return the symbols of a market that somebody meets first."""
    return starters(reference.market_terms(market.pk).symbols)
