"""What somebody meets first: the market, and a few of its symbols, familiar ones before others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trading import reference
from trading.services.market_choice import markets_for
from trading.services.running_markets import running_markets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matching.models import Market

# Broad ones first: a fund of many companies, then companies that most people have heard of.
FAMILIAR = ("SPY", "QQQ", "AAPL", "MSFT", "NVDA", "AMZN", "IBM", "TSLA", "JPM", "GOOG", "META", "BAC")
SHOWN = 6


def starters(symbols: Iterable[str], most: int = SHOWN) -> tuple[str, ...]:
    """Return at most so many of a market's symbols, in an order that is always the same."""
    known = frozenset(symbols)
    familiar = [symbol for symbol in FAMILIAR if symbol in known]
    return tuple([*familiar, *sorted(known.difference(FAMILIAR))][:most])


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A market in which a new account can be opened, as it is called where one chooses."""

    name: str
    title: str
    symbols: tuple[str, ...]


def choices_for(tier: str) -> list[Choice]:
    """Return the markets that people of a tier may choose, the one of who names none first."""
    return [
        Choice(name=market.name, title=market.title, symbols=starters_of(market))
        for market in markets_for(tier)
    ]


def default_market() -> Market | None:
    """Return the market that somebody meets first, None while none is run."""
    return next(iter(running_markets()), None)


def starters_of(market: Market) -> tuple[str, ...]:
    """Return the symbols of a market that somebody meets first."""
    return starters(reference.market_terms(market.pk).symbols)
